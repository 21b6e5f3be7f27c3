//! Bytes to borrowed views, replies to bytes: UDP (BEP 15, 41) and HTTP (BEP 3, 7, 23, 48).
//!
//! Nothing here does I/O, logs or allocates for a view. The two protocols meet in
//! [`AnnounceRequest`] and [`ScrapeRequest`]: after the parser nobody asks which it was.
//! Torrent files are read in [`metainfo`], requests of the management API in [`api`].

pub mod api;
pub mod bencode;
pub mod http;
pub mod metainfo;
pub mod proxy;
pub mod query;
pub mod udp;

use crate::model::{Event, InfoHash, PeerId, Role, Transfer};
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
    /// What it says it has moved since it started; 0 where it does not say.
    pub totals: Transfer,
    /// Bytes it lacks; the most a number can hold where it does not say.
    pub left: u64,
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
    /// The passkey of a private tracker: a path segment beside `announce`, or the parameter
    /// `passkey`.
    pub passkey: Option<&'b [u8]>,
    /// The program's name for itself (`User-Agent`); empty over UDP.
    pub agent: &'b [u8],
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
    /// As in [`AnnounceRequest::passkey`].
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
    /// Cache, journal or directory cannot serve now.
    Unavailable,
    /// A private tracker, and no passkey.
    NoPasskey,
    /// Nobody's passkey, as far as is known.
    UnknownPasskey,
    /// The user may not announce.
    AccountDisabled,
    /// A torrent the site does not have, as far as is known.
    UnknownTorrent,
    /// A torrent the site does not have yet.
    UnapprovedTorrent,
    /// A torrent the site no longer has; the reason follows the text.
    DeletedTorrent,
    /// A client the site does not want.
    UnapprovedClient,
    /// The user may seed only.
    NoDownloading,
    /// The user downloads as many torrents as allowed.
    NoSlotFree,
    /// The user has as many clients on the torrent as allowed.
    TooManySessions,
}

/// When to come back (BEP 31).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// In so many minutes.
    InMinutes(u32),
    /// Not with this request.
    Never,
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
            Refusal::Unavailable => "tracker is temporarily unavailable",
            Refusal::NoPasskey => "passkey required",
            Refusal::UnknownPasskey => "unknown passkey",
            Refusal::AccountDisabled => "account disabled",
            Refusal::UnknownTorrent => "torrent not registered",
            Refusal::UnapprovedTorrent => "torrent not approved yet",
            Refusal::DeletedTorrent => "torrent deleted",
            Refusal::UnapprovedClient => "client not approved",
            Refusal::NoDownloading => "downloading is disabled for this account",
            Refusal::NoSlotFree => "all download slots are in use",
            Refusal::TooManySessions => "too many clients on this torrent",
        }
    }

    /// The text, and the site's own reason if there is one, in pieces.
    pub fn sentence(self, reason: &str) -> [&str; 3] {
        let between = if reason.is_empty() { "" } else { ": " };
        [self.text(), between, reason]
    }

    /// When to come back (BEP 31), where there is something to be said of it. What is unknown is
    /// looked up meanwhile.
    pub fn retry(self) -> Option<Retry> {
        match self {
            Refusal::UnknownPasskey | Refusal::UnknownTorrent => Some(Retry::InMinutes(1)),
            Refusal::Unavailable => Some(Retry::InMinutes(5)),
            Refusal::NoSlotFree | Refusal::UnapprovedTorrent => Some(Retry::InMinutes(10)),
            Refusal::Full | Refusal::TooManySessions => Some(Retry::InMinutes(30)),
            Refusal::AccountDisabled | Refusal::NoDownloading => Some(Retry::InMinutes(60)),
            Refusal::NoPasskey | Refusal::DeletedTorrent | Refusal::UnapprovedClient => {
                Some(Retry::Never)
            }
            _ => None,
        }
    }
}

/// What a path asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route<'b> {
    /// `/announce`, `/PASSKEY/announce` or `/announce/PASSKEY`.
    Announce(Option<&'b [u8]>),
    /// `/scrape`, `/PASSKEY/scrape` or `/scrape/PASSKEY`.
    Scrape(Option<&'b [u8]>),
}

impl<'b> Route<'b> {
    /// The route of a path, which begins with a slash and ends before the query.
    pub fn of(path: &'b [u8]) -> Option<Route<'b>> {
        let path = path.strip_prefix(b"/")?;
        let Some(slash) = memchr::memchr(b'/', path) else {
            return Route::with(path, None);
        };
        let (before, after) = (&path[..slash], &path[slash + 1..]);
        if before.is_empty() || after.is_empty() || after.contains(&b'/') {
            return None;
        }
        // Some sites put the passkey last.
        Route::with(after, Some(before)).or_else(|| Route::with(before, Some(after)))
    }

    fn with(action: &[u8], passkey: Option<&'b [u8]>) -> Option<Route<'b>> {
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
            (
                "/announce/s3cret",
                Some(Route::Announce(Some(b"s3cret".as_slice()))),
            ),
            (
                "/scrape/announce",
                Some(Route::Announce(Some(b"scrape".as_slice()))),
            ),
            ("/announce/a/b", None),
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
