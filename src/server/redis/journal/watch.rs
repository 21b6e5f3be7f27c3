//! What is counted of the log, for whoever watches.

use super::{Common, lock};
use crate::server::redis::state::{Lags, lag_names};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Entries whose way is timed at once: while more are on their way, those are not, so that a process
/// that cannot read the log any more does not remember all that it puts there.
const TIMED_MOST: usize = 4096;

#[derive(Default)]
pub(super) struct Watch {
    /// Threads that cannot do their work.
    pub(super) failing: AtomicU64,
    /// Entries that this process has put into the log.
    appended: AtomicU64,
    /// Entries of all processes that it has read there.
    read: AtomicU64,
    /// Up to which offset the own journal is in the log.
    appended_to: AtomicU64,
    /// Up to which offset each entry goes that has not come by, and since when it is on its way.
    on_their_way: Mutex<VecDeque<(u64, Instant)>>,
    /// From when an entry was put into the log.
    lags: Lags,
}

impl Watch {
    /// Entries are put into the log from this offset on; what was before does not come by.
    pub(super) fn begins(&self, offset: u64) {
        lock(&self.on_their_way).clear();
        self.appended_to.store(offset, Ordering::Relaxed);
    }

    /// An entry up to this offset is about to be put into the log.
    pub(super) fn sets_out(&self, to: u64) {
        let on_their_way = &mut *lock(&self.on_their_way);
        if on_their_way.len() < TIMED_MOST {
            on_their_way.push_back((to, Instant::now()));
        }
    }

    /// So many entries are in the log, the last up to this offset.
    pub(super) fn arrived(&self, entries: u64, to: u64) {
        self.appended.fetch_add(entries, Ordering::Relaxed);
        self.appended_to.store(to, Ordering::Relaxed);
    }

    /// An entry was read; if it is an own one, it goes up to this offset.
    pub(super) fn came_by(&self, own: Option<u64>) {
        self.read.fetch_add(1, Ordering::Relaxed);
        let Some(to) = own else { return };
        let on_their_way = &mut *lock(&self.on_their_way);
        while let Some((first, since)) = on_their_way.front().copied()
            && first <= to
        {
            on_their_way.pop_front();
            self.lags.add(since.elapsed().as_millis() as u64);
        }
    }
}

impl Common {
    pub(super) fn gauges(&self, tell: &mut dyn FnMut(&'static str, u64)) {
        let watch = &self.watch;
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let is_open = self.open_generation.load(Ordering::Acquire) != 0;
        let known = of(&watch.appended_to).max(self.standing().offset);
        for (name, value) in [
            ("redis_journal_failing", of(&watch.failing)),
            ("redis_journal_cold", u64::from(!is_open)),
            ("redis_journal_leads", u64::from(self.leads())),
            ("redis_journal_appended_entries", of(&watch.appended)),
            ("redis_journal_read_entries", of(&watch.read)),
            (
                "redis_journal_backlog_bytes",
                self.journal.end().saturating_sub(known),
            ),
        ] {
            tell(name, value);
        }
        watch.lags.gauges(lag_names!("redis_journal_lag"), tell);
    }
}
