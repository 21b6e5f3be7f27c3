//! How long a client may take, and how much it may hold.

use crate::call::{Manager, WRITER, request, section, torrent};
use crate::common::http::Connection;
use crate::common::{PATIENCE, Tracker, V4};
use crate::site::Site;
use std::io::{ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

/// A site whose tracker has little patience with those who manage it.
fn impatient(name: &str) -> Site {
    let times = r#""head_timeout": 1, "body_timeout": 1, "idle_timeout": 1, "write_timeout": 1,"#;
    Site::new(&format!("admin-{name}"))
        .with_rare_visits()
        .with(&section(times))
}

fn head_of_body(kind: &str) -> String {
    let line = match kind {
        "application/json" => format!("PUT {}", torrent('a')),
        _ => "POST /sync".to_owned(),
    };
    format!(
        "{line} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {WRITER}\r\n\
         Content-Type: {kind}\r\nContent-Length: 1000\r\n\r\n"
    )
}

#[test]
fn who_says_nothing_is_closed_and_who_says_half_is_told_so() {
    let site = impatient("silent");
    let tracker = site.start();
    let json = head_of_body("application/json");
    let lines = head_of_body("application/x-ndjson");
    thread::scope(|scope| {
        for (name, before, sent, status) in [
            ("nothing at all", 0, "", None),
            ("nothing more", 1, "", None),
            ("half a head", 0, "GET /sta", Some(408)),
            ("half of the next head", 1, "GET /sta", Some(408)),
            ("a head without its body", 0, &json, Some(408)),
            ("a sync without lines", 0, &lines, Some(408)),
        ] {
            let tracker = &tracker;
            scope.spawn(move || {
                let mut client = Connection::open(tracker.admin[V4]);
                for _ in 0..before {
                    client.send(request(WRITER, "GET /stats", None));
                    client.answer();
                }
                client.send(sent);
                let start = Instant::now();
                let told = client.try_answer().map(|answer| answer.status);
                assert_eq!(told, status, "{name}");
                client.expect_end();
                let waited = start.elapsed();
                assert!(
                    waited > Duration::from_millis(500),
                    "{name}: after {waited:?}"
                );
            });
        }
    });
}

/// Sends a byte now and then until the other side has enough of it.
fn drip(client: &Connection, byte: u8) -> Duration {
    let mut stream = client.stream();
    stream
        .set_read_timeout(Some(Duration::from_millis(20)))
        .expect("a timeout");
    let start = Instant::now();
    loop {
        // The wait for an answer is what makes it drip.
        match stream.read(&mut [0; 1000]) {
            Ok(0) => return start.elapsed(),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // A byte met the end on its way.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return start.elapsed(),
            Err(error) => panic!("{error}"),
        }
        assert!(start.elapsed() < PATIENCE, "still open");
        if stream.write_all(&[byte]).is_err() {
            return start.elapsed();
        }
    }
}

#[test]
fn a_request_that_drips_in_is_not_waited_for() {
    let site = impatient("drip");
    let tracker = site.start();
    for begun in [
        "GET /".to_owned(),
        head_of_body("application/json"),
        head_of_body("application/x-ndjson"),
    ] {
        let mut client = Connection::open(tracker.admin[V4]);
        client.send(&begun);
        let waited = drip(&client, b'a');
        assert!(waited < Duration::from_secs(5), "{begun}: {waited:?}");
    }
    // A sync whose lines come whole is waited for, each of them.
    let mut client = Connection::open(tracker.admin[V4]);
    let head = head_of_body("application/x-ndjson");
    client.send(head.replace("Content-Length: 1000", "Transfer-Encoding: chunked"));
    let mut manager = Manager::of(&tracker);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        client.send("1\r\n\n\r\n");
        manager.get("/options").good();
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.answer().status, 200);
}

#[test]
fn who_does_not_take_its_answers_is_closed() {
    let site = impatient("greedy");
    let tracker = site.start();
    let greedy = Connection::open_with_little_room(tracker.admin[V4]);
    let document = request(WRITER, "GET /openapi.json", None);
    let start = Instant::now();
    // It asks on and on and reads nothing: at last its requests are not taken either.
    let sent = (0..100_000).take_while(|_| {
        let sent = greedy.stream().write_all(document.as_bytes());
        sent.is_ok() && start.elapsed() < PATIENCE
    });
    assert!(sent.count() < 100_000);
    assert!(start.elapsed() < PATIENCE, "still open");
    let mut rest = Vec::new();
    // What was on its way may come, then the end, in order or not.
    let _ = greedy.stream().read_to_end(&mut rest);
    Manager::of(&tracker).get("/options").good();
}

#[test]
fn who_asks_is_served_however_many_just_connect() {
    let site = Site::new("admin-crowded")
        .with_rare_visits()
        .with(&section(r#""max_connections": 8,"#));
    let tracker = site.start();
    let mut known = Manager::of(&tracker);
    known.get("/options").good();
    let mut crowd = Vec::new();
    for round in 0..100 {
        for sent in ["", "GET /stats HT"] {
            let mut client = Connection::open(tracker.admin[V4]);
            client.send(sent);
            crowd.push(client);
        }
        let mut client = Connection::open(tracker.admin[V4]);
        client.send(request(WRITER, "GET /options", None));
        assert_eq!(client.answer().status, 200, "round {round}");
    }
    // One that had a right token is not pushed out by those that had none.
    assert_eq!(known.get("/options").status, 200);
}

#[test]
fn a_tracker_that_stops_answers_what_it_was_asked() {
    let site = Site::new("admin-stop")
        .with_rare_visits()
        .with(&section(""));
    let tracker = Tracker::start(&site.settings());
    let put = request(WRITER, &format!("PUT {}", torrent('a')), Some("{}"));
    let mut clients: Vec<Connection> = (0..20)
        .map(|_| Connection::open(tracker.admin[V4]))
        .collect();
    for client in &mut clients {
        client.send(&put);
    }
    let mut open = Connection::open(tracker.admin[V4]);
    open.send(head_of_body("application/x-ndjson"));
    // Once the last is answered, the others have been read.
    assert_eq!(clients.pop().expect("one").answer().status / 100, 2);
    tracker.stop();
    for client in &mut clients {
        assert_eq!(client.answer().status / 100, 2);
        client.expect_end();
    }
    open.expect_end();
}
