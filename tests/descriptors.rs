//! Connections are closed on both sides. Alone in its process, which counts its descriptors.

mod common;

use common::http::{Connection, get, request, scrape};
use common::{Tracker, V4, eventually};

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd")
        .expect("a folder")
        .count()
}

/// Connects, does something, goes.
type Visit = fn(std::net::SocketAddr);

#[test]
fn connections_leave_none_open() {
    const VISITS: &[(&str, Visit)] = &[
        ("asks and goes", |address| {
            get(address, &scrape('a')).good();
        }),
        ("asks to close", |address| {
            let mut client = Connection::open(address);
            client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
            client.answer();
            client.expect_end();
        }),
        ("is refused", |address| {
            let mut client = Connection::open(address);
            client.send("lorem ipsum\r\n\r\n");
            client.answer();
            client.expect_end();
        }),
        ("says nothing", |address| drop(Connection::open(address))),
        ("goes within a request", |address| {
            Connection::open(address).send("GET /")
        }),
        ("goes with answers unread", |address| {
            Connection::open(address).send(request("/").repeat(100));
        }),
        ("ends its side first", |address| {
            let mut client = Connection::open(address);
            client.send(request("/"));
            client.end_requests();
            client.answer();
            client.expect_end();
        }),
    ];
    let before_all = open_descriptors();
    let tracker = Tracker::start("{}");
    for (name, visit) in VISITS {
        let before = open_descriptors();
        for _ in 0..200 {
            visit(tracker.http[V4]);
        }
        eventually(name, || {
            // A round trip gives the tracker time to see the last of them go.
            get(tracker.http[V4], "/");
            open_descriptors() <= before
        });
    }
    tracker.stop();
    assert_eq!(
        open_descriptors(),
        before_all,
        "after the end of the tracker"
    );
}
