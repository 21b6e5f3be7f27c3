//! Follows the log, and lets it take effect in the memory cache.
//!
//! A process's own announces take effect before they are in the log. So when it comes to one of
//! them there, two things may have happened: nothing else concerned this peer since, and the swarm
//! is as it should be; or an announce of the same peer that stood before it in the log took effect
//! after it, and now has the last word here though nowhere else. Then the own announce takes effect
//! again. To tell the two apart, the follower counts what it applies, and notes for each peer (by a
//! few bits of a hash, so that some peers share a note, which costs only time) the last count; an
//! own entry brings the count at which the process had last looked before its announces were taken.

use super::entry::{Entry, Unreadable};
use super::seen::Producers;
use crate::cache::hash::hash_bytes;
use crate::cache::memory::Handle;
use crate::cache::{Announce, Batch, Cache, CacheError, Query};
use crate::model::{Endpoint, Event, Seconds};
use foldhash::fast::FixedState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Announces that take effect under one lock at most, so that no client waits long.
const RECORDS_A_BATCH: usize = 512;
/// Notes: 128 KiB, and at 50,000 announces a second one in twenty is hit by chance while an entry
/// is on its way.
const NOTES: usize = 1 << 14;

/// Follows one log.
pub struct Follower {
    producer: u64,
    lifetime_secs: u32,
    handle: Handle,
    batch: Batch,
    producers: Producers,
    hasher: FixedState,
    /// For each hash of a peer the last count at which one was applied.
    notes: Box<[u64]>,
    applied: Arc<AtomicU64>,
    /// Own entries that looked before this count are applied again in any case.
    floor: u64,
}

/// What an entry has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Applied {
    /// So many announces of others took effect.
    Others(usize),
    /// It is of this process; so many of its announces took effect again.
    Own(usize),
    /// It has been here before.
    Twice,
    /// Nothing: all in it have expired.
    Expired,
}

impl Follower {
    pub(in crate::cache) fn new(
        producer: u64,
        lifetime_secs: u32,
        handle: Handle,
        hasher: FixedState,
    ) -> Follower {
        Follower {
            producer,
            lifetime_secs,
            handle,
            batch: Batch::default(),
            producers: Producers::default(),
            hasher,
            notes: vec![0; NOTES].into(),
            applied: Arc::default(),
            floor: 0,
        }
    }

    /// How much of the log has taken effect, for [`super::Outbox::add`].
    pub fn applied(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.applied)
    }

    /// Whose entries have been seen.
    pub fn producers(&self) -> &Producers {
        &self.producers
    }

    /// The swarms have been restored from a copy that had seen these.
    pub fn restored(&mut self, producers: Producers) {
        self.producers = producers;
        self.floor = self.applied.load(Ordering::Relaxed) + 1;
        self.applied.store(self.floor, Ordering::Release);
    }

    /// Lets an entry take effect that was appended `age_ms` before `now`, at a moment of the log's
    /// own clock. `come_by` is asked about own entries, and returns what the outbox knows of it:
    /// [`super::Owed::applied_before`].
    pub fn apply(
        &mut self,
        bytes: &[u8],
        (moment, age_ms): (u64, u64),
        now: Seconds,
        come_by: impl FnOnce(u64) -> Option<u64>,
    ) -> Result<Applied, Unreadable> {
        let entry = Entry::parse(bytes)?;
        let head = entry.head;
        let own = head.producer == self.producer;
        let applied_before = if own { come_by(head.sequence) } else { None };
        if !self.producers.mark(head.producer, head.sequence, moment) {
            return Ok(Applied::Twice);
        }
        let age_secs = age_ms.saturating_add(head.delay_ms.into()) / 1000;
        let age_secs = u32::try_from(age_secs).unwrap_or(u32::MAX);
        if age_secs > self.lifetime_secs {
            return Ok(Applied::Expired);
        }
        let then = Seconds(now.0.saturating_sub(age_secs));
        if !own {
            let count = self.take_effect(&mut entry.records(), then);
            return Ok(Applied::Others(count));
        }
        let overtaken = self.overtaken(&entry, applied_before.unwrap_or(0));
        let count = self.take_effect(&mut overtaken.into_iter(), then);
        Ok(Applied::Own(count))
    }

    /// The announces of an own entry that must take effect again: since they did, before which the
    /// process had looked at this count, another of the same peer did that stood before them.
    fn overtaken(&mut self, entry: &Entry<'_>, applied_before: u64) -> Vec<Announce> {
        let count = self.applied.load(Ordering::Relaxed) + 1;
        let mut overtaken = Vec::new();
        for mut announce in entry.records() {
            let keys = self.keys(&announce);
            let mut noted = keys.iter().flatten().map(|key| self.notes[*key]);
            if applied_before >= self.floor && noted.all(|noted| noted <= applied_before) {
                continue;
            }
            // Those of the same peer that follow must, too.
            keys.into_iter()
                .flatten()
                .for_each(|key| self.notes[key] = count);
            if announce.event == Event::Completed {
                // That it has finished is counted already.
                announce.event = Event::Regular;
            }
            overtaken.push(announce);
        }
        overtaken
    }

    /// Where the notes of an announce are.
    fn keys(&self, announce: &Announce) -> [Option<usize>; 2] {
        let mut bytes = [0; 20 + 18];
        bytes[..20].copy_from_slice(&announce.info_hash.0);
        [Some(announce.peer), announce.other].map(|endpoint| {
            let length = match endpoint? {
                Endpoint::V4(address) => {
                    bytes[20..26].copy_from_slice(&address);
                    26
                }
                Endpoint::V6(address) => {
                    bytes[20..].copy_from_slice(&address);
                    38
                }
            };
            Some(hash_bytes(&bytes[..length], &self.hasher) as usize % NOTES)
        })
    }

    /// Lets announces take effect; returns how many.
    fn take_effect(
        &mut self,
        records: &mut impl Iterator<Item = Announce>,
        then: Seconds,
    ) -> usize {
        // The count is told when all of it has taken effect: who looks in the middle must not
        // believe that what it accepts from now on came later.
        let count = self.applied.load(Ordering::Relaxed) + 1;
        let mut total = 0;
        loop {
            self.batch.clear();
            for announce in records.by_ref().take(RECORDS_A_BATCH) {
                for key in self.keys(&announce).into_iter().flatten() {
                    self.notes[key] = count;
                }
                self.batch.push(Query::Announce(announce));
            }
            if self.batch.is_empty() {
                break;
            }
            total += self.batch.len();
            // The memory cache never fails.
            let _: Result<(), CacheError> = self.handle.run(&mut self.batch, then);
        }
        self.applied.store(count, Ordering::Release);
        total
    }
}
