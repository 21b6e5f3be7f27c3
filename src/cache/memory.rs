//! The default cache: all swarms in this process, in shards with a mutex each.

use super::batch::{Answer, Batch, OpenAnswer, Query};
use super::hash::hash_bytes;
use super::mark::Ages;
use super::replication::{Follower, log_of};
use super::shard::{Limits, Shard};
use super::snapshot::{self, SnapshotError};
use super::{Cache, CacheError, Driver, Totals};
use crate::model::{Counts, InfoHash, Seconds};
use foldhash::fast::FixedState;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
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

/// The driver of the memory cache. A copy is another way to the same swarms.
#[derive(Clone)]
pub struct Memory {
    shared: Arc<Shared>,
}

/// What a memory cache does for processes that share its swarms.
pub struct Sharing {
    /// Logs by which others are told; 1 to [`super::replication::MOST_LOGS`].
    pub logs: usize,
    /// Called by a worker when there is something for this log again. It must not block.
    pub wake: Box<dyn Fn(usize) + Send + Sync>,
}

/// The logs that others are told by.
struct Logs {
    /// One bit a log: somebody is going to look at it.
    awake: AtomicU64,
    wake: Box<dyn Fn(usize) + Send + Sync>,
}

impl Logs {
    /// Wakes who looks after these logs, one bit each.
    fn wake(&self, touched: u64) {
        // Most of the time it is awake, and this is all it costs.
        if touched & !self.awake.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut asleep = touched & !self.awake.fetch_or(touched, Ordering::AcqRel);
        while asleep != 0 {
            (self.wake)(asleep.trailing_zeros() as usize);
            asleep &= asleep - 1;
        }
    }
}

pub(super) struct Shared {
    pub(super) shards: Box<[Mutex<Shard>]>,
    pub(super) limits: Limits,
    pub(super) ages: Ages,
    pub(super) keeps_peer_ids: bool,
    peer_lifetime_secs: u32,
    logs: Option<Logs>,
    hasher: FixedState,
    /// The shard the next sweep goes on with.
    sweeping: AtomicUsize,
}

impl Memory {
    /// An empty cache.
    pub fn new(settings: &MemorySettings) -> Memory {
        Memory::with_logs(settings, 0, None)
    }

    /// An empty cache that keeps what its handles accept, for others: see [`Memory::drain`].
    pub fn shared(settings: &MemorySettings, sharing: Sharing) -> Memory {
        let logs = Logs {
            awake: AtomicU64::new(0),
            wake: sharing.wake,
        };
        Memory::with_logs(settings, sharing.logs, Some(logs))
    }

    fn with_logs(settings: &MemorySettings, count: usize, logs: Option<Logs>) -> Memory {
        let hasher = FixedState::with_seed(settings.seed);
        let ages = Ages::new(settings.peer_lifetime_secs);
        let shards = (settings.workers * SHARDS_PER_WORKER).next_power_of_two();
        let shard = || Mutex::new(Shard::new(settings, ages, &hasher, count));
        Memory {
            shared: Arc::new(Shared {
                shards: (0..shards).map(|_| shard()).collect(),
                limits: Limits::new(settings.max_torrents, settings.max_peers),
                ages,
                keeps_peer_ids: settings.peer_ids,
                peer_lifetime_secs: settings.peer_lifetime_secs,
                logs,
                hasher,
                sweeping: AtomicUsize::new(0),
            }),
        }
    }

    fn handle(&self, seed: u64, tells: bool) -> Handle {
        Handle {
            shared: Arc::clone(&self.shared),
            dice: fastrand::Rng::with_seed(seed),
            turns: Vec::new(),
            tells,
        }
    }

    /// Shows what has been accepted for a log since the last time, in an order in which it took
    /// effect; returns how many announces found no room. `spare` is a buffer that comes and goes.
    pub fn drain(&self, log: usize, spare: &mut Vec<u8>, show: &mut dyn FnMut(&[u8])) -> u64 {
        if let Some(logs) = &self.shared.logs {
            // Before the first look: what comes after it wakes again.
            logs.awake.fetch_and(!(1 << log), Ordering::AcqRel);
        }
        let mut missed = 0;
        for shard in 0..self.shared.shards.len() {
            spare.clear();
            missed += self.shared.lock(shard).tap.empty(log, spare);
            if !spare.is_empty() {
                show(spare);
            }
        }
        missed
    }

    /// Follows a log of others, as the producer of that number.
    pub fn follow(&self, producer: u64) -> Follower {
        Follower::new(
            producer,
            self.shared.peer_lifetime_secs,
            self.handle(producer, false),
            self.shared.hasher.clone(),
        )
    }

    /// As [`Driver::save`], but only the torrents of one of so many logs.
    pub fn save_log(
        &self,
        (log, logs): (usize, usize),
        to: &mut dyn Write,
        now: Seconds,
        wall_secs: u64,
    ) -> Result<(), SnapshotError> {
        let wanted = |info_hash: &InfoHash| log_of(info_hash, logs) == log;
        snapshot::save(&self.shared, to, &wanted, now, wall_secs)
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
        Ok(Box::new(self.handle(seed, true)))
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
        snapshot::save(&self.shared, to, &|_| true, now, wall_secs)
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

/// One worker's handle, or a follower's.
pub(super) struct Handle {
    shared: Arc<Shared>,
    dice: fastrand::Rng,
    turns: Vec<Turn>,
    /// Whether others are told what it accepts.
    tells: bool,
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
            tells,
        } = self;
        let logs = shared.logs.as_ref().filter(|_| *tells);
        let mut touched = 0;
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
                let query = &queries[turn.place as usize];
                if let (Query::Announce(announce), Some(torrent)) = (query, turn.torrent) {
                    shard.fetch(torrent, announce);
                }
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
                        let answer =
                            shard.announce(torrent, announce, now, &shared.limits, dice, open);
                        if logs.is_some() && !answer.refused {
                            touched |= 1 << shard.tap.take(announce);
                        }
                        answer
                    }
                };
            }
        }
        if let Some(logs) = logs {
            logs.wake(touched);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
