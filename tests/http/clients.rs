//! Requests as the sources of real clients build them, byte by byte.

use crate::common::http::{Connection, get};
use crate::common::{Tracker, V4, V6};
use std::fmt::Write;

/// Bytes that are escaped by some clients, left alone by others, or mean something in a query.
const HASH: [u8; 20] = *b"\x00!~*()-_.+ %\xff\x80/'aZ9\n";

/// Percent-encodes all but letters, digits and `raw`.
fn escape(bytes: &[u8], raw: &str, lower_case: bool) -> String {
    let mut text = String::new();
    for &byte in bytes {
        let stays = byte.is_ascii_alphanumeric() || raw.as_bytes().contains(&byte);
        match (stays, lower_case) {
            (true, _) => text.push(byte.into()),
            (false, true) => write!(text, "%{byte:02x}").expect("written"),
            (false, false) => write!(text, "%{byte:02X}").expect("written"),
        }
    }
    text
}

struct Client {
    name: &'static str,
    /// Marks that it does not escape, and whether its hex digits are in lower case.
    escapes: (&'static str, bool),
    peer_id: &'static [u8; 20],
    /// HASH and ID stand for the escaped bytes.
    target: &'static str,
    headers: &'static str,
    /// Complete, incomplete, as its announce leaves the swarm.
    counts: [i128; 2],
    stays_connected: bool,
}

const CLIENTS: &[Client] = &[
    Client {
        name: "libtorrent 2.0",
        escapes: ("-_!.~*()", true),
        peer_id: b"-LT20B0-(x!~*abcdef)",
        target: "/announce?info_hash=HASH&peer_id=ID&port=6881&uploaded=0&downloaded=0&left=16384\
                 &corrupt=0&key=1A2B3C4D&event=started&numwant=200&compact=1&no_peer_id=1\
                 &supportcrypto=1&redundant=0&ipv4=192.0.2.2&ipv6=2001%3adb8%3a%3a2",
        headers: "Host: tracker.example:6969\r\nUser-Agent: libtorrent/2.0.11.0\r\n\
                  Accept-Encoding: gzip\r\nConnection: close\r\n",
        counts: [0, 1],
        stays_connected: false,
    },
    Client {
        name: "libtorrent 2.0, partial seed",
        escapes: ("-_!.~*()", true),
        peer_id: b"-LT20B0-(x!~*abcdef)",
        target: "/announce?info_hash=HASH&peer_id=ID&port=6881&uploaded=0&downloaded=0&left=16384\
                 &corrupt=0&key=1A2B3C4D&event=paused&numwant=200&compact=1&no_peer_id=1\
                 &supportcrypto=1&redundant=0",
        headers: "Host: tracker.example:6969\r\nAccept-Encoding: gzip\r\nConnection: close\r\n",
        counts: [0, 1],
        stays_connected: false,
    },
    Client {
        name: "Transmission 4, magnet",
        escapes: ("-_.~", false),
        peer_id: b"-TR4060-abc+def~ghi ",
        target: "/announce?info_hash=HASH&peer_id=ID&port=51413&uploaded=0&downloaded=0\
                 &left=9223372036854775807&numwant=80&key=3F00A1B2&compact=1&supportcrypto=1\
                 &event=started",
        headers: "Host: tracker.example\r\nUser-Agent: Transmission/4.0.6\r\nAccept: */*\r\n\
                  Accept-Encoding: deflate, gzip, br, zstd\r\n",
        counts: [0, 1],
        stays_connected: true,
    },
    Client {
        name: "Transmission 4, seed, URL with a query of its own",
        escapes: ("-_.~", false),
        peer_id: b"-TR4060-abc+def~ghi ",
        target: "/announce?pass=x%2Fy&info_hash=HASH&peer_id=ID&port=51413&uploaded=9&downloaded=9\
                 &left=0&numwant=80&key=3F00A1B2&compact=1&supportcrypto=1&requirecrypto=1\
                 &corrupt=3&trackerid=abc",
        headers: "Host: tracker.example\r\nAccept: */*\r\nAccept-Encoding: deflate, gzip\r\n",
        counts: [1, 0],
        stays_connected: true,
    },
    Client {
        name: "aria2, key of raw bytes",
        escapes: ("", false),
        peer_id: b"A2-1-37-\x00\xfe%&=+ ~\n\x7f\x80\x81",
        target: "/announce?info_hash=HASH&peer_id=ID&uploaded=0&downloaded=0&left=16384&compact=1\
                 &key=%25%26%3D%2B%20%7E%0A%7F&numwant=50&no_peer_id=1&port=6959&event=started\
                 &supportcrypto=1",
        headers: "Host: tracker.example\r\nUser-Agent: aria2/1.37.0\r\nAccept: */*\r\n\
                  Pragma: no-cache\r\nCache-Control: no-cache\r\nConnection: close\r\n\
                  Want-Digest: SHA-512;q=1, SHA-256;q=1, SHA;q=0.1\r\n",
        counts: [0, 1],
        stays_connected: false,
    },
    Client {
        name: "aria2, not listening",
        escapes: ("", false),
        peer_id: b"A2-1-37-\x00\xfe%&=+ ~\n\x7f\x80\x81",
        target: "/announce?info_hash=HASH&peer_id=ID&uploaded=0&downloaded=0&left=16384&compact=1\
                 &key=%25%26%3D%2B%20%7E%0A%7F&numwant=0&no_peer_id=1&event=started\
                 &requirecrypto=1",
        headers: "Host: tracker.example\r\nConnection: close\r\n",
        counts: [0, 0],
        stays_connected: false,
    },
    Client {
        name: "rtorrent",
        escapes: ("-", false),
        peer_id: b"-lt0E00-\x01\x02\xf0~_.abcdef",
        target: "/announce?info_hash=HASH&peer_id=ID&compact=1&key=0badcafe&port=6890&uploaded=0\
                 &downloaded=0&left=16384&event=started",
        headers: "Host: tracker.example\r\nUser-Agent: rtorrent/0.15.1/0.15.1\r\nAccept: */*\r\n\
                  Accept-Encoding: deflate, gzip\r\n",
        counts: [0, 1],
        stays_connected: true,
    },
    Client {
        name: "BiglyBT",
        escapes: ("-_.*", false),
        peer_id: b"-BI3700-abcDEF*._xyz",
        target: "/announce?info_hash=HASH&peer_id=ID&supportcrypto=1&port=6881&azudp=6881\
                 &uploaded=0&downloaded=0&left=16384&corrupt=0&event=started&numwant=100\
                 &no_peer_id=1&compact=1&key=aBcDeFgH&azver=3",
        headers: "User-Agent: BiglyBT 3.7.0.0\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\
                  Host: tracker.example\r\nAccept: text/html, image/gif, image/jpeg, *; q=.2\r\n",
        counts: [0, 1],
        stays_connected: false,
    },
    Client {
        name: "BiglyBT, crypto required",
        escapes: ("-_.*", false),
        peer_id: b"-BI3700-abcDEF*._xyz",
        target: "/announce?info_hash=HASH&peer_id=ID&requirecrypto=1&port=0&cryptoport=6881\
                 &uploaded=0&downloaded=0&left=16384&corrupt=0&event=started&numwant=100\
                 &no_peer_id=1&compact=1&key=aBcDeFgH&azver=3",
        headers: "Connection: close\r\nHost: tracker.example\r\n",
        counts: [0, 0],
        stays_connected: false,
    },
    Client {
        name: "WebTorrent, completed with the old left",
        escapes: ("-_.", false),
        peer_id: b"-WW0208-~*()!'abcdef",
        target: "/announce?numwant=50&uploaded=0&downloaded=0&left=16384&event=completed&compact=1\
                 &info_hash=HASH&peer_id=ID&port=6881",
        headers: "Host: tracker.example\r\nConnection: close\r\n\
                  user-agent: WebTorrent/2.5.1 (https://webtorrent.io)\r\n",
        counts: [1, 0],
        stays_connected: false,
    },
    Client {
        name: "anacrolix",
        escapes: ("-_.~", false),
        peer_id: b"-GT0003-~ab+cd ef/gh",
        target: "/announce?compact=1&downloaded=0&event=started&info_hash=HASH&key=-559038737\
                 &left=9223372036854775807&numwant=-1&peer_id=ID&port=42069&supportcrypto=1\
                 &uploaded=0",
        headers: "Host: tracker.example\r\nUser-Agent: anacrolix/torrent\r\n\
                  Accept-Encoding: gzip\r\n",
        counts: [0, 1],
        stays_connected: true,
    },
];

impl Client {
    fn target(&self) -> String {
        let (raw, lower_case) = self.escapes;
        let escaped = |bytes| escape(bytes, raw, lower_case);
        let target = self.target.replace("HASH", &escaped(&HASH));
        target.replace("ID", &escaped(self.peer_id))
    }
}

#[test]
fn every_client_is_understood() {
    for family in [V4, V6] {
        for client in CLIENTS {
            let name = client.name;
            let tracker = Tracker::start(r#"{"announce": {"peer_ids": true}}"#);
            let mut connection = Connection::open(tracker.http[family]);
            let target = client.target();
            connection.send(format!("GET {target} HTTP/1.1\r\n{}\r\n", client.headers));
            let answer = connection.answer();
            assert_eq!(answer.header("content-encoding"), None, "{name}");
            let told = answer.announced();
            assert_eq!([told.complete, told.incomplete], client.counts, "{name}");
            assert_eq!(told.peers.len(), 0, "{name}: not itself");
            assert_eq!(
                is_listed(&tracker, client),
                client.counts != [0, 0],
                "{name}"
            );
            if client.stays_connected {
                assert!(!connection.get("/scrape").failure().is_empty(), "{name}");
            } else {
                assert_eq!(answer.header("connection"), Some("close"), "{name}");
                connection.expect_end();
            }
        }
    }
}

/// Whether the swarm of `HASH` has a peer of this client's id, and nobody else.
fn is_listed(tracker: &Tracker, client: &Client) -> bool {
    let hash = escape(&HASH, "", false);
    let target =
        format!("/announce?info_hash={hash}&peer_id=aaaaaaaaaaaaaaaaaaaa&port=9&left=5&compact=0");
    let body = get(tracker.http[V4], &target).good();
    match body.get("peers").expect("peers").list() {
        [] => false,
        [peer] => {
            let id = peer.get("peer id").expect("an id").bytes();
            assert_eq!(id, client.peer_id, "{}", client.name);
            true
        }
        peers => panic!("{}: {peers:?}", client.name),
    }
}

#[test]
fn scrapes_of_clients_name_the_hash_they_asked_for() {
    let tracker = Tracker::start("{}");
    for client in CLIENTS {
        let (raw, lower_case) = client.escapes;
        let hash = escape(&HASH, raw, lower_case);
        let body = get(tracker.http[V4], &format!("/scrape?info_hash={hash}")).good();
        let files = body.get("files").expect("files").dictionary();
        assert!(
            files.contains_key(HASH.as_slice()),
            "{}: {files:?}",
            client.name
        );
    }
}
