//! Many requests on one connection: answers keep their order, and nobody else waits for them.

use crate::common::http::{Connection, hash, request, scrape};
use crate::common::{Tracker, V4, bencode};
use std::thread;

/// The letter of the torrent an answer tells of.
fn torrent(answer: &crate::common::http::Answer) -> char {
    let body = answer.good();
    let files = body.get("files").expect("files").dictionary();
    char::from(files.keys().next().expect("a torrent")[0])
}

fn letter(place: usize) -> char {
    char::from(b'A' + u8::try_from(place % 26).expect("a letter"))
}

#[test]
fn answers_keep_the_order_of_the_requests() {
    let tracker = Tracker::start("{}");
    const REFUSED: usize = 37;
    const NOT_FOUND: usize = 61;
    let mut sent = String::new();
    for place in 0..100 {
        sent += &match place {
            REFUSED => request("/scrape?info_hash=%zz"),
            NOT_FOUND => request("/nothing"),
            place => request(&scrape(letter(place))),
        };
    }
    sent += "this is no request\r\n\r\n";
    let mut client = Connection::open(tracker.http[V4]);
    client.send(&sent);
    for place in 0..100 {
        let answer = client.answer();
        match place {
            REFUSED => assert_eq!((answer.status, answer.failure().is_empty()), (200, false)),
            NOT_FOUND => assert_eq!(answer.status, 404),
            place => assert_eq!(torrent(&answer), letter(place), "answer {place}"),
        }
    }
    assert_eq!(client.answer().status, 400);
    client.expect_end();
}

#[test]
fn nothing_is_answered_after_the_last_request() {
    let tracker = Tracker::start("{}");
    let closing = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
    for (name, last, status) in [
        ("one that closes", closing, 404),
        ("one that is none", "lorem ipsum\r\n\r\n", 400),
        ("another method", "PUT / HTTP/1.1\r\n\r\n", 405),
    ] {
        let mut client = Connection::open(tracker.http[V4]);
        let after = request(&scrape('a')).repeat(100);
        client.send(request(&scrape('a')) + last + &after);
        assert_eq!(client.answer().status, 200, "{name}");
        assert_eq!(client.answer().status, status, "{name}");
        client.expect_end();
    }
}

/// Requests whose answers are far more than sockets hold.
const MANY: usize = 20_000;

#[test]
fn who_reads_slowly_loses_nothing_and_holds_up_nobody() {
    let tracker = Tracker::start(r#"{"network": {"workers": 1}}"#);
    let slow = Connection::open_with_little_room(tracker.http[V4]);
    let mut slow_requests = slow.stream().try_clone().expect("another handle");
    let more: String = ('a'..='j')
        .map(|letter| format!("&info_hash={}", hash(letter)))
        .collect();
    let writer = thread::spawn(move || {
        for place in 0..MANY {
            let target = scrape(letter(place)) + &more;
            let sent = request(&target);
            std::io::Write::write_all(&mut slow_requests, sent.as_bytes()).expect("sent");
        }
    });
    let mut other = Connection::open(tracker.http[V4]);
    for _ in 0..1000 {
        assert_eq!(torrent(&other.get(&scrape('x'))), 'x');
    }
    assert!(
        !writer.is_finished(),
        "the tracker took more than it could answer"
    );
    let mut slow = slow;
    for place in 0..MANY {
        assert_eq!(torrent(&slow.answer()), letter(place), "answer {place}");
    }
    writer.join().expect("all sent");
    assert_eq!(torrent(&other.get(&scrape('x'))), 'x');
}

#[test]
fn who_reads_nothing_is_given_up() {
    let tracker =
        Tracker::start(r#"{"network": {"workers": 1, "write_timeout": 1, "idle_timeout": 1}}"#);
    let client = Connection::open_with_little_room(tracker.http[V4]);
    let sent = request(&scrape('a')).repeat(1000);
    let mut stream = client.stream();
    // The tracker stops reading when nobody takes its answers; in the end it closes.
    let error = loop {
        if let Err(error) = std::io::Write::write_all(&mut stream, sent.as_bytes()) {
            break error;
        }
    };
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
    assert!(
        matches!(error.kind(), BrokenPipe | ConnectionReset),
        "{error}"
    );
}

#[test]
fn a_long_pipeline_of_announces_counts_each() {
    let tracker = Tracker::start("{}");
    let mut client = Connection::open(tracker.http[V4]);
    let targets = (0..1000).map(|peer| crate::common::http::announce('a', 2001 + peer, 5));
    client.send(targets.map(|target| request(&target)).collect::<String>());
    for count in 1..=1000 {
        assert_eq!(
            bencode::parse(&client.answer().body).int("incomplete"),
            count
        );
    }
}
