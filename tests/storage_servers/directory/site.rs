//! A site without a web application: by the command line, and over the management API.

use super::servers;
use crate::common::http::{Answer, Connection};
use crate::common::{Tracker, V4, eventually};
use crate::operator::run;
use crate::place::Place;
use serde_json::{Value, json};

const TOKEN: &str = "w-0123456789abcdef";
const HASH: &str = "6161616161616161616161616161616161616161";

fn announce(tracker: &Tracker, passkey: &str) -> Answer {
    let mut connection = Connection::open(tracker.http[V4]);
    connection.send(format!(
        "GET /{passkey}/announce?info_hash={}&peer_id=-XX0001-000000000001&port=6881&uploaded=0\
         &downloaded=0&left=0&compact=1 HTTP/1.1\r\nHost: t\r\n\r\n",
        "a".repeat(20)
    ));
    connection.answer()
}

fn push(tracker: &Tracker, line: &str, kind: &str, body: &str) -> Value {
    let mut connection = Connection::open(tracker.admin[V4]);
    connection.send(format!(
        "{line} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: {kind}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    let answer = connection.answer();
    assert!(
        answer.to_string().contains("200") || answer.to_string().contains("201"),
        "{answer}"
    );
    serde_json::from_slice(&answer.body).expect("JSON")
}

#[test]
fn commands_and_pushes_are_written_through() {
    for server in servers() {
        let what = format!("{:?}", server.kind());
        let place = Place::on(server, "site_own");
        let settings = place.settings("own");
        let good = |arguments: &[&str]| {
            let ran = run("site", &settings, arguments);
            assert_eq!(ran.code, Some(0), "{what}: {ran:?}");
            let document: Value = serde_json::from_str(&ran.out).expect("JSON");
            document
        };
        // Nobody runs: the storage itself is written.
        let added = good(&["--json", "user", "add", "alice"]);
        let passkey = added["passkey"].as_str().expect("a passkey").to_owned();
        assert_eq!(added["id"], 1, "{what}: {added}");

        let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let folder = folder.join(format!("site-{what}"));
        let _ = std::fs::remove_dir_all(&folder);
        let mut with = settings.clone();
        with["journal"] = json!({"path": folder});
        with["admin"] = json!({"listen": ["127.0.0.1:0"],
            "tokens": [{"name": "w", "scope": "write", "token": TOKEN}]});
        let tracker = Tracker::start(&with.to_string());
        let json = "application/json";
        let pushed = push(
            &tracker,
            &format!("PUT /torrents/{HASH}"),
            json,
            "{\"name\": \"a\"}",
        );
        assert_eq!(pushed["stored"], "written", "{what}: {pushed}");
        assert_eq!(pushed["id"], 1, "{what}: {pushed}");
        announce(&tracker, &passkey).announced();

        let lines: String = (1..=1000)
            .map(|number| format!("{{\"torrent\": {{\"info_hash\": \"{number:040x}\"}}}}\n"))
            .collect();
        let synced = push(&tracker, "POST /sync", "application/x-ndjson", &lines);
        assert_eq!(
            (&synced["done"], &synced["failed"]),
            (&json!(1000), &json!(0)),
            "{synced}"
        );

        // The command line has no token here: it goes to the storage, and the tracker sees it.
        good(&["--json", "user", "set", "alice", "--disable"]);
        eventually("disabled", || {
            announce(&tracker, &passkey)
                .to_string()
                .contains("account disabled")
        });
        // And so does anybody else.
        place.web().run("UPDATE tracker_users SET enabled = 1");
        eventually("enabled again", || {
            !announce(&tracker, &passkey)
                .to_string()
                .contains("account disabled")
        });
        tracker.stop();
        let rows = place
            .web()
            .rows("SELECT id, name FROM tracker_torrents WHERE name <> ''");
        assert_eq!(rows, [["1", "a"]], "{what}");
        let listed = run("site", &settings, &["torrent", "list"]).out;
        assert_eq!(
            listed
                .lines()
                .filter(|line| line.contains("registered"))
                .count(),
            1001,
            "{what}"
        );
    }
}
