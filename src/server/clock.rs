//! The clock of the workers: whole seconds, never backwards.

use crate::model::Seconds;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What the clock shows at the start: room for moments before it, which a snapshot brings.
const ORIGIN_SECS: u32 = 30 * 24 * 60 * 60;

#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Clock {
        Clock {
            start: Instant::now(),
        }
    }

    pub(super) fn now(self) -> Seconds {
        // Wraps after 136 years.
        Seconds(ORIGIN_SECS.wrapping_add(self.start.elapsed().as_secs() as u32))
    }

    /// How long until [`Clock::now`] shows the next second.
    pub(super) fn until_next_second(self) -> Duration {
        let part = Duration::from_nanos(self.start.elapsed().subsec_nanos().into());
        Duration::from_secs(1) - part
    }
}

/// The time of day, in Unix seconds.
pub(super) fn wall_secs() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
