//! The default cache: all swarms in this process, in shards with a mutex each.

use super::batch::{Answer, Batch, OpenAnswer, Query};
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
            turns: Vec::new(),
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
    turns: Vec<Turn>,
}

/// A query's turn: those of one shard are taken together.
#[derive(Clone, Copy)]
struct Turn {
    shard: u32,
    /// In the batch.
    place: u32,
    hash: u64,
    /// Where the torrent is, if it was there when the shard's turns began.
    torrent: Option<u32>,
}

impl Handle {
    /// Orders the queries by shard, those of one shard as they stand in the batch.
    fn take_turns(&mut self, batch: &Batch) {
        let Handle { shared, turns, .. } = self;
        turns.clear();
        turns.extend(batch.queries.iter().zip(0..).map(|(query, place)| {
            let hash = shared.hash(query.info_hash());
            Turn {
                shard: shared.shard_of(hash) as u32,
                place,
                hash,
                torrent: None,
            }
        }));
        turns.sort_unstable_by_key(|turn| u64::from(turn.shard) << 32 | u64::from(turn.place));
    }
}

impl Cache for Handle {
    /// Takes the lock of each shard once.
    fn run(&mut self, batch: &mut Batch, now: Seconds) -> Result<(), CacheError> {
        batch.prepare();
        self.take_turns(batch);
        let Handle {
            shared,
            dice,
            turns,
        } = self;
        let Batch {
            queries,
            answers,
            arena,
            peer_ids,
        } = batch;
        for turns in turns.chunk_by_mut(|a, b| a.shard == b.shard) {
            let mut shard = shared.lock(turns[0].shard as usize);
            // All are looked up before any takes effect: what is not in the processor's cache
            // comes from memory for many at once.
            for turn in &mut *turns {
                let info_hash = queries[turn.place as usize].info_hash();
                turn.torrent = shard.find(turn.hash, info_hash);
            }
            for turn in &*turns {
                let place = turn.place as usize;
                answers[place] = match &queries[place] {
                    Query::Scrape(info_hash) => {
                        let torrent = turn.torrent.or_else(|| shard.find(turn.hash, info_hash));
                        Answer::of_counts(shard.counts(torrent))
                    }
                    Query::Announce(announce) => {
                        let open = OpenAnswer::new(arena, peer_ids, announce.peer_ids);
                        let torrent = (turn.hash, turn.torrent);
                        shard.announce(torrent, announce, now, &shared.limits, dice, open)
                    }
                };
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
