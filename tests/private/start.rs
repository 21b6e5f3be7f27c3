//! What keeps a private tracker from starting, and that nothing is lost by it.

use crate::client::leech;
use crate::common::Tracker;
use crate::common::program::chihaya;
use crate::site::Site;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The executable does not start: it says why, on one line, and ends with code 2.
fn refuses_to_start(site: &Site, name: &str, words: &[&str]) {
    let output = chihaya(&["--config", &site.config_file("warn")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{name}: {said}");
    assert_eq!(said.lines().count(), 1, "{name}: {said}");
    for word in words {
        assert!(said.contains(word), "{name}: {word} in {said}");
    }
}

/// All files of a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .map(|path| (path.clone(), fs::read(&path).expect("a file")))
        .collect()
}

#[test]
fn a_journal_is_for_one_tracker() {
    let site = Site::new("start-shared");
    let alice = site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    leech("alice", 1).served(&tracker);
    let error = site.fails_to_start().to_string();
    let journal = site.journal().display().to_string();
    for word in [journal.as_str(), "another tracker"] {
        assert!(error.contains(word), "{error}");
    }
    refuses_to_start(&site, "executable", &[&journal, "another tracker"]);
    // The first one has not been disturbed.
    leech("alice", 1).moved(10, 1).served(&tracker);
    tracker.stop();
    assert_eq!(site.totals(alice), [10, 1, 10, 1]);
    site.start().stop();
}

#[test]
fn a_checkpoint_that_is_damaged() {
    let site = Site::new("start-checkpoint");
    let alice = site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    leech("alice", 1).moved(1000, 0).served(&tracker);
    tracker.stop();
    let path = site.journal().join("checkpoint");
    let good = fs::read(&path).expect("a checkpoint");
    let middle = good.len() / 2;
    let mut flipped = good.clone();
    flipped[middle] ^= 1;
    for (name, bytes) in [
        ("empty", &[][..]),
        ("cut short", &good[..good.len() - 1]),
        ("cut in half", &good[..middle]),
        ("a bit is wrong", &flipped[..]),
        ("something else", b"SQLite format 3\0"),
    ] {
        fs::write(&path, bytes).expect("written");
        let before = files(&site.journal());
        refuses_to_start(&site, name, &[&path.display().to_string()]);
        assert!(
            files(&site.journal()) == before,
            "{name}: files have changed"
        );
    }
    fs::write(&path, &good).expect("written");
    let tracker = site.start();
    leech("alice", 1).moved(1010, 5).served(&tracker);
    tracker.stop();
    assert_eq!(site.totals(alice), [10, 5, 10, 5]);
}

/// A name, how the database comes to be so, and words of the message.
type Unusable = (&'static str, fn(&Site), &'static [&'static str]);

#[test]
fn a_storage_that_cannot_be_used() {
    let rows: [Unusable; 4] = [
        (
            "a folder that is not there",
            |site| fs::remove_dir_all(site.folder().join("data")).expect("removed"),
            &["data/site.db", "storage"],
        ),
        (
            "a folder in its place",
            |site| {
                fs::remove_file(site.folder().join("data/site.db")).expect("removed");
                fs::create_dir(site.folder().join("data/site.db")).expect("made");
            },
            &["data/site.db", "storage"],
        ),
        (
            "another file in its place",
            |site| {
                let text = "not a database, but long enough to be one".repeat(100);
                fs::write(site.folder().join("data/site.db"), text).expect("written");
            },
            &["data/site.db", "storage"],
        ),
        (
            "tables of a newer tracker",
            |site| {
                let db = rusqlite::Connection::open(site.folder().join("data/site.db"));
                let done = db.expect("it opens").execute_batch(
                    "CREATE TABLE tracker_schema (version INTEGER NOT NULL);
                     INSERT INTO tracker_schema VALUES (99);",
                );
                done.expect("done");
            },
            &["version 99", "storage"],
        ),
    ];
    for (number, (name, spoil, words)) in rows.into_iter().enumerate() {
        let site = Site::new(&format!("start-storage-{number}"));
        let path = site.folder().join("data/site.db");
        let site = site.with(&format!(r#""storage": {{"path": {path:?}}}"#));
        fs::create_dir(site.folder().join("data")).expect("made");
        fs::write(&path, b"").expect("made");
        spoil(&site);
        refuses_to_start(&site, name, words);
        let words: Vec<_> = words.iter().map(|word| word.to_string()).collect();
        let error = site.fails_to_start().to_string();
        assert!(
            words.iter().all(|word| error.contains(word)),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_journal_that_cannot_be_made() {
    let site = Site::new("start-journal");
    fs::write(site.journal(), b"a file").expect("written");
    let journal = site.journal().display().to_string();
    refuses_to_start(&site, "a file in its place", &["journal", &journal]);
}

#[test]
fn a_public_tracker_has_none_of_it() {
    let site = Site::new("start-public");
    let (journal, database) = (site.folder().join("none"), site.folder().join("none.db"));
    let before = fs::read_dir(site.folder()).expect("a folder").count();
    let settings =
        format!(r#"{{"journal": {{"path": {journal:?}}}, "storage": {{"path": {database:?}}}}}"#);
    let tracker = Tracker::start(&settings);
    let anybody = leech("", 1);
    for announce in [
        crate::client::Announce {
            passkey: None,
            ..anybody.clone()
        },
        leech("mallory", 2),
        leech("mallory", 3).by(crate::client::Way::Udp),
    ] {
        assert_eq!(announce.served(&tracker).warning, None);
        // No minimum interval either.
        announce.served(&tracker);
    }
    let last = leech("mallory", 3).served(&tracker);
    assert_eq!((last.counts(), last.ports()), ([0, 3], vec![1, 2]));
    tracker.stop();
    assert!(!journal.exists() && !database.exists());
    assert_eq!(
        fs::read_dir(site.folder()).expect("a folder").count(),
        before
    );
}
