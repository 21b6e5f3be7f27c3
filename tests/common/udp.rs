//! A UDP client (BEP 15) that looks at every byte.

use super::{PATIENCE, compact_peers};
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// What stands for a connection id in a connect request.
pub const MAGIC: u64 = 0x0417_2710_1980;

/// The fields of an announce, in the order of the packet.
#[derive(Clone, Debug)]
pub struct Announce {
    pub info_hash: [u8; 20],
    pub peer_id: [u8; 20],
    pub downloaded: u64,
    pub left: u64,
    pub uploaded: u64,
    pub event: u32,
    pub ip: u32,
    pub num_want: i32,
    pub port: u16,
    /// What follows the 98 bytes (BEP 41).
    pub options: Vec<u8>,
}

impl Announce {
    /// An announce to the torrent of this letter by the peer of this port.
    pub fn new(torrent: char, port: u16, left: u64) -> Announce {
        Announce {
            info_hash: hash(torrent),
            peer_id: *b"-XX0000-000000000000",
            downloaded: 7,
            left,
            uploaded: 9,
            event: 0,
            ip: 0,
            num_want: -1,
            port,
            options: Vec::new(),
        }
    }

    /// What follows the head of the packet.
    pub fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend(self.info_hash);
        body.extend(self.peer_id);
        body.extend(self.downloaded.to_be_bytes());
        body.extend(self.left.to_be_bytes());
        body.extend(self.uploaded.to_be_bytes());
        body.extend(self.event.to_be_bytes());
        body.extend(self.ip.to_be_bytes());
        body.extend([1, 2, 3, 4]); // key
        body.extend(self.num_want.to_be_bytes());
        body.extend(self.port.to_be_bytes());
        body.extend(&self.options);
        body
    }
}

/// The info-hash of twenty times this letter.
pub fn hash(letter: char) -> [u8; 20] {
    [letter as u8; 20]
}

/// A request packet.
pub fn packet(connection_id: u64, action: u32, transaction_id: u32, body: &[u8]) -> Vec<u8> {
    let mut packet = connection_id.to_be_bytes().to_vec();
    packet.extend(action.to_be_bytes());
    packet.extend(transaction_id.to_be_bytes());
    packet.extend(body);
    packet
}

pub struct Client {
    socket: UdpSocket,
    v6: bool,
    next_transaction: u32,
    pub connection_id: u64,
}

impl Client {
    /// A client with a connection id.
    pub fn new(tracker: SocketAddr) -> Client {
        let mut client = Client::unproven(tracker.ip(), tracker);
        client.connect();
        client
    }

    /// A client at this address of the host, without an id. Its socket hears only the address
    /// that it asks.
    pub fn unproven(from: IpAddr, tracker: SocketAddr) -> Client {
        let socket = UdpSocket::bind((from, 0)).expect("bound");
        socket.connect(tracker).expect("connected");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Client {
            socket,
            v6: tracker.is_ipv6(),
            next_transaction: 0x7000_0000,
            connection_id: 0,
        }
    }

    pub fn send(&self, packet: &[u8]) {
        self.socket.send(packet).expect("sent");
    }

    pub fn receive(&self) -> Vec<u8> {
        let mut bytes = vec![0; 65536];
        let length = self.socket.recv(&mut bytes).expect("an answer");
        bytes.truncate(length);
        bytes
    }

    /// Sends a request; returns action and body of its answer.
    pub fn ask(&mut self, connection_id: u64, action: u32, body: &[u8]) -> (u32, Vec<u8>) {
        self.next_transaction += 1;
        let transaction_id = self.next_transaction;
        self.send(&packet(connection_id, action, transaction_id, body));
        let answer = self.receive();
        let (action, rest) = answer.split_first_chunk::<4>().expect("an action");
        let (echoed, body) = rest.split_first_chunk::<4>().expect("a transaction");
        assert_eq!(
            u32::from_be_bytes(*echoed),
            transaction_id,
            "transaction id"
        );
        (u32::from_be_bytes(*action), body.to_vec())
    }

    /// Gets a connection id.
    pub fn connect(&mut self) -> u64 {
        let (action, body) = self.ask(MAGIC, 0, &[]);
        assert_eq!(action, 0, "{}", body.escape_ascii());
        let id: [u8; 8] = body.try_into().expect("an answer of exactly 16 bytes");
        self.connection_id = u64::from_be_bytes(id);
        self.connection_id
    }

    /// Sends what must get no answer: the next one is that to the question after it.
    pub fn expect_silence(&mut self, name: &str, packet: &[u8]) {
        self.send(packet);
        self.next_transaction += 1;
        let transaction_id = self.next_transaction;
        self.send(&self::packet(MAGIC, 0, transaction_id, &[]));
        let answer = self.receive();
        let expected = [[0; 4], transaction_id.to_be_bytes()].concat();
        assert_eq!(answer[..8], expected, "{name}: {}", answer.escape_ascii());
    }

    pub fn announce(&mut self, announce: &Announce) -> Announced {
        let (action, body) = self.ask(self.connection_id, 1, &announce.body());
        assert_eq!(action, 1, "{announce:?}: {}", body.escape_ascii());
        let (head, peers) = body.split_at(12);
        let [interval, leechers, seeders] = numbers(head);
        Announced {
            interval,
            leechers,
            seeders,
            bytes: 8 + body.len(),
            peers: compact_peers(peers, self.v6),
        }
    }

    /// Seeders, completed, leechers of each torrent.
    pub fn scrape(&mut self, hashes: &[[u8; 20]]) -> Vec<[u32; 3]> {
        let (action, body) = self.ask(self.connection_id, 2, hashes.as_flattened());
        assert_eq!(action, 2, "{}", body.escape_ascii());
        assert_eq!(body.len() % 12, 0);
        body.chunks(12).map(numbers).collect()
    }

    /// The text of the error packet this request gets.
    pub fn refused(&mut self, action: u32, body: &[u8]) -> String {
        let (action, text) = self.ask(self.connection_id, action, body);
        assert_eq!(action, 3, "not refused: {}", text.escape_ascii());
        String::from_utf8(text).expect("UTF-8")
    }
}

fn numbers<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let (numbers, _) = bytes.as_chunks::<4>();
    std::array::from_fn(|place| u32::from_be_bytes(numbers[place]))
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    pub interval: u32,
    pub leechers: u32,
    pub seeders: u32,
    /// Of the whole packet.
    pub bytes: usize,
    /// Sorted.
    pub peers: Vec<SocketAddr>,
}
