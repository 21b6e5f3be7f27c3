//! A day on each kind of site: what the tracker reads there, and its tables before and after, as
//! they are written down in `expected/`.

use crate::common::http::Connection;
use crate::common::{Tracker, V4, V6, bencode};
use crate::place::Place;
use crate::presets::{ALL, Preset, Tables};
use crate::suite::open;
use chihaya::model::{PeerId, TorrentId, Transfer, UnixTime, UserId};
use chihaya::storage::{
    Change, Commit, EventKind, EventRow, HistoryDelta, PeerRow, SessionKey, Storage, StorageError,
    TorrentDelta, TorrentStatus, UserDelta,
};
use std::fmt::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The evening before that day.
const MORNING: u32 = 1_700_000_000;
/// A user and a torrent that were deleted meanwhile.
const NOBODY: u64 = 99;

fn bytes(uploaded: u64, downloaded: u64) -> Transfer {
    Transfer {
        uploaded,
        downloaded,
    }
}

fn session(user: u64, torrent: u64, letter: u8) -> SessionKey {
    let mut peer_id = *b"-XX0001-............";
    peer_id[8..].fill(letter);
    SessionKey {
        user: UserId(user),
        torrent: TorrentId(torrent),
        peer_id: PeerId(peer_id),
    }
}

fn peer(key: SessionKey, ip: &str, hour: u32) -> PeerRow {
    let ip = match ip.parse().expect("an address") {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    PeerRow {
        key,
        ip: ip.octets(),
        port: 6881,
        totals: bytes(100, 50),
        left: 950,
        seeder: false,
        active: true,
        agent: "qB/5 ' \\ \"; DROP é".into(),
        started: UnixTime(MORNING),
        last: UnixTime(MORNING + hour * 3600),
        announces: u64::from(hour) + 1,
        rates: bytes(10, 5),
    }
}

fn user(user: u64, credited: Transfer, raw: Transfer) -> UserDelta {
    UserDelta {
        user: UserId(user),
        credited,
        raw,
    }
}

fn torrent(torrent: u64, seeders: u32, leechers: u32, hour: u32) -> TorrentDelta {
    TorrentDelta {
        torrent: TorrentId(torrent),
        seeders,
        leechers,
        last_seeded: UnixTime(match seeders {
            0 => 0,
            _ => MORNING + hour * 3600,
        }),
        ..TorrentDelta::default()
    }
}

fn history(key: SessionKey, hour: u32) -> HistoryDelta {
    HistoryDelta {
        user: key.user,
        torrent: key.torrent,
        credited: bytes(100, 25),
        raw: bytes(100, 50),
        leech_seconds: 1800,
        announces: 1,
        started: UnixTime(MORNING),
        last: UnixTime(MORNING + hour * 3600),
        active: true,
        left: 950,
        client: bytes(100, 50),
        agent: "qB/5 ' \\ \"; DROP é".into(),
        ..HistoryDelta::default()
    }
}

/// Alice downloads the first torrent, and Bob, who hides, seeds the second by IPv6.
fn first_hour() -> Commit {
    let (alice, bob) = (session(1, 1, b'a'), session(2, 2, b'b'));
    let seeds = |mut row: PeerRow| {
        (row.left, row.seeder) = (0, true);
        row
    };
    let mut of_bob = seeds(peer(bob, "2001:db8::1", 1));
    of_bob.agent = "".into();
    let hidden = PeerRow {
        ip: [0; 16],
        ..seeds(peer(session(2, 3, b'b'), "2001:db8::1", 1))
    };
    let mut seeding = history(bob, 1);
    (seeding.left, seeding.seeder, seeding.leech_seconds) = (0, true, 0);
    seeding.seed_seconds = 3600;
    Commit {
        from: 0,
        to: 100,
        users: vec![
            user(1, bytes(100, 25), bytes(100, 50)),
            user(2, bytes(400, 0), bytes(200, 100)),
        ],
        history: vec![history(alice, 1), seeding],
        torrents: vec![torrent(1, 0, 1, 1), torrent(2, 1, 0, 1)],
        peers: vec![peer(alice, "192.0.2.1", 1), of_bob, hidden],
        ..Commit::default()
    }
}

/// Alice has finished, by way of a token; Bob's second session is forgotten.
fn second_hour() -> Commit {
    let alice = session(1, 1, b'a');
    let mut row = peer(alice, "192.0.2.111", 2);
    (row.left, row.seeder, row.port) = (0, true, u16::MAX);
    (row.totals, row.rates) = (bytes(5_000_000_000, 1_000), bytes(4_000_000_000, 7));
    let mut finished = history(alice, 2);
    (finished.left, finished.seeder, finished.snatches) = (0, true, 1);
    finished.completed = Some(UnixTime(MORNING + 6000));
    (finished.raw, finished.credited) = (bytes(4_999_999_900, 950), bytes(4_999_999_900, 475));
    (finished.seed_seconds, finished.leech_seconds) = (1200, 2400);
    finished.client = bytes(5_000_000_000, 1_000);
    let event = |kind, amount| EventRow {
        kind,
        key: alice,
        time: UnixTime(MORNING + 6000),
        ip: row.ip,
        amount,
    };
    let events = vec![
        event(EventKind::Completed, 1),
        EventRow {
            key: session(1, 4, b'a'),
            ..event(EventKind::TokenUsed, 950)
        },
        event(EventKind::ImplausibleSpeed, 4_000_000_000),
    ];
    Commit {
        from: 100,
        to: 200,
        users: vec![user(
            1,
            bytes(4_999_999_900, 475),
            bytes(4_999_999_900, 950),
        )],
        history: vec![finished],
        torrents: vec![TorrentDelta {
            snatches: 1,
            balance: 4_999_998_950,
            ..torrent(1, 1, 0, 2)
        }],
        peers: vec![row],
        forgotten: vec![session(2, 3, b'b')],
        events,
    }
}

/// Bob stops; the rest is of a user and a torrent that are gone.
fn third_hour() -> Commit {
    let bob = session(2, 2, b'b');
    let mut row = peer(bob, "2001:db8::1", 3);
    (row.left, row.seeder, row.active) = (0, true, false);
    let mut stopped = history(bob, 3);
    (stopped.left, stopped.active, stopped.leech_seconds) = (0, false, 0);
    stopped.seed_seconds = 7200;
    Commit {
        from: 200,
        to: 300,
        users: vec![
            user(2, bytes(0, 7), bytes(0, 7)),
            user(NOBODY, bytes(1, 1), bytes(1, 1)),
        ],
        history: vec![stopped],
        torrents: vec![torrent(2, 0, 0, 3), torrent(NOBODY, 0, 0, 3)],
        peers: vec![row],
        ..Commit::default()
    }
}

/// Writes a batch, without those rows that are refused.
fn written(storage: &mut dyn Storage, mut batch: Commit) -> String {
    let mut refused = String::new();
    loop {
        match storage.commit("day", &batch) {
            Ok(()) => return refused,
            Err(StorageError::Rows(mut rows)) => {
                rows.sort_by_key(|row| std::cmp::Reverse(row.place));
                for row in rows {
                    let values = batch.take(row.table, row.place).expect("a row");
                    let key = (&values["user"], &values["torrent"]);
                    writeln!(refused, "{:?} {} {}", row.table, key.0, key.1).expect("told");
                }
            }
            Err(err) => panic!("{err}"),
        }
    }
}

/// What a tracker loads, a line each.
fn loaded(storage: &mut dyn Storage) -> String {
    let mut lines = Vec::new();
    let mut show = |change| {
        lines.push(match change {
            Change::User(user) => format!(
                "user {} {} enabled {} can_leech {} hide_ip {} slots {:?} percents {} {}",
                user.id.0,
                String::from_utf8_lossy(user.passkey.as_bytes()),
                user.enabled,
                user.can_leech,
                user.hide_ip,
                user.slots,
                user.multipliers.up_percent,
                user.multipliers.down_percent,
            ),
            Change::Torrent(torrent) => format!(
                "torrent {} {} {} percents {} {} snatches {}",
                torrent.id.0,
                String::from_utf8_lossy(&torrent.info_hash.0),
                match torrent.status {
                    TorrentStatus::Registered => "registered",
                    TorrentStatus::Unapproved => "unapproved",
                    TorrentStatus::Deleted(_) => "deleted",
                },
                torrent.multipliers.up_percent,
                torrent.multipliers.down_percent,
                torrent.snatches,
            ),
            change => format!("{change:?}"),
        });
    };
    storage.load(None, &mut show).expect("a load");
    lines.sort();
    lines.join("\n")
}

/// What was expected of a day, or the place of what was found instead.
fn compare(name: &str, found: &str) {
    let expected = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/storage_servers/expected")
        .join(format!("{name}.txt"));
    let text = std::fs::read_to_string(&expected).unwrap_or_default();
    if text == found {
        return;
    }
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.txt"));
    std::fs::write(&place, found).expect("written");
    let mut lines = text.lines().zip(found.lines());
    let line = lines.find(|(expected, found)| expected != found);
    panic!(
        "{} is not as expected: {line:?}; found: {}",
        name,
        place.display()
    );
}

/// Runs a test on a site of each kind, with its rows.
fn on_each(name: &str, test: impl Fn(&Preset, &mut Tables, serde_json::Value)) {
    for preset in ALL {
        let database = format!("{name}_{}", preset.name.replace('-', "_"));
        let Some(place) = Place::new(preset.dialect, &database) else {
            continue;
        };
        let mut tables = Tables::new(preset, &place);
        // The tracker's own are made by the one who opens it first.
        drop(open(&place.settings(preset.name)));
        tables.put_rows();
        println!("{} {:?}", preset.name, preset.dialect);
        test(preset, &mut tables, place.settings(preset.name));
    }
}

#[test]
fn a_day_in_batches() {
    on_each("batches", |preset, tables, settings| {
        let mut told = format!("before:\n{}", tables.dump(None));
        let mut storage = open(&settings);
        writeln!(told, "\nloaded:\n{}", loaded(&mut *storage)).expect("told");
        for hour in [first_hour(), second_hour(), third_hour()] {
            told += &format!("\nrefused:\n{}", written(&mut *storage, hour));
        }
        writeln!(told, "\nafter:\n{}", tables.dump(None)).expect("told");
        compare(&format!("{}-batches", preset.name), &told);
    });
}

/// What a client says of itself.
struct Says {
    user: u64,
    torrent: u64,
    letter: char,
    moved: [u64; 2],
    left: u64,
    event: &'static str,
    family: usize,
}

/// Alice downloads and finishes, Bob seeds by IPv6 and stops, Carol may not download, the fourth
/// may not be there at all; the fourth torrent is not there everywhere.
fn announces() -> Vec<Says> {
    let says = |user, torrent, letter, moved, left, event, family| Says {
        user,
        torrent,
        letter,
        moved,
        left,
        event,
        family,
    };
    vec![
        says(1, 1, 'a', [0, 0], 1000, "started", V4),
        says(2, 2, 'b', [0, 0], 0, "started", V6),
        says(3, 1, 'c', [0, 0], 1000, "started", V4),
        says(3, 3, 'c', [0, 0], 0, "started", V4),
        says(4, 1, 'd', [0, 0], 0, "started", V4),
        says(1, 4, 'a', [0, 0], 500, "started", V4),
        says(1, 1, 'a', [100, 600], 400, "", V4),
        says(2, 2, 'b', [5000, 0], 0, "", V6),
        says(1, 4, 'a', [0, 500], 0, "completed", V4),
        says(1, 1, 'a', [300, 1000], 0, "completed", V4),
        says(3, 3, 'c', [70, 0], 0, "", V4),
        says(2, 2, 'b', [6000, 0], 0, "stopped", V6),
    ]
}

fn announce(connection: &mut Connection, says: &Says) -> String {
    let Says {
        user,
        torrent,
        letter,
        moved: [up, down],
        left,
        event,
        ..
    } = says;
    let peer_id = format!("-XX0001-{}", letter.to_string().repeat(12));
    connection.send(format!(
        "GET /{user:032}/announce?info_hash=torrent-{torrent:012}&peer_id={peer_id}&port=6881&\
         uploaded={up}&downloaded={down}&left={left}&event={event}&compact=1 HTTP/1.1\r\n\
         Host: tracker\r\nUser-Agent: Test/1.0\r\n\r\n"
    ));
    let answer = bencode::parse(&connection.answer().body);
    let refused = answer
        .get("failure reason")
        .map(|text| text.text().to_owned());
    let answer = refused.unwrap_or_else(|| "answered".to_owned());
    format!("user {user}, torrent {torrent}, {event:9}: {answer}")
}

#[test]
fn a_day_by_sockets() {
    on_each("sockets", |preset, tables, mut settings| {
        let name = format!("{}-sockets", preset.name);
        let folder = format!("{name}-{:?}", preset.dialect);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(folder);
        let _ = std::fs::remove_dir_all(&folder);
        settings["journal"] = serde_json::json!({"path": folder.join("journal")});
        let began = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let began = u32::try_from(began.expect("after 1970").as_secs()).expect("before 2106");
        let tracker = Tracker::start(&settings.to_string());
        let mut connections = [V4, V6].map(|family| Connection::open(tracker.http[family]));
        let mut told = String::new();
        for says in announces() {
            let line = announce(&mut connections[says.family], &says);
            writeln!(told, "{line}").expect("told");
        }
        drop(connections);
        tracker.stop();
        writeln!(told, "\nafter:\n{}", tables.dump(Some(began))).expect("told");
        compare(&name, &told);
    });
}
