//! An announce in the bytes that others are sent: 27 of them over IPv4, 39 over IPv6.
//!
//! ```text
//! record   flags u8  info-hash [20]  address [6|18]  other address [18|6]?  peer id [20]?
//! ```
//!
//! A peer's other address is of the other family.
//! What decides about the answer stays at home. Whether peer ids are there is said once, in the
//! head of the entry.

use crate::cache::{Announce, Families};
use crate::model::{Endpoint, Event, InfoHash, PeerId, Role};

const V6: u8 = 1;
const OTHER: u8 = 1 << 1;
const COMPLETED: u8 = 1 << 2;
const STOPPED: u8 = 1 << 3;
const SEEDER: u8 = 1 << 4;
const PARTIAL_SEED: u8 = 1 << 5;

/// Bytes of the longest record.
pub const MAX_RECORD_BYTES: usize = 1 + 20 + 18 + 18 + 20;

/// Appends the record of an announce.
pub fn write_record(announce: &Announce, peer_ids: bool, to: &mut Vec<u8>) {
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    let is_v6 = |peer: &Endpoint| matches!(peer, Endpoint::V6(_));
    let v6 = is_v6(&announce.peer);
    let other = announce.other.filter(|other| is_v6(other) != v6);
    let flags = flag(v6, V6)
        | flag(other.is_some(), OTHER)
        | flag(announce.event == Event::Completed, COMPLETED)
        | flag(announce.event == Event::Stopped, STOPPED)
        | flag(announce.role == Role::Seeder, SEEDER)
        | flag(announce.role == Role::PartialSeed, PARTIAL_SEED);
    to.push(flags);
    to.extend_from_slice(&announce.info_hash.0);
    write_endpoint(&announce.peer, to);
    if let Some(other) = &other {
        write_endpoint(other, to);
    }
    if peer_ids {
        to.extend_from_slice(&announce.peer_id.0);
    }
}

fn write_endpoint(endpoint: &Endpoint, to: &mut Vec<u8>) {
    match endpoint {
        Endpoint::V4(bytes) => to.extend_from_slice(bytes),
        Endpoint::V6(bytes) => to.extend_from_slice(bytes),
    }
}

/// Takes the record at the front of some bytes, as an announce that wants no peers; `None` where
/// there is no whole one.
pub fn read_record(bytes: &mut &[u8], peer_ids: bool) -> Option<Announce> {
    let [flags] = take(bytes)?;
    let has = |bit: u8| flags & bit != 0;
    let info_hash = InfoHash(take(bytes)?);
    let peer = endpoint(bytes, has(V6))?;
    let other = match has(OTHER) {
        true => Some(endpoint(bytes, !has(V6))?),
        false => None,
    };
    let peer_id = match peer_ids {
        true => take(bytes)?,
        false => [0; 20],
    };
    Some(Announce {
        info_hash,
        peer,
        other,
        peer_id: PeerId(peer_id),
        role: match (has(SEEDER), has(PARTIAL_SEED)) {
            (true, _) => Role::Seeder,
            (false, true) => Role::PartialSeed,
            (false, false) => Role::Leecher,
        },
        event: match (has(STOPPED), has(COMPLETED)) {
            (true, _) => Event::Stopped,
            (false, true) => Event::Completed,
            (false, false) => Event::Regular,
        },
        want: 0,
        families: Families::Own,
        peer_ids: false,
    })
}

fn endpoint(bytes: &mut &[u8], v6: bool) -> Option<Endpoint> {
    Some(match v6 {
        true => Endpoint::V6(take(bytes)?),
        false => Endpoint::V4(take(bytes)?),
    })
}

/// Takes so many bytes from the front.
pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (front, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*front)
}
