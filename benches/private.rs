//! What a private tracker with a million users, torrents and sessions keeps in memory: bytes an
//! entry, and how long lookups, changes, the snapshot and arrivals take.

use chihaya::model::{
    Endpoint, Event, InfoHash, Multipliers, Passkey, PeerId, Seconds, TorrentId, UserId,
};
use chihaya::storage::{Change, Torrent, TorrentStatus, User};
use chihaya::tracker::registry::Registry;
use chihaya::tracker::sessions::{Arrival, SessionSettings, Sessions};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ENTRIES: u64 = 1_000_000;
/// Lookups and changes that are timed.
const TIMED: u64 = 200_000;

/// Spreads consecutive numbers over all bits.
fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

fn passkey(number: u64) -> Passkey {
    Passkey::new(format!("{number:032x}").as_bytes()).expect("a passkey")
}

fn info_hash(number: u64) -> InfoHash {
    let mut info_hash = InfoHash([0; 20]);
    info_hash.0[..8].copy_from_slice(&mix(number).to_le_bytes());
    info_hash
}

fn user(number: u64, slots: Option<u16>) -> Change {
    Change::User(User {
        id: UserId(number),
        passkey: passkey(number),
        enabled: true,
        can_leech: true,
        hide_ip: false,
        slots,
        multipliers: Multipliers::default(),
    })
}

fn torrent(number: u64, snatches: u32) -> Change {
    Change::Torrent(Torrent {
        id: TorrentId(number),
        info_hash: info_hash(number),
        status: TorrentStatus::Registered,
        multipliers: Multipliers::default(),
        snatches,
    })
}

/// Bytes that the allocator has handed out since, and has not got back.
fn held(region: &Region<'_, System>) -> f64 {
    let change = region.change();
    (change.bytes_allocated as f64) - (change.bytes_deallocated as f64)
}

fn resident_mib() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or(0.0) * 4096.0 / f64::from(1 << 20)
}

/// Nanoseconds this thread has had a processor for: the machine may have other work.
fn worked_nanos() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
    nanos.expect("the scheduler's statistics")
}

/// Does it, and says how long it took: each of so many, or all of it.
fn timed<T>(name: &str, count: u64, work: impl FnOnce() -> T) -> T {
    let start = worked_nanos();
    let result = work();
    let nanos = worked_nanos() - start;
    match count {
        1 => println!("{name:<40} {:>10.1} ms", nanos / 1e6),
        _ => println!("{name:<40} {:>10.0} ns each", nanos / count as f64),
    }
    result
}

fn fill() -> Registry {
    let mut registry = Registry::new([5; 16]);
    println!("resident at start: {:.1} MiB", resident_mib());
    let region = Region::new(ALLOCATOR);
    timed("load a user", ENTRIES, || {
        (0..ENTRIES).for_each(|number| {
            registry.apply(user(number, None));
        })
    });
    println!("bytes a user: {:.1}", held(&region) / ENTRIES as f64);
    let region = Region::new(ALLOCATOR);
    timed("load a torrent", ENTRIES, || {
        (0..ENTRIES).for_each(|number| {
            registry.apply(torrent(number, 0));
        })
    });
    println!("bytes a torrent: {:.1}", held(&region) / ENTRIES as f64);
    println!("resident with both: {:.1} MiB", resident_mib());
    registry
}

fn look_up(registry: &Registry) {
    let some = || (0..TIMED).map(|number| mix(number) % ENTRIES);
    let passkeys: Vec<Passkey> = some().map(passkey).collect();
    timed("user by passkey", TIMED, || {
        for passkey in &passkeys {
            black_box(registry.user(passkey)).expect("there");
        }
    });
    timed("user by id", TIMED, || {
        for number in some() {
            black_box(registry.user_by_id(UserId(number))).expect("there");
        }
    });
    timed("torrent by info-hash", TIMED, || {
        for number in some() {
            black_box(registry.torrent(&info_hash(number))).expect("there");
        }
    });
}

fn change(mut registry: Registry) {
    let some = || (0..TIMED).map(|number| mix(number) % ENTRIES);
    timed("change of an unshared user", TIMED, || {
        some().for_each(|number| {
            registry.apply(user(number, Some(3)));
        })
    });
    timed("change of a user, and a clone each", TIMED, || {
        for number in some() {
            let older = registry.clone();
            registry.apply(user(number, Some(4)));
            black_box(older);
        }
    });
    timed("change of a torrent, and a clone each", TIMED, || {
        for number in some() {
            let older = registry.clone();
            registry.apply(torrent(number, 1));
            black_box(older);
        }
    });
    timed("new user, and a clone each", TIMED, || {
        for number in ENTRIES..ENTRIES + TIMED {
            let older = registry.clone();
            registry.apply(user(number, None));
            black_box(older);
        }
    });
    timed("a user goes, and a clone each", TIMED, || {
        for number in ENTRIES..ENTRIES + TIMED {
            let older = registry.clone();
            registry.apply(Change::UserGone(UserId(number)));
            black_box(older);
        }
    });
    timed("no change", TIMED, || {
        some().for_each(|number| {
            registry.apply(torrent(number, 1));
        })
    });
    timed("drop the last reference", 1, || drop(registry));
}

fn snapshot(registry: &Registry) {
    let mut file = Vec::new();
    timed("save", 1, || registry.save(&mut file)).expect("written");
    println!("{:.1} MB on disk", file.len() as f64 / 1e6);
    let region = Region::new(ALLOCATOR);
    let restored = timed("restore", 1, || Registry::restore(&mut &*file)).expect("read");
    assert_eq!(restored.totals(), registry.totals());
    println!("bytes restored: {:.1} MB", held(&region) / 1e6);
}

/// A session of one of 50,000 users; every fourth downloads.
fn arrival(number: u64) -> Arrival {
    let mut peer_id = PeerId([7; 20]);
    peer_id.0[..8].copy_from_slice(&number.to_le_bytes());
    Arrival {
        user: UserId(mix(number) % 50_000),
        slots: Some(1000),
        torrent: TorrentId(mix(number + 1) % 100_000),
        peer_id,
        endpoint: Endpoint::new((number as u32).to_be_bytes().into(), 6881),
        leeching: number.is_multiple_of(4),
        event: Event::Regular,
    }
}

fn sessions() {
    let region = Region::new(ALLOCATOR);
    let sessions = Sessions::new(&SessionSettings {
        workers: 1,
        sessions_per_torrent: 5,
        min_interval_secs: 300,
        peer_lifetime_secs: 3600,
        seed: 1,
    });
    let arrive = |now: u32| {
        for number in 0..ENTRIES {
            let admitted = sessions.arrive(&arrival(number), Seconds(now));
            black_box(admitted).expect("admitted");
        }
    };
    timed("arrival of a new session", ENTRIES, || arrive(1));
    let count = sessions.len() as f64;
    println!("bytes a session: {:.1}", held(&region) / count);
    timed("arrival of a known session", ENTRIES, || arrive(600));
    timed("look at a session, sweeping", ENTRIES, || {
        sessions.sweep(Seconds(601), usize::MAX)
    });
    timed("forget a session", ENTRIES, || {
        sessions.sweep(Seconds(9000), usize::MAX)
    });
    println!("bytes left: {:.0}", held(&region));
}

fn main() {
    sessions();
    let registry = fill();
    look_up(&registry);
    snapshot(&registry);
    change(registry);
}
