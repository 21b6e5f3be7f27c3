//! How the driver fares: counters, and the changes of state that the log tells of once.

use log::{error, info};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Upper bounds of the delays that are counted, in milliseconds.
const LAGS_MS: [u64; 8] = [5, 10, 20, 50, 100, 200, 500, 1000];

/// The names under which delays are told: the last one, how many were within each bound, and how
/// many took longer.
macro_rules! lag_names {
    ($of:literal) => {
        [
            concat!($of, "_ms"),
            concat!($of, "_5ms"),
            concat!($of, "_10ms"),
            concat!($of, "_20ms"),
            concat!($of, "_50ms"),
            concat!($of, "_100ms"),
            concat!($of, "_200ms"),
            concat!($of, "_500ms"),
            concat!($of, "_1s"),
            concat!($of, "_longer"),
        ]
    };
}

pub(super) use lag_names;

/// Own entries by the time until they came by in the log.
#[derive(Default)]
pub(super) struct Lags {
    last_ms: AtomicU64,
    counts: [AtomicU64; 9],
}

impl Lags {
    /// One has come by after so long.
    pub(super) fn add(&self, lag_ms: u64) {
        self.last_ms.store(lag_ms, Ordering::Relaxed);
        let place = LAGS_MS.partition_point(|bound| *bound < lag_ms);
        self.counts[place].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn gauges(
        &self,
        names: [&'static str; 10],
        tell: &mut dyn FnMut(&'static str, u64),
    ) {
        let values = std::iter::once(&self.last_ms).chain(&self.counts);
        for (name, value) in names.into_iter().zip(values) {
            tell(name, value.load(Ordering::Relaxed));
        }
    }

    /// Within which time 99 of 100 came by.
    fn summary(&self) -> String {
        let counts = self
            .counts
            .each_ref()
            .map(|count| count.load(Ordering::Relaxed));
        let all: u64 = counts.iter().sum();
        let mut within = 0;
        let place = counts.iter().position(|count| {
            within += count;
            within * 100 >= all * 99
        });
        let bound = place.and_then(|place| LAGS_MS.get(place));
        bound.map_or("longer than a second".to_owned(), |ms| {
            format!("within {ms} ms")
        })
    }
}

/// What is counted.
#[derive(Default)]
pub(super) struct State {
    /// Writers and readers that cannot do their work.
    pub(super) failing: AtomicU64,
    /// Readers that have not come to the end of their log yet.
    pub(super) cold: AtomicU64,
    /// Own announces that are in the log.
    pub(super) appended: AtomicU64,
    /// Announces of others that took effect here.
    pub(super) applied: AtomicU64,
    /// Own announces that took effect again: others of the same peer stood before them.
    pub(super) overtaken: AtomicU64,
    /// Entries of another version, or torn.
    pub(super) unreadable: AtomicU64,
    missed: AtomicU64,
    /// From the first announce of an entry.
    pub(super) lags: Lags,
}

impl State {
    /// Announces that found no room before the writer could take them.
    pub(super) fn miss(&self, count: u64) {
        self.missed.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// What there is to say at the end.
    pub(super) fn summary(&self) -> String {
        let bound = self.lags.summary();
        let [appended, applied] =
            [&self.appended, &self.applied].map(|count| count.load(Ordering::Relaxed));
        format!(
            "{appended} announces told, {applied} of others heard; 99 of 100 entries came by {bound}"
        )
    }

    pub(super) fn gauges(&self, tell: &mut dyn FnMut(&'static str, u64)) {
        for (name, value) in [
            ("redis_failing", &self.failing),
            ("redis_cold", &self.cold),
            ("redis_appended_announces", &self.appended),
            ("redis_applied_announces", &self.applied),
            ("redis_overtaken_announces", &self.overtaken),
            ("redis_unreadable_entries", &self.unreadable),
        ] {
            tell(name, value.load(Ordering::Relaxed));
        }
        self.lags.gauges(lag_names!("redis_lag"), tell);
    }
}

/// One thing that works or does not, and is told of when that changes.
pub(super) struct Told<'s> {
    what: String,
    follows: &'static str,
    /// How many things do not work.
    all: &'s AtomicU64,
    failing: Option<(Instant, String)>,
}

impl<'s> Told<'s> {
    /// `what` works at first; if it does not, this `follows`, and it counts among `all` that do not.
    pub(super) fn new(what: String, follows: &'static str, all: &'s AtomicU64) -> Told<'s> {
        Told {
            what,
            follows,
            all,
            failing: None,
        }
    }

    /// It does not work; told once, or when it is for another reason.
    pub(super) fn fails(&mut self, error: &str) {
        let Told {
            what,
            follows,
            all,
            failing,
        } = self;
        match failing {
            Some((_, known)) if known == error => {}
            Some((_, known)) => {
                info!("cache: redis: {what}: now {error}");
                error.clone_into(known);
            }
            None => {
                error!("cache: redis: cannot {what}: {error}; {follows}");
                all.fetch_add(1, Ordering::Relaxed);
                *failing = Some((Instant::now(), error.to_owned()));
            }
        }
    }

    /// It works; `more` is said if it did not.
    pub(super) fn works(&mut self, more: impl FnOnce() -> String) {
        if let Some((what, secs)) = self.ends() {
            info!("cache: redis: can {what} again after {secs} s{}", more());
        }
    }

    /// It is not for this process to do any more.
    pub(super) fn is_left(&mut self) {
        if let Some((what, secs)) = self.ends() {
            info!("cache: redis: {what}: left to others after {secs} s");
        }
    }

    /// What has failed and does not any more, and for how many seconds it has.
    fn ends(&mut self) -> Option<(&str, u64)> {
        let (since, _) = self.failing.take()?;
        self.all.fetch_sub(1, Ordering::Relaxed);
        Some((&self.what, since.elapsed().as_secs()))
    }
}
