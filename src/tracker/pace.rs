//! How often clients announce: as configured, or as the site says while the tracker runs.

use crate::config::Config;
use crate::storage::{Global, OptionsEdit};

/// Seconds between the announces of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// After which it is to announce again.
    pub interval_secs: u32,
    /// Before which it must not.
    pub min_interval_secs: u32,
    /// By which intervals are spread, so that clients do not come together.
    pub jitter_secs: u32,
    /// After which a client that has not announced is forgotten.
    pub lifetime_secs: u32,
}

impl Pace {
    /// As configured.
    pub fn new(config: &Config) -> Pace {
        let announce = &config.announce;
        Pace {
            interval_secs: announce.interval.0,
            min_interval_secs: announce.min_interval.0,
            jitter_secs: announce.jitter.0,
            lifetime_secs: announce.peer_lifetime.0,
        }
    }

    /// Whether clients can announce at the pace that an edit of these options leads to; why not.
    pub fn check(&self, global: &Global, edit: &OptionsEdit) -> Result<(), &'static str> {
        let interval_secs = edit.interval_secs.unwrap_or(global.interval_secs);
        let interval_secs = interval_secs.unwrap_or(self.interval_secs);
        let min_interval_secs = edit.min_interval_secs.unwrap_or(global.min_interval_secs);
        let jitter_secs = edit.jitter_secs.unwrap_or(global.jitter_secs);
        let jitter_secs = jitter_secs.unwrap_or(self.jitter_secs);
        if !(1..=self.longest_secs(jitter_secs)).contains(&interval_secs) {
            return Err(
                "the interval is not between 1 second and announce.peer_lifetime less the jitter",
            );
        }
        match min_interval_secs {
            Some(secs) if secs > interval_secs => {
                Err("the least interval is longer than the interval")
            }
            _ => Ok(()),
        }
    }

    /// As the site says, within what can be.
    pub fn with(self, global: &Global) -> Pace {
        let jitter_secs = global.jitter_secs.unwrap_or(self.jitter_secs);
        let jitter_secs = jitter_secs.min(self.lifetime_secs.saturating_sub(1));
        let interval_secs = global.interval_secs.unwrap_or(self.interval_secs);
        let interval_secs = interval_secs.clamp(1, self.longest_secs(jitter_secs));
        let min_interval_secs = global.min_interval_secs.unwrap_or(self.min_interval_secs);
        Pace {
            interval_secs,
            min_interval_secs: min_interval_secs.min(interval_secs),
            jitter_secs,
            ..self
        }
    }

    /// What the interval can be at most: nobody who keeps to it is forgotten in between.
    fn longest_secs(&self, jitter_secs: u32) -> u32 {
        self.lifetime_secs.saturating_sub(jitter_secs).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_not_so() {
        let text = r#"{"announce": {"interval": 600, "min_interval": 300, "jitter": 60,
            "peer_lifetime": 1000}}"#;
        let pace = Pace::new(&Config::from_json(text).expect("good"));
        for (name, interval, min_interval, jitter, expected) in [
            ("as configured", None, None, None, (600, 300, 60)),
            ("slower", Some(900), None, None, (900, 300, 60)),
            ("as slow as can be", Some(5000), None, None, (940, 300, 60)),
            ("faster", Some(200), None, None, (200, 200, 60)),
            ("none at all", Some(0), Some(0), None, (1, 0, 60)),
            ("never too soon", None, Some(0), None, (600, 0, 60)),
            ("later than the next", None, Some(900), None, (600, 600, 60)),
            ("all at once", None, None, Some(0), (600, 300, 0)),
            ("spread wider", None, None, Some(500), (500, 300, 500)),
            ("too wide", None, None, Some(5000), (1, 1, 999)),
        ] {
            let said = pace.with(&Global {
                interval_secs: interval,
                min_interval_secs: min_interval,
                jitter_secs: jitter,
                ..Global::default()
            });
            let found = (said.interval_secs, said.min_interval_secs, said.jitter_secs);
            assert_eq!(found, expected, "{name}");
        }
    }
}
