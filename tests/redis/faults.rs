//! Redis is away, hangs, or says no: announces are answered all the while, what changes is told once,
//! and afterwards everybody knows everything.

use crate::common::http::{Connection, announce};
use crate::common::{Tracker, V4};
use crate::server::{A_WHILE, Server, free_ports};
use crate::{announce_to, eventually_count, eventually_told, keep_messages, settings, start, told};
use log::Level;
use std::time::{Duration, Instant};

const APPEND: &str = "append to";
const READ: &str = "read {";

/// Announces go on at both while `wrong` holds: until the log tells of it with this text, and a while
/// longer.
fn serve_through(trackers: [&Tracker; 2], key: &str, what: &str, text: &str) {
    let mut port = 3000;
    let mut clients = trackers.map(|tracker| Connection::open(tracker.http[V4]));
    let end = Instant::now() + Duration::from_secs(10);
    let mut until = None;
    while until.is_none_or(|until| Instant::now() < until) {
        assert!(
            Instant::now() < end,
            "{key}: not told of {text}: {:?}",
            told(key, what)
        );
        for client in &mut clients {
            port = 3000 + (port + 1) % 1000;
            let asked = Instant::now();
            client.get(&announce('z', port, 5)).announced();
            assert!(asked.elapsed() < Duration::from_secs(1), "an answer waited");
        }
        let told = told(key, what);
        let found = told.iter().any(|(_, message)| message.contains(text));
        if found && until.is_none() {
            until = Some(Instant::now() + A_WHILE);
        }
    }
}

/// Something goes wrong and is put right again.
fn wrong_and_right(
    server: &Server,
    key: &str,
    (what, text): (&str, &str),
    wrong: &str,
    right: &str,
) {
    let trackers = [0, 1].map(|_| start(server, key));
    let [one, two] = &trackers;
    announce_to(one, 'a', 2001, 5);
    eventually_count(&[two], 'a', [0, 1]);
    server.done(wrong);
    announce_to(one, 'b', 2001, 5);
    announce_to(two, 'b', 2002, 0);
    serve_through([one, two], key, what, text);
    server.done(right);
    eventually_count(&[one, two], 'b', [1, 1]);
    eventually_count(&[one, two], 'a', [0, 1]);
    eventually_told(key, what, "again after");
    let errors = told(key, what);
    let errors = errors.iter().filter(|(level, _)| *level == Level::Error);
    assert!(
        errors.count() <= 2,
        "told once by each: {:?}",
        told(key, what)
    );
}

#[test]
fn full() {
    let Some(server) = Server::start("full") else {
        return;
    };
    wrong_and_right(
        &server,
        "full",
        (APPEND, "OOM"),
        "CONFIG SET maxmemory 1",
        "CONFIG SET maxmemory 0",
    );
}

#[test]
fn read_only() {
    let Some(server) = Server::start("read-only") else {
        return;
    };
    let [nobody] = free_ports();
    wrong_and_right(
        &server,
        "read-only",
        (APPEND, "read only replica"),
        &format!("REPLICAOF 127.0.0.1 {nobody}"),
        "REPLICAOF NO ONE",
    );
}

#[test]
fn something_else_under_our_key() {
    let Some(server) = Server::start("type") else {
        return;
    };
    wrong_and_right(
        &server,
        "type",
        (APPEND, "WRONGTYPE"),
        "SET {type:0}:log 7",
        "DEL {type:0}:log",
    );
}

#[test]
fn no_password() {
    let Some(server) = Server::start("password") else {
        return;
    };
    server.done("CONFIG SET requirepass secret");
    let wrong = start(&server, "password");
    let url = server.url().replacen("//", "//:secret@", 1);
    let right = Tracker::start(&settings(&[url], "password", ""));
    announce_to(&wrong, 'a', 2001, 5);
    announce_to(&right, 'a', 2002, 5);
    eventually_told("password", APPEND, "NOAUTH");
    eventually_told("password", READ, "NOAUTH");
    eventually_count(&[&right], 'a', [0, 1]);
    let mut reached = server;
    reached.reached_by("redis", ":secret@");
    reached.done("CONFIG SET requirepass ''");
    eventually_count(&[&wrong, &right], 'a', [0, 2]);
}

#[test]
fn the_wrong_password() {
    let Some(server) = Server::start("wrong") else {
        return;
    };
    keep_messages();
    server.done("ACL SETUSER tracker on >mine ~* +@all");
    let url = |password: &str| {
        let credentials = format!("//tracker:{password}@");
        server.url().replacen("//", &credentials, 1)
    };
    let wrong = Tracker::start(&settings(&[url("yours")], "wrong", ""));
    let right = Tracker::start(&settings(&[url("mine")], "wrong", ""));
    announce_to(&wrong, 'a', 2001, 5);
    eventually_told("wrong", APPEND, "authentication failed");
    server.done("ACL SETUSER tracker >yours");
    eventually_count(&[&wrong, &right], 'a', [0, 1]);
    for (_, message) in crate::messages_of("wrong") {
        assert!(!message.contains("yours"), "{message}");
    }
}

#[test]
fn still_loading() {
    let Some(mut server) = Server::start_with("loading", &["--appendonly", "no"]) else {
        return;
    };
    let trackers = [0, 1].map(|_| start(&server, "loading"));
    let [one, two] = &trackers;
    announce_to(one, 'a', 2001, 5);
    eventually_count(&[two], 'a', [0, 1]);
    server.make_loading_slow();
    server.kill();
    server.start_again_slowly();
    serve_through([one, two], "loading", APPEND, "loading the dataset");
    announce_to(two, 'a', 2002, 5);
    eventually_told("loading", APPEND, "again after");
    eventually_count(&[one, two], 'a', [0, 2]);
}

#[test]
fn away_from_the_beginning() {
    if !crate::server::installed() {
        return;
    }
    keep_messages();
    let [port] = free_ports();
    let mut server = Server::prepare("late", port, &["--save", ""]);
    let trackers = [0, 1].map(|_| start(&server, "late"));
    let [one, two] = &trackers;
    announce_to(one, 'b', 2001, 5);
    announce_to(two, 'b', 2002, 0);
    serve_through([one, two], "late", APPEND, "refused");
    server.run();
    eventually_count(&[one, two], 'b', [1, 1]);
    eventually_told("late", APPEND, "announces were kept");
}

#[test]
fn gone_and_empty_afterwards() {
    let Some(mut server) = Server::start("gone") else {
        return;
    };
    let trackers = [0, 1].map(|_| start(&server, "gone"));
    let [one, two] = &trackers;
    announce_to(one, 'a', 2001, 5);
    eventually_count(&[two], 'a', [0, 1]);
    server.kill();
    announce_to(one, 'b', 2001, 5);
    announce_to(two, 'b', 2002, 0);
    serve_through([one, two], "gone", READ, "cannot");
    server.run();
    eventually_count(&[one, two], 'b', [1, 1]);
    announce_to(two, 'c', 2001, 5);
    eventually_count(&[one, two], 'c', [0, 1]);
    // Its log began anew, but nobody has forgotten anything.
    eventually_count(&[one, two], 'a', [0, 1]);
}

#[test]
fn hanging() {
    let Some(server) = Server::start("hanging") else {
        return;
    };
    let trackers = [0, 1].map(|_| start(&server, "hanging"));
    let [one, two] = &trackers;
    announce_to(one, 'a', 2001, 5);
    eventually_count(&[two], 'a', [0, 1]);
    server.freeze();
    announce_to(one, 'b', 2001, 5);
    announce_to(two, 'b', 2002, 0);
    serve_through([one, two], "hanging", APPEND, "no answer");
    server.thaw();
    eventually_count(&[one, two], 'b', [1, 1]);
}

#[test]
fn the_log_is_taken_away() {
    let Some(server) = Server::start("taken") else {
        return;
    };
    let trackers = [0, 1].map(|_| start(&server, "taken"));
    let [one, two] = &trackers;
    announce_to(one, 'a', 2001, 5);
    eventually_count(&[two], 'a', [0, 1]);
    server.done("FLUSHALL");
    announce_to(one, 'b', 2001, 5);
    eventually_count(&[two], 'b', [0, 1]);
    eventually_count(&[one, two], 'a', [0, 1]);
}

#[test]
fn the_next_of_several_servers_is_asked() {
    let (Some(replica), Some(master)) = (Server::start("replica"), Server::start("master")) else {
        return;
    };
    keep_messages();
    replica.done(&format!("REPLICAOF 127.0.0.1 {}", master.port));
    let [nobody] = free_ports();
    let servers = [
        format!("redis://127.0.0.1:{nobody}"),
        replica.url(),
        master.url(),
    ];
    let text = settings(&servers, "next", "");
    let trackers = [0, 1].map(|_| Tracker::start(&text));
    let [one, two] = &trackers;
    announce_to(one, 'a', 2001, 5);
    eventually_count(&[one, two], 'a', [0, 1]);
    // The master is gone for good, and the replica takes its place.
    drop(master);
    replica.done("REPLICAOF NO ONE");
    announce_to(two, 'a', 2002, 5);
    eventually_count(&[one, two], 'a', [0, 2]);
}

#[test]
fn bad_settings_do_not_start() {
    for (servers, text) in [
        ("redis://127.0.0.1:99999", "redis.servers[0]"),
        ("redis://", "redis.servers[0]"),
    ] {
        let config = crate::common::config(&settings(&[servers.to_owned()], "bad", ""));
        let started = chihaya::Server::start(&config, &chihaya::Drivers::builtin());
        let error = started.err().expect("it does not start").to_string();
        assert!(error.contains(text), "{error}");
    }
}
