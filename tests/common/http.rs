//! An HTTP client that takes nothing for granted, and the announces it sends.

use super::bencode::{self, Value};
use super::{PATIENCE, compact_peers, ip_of_bytes};
use socket2::{Domain, Socket, Type};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};

/// An info-hash, as it stands in a query, of twenty times this letter.
pub fn hash(letter: char) -> String {
    letter.to_string().repeat(20)
}

/// The target of an announce to the torrent of this letter by the peer of this port; more
/// parameters can be appended.
pub fn announce(torrent: char, port: u16, left: u64) -> String {
    let hash = hash(torrent);
    format!("/announce?info_hash={hash}&peer_id=-XX0000-{port:012}&port={port}&left={left}")
}

/// The target of a scrape of the torrent of this letter.
pub fn scrape(torrent: char) -> String {
    format!("/scrape?info_hash={}", hash(torrent))
}

/// A request for this target, on a connection that stays.
pub fn request(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: tracker.example\r\n\r\n")
}

/// The answer to a request on a connection of its own.
pub fn get(to: SocketAddr, target: &str) -> Answer {
    Connection::open(to).get(target)
}

pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub fn open(to: SocketAddr) -> Connection {
        Connection::from_stream(TcpStream::connect(to).expect("connected"))
    }

    /// Connects from this address of the host.
    pub fn open_from(from: IpAddr, to: SocketAddr) -> Connection {
        let socket = socket_for(to);
        socket
            .bind(&SocketAddr::new(from, 0).into())
            .expect("bound");
        socket.connect(&to.into()).expect("connected");
        Connection::from_stream(socket.into())
    }

    /// Connects with room for no more than a few KiB of requests and answers on their way.
    pub fn open_with_little_room(to: SocketAddr) -> Connection {
        let socket = socket_for(to);
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        socket.set_send_buffer_size(4096).expect("a small buffer");
        socket.connect(&to.into()).expect("connected");
        Connection::from_stream(socket.into())
    }

    fn from_stream(stream: TcpStream) -> Connection {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Connection {
            stream: BufReader::new(stream),
        }
    }

    pub fn stream(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .get_mut()
            .write_all(bytes.as_ref())
            .expect("sent");
    }

    /// Says that no more requests will come.
    pub fn end_requests(&mut self) {
        self.stream().shutdown(Shutdown::Write).expect("shut down");
    }

    pub fn get(&mut self, target: &str) -> Answer {
        self.send(request(target));
        self.answer()
    }

    /// The next answer.
    pub fn answer(&mut self) -> Answer {
        let mut answer = self.answer_to_head();
        let length: usize = answer
            .header("content-length")
            .expect("a length")
            .parse()
            .expect("a number");
        answer.body = vec![0; length];
        self.stream
            .read_exact(&mut answer.body)
            .expect("the whole body");
        answer
    }

    /// The next answer, if it comes whole.
    pub fn try_answer(&mut self) -> Option<Answer> {
        // The end, in order or not, shows before the first byte of an answer.
        self.stream
            .fill_buf()
            .ok()
            .filter(|bytes| !bytes.is_empty())?;
        Some(self.answer())
    }

    /// The next answer, which has a length but no body.
    pub fn answer_to_head(&mut self) -> Answer {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let length = self.stream.read_line(&mut head).expect("a line of a head");
            assert!(length > 0, "ended after {head:?}");
        }
        let status = head
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3));
        let status = status.and_then(|code| code.parse().ok());
        Answer {
            status: status.unwrap_or_else(|| panic!("no status in {head:?}")),
            head,
            body: Vec::new(),
        }
    }

    /// Reads on to the end.
    pub fn read_to_end(&mut self, rest: &mut Vec<u8>) {
        self.stream.read_to_end(rest).expect("the end, in order");
    }

    /// Waits for the end, before which nothing may come.
    pub fn expect_end(&mut self) {
        let mut rest = Vec::new();
        self.read_to_end(&mut rest);
        assert!(rest.is_empty(), "before the end: {}", rest.escape_ascii());
    }
}

fn socket_for(to: SocketAddr) -> Socket {
    Socket::new(Domain::for_address(to), Type::STREAM, None).expect("a socket")
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (line_name, value) = line.split_once(':')?;
            line_name.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The body of an answer that clients read: of status 200, with no failure in it.
    pub fn good(&self) -> Value {
        assert_eq!(self.status, 200, "{self}");
        let body = bencode::parse(&self.body);
        assert_eq!(body.get("failure reason"), None, "{self}");
        body
    }

    /// The failure reason.
    pub fn failure(&self) -> String {
        let body = bencode::parse(&self.body);
        let reason = body.get("failure reason");
        reason
            .unwrap_or_else(|| panic!("no failure in {self}"))
            .text()
            .to_owned()
    }

    /// What an announce is told.
    pub fn announced(&self) -> Announced {
        Announced::of(&self.good())
    }

    /// What a scrape is told of the torrent of this letter: complete, incomplete, downloaded,
    /// downloaders.
    pub fn scraped(&self, torrent: char) -> [i128; 4] {
        let body = self.good();
        let files = body.get("files").expect("files").dictionary();
        let counts = &files[hash(torrent).as_bytes()];
        ["complete", "incomplete", "downloaded", "downloaders"].map(|key| counts.int(key))
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.head, self.body.escape_ascii())
    }
}

/// The answer to an announce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    pub complete: i128,
    pub incomplete: i128,
    pub downloaded: i128,
    pub interval: i128,
    pub min_interval: i128,
    pub external_ip: IpAddr,
    pub warning: Option<String>,
    /// Those of `peers`, sorted.
    pub peers: Vec<SocketAddr>,
    /// Those of `peers6`, sorted; `None` where there is no such key.
    pub peers6: Option<Vec<SocketAddr>>,
}

impl Announced {
    fn of(body: &Value) -> Announced {
        let bytes = |key: &str| body.get(key).unwrap_or_else(|| panic!("no {key}")).bytes();
        let peers6 = body
            .get("peers6")
            .map(|peers| compact_peers(peers.bytes(), true));
        Announced {
            complete: body.int("complete"),
            incomplete: body.int("incomplete"),
            downloaded: body.int("downloaded"),
            interval: body.int("interval"),
            min_interval: body.int("min interval"),
            external_ip: ip_of_bytes(bytes("external ip")),
            warning: body
                .get("warning message")
                .map(|text| text.text().to_owned()),
            peers: compact_peers(bytes("peers"), false),
            peers6,
        }
    }

    /// Peers of both families.
    pub fn all_peers(&self) -> Vec<SocketAddr> {
        let v6 = self.peers6.iter().flatten();
        self.peers.iter().chain(v6).copied().collect()
    }

    /// Ports of the peers of both families, sorted.
    pub fn ports(&self) -> Vec<u16> {
        let mut ports: Vec<_> = self.all_peers().iter().map(SocketAddr::port).collect();
        ports.sort_unstable();
        ports
    }
}
