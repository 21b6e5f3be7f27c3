//! At what pace clients announce, as the books must know it: time is credited from one announce to
//! the next, if they are no further apart than they should be.

use crate::account::note;
use crate::tracker::pace::Pace;
use std::time::{Duration, Instant};

/// The pace that is configured, the one that the books know, and when they are to know another.
pub(in crate::server::private) struct Pacing {
    configured: Pace,
    /// How much later than the interval and its jitter a client may announce.
    slack_secs: u32,
    told: Option<note::Pace>,
    due: Option<(note::Pace, Instant)>,
}

impl Pacing {
    pub(in crate::server::private) fn new(
        configured: Pace,
        slack_secs: u32,
        told: Option<note::Pace>,
    ) -> Pacing {
        Pacing {
            configured,
            slack_secs,
            told,
            due: None,
        }
    }

    fn gap_secs(&self, pace: &Pace) -> u32 {
        let later_secs = pace.jitter_secs.saturating_add(self.slack_secs);
        pace.interval_secs.saturating_add(later_secs)
    }

    /// What the books are to be told now that clients announce at this pace, if anything is.
    ///
    /// When the pace becomes faster, clients have been told of the slower one: it holds until they
    /// have announced once more.
    pub(super) fn next(&mut self, pace: &Pace, now: Instant) -> Option<Option<note::Pace>> {
        let wanted = note::Pace {
            longest_gap_secs: self.gap_secs(pace),
            min_interval_secs: pace.min_interval_secs,
        };
        let is_configured = *pace == self.configured;
        let known_gap_secs = match self.told {
            Some(told) => told.longest_gap_secs,
            None => self.gap_secs(&self.configured),
        };
        let news = (!is_configured).then_some(wanted);
        if news == self.told {
            self.due = None;
            return None;
        }
        if wanted.longest_gap_secs < known_gap_secs {
            let wait = Duration::from_secs(known_gap_secs.into());
            let (_, due) = *match &mut self.due {
                Some(due) if due.0 == wanted => due,
                due => due.insert((wanted, now + wait)),
            };
            if now < due {
                return None;
            }
        }
        Some(news)
    }

    /// They have been told.
    pub(super) fn told(&mut self, news: Option<note::Pace>) {
        (self.told, self.due) = (news, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIGURED: Pace = Pace {
        interval_secs: 1000,
        min_interval_secs: 100,
        jitter_secs: 0,
        lifetime_secs: 5000,
    };

    fn pace(interval_secs: u32) -> Pace {
        Pace {
            interval_secs,
            ..CONFIGURED
        }
    }

    fn gap(news: Option<Option<note::Pace>>) -> Option<Option<u32>> {
        news.map(|news| news.map(|pace| pace.longest_gap_secs))
    }

    #[test]
    fn a_slower_pace_is_told_at_once_and_a_faster_one_when_all_know_it() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut pacing = Pacing::new(CONFIGURED, 50, None);
        assert_eq!(gap(pacing.next(&CONFIGURED, at(0))), None);
        let news = pacing.next(&pace(2000), at(0));
        assert_eq!(gap(news), Some(Some(2050)));
        assert_eq!(pacing.next(&pace(2000), at(1)), news, "not told yet");
        pacing.told(news.flatten());
        assert_eq!(gap(pacing.next(&pace(2000), at(2))), None);
        // As configured again.
        for secs in [10, 2059] {
            assert_eq!(gap(pacing.next(&CONFIGURED, at(secs))), None, "{secs} s");
        }
        // It was not meant for long.
        assert_eq!(gap(pacing.next(&pace(2000), at(2059))), None);
        assert_eq!(gap(pacing.next(&CONFIGURED, at(2060))), None);
        assert_eq!(gap(pacing.next(&CONFIGURED, at(2060 + 2050))), Some(None));
        pacing.told(None);
        assert_eq!(gap(pacing.next(&CONFIGURED, at(9999))), None);
    }

    #[test]
    fn what_the_last_run_has_told_still_holds() {
        let told = note::Pace {
            longest_gap_secs: 2050,
            min_interval_secs: 100,
        };
        let now = Instant::now();
        let mut pacing = Pacing::new(CONFIGURED, 50, Some(told));
        assert_eq!(gap(pacing.next(&pace(2000), now)), None);
        assert_eq!(gap(pacing.next(&pace(3000), now)), Some(Some(3050)));
        let shorter = Pace {
            min_interval_secs: 1,
            ..pace(2000)
        };
        assert!(pacing.next(&shorter, now).is_some());
    }
}
