//! A copy of a log's swarms beside the log, from which a new process starts.
//!
//! Its [head](super::head) also says up to where the entries of each producer are in it. That and the
//! position are read before the first swarm is copied: who starts from the copy may let some of the
//! log take effect twice, and misses nothing.

use super::head::{Head, PIECE_BYTES};
use super::link::Open;
use super::{Common, Position};
use crate::cache::replication::Producers;
use crate::cache::{Driver, SnapshotError};
use log::{info, warn};
use redis::{RedisError, RedisResult};
use std::io::{self, Read, Write};

fn piece_key(common: &Common, log: usize, id: u64, piece: u32) -> String {
    common.key(log, &format!("swarms:{id:016x}:{piece}"))
}

/// Puts the newest copy into the memory; returns where the log goes on from it, which is its
/// beginning where there is none.
pub(super) fn restore(common: &Common, log: usize, open: &mut Open) -> RedisResult<Position> {
    let head = open.get(&common.key(log, "swarms"))?;
    let Some((head, producers)) = head.as_deref().and_then(Head::read) else {
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
    following.follower.restored(Producers::read(producers));
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
    };
    let key = common.key(log, "swarms");
    let before = open.get(&key)?;
    let mut set = redis::cmd("SET");
    set.arg(&key).arg(head.bytes(&producers.bytes()));
    set.arg("EX").arg(lifetime_secs);
    open.ask(&set)?;
    if let Some((before, _)) = before.as_deref().and_then(Head::read) {
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
