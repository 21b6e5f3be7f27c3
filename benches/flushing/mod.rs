//! Batches to be written, and how long that takes.

use chihaya::model::{PeerId, TorrentId, Transfer, UnixTime, UserId};
use chihaya::storage::{
    Commit, HistoryDelta, PeerRow, SessionKey, Storage, TorrentDelta, UserDelta,
};
use fastrand::Rng;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Users, and torrents, that there are.
pub const ENTRIES: u64 = 1_000_000;
/// Sessions in a batch.
pub const SESSIONS: usize = 5_000;
/// Batches of each kind.
const BATCHES: usize = 12;

pub fn commit(keys: &[(u64, u64)], from: u64) -> Commit {
    let amount = Transfer {
        uploaded: 123_456_789,
        downloaded: 23_456_789,
    };
    let users: BTreeSet<u64> = keys.iter().map(|(user, _)| *user).collect();
    let torrents: BTreeSet<u64> = keys.iter().map(|(_, torrent)| *torrent).collect();
    Commit {
        from,
        to: from + 1,
        users: users
            .into_iter()
            .map(|user| UserDelta {
                user: UserId(user),
                credited: amount,
                raw: amount,
            })
            .collect(),
        history: keys
            .iter()
            .map(|(user, torrent)| HistoryDelta {
                user: UserId(*user),
                torrent: TorrentId(*torrent),
                credited: amount,
                raw: amount,
                seed_seconds: 1800,
                announces: 1,
                started: UnixTime(1_700_000_000),
                last: UnixTime(1_700_000_000),
                seeder: true,
                active: true,
                client: amount,
                agent: "qBittorrent/4.6.5".into(),
                ..HistoryDelta::default()
            })
            .collect(),
        torrents: torrents
            .into_iter()
            .map(|torrent| TorrentDelta {
                torrent: TorrentId(torrent),
                seeders: 3,
                leechers: 1,
                balance: 100,
                last_seeded: UnixTime(1_700_000_000),
                ..TorrentDelta::default()
            })
            .collect(),
        peers: keys
            .iter()
            .map(|(user, torrent)| peer(*user, *torrent))
            .collect(),
        ..Commit::default()
    }
}

fn peer(user: u64, torrent: u64) -> PeerRow {
    let mut peer_id = PeerId(*b"-qB4650-000000000000");
    peer_id.0[8..16].copy_from_slice(&(user ^ torrent << 20).to_be_bytes());
    PeerRow {
        key: SessionKey {
            user: UserId(user),
            torrent: TorrentId(torrent),
            peer_id,
        },
        ip: [7; 16],
        port: 6881,
        totals: Transfer {
            uploaded: 1 << 40,
            downloaded: 1 << 38,
        },
        left: 0,
        seeder: true,
        active: true,
        agent: "qBittorrent/4.6.5".into(),
        started: UnixTime(1_700_000_000),
        last: UnixTime(1_700_001_800),
        announces: 77,
        rates: Transfer {
            uploaded: 100_000,
            downloaded: 0,
        },
    }
}

pub fn spread(dice: &mut Rng, count: usize) -> Vec<(u64, u64)> {
    let mut keys = BTreeSet::new();
    while keys.len() < count {
        keys.insert((dice.u64(1..=ENTRIES), dice.u64(1..=ENTRIES)));
    }
    keys.into_iter().collect()
}

/// Sessions of 500 users, one number after the other.
pub fn near(dice: &mut Rng, count: usize) -> Vec<(u64, u64)> {
    let first = dice.u64(1..=ENTRIES - 1_000);
    let users = (count / 10) as u64;
    let mut keys: Vec<(u64, u64)> = (0..count as u64)
        .map(|place| (first + place % users, first + place / users))
        .collect();
    keys.sort_unstable();
    keys
}

/// Writes batches of the keys that are given, and prints how long it took.
pub fn run(
    name: &str,
    storage: &mut dyn Storage,
    at: &mut u64,
    keys: &mut dyn FnMut() -> Vec<(u64, u64)>,
) {
    let (mut commits, mut tidying) = (Vec::new(), Vec::new());
    for _ in 0..BATCHES {
        let batch = commit(&keys(), *at);
        *at += 1;
        let start = Instant::now();
        storage.commit("bench", &batch).expect("written");
        commits.push(start.elapsed());
        let start = Instant::now();
        storage.tidy();
        tidying.push(start.elapsed());
    }
    println!(
        "{name:<37} commit {}, tidying after it {}",
        spread_of(commits),
        spread_of(tidying)
    );
}

fn spread_of(mut times: Vec<Duration>) -> String {
    times.sort();
    let ms = |place: usize| times[place].as_secs_f64() * 1e3;
    let last = times.len() - 1;
    format!("{:>4.0} ms ({:.0} to {:.0})", ms(last / 2), ms(0), ms(last))
}
