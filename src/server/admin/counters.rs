//! What is counted for those who look: each writer has its own, and adds to nobody else's.

use std::sync::atomic::{AtomicU64, Ordering};

/// What one worker has done. It is written once a tick, and in a place of its own, so that nobody
/// who looks makes a worker wait for its cache.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(in crate::server) struct WorkerCounters {
    udp_answers: AtomicU64,
    http_answers: AtomicU64,
    http_connections: AtomicU64,
}

/// What a worker says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::server) struct Worked {
    pub(in crate::server) udp_answers: u64,
    pub(in crate::server) http_answers: u64,
    pub(in crate::server) http_connections: u64,
}

impl WorkerCounters {
    /// Says how far the worker has come; nobody else does.
    pub(in crate::server) fn set(&self, worked: Worked) {
        self.udp_answers
            .store(worked.udp_answers, Ordering::Relaxed);
        self.http_answers
            .store(worked.http_answers, Ordering::Relaxed);
        self.http_connections
            .store(worked.http_connections, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Worked {
        Worked {
            udp_answers: self.udp_answers.load(Ordering::Relaxed),
            http_answers: self.http_answers.load(Ordering::Relaxed),
            http_connections: self.http_connections.load(Ordering::Relaxed),
        }
    }
}

/// What the listener for management has done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Served {
    pub(super) connections: u64,
    pub(super) requests: u64,
    pub(super) wrong_tokens: u64,
    pub(super) lines: u64,
}
