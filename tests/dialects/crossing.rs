//! Connections to the tracker's own addresses on which a dialect is spoken: they cross to the thread
//! that serves it, and back.

use crate::client::{Told, leech};
use crate::common::http::{Connection, get, request as announce_request};
use crate::common::{Tracker, V4, V6, eventually};
use crate::gazelle::{self, Gazelle, SECRET, info_hash, passkey};
use crate::unit3d_site::{KEY, Unit3d, group, request, site, torrent, user, with};
use serde_json::Value;
use std::net::TcpStream;

fn update(parameters: &str) -> String {
    announce_request(&format!("/{SECRET}/update?{parameters}"))
}

fn add_user(letter: char, id: u32) -> String {
    update(&format!(
        "action=add_user&passkey={}&id={id}",
        passkey(letter)
    ))
}

fn is_success(answer: &crate::common::http::Answer) -> bool {
    answer.status == 200 && answer.body == b"success"
}

/// One connection, on which announces and changes come as they will.
#[test]
fn announces_and_changes_share_a_connection() {
    let site = gazelle::site("mixed", "tracker", "");
    let tracker = site.start();
    let add_torrent = update(&format!(
        "action=add_torrent&info_hash={}&id=9",
        info_hash('a')
    ));
    let announce = announce_request(&leech(&passkey('u'), 1).target());
    let refused = |answer| matches!(Told::of(&answer), Told::Refused(..));
    // One after the other, then all at once.
    for pipelined in [false, true] {
        let remove = update(&format!("action=remove_user&passkey={}", passkey('u')));
        let requests = [
            &announce,
            &add_user('u', 7),
            &add_torrent,
            &announce,
            &announce,
            &remove,
            &announce,
            &add_user('u', 7),
            &announce,
            &remove,
        ];
        let mut connection = Connection::open(tracker.http[V4]);
        if pipelined {
            connection.send(requests.map(|request| &**request).concat());
        }
        let mut answers = Vec::new();
        for request in requests {
            if !pipelined {
                connection.send(request);
            }
            answers.push(connection.answer());
        }
        let mut answers = answers.into_iter();
        let mut next = || answers.next().expect("ten answers");
        assert!(refused(next()));
        assert!(is_success(&next()) && is_success(&next()));
        assert!(!refused(next()) && !refused(next()));
        assert!(is_success(&next()));
        assert!(refused(next()));
        assert!(is_success(&next()));
        assert!(!refused(next()));
        assert!(is_success(&next()));
    }
}

/// As bytes come from afar: one by one, over both families.
#[test]
fn a_change_comes_in_pieces() {
    let site = site("pieces", "tracker", "");
    let tracker = site.start();
    Unit3d::of(&tracker).put("torrents", torrent(9, 'a'));
    for (family, passkey) in [(V4, "alice"), (V6, "bobby")] {
        let request = request("PUT", "users", &user(7 + family as u64, 3, passkey));
        let mut connection = Connection::open(tracker.http[family]);
        for byte in request.as_bytes() {
            connection.send([*byte]);
        }
        assert_eq!(connection.answer().status, 200);
        // The head alone crosses; the body follows.
        let (head, body) = request.split_at(request.find("\r\n\r\n").expect("a head") + 4);
        connection.send(head);
        let waiting = Connection::open(tracker.http[family]).get("/nowhere");
        assert_eq!(waiting.status, 404);
        connection.send(body);
        assert_eq!(connection.answer().status, 200);
        leech(passkey, 1).served(&tracker);
    }
}

#[test]
fn a_body_is_welcome_or_too_large() {
    let site = site("bodies", "tracker", "");
    let tracker = site.start();
    let path = format!("/announce/{KEY}/users");
    let head = |lines: &str| format!("PUT {path} HTTP/1.1\r\nHost: t\r\n{lines}\r\n");
    let json = "Content-Type: application/json\r\n";
    let mut connection = Connection::open(tracker.http[V4]);
    let body = user(7, 3, "alice").to_string();
    let length = body.len();
    connection.send(head(&format!(
        "{json}Expect: 100-continue\r\nContent-Length: {length}\r\n"
    )));
    assert_eq!(connection.answer_to_head().status, 100);
    connection.send(&body);
    assert_eq!(connection.answer().status, 200);
    for (lines, status) in [
        (format!("{json}Content-Length: 65537\r\n"), 413),
        (
            format!("{json}Content-Length: 99999999999999999999\r\n"),
            405,
        ),
        (
            "Content-Type: text/plain\r\nContent-Length: 2\r\n".to_owned(),
            415,
        ),
    ] {
        let mut connection = Connection::open(tracker.http[V4]);
        connection.send(head(&lines));
        assert_eq!(connection.answer().status, status, "{lines}");
    }
    let mut connection = Connection::open(tracker.http[V4]);
    connection.send(head(&format!("{json}Transfer-Encoding: chunked\r\n")));
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    for _ in 0..17 {
        connection.send(&chunk);
    }
    assert_eq!(connection.answer().status, 413);
}

/// What is pushed is so though the storage is away, and is there when it is back.
#[test]
fn pushes_are_held_while_the_storage_is_away() {
    let site = site("held", "tracker", "");
    let tracker = site.start();
    let unit3d = Unit3d::of(&tracker);
    unit3d.put("groups", with(group(3, "user"), "download_slots", 1));
    let database = site.connect();
    database.execute_batch("BEGIN EXCLUSIVE").expect("locked");
    unit3d.put("torrents", torrent(9, 'a'));
    unit3d.put("torrents", torrent(10, 'b'));
    unit3d.put("users", user(7, 3, "alice"));
    leech("alice", 1).served(&tracker);
    let no_slot = "all download slots are in use";
    leech("alice", 1).on('b').refused(&tracker, no_slot, "10");
    database.execute_batch("COMMIT").expect("unlocked");
    drop(database);
    site.wait_for("SELECT count(*) FROM tracker_users WHERE slots = 1", 1);
    site.wait_for("SELECT count(*) FROM tracker_torrents", 2);
}

/// A connection that stands at the other thread is bounded there as others are.
#[test]
fn those_who_never_finish_are_ended() {
    let settings = r#""admin": {"listen": [], "head_timeout": 1, "body_timeout": 1,
        "idle_timeout": 1, "dialects": {"unit3d": {"on": "tracker", "key": "KEY"}}}"#;
    let site = crate::site::Site::new("unit3d-slow").with(&settings.replace("KEY", KEY));
    let tracker = site.start();
    let whole = request("PUT", "torrents", &torrent(9, 'a'));
    let mut half = Connection::open(tracker.http[V4]);
    half.send(&whole[..whole.len() - 1]);
    assert_eq!(half.answer().status, 408);
    half.expect_end();
    let mut idle = Connection::open(tracker.http[V4]);
    idle.send(&whole);
    assert_eq!(idle.answer().status, 200);
    idle.expect_end();
    assert!(tracker.admin.is_empty());
}

#[test]
fn what_is_under_way_is_answered_when_the_tracker_stops() {
    let site = gazelle::site("stop", "tracker", "");
    let tracker = site.start();
    let mut connection = Connection::open(tracker.http[V4]);
    connection.send(add_user('u', 7));
    assert!(is_success(&connection.answer()));
    // It stands idle at the other thread.
    tracker.stop();
    connection.expect_end();
}

/// What is no dialect's is served where it always was, and the dialects nowhere but where they are
/// spoken.
#[test]
fn each_is_served_where_it_belongs() {
    let on_admin = gazelle::site("elsewhere-admin", "admin", "");
    let tracker = on_admin.start();
    let update = |parameters: &str| format!("/{SECRET}/update?{parameters}");
    assert_eq!(get(tracker.http[V4], &update("action=x")).status, 404);
    assert!(is_success(&get(tracker.admin[V4], &update("action=x"))));
    drop(tracker);
    let on_tracker = gazelle::site("elsewhere-tracker", "tracker", "");
    let tracker = on_tracker.start();
    assert!(tracker.admin.is_empty(), "nothing is served there");
    assert!(is_success(&get(tracker.http[V4], &update("action=x"))));
    for (path, status) in [
        ("/", 404),
        ("/stats", 404),
        ("/openapi.json", 404),
        (&*format!("/{SECRET}"), 404),
        (&*format!("/{SECRET}/update/"), 404),
        // UNIT3D's is not spoken here.
        (&*format!("/announce/{SECRET}/stats"), 404),
    ] {
        assert_eq!(get(tracker.http[V4], path).status, status, "{path}");
    }
    let status = |request: String| {
        let mut connection = Connection::open(tracker.http[V4]);
        connection.send(request);
        connection.answer().status
    };
    assert_eq!(status(request("PUT", "users", &user(7, 3, "alice"))), 405);
    assert_eq!(status(request("DELETE", "users", &Value::Null)), 405);
    // The API's own requests are none of a dialect.
    let of_api = "GET /stats HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer x\r\n\r\n";
    assert_eq!(status(of_api.to_owned()), 404);
    let mut connection = Connection::open(tracker.http[V4]);
    connection.send(add_user('u', 7));
    assert!(is_success(&connection.answer()));
    connection.send(of_api);
    assert_eq!(connection.answer().status, 404);
}

/// How many connections the tracker's workers have open.
fn open_connections(tracker: &Tracker) -> String {
    let report = Gazelle(tracker.admin[V4]).report("stats");
    let line = report
        .lines()
        .find(|line| line.ends_with("open connections"));
    line.expect("a line").to_owned()
}

#[test]
fn connections_that_have_crossed_are_no_workers_any_more() {
    let site = gazelle::site("moved", "both", "");
    let tracker = site.start();
    let mut connection = Connection::open(tracker.http[V4]);
    let count = |wanted: &str| {
        eventually(wanted, || open_connections(&tracker) == wanted);
    };
    connection.get("/nowhere");
    count("1 open connections");
    connection.send(add_user('u', 7));
    assert!(is_success(&connection.answer()));
    count("0 open connections");
    assert_eq!(connection.get("/nowhere").status, 404);
    count("1 open connections");
    let stream: &TcpStream = connection.stream();
    stream.shutdown(std::net::Shutdown::Both).expect("shut");
    count("0 open connections");
}
