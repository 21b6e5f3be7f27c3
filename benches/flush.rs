//! How long a batch takes into SQLite: 5,000 sessions of one flush, next to each other or spread at
//! random over a million users and a million torrents, in a new database and in one that has grown.
//!
//! ```sh
//! cargo bench --bench flush
//! ```

use chihaya::model::{PeerId, TorrentId, Transfer, UnixTime, UserId};
use chihaya::storage::{
    Commit, HistoryDelta, PeerRow, SessionKey, Sqlite, Storage, TorrentDelta, UserDelta,
};
use fastrand::Rng;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const ENTRIES: u64 = 1_000_000;
const SESSIONS: usize = 5_000;
/// Batches of each kind.
const BATCHES: usize = 12;
/// Histories and sessions that a grown database has beforehand.
const GROWN: usize = 1_000_000;

fn commit(keys: &[(u64, u64)], from: u64) -> Commit {
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

fn spread(dice: &mut Rng, count: usize) -> Vec<(u64, u64)> {
    let mut keys = BTreeSet::new();
    while keys.len() < count {
        keys.insert((dice.u64(1..=ENTRIES), dice.u64(1..=ENTRIES)));
    }
    keys.into_iter().collect()
}

/// Sessions of 500 users, one number after the other.
fn near(dice: &mut Rng, count: usize) -> Vec<(u64, u64)> {
    let first = dice.u64(1..=ENTRIES - 1_000);
    let users = (count / 10) as u64;
    let mut keys: Vec<(u64, u64)> = (0..count as u64)
        .map(|place| (first + place % users, first + place / users))
        .collect();
    keys.sort_unstable();
    keys
}

fn fill(path: &Path) {
    drop(Sqlite::open(path).expect("a database"));
    let db = Connection::open(path).expect("a connection");
    let numbers = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ENTRIES})"
    );
    db.execute_batch(&format!(
        "PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; BEGIN;
        {numbers} INSERT INTO tracker_users (id, name, passkey, uploaded, downloaded, raw_uploaded, raw_downloaded)
            SELECT i, 'user' || i, printf('%032x', i * 2654435761), 5000000000, 5000000000, 5000000000, 5000000000 FROM n;
        {numbers} INSERT INTO tracker_torrents (id, name, info_hash, snatches)
            SELECT i, 'Some.Torrent.With.A.Name.Of.Some.Length.' || i, randomblob(20), 5 FROM n;
        COMMIT; PRAGMA wal_checkpoint(TRUNCATE);"
    ))
    .expect("filled");
}

fn run(name: &str, storage: &mut Sqlite, at: &mut u64, keys: &mut dyn FnMut() -> Vec<(u64, u64)>) {
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
        "{name:<28} commit {}, tidying after it {}",
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

fn main() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join("flush.db");
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.join(format!("flush.db{suffix}")));
    }
    fill(&path);
    let mut dice = Rng::with_seed(7);
    let mut storage = Sqlite::open(&path).expect("a database");
    let mut at = 0;
    run("next to each other", &mut storage, &mut at, &mut || {
        near(&mut dice, SESSIONS)
    });
    let mut dice = Rng::with_seed(8);
    run("spread at random", &mut storage, &mut at, &mut || {
        spread(&mut dice, SESSIONS)
    });
    let mut grow = Rng::with_seed(9);
    for _ in 0..GROWN / 100_000 {
        storage
            .commit("bench", &commit(&spread(&mut grow, 100_000), at))
            .expect("grown");
        at += 1;
    }
    run(
        "next to each other, grown",
        &mut storage,
        &mut at,
        &mut || near(&mut dice, SESSIONS),
    );
    run(
        "spread at random, grown",
        &mut storage,
        &mut at,
        &mut || spread(&mut dice, SESSIONS),
    );
}
