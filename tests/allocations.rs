//! Once warm, requests allocate nothing, on either protocol. Alone in its process, whose every
//! allocation is counted.

mod common;

use common::http::{announce, request, scrape};
use common::udp::{Announce, Client, hash, packet};
use common::{PATIENCE, Tracker, V4, V6};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Requests of each kind that are counted.
const COUNTED: usize = 2000;
/// Requests before that: enough for every buffer to have grown to its size.
const WARM_UP: usize = 200;

/// A client that sends what was made beforehand, and reads without looking.
trait Asks {
    fn ask(&mut self);
}

struct UdpClient {
    socket: UdpSocket,
    packet: Vec<u8>,
    answer: [u8; 2048],
}

impl UdpClient {
    fn new(tracker: SocketAddr, action: u32, body: &[u8]) -> UdpClient {
        let connection_id = Client::new(tracker).connection_id;
        let socket = UdpSocket::bind((tracker.ip(), 0)).expect("bound");
        socket.connect(tracker).expect("connected");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let packet = packet(connection_id, action, 7, body);
        UdpClient {
            socket,
            packet,
            answer: [0; 2048],
        }
    }
}

impl Asks for UdpClient {
    fn ask(&mut self) {
        self.socket.send(&self.packet).expect("sent");
        let length = self.socket.recv(&mut self.answer).expect("an answer");
        // The action of the question: not an error packet.
        assert!(length >= 20 && self.answer[..4] == self.packet[8..12]);
    }
}

struct HttpClient {
    stream: TcpStream,
    request: String,
    answer: [u8; 4096],
}

impl HttpClient {
    fn new(tracker: SocketAddr, target: &str) -> HttpClient {
        let stream = TcpStream::connect(tracker).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        HttpClient {
            stream,
            request: request(target),
            answer: [0; 4096],
        }
    }
}

impl Asks for HttpClient {
    fn ask(&mut self) {
        self.stream
            .write_all(self.request.as_bytes())
            .expect("sent");
        // An answer this short comes in one piece, which ends its dictionary.
        let length = self.stream.read(&mut self.answer).expect("an answer");
        assert!(self.answer.starts_with(b"HTTP/1.1 200"));
        assert!(length > 0 && self.answer[length - 1] == b'e');
    }
}

#[test]
fn warm_requests_allocate_nothing() {
    let tracker = Tracker::start(r#"{"network": {"workers": 1}}"#);
    // Peers to be handed out, of both families.
    for family in [V4, V6] {
        let mut client = Client::new(tracker.udp[family]);
        for port in 2001..2041 {
            client.announce(&Announce::new('a', port, u64::from(port % 2)));
        }
    }
    let announced = Announce::new('a', 3000, 5).body();
    let hashes = [hash('a'), hash('x'), hash('a')].concat();
    let mut clients: Vec<(&str, Box<dyn Asks>)> = Vec::new();
    for family in [V4, V6] {
        let (udp, http) = (tracker.udp[family], tracker.http[family]);
        clients.push(("UDP announce", Box::new(UdpClient::new(udp, 1, &announced))));
        clients.push(("UDP scrape", Box::new(UdpClient::new(udp, 2, &hashes))));
        let target = announce('a', 3001, 5);
        clients.push(("HTTP announce", Box::new(HttpClient::new(http, &target))));
        clients.push(("HTTP scrape", Box::new(HttpClient::new(http, &scrape('a')))));
        let refused = "/scrape?info_hash=%zz";
        clients.push(("HTTP refusal", Box::new(HttpClient::new(http, refused))));
    }
    for (_, client) in &mut clients {
        (0..WARM_UP).for_each(|_| client.ask());
    }
    for (name, client) in &mut clients {
        let region = Region::new(ALLOCATOR);
        (0..COUNTED).for_each(|_| client.ask());
        let change = region.change();
        let counts = (
            change.allocations,
            change.reallocations,
            change.deallocations,
        );
        assert_eq!(counts, (0, 0, 0), "{name}: {change:?}");
    }
    // What counts does count.
    let region = Region::new(ALLOCATOR);
    drop(std::hint::black_box(Box::new(7)));
    assert_eq!(region.change().allocations, 1);
}
