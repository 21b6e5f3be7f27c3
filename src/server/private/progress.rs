//! How far the threads of a private tracker have come, for those who look: each writes its own
//! numbers, and nobody waits.

use std::sync::atomic::{AtomicU64, Ordering};

/// Positions in the journal, and since when the storage is away.
#[derive(Debug, Default)]
pub(in crate::server) struct Progress {
    accounted: AtomicU64,
    committed: AtomicU64,
    /// Unix seconds; 0: it is not.
    away_since: AtomicU64,
}

impl Progress {
    /// How far the journal has been accounted for, and how far it is in the storage.
    pub(super) fn set_positions(&self, accounted: u64, committed: u64) {
        self.accounted.store(accounted, Ordering::Relaxed);
        self.committed.store(committed, Ordering::Relaxed);
    }

    /// Since when the storage is away.
    pub(super) fn set_away(&self, since: Option<u64>) {
        self.away_since.store(since.unwrap_or(0), Ordering::Relaxed);
    }

    /// Bytes before this end of the journal that are not accounted for, and that the storage does
    /// not have.
    pub(in crate::server) fn behind(&self, end: u64) -> (u64, u64) {
        let accounted = self.accounted.load(Ordering::Relaxed);
        let committed = self.committed.load(Ordering::Relaxed);
        (end.saturating_sub(accounted), end.saturating_sub(committed))
    }

    /// How long the storage has been away at a time; `None`: it is not.
    pub(in crate::server) fn away_secs(&self, now: u64) -> Option<u64> {
        let since = self.away_since.load(Ordering::Relaxed);
        (since > 0).then(|| now.saturating_sub(since))
    }
}
