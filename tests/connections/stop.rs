//! The end of the tracker, as its clients see it.

use crate::common::http::{Connection, get, request, scrape};
use crate::common::{Tracker, V4, config};
use chihaya::cache::{Announce, Batch, Driver, Families, Memory, MemorySettings, Query};
use chihaya::model::{Endpoint, Event, InfoHash, PeerId, Role, Seconds};
use chihaya::{Drivers, Server};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Torrents whose scrape is far more than sockets hold.
const MANY: u32 = 150_000;
/// Bytes that each of them adds to it at least.
const ENTRY_BYTES: usize = 80;

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
    let settings = r#"{"scrape": {"full": true}, "network": {"workers": 1}}"#;
    let tracker = Tracker::start_with(settings, &drivers);
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
    let tracker = Tracker::start("{}");
    let mut idle = Connection::open(tracker.http[V4]);
    idle.get(&scrape('a'));
    let mut half = Connection::open(tracker.http[V4]);
    half.get(&scrape('a'));
    half.send("GET /announce?");
    let addresses = [tracker.http.clone(), tracker.udp.clone()].concat();
    tracker.stop();
    idle.expect_end();
    for address in addresses {
        TcpListener::bind(address).expect("the address is free");
    }
}

#[test]
fn the_next_tracker_can_have_the_address_at_once() {
    let mut settings = config(r#"{"network": {"udp": []}}"#);
    let first = Server::start(&settings, &Drivers::builtin()).expect("started");
    let (_, address) = first.addresses()[0];
    // Connections the tracker closes itself keep the address busy for a while.
    for _ in 0..5 {
        let mut client = Connection::open(address);
        client.send("GET /announce HTTP/1.0\r\n\r\n");
        client.answer();
        client.expect_end();
    }
    first.stop();
    settings.network.http = vec![address];
    let second = Server::start(&settings, &Drivers::builtin()).expect("started again");
    get(address, &scrape('a')).good();
    second.stop();
}
