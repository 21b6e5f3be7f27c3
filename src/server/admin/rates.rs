//! How often something happens, over the windows that UNIT3D asks for.

use std::time::Instant;

/// Seconds of each window.
pub(super) const WINDOWS_SECS: [u16; 5] = [1, 10, 60, 900, 7200];

/// Averages that forget exponentially. They are made anew when somebody looks: in between, all is
/// taken to have happened at one pace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    at: Instant,
    count: u64,
    /// Times a second, for each window.
    pub(super) averages: [f64; WINDOWS_SECS.len()],
}

impl Rates {
    pub(super) fn new(now: Instant) -> Rates {
        Rates {
            at: now,
            count: 0,
            averages: [0.0; WINDOWS_SECS.len()],
        }
    }

    /// Takes in how often it has happened in all by now; returns whether it has since the last look.
    pub(super) fn look(&mut self, count: u64, now: Instant) -> bool {
        let secs = now.saturating_duration_since(self.at).as_secs_f64();
        let news = count.saturating_sub(self.count);
        if secs > 0.0 {
            let pace = news as f64 / secs;
            for (average, window) in self.averages.iter_mut().zip(WINDOWS_SECS) {
                let kept = (-secs / f64::from(window)).exp();
                *average = *average * kept + pace * (1.0 - kept);
            }
            (self.at, self.count) = (now, count);
        }
        news > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_steady_pace_is_told_however_often_one_looks() {
        let start = Instant::now();
        for looks in [1, 7, 600] {
            let mut rates = Rates::new(start);
            for look in 1..=looks {
                let now = start + Duration::from_secs(600) * look / looks;
                assert!(rates.look(u64::from(600 * 50 * look / looks), now));
            }
            let [second, ten, minute, quarter, hours] = rates.averages;
            for steady in [second, ten, minute] {
                assert!((steady - 50.0).abs() < 0.1, "{looks}: {:?}", rates.averages);
            }
            assert!(quarter < 30.0 && hours < 5.0, "{:?}", rates.averages);
        }
    }

    #[test]
    fn what_has_stopped_is_forgotten() {
        let start = Instant::now();
        let mut rates = Rates::new(start);
        assert!(!rates.look(0, start + Duration::from_secs(1)));
        assert!(rates.look(1000, start + Duration::from_secs(2)));
        assert!(!rates.look(1000, start + Duration::from_secs(62)));
        let [second, _, minute, ..] = rates.averages;
        assert!(second < 1e-9 && minute > 1.0, "{:?}", rates.averages);
    }
}
