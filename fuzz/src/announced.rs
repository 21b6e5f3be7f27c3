//! Announces of a few clients, made of a few bytes each: what is in the journal's records.

use arbitrary::Arbitrary;
use chihaya::account::Record;
use chihaya::account::journal::{Body, Entry, Next, next};
use chihaya::model::{Endpoint, Event, Multipliers, PeerId, TorrentId, Transfer, UnixTime, UserId};
use chihaya::storage::SessionKey;
use std::collections::HashMap;

/// Names of programs as they are announced, and as they are kept.
pub const AGENTS: [(&[u8], &str); 7] = [
    (b"", ""),
    (b"qBittorrent/4.6.5", "qBittorrent/4.6.5"),
    (b"qBittorrent/5.0.0", "qBittorrent/5.0.0"),
    (b"RatioMaster", "RatioMaster"),
    (b"not \xff UTF-8", "not \u{fffd} UTF-8"),
    (
        &[0xff; 70],
        "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\
     \u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\
     \u{fffd}\u{fffd}\u{fffd}",
    ),
    (
        b"0123456789012345678901234567890123456789012345678901234567890123456789",
        "0123456789012345678901234567890123456789012345678901234567890123",
    ),
];

const PEER_IDS: [PeerId; 3] = [
    PeerId(*b"-qB4650-abcdefghijkl"),
    PeerId(*b"-ZZ0001-abcdefghijkl"),
    PeerId(*b"M7-10-5--abcdefghijk"),
];

const MULTIPLIERS: [(u16, u16); 6] = [
    (100, 100),
    (100, 0),
    (0, 0),
    (200, 50),
    (33, 67),
    (u16::MAX, u16::MAX),
];

const EVENTS: [Event; 5] = [
    Event::Regular,
    Event::Started,
    Event::Completed,
    Event::Stopped,
    Event::Paused,
];

/// An announce, in bytes that choose.
#[derive(Arbitrary, Clone, Debug)]
pub struct Announced {
    user: u8,
    torrent: u8,
    peer_id: u8,
    event: u8,
    /// How the totals change: see [`changed`].
    uploaded: u8,
    downloaded: u8,
    left: u8,
    agent: u8,
    multipliers: u8,
    /// One bit each: IPv6, address hidden, token.
    bits: u8,
    /// Seconds by which its clock is behind.
    behind_secs: u8,
}

/// What the clients have said they have moved.
#[derive(Default)]
pub struct Clients(HashMap<SessionKey, Transfer>);

impl Clients {
    /// The record of an announce.
    pub fn record(&mut self, announced: &Announced, now_secs: u32) -> Record<'static> {
        let ip: std::net::IpAddr = match announced.bits & 1 {
            0 => [192, 0, 2, announced.bits >> 3].into(),
            _ => [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(announced.bits >> 3)].into(),
        };
        let (up_percent, down_percent) = *pick(&MULTIPLIERS, announced.multipliers);
        let mut record = Record {
            time: UnixTime(now_secs - u32::from(announced.behind_secs)),
            user: UserId(u64::from(announced.user % 3)),
            torrent: TorrentId(u64::from(announced.torrent % 3)),
            peer_id: *pick(&PEER_IDS, announced.peer_id),
            endpoint: Endpoint::new(ip, 6881),
            totals: Transfer::default(),
            left: match announced.left {
                u8::MAX => u64::MAX,
                // Half of them seed.
                left => (left / 128).into(),
            },
            event: *pick(&EVENTS, announced.event),
            multipliers: Multipliers {
                up_percent,
                down_percent,
            },
            token: announced.bits & 4 != 0,
            hide_ip: announced.bits & 2 != 0,
            agent: pick(&AGENTS, announced.agent).0,
        };
        let totals = self.0.entry(record.key()).or_default();
        totals.uploaded = changed(totals.uploaded, announced.uploaded);
        totals.downloaded = changed(totals.downloaded, announced.downloaded);
        record.totals = *totals;
        record
    }
}

fn pick<T>(from: &[T], by: u8) -> &T {
    &from[usize::from(by) % from.len()]
}

/// Totals mostly grow.
fn changed(before: u64, by: u8) -> u64 {
    match by {
        0..200 => before.saturating_add(u64::from(by) * 1_000_003),
        200..230 => before.saturating_sub(u64::from(by)),
        230..245 => 0,
        245.. => u64::MAX - u64::from(by),
    }
}

/// Makes bytes of a journal of an entry, and shows what a reader finds in them.
pub fn follow(entry: &mut Entry, show: impl FnOnce(Body<'_>, usize)) {
    let bytes = entry.seal(7);
    match next(bytes, 7) {
        Next::Entry(body, length) => {
            assert_eq!(length, bytes.len());
            show(body, length);
        }
        other => panic!("{other:?} in place of an entry"),
    }
}
