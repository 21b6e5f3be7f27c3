//! How long a connection may take, and how many there may be.

use crate::common::http::{Connection, hash, request, scrape};
use crate::common::{PATIENCE, Tracker, V4};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn who_says_nothing_is_closed() {
    let tracker =
        Tracker::start(r#"{"network": {"idle_timeout": 1, "head_timeout": 1, "workers": 1}}"#);
    thread::scope(|scope| {
        for (name, before, sent) in [
            ("nothing at all", 0, ""),
            ("half a request", 0, "GET /announce?info"),
            ("nothing more", 1, ""),
            ("half of the next request", 1, "GET /announce?info"),
        ] {
            let address = tracker.http[V4];
            scope.spawn(move || {
                let mut client = Connection::open(address);
                for _ in 0..before {
                    client.get("/");
                }
                client.send(sent);
                let start = Instant::now();
                client.expect_end();
                let waited = start.elapsed();
                // A second, on a clock that knows only whole ones.
                assert!(
                    waited > Duration::from_millis(500),
                    "{name}: after {waited:?}"
                );
            });
        }
    });
}

#[test]
fn who_keeps_asking_is_kept() {
    let tracker = Tracker::start(r#"{"network": {"idle_timeout": 2, "workers": 1}}"#);
    let mut client = Connection::open(tracker.http[V4]);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(4) {
        client.get(&scrape('a')).good();
    }
}

#[test]
fn a_request_that_trickles_in_is_not_waited_for() {
    let tracker =
        Tracker::start(r#"{"network": {"head_timeout": 1, "idle_timeout": 60, "workers": 1}}"#);
    for (name, before) in [("the first", 0), ("a later one", 1)] {
        let mut client = Connection::open(tracker.http[V4]);
        for _ in 0..before {
            client.get("/");
        }
        client.send("GET /");
        let mut stream = client.stream();
        stream
            .set_read_timeout(Some(Duration::from_millis(20)))
            .expect("a timeout");
        let start = Instant::now();
        loop {
            // The wait for the end is what makes it a trickle.
            match stream.read(&mut [0]) {
                Ok(0) => break,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // A byte met the end on its way.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                other => panic!("{name}: {other:?}"),
            }
            assert!(start.elapsed() < PATIENCE, "{name}: still open");
            if stream.write_all(b"a").is_err() {
                break;
            }
        }
    }
}

#[test]
fn a_client_that_asks_is_served_however_many_just_connect() {
    for (name, sent) in [
        ("silent", ""),
        ("with half a request", "GET /announce?info_hash="),
    ] {
        let tracker = Tracker::start(r#"{"network": {"max_connections": 4, "workers": 1}}"#);
        let mut half_open = Vec::new();
        for round in 0..50 {
            let mut client = Connection::open(tracker.http[V4]);
            client.send(sent);
            half_open.push(client);
            let mut good = Connection::open(tracker.http[V4]);
            good.send(request(&scrape('a')));
            let answer = good.try_answer();
            assert!(answer.is_some(), "{name}, round {round}: not served");
        }
        let open = half_open.iter().filter(|client| is_open(client)).count();
        assert!(
            open < 4,
            "{name}: {open} are left of those that ask nothing"
        );
    }
}

/// Whether the other side has not ended this connection.
fn is_open(client: &Connection) -> bool {
    let mut stream = client.stream();
    stream.set_nonblocking(true).expect("set");
    matches!(stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn nobody_gets_the_answer_of_another() {
    // Connections make room for one another all the time: whoever is answered must be the one
    // that asked.
    let tracker = Tracker::start(r#"{"network": {"max_connections": 1, "workers": 1}}"#);
    let address = tracker.http[V4];
    let served: usize = thread::scope(|scope| {
        let threads = ('a'..='h')
            .map(|torrent| scope.spawn(move || (0..100).map(|_| answers(address, torrent)).sum()));
        let threads: Vec<thread::ScopedJoinHandle<'_, usize>> = threads.collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no foreign answers"))
            .sum()
    });
    assert!(served > 0);
}

/// Asks again and again, until the connection is given up; returns how often it was answered.
fn answers(address: SocketAddr, torrent: char) -> usize {
    const REQUESTS: usize = 20;

    let mut client = Connection::open(address);
    let sent = request(&scrape(torrent));
    for answered in 0..REQUESTS {
        if client.stream().write_all(sent.as_bytes()).is_err() {
            return answered;
        }
        let Some(answer) = client.try_answer() else {
            return answered;
        };
        let body = answer.good();
        let files = body.get("files").expect("files").dictionary();
        let mut hashes = files.keys().map(|hash| hash.escape_ascii().to_string());
        assert!(
            hashes.all(|found| found == hash(torrent)),
            "an answer of another: {answer}"
        );
    }
    // Nor are there more answers than requests.
    client.stream().shutdown(Shutdown::Write).ok();
    assert!(client.try_answer().is_none(), "one more answer");
    REQUESTS
}
