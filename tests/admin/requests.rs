//! How requests are framed: methods, bodies, pipelines, the end of a connection.

use crate::call::{Manager, Told, WRITER, managed, request, torrent};
use crate::common::http::{Answer, Connection};
use crate::common::{Tracker, V4};

/// The answer to a request, and whether the connection is kept.
fn answer(tracker: &Tracker, request: &str) -> (Answer, bool) {
    let mut client = Connection::open(tracker.admin[V4]);
    client.send(request);
    let answer = client.answer();
    let is_kept = answer.header("connection") != Some("close");
    if is_kept {
        client.send(self::request(WRITER, "GET /stats", None));
        assert_eq!(client.answer().status, 200, "after {request}");
    } else {
        client.expect_end();
    }
    (answer, is_kept)
}

#[test]
fn every_fault_has_its_status() {
    let site = managed("faults");
    let tracker = site.start();
    let put = format!("PUT {}", torrent('a'));
    let with = |lines: &str, body: &str| {
        format!("{put} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {WRITER}\r\n{lines}\r\n{body}")
    };
    let json = "Content-Type: application/json\r\n";
    let long = "x".repeat(70_000);
    let whole = |line: &str| request(WRITER, line, None);
    for (name, request, status, is_kept) in [
        ("no HTTP", "nonsense\r\n\r\n".to_owned(), 400, false),
        (
            "no host",
            whole("GET /stats").replace("Host: tracker.example\r\n", ""),
            400,
            false,
        ),
        (
            "another version",
            whole("GET /stats").replace("HTTP/1.1", "HTTP/2.0"),
            505,
            false,
        ),
        (
            "a long head",
            with(&format!("X: {}\r\n", "x".repeat(9000)), ""),
            431,
            false,
        ),
        ("no path", whole("GET /"), 404, true),
        ("another method", whole("DELETE /stats"), 405, true),
        ("no length", with(json, ""), 411, true),
        (
            "a length of nothing",
            with("Content-Length: 0\r\n", ""),
            400,
            true,
        ),
        (
            "two lengths",
            with("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"),
            400,
            false,
        ),
        (
            "a length and chunks",
            with("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "{}"),
            400,
            false,
        ),
        (
            "no media type",
            with("Content-Length: 2\r\n", "{}"),
            415,
            false,
        ),
        ("too long", request(WRITER, &put, Some(&long)), 413, false),
        (
            "too long in chunks",
            with(
                &format!("{json}Transfer-Encoding: chunked\r\n"),
                &format!("11170\r\n{long}\r\n"),
            ),
            413,
            false,
        ),
        ("no JSON", request(WRITER, &put, Some("{")), 400, true),
        (
            "another expectation",
            with("Expect: miracles\r\n", ""),
            417,
            false,
        ),
        (
            "a body of a GET",
            request(WRITER, "GET /stats", Some("{}")),
            400,
            false,
        ),
    ] {
        let (answer, kept) = answer(&tracker, &request);
        assert_eq!((answer.status, kept), (status, is_kept), "{name}: {answer}");
        assert!(!Told::of(&answer).error(status).is_empty());
    }
}

#[test]
fn methods_of_each_path() {
    let site = managed("methods");
    let tracker = site.start();
    for (path, allow) in [
        ("/stats", "GET, HEAD"),
        ("/options", "GET, HEAD, PATCH"),
        ("/sync", "POST"),
        ("/users/1", "GET, HEAD, PUT, PATCH, DELETE"),
        ("/users", "GET, HEAD"),
        ("/tokens/1/1", "GET, HEAD, PUT, DELETE"),
        ("/users/1/peers", "GET, HEAD"),
    ] {
        let (answer, _) = answer(&tracker, &request(WRITER, &format!("TRACE {path}"), None));
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some(allow)),
            "{path}"
        );
    }
}

#[test]
fn head_is_get_without_the_body() {
    let site = managed("head");
    site.torrent('a');
    let tracker = site.start();
    for path in [
        torrent('a'),
        torrent('b'),
        "/nothing".to_owned(),
        "/sync".to_owned(),
    ] {
        let mut client = Connection::open(tracker.admin[V4]);
        client.send(request(WRITER, &format!("HEAD {path}"), None));
        let head = client.answer_to_head();
        client.send(request(WRITER, &format!("GET {path}"), None));
        let got = client.answer();
        assert_eq!((head.status, &head.head), (got.status, &got.head), "{path}");
    }
    let closing =
        request(WRITER, "HEAD /nothing", None).replace("Host:", "Connection: close\r\nHost:");
    let mut client = Connection::open(tracker.admin[V4]);
    client.send(closing);
    assert_eq!(client.answer_to_head().status, 404);
    client.expect_end();
}

#[test]
fn pipelined_requests_are_answered_in_order_and_each_sees_those_before_it() {
    const ROUNDS: usize = 300;

    let site = managed("pipeline");
    let tracker = site.start();
    let mut requests = String::new();
    for round in 0..ROUNDS {
        let (put, get) = (
            format!("PUT {}", torrent('a')),
            format!("GET {}", torrent('a')),
        );
        let percent = format!(r#"{{"up_percent": {round}}}"#);
        requests += &request(WRITER, &put, Some(&percent));
        requests += &request(WRITER, &get, None);
    }
    requests += &request(WRITER, &format!("DELETE {}", torrent('a')), None);
    requests += &request(WRITER, &format!("GET {}", torrent('a')), None);
    let mut client = Connection::open(tracker.admin[V4]);
    let mut writer = client.stream().try_clone().expect("a second handle");
    std::thread::scope(|scope| {
        scope.spawn(|| std::io::Write::write_all(&mut writer, requests.as_bytes()));
        for round in 0..ROUNDS {
            let put = Told::of(&client.answer()).good();
            assert_eq!(put["created"], round == 0);
            let got = Told::of(&client.answer()).good();
            assert_eq!(got["up_percent"], round);
        }
        assert_eq!(client.answer().status, 200);
        assert_eq!(client.answer().status, 404);
    });
}

#[test]
fn a_request_in_pieces_is_the_same_request() {
    let site = managed("pieces");
    let tracker = site.start();
    let put = format!("PUT {}", torrent('a'));
    let whole = request(WRITER, &put, Some(r#"{"id": 3}"#));
    let mut pacer = Manager::of(&tracker);
    for split in 1..whole.len() {
        let mut client = Connection::open(tracker.admin[V4]);
        let (first, second) = whole.split_at(split);
        client.send(first);
        // Once this is answered, what was there before it has been read.
        pacer.get("/options").good();
        client.send(second);
        assert_eq!(
            Told::of(&client.answer()).good()["id"],
            3,
            "split at {split}"
        );
    }
}

#[test]
fn who_waits_for_the_word_gets_it_if_the_body_is_welcome() {
    let site = managed("continue");
    let tracker = site.start();
    let head = |line: &str, length: usize, token: &str| {
        format!(
            "{line} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\
             Expect: 100-continue\r\n\r\n"
        )
    };
    let put = format!("PUT {}", torrent('a'));
    let mut client = Connection::open(tracker.admin[V4]);
    client.send(head(&put, 2, WRITER));
    assert_eq!(client.answer_to_head().status, 100);
    client.send("{}");
    assert_eq!(client.answer().status, 201);
    for (line, length, token, status) in [
        (put.as_str(), 70_000, WRITER, 413),
        (&put, 2, "0123456789abcdef", 401),
        ("PUT /nothing", 2, WRITER, 404),
    ] {
        let mut client = Connection::open(tracker.admin[V4]);
        client.send(head(line, length, token));
        assert_eq!(client.answer().status, status, "{line}");
        client.expect_end();
    }
}

#[test]
fn http_1_0_and_the_end_of_input() {
    let site = managed("old");
    let tracker = site.start();
    let old = format!("GET /stats HTTP/1.0\r\nAuthorization: Bearer {WRITER}\r\n");
    let mut client = Connection::open(tracker.admin[V4]);
    client.send(format!("{old}Connection: keep-alive\r\n\r\n"));
    assert_eq!(client.answer().header("connection"), Some("keep-alive"));
    client.send(format!("{old}\r\n"));
    assert_eq!(client.answer().header("connection"), Some("close"));
    client.expect_end();
    // Who says that nothing more will come is answered before the end.
    let mut client = Connection::open(tracker.admin[V4]);
    let put = request(WRITER, &format!("PUT {}", torrent('a')), Some("{}"));
    client.send(put.repeat(3) + "GET /st");
    client.end_requests();
    for status in [201, 200, 200] {
        assert_eq!(client.answer().status, status);
    }
    client.expect_end();
}
