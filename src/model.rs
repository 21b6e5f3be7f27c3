//! The nouns every floor shares: what a peer, a torrent and a moment are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Identifies a torrent (BEP 3); for v2 torrents the first 20 bytes of the SHA-256 (BEP 52).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InfoHash(pub [u8; 20]);

impl std::fmt::Debug for InfoHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a client calls itself (BEP 20); known to the whole swarm, so it proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerId(pub [u8; 20]);

/// Seconds since the process started, as the worker's clock read them at the beginning of its tick.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Seconds(pub u32);

/// Why a client announces (BEP 3, BEP 21). Unknown events count as [`Event::Regular`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Event {
    /// One of the announces in between.
    #[default]
    Regular,
    /// The download has just finished.
    Completed,
    /// The first announce.
    Started,
    /// The last announce: the peer leaves.
    Stopped,
    /// A partial seed: it has all it wants of the torrent, not all there is (BEP 21).
    Paused,
}

/// What a peer is to its swarm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Has everything.
    Seeder,
    /// Wants more.
    Leecher,
    /// Incomplete, but wants nothing more (BEP 21): counted with the leechers, not as a downloader.
    PartialSeed,
}

impl Role {
    /// The role of a peer that says this. Some clients send the old `left` with `completed`.
    pub fn of(event: Event, left: u64) -> Role {
        match event {
            Event::Completed => Role::Seeder,
            _ if left == 0 => Role::Seeder,
            Event::Paused => Role::PartialSeed,
            _ => Role::Leecher,
        }
    }
}

/// Bytes of an IPv4 endpoint on the wire (BEP 23).
pub const V4_BYTES: usize = 6;
/// Bytes of an IPv6 endpoint on the wire (BEP 7).
pub const V6_BYTES: usize = 18;

/// Address and port in the bytes in which they are sent to other peers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// 4 bytes of address, 2 of port (BEP 23).
    V4([u8; V4_BYTES]),
    /// 16 bytes of address, 2 of port (BEP 7).
    V6([u8; V6_BYTES]),
}

impl Endpoint {
    /// The endpoint of this address and port; an IPv4-mapped address is IPv4.
    pub fn new(ip: IpAddr, port: u16) -> Endpoint {
        let port = port.to_be_bytes();
        match ip.to_canonical() {
            IpAddr::V4(ip) => {
                let mut bytes = [0; V4_BYTES];
                bytes[..4].copy_from_slice(&ip.octets());
                bytes[4..].copy_from_slice(&port);
                Endpoint::V4(bytes)
            }
            IpAddr::V6(ip) => {
                let mut bytes = [0; V6_BYTES];
                bytes[..16].copy_from_slice(&ip.octets());
                bytes[16..].copy_from_slice(&port);
                Endpoint::V6(bytes)
            }
        }
    }

    /// Whether peers can be sent there: clients that do not listen announce port 0.
    pub fn is_reachable(&self) -> bool {
        match self {
            Endpoint::V4(bytes) => bytes[4..] != [0, 0],
            Endpoint::V6(bytes) => bytes[16..] != [0, 0],
        }
    }

    /// The same as an address of the standard library.
    pub fn socket_addr(&self) -> SocketAddr {
        match *self {
            Endpoint::V4([a, b, c, d, high, low]) => {
                (Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])).into()
            }
            Endpoint::V6([ip @ .., high, low]) => {
                (Ipv6Addr::from(ip), u16::from_be_bytes([high, low])).into()
            }
        }
    }
}

/// What a swarm amounts to, both families together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Peers that have everything.
    pub seeders: u32,
    /// Peers that do not, partial seeds among them.
    pub leechers: u32,
    /// Leechers that want nothing more (BEP 21).
    pub partial_seeds: u32,
    /// Downloads that were finished, one a peer.
    pub downloaded: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_follow_event_and_left() {
        for (name, event, left, role) in [
            ("nothing left", Event::Regular, 0, Role::Seeder),
            (
                "completed with the old left",
                Event::Completed,
                16384,
                Role::Seeder,
            ),
            (
                "unknown size of a magnet",
                Event::Started,
                i64::MAX as u64,
                Role::Leecher,
            ),
            (
                "unknown size over UDP",
                Event::Regular,
                u64::MAX,
                Role::Leecher,
            ),
            ("a multiple of 2^32", Event::Regular, 1 << 32, Role::Leecher),
            ("partial seed", Event::Paused, 5, Role::PartialSeed),
            ("paused, but complete", Event::Paused, 0, Role::Seeder),
        ] {
            assert_eq!(Role::of(event, left), role, "{name}");
        }
    }

    #[test]
    fn endpoints_fold_mapped_addresses() {
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().expect("an address");
        assert_eq!(
            Endpoint::new(mapped, 6881),
            Endpoint::V4([192, 0, 2, 1, 0x1a, 0xe1])
        );
        for text in ["192.0.2.1:6881", "[2001:db8::1]:1"] {
            let addr: SocketAddr = text.parse().expect("an address");
            assert_eq!(Endpoint::new(addr.ip(), addr.port()).socket_addr(), addr);
        }
    }

    #[test]
    fn port_zero_is_not_reachable() {
        let ip = IpAddr::from([192, 0, 2, 1]);
        assert!(!Endpoint::new(ip, 0).is_reachable());
        assert!(Endpoint::new(ip, 256).is_reachable());
    }
}
