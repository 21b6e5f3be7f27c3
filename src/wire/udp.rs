//! The UDP protocol: BEP 15, with the URL options of BEP 41.
//!
//! A packet is read in two steps, because nobody is answered who has not proved the address:
//! [`Header::read`] gives the connection id to check, then [`announce`] or [`scrape`] reads on.

use super::{AnnounceRequest, PeerForm, Refusal, Route, ScrapeRequest, query};
use crate::model::{Counts, Event, InfoHash, PeerId, Role, Transfer};
use std::net::Ipv4Addr;

/// The constant that stands for a connection id in a connect request.
pub const CONNECT_MAGIC: u64 = 0x0417_2710_1980;
/// Bytes of every request's head; a connect request is nothing more.
pub const HEADER_BYTES: usize = 16;
/// Bytes of an announce without options.
pub const ANNOUNCE_BYTES: usize = 98;
/// Hashes of one scrape whose answer fits a packet (BEP 15).
pub const MAX_SCRAPE_HASHES: usize = 74;
/// Bytes of an announce answer before its peers.
pub const ANNOUNCE_HEAD_BYTES: usize = 20;
/// Peers of one answer over IPv4: 20 + 242 × 6 bytes fit the 1472 that Ethernet leaves.
pub const MAX_PEERS_V4: usize = 242;
/// Peers of one answer over IPv6: 20 + 79 × 18 bytes fit the 1452 that Ethernet leaves.
pub const MAX_PEERS_V6: usize = 79;
/// Bytes of a joined BEP 41 URL; longer ones are malformed.
pub const MAX_URL_BYTES: usize = 1024;

/// What a packet asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A connection id.
    Connect,
    /// See [`announce`].
    Announce,
    /// See [`scrape`].
    Scrape,
    /// Anything else; `action 4` was an old dual-stack announce.
    Unknown,
}

/// The first 16 bytes of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Proof that the sender receives at its address.
    pub connection_id: u64,
    /// What is asked for.
    pub action: Action,
    /// Repeated in the answer.
    pub transaction_id: [u8; 4],
}

impl Header {
    /// Reads the head of a packet; `None` when it is no request at all.
    pub fn read(packet: &[u8]) -> Option<Header> {
        let (id, rest) = packet.split_first_chunk::<8>()?;
        let (action, rest) = rest.split_first_chunk::<4>()?;
        let transaction_id = *rest.first_chunk::<4>()?;
        let connection_id = u64::from_be_bytes(*id);
        let action = match u32::from_be_bytes(*action) {
            0 if connection_id == CONNECT_MAGIC => Action::Connect,
            1 => Action::Announce,
            2 => Action::Scrape,
            _ => Action::Unknown,
        };
        Some(Header {
            connection_id,
            action,
            transaction_id,
        })
    }
}

/// Reads an announce whose header has been read. `url` receives the pieces of a BEP 41 URL when
/// there are several.
pub fn announce<'b>(
    packet: &'b [u8],
    url: &'b mut Vec<u8>,
) -> Result<AnnounceRequest<'b>, Refusal> {
    let (fixed, options) = packet
        .split_first_chunk::<ANNOUNCE_BYTES>()
        .ok_or(Refusal::Malformed)?;
    let event = match be32(fixed, 80) {
        1 => Event::Completed,
        2 => Event::Started,
        3 => Event::Stopped,
        4 => Event::Paused,
        _ => Event::Regular,
    };
    let left = u64::from_be_bytes(field(fixed, 64));
    let claimed = Ipv4Addr::from(be32(fixed, 84));
    Ok(AnnounceRequest {
        info_hash: InfoHash(field(fixed, 16)),
        peer_id: PeerId(field(fixed, 36)),
        port: u16::from_be_bytes(field(fixed, 96)),
        totals: Transfer {
            uploaded: u64::from_be_bytes(field(fixed, 72)),
            downloaded: u64::from_be_bytes(field(fixed, 56)),
        },
        left,
        role: Role::of(event, left),
        event,
        num_want: u32::try_from(be32(fixed, 92).cast_signed()).ok(),
        form: PeerForm::Compact,
        ipv4: Some(claimed).filter(|ip| !ip.is_unspecified()),
        ipv6: None,
        passkey: url_passkey(url_data(options, url)?),
        agent: &[],
    })
}

/// Reads a scrape whose header has been read. Bytes after the last whole hash are ignored.
pub fn scrape(packet: &[u8]) -> Result<ScrapeRequest<'_>, Refusal> {
    let (hashes, _) = packet
        .get(HEADER_BYTES..)
        .unwrap_or_default()
        .as_chunks::<20>();
    match hashes.len() {
        0 => Err(Refusal::Malformed),
        1..=MAX_SCRAPE_HASHES => Ok(ScrapeRequest {
            hashes,
            passkey: None,
        }),
        _ => Err(Refusal::TooManyHashes),
    }
}

/// Joins the URLData pieces of BEP 41. One piece, the usual case, is borrowed from the packet.
fn url_data<'b>(mut options: &'b [u8], url: &'b mut Vec<u8>) -> Result<&'b [u8], Refusal> {
    const END_OF_OPTIONS: u8 = 0;
    const NOP: u8 = 1;
    const URL_DATA: u8 = 2;

    let mut first: &[u8] = &[];
    url.clear();
    while let Some((&kind, rest)) = options.split_first() {
        options = rest;
        match kind {
            END_OF_OPTIONS => break,
            NOP => continue,
            _ => {}
        }
        let (&length, rest) = options.split_first().ok_or(Refusal::Malformed)?;
        let (piece, rest) = rest
            .split_at_checked(length.into())
            .ok_or(Refusal::Malformed)?;
        options = rest;
        if kind != URL_DATA {
            continue;
        }
        if first.is_empty() {
            first = piece;
            continue;
        }
        if url.is_empty() {
            url.extend_from_slice(first);
        }
        if url.len() + piece.len() > MAX_URL_BYTES {
            return Err(Refusal::Malformed);
        }
        url.extend_from_slice(piece);
    }
    Ok(if url.is_empty() { first } else { url })
}

/// The passkey in a BEP 41 URL, in its path or as a parameter. Clients send `/announce` even where
/// nothing follows, and other paths mean nothing to us: neither is an error.
fn url_passkey(url: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr(b'?', url).unwrap_or(url.len());
    let (path, query) = url.split_at(end);
    match Route::of(path)? {
        Route::Announce(passkey) | Route::Scrape(passkey) => {
            passkey.or_else(|| query::passkey(query.get(1..).unwrap_or_default()))
        }
    }
}

fn field<const N: usize>(packet: &[u8; ANNOUNCE_BYTES], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&packet[at..at + N]);
    field
}

fn be32(packet: &[u8; ANNOUNCE_BYTES], at: usize) -> u32 {
    u32::from_be_bytes(field(packet, at))
}

/// Appends the answer to a connect request: exactly 16 bytes, as some clients insist.
pub fn write_connect(out: &mut Vec<u8>, transaction_id: [u8; 4], connection_id: u64) {
    out.extend_from_slice(&[0, 0, 0, 0]);
    out.extend_from_slice(&transaction_id);
    out.extend_from_slice(&connection_id.to_be_bytes());
}

/// Fills the head of an announce answer; the peers follow it.
pub fn write_announce_head(
    head: &mut [u8; ANNOUNCE_HEAD_BYTES],
    transaction_id: [u8; 4],
    interval_secs: u32,
    counts: &Counts,
) {
    head[..4].copy_from_slice(&[0, 0, 0, 1]);
    head[4..8].copy_from_slice(&transaction_id);
    head[8..12].copy_from_slice(&interval_secs.to_be_bytes());
    head[12..16].copy_from_slice(&counts.leechers.to_be_bytes());
    head[16..].copy_from_slice(&counts.seeders.to_be_bytes());
}

/// Appends the head of a scrape answer; [`write_scrape_counts`] follows once a hash.
pub fn write_scrape_head(out: &mut Vec<u8>, transaction_id: [u8; 4]) {
    out.extend_from_slice(&[0, 0, 0, 2]);
    out.extend_from_slice(&transaction_id);
}

/// Appends the counts of one torrent to a scrape answer.
pub fn write_scrape_counts(out: &mut Vec<u8>, counts: &Counts) {
    for count in [counts.seeders, counts.downloaded, counts.leechers] {
        out.extend_from_slice(&count.to_be_bytes());
    }
}

/// Appends an error packet, with the site's own reason if it is not empty.
pub fn write_error(out: &mut Vec<u8>, transaction_id: [u8; 4], refusal: Refusal, reason: &str) {
    out.extend_from_slice(&[0, 0, 0, 3]);
    out.extend_from_slice(&transaction_id);
    let pieces = refusal.sentence(reason);
    pieces
        .iter()
        .for_each(|piece| out.extend_from_slice(piece.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(options: &[u8]) -> Vec<u8> {
        let mut packet = 7u64.to_be_bytes().to_vec();
        packet.extend_from_slice(&[0, 0, 0, 1, 0xde, 0xad, 0xbe, 0xef]);
        packet.extend_from_slice(&[b'h'; 20]);
        packet.extend_from_slice(b"-TR4050-abcdefghijkl");
        packet.extend_from_slice(&7u64.to_be_bytes()); // downloaded
        packet.extend_from_slice(&5u64.to_be_bytes()); // left
        packet.extend_from_slice(&u64::MAX.to_be_bytes()); // uploaded
        packet.extend_from_slice(&[0, 0, 0, 2, 192, 0, 2, 9, 1, 2, 3, 4]);
        packet.extend_from_slice(&[0xff; 4]); // num_want
        packet.extend_from_slice(&[0x1a, 0xe1]);
        packet.extend_from_slice(options);
        packet
    }

    #[test]
    fn reads_an_announce() {
        let packet = packet(b"");
        let header = Header::read(&packet).expect("a header");
        assert_eq!(header.connection_id, 7);
        assert_eq!(header.action, Action::Announce);
        assert_eq!(header.transaction_id, [0xde, 0xad, 0xbe, 0xef]);
        let mut url = Vec::new();
        let request = announce(&packet, &mut url).expect("an announce");
        assert_eq!(request.info_hash, InfoHash([b'h'; 20]));
        assert_eq!(request.peer_id, PeerId(*b"-TR4050-abcdefghijkl"));
        assert_eq!(request.port, 6881);
        let totals = request.totals;
        assert_eq!((totals.uploaded, totals.downloaded), (u64::MAX, 7));
        assert_eq!(request.left, 5);
        assert_eq!(
            (request.event, request.role),
            (Event::Started, Role::Leecher)
        );
        assert_eq!(request.num_want, None);
        assert_eq!(request.ipv4, Some(Ipv4Addr::new(192, 0, 2, 9)));
        assert_eq!(request.passkey, None);
    }

    #[test]
    fn events_of_bep_15_and_beyond() {
        for (code, event) in [
            (0, Event::Regular),
            (1, Event::Completed),
            (2, Event::Started),
            (3, Event::Stopped),
            (4, Event::Paused),
            (5, Event::Regular),
            (255, Event::Regular),
        ] {
            let mut packet = packet(b"");
            packet[83] = code;
            assert_eq!(
                announce(&packet, &mut Vec::new())
                    .expect("an announce")
                    .event,
                event
            );
        }
    }

    #[test]
    fn any_prefix_is_malformed() {
        let whole = packet(b"");
        for end in 0..whole.len() {
            let refused = announce(&whole[..end], &mut Vec::new()).is_err();
            assert!(refused, "{end} bytes");
        }
    }

    #[test]
    fn url_options() {
        let key = |options: &[u8]| {
            announce(&packet(options), &mut Vec::new()).map(|r| r.passkey.map(<[u8]>::to_vec))
        };
        for (name, options, passkey) in [
            ("plain path", b"\x02\x09/announce".as_slice(), Ok(None)),
            ("passkey", b"\x02\x0c/ab/announce", Ok(Some(b"ab".to_vec()))),
            (
                "passkey and query",
                b"\x02\x0f/ab/announce?x=",
                Ok(Some(b"ab".to_vec())),
            ),
            (
                "as a parameter",
                b"\x02\x18/announce?x=&passkey=abc",
                Ok(Some(b"abc".to_vec())),
            ),
            (
                "in pieces",
                b"\x01\x02\x03/ab\x01\x02\x09/announce\x00",
                Ok(Some(b"ab".to_vec())),
            ),
            (
                "unknown option",
                b"\x09\x02zz\x02\x0c/ab/announce",
                Ok(Some(b"ab".to_vec())),
            ),
            ("after the end", b"\x00\x02\x0c/ab/announce", Ok(None)),
            ("no length", b"\x02", Err(Refusal::Malformed)),
            ("cut", b"\x02\x0c/ab", Err(Refusal::Malformed)),
            ("other path", b"\x02\x01x", Ok(None)),
        ] {
            assert_eq!(key(options), passkey, "{name}");
        }
        let long = b"\x02\xff"
            .iter()
            .copied()
            .chain([b'a'; 255])
            .cycle()
            .take(257 * 5);
        assert_eq!(
            key(&long.collect::<Vec<_>>()),
            Err(Refusal::Malformed),
            "too long"
        );
    }

    #[test]
    fn scrapes_of_one_to_74() {
        let with = |hashes: usize| vec![1; HEADER_BYTES + 20 * hashes + 3];
        assert_eq!(scrape(&with(0)), Err(Refusal::Malformed));
        assert_eq!(scrape(&with(1)).map(|r| r.hashes.len()), Ok(1));
        assert_eq!(scrape(&with(74)).map(|r| r.hashes.len()), Ok(74));
        assert_eq!(scrape(&with(75)), Err(Refusal::TooManyHashes));
    }
}
