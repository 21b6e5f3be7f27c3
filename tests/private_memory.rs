//! What a private tracker's users, torrents and sessions cost in memory. Alone in its process,
//! whose every allocation is counted.

use chihaya::model::{
    Endpoint, Event, InfoHash, Multipliers, Passkey, PeerId, Seconds, TorrentId, UserId,
};
use chihaya::storage::{Change, Torrent, TorrentStatus, User};
use chihaya::tracker::registry::Registry;
use chihaya::tracker::sessions::{Arrival, SessionSettings, Sessions};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Leaves of the registry split when there are eight times as many entries. An entry's share of
/// what surrounds it is highest just after, near 40,000, and again at each eightfold of it.
const ENTRIES: [u64; 4] = [20_000, 40_000, 62_500, 80_000];
/// Sessions for each of them: with few, pages that are not full yet would count.
const SESSIONS: u64 = 4;
/// Bytes a user, a torrent and a session, at most.
const BUDGETS: [f64; 3] = [52.0, 60.0, 110.0];

fn fill_users(registry: &mut Registry, count: u64) {
    for number in 0..count {
        registry.apply(Change::User(User {
            id: UserId(number),
            passkey: Passkey::new(format!("{number:032}").as_bytes()).expect("a passkey"),
            enabled: true,
            can_leech: true,
            hide_ip: false,
            slots: None,
            multipliers: Multipliers::default(),
        }));
    }
}

fn fill_torrents(registry: &mut Registry, count: u64) {
    for number in 0..count {
        let mut info_hash = InfoHash([0; 20]);
        info_hash.0[..8].copy_from_slice(&number.to_le_bytes());
        registry.apply(Change::Torrent(Torrent {
            id: TorrentId(number),
            info_hash,
            status: TorrentStatus::Registered,
            multipliers: Multipliers::default(),
            snatches: 0,
        }));
    }
}

fn fill_sessions(sessions: &Sessions, count: u64) {
    for number in 0..count {
        let arrival = Arrival {
            user: UserId(number / 10),
            slots: None,
            torrent: TorrentId(number % 5000),
            peer_id: PeerId([1; 20]),
            endpoint: Endpoint::V4([1; 6]),
            leeching: false,
            event: Event::Started,
        };
        sessions.arrive(&arrival, Seconds(1)).expect("admitted");
    }
}

/// Bytes that `fill` leaves allocated, for each of so many.
fn bytes_each(count: u64, fill: impl FnOnce()) -> f64 {
    let region = Region::new(ALLOCATOR);
    fill();
    let change = region.change();
    (change.bytes_allocated as f64 - change.bytes_deallocated as f64) / count as f64
}

#[test]
fn entries_keep_to_their_budgets() {
    for count in ENTRIES {
        let mut registry = Registry::new([1; 16]);
        let sessions = Sessions::new(&SessionSettings {
            workers: 1,
            sessions_per_torrent: 5,
            min_interval_secs: 0,
            peer_lifetime_secs: 3600,
            seed: 1,
        });
        let bytes = [
            bytes_each(count, || fill_users(&mut registry, count)),
            bytes_each(count, || fill_torrents(&mut registry, count)),
            bytes_each(SESSIONS * count, || {
                fill_sessions(&sessions, SESSIONS * count)
            }),
        ];
        println!("{count}: {bytes:.1?}");
        for (bytes, budget) in bytes.iter().zip(BUDGETS) {
            assert!(*bytes <= budget, "{count} entries: {bytes} bytes each");
        }
        let clones = bytes_each(1, || drop(vec![registry.clone(); 100]));
        assert_eq!(clones, 0.0);
    }
}
