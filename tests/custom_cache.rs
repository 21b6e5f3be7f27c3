//! A program of someone else's brings a cache of its own.

use chihaya::cache::{Batch, Cache, CacheError, Driver, Query, SnapshotError, Totals};
use chihaya::config::Config;
use chihaya::model::{Counts, InfoHash, Seconds};
use chihaya::{Drivers, Server};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Knows one peer, hands it to everybody, and has no room for seeders.
struct OnePeer;

const PEER: [u8; 6] = [192, 0, 2, 1, 0x1a, 0xe1];
const COUNTS: Counts = Counts {
    seeders: 7,
    leechers: 0,
    partial_seeds: 0,
    downloaded: 9,
};

impl Cache for OnePeer {
    fn run(&mut self, batch: &mut Batch, _now: Seconds) -> Result<(), CacheError> {
        batch.prepare();
        for place in 0..batch.len() {
            match batch.query(place) {
                Query::Announce(announce) if announce.want == 0 => batch.refuse(place),
                Query::Announce(_) => batch.set_answer(place, COUNTS, &[PEER], &[], &[]),
                Query::Scrape(_) => batch.set_answer(place, COUNTS, &[], &[], &[]),
            }
        }
        Ok(())
    }
}

impl Driver for OnePeer {
    fn open(&self, _seed: u64) -> Result<Box<dyn Cache>, CacheError> {
        Ok(Box::new(OnePeer))
    }

    fn sweep(&self, _now: Seconds, _most: usize) -> usize {
        0
    }

    fn totals(&self) -> Totals {
        Totals {
            torrents: 1,
            peers: 1,
        }
    }

    fn torrents(&self, _show: &mut dyn FnMut(InfoHash, Counts)) {}

    fn save(&self, _: &mut dyn Write, _: Seconds, _: u64) -> Result<(), SnapshotError> {
        Ok(())
    }

    fn restore(&self, _: &mut dyn Read, _: Seconds, _: u64) -> Result<(), SnapshotError> {
        Ok(())
    }
}

fn ask(address: SocketAddr, path_and_query: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a bound");
    let request = format!("GET {path_and_query} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_cache_of_ones_own_answers() {
    let text = r#"{"network": {"udp": [], "http": ["127.0.0.1:0"]}, "cache": {"driver": "one"}}"#;
    let config = Config::from_json(text).expect("a good configuration");
    let drivers = Drivers::builtin().with_cache("one", |_, _, _| Ok(Box::new(OnePeer)));
    let server = Server::start(&config, &drivers).expect("a tracker");
    let address = server.addresses()[0].1;
    let announce = "/announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1";
    let answer = ask(address, announce);
    assert!(
        answer.contains("8:completei7e") && answer.contains("5:peers6:"),
        "{answer}"
    );
    let refused = ask(address, &format!("{announce}&numwant=0"));
    assert!(refused.contains("tracker is full"), "{refused}");
    let scrape = ask(address, "/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa");
    assert!(scrape.contains("10:downloadedi9e"), "{scrape}");
    server.stop();
}
