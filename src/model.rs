//! The nouns every floor shares: what a peer, a torrent and a moment are.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Identifies a torrent (BEP 3); for v2 torrents the first 20 bytes of the SHA-256 (BEP 52).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InfoHash(pub [u8; 20]);

impl std::fmt::Debug for InfoHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a client calls itself (BEP 20); known to the whole swarm, so it proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct PeerId(pub [u8; 20]);

/// Seconds since the process started, as the worker's clock read them at the beginning of its tick.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Seconds(pub u32);

/// The time of day in Unix seconds; what is kept over a restart is told in it. Ends in 2106.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct UnixTime(pub u32);

impl UnixTime {
    /// Seconds since `earlier`; 0 when that is later.
    pub fn since(self, earlier: UnixTime) -> u32 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Why a client announces (BEP 3, BEP 21). Unknown events count as [`Event::Regular`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
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
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
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

    /// The 16 bytes of its address, IPv4 mapped into IPv6, and its port: how storages keep it.
    pub fn mapped(&self) -> ([u8; 16], u16) {
        let addr = self.socket_addr();
        let ip = match addr.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        (ip.octets(), addr.port())
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

/// Who announces to a private tracker: the web application's own number.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct UserId(pub u64);

/// What is announced to a private tracker: the web application's own number.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct TorrentId(pub u64);

/// The secret in a user's announce URL. Never shown in a log.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Passkey {
    bytes: [u8; Passkey::MAX_BYTES],
    length: u8,
}

impl Passkey {
    /// Bytes of the longest: web applications use 32, some allow more.
    pub const MAX_BYTES: usize = 64;

    /// The passkey of these bytes; none of no bytes, or of too many.
    pub fn new(text: &[u8]) -> Option<Passkey> {
        let length = u8::try_from(text.len()).ok().filter(|length| *length > 0)?;
        let mut bytes = [0; Passkey::MAX_BYTES];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Passkey { bytes, length })
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl std::fmt::Debug for Passkey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(passkey)")
    }
}

/// Bytes moved: what a client says it has moved since it started, or a part of that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Transfer {
    /// To other peers.
    pub uploaded: u64,
    /// From other peers.
    pub downloaded: u64,
}

impl Transfer {
    /// Both sums, held at the most a number can hold.
    pub fn plus(self, other: Transfer) -> Transfer {
        Transfer {
            uploaded: self.uploaded.saturating_add(other.uploaded),
            downloaded: self.downloaded.saturating_add(other.downloaded),
        }
    }

    /// What it has grown by since `before`; `None` when either has shrunk.
    pub fn since(self, before: Transfer) -> Option<Transfer> {
        Some(Transfer {
            uploaded: self.uploaded.checked_sub(before.uploaded)?,
            downloaded: self.downloaded.checked_sub(before.downloaded)?,
        })
    }
}

/// How transfer is credited, in percent: 0 down is freeleech, 0 and 0 neutral, 200 up double.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Multipliers {
    /// Of what is uploaded.
    pub up_percent: u16,
    /// Of what is downloaded.
    pub down_percent: u16,
}

impl Default for Multipliers {
    fn default() -> Multipliers {
        Multipliers::EVEN
    }
}

impl Multipliers {
    /// Everything is credited as it is.
    pub const EVEN: Multipliers = Multipliers {
        up_percent: 100,
        down_percent: 100,
    };

    /// Both at once: the products, rounded down, held at the most a number can hold.
    pub fn and(self, other: Multipliers) -> Multipliers {
        let product = |a: u16, b: u16| {
            let product = u32::from(a) * u32::from(b) / 100;
            u16::try_from(product).unwrap_or(u16::MAX)
        };
        Multipliers {
            up_percent: product(self.up_percent, other.up_percent),
            down_percent: product(self.down_percent, other.down_percent),
        }
    }

    /// The better of both for whoever transfers: the larger for upload, the smaller for download.
    pub fn or(self, other: Multipliers) -> Multipliers {
        Multipliers {
            up_percent: self.up_percent.max(other.up_percent),
            down_percent: self.down_percent.min(other.down_percent),
        }
    }

    /// What is credited for some transfer, rounded down.
    pub fn credit(self, raw: Transfer) -> Transfer {
        let part = |bytes: u64, percent: u16| {
            let part = u128::from(bytes) * u128::from(percent) / 100;
            u64::try_from(part).unwrap_or(u64::MAX)
        };
        Transfer {
            uploaded: part(raw.uploaded, self.up_percent),
            downloaded: part(raw.downloaded, self.down_percent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_have_a_length() {
        let key = Passkey::new(b"secret").expect("a passkey");
        assert_eq!(key.as_bytes(), b"secret");
        assert_eq!(format!("{key:?}"), "(passkey)");
        assert!(Passkey::new(&[b'a'; 64]).is_some());
        for bad in [&[b'a'; 65][..], &[b'a'; 300], b""] {
            assert_eq!(Passkey::new(bad), None, "{} bytes", bad.len());
        }
    }

    #[test]
    fn multipliers_are_products() {
        let of = |up_percent, down_percent| Multipliers {
            up_percent,
            down_percent,
        };
        let neutral = of(0, 0);
        let raw = Transfer {
            uploaded: 1999,
            downloaded: u64::MAX,
        };
        let all = Multipliers::default();
        assert_eq!(all.and(of(200, 0)), of(200, 0));
        assert_eq!(of(200, 50).and(of(150, 50)), of(300, 25));
        assert_eq!(of(200, 50).and(neutral), neutral);
        assert_eq!(of(u16::MAX, 1).and(of(u16::MAX, 1)), of(u16::MAX, 0));
        assert_eq!(all.credit(raw), raw);
        assert_eq!(neutral.credit(raw), Transfer::default());
        let credit = of(50, 200).credit(raw);
        assert_eq!((credit.uploaded, credit.downloaded), (999, u64::MAX));
    }

    #[test]
    fn totals_grow_together() {
        let of = |uploaded, downloaded| Transfer {
            uploaded,
            downloaded,
        };
        assert_eq!(of(5, 7).since(of(5, 2)), Some(of(0, 5)));
        assert_eq!(of(5, 7).since(of(6, 2)), None);
        assert_eq!(of(u64::MAX, 1).plus(of(1, 1)), of(u64::MAX, 2));
    }

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
