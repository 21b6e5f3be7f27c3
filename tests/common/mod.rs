//! What the tests of behaviour share: a tracker on ports of its own, and clients that wait no
//! longer than they must.
#![allow(dead_code, reason = "every test program uses a part of it")]

pub mod bencode;
pub mod http;
pub mod program;
pub mod udp;

use chihaya::config::{Config, Network};
use chihaya::server::{Authority, Protocol};
use chihaya::{Drivers, Server};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How long a test waits for what must come; only one that fails waits as long.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Place of the IPv4 address in [`Tracker::http`] and [`Tracker::udp`].
pub const V4: usize = 0;
/// Place of the IPv6 address in [`Tracker::http`] and [`Tracker::udp`].
pub const V6: usize = 1;

/// A tracker, in this process as a rule: then it stops when it is dropped.
pub struct Tracker {
    server: Option<Server>,
    /// Where it answers HTTP.
    pub http: Vec<SocketAddr>,
    /// Where it answers UDP.
    pub udp: Vec<SocketAddr>,
    /// Where it is managed.
    pub admin: Vec<SocketAddr>,
}

impl Tracker {
    /// Starts with these settings, as they would stand in the configuration file; unless they say
    /// where, it listens on free ports of both loopback addresses.
    pub fn start(settings: &str) -> Tracker {
        Tracker::start_with(settings, &Drivers::builtin())
    }

    pub fn start_with(settings: &str, drivers: &Drivers) -> Tracker {
        let server = Server::start(&config(settings), drivers).expect("the tracker starts");
        let of = |wanted| {
            let addresses = server.addresses().iter();
            let wanted = addresses.filter(|(protocol, _)| *protocol == wanted);
            wanted.map(|(_, address)| *address).collect()
        };
        Tracker {
            http: of(Protocol::Http),
            udp: of(Protocol::Udp),
            admin: of(Protocol::Admin),
            server: Some(server),
        }
    }

    /// One that runs elsewhere, and is stopped there.
    pub fn elsewhere(http: Vec<SocketAddr>, udp: Vec<SocketAddr>) -> Tracker {
        Tracker {
            server: None,
            http,
            udp,
            admin: Vec::new(),
        }
    }

    /// Who decides what its directory is.
    pub fn authority(&self) -> &Authority {
        let server = self.server.as_ref().expect("it runs here");
        server.authority().expect("a private tracker")
    }

    /// Stops it as SIGTERM would.
    pub fn stop(mut self) {
        self.server.take().expect("it runs").stop();
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }
}

/// The configuration of [`Tracker::start`].
pub fn config(settings: &str) -> Config {
    let mut config = Config::from_json(settings)
        .unwrap_or_else(|faults| panic!("settings {settings}: {faults:?}"));
    let everywhere = Network::default();
    let network = &mut config.network;
    for (listen, default) in [
        (&mut network.http, everywhere.http),
        (&mut network.udp, everywhere.udp),
    ] {
        if *listen == default {
            *listen = vec![addr("127.0.0.1:0"), addr("[::1]:0")];
        }
    }
    if network.workers == 0 {
        // Two, so that what workers share is shared here, however many cores there are.
        network.workers = 2;
    }
    config
}

pub fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address and a port")
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Addresses and ports, sorted.
pub fn addrs(texts: &[&str]) -> Vec<SocketAddr> {
    let mut addrs: Vec<_> = texts.iter().map(|text| addr(text)).collect();
    addrs.sort();
    addrs
}

/// Tries until it holds. What is tried must take its time by itself: a round trip, say.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
    }
}

/// Peers in compact form: 6 bytes each over IPv4, 18 over IPv6; sorted.
pub fn compact_peers(bytes: &[u8], v6: bool) -> Vec<SocketAddr> {
    let length = if v6 { 18 } else { 6 };
    assert_eq!(bytes.len() % length, 0, "{} bytes of peers", bytes.len());
    let mut peers: Vec<_> = bytes
        .chunks_exact(length)
        .map(|peer| {
            let (ip, port) = peer.split_at(length - 2);
            let port = u16::from_be_bytes([port[0], port[1]]);
            SocketAddr::new(ip_of_bytes(ip), port)
        })
        .collect();
    peers.sort();
    peers
}

/// An address of 4 or 16 bytes.
pub fn ip_of_bytes(bytes: &[u8]) -> IpAddr {
    match <[u8; 4]>::try_from(bytes) {
        Ok(v4) => v4.into(),
        Err(_) => <[u8; 16]>::try_from(bytes).expect("4 or 16 bytes").into(),
    }
}
