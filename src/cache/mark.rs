//! What is remembered of a peer beside its address: a byte that holds when it was last seen, and
//! two flags.

/// Units in which peers' ages are kept, a lifetime: what remains of a byte after two flags.
const UNITS_PER_LIFETIME: u32 = 24;
/// Ages wrap around after this many units; sweeps come more often than that.
const UNIT_RANGE: u32 = 64;

/// Turns seconds into the coarse moments of [`Mark`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Ages {
    unit_secs: u32,
    lifetime_units: u32,
}

impl Ages {
    pub(super) fn new(lifetime_secs: u32) -> Ages {
        let unit_secs = lifetime_secs.div_ceil(UNITS_PER_LIFETIME).max(1);
        Ages {
            unit_secs,
            lifetime_units: lifetime_secs.div_ceil(unit_secs),
        }
    }

    pub(super) fn moment(self, now_secs: u32) -> Moment {
        Moment((now_secs / self.unit_secs % UNIT_RANGE) as u8)
    }

    pub(super) fn unit_secs(self) -> u32 {
        self.unit_secs
    }

    /// A peer lives its whole lifetime, and less than two units longer.
    pub(super) fn expired(self, mark: Mark, now: Moment) -> bool {
        mark.age(now) > self.lifetime_units
    }
}

/// A coarse moment, in units that wrap around.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Moment(u8);

impl Moment {
    /// Units from `earlier` to this moment.
    fn since(self, earlier: Moment) -> u32 {
        u32::from(self.0.wrapping_sub(earlier.0)) % UNIT_RANGE
    }

    /// This moment, some units ago.
    pub(super) fn earlier(self, units: u32) -> Moment {
        Moment((u32::from(self.0).wrapping_sub(units) % UNIT_RANGE) as u8)
    }
}

/// What is remembered of a peer beside its address: when it was last seen, and two flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark(pub(super) u8);

impl Mark {
    const COMPLETED: u8 = 0x80;
    const PARTIAL_SEED: u8 = 0x40;
    const MOMENT: u8 = 0x3f;

    pub(super) fn new(seen: Moment, completed: bool, partial_seed: bool) -> Mark {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        Mark(seen.0 | flag(completed, Mark::COMPLETED) | flag(partial_seed, Mark::PARTIAL_SEED))
    }

    fn seen(self) -> Moment {
        Moment(self.0 & Mark::MOMENT)
    }

    /// Its completion has been counted.
    pub(super) fn completed(self) -> bool {
        self.0 & Mark::COMPLETED != 0
    }

    pub(super) fn partial_seed(self) -> bool {
        self.0 & Mark::PARTIAL_SEED != 0
    }

    /// Units since the peer was seen.
    fn age(self, now: Moment) -> u32 {
        now.since(self.seen())
    }

    /// The same, with the age in place of the moment.
    pub(super) fn aged(self, now: Moment) -> Mark {
        Mark(self.0 & !Mark::MOMENT | self.age(now) as u8)
    }

    /// The age of a mark that [`Mark::aged`] made.
    pub(super) fn age_units(self) -> u32 {
        (self.0 & Mark::MOMENT).into()
    }

    /// The same flags, seen so many seconds ago; `None` if that is longer than a lifetime.
    pub(super) fn seen_ago(self, secs: u64, ages: Ages, now_secs: u32) -> Option<Mark> {
        let units = u32::try_from(secs / u64::from(ages.unit_secs)).ok()?;
        let seen = ages.moment(now_secs).earlier(units);
        (units <= ages.lifetime_units)
            .then(|| Mark::new(seen, self.completed(), self.partial_seed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_keep_flags_and_moments_apart() {
        let ages = Ages::new(2700);
        for (completed, partial_seed) in [(false, false), (true, false), (false, true)] {
            let mark = Mark::new(ages.moment(7000), completed, partial_seed);
            assert_eq!(mark.completed(), completed);
            assert_eq!(mark.partial_seed(), partial_seed);
            assert!(!ages.expired(mark, ages.moment(7000)));
        }
    }

    #[test]
    fn peers_live_their_lifetime_and_little_longer() {
        for lifetime in [10, 60, 2700, 86400] {
            let ages = Ages::new(lifetime);
            for seen in (0..20 * lifetime).step_by(lifetime as usize / 7 + 1) {
                let mark = Mark::new(ages.moment(seen), true, true);
                let expired = |at: u32| ages.expired(mark, ages.moment(at));
                assert!(!expired(seen + lifetime), "{lifetime} at {seen}");
                assert!(
                    expired(seen + lifetime + 2 * ages.unit_secs()),
                    "{lifetime} at {seen}"
                );
                assert!(expired(seen + 2 * lifetime), "{lifetime} at {seen}");
            }
        }
    }

    #[test]
    fn earlier_moments_have_their_age() {
        let now = Ages::new(24).moment(5);
        for units in [0, 5, 6, 24, 63] {
            assert_eq!(Mark::new(now.earlier(units), false, false).age(now), units);
        }
    }
}
