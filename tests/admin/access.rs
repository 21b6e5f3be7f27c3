//! Who is let in.

use crate::call::{Manager, READER, WRITER, managed, request, section, torrent};
use crate::common::http::Connection;
use crate::common::program::{CHIHAYA, Running};
use crate::common::{Tracker, V4};
use crate::site::Site;
use chihaya::server::Protocol;
use std::process::Command;
use std::time::{Duration, Instant};

/// The status of the answer to one request on a connection of its own.
fn status(tracker: &Tracker, request: &str) -> u16 {
    let mut client = Connection::open(tracker.admin[V4]);
    client.send(request);
    client.answer().status
}

#[test]
fn tokens_and_what_they_allow() {
    let site = managed("tokens-scopes");
    let tracker = site.start();
    for (line, body) in [
        ("GET /stats", None),
        ("HEAD /stats", None),
        ("GET /openapi.json", None),
        ("GET /options", None),
    ] {
        let mut client = Connection::open(tracker.admin[V4]);
        client.send(request(READER, line, body));
        assert_eq!(client.answer_to_head().status, 200, "{line}");
    }
    for (line, body) in [
        (format!("PUT {}", torrent('a')), Some("{}")),
        (format!("DELETE {}", torrent('a')), None),
        ("PATCH /options".to_owned(), Some("{}")),
        ("POST /sync".to_owned(), Some("{}")),
    ] {
        assert_eq!(
            status(&tracker, &request(READER, &line, body)),
            403,
            "{line}"
        );
        let written = status(&tracker, &request(WRITER, &line, body));
        assert!(![401, 403].contains(&written), "{line}: {written}");
    }
}

#[test]
fn nothing_is_told_without_a_token() {
    let site = managed("strangers");
    let tracker = site.start();
    let longer = format!("{WRITER}x");
    let of_host = |lines: &str| format!("GET /stats HTTP/1.1\r\nHost: t\r\n{lines}\r\n");
    for request in [
        of_host(""),
        of_host(&format!("Authorization: {WRITER}\r\n")),
        of_host(&format!("Authorization: Basic {WRITER}\r\n")),
        of_host(&format!("X-Token: {WRITER}\r\n")),
        request("", "GET /stats", None),
        request(&WRITER[1..], "GET /stats", None),
        request(&longer, "GET /stats", None),
        request("(hidden)", "GET /stats", None),
        // Nor what there is, and what it would take.
        request("x", "GET /nothing", None),
        request("x", "POST /stats", None),
    ] {
        let mut client = Connection::open(tracker.admin[V4]);
        client.send(&request);
        let answer = client.answer();
        assert_eq!(answer.status, 401, "{request}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        client.expect_end();
    }
}

#[test]
fn wrong_tokens_are_answered_late_and_right_ones_are_not() {
    let site = managed("slow");
    let tracker = site.start();
    let mut wrong: Vec<Connection> = (0..20)
        .map(|_| Connection::open(tracker.admin[V4]))
        .collect();
    let start = Instant::now();
    for client in &mut wrong {
        client.send(request("0123456789abcdef", "GET /stats", None));
    }
    let mut manager = Manager::of(&tracker);
    for _ in 0..10 {
        manager.get("/stats").good();
    }
    let right = start.elapsed();
    let mut late = 0;
    let mut too_many = 0;
    for client in &mut wrong[..] {
        client
            .stream()
            .set_read_timeout(Some(Duration::from_secs(15)))
            .expect("a timeout");
        match client.answer().status {
            401 => late += 1,
            429 => too_many += 1,
            status => panic!("{status}"),
        }
    }
    let all = start.elapsed();
    assert!(
        late >= 8 && too_many >= 1,
        "{late} late, {too_many} too many"
    );
    assert!(all > Duration::from_secs(5), "{all:?}");
    assert!(right < all / 4, "{right:?} of {all:?}");
    assert_eq!(manager.get("/stats").good()["admin"]["wrong_tokens"], 20);
}

#[test]
fn there_is_no_listener_without_a_token() {
    let tracker = Tracker::start("{}");
    assert!(tracker.admin.is_empty());
    let settings = section("").replace(r#"["127.0.0.1:0"]"#, "[]");
    let tracker = Tracker::start(&format!("{{{settings}}}"));
    assert!(tracker.admin.is_empty());
}

/// A tracker whose token is in a file or in the environment.
fn start_with(site: &Site, token: &str) -> Running {
    let settings = format!(
        r#"{{"network": {{"udp": [], "http": ["127.0.0.1:0"]}},
            "admin": {{"listen": ["127.0.0.1:0"],
                "tokens": [{{"name": "site", "scope": "read", {token}}}]}}}}"#
    );
    let path = site.folder().join("config.json");
    std::fs::write(&path, settings).expect("written");
    let path = path.to_str().expect("UTF-8");
    let mut command = Command::new(CHIHAYA);
    command.args(["--config", path]).env("SITE_TOKEN", READER);
    Running::spawn(&mut command)
}

#[test]
fn tokens_in_a_file_and_in_the_environment() {
    let site = Site::new("admin-token-file");
    let file = site.folder().join("token");
    std::fs::write(&file, format!("{READER}\n")).expect("written");
    let in_file = format!("\"token_file\": {file:?}");
    for token in [&in_file, r#""token_env": "SITE_TOKEN""#] {
        let mut running = start_with(&site, token);
        let addresses = running.listening(2);
        let admin = addresses.iter().find(|(protocol, _)| protocol == "admin");
        let mut client = Connection::open(admin.expect("there").1);
        client.send(request(READER, "GET /stats", None));
        assert_eq!(client.answer().status, 200, "{token}");
        let (status, lines) = running.end_by("-TERM");
        assert!(
            status.success() && !lines.join("").contains(READER),
            "{lines:?}"
        );
    }
    std::fs::write(&file, "short").expect("written");
    for (token, fault) in [
        (in_file.as_str(), "a token has between 16 and 256 bytes"),
        (r#""token_file": "/nowhere""#, "cannot read /nowhere"),
        (
            r#""token_env": "NO_SUCH_TOKEN""#,
            "environment variable NO_SUCH_TOKEN",
        ),
    ] {
        let (status, lines) = start_with(&site, token).end_by("-0");
        assert_eq!(status.code(), Some(2), "{lines:?}");
        let told = lines.iter().any(|line| line.contains(fault));
        assert!(
            told && lines.join("").contains("admin.tokens"),
            "{fault}: {lines:?}"
        );
    }
}

#[test]
fn an_address_in_use_is_told_of() {
    let first = Tracker::start(&format!("{{{}}}", section("")));
    let address = first.admin[V4];
    let settings = section("").replace("127.0.0.1:0", &address.to_string());
    let config = crate::common::config(&format!("{{{settings}}}"));
    let error = match chihaya::Server::start(&config, &chihaya::Drivers::builtin()) {
        Ok(_) => panic!("it has started"),
        Err(error) => error,
    };
    let chihaya::StartError::Bind { protocol, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(protocol, Protocol::Admin);
}
