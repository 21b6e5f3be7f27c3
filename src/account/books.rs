//! The ledger and its batches: one that is on its way into the storage, one that is being gathered.
//!
//! A batch ends at an entry of the journal that says so, and only when the one before it has been
//! committed: so whoever replays the journal cuts the same batches, and knows of each but the last
//! that it has been committed. Whether the last one has is told by the position in the storage.
//!
//! Of a tracker by itself positions are those of its journal. Of several processes that follow a
//! shared log they are what stands in its cuts, and what each has of the log in its journal is a
//! copy.

use super::journal::{self, Body};
use super::ledger::{Ledger, Rules};
use super::note;
use super::shared::{self, Accepted, Course, Cut, Place, Said};
use crate::model::UnixTime;
use crate::storage::Commit;
use std::sync::Arc;

/// Seconds between two looks at all sessions, for those that are gone, where a shared log is
/// followed: some tens of milliseconds for a million of them.
const SWEEP_SECS: u32 = 60;

/// The ledger, its batches, and how far it has followed the journal.
pub struct Books {
    pub(super) ledger: Ledger,
    /// Where the batch that is being gathered begins.
    pub(super) from: u64,
    /// The position behind the last entry that has been accounted for.
    pub(super) applied: u64,
    pub(super) in_flight: Option<Arc<Commit>>,
    /// Records accounted for since the last cut.
    pub(super) records: u64,
    pub(super) course: Course,
}

impl Books {
    /// Empty ones, for a journal that begins here.
    pub fn new(rules: Rules, seed: u64) -> Books {
        Books {
            ledger: Ledger::new(rules, seed),
            from: 0,
            applied: 0,
            in_flight: None,
            records: 0,
            course: Course::default(),
        }
    }

    /// What the records amount to.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The position behind the last entry that has been accounted for.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// Accounts for an entry of the journal that ends at a position.
    pub fn follow(&mut self, body: Body<'_>, end: u64) {
        match body {
            Body::Records(body) => {
                for record in journal::records(body) {
                    self.ledger.apply(&record);
                    self.records += 1;
                }
            }
            Body::Notes(body) => self.take_note(body),
            Body::Cut => self.cut(end),
            Body::Shared(body) => {
                if let Some((place, said)) = shared::read(body) {
                    self.follow_shared(place, said);
                }
            }
        }
        self.applied = end;
    }

    fn take_note(&mut self, notes: &[u8]) {
        note::notes(notes).for_each(|note| self.ledger.note_of(&note));
    }

    fn cut(&mut self, to: u64) {
        let batch = self.ledger.cut(self.from, to);
        self.in_flight = Some(Arc::new(batch));
        self.from = to;
        self.records = 0;
    }

    fn follow_shared(&mut self, place: Place, said: Said<'_>) {
        match said {
            Said::Accepted {
                producer,
                from,
                to,
                accepted,
            } => {
                if self.course.takes(producer, from, to) {
                    match accepted {
                        Accepted::Records(body) => {
                            for record in journal::records(body) {
                                self.ledger.apply_in_any_order(&record);
                                self.records += 1;
                            }
                        }
                        Accepted::Notes(body) => self.take_note(body),
                    }
                }
            }
            Said::Cut(cut) => drop(self.cut_shared(&cut)),
            Said::Begin(cut) => {
                if self.cut_shared(&cut) {
                    self.course.generation = cut.to;
                }
            }
        }
        self.course.place = place;
    }

    /// Ends a batch where all who follow the log do; returns whether it ends.
    fn cut_shared(&mut self, cut: &Cut) -> bool {
        let ends = cut.from == self.from && cut.to > cut.from;
        if ends {
            self.sweep_at(cut.time);
            self.cut(cut.to);
        }
        ends
    }

    /// All who follow the log look at the same moment of it, so that they agree on who is gone.
    fn sweep_at(&mut self, now: UnixTime) {
        if self.is_sweep_due(now) {
            self.course.swept = now;
            // A look ends with the last row, wherever it has begun.
            for _ in 0..2 {
                self.ledger.sweep(now, usize::MAX);
            }
        }
    }

    fn is_sweep_due(&self, now: UnixTime) -> bool {
        now.since(self.course.swept) >= SWEEP_SECS
    }

    /// Whether a batch of the shared log is to end: there is something to make one of, or sessions
    /// are to be looked at.
    pub fn wants_shared_cut(&self, now: UnixTime) -> bool {
        let looks = self.is_sweep_due(now) && !self.ledger.sessions().is_empty();
        self.wants_cut() || (self.in_flight.is_none() && looks)
    }

    /// How far the shared log has been followed.
    pub fn course(&self) -> &Course {
        &self.course
    }

    /// These are the books of another who follows the same log: here its copy goes on at this
    /// position.
    pub fn move_to(&mut self, position: u64) {
        self.applied = position;
    }

    /// Whether there is something to make a batch of, and no other is on its way.
    pub fn wants_cut(&self) -> bool {
        self.in_flight.is_none() && (self.records > 0 || !self.ledger.gathered().is_empty())
    }

    /// The batch that is to be committed.
    pub fn in_flight(&self) -> Option<&Arc<Commit>> {
        self.in_flight.as_ref()
    }

    /// The position up to which everything has been committed.
    pub fn committed_to(&self) -> u64 {
        self.in_flight
            .as_ref()
            .map_or(self.from, |batch| batch.from)
    }

    /// Where the batch that is being gathered begins.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// Whether these books hold all that is in a storage whose position is this.
    pub fn hold(&self, position: u64) -> bool {
        position == self.from || position == self.committed_to()
    }

    /// Notes that the batch up to a position has been committed.
    pub fn committed(&mut self, to: u64) {
        self.in_flight.take_if(|batch| batch.to == to);
    }

    /// Looks at the next `most` sessions, for those that are gone.
    pub fn sweep(&mut self, now: UnixTime, most: usize) {
        self.ledger.sweep(now, most);
    }
}

#[cfg(test)]
#[path = "books_tests.rs"]
mod tests;
