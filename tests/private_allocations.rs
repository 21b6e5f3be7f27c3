//! The way of a private announce through a worker allocates nothing, once warm: passkey, directory,
//! session, swarm, record, journal.

use chihaya::account::journal::Journal;
use chihaya::cache::{Driver, Memory, MemorySettings};
use chihaya::config::{Combination, Config};
use chihaya::model::{InfoHash, Multipliers, Passkey, Seconds, TorrentId, UnixTime, UserId};
use chihaya::storage::{Change, Torrent, TorrentStatus, User};
use chihaya::tracker::connection_id::ConnectionIds;
use chihaya::tracker::http::Requests;
use chihaya::tracker::misses::Misses;
use chihaya::tracker::registry::{Published, Registry};
use chihaya::tracker::sessions::{SessionSettings, Sessions};
use chihaya::tracker::udp::Packets;
use chihaya::tracker::{PrivateShared, Settings, Tracker};
use chihaya::wire::http::{Status, parse};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const NOW: Seconds = Seconds(1_000_000);
const USERS: u8 = 50;
/// Ticks until every buffer has its size.
const WARM: usize = 20;
const TICKS: usize = 200;

fn passkey(user: u8) -> String {
    format!("{user:032}")
}

fn registry() -> Registry {
    let mut registry = Registry::new([3; 16]);
    for number in 0..USERS {
        registry.apply(Change::User(User {
            id: UserId(number.into()),
            passkey: Passkey::new(passkey(number).as_bytes()).expect("a passkey"),
            enabled: number != 7,
            can_leech: true,
            hide_ip: false,
            slots: Some(2),
            multipliers: Multipliers::default(),
        }));
        registry.apply(Change::Torrent(Torrent {
            id: TorrentId(number.into()),
            info_hash: InfoHash([number; 20]),
            status: match number {
                8 => TorrentStatus::Deleted("dupe".into()),
                _ => TorrentStatus::Registered,
            },
            multipliers: Multipliers::default(),
            snatches: 0,
        }));
    }
    registry.set_loaded();
    registry
}

fn tracker(folder: &Path) -> Tracker {
    let memory = Memory::new(&MemorySettings {
        workers: 1,
        peer_lifetime_secs: 3600,
        counts_lifetime_secs: 0,
        max_torrents: 1000,
        max_peers: 1000,
        peer_ids: false,
        seed: 1,
    });
    let shared = PrivateShared {
        registry: Published::new(registry()),
        sessions: Arc::new(Sessions::new(&SessionSettings {
            workers: 1,
            sessions_per_torrent: 5,
            min_interval_secs: 900,
            peer_lifetime_secs: 3600,
            seed: 5,
        })),
        misses: Arc::new(Misses::new([9; 16])),
        journal: Arc::new(Journal::open(folder, 64 << 20, 1).expect("a journal")),
        combination: Combination::default(),
    };
    let cache = memory.open(2).expect("a handle");
    let settings = Settings::new(&Config::default());
    Tracker::new(settings, cache, Some(&shared), 3)
}

fn from(user: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, user])
}

fn packet(ids: &ConnectionIds, user: u8) -> Vec<u8> {
    let mut packet = ids.make(from(user), NOW).to_be_bytes().to_vec();
    packet.extend([0, 0, 0, 1, 1, 2, 3, 4]);
    packet.extend([user; 20]);
    packet.extend(format!("-qB4650-{user:012}").as_bytes());
    packet.extend([0; 36]);
    packet.extend([0, 0, 0, 30, 0x1a, 0xe1]);
    packet.resize(98, 0);
    let url = format!("/{}/announce", passkey(user));
    packet.extend([2, url.len() as u8]);
    packet.extend(url.as_bytes());
    packet
}

fn request(user: u8) -> Vec<u8> {
    let hash = format!("%{user:02x}").repeat(20);
    let text = format!(
        "GET /{}/announce?info_hash={hash}&peer_id=-qB4650-{user:012}&port=6881&uploaded=5&\
         downloaded=0&left=0 HTTP/1.1\r\nHost: tracker.example\r\nUser-Agent: qBittorrent/4.6\r\n\r\n",
        passkey(user)
    );
    text.into_bytes()
}

#[test]
fn a_warm_worker_allocates_nothing() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("private-allocations");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("the last run's folder goes");
    }
    let mut tracker = tracker(&folder);
    let ids = ConnectionIds::new([7; 16], 120);
    let mut packets = Packets::new(ids.clone());
    let mut requests = Requests::default();
    let mut out = Vec::new();
    // Two of them are refused: their user is disabled, their torrent deleted.
    let datagrams: Vec<_> = (0..USERS).map(|user| packet(&ids, user)).collect();
    let heads: Vec<_> = (0..USERS).map(request).collect();
    let mut tick = || {
        tracker.begin(NOW, UnixTime(1_800_000_000));
        packets.begin();
        requests.begin();
        out.clear();
        for (user, (datagram, head)) in (0..USERS).zip(datagrams.iter().zip(&heads)) {
            packets.collect(&mut tracker, user.into(), datagram, from(user), NOW);
            let Ok(Status::Complete { request, .. }) = parse(head) else {
                panic!("no request");
            };
            requests.collect(&mut tracker, user.into(), &request, from(user));
        }
        tracker.run(NOW).expect("memory does not fail");
        tracker.record().expect("the journal is written");
        packets.answer(&mut tracker);
        let sent: usize = packets
            .answers(&tracker)
            .map(|(_, bytes)| bytes.len())
            .sum();
        for place in 0..requests.pending().len() {
            requests.write(&mut tracker, place, 0, &mut out);
        }
        (sent, out.len())
    };
    let mut answered = (0, 0);
    for _ in 0..WARM {
        answered = tick();
    }
    let region = Region::new(ALLOCATOR);
    for _ in 0..TICKS {
        assert_eq!(tick(), answered);
    }
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0));
    let text = String::from_utf8_lossy(&out);
    assert_eq!(
        text.matches("complete").count(),
        2 * (usize::from(USERS) - 2)
    );
    for refusal in ["account disabled", "torrent deleted: dupe"] {
        assert_eq!(text.matches(refusal).count(), 1, "{refusal}");
    }
}
