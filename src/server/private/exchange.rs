//! How the two threads hand batches over: neither waits for the other.

use crate::storage::Commit;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

/// A question, and its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Position {
    /// Nobody has asked.
    #[default]
    Unasked,
    /// The storage has not said.
    Asked,
    /// This.
    Said(u64),
}

/// The batch that is on its way into the storage, and how far batches have come.
#[derive(Default)]
pub(in crate::server) struct Exchange(Mutex<State>);

#[derive(Default)]
struct State {
    offered: Option<Arc<Commit>>,
    committed: Option<u64>,
    /// The storage's position, for who wants to know what it holds.
    position: Position,
    /// The last batch that was offered does not go on where the storage is.
    refused: bool,
    /// The thread that owns the storage.
    storage: Option<Thread>,
    /// The thread that keeps the books.
    ledger: Option<Thread>,
}

impl Exchange {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names the threads, so that they can wake each other.
    pub(super) fn set_threads(&self, ledger: &Thread, storage: &Thread) {
        let mut state = self.lock();
        state.ledger = Some(ledger.clone());
        state.storage = Some(storage.clone());
    }

    /// Offers a batch to the storage.
    pub(super) fn offer(&self, batch: Arc<Commit>) {
        let mut state = self.lock();
        state.offered = Some(batch);
        state.storage.iter().for_each(Thread::unpark);
    }

    /// Takes back what was offered, if it has not been committed.
    pub(super) fn withdraw(&self) {
        self.lock().offered = None;
    }

    /// Says that the batch up to a position does not begin where the storage is: another process
    /// commits.
    pub(super) fn refuse(&self, to: u64) {
        let mut state = self.lock();
        state.offered.take_if(|batch| batch.to == to);
        state.refused = true;
    }

    /// Asks for the storage's position; the answer to [`Exchange::position`] is not older.
    #[cfg(feature = "redis")]
    pub(in crate::server) fn ask_position(&self) {
        let mut state = self.lock();
        state.position = Position::Asked;
        state.storage.iter().for_each(Thread::unpark);
    }

    /// The position that was asked for, once the storage has said it.
    #[cfg(feature = "redis")]
    pub(in crate::server) fn position(&self) -> Option<u64> {
        match self.lock().position {
            Position::Said(position) => Some(position),
            Position::Unasked | Position::Asked => None,
        }
    }

    /// Whether a batch has been refused since this was last asked.
    #[cfg(feature = "redis")]
    pub(in crate::server) fn take_refused(&self) -> bool {
        std::mem::take(&mut self.lock().refused)
    }

    /// Whether somebody wants to know the position.
    pub(super) fn wants_position(&self) -> bool {
        self.lock().position == Position::Asked
    }

    /// Says it.
    pub(super) fn say_position(&self, position: u64) {
        self.lock().position = Position::Said(position);
    }

    /// The batch to commit.
    pub(super) fn offered(&self) -> Option<Arc<Commit>> {
        self.lock().offered.clone()
    }

    /// Says that the batch up to a position is in the storage.
    pub(super) fn committed(&self, to: u64) {
        let mut state = self.lock();
        // Another may be offered already, where another process commits as well.
        state.offered.take_if(|batch| batch.to == to);
        state.committed = Some(to);
        state.ledger.iter().for_each(Thread::unpark);
    }

    /// Up to where a batch has been committed since this was last asked.
    pub(super) fn take_committed(&self) -> Option<u64> {
        self.lock().committed.take()
    }
}
