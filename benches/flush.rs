//! How long a batch takes into SQLite: 5,000 sessions of one flush, next to each other or spread at
//! random over a million users and a million torrents, in a new database and in one that has grown.
//!
//! ```sh
//! cargo bench --bench flush
//! ```

mod flushing;

use chihaya::storage::{Sqlite, Storage};
use fastrand::Rng;
use flushing::{ENTRIES, SESSIONS, commit, near, run, spread};
use rusqlite::Connection;
use std::path::{Path, PathBuf};

/// Histories and sessions that a grown database has beforehand.
const GROWN: usize = 1_000_000;

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
