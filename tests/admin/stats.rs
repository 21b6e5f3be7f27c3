//! What is counted.

use crate::call::{Manager, managed, section};
use crate::client::{Way, leech, seed};
use crate::site::Site;
use serde_json::Value;

fn of_workers(stats: &Value, name: &str) -> u64 {
    let workers = stats["workers"].as_array().expect("workers");
    let counts = workers.iter().map(|worker| worker[name].as_u64());
    counts.map(|count| count.expect("a number")).sum()
}

#[test]
fn what_was_answered_and_what_there_is() {
    let site = managed("stats");
    site.user("alice");
    site.torrent('a');
    site.torrent('b');
    let tracker = site.start();
    let mut manager = Manager::of(&tracker);
    for port in 1..=3 {
        leech("alice", port).served(&tracker);
        seed("alice", port + 10)
            .by(Way::Udp)
            .on('b')
            .served(&tracker);
    }
    // Answers are counted when they are out. An announce over UDP is two packets.
    crate::common::eventually("all answers are counted", || {
        let stats = manager.get("/stats").good();
        ["http_answers", "udp_answers"].map(|name| of_workers(&stats, name)) == [3, 6]
    });
    let stats = manager.get("/stats").good();
    assert_eq!(stats["workers"].as_array().map(Vec::len), Some(2));
    let private = &stats["private"];
    for (name, value) in [
        ("users", 1),
        ("torrents", 2),
        ("sessions", 6),
        ("held_edits", 0),
    ] {
        assert_eq!(private[name], value, "{name}: {stats}");
    }
    assert_eq!(private["directory_loaded"], true);
    assert_eq!(private["storage_away_secs"], Value::Null);
    assert_eq!(stats["swarms"]["peers"], 6);
    // The storage is visited once an hour: what has been announced waits for it.
    assert!(
        private["journal_uncommitted_bytes"].as_u64() > Some(0),
        "{stats}"
    );
    crate::common::eventually("all is accounted for", || {
        let stats = manager.get("/stats").good();
        stats["private"]["journal_unaccounted_bytes"] == 0
    });
}

#[test]
fn a_storage_that_is_away_shows() {
    let site = Site::new("admin-away").with(&section(""));
    site.user("alice");
    let tracker = site.start();
    let mut manager = Manager::of(&tracker);
    assert_eq!(
        manager.get("/stats").good()["private"]["storage_away_secs"],
        Value::Null
    );
    site.sql("ALTER TABLE tracker_changes RENAME TO somewhere_else");
    crate::common::eventually("it is away", || {
        let stats = manager.get("/stats").good();
        stats["private"]["storage_away_secs"].is_u64()
    });
    site.sql("ALTER TABLE somewhere_else RENAME TO tracker_changes");
    crate::common::eventually("it is back", || {
        let stats = manager.get("/stats").good();
        stats["private"]["storage_away_secs"].is_null()
    });
}
