//! PostgreSQL and MariaDB: how long a batch of 5,000 sessions takes, next to each other or spread at
//! random over a million users and a million torrents, and how long it takes to load all of these.
//! The servers wait for their disk, as they do where they are installed.
//!
//! ```sh
//! cargo bench --features mysql,postgres --bench databases
//! ```

mod flushing;
#[path = "../tests/servers/mod.rs"]
mod servers;

use chihaya::Drivers;
use chihaya::config::Config;
use chihaya::storage::Storage;
use fastrand::Rng;
use flushing::{ENTRIES, SESSIONS};
use serde_json::json;
use servers::{Kind, Options, PASSWORD, Server};
use std::time::Instant;

const DATABASE: &str = "bench";
/// Histories and sessions that a grown database has beforehand.
const GROWN: usize = 1_000_000;

fn open(server: &Server) -> Box<dyn Storage> {
    let driver = match server.kind() {
        Kind::Mariadb => "mysql",
        Kind::Postgres => "postgres",
    };
    let settings = json!({
        "tracker": "private",
        "storage": {"driver": driver, "url": server.url(DATABASE), "password": PASSWORD},
    });
    let config = Config::from_json(&settings.to_string()).expect("settings");
    Drivers::builtin().open_storage(&config).expect("it opens")
}

fn fill(server: &Server) {
    let (numbers, passkey, info_hash, analyze) = match server.kind() {
        Kind::Mariadb => (
            format!("(SELECT seq AS i FROM seq_1_to_{ENTRIES}) n"),
            "LPAD(HEX(i * 2654435761), 32, '0')",
            "UNHEX(SHA1(i))",
            "ANALYZE TABLE tracker_users, tracker_torrents",
        ),
        Kind::Postgres => (
            format!("generate_series(1, {ENTRIES}) n(i)"),
            "LPAD(TO_HEX(i * 2654435761), 32, '0')",
            "SUBSTR(SHA256(i::TEXT::BYTEA), 1, 20)",
            "VACUUM ANALYZE tracker_users, tracker_torrents",
        ),
    };
    let mut shell = server.shell(DATABASE);
    shell.run(&format!(
        "INSERT INTO tracker_users (id, passkey, uploaded, downloaded, raw_uploaded, raw_downloaded) \
         SELECT i, {passkey}, 5000000000, 5000000000, 5000000000, 5000000000 FROM {numbers}"
    ));
    shell.run(&format!(
        "INSERT INTO tracker_torrents (id, info_hash, snatches) SELECT i, {info_hash}, 5 FROM {numbers}"
    ));
    shell.rows(analyze);
}

/// Resident memory at its highest, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn load(storage: &mut dyn Storage) {
    let before = peak_kib();
    let start = Instant::now();
    let mut entries = 0u64;
    let loaded = storage.load(None, &mut |_| entries += 1);
    loaded.expect("it loads");
    println!(
        "{entries} entries loaded in {:.1} s; memory grew by {} KiB",
        start.elapsed().as_secs_f64(),
        peak_kib() - before
    );
}

fn measure(kind: Kind) {
    let options = Options {
        durable: true,
        ..Options::default()
    };
    let Some(server) = Server::start_with(kind, options) else {
        return;
    };
    println!("{kind:?}");
    server.create(DATABASE);
    let mut storage = open(&server);
    fill(&server);
    load(&mut *storage);
    let mut at = 0;
    for grown in [false, true] {
        if grown {
            let mut dice = Rng::with_seed(9);
            for _ in 0..GROWN / 50_000 {
                let keys = flushing::spread(&mut dice, 50_000);
                let batch = flushing::commit(&keys, at);
                storage.commit("bench", &batch).expect("grown");
                at += 1;
            }
        }
        let suffix = if grown { ", grown" } else { "" };
        let mut dice = Rng::with_seed(7);
        let name = format!("next to each other{suffix}");
        flushing::run(&name, &mut *storage, &mut at, &mut || {
            flushing::near(&mut dice, SESSIONS)
        });
        let mut dice = Rng::with_seed(8);
        let name = format!("spread at random{suffix}");
        flushing::run(&name, &mut *storage, &mut at, &mut || {
            flushing::spread(&mut dice, SESSIONS)
        });
    }
}

fn main() {
    for kind in [Kind::Mariadb, Kind::Postgres] {
        measure(kind);
    }
}
