//! A request is the same request however its bytes arrive.

use crate::common::http::{Answer, Connection, announce, get, request, scrape};
use crate::common::{Tracker, V4};

/// One worker, so that an answer on one connection tells what has been read from another; and no
/// jitter, so that the same request gets the same answer.
const SETTINGS: &str = r#"{"network": {"workers": 1}, "announce": {"jitter": 0}}"#;

/// Requests by name, and whether the connection goes on after them.
fn requests() -> Vec<(&'static str, String, bool)> {
    let announce = announce('a', 2001, 5);
    let line = |line: &str| format!("{line}\r\nHost: tracker.example\r\n\r\n");
    vec![
        ("announce", request(&announce), true),
        (
            "escapes",
            request(&announce.replace("hash=aa", "hash=%61a")),
            true,
        ),
        (
            "dictionaries",
            request(&(announce.clone() + "&compact=0")),
            true,
        ),
        ("scrape", request(&scrape('a')), true),
        (
            "absolute form",
            request(&format!("http://tracker.example{announce}")),
            true,
        ),
        (
            "refused",
            request(&announce.replace("hash=a", "hash=%")),
            true,
        ),
        ("not found", request("/"), true),
        (
            "closing",
            format!("GET {announce} HTTP/1.1\r\nConnection: close\r\n\r\n"),
            false,
        ),
        (
            "HTTP/1.0",
            format!("GET {announce} HTTP/1.0\r\n\r\n"),
            false,
        ),
        (
            "empty lines before it",
            "\r\n\r\n".to_owned() + &request(&scrape('a')),
            true,
        ),
        (
            "bare line feeds",
            format!("GET {} HTTP/1.1\nHost: t\n\n", scrape('a')),
            true,
        ),
        ("another method", line("POST /announce HTTP/1.1"), false),
        ("another version", line("GET /announce HTTP/3.0"), false),
        ("a body", line("GET / HTTP/1.1\r\nContent-Length: 1"), false),
        ("not HTTP", line("lorem ipsum"), false),
    ]
}

/// The answer, and that the connection then is as it should be.
fn finish(client: &mut Connection, stays: bool) -> Answer {
    let answer = client.answer();
    if !stays {
        client.expect_end();
    }
    answer
}

#[test]
fn at_every_split() {
    let tracker = Tracker::start(SETTINGS);
    let mut pacer = Connection::open(tracker.http[V4]);
    pacer.get(&announce('a', 2002, 0));
    for (name, request, stays) in requests() {
        let mut client = Connection::open(tracker.http[V4]);
        client.send(&request);
        let whole = finish(&mut client, stays);
        for split in 1..request.len() {
            if !stays {
                client = Connection::open(tracker.http[V4]);
            }
            let (first, second) = request.split_at(split);
            client.send(first);
            // Once the worker has answered this, it has read what was there before it.
            pacer.get("/");
            client.send(second);
            assert_eq!(
                finish(&mut client, stays),
                whole,
                "{name}, split at {split}"
            );
        }
    }
}

#[test]
fn byte_by_byte() {
    let tracker = Tracker::start(SETTINGS);
    let mut pacer = Connection::open(tracker.http[V4]);
    pacer.get(&announce('a', 2002, 0));
    for (name, request, stays) in requests() {
        let mut client = Connection::open(tracker.http[V4]);
        client.send(&request);
        let whole = finish(&mut client, stays);
        let mut client = Connection::open(tracker.http[V4]);
        for byte in request.as_bytes() {
            client.send([*byte]);
            pacer.get("/");
        }
        assert_eq!(finish(&mut client, stays), whole, "{name}");
    }
}

#[test]
fn a_proxy_header_in_pieces() {
    let tracker = Tracker::start(
        r#"{"network": {"workers": 1, "trusted_proxies": ["127.0.0.2/32"],
            "proxy_protocol": true}}"#,
    );
    let proxy = crate::common::ip("127.0.0.2");
    let mut pacer = Connection::open(tracker.http[V4]);
    let v1 = b"PROXY TCP4 192.0.2.7 10.0.0.1 4660 80\r\n".to_vec();
    let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\x12\x34\0\x50".to_vec();
    for (name, header) in [("v1", v1), ("v2", v2)] {
        let bytes = [header, request(&announce('a', 2001, 5)).into_bytes()].concat();
        for split in 1..bytes.len() {
            let mut client = Connection::open_from(proxy, tracker.http[V4]);
            client.send(&bytes[..split]);
            pacer.get("/");
            client.send(&bytes[split..]);
            let told = client.answer().announced();
            assert_eq!(
                told.external_ip.to_string(),
                "192.0.2.7",
                "{name}, split at {split}"
            );
        }
    }
}

#[test]
fn who_has_ended_its_side_still_gets_its_answers() {
    let tracker = Tracker::start(SETTINGS);
    for (name, before, sent, answers) in [
        ("with the first request", 0, request(&scrape('a')), 1),
        ("with a later request", 1, request(&scrape('a')), 1),
        ("with several", 1, request(&scrape('a')).repeat(70), 70),
        (
            "with one and a half",
            1,
            request(&scrape('a')) + "GET /announce?in",
            1,
        ),
        ("within the first", 0, "GET /ann".to_owned(), 0),
        ("with nothing", 0, String::new(), 0),
        ("with nothing more", 1, String::new(), 0),
    ] {
        // Request and end may be told to the tracker together or one by one: both must do.
        for round in 0..50 {
            let mut client = Connection::open(tracker.http[V4]);
            for _ in 0..before {
                client.get("/");
            }
            client.send(&sent);
            client.end_requests();
            for _ in 0..answers {
                assert_eq!(
                    client.answer().scraped('a'),
                    [0; 4],
                    "{name}, round {round}"
                );
            }
            client.expect_end();
        }
    }
}

#[test]
fn a_client_that_goes_leaves_nothing_behind() {
    let tracker = Tracker::start(SETTINGS);
    for _ in 0..50 {
        let mut client = Connection::open(tracker.http[V4]);
        client.send(request(&announce('a', 2001, 5)).repeat(40));
        // Dropped with answers unread, its end is a reset.
    }
    assert_eq!(get(tracker.http[V4], &scrape('a')).status, 200);
}
