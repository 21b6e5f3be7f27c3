//! Swarms on disk, so that a restart forgets nothing.
//!
//! ```text
//! "chihaya swarms 1"  wall clock u64  seconds a unit of age u32  peer ids kept u8  crc32 u32
//! chunk*              length u32  crc32 u32  torrent*
//! end                 length 0  crc32 u32
//! torrent             info-hash [20]  downloaded u32  empty for u32  family (v4)  family (v6)
//! family              seeders u32  rows u32  addresses  marks  peer ids (if kept)
//! ```
//!
//! Numbers are little-endian. A mark's moment is replaced by its age in units; a torrent without
//! peers has the seconds it has been without them. The checksum of a chunk covers its length, too:
//! a changed one must not pass for the end. A damaged chunk ends the reading; what stands before it
//! is kept.

use super::block::Handle;
use super::mark::{Ages, Mark, Moment};
use super::member::RestoredPeer;
use super::memory::Shared;
use super::shard::Shard;
use super::table::Tables;
use crate::model::{Endpoint, InfoHash, PeerId, Seconds};
use std::io::{Read, Write};

const MAGIC: &[u8; 16] = b"chihaya swarms 1";
/// Bytes of the head before its checksum.
const HEAD_BYTES: usize = 16 + 8 + 4 + 1;
/// Torrents of a chunk at most, copied under one lock.
const TORRENTS_A_CHUNK: usize = 1024;
/// A chunk of so many bytes takes no more torrents.
const ENOUGH_BYTES: usize = 1 << 20;
/// Bytes of a chunk at most: a whole swarm of forty million peers.
const MAX_CHUNK_BYTES: u32 = 1 << 30;

/// Why a snapshot could not be written or read.
#[derive(Debug)]
pub enum SnapshotError {
    /// The file system says so.
    Io(std::io::Error),
    /// Not a snapshot, or not of this version.
    Foreign,
    /// Cut short or changed; so many torrents before the damage are restored.
    Damaged {
        /// Torrents that were read.
        torrents: u64,
    },
}

impl std::fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SnapshotError::Io(err) => err.fmt(f),
            SnapshotError::Foreign => f.write_str("no snapshot of this version"),
            SnapshotError::Damaged { torrents } => {
                write!(f, "damaged after {torrents} torrents, which are restored")
            }
        }
    }
}

impl std::error::Error for SnapshotError {}

impl From<std::io::Error> for SnapshotError {
    fn from(err: std::io::Error) -> SnapshotError {
        SnapshotError::Io(err)
    }
}

pub(super) fn save(
    shared: &Shared,
    to: &mut dyn Write,
    wanted: &dyn Fn(&InfoHash) -> bool,
    now: Seconds,
    wall_secs: u64,
) -> Result<(), SnapshotError> {
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&wall_secs.to_le_bytes());
    head.extend_from_slice(&shared.ages.unit_secs().to_le_bytes());
    head.push(shared.keeps_peer_ids.into());
    to.write_all(&head)?;
    to.write_all(&crc32fast::hash(&head).to_le_bytes())?;
    let mut chunk = Vec::new();
    for shard in 0..shared.shards.len() {
        let mut from = 0;
        loop {
            chunk.clear();
            let torrents = copy_torrents(&mut shared.lock(shard), from, wanted, now, &mut chunk);
            if torrents == 0 {
                break;
            }
            from += torrents;
            // An empty one would be the end.
            if !chunk.is_empty() {
                write_chunk(to, &chunk)?;
            }
        }
    }
    write_chunk(to, &[])
}

/// Writes a chunk; an empty one is the end.
fn write_chunk(to: &mut dyn Write, chunk: &[u8]) -> Result<(), SnapshotError> {
    let length = chunk.len() as u32;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&chunk_crc(length, chunk).to_le_bytes())?;
    to.write_all(chunk)?;
    Ok(())
}

fn chunk_crc(length: u32, chunk: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&length.to_le_bytes());
    crc.update(chunk);
    crc.finalize()
}

/// Copies the torrents that are wanted; returns how many were looked at.
fn copy_torrents(
    shard: &mut Shard,
    from: usize,
    wanted: &dyn Fn(&InfoHash) -> bool,
    now: Seconds,
    chunk: &mut Vec<u8>,
) -> usize {
    let end = shard.torrents.len().min(from + TORRENTS_A_CHUNK);
    let moment = shard.ages().moment(now.0);
    for place in from..end {
        if chunk.len() >= ENOUGH_BYTES {
            return place - from;
        }
        let mut torrent = *shard.torrents.get(place);
        if !wanted(&torrent.info_hash) {
            continue;
        }
        let empty_secs = match torrent.is_empty() {
            true => now.0.wrapping_sub(torrent.v4.note()),
            false => 0,
        };
        chunk.extend_from_slice(&torrent.info_hash.0);
        chunk.extend_from_slice(&torrent.downloaded.to_le_bytes());
        chunk.extend_from_slice(&empty_secs.to_le_bytes());
        copy_family(&mut shard.v4, &mut torrent.v4, moment, chunk);
        copy_family(&mut shard.v6, &mut torrent.v6, moment, chunk);
    }
    end.saturating_sub(from)
}

fn copy_family<const N: usize>(
    tables: &mut Tables<N>,
    handle: &mut Handle,
    now: Moment,
    chunk: &mut Vec<u8>,
) {
    let [seeders, leechers, _] = tables.counts(handle);
    chunk.extend_from_slice(&seeders.to_le_bytes());
    chunk.extend_from_slice(&(seeders + leechers).to_le_bytes());
    tables.show(handle, |rows| {
        chunk.extend_from_slice(rows.addresses().as_flattened())
    });
    tables.show(handle, |rows| {
        chunk.extend(rows.marks().iter().map(|mark| Mark(*mark).aged(now).0))
    });
    tables.show(handle, |rows| {
        chunk.extend_from_slice(rows.peer_ids().as_flattened())
    });
}

/// The head of a snapshot, and where its peers go.
struct Reading<'s> {
    shared: &'s Shared,
    now: Seconds,
    away_secs: u32,
    unit_secs: u32,
    peer_ids: bool,
    torrents: u64,
}

pub(super) fn restore(
    shared: &Shared,
    from: &mut dyn Read,
    now: Seconds,
    wall_secs: u64,
) -> Result<(), SnapshotError> {
    let mut head = [0; HEAD_BYTES];
    let mut crc = [0; 4];
    from.read_exact(&mut head)
        .and_then(|()| from.read_exact(&mut crc))
        .map_err(|_| SnapshotError::Foreign)?;
    let mut fields = Fields(&head);
    if fields.take::<16>() != Some(*MAGIC) {
        return Err(SnapshotError::Foreign);
    }
    if crc32fast::hash(&head).to_le_bytes() != crc {
        return Err(SnapshotError::Damaged { torrents: 0 });
    }
    let saved_at = fields.take().map_or(0, u64::from_le_bytes);
    let mut reading = Reading {
        shared,
        now,
        away_secs: u32::try_from(wall_secs.saturating_sub(saved_at)).unwrap_or(u32::MAX),
        unit_secs: fields.u32().unwrap_or(0),
        peer_ids: fields.take() == Some([1]),
        torrents: 0,
    };
    let mut chunk = Vec::new();
    loop {
        let whole = read_chunk(from, &mut chunk);
        match whole {
            Some(true) if reading.chunk(&chunk).is_some() => {}
            Some(false) => return Ok(()),
            _ => {
                return Err(SnapshotError::Damaged {
                    torrents: reading.torrents,
                });
            }
        }
    }
}

/// Reads the next chunk: false at the end, `None` where it is damaged.
fn read_chunk(from: &mut dyn Read, chunk: &mut Vec<u8>) -> Option<bool> {
    let mut number = [0; 4];
    let mut u32_of = |from: &mut dyn Read| {
        from.read_exact(&mut number).ok()?;
        Some(u32::from_le_bytes(number))
    };
    let (length, crc) = (u32_of(from)?, u32_of(from)?);
    if length > MAX_CHUNK_BYTES {
        return None;
    }
    chunk.clear();
    from.take(length.into()).read_to_end(chunk).ok()?;
    let whole = chunk.len() == length as usize && chunk_crc(length, chunk) == crc;
    whole.then_some(length > 0)
}

impl Reading<'_> {
    fn chunk(&mut self, chunk: &[u8]) -> Option<()> {
        let mut fields = Fields(chunk);
        while !fields.0.is_empty() {
            self.torrent(&mut fields)?;
            self.torrents += 1;
        }
        Some(())
    }

    fn torrent(&mut self, fields: &mut Fields<'_>) -> Option<()> {
        let info_hash = InfoHash(fields.take()?);
        let (downloaded, empty_secs) = (fields.u32()?, fields.u32()?);
        let hash = self.shared.hash(&info_hash);
        let mut shard = self.shared.lock(self.shared.shard_of(hash));
        let limits = &self.shared.limits;
        let place = shard.restore_torrent(hash, info_hash, downloaded, limits);
        self.family::<6>(fields, &mut shard, place, Endpoint::V4)?;
        self.family::<18>(fields, &mut shard, place, Endpoint::V6)?;
        if let Some(place) = place {
            let gone_secs = empty_secs.saturating_add(self.away_secs);
            shard.note_empty(place, self.now, gone_secs);
        }
        Some(())
    }

    fn family<const N: usize>(
        &self,
        fields: &mut Fields<'_>,
        shard: &mut Shard,
        place: Option<usize>,
        endpoint: impl Fn([u8; N]) -> Endpoint,
    ) -> Option<()> {
        let (seeders, rows) = (fields.u32()? as usize, fields.u32()? as usize);
        let (addresses, _) = fields.bytes(rows.checked_mul(N)?)?.as_chunks::<N>();
        let marks = fields.bytes(rows)?;
        let peer_ids = match self.peer_ids {
            true => fields.bytes(rows.checked_mul(20)?)?.as_chunks::<20>().0,
            false => &[],
        };
        let Some(place) = place else { return Some(()) };
        for (row, (address, mark)) in addresses.iter().zip(marks).enumerate() {
            if let Some(mark) = self.mark(Mark(*mark), shard.ages()) {
                let peer_id = PeerId(peer_ids.get(row).copied().unwrap_or_default());
                let restored = RestoredPeer {
                    mark,
                    peer_id,
                    seeder: row < seeders,
                };
                shard.restore_peer(place, &endpoint(*address), &restored, &self.shared.limits);
            }
        }
        Some(())
    }

    /// A mark in the moments of this process; `None` when the peer has expired meanwhile.
    fn mark(&self, aged: Mark, ages: Ages) -> Option<Mark> {
        let age_secs = u64::from(aged.age_units()) * u64::from(self.unit_secs);
        aged.seen_ago(age_secs + u64::from(self.away_secs), ages, self.now.0)
    }
}

/// Reads fields from the front of some bytes.
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn bytes(&mut self, length: usize) -> Option<&'b [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
