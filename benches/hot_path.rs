//! The hot path without sockets: parse, admit, cache, write; and what a peer costs in memory.
//!
//! `cargo bench` prints bytes a peer first, then the time of a tick of 64 announces.

use chihaya::cache::{Cache, Driver, Memory, MemorySettings};
use chihaya::config::Config;
use chihaya::model::{Seconds, UnixTime};
use chihaya::tracker::connection_id::ConnectionIds;
use chihaya::tracker::http::Requests;
use chihaya::tracker::udp::Packets;
use chihaya::tracker::{Settings, Tracker};
use chihaya::wire::http::{Status, parse};
use criterion::{Criterion, Throughput};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::hint::black_box;
use std::net::IpAddr;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const PEERS: u32 = 1_000_000;
/// Torrents over which the peers are spread evenly.
const SHAPES: [(&str, u32); 3] = [
    ("10 peers a torrent", 100_000),
    ("1000 peers a torrent", 1_000),
    ("1 peer a torrent", PEERS),
];
/// Requests of a tick: as many as a socket gives at once.
const TICK: usize = 64;
const NOW: Seconds = Seconds(1_000_000);
const IDS_KEY: [u8; 16] = [7; 16];

struct Bench {
    tracker: Tracker,
    packets: Packets,
    requests: Requests,
    ids: ConnectionIds,
}

fn bench(torrents: u32) -> Bench {
    let memory = Memory::new(&MemorySettings {
        workers: 1,
        peer_lifetime_secs: 3600,
        counts_lifetime_secs: 0,
        max_torrents: u64::MAX,
        max_peers: u64::MAX,
        peer_ids: false,
        seed: 1,
    });
    let cache: Box<dyn Cache> = memory.open(2).expect("a handle");
    let ids = ConnectionIds::new(IDS_KEY, 120);
    let mut bench = Bench {
        tracker: Tracker::new(Settings::new(&Config::default()), cache, None, 3),
        packets: Packets::new(ids.clone()),
        requests: Requests::default(),
        ids,
    };
    for first in (0..PEERS).step_by(TICK) {
        let peers = first..PEERS.min(first + TICK as u32);
        let packets: Vec<_> = peers
            .map(|peer| packet(&bench.ids, torrents, peer))
            .collect();
        bench.udp_tick(&packets);
    }
    assert_eq!(
        memory.totals().peers,
        u64::from(PEERS),
        "every peer is listed"
    );
    bench
}

/// Spreads consecutive numbers over all bits.
fn mix(number: u32) -> u64 {
    let mut mixed = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 32;
    mixed.wrapping_mul(0xd6e8_feb8_6659_fd93)
}

fn info_hash(torrents: u32, peer: u32) -> [u8; 20] {
    let bytes = mix(peer % torrents).to_be_bytes();
    std::array::from_fn(|place| bytes[place % 8])
}

fn address(peer: u32) -> IpAddr {
    IpAddr::from((peer | 0x0a00_0000).to_be_bytes())
}

fn packet(ids: &ConnectionIds, torrents: u32, peer: u32) -> (Vec<u8>, IpAddr) {
    let from = address(peer);
    let mut packet = ids.make(from, NOW).to_be_bytes().to_vec();
    packet.extend_from_slice(&[0, 0, 0, 1, 1, 2, 3, 4]);
    packet.extend_from_slice(&info_hash(torrents, peer));
    packet.extend_from_slice(b"-qB4650-abcdefghijkl");
    packet.extend_from_slice(&[0; 15]);
    packet.push((peer % 10 < 3).into()); // left: three of ten leech
    packet.extend_from_slice(&[0; 20]);
    packet.extend_from_slice(&[0, 0, 0, 30]); // num_want
    packet.extend_from_slice(&6881u16.to_be_bytes());
    (packet, from)
}

fn request(torrents: u32, peer: u32) -> (Vec<u8>, IpAddr) {
    let hash: String = info_hash(torrents, peer)
        .iter()
        .map(|byte| format!("%{byte:02x}"))
        .collect();
    let left = if peer % 10 < 3 { 1_000_000 } else { 0 };
    let text = format!(
        "GET /announce?info_hash={hash}&peer_id=-qB4650-abcdefghijkl&port=6881&uploaded=0&\
         downloaded=0&left={left}&corrupt=0&key=0123ABCD&numwant=30&compact=1&no_peer_id=1 \
         HTTP/1.1\r\nHost: tracker.example:6969\r\nUser-Agent: qBittorrent/4.6.5\r\n\
         Accept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n"
    );
    (text.into_bytes(), address(peer))
}

impl Bench {
    fn udp_tick(&mut self, packets: &[(Vec<u8>, IpAddr)]) {
        self.tracker.begin(NOW, UnixTime(0));
        self.packets.begin();
        for (slot, (packet, from)) in packets.iter().enumerate() {
            self.packets
                .collect(&mut self.tracker, slot, packet, *from, NOW);
        }
        self.tracker.run(NOW).expect("memory does not fail");
        self.packets.answer(&mut self.tracker);
        let answers = self.packets.answers(&self.tracker).inspect(|answer| {
            black_box(answer);
        });
        assert_eq!(answers.count(), packets.len());
    }

    fn http_tick(&mut self, requests: &[(Vec<u8>, IpAddr)], out: &mut Vec<u8>) {
        self.tracker.begin(NOW, UnixTime(0));
        self.requests.begin();
        out.clear();
        for (connection, (bytes, from)) in requests.iter().enumerate() {
            let Ok(Status::Complete { request, .. }) = parse(bytes) else {
                panic!("no request")
            };
            self.requests
                .collect(&mut self.tracker, connection, &request, *from);
        }
        self.tracker.run(NOW).expect("memory does not fail");
        for place in 0..requests.len() {
            self.requests.write(&mut self.tracker, place, 0, out);
        }
        black_box(out);
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (shape, torrents) in SHAPES {
        let region = Region::new(ALLOCATOR);
        let mut bench = bench(torrents);
        let change = region.change();
        let bytes = change.bytes_allocated - change.bytes_deallocated;
        println!(
            "{shape}: {:.1} bytes a peer",
            bytes as f64 / f64::from(PEERS)
        );

        // Every tick has other peers, so that nothing is in the processor's cache by chance.
        let ticks = (0..512u32).map(|tick| (0..TICK as u32).map(move |place| tick * 64 + place));
        let peers: Vec<Vec<u32>> = ticks
            .map(|tick| {
                tick.map(|number| (mix(number) % u64::from(PEERS)) as u32)
                    .collect()
            })
            .collect();
        let packets: Vec<Vec<_>> = peers
            .iter()
            .map(|tick| {
                tick.iter()
                    .map(|peer| packet(&bench.ids, torrents, *peer))
                    .collect()
            })
            .collect();
        let requests: Vec<Vec<_>> = peers
            .iter()
            .map(|tick| tick.iter().map(|peer| request(torrents, *peer)).collect())
            .collect();
        let mut group = criterion.benchmark_group(shape);
        group.throughput(Throughput::Elements(TICK as u64));
        let mut next = (0..512).cycle();
        group.bench_function("udp, 64 announces", |bencher| {
            bencher.iter(|| bench.udp_tick(&packets[next.next().unwrap_or(0)]));
        });
        let mut out = Vec::new();
        group.bench_function("http, 64 announces", |bencher| {
            bencher.iter(|| bench.http_tick(&requests[next.next().unwrap_or(0)], &mut out));
        });
        group.finish();
    }
    criterion.final_summary();
}
