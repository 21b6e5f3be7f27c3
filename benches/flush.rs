//! How long a batch takes into SQLite: 5,000 sessions of one flush, next to each other or spread at
//! random over a million users and a million torrents, in a new database and in one that has grown;
//! by the driver for the tracker's own tables, and by the statements of its preset.
//!
//! ```sh
//! cargo bench --bench flush
//! ```

mod flushing;

use chihaya::storage::sql::{Dialect, Given, Plan, SqlStorage, find_preset, open_sqlite};
use chihaya::storage::{Sqlite, Storage};
use fastrand::Rng;
use flushing::{ENTRIES, SESSIONS, commit, near, run, spread};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::time::Duration;

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

fn by_statements(path: &Path) -> SqlStorage {
    let own = find_preset("own", Dialect::Sqlite).expect("a preset");
    let plan = Plan::new(Dialect::Sqlite, own, &Given::new(), &Given::new());
    let file = path.to_owned();
    let open = Box::new(move || open_sqlite(&file, false, Duration::from_secs(30)));
    SqlStorage::new("sqlite", plan.expect("a plan"), own, open)
}

fn grow(storage: &mut dyn Storage, at: &mut u64) {
    let mut dice = Rng::with_seed(9);
    for _ in 0..GROWN / 100_000 {
        let batch = commit(&spread(&mut dice, 100_000), *at);
        storage.commit("bench", &batch).expect("grown");
        *at += 1;
    }
}

fn main() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join("flush.db");
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.join(format!("flush.db{suffix}")));
    }
    fill(&path);
    let mut own = Sqlite::open(&path).expect("a database");
    let mut statements = by_statements(&path);
    let (mut near_dice, mut spread_dice) = (Rng::with_seed(7), Rng::with_seed(8));
    let mut at = 0;
    for grown in ["", ", grown"] {
        if !grown.is_empty() {
            grow(&mut own, &mut at);
        }
        let ways: [(&str, &mut dyn Storage); 2] =
            [("", &mut own), (", statements", &mut statements)];
        for (by, storage) in ways {
            let name = format!("next to each other{grown}{by}");
            run(&name, storage, &mut at, &mut || {
                near(&mut near_dice, SESSIONS)
            });
            let name = format!("spread at random{grown}{by}");
            run(&name, storage, &mut at, &mut || {
                spread(&mut spread_dice, SESSIONS)
            });
        }
    }
}
