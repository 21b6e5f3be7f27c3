//! The ledger and its batches: one that is on its way into the storage, one that is being gathered.
//!
//! A batch ends at an entry of the journal that says so, and only when the one before it has been
//! committed: so whoever replays the journal cuts the same batches, and knows of each but the last
//! that it has been committed. Whether the last one has is told by the position in the storage.

use super::journal::{self, Body};
use super::ledger::{Ledger, Rules};
use super::note;
use crate::model::UnixTime;
use crate::storage::Commit;
use std::sync::Arc;

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
            Body::Notes(body) => note::notes(body).for_each(|note| self.ledger.note_of(&note)),
            Body::Cut => {
                let batch = self.ledger.cut(self.from, end);
                self.in_flight = Some(Arc::new(batch));
                self.from = end;
                self.records = 0;
            }
        }
        self.applied = end;
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
