//! What stands in logs and in the journal's folder: no passkeys, and rows that were refused.

use crate::client::{Announce, BOTH, Told, WAYS, leech, seed};
use crate::common::program::Running;
use crate::common::{Tracker, http, udp};
use crate::site::Site;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

/// Passkeys that could be told from anything else.
const GOOD: &str = "g00d9d4c3b2a1f0e5d4c3b2a1f0e5d4c";
const BANNED: &str = "bann3d0c3b2a1f0e5d4c3b2a1f0e5d4c";
const UNKNOWN: &str = "unkn0wnc3b2a1f0e5d4c3b2a1f0e5d4c";
const LATER: &str = "l4t3rd4c3b2a1f0e5d4c3b2a1f0e5d4c";
const SECRETS: [&str; 4] = [GOOD, BANNED, UNKNOWN, LATER];

/// An executable that serves a site.
struct Program {
    running: Running,
    tracker: Tracker,
}

impl Program {
    fn start(site: &Site, level: &str) -> Program {
        let mut running = Running::start(&site.config_file(level));
        let addresses = running.listening(4);
        let of = |wanted: &str| -> Vec<SocketAddr> {
            let addresses = addresses.iter();
            let addresses = addresses.filter(|(protocol, _)| protocol == wanted);
            addresses.map(|(_, address)| *address).collect()
        };
        let tracker = Tracker::elsewhere(of("http"), of("udp"));
        Program { running, tracker }
    }

    /// Stops it; returns what it has said.
    fn stop(self) -> Vec<String> {
        let (status, lines) = self.running.end_by("-TERM");
        assert!(status.success(), "{lines:?}");
        lines
    }
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes
        .windows(secret.len())
        .any(|window| window.eq_ignore_ascii_case(secret.as_bytes()))
}

#[test]
fn passkeys_are_nowhere_to_be_read() {
    let site = Site::new("secrecy");
    site.user(GOOD);
    site.user(BANNED);
    site.torrent('a');
    site.sql(&format!(
        "UPDATE tracker_users SET enabled = 0 WHERE passkey = '{BANNED}'"
    ));
    let program = Program::start(&site, "trace");
    let tracker = &program.tracker;
    for way in WAYS {
        for passkey in SECRETS {
            for torrent in ['a', 'x'] {
                leech(passkey, 1).on(torrent).by(way).told(tracker);
            }
        }
        seed(GOOD, 2).by(way).event("completed").served(tracker);
    }
    for target in [
        format!("/{GOOD}/scrape?info_hash={}", http::hash('a')),
        format!("/{GOOD}/announce?info_hash=%zz"),
        format!("/{GOOD}/nonsense"),
        format!("/{GOOD}"),
        format!("/announce?passkey={GOOD}&info_hash=a"),
    ] {
        http::get(tracker.http[0], &target);
    }
    for request in [
        format!("GET /{GOOD}/announce\r\n\r\n"),
        format!("POST /{GOOD}/announce HTTP/1.1\r\n\r\n"),
        format!("GET /{GOOD}/announce HTTP/1.1\r\nBad Header\r\n\r\n"),
    ] {
        let mut connection = http::Connection::open(tracker.http[0]);
        connection.send(request);
        connection.read_to_end(&mut Vec::new());
    }
    let mut client = udp::Client::new(tracker.udp[0]);
    client.refused(1, format!("/{GOOD}/announce").as_bytes());
    // A row that cannot be read, one that has its passkey taken away, and one that goes.
    site.sql(&format!(
        "INSERT INTO tracker_users (passkey, enabled) VALUES ('{LATER}', 'maybe');
         UPDATE tracker_users SET passkey = '{UNKNOWN}' WHERE passkey = '{BANNED}';"
    ));
    leech(UNKNOWN, 1).eventually_refused(tracker, "account disabled");
    leech(GOOD, 1).moved(10, 10).served(tracker);
    let lines = program.stop();
    assert!(!lines.is_empty());
    for line in &lines {
        assert!(
            !SECRETS.iter().any(|secret| holds(line.as_bytes(), secret)),
            "{line}"
        );
    }
    let mut seen = Vec::new();
    for entry in fs::read_dir(site.journal()).expect("a folder") {
        let path = entry.expect("an entry").path();
        let bytes = fs::read(&path).expect("a file");
        let found = SECRETS.iter().find(|secret| holds(&bytes, secret));
        assert_eq!(found, None, "{}", path.display());
        seen.push(
            path.file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned(),
        );
    }
    for file in ["checkpoint", "directory", "writer"] {
        assert!(seen.iter().any(|name| name == file), "{file} in {seen:?}");
    }
    assert!(
        seen.iter().any(|name| name.contains("journal")) || seen.len() > 4,
        "{seen:?}"
    );
}

#[test]
fn a_row_that_is_refused_blocks_nobody() {
    for way in BOTH {
        let site = Site::new(&format!("rejected-{way:?}")).with_rare_visits();
        let users = ["alice", "bob", "carol"].map(|name| site.user(name));
        site.torrent('a');
        site.torrent('b');
        let program = Program::start(&site, "info");
        let tracker = &program.tracker;
        for (user, torrent) in [("alice", 'a'), ("bob", 'a'), ("carol", 'a'), ("carol", 'b')] {
            let client = leech(user, 1).on(torrent).by(way);
            client.served(tracker);
            client.moved(100, 10).served(tracker);
        }
        // Its totals have been gathered, and are written nowhere yet.
        site.sql("DELETE FROM tracker_users WHERE name = 'bob'");
        let lines = program.stop();
        let warned = lines.iter().filter(|line| line.contains("WARN")).count();
        assert_eq!(warned, 1, "{lines:?}");
        assert!(
            lines.iter().any(|line| line.contains("rejected.jsonl")),
            "{lines:?}"
        );
        assert_eq!(site.totals(users[0]), [100, 10, 100, 10], "{way:?}");
        assert_eq!(site.totals(users[2]), [200, 20, 200, 20], "{way:?}");
        let text = fs::read_to_string(site.journal().join("rejected.jsonl")).expect("a file");
        let rows: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(rows.len(), 1, "{text}");
        assert_eq!(rows[0]["table"], "users", "{text}");
        assert_eq!(rows[0]["row"]["user"], users[1], "{text}");
        assert_eq!(rows[0]["row"]["raw"]["uploaded"], 100, "{text}");
        // It tells who transferred what.
        for entry in fs::read_dir(site.journal()).expect("a folder") {
            let entry = entry.expect("an entry");
            let mode = entry.metadata().expect("its mode").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", entry.path().display());
        }
        // The next start does not come back to it.
        let lines = Program::start(&site, "info").stop();
        assert!(!lines.iter().any(|line| line.contains("WARN")), "{lines:?}");
        let again = fs::read_to_string(site.journal().join("rejected.jsonl")).expect("a file");
        assert_eq!(again, text);
    }
}

#[test]
fn a_torrent_that_is_gone_does_not_keep_its_users_from_their_totals() {
    let site = Site::new("rejected-torrent").with_rare_visits();
    let alice = site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    let client = Announce {
        agent: "Example/1",
        ..leech("alice", 1)
    };
    assert!(matches!(client.told(&tracker), Told::Served(_)));
    client.moved(100, 10).served(&tracker);
    site.sql("DELETE FROM tracker_torrents");
    tracker.stop();
    assert_eq!(site.totals(alice), [100, 10, 100, 10]);
}

#[test]
fn a_client_that_claims_more_than_can_be_kept_harms_nobody_else() {
    for way in BOTH {
        let site = Site::new(&format!("rejected-claims-{way:?}")).with_rare_visits();
        site.user("mallory");
        let bob = site.user("bob");
        site.torrent('a');
        let tracker = site.start();
        for user in ["mallory", "bob"] {
            leech(user, 1).by(way).served(&tracker);
        }
        for most in [u64::MAX - 1, u64::MAX] {
            leech("mallory", 1)
                .by(way)
                .moved(most, most)
                .served(&tracker);
        }
        leech("bob", 1).by(way).moved(100, 10).served(&tracker);
        tracker.stop();
        assert_eq!(site.totals(bob), [100, 10, 100, 10], "{way:?}");
        let tracker = site.start();
        leech("bob", 1).by(way).moved(150, 10).served(&tracker);
        tracker.stop();
        assert_eq!(site.totals(bob), [150, 10, 150, 10], "{way:?}");
    }
}
