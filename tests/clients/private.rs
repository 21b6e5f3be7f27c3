//! The same on a private tracker: every client is a user's, with the passkey in its announce URL,
//! and has addresses of both families.

use super::files::text;
use super::namespace::Fallible;
use super::pair::{Pair, Role, create_pairs};
use super::programs::Client;
use super::setup::{can_run, config_text, new_folder, wait_until};
use super::transport::{IPV4, IPV6, PORT, Transport};
use super::{Outcomes, Run, Running};
use chihaya::model::{InfoHash, Passkey};
use chihaya::storage::{Directory, Edit, Sqlite, TorrentEdit, TorrentName, UserEdit, UserName};
use rusqlite::Connection;
use std::path::Path;
use std::time::{Duration, Instant};

/// Clients tell the tracker before they end, and the tracker its database.
const END_BOUND: Duration = Duration::from_secs(30);
/// The user who scrapes, as in a URL.
const WATCHER: &str = "/watcher";

/// A transport, and who takes part over it.
type Scene = (Transport, fn(&Client) -> bool);

/// Transmission 3.00 puts nothing of the URL into UDP announces (BEP 41), so that no private
/// tracker knows whose they are.
static SCENES: [Scene; 2] = [
    (
        Transport {
            name: "http",
            scheme: "http",
            families: &[&IPV4, &IPV6],
            first_host: 10,
        },
        |client| client.moved.is_some(),
    ),
    (
        Transport {
            name: "udp",
            scheme: "udp",
            families: &[&IPV4, &IPV6],
            first_host: 30,
        },
        |client| client.name == "libtorrent",
    ),
];

#[test]
fn real_clients_are_credited_with_what_they_have_moved() {
    if !can_run() {
        return;
    }
    let (run, outcomes) = check().unwrap_or_else(|err| panic!("{err}"));
    run.tell(outcomes);
}

fn check() -> Fallible<(Run, Outcomes)> {
    let folder = new_folder("private")?;
    let database = folder.join("site.db");
    let mut pairs = Vec::new();
    for (transport, takes_part) in &SCENES {
        let place = |role, client: &Client| {
            let passkey = passkey(transport, role, client.name);
            format!(":{PORT}/{passkey}")
        };
        pairs.push(create_pairs(&folder, transport, takes_part, place)?);
    }
    register(&database, pairs.iter().flatten())?;
    let sections = format!(
        r#", "tracker": "private", "storage": {{"path": {:?}, "flush_interval": 1}},
            "journal": {{"path": {:?}}}, "log": {{"level": "debug"}}"#,
        text(&database),
        text(&folder.join("journal"))
    );
    let config = config_text(PORT, &sections);
    let mut run = Run::start("site", folder, &config, WATCHER)?;
    let mut outcomes = Vec::new();
    let mut told = Vec::new();
    for pairs in &pairs {
        let shared = run.share(pairs)?;
        outcomes.extend(shared.outcomes);
        // Who downloads leaves first, so that nothing is moved after a seeder has told its totals.
        for (role, clients) in [
            (Role::Leecher, shared.leechers),
            (Role::Seeder, shared.seeders),
        ] {
            for client in clients {
                let user = passkey(pairs[0].transport, role, client.client.name);
                let own: Vec<_> = pairs
                    .iter()
                    .filter(|pair| pair.client(role) == client.client.name)
                    .collect();
                let bytes: usize = own.iter().map(|pair| pair.content.len()).sum();
                let moved = end(client, &database, &user, own.len());
                told.push((user, role, bytes as u64, moved));
            }
        }
    }
    run.end_trackers(END_BOUND)?;
    let db = Connection::open(&database).map_err(|err| err.to_string())?;
    for (user, role, bytes, moved) in told {
        let credited = moved.and_then(|moved| credited(&db, &user, role, bytes, moved));
        outcomes.push((format!("credit of {user}"), credited));
    }
    for pair in pairs.iter().flatten() {
        outcomes.push((
            format!("snatch of {}", pair.name()),
            snatched_once(&db, pair),
        ));
    }
    Ok((run, outcomes))
}

fn passkey(transport: &Transport, role: Role, client: &str) -> String {
    format!("{}-{role:?}-{client}", transport.name).to_lowercase()
}

/// Registers all torrents, and a user for each client of each role.
fn register<'p>(database: &Path, pairs: impl Iterator<Item = &'p Pair>) -> Fallible<()> {
    let told = |err| format!("{}: {err}", database.display());
    let mut site = Sqlite::open(database).map_err(told)?;
    let mut users = vec![WATCHER[1..].to_owned()];
    let mut edits = Vec::new();
    for pair in pairs {
        for role in [Role::Seeder, Role::Leecher] {
            users.push(passkey(pair.transport, role, pair.client(role)));
        }
        let mut info_hash = [0; 20];
        for (byte, place) in info_hash.iter_mut().zip((0..).step_by(2)) {
            let digits = pair.info_hash.get(place..place + 2).unwrap_or_default();
            *byte = u8::from_str_radix(digits, 16).map_err(|err| err.to_string())?;
        }
        edits.push(Edit::Torrent(TorrentEdit {
            create: true,
            name: Some(pair.file.as_str().into()),
            ..TorrentEdit::of(TorrentName::InfoHash(InfoHash(info_hash)))
        }));
    }
    users.sort();
    users.dedup();
    for user in users {
        let passkey = Passkey::new(user.as_bytes()).ok_or("no passkey")?;
        edits.push(Edit::User(UserEdit {
            create: true,
            name: Some(user.into()),
            ..UserEdit::of(UserName::Passkey(passkey))
        }));
    }
    let added = site.edit(&edits).map_err(told)?;
    let bad = added.iter().find(|added| added.is_err());
    bad.map_or(Ok(()), |bad| Err(format!("not added: {bad:?}")))
}

/// Ends a client; returns what it says it has uploaded and downloaded.
fn end(mut running: Running, database: &Path, user: &str, torrents: usize) -> Fallible<[u64; 2]> {
    let leave = running.client.leave;
    if !leave.is_empty() {
        running.namespace.output(leave)?;
        let db = Connection::open(database).map_err(|err| err.to_string())?;
        let sql = "SELECT count(*) FROM tracker_peers p JOIN tracker_users u ON u.id = p.user_id \
                   WHERE u.name = ?1 AND NOT p.active";
        let torrents = torrents as i64;
        let has_left = || db.query_row(sql, [user], |row| row.get(0)) == Ok(torrents);
        if !wait_until(Instant::now() + END_BOUND, has_left) {
            return Err(format!("it has not left after {END_BOUND:?}"));
        }
    }
    running.process.end(END_BOUND)?;
    let moved = running.client.moved;
    let moved = moved.ok_or("it does not say what it has moved")?;
    moved(&running.task, &running.log)
}

/// Whether the user is credited with what the client says, and that is what it must be.
fn credited(db: &Connection, user: &str, role: Role, bytes: u64, moved: [u64; 2]) -> Fallible<()> {
    let sql = "SELECT raw_uploaded, raw_downloaded FROM tracker_users WHERE name = ?1";
    let numbers = db.query_row(sql, [user], |row| {
        Ok([row.get::<_, i64>(0)?, row.get::<_, i64>(1)?].map(i64::cast_unsigned))
    });
    let numbers = numbers.map_err(|err| format!("{user}: {err}"))?;
    if numbers != moved {
        return Err(format!(
            "{numbers:?} in the database, {moved:?} by the client"
        ));
    }
    let [up, down] = moved;
    // A block that was asked for twice may come twice.
    let is_good = match role {
        Role::Seeder => up >= bytes && down == 0,
        Role::Leecher => up == 0 && down >= bytes && down < 2 * bytes,
    };
    is_good
        .then_some(())
        .ok_or(format!("{moved:?} for files of {bytes} bytes"))
}

/// Whether the download was counted once, everywhere. Whether all have left is up to the clients:
/// one that ends while it announces may not say so.
fn snatched_once(db: &Connection, pair: &Pair) -> Fallible<()> {
    let sql = "SELECT t.snatches, sum(h.snatches), \
               (SELECT count(*) FROM tracker_events e WHERE e.torrent_id = t.id \
                AND kind = 'completed') \
               FROM tracker_torrents t JOIN tracker_history h ON h.torrent_id = t.id \
               WHERE t.name = ?1 GROUP BY t.id";
    let counted = db.query_row(sql, [&pair.file], |row| {
        Ok([row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?])
    });
    match counted.map_err(|err| format!("{}: {err}", pair.file))? {
        [1, 1, 1] => Ok(()),
        [torrent, users, events] => Err(format!(
            "{torrent} snatches of the torrent, {users} by users, {events} events"
        )),
    }
}
