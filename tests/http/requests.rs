//! Requests that are refused, malformed, or written in a way of their own.

use crate::common::bencode;
use crate::common::http::{Connection, announce, get, request};
use crate::common::{Tracker, V4, addr};

/// An announce in which `from` is replaced by `to`.
fn altered(from: &str, to: &str) -> String {
    let target = announce('a', 2001, 5);
    assert!(target.contains(from), "{from} is not in {target}");
    target.replace(from, to)
}

const INFO_HASH: &str = "info_hash=aaaaaaaaaaaaaaaaaaaa";
const PEER_ID: &str = "peer_id=-XX0000-000000002001";

#[test]
fn what_is_refused_is_answered_with_200_and_the_connection_goes_on() {
    let tracker = Tracker::start("{}");
    let mut client = Connection::open(tracker.http[V4]);
    for (name, target, reason) in [
        (
            "no info_hash",
            altered(INFO_HASH, "x=1"),
            "info_hash must be 20 bytes",
        ),
        (
            "empty info_hash",
            altered(INFO_HASH, "info_hash="),
            "info_hash must be 20 bytes",
        ),
        (
            "short info_hash",
            altered("hash=a", "hash="),
            "info_hash must be 20 bytes",
        ),
        (
            "long info_hash",
            altered("hash=a", "hash=aa"),
            "info_hash must be 20 bytes",
        ),
        (
            "two info_hashes",
            announce('a', 2001, 5) + "&info_hash=bbbbbbbbbbbbbbbbbbbb",
            "more than one info_hash",
        ),
        (
            "bad escape",
            altered("hash=a", "hash=%g0"),
            "bad percent-encoding",
        ),
        (
            "escape of one digit",
            altered("a&peer_id", "%4&peer_id"),
            "bad percent-encoding",
        ),
        (
            "escape of none",
            altered("a&peer_id", "%&peer_id"),
            "bad percent-encoding",
        ),
        (
            "no peer_id",
            altered(PEER_ID, "x=1"),
            "peer_id must be 20 bytes",
        ),
        (
            "short peer_id",
            altered("2001&port", "200&port"),
            "peer_id must be 20 bytes",
        ),
        (
            "bad escape in peer_id",
            altered("-XX", "%XX"),
            "bad percent-encoding",
        ),
        (
            "port of letters",
            altered("port=2001", "port=http"),
            "port is not valid",
        ),
        (
            "port too large",
            altered("port=2001", "port=65536"),
            "port is not valid",
        ),
        (
            "negative port",
            altered("port=2001", "port=-1"),
            "port is not valid",
        ),
        (
            "bad scrape",
            "/scrape?info_hash=%zz".to_owned(),
            "bad percent-encoding",
        ),
        (
            "short scrape",
            "/scrape?info_hash=a".to_owned(),
            "info_hash must be 20 bytes",
        ),
    ] {
        let refused = client.get(&target);
        assert_eq!(
            (refused.status, refused.failure().as_str()),
            (200, reason),
            "{name}"
        );
        assert_eq!(
            bencode::parse(&refused.body).get("retry in"),
            None,
            "{name}"
        );
        let good = client.get(&announce('b', 2001, 5)).announced();
        assert_eq!(good.incomplete, 1, "{name}: the request after it");
    }
    let counts = client.get(&crate::common::http::scrape('a')).scraped('a');
    assert_eq!(counts, [0; 4], "who is refused does not join");
}

#[test]
fn a_plus_is_a_plus() {
    let tracker = Tracker::start("{}");
    let hash = "+".to_owned() + &"a".repeat(19);
    let mut client = Connection::open(tracker.http[V4]);
    client.get(&altered(&"a".repeat(20), &hash)).announced();
    for (written, seeders) in [("%2B", 1), ("%2b", 1), ("%20", 0)] {
        let target = format!("/scrape?info_hash={written}{}", "a".repeat(19));
        let body = client.get(&target).good();
        let files = body.get("files").expect("files").dictionary();
        let counts = files.values().next().expect("a torrent");
        assert_eq!(counts.int("incomplete"), seeders, "{written}");
    }
}

#[test]
fn what_is_no_request_is_told_so_and_ends_the_connection() {
    let tracker = Tracker::start("{}");
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(8192));
    let long_headers = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(8192));
    let without_end = format!("GET /{}", "a".repeat(8192));
    let many_headers = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(500));
    let with_body = |line: &str| format!("GET /announce HTTP/1.1\r\n{line}\r\n\r\nbody");
    for (name, sent, status) in [
        ("not HTTP", "hello, tracker\r\n\r\n", 400),
        ("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01", 400),
        ("a tab in the line", "GET\t/announce HTTP/1.1\r\n\r\n", 400),
        ("no version", "GET /announce\r\n\r\n", 400),
        ("another version", "GET /announce HTTP/2.0\r\n\r\n", 400),
        (
            "a header without colon",
            "GET /announce HTTP/1.1\r\nHost\r\n\r\n",
            400,
        ),
        (
            "a PROXY line",
            "PROXY TCP4 192.0.2.7 10.0.0.1 4660 80\r\n",
            400,
        ),
        ("a long line", &long, 400),
        ("a long header", &long_headers, 400),
        ("8 KiB and no end", &without_end, 400),
        ("many headers", &many_headers, 400),
        ("a body", &with_body("Content-Length: 4"), 400),
        (
            "a body in chunks",
            &with_body("Transfer-Encoding: chunked"),
            400,
        ),
        (
            "POST",
            "POST /announce HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody",
            405,
        ),
        ("PUT", "PUT /announce HTTP/1.1\r\n\r\n", 405),
        ("OPTIONS", "OPTIONS * HTTP/1.1\r\n\r\n", 405),
    ] {
        let mut client = Connection::open(tracker.http[V4]);
        // One good request before it, which is answered first.
        client.send(request(&announce('a', 2001, 5)) + sent);
        client.answer().announced();
        let answer = client.answer();
        assert_eq!(answer.status, status, "{name}: {answer}");
        assert!(!answer.failure().is_empty(), "{name}");
        assert_eq!(answer.header("connection"), Some("close"), "{name}");
        client.expect_end();
    }
}

#[test]
fn other_paths_are_not_found_and_the_connection_goes_on() {
    let tracker = Tracker::start("{}");
    let mut client = Connection::open(tracker.http[V4]);
    for target in [
        "/",
        "/announce/",
        "/announce.php",
        "/a/b/announce",
        "//announce",
        "/stats",
    ] {
        let answer = client.get(target);
        assert_eq!(answer.status, 404, "{target}");
        assert!(!answer.failure().is_empty(), "{target}");
    }
    client.get(&announce('a', 2001, 5)).announced();
}

#[test]
fn a_path_may_begin_with_a_passkey() {
    let tracker = Tracker::start("{}");
    let mut client = Connection::open(tracker.http[V4]);
    let target = format!("/0123456789abcdef{}", announce('a', 2001, 5));
    assert_eq!(client.get(&target).announced().incomplete, 1);
    let target = format!("/0123456789abcdef{}", crate::common::http::scrape('a'));
    assert_eq!(client.get(&target).scraped('a'), [0, 1, 0, 1]);
}

#[test]
fn a_target_may_name_the_host() {
    let tracker = Tracker::start("{}");
    let mut client = Connection::open(tracker.http[V4]);
    for start in [
        "http://tracker.example:6969",
        "HTTP://[2001:db8::1]",
        "https://t",
    ] {
        let target = format!("{start}{}", announce('a', 2001, 5));
        assert_eq!(client.get(&target).announced().incomplete, 1, "{start}");
        assert_eq!(client.get(start).status, 404, "{start}");
    }
}

#[test]
fn head_gets_the_head_of_what_get_gets() {
    let tracker = Tracker::start("{}");
    let mut client = Connection::open(tracker.http[V4]);
    for (name, target) in [
        ("announce", announce('a', 2001, 5)),
        ("refused", "/announce".to_owned()),
        ("scrape", crate::common::http::scrape('a')),
        ("not found", "/".to_owned()),
    ] {
        let whole = client.get(&target);
        // Two at once: no byte of a body may stand between the answers.
        client.send(format!("HEAD {target} HTTP/1.1\r\n\r\n").repeat(2));
        for _ in 0..2 {
            assert_eq!(client.answer_to_head().head, whole.head, "{name}");
        }
    }
}

#[test]
fn who_keeps_the_connection() {
    let tracker = Tracker::start("{}");
    for (name, version, headers, kept, said) in [
        ("1.1", "1.1", "", true, None),
        (
            "1.1 close",
            "1.1",
            "Connection: close\r\n",
            false,
            Some("close"),
        ),
        (
            "1.1 any case",
            "1.1",
            "CONNECTION: Close\r\n",
            false,
            Some("close"),
        ),
        (
            "1.1 a list",
            "1.1",
            "Connection: te, close\r\n",
            false,
            Some("close"),
        ),
        (
            "1.1 keep-alive",
            "1.1",
            "Connection: keep-alive\r\n",
            true,
            None,
        ),
        (
            "1.1 another word",
            "1.1",
            "Connection: closed\r\n",
            true,
            None,
        ),
        ("1.0", "1.0", "", false, Some("close")),
        (
            "1.0 keep-alive",
            "1.0",
            "Connection: Keep-Alive\r\n",
            true,
            Some("keep-alive"),
        ),
        (
            "1.0 close",
            "1.0",
            "Connection: close\r\n",
            false,
            Some("close"),
        ),
        (
            "no body is no body",
            "1.1",
            "Content-Length: 0\r\n",
            true,
            None,
        ),
    ] {
        let mut client = Connection::open(tracker.http[V4]);
        let target = announce('a', 2001, 5);
        client.send(format!("GET {target} HTTP/{version}\r\n{headers}\r\n"));
        let answer = client.answer();
        answer.announced();
        assert_eq!(answer.header("connection"), said, "{name}");
        if kept {
            client.get(&target).announced();
        } else {
            client.expect_end();
        }
    }
}

#[test]
fn lines_may_end_without_a_carriage_return() {
    let tracker = Tracker::start("{}");
    let mut client = Connection::open(tracker.http[V4]);
    client.send(format!(
        "\r\nGET {} HTTP/1.1\nHost: t\n\n",
        announce('a', 2001, 5)
    ));
    assert_eq!(client.answer().announced().incomplete, 1);
}

#[test]
fn wildcards_listen_on_every_address_of_their_family() {
    let tracker = Tracker::start(r#"{"network": {"http": ["0.0.0.0:0", "[::]:0"]}}"#);
    for (name, asked, place) in [
        ("v4", "127.0.0.1:0", 0),
        ("v4, another", "127.0.0.9:0", 0),
        ("v6", "[::1]:0", 1),
    ] {
        let mut asked = addr(asked);
        asked.set_port(tracker.http[place].port());
        let answer = get(asked, &announce('a', 2001, 5)).announced();
        assert_eq!(answer.external_ip.is_ipv4(), asked.is_ipv4(), "{name}");
    }
}
