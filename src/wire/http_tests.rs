use super::*;

const QBITTORRENT: &[u8] = b"GET /announce?info_hash=%aa&left=0 HTTP/1.1\r\n\
    Host: tracker.example:6969\r\nUser-Agent: qBittorrent/4.6.5\r\n\
    Accept-Encoding: gzip\r\nConnection: close\r\n\r\n";

fn complete(bytes: &[u8]) -> (Request<'_>, usize) {
    match parse(bytes) {
        Ok(Status::Complete { request, consumed }) => (request, consumed),
        other => panic!("{other:?}: {}", bytes.escape_ascii()),
    }
}

#[test]
fn reads_a_request_and_leaves_the_next() {
    let two = [QBITTORRENT, b"GET /scrape HTTP/1.1\r\n\r\n"].concat();
    let (request, consumed) = complete(&two);
    assert_eq!(consumed, QBITTORRENT.len());
    assert_eq!(request.path, b"/announce");
    assert_eq!(request.query, b"info_hash=%aa&left=0");
    assert!(!request.keep_alive && !request.head_only && !request.http_1_0);
    let (next, _) = complete(&two[consumed..]);
    assert_eq!(
        (next.path, next.query),
        (b"/scrape".as_slice(), b"".as_slice())
    );
    assert!(next.keep_alive);
}

#[test]
fn any_prefix_is_partial() {
    for end in 0..QBITTORRENT.len() {
        assert_eq!(
            parse(&QBITTORRENT[..end]),
            Ok(Status::Partial),
            "{end} bytes"
        );
    }
}

#[test]
fn connections_are_kept_as_asked() {
    for (request, keep) in [
        ("GET / HTTP/1.1\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nconnection: te, close\r\n\r\n", false),
        ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
    ] {
        assert_eq!(complete(request.as_bytes()).0.keep_alive, keep, "{request}");
    }
}

#[test]
fn targets_in_every_form() {
    for (target, path, query) in [
        ("/announce?a=1?b", "/announce", "a=1?b"),
        ("http://host:80/announce?a=1", "/announce", "a=1"),
        ("HTTPS://host/announce", "/announce", ""),
        ("http://host", "", ""),
        ("http://host?a/b", "", "a/b"),
        ("*", "*", ""),
    ] {
        let text = format!("GET {target} HTTP/1.1\r\n\r\n");
        let (request, _) = complete(text.as_bytes());
        assert_eq!(
            (request.path, request.query),
            (path.as_bytes(), query.as_bytes()),
            "{target}"
        );
    }
}

#[test]
fn what_is_no_request() {
    for (text, malformed) in [
        ("\x00", Malformed::Syntax),
        ("GET /\r\n\r\n", Malformed::Syntax),
        ("GET / HTTP/2.0\r\n\r\n", Malformed::Syntax),
        ("POST / HTTP/1.1\r\n\r\n", Malformed::Method),
        (
            "GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
            Malformed::Body,
        ),
        (
            "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            Malformed::Body,
        ),
    ] {
        assert_eq!(parse(text.as_bytes()), Err(malformed), "{text:?}");
    }
    let empty_body = b"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
    assert!(matches!(parse(empty_body), Ok(Status::Complete { .. })));
}

#[test]
fn long_heads_are_refused_whole_or_not() {
    let endless = vec![b'a'; MAX_HEAD_BYTES];
    assert_eq!(parse(&endless[..MAX_HEAD_BYTES - 1]), Ok(Status::Partial));
    assert_eq!(parse(&endless), Err(Malformed::TooLong));
    let whole = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(MAX_HEAD_BYTES));
    assert_eq!(parse(whole.as_bytes()), Err(Malformed::TooLong));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
    assert_eq!(parse(many.as_bytes()), Err(Malformed::TooLong));
}

#[test]
fn header_values_come_last_first() {
    let text =
        b"\r\nGET / HTTP/1.1\r\nX-Forwarded-For: a, b\r\nHost: h\r\nx-forwarded-for:c ,\td\r\n\r\n";
    let (request, _) = complete(text);
    let values: Vec<_> = header_values(&request, "X-Forwarded-For").collect();
    assert_eq!(values, [b"d", b"c", b"b", b"a"]);
    assert_eq!(header_values(&request, "X-Real-IP").count(), 0);
}

fn reply() -> AnnounceReply {
    AnnounceReply {
        counts: Counts {
            seeders: 2,
            leechers: 1,
            partial_seeds: 0,
            downloaded: 7,
        },
        interval_secs: 1800,
        min_interval_secs: 900,
        client: Endpoint::V4(*b"ABCDxx"),
        warning: None,
    }
}

#[test]
fn announce_bodies_are_sorted_and_whole() {
    const START: &str = "d8:completei2e10:downloadedi7e11:external ip4:ABCD10:incompletei1e8:intervali1800e12:min intervali900e5:peers";
    let long_lines = |peers: Peers<'_>, reply: &AnnounceReply| {
        let mut body = Vec::new();
        announce_body(&mut body, reply, peers);
        String::from_utf8(body).expect("text")
    };
    let none = Peers::Compact { v4: b"", v6: b"" };
    assert_eq!(long_lines(none, &reply()), format!("{START}0:e"));
    let both = Peers::Compact {
        v4: b"123456",
        v6: b"123456789012345678",
    };
    assert_eq!(
        long_lines(both, &reply()),
        format!("{START}6:1234566:peers618:123456789012345678e")
    );
    let warned = AnnounceReply {
        warning: Some("hm"),
        ..reply()
    };
    assert_eq!(
        long_lines(none, &warned),
        format!("{START}0:15:warning message2:hme")
    );
}

#[test]
fn dictionaries_hold_both_families() {
    let v4 = [[192, 0, 2, 1, 0, 80]];
    let v6 = [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 81]];
    let ids = [[b'x'; 20], [b'y'; 20]];
    let mut body = Vec::new();
    announce_body(
        &mut body,
        &reply(),
        Peers::Dictionaries {
            v4: &v4,
            v6: &v6,
            peer_ids: &ids,
        },
    );
    let (x, y) = ("x".repeat(20), "y".repeat(20));
    let list = format!(
        "5:peersld2:ip9:192.0.2.17:peer id20:{x}4:porti80eed2:ip3:::17:peer id20:{y}4:porti81eeee"
    );
    assert!(String::from_utf8(body).expect("text").ends_with(&list));
}

#[test]
fn answers_are_framed_as_asked() {
    let framed = |framing: Framing| {
        let mut out = Vec::new();
        write_ok(&mut out, framing, b"body");
        String::from_utf8(out).expect("text")
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n";
    let keep = Framing {
        head_only: false,
        keep_alive: true,
        http_1_0: false,
    };
    assert_eq!(framed(keep), format!("{head}\r\nbody"));
    assert_eq!(
        framed(Framing {
            head_only: true,
            ..keep
        }),
        format!("{head}\r\n")
    );
    assert_eq!(
        framed(Framing::LAST),
        format!("{head}Connection: close\r\n\r\nbody")
    );
    let old = framed(Framing {
        http_1_0: true,
        ..keep
    });
    assert_eq!(old, format!("{head}Connection: keep-alive\r\n\r\nbody"));
}

#[test]
fn refusals_say_when_to_retry() {
    for (refusal, reason, expected) in [
        (
            Refusal::BadPort,
            "",
            "d14:failure reason17:port is not valide",
        ),
        (
            Refusal::Full,
            "",
            "d14:failure reason15:tracker is full8:retry ini30ee",
        ),
        (
            Refusal::DeletedTorrent,
            "",
            "d14:failure reason15:torrent deleted8:retry in5:nevere",
        ),
        (
            Refusal::DeletedTorrent,
            "dupe of é",
            "d14:failure reason27:torrent deleted: dupe of é8:retry in5:nevere",
        ),
    ] {
        let mut body = Vec::new();
        refusal_body(&mut body, refusal, reason);
        assert_eq!(String::from_utf8(body).expect("text"), expected);
    }
}

#[test]
fn finds_the_user_agent() {
    for (headers, agent) in [
        (
            "Host: a\r\nUser-Agent: qBittorrent/4.6, x\r\n",
            "qBittorrent/4.6, x",
        ),
        ("user-agent:\t a \r\nUser-Agent: b\r\n", "a"),
        ("X-User-Agent: a\r\n", ""),
        ("", ""),
    ] {
        let head = format!("GET /announce HTTP/1.1\r\n{headers}\r\n");
        let Ok(Status::Complete { request, .. }) = parse(head.as_bytes()) else {
            panic!("not whole: {head}");
        };
        assert_eq!(user_agent(&request), agent.as_bytes(), "{headers}");
    }
}
