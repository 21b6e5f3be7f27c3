//! The default cache: all swarms in this process, in shards with a mutex each.

use super::batch::{Answer, Batch, Query};
use super::hash::hash_bytes;
use super::mark::Ages;
use super::shard::{Limits, Shard};
use super::snapshot::{self, SnapshotError};
use super::{Cache, CacheError, Driver, Totals};
use crate::model::{Counts, InfoHash, Seconds};
use foldhash::fast::FixedState;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shards for each worker: enough that two workers seldom want the same one, few enough that the
/// last pages of each waste little.
const SHARDS_PER_WORKER: usize = 8;
/// Torrents looked at or copied under one lock, so that no announce waits long.
const TORRENTS_A_SLICE: usize = 1024;

/// What the memory cache is told.
#[derive(Clone, Copy, Debug)]
pub struct MemorySettings {
    /// Workers that will share it.
    pub workers: usize,
    /// Seconds after its last announce at which a peer is forgotten.
    pub peer_lifetime_secs: u32,
    /// Seconds for which the `downloaded` count of a torrent without peers is remembered.
    pub counts_lifetime_secs: u32,
    /// Torrents at most.
    pub max_torrents: u64,
    /// Peers at most, of all torrents.
    pub max_peers: u64,
    /// Whether peer ids are kept.
    pub peer_ids: bool,
    /// Key of the hashes, not to be known to strangers.
    pub seed: u64,
}

/// The driver of the memory cache.
pub struct Memory {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) shards: Box<[Mutex<Shard>]>,
    pub(super) limits: Limits,
    pub(super) ages: Ages,
    pub(super) keeps_peer_ids: bool,
    hasher: FixedState,
    /// The shard the next sweep goes on with.
    sweeping: AtomicUsize,
}

impl Memory {
    /// An empty cache.
    pub fn new(settings: &MemorySettings) -> Memory {
        let hasher = FixedState::with_seed(settings.seed);
        let ages = Ages::new(settings.peer_lifetime_secs);
        let shards = (settings.workers * SHARDS_PER_WORKER).next_power_of_two();
        let shard = || Mutex::new(Shard::new(settings, ages, &hasher));
        Memory {
            shared: Arc::new(Shared {
                shards: (0..shards).map(|_| shard()).collect(),
                limits: Limits::new(settings.max_torrents, settings.max_peers),
                ages,
                keeps_peer_ids: settings.peer_ids,
                hasher,
                sweeping: AtomicUsize::new(0),
            }),
        }
    }
}

impl Shared {
    pub(super) fn hash(&self, info_hash: &InfoHash) -> u64 {
        hash_bytes(&info_hash.0, &self.hasher)
    }

    /// The shard of a hash: by bits that the shard's own table uses least.
    pub(super) fn shard_of(&self, hash: u64) -> usize {
        (hash >> 32) as usize & (self.shards.len() - 1)
    }

    pub(super) fn lock(&self, shard: usize) -> MutexGuard<'_, Shard> {
        // A panic under the lock ends the process (`panic = "abort"`); in tests the shard is whole.
        self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Driver for Memory {
    fn open(&self, seed: u64) -> Result<Box<dyn Cache>, CacheError> {
        let shared = Arc::clone(&self.shared);
        Ok(Box::new(Handle {
            shared,
            dice: fastrand::Rng::with_seed(seed),
            hashes: Vec::new(),
        }))
    }

    fn sweep(&self, now: Seconds, most: usize) -> usize {
        let Shared {
            shards,
            limits,
            sweeping,
            ..
        } = &*self.shared;
        let mut looked_at = 0;
        // Once around at most: an empty cache has nothing to look at.
        for _ in 0..shards.len() {
            let shard = sweeping.load(Ordering::Relaxed) % shards.len();
            loop {
                let slice = TORRENTS_A_SLICE.min(most - looked_at);
                let swept = self.shared.lock(shard).sweep(now, slice, limits);
                looked_at += swept.looked_at;
                if swept.whole {
                    break;
                }
                if looked_at >= most {
                    return looked_at;
                }
            }
            // Even when the slice ends here, or the next one would begin this shard again.
            sweeping.store(shard + 1, Ordering::Relaxed);
            if looked_at >= most {
                break;
            }
        }
        looked_at
    }

    fn totals(&self) -> Totals {
        self.shared.limits.totals()
    }

    fn torrents(&self, show: &mut dyn FnMut(InfoHash, Counts)) {
        let mut slice = Vec::with_capacity(TORRENTS_A_SLICE);
        for shard in 0..self.shared.shards.len() {
            let mut from = 0;
            loop {
                slice.clear();
                self.shared
                    .lock(shard)
                    .copy_counts(from, TORRENTS_A_SLICE, &mut slice);
                if slice.is_empty() {
                    break;
                }
                from += slice.len();
                slice
                    .iter()
                    .for_each(|(info_hash, counts)| show(*info_hash, *counts));
            }
        }
    }

    fn save(&self, to: &mut dyn Write, now: Seconds, wall_secs: u64) -> Result<(), SnapshotError> {
        snapshot::save(&self.shared, to, now, wall_secs)
    }

    fn restore(
        &self,
        from: &mut dyn Read,
        now: Seconds,
        wall_secs: u64,
    ) -> Result<(), SnapshotError> {
        snapshot::restore(&self.shared, from, now, wall_secs)
    }
}

/// One worker's handle.
struct Handle {
    shared: Arc<Shared>,
    dice: fastrand::Rng,
    /// Of each query's info-hash.
    hashes: Vec<u64>,
}

impl Cache for Handle {
    /// Takes the lock of each shard once. Sorting by shard keeps the order of the batch within it.
    fn run(&mut self, batch: &mut Batch, now: Seconds) -> Result<(), CacheError> {
        batch.prepare();
        self.hashes.clear();
        let mut order = std::mem::take(&mut batch.order);
        order.clear();
        for (place, query) in batch.queries.iter().enumerate() {
            let hash = self.shared.hash(query.info_hash());
            self.hashes.push(hash);
            order.push((self.shared.shard_of(hash) as u32, place as u32));
        }
        order.sort_unstable();
        let Handle {
            shared,
            dice,
            hashes,
        } = self;
        for same_shard in order.chunk_by(|a, b| a.0 == b.0) {
            let mut shard = shared.lock(same_shard[0].0 as usize);
            for place in same_shard.iter().map(|(_, place)| *place as usize) {
                let (hash, query) = (hashes[place], batch.queries[place]);
                batch.answers[place] = match query {
                    Query::Scrape(info_hash) => Answer::of_counts(shard.counts(hash, &info_hash)),
                    Query::Announce(announce) => {
                        let open = batch.open_answer(announce.peer_ids);
                        shard.announce(hash, &announce, now, &shared.limits, dice, open)
                    }
                };
            }
        }
        batch.order = order;
        Ok(())
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
