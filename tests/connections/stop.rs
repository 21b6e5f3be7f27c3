//! The end of the tracker, as its clients see it.

use crate::common::http::{Connection, get, request, scrape};
use crate::common::{Tracker, V4, config};
use chihaya::cache::{Announce, Batch, Driver, Families, Memory, MemorySettings, Query};
use chihaya::model::{Endpoint, Event, InfoHash, PeerId, Role, Seconds};
use chihaya::server::Protocol;
use chihaya::{Drivers, Server};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

/// Torrents whose scrape is far more than sockets hold.
const MANY: u32 = 150_000;
/// Bytes that each of them adds to it at least.
const ENTRY_BYTES: usize = 80;

/// Settings with addresses that no other test uses, not even to connect from: what is told of a
/// port after the end of its tracker is not about somebody else's socket.
fn on(ip: &str) -> String {
    format!(
        r#"{{"network": {{"workers": 2, "http": ["{ip}:0"], "udp": ["{ip}:0"]}},
        "scrape": {{"full": true}}}}"#
    )
}

/// The memory cache with many torrents in it.
fn crowded_cache() -> Memory {
    let cache = Memory::new(&MemorySettings {
        workers: 1,
        peer_lifetime_secs: 3600,
        counts_lifetime_secs: 3600,
        max_torrents: MANY.into(),
        max_peers: MANY.into(),
        peer_ids: false,
        seed: 1,
    });
    let mut handle = cache.open(1).expect("a handle");
    let mut batch = Batch::default();
    for torrent in 0..MANY {
        let mut info_hash = [0; 20];
        info_hash[..4].copy_from_slice(&torrent.to_be_bytes());
        batch.push(Query::Announce(Announce {
            info_hash: InfoHash(info_hash),
            peer: Endpoint::V4([192, 0, 2, 1, 1, 2]),
            other: None,
            peer_id: PeerId([0; 20]),
            role: Role::Leecher,
            event: Event::Started,
            want: 0,
            families: Families::Own,
            peer_ids: false,
        }));
    }
    // The moment at which the clock of a tracker starts.
    handle
        .run(&mut batch, Seconds(30 * 24 * 60 * 60))
        .expect("answered");
    cache
}

#[test]
fn what_is_owed_is_sent() {
    let drivers = Drivers::builtin().with_cache("memory", |_, _, _| Ok(Box::new(crowded_cache())));
    let tracker = Tracker::start_with(&on("127.0.0.77"), &drivers);
    let address = tracker.http[V4];
    let mut client = Connection::open_with_little_room(address);
    client.send(request("/scrape"));
    let head = client.answer_to_head();
    let length: usize = head
        .header("content-length")
        .expect("a length")
        .parse()
        .expect("one");
    assert!(length > MANY as usize * ENTRY_BYTES, "{length} bytes");
    let stopping = thread::spawn(|| tracker.stop());
    // It takes no more connections from now on, but this one is owed its answer.
    crate::common::eventually("new connections are refused", || {
        TcpStream::connect(address).is_err()
    });
    assert!(!stopping.is_finished());
    let mut body = Vec::new();
    client.read_to_end(&mut body);
    assert_eq!(body.len(), length);
    assert!(body.ends_with(b"ee"));
    stopping.join().expect("stopped");
}

#[test]
fn whoever_is_owed_nothing_does_not_hold_it_up() {
    let tracker = Tracker::start(&on("127.0.0.78"));
    let mut idle = Connection::open(tracker.http[V4]);
    idle.get(&scrape('a'));
    let mut half = Connection::open(tracker.http[V4]);
    half.get(&scrape('a'));
    half.send("GET /announce?");
    let (http, udp) = (tracker.http[V4], tracker.udp[V4]);
    let start = Instant::now();
    tracker.stop();
    // Those that are owed something have five seconds.
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    idle.expect_end();
    TcpListener::bind(http).expect("the address is free");
    UdpSocket::bind(udp).expect("the address is free");
}

#[test]
fn the_next_tracker_can_have_the_address_at_once() {
    let mut settings = config(&on("127.0.0.79"));
    let first = Server::start(&settings, &Drivers::builtin()).expect("started");
    let addresses = first.addresses().to_vec();
    let of = |wanted| {
        addresses
            .iter()
            .find(|(protocol, _)| *protocol == wanted)
            .expect("it")
            .1
    };
    let address = of(Protocol::Http);
    // Connections the tracker closes itself keep the address busy for a while.
    for _ in 0..5 {
        let mut client = Connection::open(address);
        client.send("GET /announce HTTP/1.0\r\n\r\n");
        client.answer();
        client.expect_end();
    }
    first.stop();
    settings.network.http = vec![address];
    settings.network.udp = vec![of(Protocol::Udp)];
    let second = Server::start(&settings, &Drivers::builtin()).expect("started again");
    get(address, &scrape('a')).good();
    second.stop();
}
