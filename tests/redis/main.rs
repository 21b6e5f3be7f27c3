//! Several processes, one swarm: the cache driver `redis` on real servers, which these tests start,
//! kill and mistreat.
#![cfg(feature = "redis")]

mod cluster;
#[path = "../common/mod.rs"]
mod common;
mod faults;
#[cfg(feature = "sqlite")]
mod members;
mod restarts;
mod sentinel;
#[cfg_attr(
    not(all(feature = "redis-tls", feature = "sqlite")),
    allow(dead_code, reason = "some tests are left out without these features")
)]
mod server;
mod sharing;
#[cfg(feature = "sqlite")]
#[allow(dead_code, reason = "another test program uses the rest")]
#[path = "../private/site.rs"]
mod site;
#[cfg(feature = "redis-tls")]
mod tls;

use common::http::{Connection, announce, scrape};
use common::{Tracker, V4, eventually};
use log::{Level, LevelFilter, Log, Metadata, Record};
use server::Server;
use std::sync::Mutex;

/// Keeps what is logged, of all trackers of this process.
struct Messages(Mutex<Vec<(Level, String)>>);

static MESSAGES: Messages = Messages(Mutex::new(Vec::new()));

impl Log for Messages {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let message = (record.level(), record.args().to_string());
        self.0.lock().expect("whole").push(message);
    }

    fn flush(&self) {}
}

fn keep_messages() {
    // Only one test gets to set it.
    if log::set_logger(&MESSAGES).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
}

/// A section by which a tracker is managed.
const WATCHED: &str = r#""admin": {"listen": ["127.0.0.1:0"], "tokens": [{"name": "watcher", "scope": "read", "token": "0123456789abcdef"}]}"#;

/// What such a tracker tells of its cache.
fn gauges(tracker: &Tracker) -> serde_json::Value {
    let mut connection = Connection::open(tracker.admin[0]);
    connection
        .send("GET /stats HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n");
    let stats: serde_json::Value = serde_json::from_slice(&connection.answer().body).expect("JSON");
    stats["cache"].clone()
}

/// The messages that name keys that begin like this.
fn messages_of(key: &str) -> Vec<(Level, String)> {
    let messages = MESSAGES.0.lock().expect("whole");
    let of_key = |(_, message): &&(Level, String)| message.contains(&format!("{{{key}:"));
    messages.iter().filter(of_key).cloned().collect()
}

/// Those that tell of writers, or readers, that cannot do their work, or can again.
fn told(key: &str, what: &str) -> Vec<(Level, String)> {
    let mut messages = messages_of(key);
    messages.retain(|(_, message)| message.contains(what));
    messages
}

/// Waits until the log says this of that key.
fn eventually_told(key: &str, what: &str, text: &str) {
    eventually(
        &format!("{key}: {what}: {text}: {:?}", told(key, what)),
        || {
            std::thread::yield_now();
            let told = told(key, what);
            told.last()
                .is_some_and(|(_, message)| message.contains(text))
        },
    );
}

/// The settings of a tracker that shares its swarms by these servers under this key.
fn settings(servers: &[String], key: &str, more: &str) -> String {
    format!(
        r#"{{"cache": {{"driver": "redis"}}, "redis": {{"servers": {servers:?}, "key": "{key}"{more}}}}}"#
    )
}

fn start(server: &Server, key: &str) -> Tracker {
    keep_messages();
    Tracker::start(&settings(&[server.url()], key, ""))
}

/// Seeders and leechers of the torrent of this letter, by HTTP.
fn counts(tracker: &Tracker, torrent: char) -> [i64; 2] {
    let mut client = Connection::open(tracker.http[V4]);
    let [seeders, _, leechers, _] = scraped(&mut client, torrent);
    [seeders, leechers]
}

fn scraped(client: &mut Connection, torrent: char) -> [i64; 4] {
    let [complete, incomplete, downloaded, downloaders] =
        client.get(&scrape(torrent)).scraped(torrent);
    [complete, downloaded, incomplete, downloaders].map(|number| number as i64)
}

/// Announces one peer over HTTP.
fn announce_to(tracker: &Tracker, torrent: char, port: u16, left: u64) {
    let mut client = Connection::open(tracker.http[V4]);
    client.get(&announce(torrent, port, left)).announced();
}

/// Waits until all of them count the same.
fn eventually_count(trackers: &[&Tracker], torrent: char, expected: [i64; 2]) {
    for (place, tracker) in trackers.iter().enumerate() {
        let mut client = Connection::open(tracker.http[V4]);
        eventually(&format!("tracker {place} has {expected:?}"), || {
            let [seeders, _, leechers, _] = scraped(&mut client, torrent);
            [seeders, leechers] == expected
        });
    }
}
