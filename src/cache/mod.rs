//! Swarms behind a small interface: a worker hands over a batch of queries a tick and finds an
//! answer to each, peers in wire form.

mod arena;
mod batch;
mod block;
mod buckets;
pub(crate) mod hash;
mod large;
mod mark;
mod member;
mod memory;
#[cfg(test)]
mod memory_model_tests;
#[cfg(test)]
mod memory_sweep_tests;
pub(crate) mod pages;
mod pick;
pub mod replication;
mod shard;
mod snapshot;
mod sweep;
mod table;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod twin;

pub use batch::{Announce, Answer, Batch, Families, HEAD_ROOM, Query};
pub use memory::{Memory, MemorySettings, Sharing};
pub use snapshot::SnapshotError;

use crate::model::{Counts, InfoHash, Seconds};
use std::io::{Read, Write};

/// Opens one handle a worker; owns what the handles share.
pub trait Driver: Send + Sync {
    /// A handle for one worker. `seed` starts its choice of peers.
    fn open(&self, seed: u64) -> Result<Box<dyn Cache>, CacheError>;

    /// Removes expired peers in a slice of about `most` torrents, going on where the last slice
    /// ended; returns the torrents looked at.
    fn sweep(&self, now: Seconds, most: usize) -> usize;

    /// What the cache holds.
    fn totals(&self) -> Totals;

    /// Shows every torrent, in no particular order. Locks are not held while `show` runs.
    fn torrents(&self, show: &mut dyn FnMut(InfoHash, Counts));

    /// Writes everything a restart should keep; `wall_secs` is the time of day in Unix seconds.
    fn save(&self, to: &mut dyn Write, now: Seconds, wall_secs: u64) -> Result<(), SnapshotError>;

    /// Reads what [`Driver::save`] wrote, less what has expired meanwhile; before any handle is
    /// in use.
    fn restore(
        &self,
        from: &mut dyn Read,
        now: Seconds,
        wall_secs: u64,
    ) -> Result<(), SnapshotError>;

    /// Tells names and values of what else whoever watches the tracker should know of it.
    fn gauges(&self, _tell: &mut dyn FnMut(&'static str, u64)) {}
}

/// One worker's way to the swarms.
pub trait Cache: Send {
    /// Answers every query. Queries on one info-hash take effect in batch order.
    fn run(&mut self, batch: &mut Batch, now: Seconds) -> Result<(), CacheError>;
}

/// What a cache holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Torrents, those that are only remembered for their `downloaded` count among them.
    pub torrents: u64,
    /// Peers of both families.
    pub peers: u64,
}

/// Why a cache cannot serve; the operator reads it.
#[derive(Debug)]
pub struct CacheError(pub String);

impl std::fmt::Display for CacheError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cache: {}", self.0)
    }
}

impl std::error::Error for CacheError {}
