//! Swarms outlive a restart.

mod common;

use common::http::{Connection, announce, get, scrape};
use common::{Tracker, V4, V6, addrs};
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::path::PathBuf;
use std::sync::Mutex;

/// Keeps what is logged, of all trackers of this process.
struct Messages(Mutex<Vec<(Level, String)>>);

static MESSAGES: Messages = Messages(Mutex::new(Vec::new()));

impl Log for Messages {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let message = (record.level(), record.args().to_string());
        self.0.lock().expect("whole").push(message);
    }

    fn flush(&self) {}
}

/// The severities of the messages that name this file.
fn messages_of(path: &std::path::Path) -> Vec<Level> {
    let path = path.to_str().expect("UTF-8");
    let messages = MESSAGES.0.lock().expect("whole");
    let of_path = messages
        .iter()
        .filter(|(_, message)| message.contains(path));
    of_path.map(|(level, _)| *level).collect()
}

/// The path of a snapshot that is not there yet, and settings with it.
fn snapshot(name: &str) -> (PathBuf, String) {
    // Only one test gets to set it.
    if log::set_logger(&MESSAGES).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.swarms"));
    let _ = std::fs::remove_file(&path);
    let settings =
        format!(r#"{{"cache": {{"snapshot": {path:?}}}, "announce": {{"peer_ids": true}}}}"#);
    (path, settings)
}

/// Seeders 2001 and 2002, a leecher, a partial seed, and a torrent that everybody has left.
fn fill(tracker: &Tracker) {
    let mut v4 = Connection::open(tracker.http[V4]);
    let mut v6 = Connection::open(tracker.http[V6]);
    v4.get(&(announce('a', 2001, 0) + "&event=completed"));
    v6.get(&announce('a', 2002, 0));
    v4.get(&announce('a', 2003, 5));
    v6.get(&(announce('a', 2004, 5) + "&event=paused"));
    v4.get(&(announce('b', 2001, 0) + "&event=completed"));
    v4.get(&(announce('b', 2001, 0) + "&event=stopped"));
}

#[test]
fn a_restart_forgets_nothing() {
    let (path, settings) = snapshot("restart");
    let tracker = Tracker::start(&settings);
    fill(&tracker);
    tracker.stop();
    for restart in 1..=2 {
        let tracker = Tracker::start(&settings);
        let mut client = Connection::open(tracker.http[V4]);
        assert_eq!(
            client.get(&scrape('a')).scraped('a'),
            [2, 2, 1, 1],
            "restart {restart}"
        );
        assert_eq!(
            client.get(&scrape('b')).scraped('b'),
            [0, 0, 1, 0],
            "restart {restart}"
        );
        // Who completed before the restart does not complete again.
        client.get(&(announce('a', 2001, 0) + "&event=completed"));
        let answer = client.get(&announce('a', 2003, 5)).announced();
        assert_eq!(
            (answer.complete, answer.incomplete, answer.downloaded),
            (2, 2, 1)
        );
        assert_eq!(answer.peers, addrs(&["127.0.0.1:2001"]));
        assert_eq!(answer.peers6, Some(addrs(&["[::1]:2002", "[::1]:2004"])));
        let body = client.get(&(announce('a', 2003, 5) + "&compact=0")).good();
        for peer in body.get("peers").expect("peers").list() {
            let id = peer.get("peer id").map(|id| id.text().to_owned());
            assert_eq!(id, Some(format!("-XX0000-{:012}", peer.int("port"))));
        }
        tracker.stop();
    }
    assert!(messages_of(&path).iter().all(|level| *level == Level::Info));
}

#[test]
fn without_a_snapshot_a_restart_forgets() {
    let (path, settings) = snapshot("none");
    let tracker = Tracker::start(&settings);
    fill(&tracker);
    tracker.stop();
    std::fs::remove_file(path).expect("it was written");
    let tracker = Tracker::start(&settings);
    assert_eq!(get(tracker.http[V4], &scrape('a')).scraped('a'), [0; 4]);
}

#[test]
fn it_is_written_now_and_then() {
    let (path, settings) = snapshot("interval");
    let settings = settings.replacen(
        r#"{"snapshot":"#,
        r#"{"snapshot_interval": 1, "snapshot":"#,
        1,
    );
    let tracker = Tracker::start(&settings);
    fill(&tracker);
    let copy = path.with_extension("copy");
    let restored = || {
        // A round trip a turn; the copy is what a crash at this moment would leave.
        get(tracker.http[V4], "/");
        let _ = std::fs::remove_file(&copy);
        std::fs::copy(&path, &copy).is_ok() && {
            let settings = settings.replacen(".swarms", ".copy", 1);
            let other = Tracker::start(&settings);
            get(other.http[V4], &scrape('a')).scraped('a') == [2, 2, 1, 1]
        }
    };
    common::eventually("a snapshot with the swarms", restored);
}

#[test]
fn a_damaged_one_is_told_of_and_survived() {
    let (path, settings) = snapshot("damaged");
    let tracker = Tracker::start(&settings);
    fill(&tracker);
    tracker.stop();
    let whole = std::fs::read(&path).expect("it was written");
    let changed = |place: usize| {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        bytes
    };
    for (name, bytes) in [
        ("changed in its head", changed(3)),
        ("changed in a torrent", changed(60)),
        ("cut short", whole[..whole.len() - 1].to_vec()),
        ("cut in its head", whole[..20].to_vec()),
        ("empty", Vec::new()),
        ("something else", b"{\"not\": \"a snapshot\"}".repeat(100)),
    ] {
        std::fs::write(&path, &bytes).expect("written");
        let warned = messages_of(&path)
            .iter()
            .filter(|level| **level == Level::Warn)
            .count();
        let tracker = Tracker::start(&settings);
        let warnings = messages_of(&path)
            .iter()
            .filter(|level| **level == Level::Warn)
            .count();
        assert_eq!(warnings, warned + 1, "{name}");
        let mut client = Connection::open(tracker.http[V4]);
        let answer = client.get(&announce('c', 2001, 5)).announced();
        assert_eq!(answer.incomplete, 1, "{name}: it serves");
        tracker.stop();
        // And the next start finds a whole one.
        let tracker = Tracker::start(&settings);
        assert_eq!(
            get(tracker.http[V4], &scrape('c')).scraped('c')[1],
            1,
            "{name}"
        );
        let again = messages_of(&path)
            .iter()
            .filter(|level| **level == Level::Warn)
            .count();
        assert_eq!(again, warnings, "{name}");
    }
}
