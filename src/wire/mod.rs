//! Bytes to borrowed views, replies to bytes: UDP (BEP 15, 41) and HTTP (BEP 3, 7, 23, 48).
//!
//! Nothing here does I/O, logs or allocates for a view. The two protocols meet in
//! [`AnnounceRequest`] and [`ScrapeRequest`]: after the parser nobody asks which it was.
//! Torrent files are read in [`metainfo`].

pub mod bencode;
pub mod http;
pub mod metainfo;
pub mod proxy;
pub mod query;
pub mod udp;

use crate::model::{Event, InfoHash, PeerId, Role};
use std::net::{Ipv4Addr, Ipv6Addr};

/// An announce as it stands in the packet or the request line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AnnounceRequest<'b> {
    /// The torrent.
    pub info_hash: InfoHash,
    /// The client's own name for itself.
    pub peer_id: PeerId,
    /// Where it listens; 0 when it does not.
    pub port: u16,
    /// What the peer is to the swarm, from `left` and `event`.
    pub role: Role,
    /// Why it announces.
    pub event: Event,
    /// Peers wanted; `None` leaves it to the tracker.
    pub num_want: Option<u32>,
    /// How peers are to be written.
    pub form: PeerForm,
    /// The IPv4 address the client claims for itself; strangers are not believed.
    pub ipv4: Option<Ipv4Addr>,
    /// The IPv6 address the client claims for itself; strangers are not believed.
    pub ipv6: Option<Ipv6Addr>,
    /// The path segment before `announce`: the passkey of a private tracker.
    pub passkey: Option<&'b [u8]>,
}

/// How the peers of an HTTP answer are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PeerForm {
    /// Strings of 6 and 18 bytes a peer (BEP 23, BEP 7).
    #[default]
    Compact,
    /// A list of dictionaries (BEP 3).
    Dictionaries {
        /// False where the client said `no_peer_id=1`.
        peer_ids: bool,
    },
}

/// A scrape: the torrents asked for, in the order of the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScrapeRequest<'b> {
    /// Info-hashes.
    pub hashes: &'b [[u8; 20]],
    /// The path segment before `scrape`.
    pub passkey: Option<&'b [u8]>,
}

/// Why a well-formed request is not served. Texts are fixed: some clients match on them, and
/// nothing of the inside leaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// A percent sign without two hex digits, or a value of the wrong length.
    BadEncoding,
    /// No `info_hash`, or one that is not 20 bytes.
    BadInfoHash,
    /// An announce with two.
    SeveralInfoHashes,
    /// No `peer_id`, or one that is not 20 bytes.
    BadPeerId,
    /// A port that is no number below 65536.
    BadPort,
    /// A packet shorter than its action needs, or with options cut short (BEP 41).
    Malformed,
    /// An action BEP 15 does not know, or the old dual-stack announce.
    UnknownAction,
    /// A scrape without `info_hash` where full scrapes are off.
    FullScrapeOff,
    /// More than a scrape may ask.
    TooManyHashes,
    /// The tracker holds as many torrents or peers as its configuration allows.
    Full,
    /// The cache cannot answer now.
    CacheUnavailable,
}

impl Refusal {
    /// What the client is told.
    pub fn text(self) -> &'static str {
        match self {
            Refusal::BadEncoding => "bad percent-encoding",
            Refusal::BadInfoHash => "info_hash must be 20 bytes",
            Refusal::SeveralInfoHashes => "more than one info_hash",
            Refusal::BadPeerId => "peer_id must be 20 bytes",
            Refusal::BadPort => "port is not valid",
            Refusal::Malformed => "malformed request",
            Refusal::UnknownAction => "unknown action",
            Refusal::FullScrapeOff => "full scrape is not served",
            Refusal::TooManyHashes => "too many info_hash in one scrape",
            Refusal::Full => "tracker is full",
            Refusal::CacheUnavailable => "tracker is temporarily unavailable",
        }
    }

    /// When to come back, where waiting helps (BEP 31), in minutes.
    pub fn retry_in_minutes(self) -> Option<u32> {
        match self {
            Refusal::Full => Some(30),
            Refusal::CacheUnavailable => Some(5),
            _ => None,
        }
    }
}

/// What a path asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route<'b> {
    /// `/announce` or `/PASSKEY/announce`.
    Announce(Option<&'b [u8]>),
    /// `/scrape` or `/PASSKEY/scrape`.
    Scrape(Option<&'b [u8]>),
}

impl<'b> Route<'b> {
    /// The route of a path, which begins with a slash and ends before the query.
    pub fn of(path: &'b [u8]) -> Option<Route<'b>> {
        let path = path.strip_prefix(b"/")?;
        let (passkey, action) = match memchr::memchr(b'/', path) {
            Some(slash) => (Some(&path[..slash]), &path[slash + 1..]),
            None => (None, path),
        };
        if passkey.is_some_and(<[u8]>::is_empty) {
            return None;
        }
        match action {
            b"announce" => Some(Route::Announce(passkey)),
            b"scrape" => Some(Route::Scrape(passkey)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        for (path, route) in [
            ("/announce", Some(Route::Announce(None))),
            ("/scrape", Some(Route::Scrape(None))),
            (
                "/s3cret/announce",
                Some(Route::Announce(Some(b"s3cret".as_slice()))),
            ),
            (
                "/s3cret/scrape",
                Some(Route::Scrape(Some(b"s3cret".as_slice()))),
            ),
            ("//announce", None),
            ("/announce/", None),
            ("/announce.php", None),
            ("/a/b/announce", None),
            ("announce", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(Route::of(path.as_bytes()), route, "{path}");
        }
    }
}
