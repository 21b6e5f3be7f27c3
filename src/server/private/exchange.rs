//! How the two threads hand batches over: neither waits for the other.

use crate::storage::Commit;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

/// The batch that is on its way into the storage, and how far batches have come.
#[derive(Default)]
pub(super) struct Exchange(Mutex<State>);

#[derive(Default)]
struct State {
    offered: Option<Arc<Commit>>,
    committed: Option<u64>,
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

    /// The batch to commit.
    pub(super) fn offered(&self) -> Option<Arc<Commit>> {
        self.lock().offered.clone()
    }

    /// Says that the batch up to a position is in the storage.
    pub(super) fn committed(&self, to: u64) {
        let mut state = self.lock();
        state.offered = None;
        state.committed = Some(to);
        state.ledger.iter().for_each(Thread::unpark);
    }

    /// Up to where a batch has been committed since this was last asked.
    pub(super) fn take_committed(&self) -> Option<u64> {
        self.lock().committed.take()
    }
}
