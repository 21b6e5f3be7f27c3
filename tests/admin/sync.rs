//! Many things at once, line by line.

use crate::call::{Manager, WRITER, hex, managed, request, torrent};
use crate::client::{leech, seed};
use crate::common::http::Connection;
use crate::common::{Tracker, V4};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The head of a sync whose body comes in chunks.
fn chunked_head() -> String {
    format!(
        "POST /sync HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {WRITER}\r\n\
         Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

fn counts(told: &Value) -> [u64; 4] {
    ["lines", "done", "created", "failed"].map(|name| told[name].as_u64().expect("a number"))
}

#[test]
fn every_kind_of_line() {
    let site = managed("sync");
    let tracker = site.start();
    let mut manager = Manager::of(&tracker);
    let lines = format!(
        "{{\"torrent\": {{\"info_hash\": \"{a}\", \"id\": 5}}}}\n\
         {{\"torrent\": {{\"info_hash\": \"{b}\"}}}}\n\n\
         {{\"user\": {{\"id\": 3, \"passkey\": \"alice\"}}}}\n\
         {{\"user\": {{\"passkey\": \"bob\"}}}}\n\
         {{\"client\": {{\"prefix\": \"-XX\"}}}}\n\
         {{\"token\": {{\"user_id\": 3, \"torrent_id\": 5, \"down_percent\": 0}}}}\n\
         {{\"options\": {{\"up_percent\": 150}}}}",
        a = hex('a'),
        b = hex('b')
    );
    let told = manager.sync(&lines).good();
    assert_eq!(counts(&told), [8, 7, 6, 0], "{told}");
    for torrent in ['a', 'b'] {
        leech("alice", 1).on(torrent).served(&tracker);
        leech("bob", 2).on(torrent).served(&tracker);
    }
    assert_eq!(manager.get("/tokens/3/5").good()["down_percent"], 0);
    assert_eq!(manager.get("/options").good()["up_percent"], 150);
    // Once more it changes nothing, and what is gone may be gone already.
    assert_eq!(counts(&manager.sync(&lines).good()), [8, 7, 0, 0]);
    let gone = format!(
        "{{\"torrent_gone\": {{\"info_hash\": \"{a}\", \"reason\": \"dupe\"}}}}\n\
         {{\"torrent_gone\": {{\"info_hash\": \"{b}\"}}}}\n\
         {{\"user_gone\": {{\"passkey\": \"bob\"}}}}\n{{\"user_gone\": {{\"id\": 77}}}}\n\
         {{\"client_gone\": {{\"prefix\": \"-XX\"}}}}\n\
         {{\"token_gone\": {{\"user_id\": 3, \"torrent_id\": 5}}}}\n",
        a = hex('a'),
        b = hex('b')
    );
    for _ in 0..2 {
        assert_eq!(counts(&manager.sync(&gone).good()), [6, 6, 0, 0]);
    }
    leech("alice", 1).refused(&tracker, "torrent deleted: dupe", "never");
    leech("alice", 1)
        .on('b')
        .refused(&tracker, "torrent not registered", "1");
    leech("bob", 2).refused(&tracker, "unknown passkey", "1");
    manager.get("/clients/-XX").error(404);
    manager.get("/tokens/3/5").error(404);
}

#[test]
fn faults_have_their_lines() {
    let site = managed("sync-faults");
    let tracker = site.start();
    let mut manager = Manager::of(&tracker);
    let mut lines = String::from("{\"user\": {\"id\": 3, \"passkey\": \"alice\"}}\nnonsense\n");
    lines += "{\"user\": {\"id\": 4, \"passkey\": \"alice\"}}\n";
    writeln!(
        lines,
        "{{\"user\": {{\"name\": \"{}\"}}}}",
        "a".repeat(9000)
    )
    .expect("written");
    lines += "{\"user\": {\"id\": 5, \"passkey\": \"bob\"}}";
    let told = manager.sync(&lines).good();
    assert_eq!(counts(&told), [5, 2, 2, 3], "{told}");
    let faults = told["faults"].as_array().expect("faults");
    let numbers: Vec<_> = faults.iter().map(|fault| fault["line"].as_u64()).collect();
    assert_eq!(numbers, [Some(2), Some(3), Some(4)]);
    assert_eq!(faults[1]["error"], "another user has this passkey");
    assert_eq!(faults[2]["error"], "a line has at most 8 KiB");
    // Many are counted, the first are told.
    let told = manager.sync(&"x\n".repeat(100_000));
    assert_eq!(told.error(400), "none of the lines could be done");
    assert_eq!(counts(&told.json), [100_000, 0, 0, 100_000]);
    assert_eq!(told.json["faults"].as_array().expect("faults").len(), 100);
}

#[test]
fn lines_are_done_as_they_come_in() {
    let site = managed("sync-stream");
    site.torrent('a');
    let tracker = site.start();
    let mut client = Connection::open(tracker.admin[V4]);
    client.send(chunked_head());
    let line = "{\"user\": {\"id\": 3, \"passkey\": \"alice\"}}\n";
    let (first, second) = line.split_at(20);
    client.send(chunk(first));
    client.send(chunk(second));
    // The sync has not ended, and yet.
    seed("alice", 1).eventually_served(&tracker);
    client.send(chunk("{\"user_gone\": {\"id\": 3}}\n"));
    seed("alice", 1).eventually_refused(&tracker, "unknown passkey");
    client.send("0\r\n\r\n");
    let told = crate::call::Told::of(&client.answer()).good();
    assert_eq!(counts(&told), [2, 2, 1, 0]);
    // The connection goes on.
    client.send(request(WRITER, "GET /stats", None));
    assert_eq!(client.answer().status, 200);
}

#[test]
fn one_that_breaks_off_leaves_what_was_done() {
    let site = managed("sync-broken");
    site.torrent('a');
    let tracker = site.start();
    let line = chunk("{\"user\": {\"id\": 3, \"passkey\": \"alice\"}}\n{\"user\"");
    let mut gone = Connection::open(tracker.admin[V4]);
    gone.send(chunked_head() + &line);
    drop(gone);
    seed("alice", 1).eventually_served(&tracker);
    let mut odd = Connection::open(tracker.admin[V4]);
    odd.send(chunked_head() + &line + "no chunk\r\n");
    let answer = odd.answer();
    assert_eq!(answer.status, 400, "{answer}");
    assert_eq!(answer.header("connection"), Some("close"));
    odd.expect_end();
}

fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("on Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let words = line.expect("a line").split_whitespace().nth(1);
    words.expect("a number").parse().expect("a number")
}

#[test]
fn a_long_one_takes_bounded_memory_and_others_are_served_meanwhile() {
    const LINES: usize = 200_000;

    let site = managed("sync-long");
    let tracker = site.start();
    let mut manager = Manager::of(&tracker);
    // Prefixes of peer ids again and again: nothing grows by them but what is under way.
    let lines: String = (0..1000)
        .map(|number| format!("{{\"client\": {{\"prefix\": \"-{}\"}}}}\n", number % 100))
        .collect();
    manager.sync(&lines).good();
    let before = memory_kib();
    let mut client = Connection::open(tracker.admin[V4]);
    client.send(chunked_head());
    for round in 0..LINES / 1000 {
        client.send(chunk(&lines));
        if round % 20 == 0 {
            assert_eq!(manager.get(&torrent('a')).status, 404);
        }
    }
    client.send("0\r\n\r\n");
    let told = crate::call::Told::of(&client.answer()).good();
    assert_eq!(told["done"], json!(LINES));
    let grown = memory_kib().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB more");
}

#[test]
fn a_public_tracker_has_none() {
    let settings = format!("{{{}}}", crate::call::section(""));
    let tracker = Tracker::start(&settings);
    let mut client = Connection::open(tracker.admin[V4]);
    client.send(request(WRITER, "POST /sync", Some("{}\n")));
    assert_eq!(client.answer().status, 409);
    client.expect_end();
}
