//! Clients of a private tracker: the same announce over either protocol, with the passkey wherever
//! sites put it.

use crate::common::bencode::{self, Value};
use crate::common::http::{Announced, Answer, Connection, hash};
use crate::common::{PATIENCE, Tracker, V4, V6, compact_peers, eventually, ip, udp};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Where the passkey stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// `/PASSKEY/announce`.
    Http,
    /// `/announce/PASSKEY`.
    HttpEnd,
    /// `/announce?passkey=PASSKEY`.
    HttpParameter,
    /// `/PASSKEY/announce` in one option (BEP 41).
    Udp,
    /// `/announce/PASSKEY` in one option.
    UdpEnd,
    /// `/announce?passkey=PASSKEY` in one option.
    UdpParameter,
    /// `/PASSKEY/announce` in pieces, with fillers between them.
    UdpPieces,
}

/// All of them.
pub const WAYS: [Way; 7] = [
    Way::Http,
    Way::HttpEnd,
    Way::HttpParameter,
    Way::Udp,
    Way::UdpEnd,
    Way::UdpParameter,
    Way::UdpPieces,
];

/// One of each protocol, where it no longer matters how a passkey is found.
pub const BOTH: [Way; 2] = [Way::Http, Way::Udp];

impl Way {
    pub fn is_udp(self) -> bool {
        !matches!(self, Way::Http | Way::HttpEnd | Way::HttpParameter)
    }

    /// The URL behind the address, with this passkey.
    fn url(self, passkey: Option<&str>) -> String {
        let Some(passkey) = passkey else {
            return "/announce".to_owned();
        };
        match self {
            Way::Http | Way::Udp | Way::UdpPieces => format!("/{passkey}/announce"),
            Way::HttpEnd | Way::UdpEnd => format!("/announce/{passkey}"),
            Way::HttpParameter | Way::UdpParameter => format!("/announce?passkey={passkey}"),
        }
    }

    /// The same as options of a packet.
    fn options(self, passkey: Option<&str>) -> Vec<u8> {
        let url = self.url(passkey);
        let pieces: Vec<&[u8]> = match self {
            Way::UdpPieces => url.as_bytes().chunks(5).collect(),
            _ => vec![url.as_bytes()],
        };
        let mut options = Vec::new();
        for piece in pieces {
            options.extend([1, 2, piece.len() as u8]);
            options.extend(piece);
        }
        options.push(0);
        options
    }
}

#[derive(Clone, Debug)]
pub struct Announce {
    pub way: Way,
    pub passkey: Option<String>,
    pub torrent: char,
    pub peer_id: [u8; 20],
    /// The client's address on this host.
    pub from: IpAddr,
    pub port: u16,
    pub left: u64,
    pub uploaded: u64,
    pub downloaded: u64,
    /// Empty: at regular intervals.
    pub event: &'static str,
    /// Its name, where it can be told; empty: it tells none.
    pub agent: &'static str,
}

/// A client that downloads torrent `a`. Its peer id is that of the port.
pub fn leech(passkey: &str, port: u16) -> Announce {
    Announce {
        way: Way::Http,
        passkey: Some(passkey.to_owned()),
        torrent: 'a',
        peer_id: peer_id(port),
        from: ip("127.0.0.1"),
        port,
        left: 1000,
        uploaded: 0,
        downloaded: 0,
        event: "",
        agent: "",
    }
}

/// A client that has all of torrent `a`.
pub fn seed(passkey: &str, port: u16) -> Announce {
    Announce {
        left: 0,
        ..leech(passkey, port)
    }
}

/// The peer id of clients that have this port at first.
pub fn peer_id(port: u16) -> [u8; 20] {
    let text = format!("-XX0000-{port:012}");
    text.into_bytes().try_into().expect("20 bytes")
}

impl Announce {
    pub fn by(self, way: Way) -> Announce {
        Announce { way, ..self }
    }

    pub fn on(self, torrent: char) -> Announce {
        Announce { torrent, ..self }
    }

    pub fn event(self, event: &'static str) -> Announce {
        Announce { event, ..self }
    }

    pub fn from(self, from: &str) -> Announce {
        Announce {
            from: ip(from),
            ..self
        }
    }

    pub fn port(self, port: u16) -> Announce {
        Announce { port, ..self }
    }

    pub fn moved(self, uploaded: u64, downloaded: u64) -> Announce {
        Announce {
            uploaded,
            downloaded,
            ..self
        }
    }

    /// Sends it.
    pub fn told(&self, tracker: &Tracker) -> Told {
        let family = if self.from.is_ipv4() { V4 } else { V6 };
        match self.way.is_udp() {
            true => self.told_by_udp(tracker.udp[family]),
            false => self.told_by_http(tracker.http[family]),
        }
    }

    /// Sends what must be served.
    pub fn served(&self, tracker: &Tracker) -> Served {
        match self.told(tracker) {
            Told::Served(served) => served,
            Told::Refused(text, _) => panic!("refused: {text}: {self:?}"),
        }
    }

    /// Sends what must be refused with this text and `retry in`, which UDP has no room for.
    pub fn refused(&self, tracker: &Tracker, text: &str, retry: &str) {
        match self.told(tracker) {
            Told::Served(served) => panic!("served: {served:?}: {self:?}"),
            Told::Refused(told, told_retry) => {
                assert_eq!(told, text, "{self:?}");
                let retry = if self.way.is_udp() { "" } else { retry };
                assert_eq!(told_retry, retry, "{self:?}");
            }
        }
    }

    /// Sends it again and again, until it is served.
    pub fn eventually_served(&self, tracker: &Tracker) {
        eventually(&format!("served: {self:?}"), || {
            std::thread::sleep(Duration::from_millis(20));
            matches!(self.told(tracker), Told::Served(_))
        });
    }

    /// Sends it again and again, until it is refused with this text.
    pub fn eventually_refused(&self, tracker: &Tracker, text: &str) {
        eventually(&format!("{text}: {self:?}"), || {
            std::thread::sleep(Duration::from_millis(20));
            matches!(self.told(tracker), Told::Refused(told, _) if told == text)
        });
    }

    fn told_by_http(&self, to: SocketAddr) -> Told {
        let mut connection = Connection::open_from(self.from, to);
        let target = self.target();
        let agent = match self.agent {
            "" => String::new(),
            agent => format!("User-Agent: {agent}\r\n"),
        };
        connection.send(format!(
            "GET {target} HTTP/1.1\r\nHost: tracker.example\r\n{agent}\r\n"
        ));
        Told::of(&connection.answer())
    }

    /// The target of the request.
    pub fn target(&self) -> String {
        let url = self.way.url(self.passkey.as_deref());
        let joint = if url.contains('?') { '&' } else { '?' };
        let (hash, peer_id) = (hash(self.torrent), self.peer_id.escape_ascii());
        let Announce {
            port,
            left,
            uploaded,
            downloaded,
            ..
        } = self;
        let event = match self.event {
            "" => String::new(),
            event => format!("&event={event}"),
        };
        format!(
            "{url}{joint}info_hash={hash}&peer_id={peer_id}&port={port}&uploaded={uploaded}\
             &downloaded={downloaded}&left={left}{event}"
        )
    }

    fn told_by_udp(&self, to: SocketAddr) -> Told {
        let mut client = udp::Client::unproven(self.from, to);
        client.connect();
        let events = ["", "completed", "started", "stopped", "paused"];
        let event = events.iter().position(|event| *event == self.event);
        let announce = udp::Announce {
            peer_id: self.peer_id,
            downloaded: self.downloaded,
            uploaded: self.uploaded,
            event: event.expect("an event") as u32,
            options: self.way.options(self.passkey.as_deref()),
            ..udp::Announce::new(self.torrent, self.port, self.left)
        };
        let (action, body) = client.ask(client.connection_id, 1, &announce.body());
        if action == 3 {
            return Told::Refused(String::from_utf8(body).expect("UTF-8"), String::new());
        }
        assert_eq!(action, 1, "{self:?}: {}", body.escape_ascii());
        let number = |at: usize| u32::from_be_bytes(body[at..at + 4].try_into().expect("four"));
        Told::Served(Served {
            seeders: number(8).into(),
            leechers: number(4).into(),
            peers: compact_peers(&body[12..], to.is_ipv6()),
            warning: None,
        })
    }
}

/// The answer to an announce.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    Served(Served),
    /// The text, and the minutes of `retry in`, or `never`; empty where nothing is said of it.
    Refused(String, String),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Served {
    pub seeders: i128,
    pub leechers: i128,
    /// Sorted; those of IPv4 first.
    pub peers: Vec<SocketAddr>,
    pub warning: Option<String>,
}

impl Served {
    pub fn counts(&self) -> [i128; 2] {
        [self.seeders, self.leechers]
    }

    /// The peers' ports, sorted.
    pub fn ports(&self) -> Vec<u16> {
        let mut ports: Vec<_> = self.peers.iter().map(SocketAddr::port).collect();
        ports.sort_unstable();
        ports
    }
}

impl Told {
    /// What clients read in an answer, which has status 200 or nothing of it is read.
    pub fn of(answer: &Answer) -> Told {
        assert_eq!(answer.status, 200, "{answer}");
        let body = bencode::parse(&answer.body);
        if let Some(text) = body.get("failure reason") {
            let retry = body.get("retry in").map_or_else(String::new, shown);
            return Told::Refused(text.text().to_owned(), retry);
        }
        let told: Announced = answer.announced();
        Told::Served(Served {
            seeders: told.complete,
            leechers: told.incomplete,
            peers: told.all_peers(),
            warning: told.warning,
        })
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        other => other.text().to_owned(),
    }
}

const _: () = assert!(
    PATIENCE.as_secs() >= 10,
    "a tracker looks for changes every second"
);
