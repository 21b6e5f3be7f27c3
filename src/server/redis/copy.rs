//! A copy of a log's swarms beside the log, from which a new process starts.
//!
//! ```text
//! head    version u8  id u64  pieces u32  position u64 u64  producers
//! ```
//!
//! Numbers are little-endian. What of the log the copy holds is read before the first swarm is
//! copied: who starts from it may let some of the log take effect twice, and misses nothing.

use super::link::Open;
use super::{Common, Position};
use crate::cache::replication::Producers;
use crate::cache::{Driver, SnapshotError};
use log::{info, warn};
use redis::{RedisError, RedisResult};
use std::io::{self, Read, Write};

const VERSION: u8 = 1;
/// Bytes of a piece: large enough for few round trips, small enough that the server never stands
/// still for one.
const PIECE_BYTES: usize = 64 * 1024;

/// Where a copy is, and what it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Head {
    id: u64,
    pieces: u32,
    position: Position,
    producers: Producers,
}

impl Head {
    fn bytes(&self) -> Vec<u8> {
        let Position(ms, number) = self.position;
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.id.to_le_bytes());
        bytes.extend_from_slice(&self.pieces.to_le_bytes());
        bytes.extend_from_slice(&ms.to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(&self.producers.bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Head> {
        let (version, bytes) = bytes.split_first()?;
        let (id, bytes) = bytes.split_first_chunk()?;
        let (pieces, bytes) = bytes.split_first_chunk()?;
        let (ms, bytes) = bytes.split_first_chunk()?;
        let (number, bytes) = bytes.split_first_chunk()?;
        (*version == VERSION).then(|| Head {
            id: u64::from_le_bytes(*id),
            pieces: u32::from_le_bytes(*pieces),
            position: Position(u64::from_le_bytes(*ms), u64::from_le_bytes(*number)),
            producers: Producers::read(bytes),
        })
    }
}

fn piece_key(common: &Common, log: usize, id: u64, piece: u32) -> String {
    common.key(log, &format!("swarms:{id:016x}:{piece}"))
}

/// Puts the newest copy into the memory; returns where the log goes on from it, which is its
/// beginning where there is none.
pub(super) fn restore(common: &Common, log: usize, open: &mut Open) -> RedisResult<Position> {
    let head = open.get(&common.key(log, "swarms"))?;
    let Some(head) = head.as_deref().and_then(Head::read) else {
        return Ok(Position::default());
    };
    let wall_secs = open.now_ms() / 1000;
    let mut pieces = Pieces {
        common,
        log,
        open,
        head: &head,
        next: 0,
        unread: Vec::new(),
        failed: None,
    };
    let now = common.clock.now();
    let restored = common.memory.restore(&mut pieces, now, wall_secs);
    if let Some(error) = pieces.failed {
        return Err(error);
    }
    let following = &mut common.logs[log].following();
    if let Err(error) = restored {
        warn!("cache: redis: the copy of the swarms: {error}; all of the log is read");
        following.follower.restored(Producers::default());
        return Ok(Position::default());
    }
    following.follower.restored(head.producers);
    following.position = head.position;
    let totals = common.memory.totals();
    info!(
        "cache: redis: {} torrents, {} peers from the copy",
        totals.torrents, totals.peers
    );
    Ok(head.position)
}

/// Reads a copy piece by piece.
struct Pieces<'c> {
    common: &'c Common,
    log: usize,
    open: &'c mut Open,
    head: &'c Head,
    next: u32,
    /// What is left of a piece, its end first.
    unread: Vec<u8>,
    failed: Option<RedisError>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() && self.next < self.head.pieces {
            let key = piece_key(self.common, self.log, self.head.id, self.next);
            self.next += 1;
            match self.open.get(&key) {
                // One that is gone is the end: the copy is known to be cut short then.
                Ok(piece) => self.unread = piece.unwrap_or_default(),
                Err(error) => {
                    self.failed = Some(error);
                    return Err(io::ErrorKind::Other.into());
                }
            }
            self.unread.reverse();
        }
        let length = to.len().min(self.unread.len());
        for byte in &mut to[..length] {
            *byte = self.unread.pop().unwrap_or_default();
        }
        Ok(length)
    }
}

/// Writes a copy, then the head that names it, and takes the one before away.
pub(super) fn save(common: &Common, log: usize, id: u64, open: &mut Open) -> RedisResult<u32> {
    let (position, producers) = {
        let following = common.logs[log].following();
        (following.position, following.follower.producers().clone())
    };
    let wall_secs = open.now_ms() / 1000;
    let interval_secs = common.settings.copy_interval.0;
    let mut writing = Writing {
        common,
        log,
        id,
        lifetime_secs: common.lifetime_secs.max(interval_secs.saturating_mul(2)),
        open,
        pieces: 0,
        piece: Vec::with_capacity(PIECE_BYTES),
        failed: None,
    };
    let which = (log, common.logs.len());
    let now = common.clock.now();
    let saved = common
        .memory
        .save_log(which, &mut writing, now, wall_secs)
        .and_then(|()| Ok(writing.flush()?));
    let Writing {
        pieces,
        failed,
        lifetime_secs,
        ..
    } = writing;
    if let Some(error) = failed {
        return Err(error);
    }
    saved.map_err(|error: SnapshotError| io::Error::other(error.to_string()))?;
    let head = Head {
        id,
        pieces,
        position,
        producers,
    };
    let key = common.key(log, "swarms");
    let before = open.get(&key)?.as_deref().and_then(Head::read);
    let mut set = redis::cmd("SET");
    set.arg(&key).arg(head.bytes()).arg("EX").arg(lifetime_secs);
    open.ask(&set)?;
    if let Some(before) = before {
        for piece in 0..before.pieces {
            let key = piece_key(common, log, before.id, piece);
            open.ask(redis::cmd("UNLINK").arg(key))?;
        }
    }
    Ok(pieces)
}

/// A copy that is being written.
struct Writing<'c> {
    common: &'c Common,
    log: usize,
    id: u64,
    lifetime_secs: u32,
    open: &'c mut Open,
    pieces: u32,
    piece: Vec<u8>,
    failed: Option<RedisError>,
}

impl Write for Writing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE_BYTES - self.piece.len();
        let length = room.min(bytes.len());
        self.piece.extend_from_slice(&bytes[..length]);
        if self.piece.len() == PIECE_BYTES {
            self.flush()?;
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let key = piece_key(self.common, self.log, self.id, self.pieces);
        let mut set = redis::cmd("SET");
        set.arg(key).arg(&self.piece).arg("EX");
        set.arg(self.lifetime_secs);
        if let Err(error) = self.open.ask(&set) {
            self.failed = Some(error);
            return Err(io::ErrorKind::Other.into());
        }
        self.pieces += 1;
        self.piece.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_as_they_are_written() {
        let mut producers = Producers::default();
        producers.mark(7, 3, 99);
        let head = Head {
            id: 5,
            pieces: 9,
            position: Position(1_700_000_000_000, 2),
            producers,
        };
        let bytes = head.bytes();
        assert_eq!(Head::read(&bytes), Some(head));
        for short in 0..1 + 8 + 4 + 16 {
            assert_eq!(Head::read(&bytes[..short]), None, "{short} bytes");
        }
        let mut foreign = bytes;
        foreign[0] = 2;
        assert_eq!(Head::read(&foreign), None);
    }
}
