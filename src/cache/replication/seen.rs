//! Which entries have been seen: producers and their sequences.

use super::record::take;
use std::collections::HashMap;

/// Producers remembered: as many processes as ever share a swarm, and all their restarts within a
/// peer's lifetime.
const MOST_PRODUCERS: usize = 1024;
/// Bytes of a producer in [`Producers::bytes`].
const PRODUCER_BYTES: usize = 8 + 8 + 8 + 8;

/// The sequences of one producer that have been seen: the highest, and which of the 64 before it.
/// Older ones count as seen: a producer has fewer on their way at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    highest: u64,
    /// The lowest bit stands for the highest sequence.
    window: u64,
}

impl Seen {
    /// Marks a sequence; returns whether it is new.
    pub fn mark(&mut self, sequence: u64) -> bool {
        if sequence > self.highest {
            let steps = sequence - self.highest;
            self.window = u32::try_from(steps)
                .ok()
                .and_then(|steps| self.window.checked_shl(steps))
                .unwrap_or(0)
                | 1;
            self.highest = sequence;
            return true;
        }
        let back = self.highest - sequence;
        if back >= 64 || self.window >> back & 1 == 1 {
            return false;
        }
        self.window |= 1 << back;
        true
    }
}

/// All producers of a log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Producers {
    /// With the moment of the last entry, to know whom to forget.
    known: HashMap<u64, (Seen, u64)>,
}

impl Producers {
    /// Marks an entry that was appended at this moment; returns whether it is new.
    pub fn mark(&mut self, producer: u64, sequence: u64, moment: u64) -> bool {
        if self.known.len() >= MOST_PRODUCERS && !self.known.contains_key(&producer) {
            self.forget_oldest();
        }
        let (seen, last) = self.known.entry(producer).or_default();
        *last = moment;
        seen.mark(sequence)
    }

    fn forget_oldest(&mut self) {
        let oldest = self.known.iter().min_by_key(|(_, (_, last))| *last);
        if let Some(oldest) = oldest.map(|(producer, _)| *producer) {
            self.known.remove(&oldest);
        }
    }

    /// All of them, for [`Producers::read`].
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.known.len() * PRODUCER_BYTES);
        for (producer, (seen, last)) in &self.known {
            for number in [*producer, seen.highest, seen.window, *last] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        bytes
    }

    /// Those of [`Producers::bytes`], to the end of the bytes.
    pub fn read(mut bytes: &[u8]) -> Producers {
        let bytes = &mut bytes;
        let mut number = || take(bytes).map(u64::from_le_bytes);
        let mut next = || {
            let producer = number()?;
            let (highest, window) = (number()?, number()?);
            Some((producer, (Seen { highest, window }, number()?)))
        };
        Producers {
            known: std::iter::from_fn(&mut next).take(MOST_PRODUCERS).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn jumps_and_old_ones() {
        let mut seen = Seen::default();
        for (sequence, new) in [
            (1, true),
            (1, false),
            (3, true),
            (2, true),
            (2, false),
            (67, true),
            // 64 steps back: nobody has so many on their way.
            (3, false),
            (4, true),
            (u64::MAX, true),
            (u64::MAX, false),
            (67, false),
            (u64::MAX - 63, true),
            (0, false),
        ] {
            assert_eq!(seen.mark(sequence), new, "{sequence}");
        }
    }

    #[test]
    fn the_longest_silent_one_is_forgotten() {
        let mut producers = Producers::default();
        for producer in 0..MOST_PRODUCERS as u64 {
            assert!(producers.mark(producer, 1, 1000 + producer));
        }
        assert!(!producers.mark(0, 1, 5000), "known, and heard again");
        assert!(producers.mark(77_777, 1, 5001));
        assert_eq!(producers.known.len(), MOST_PRODUCERS);
        assert!(!producers.mark(0, 1, 5002));
        assert!(producers.mark(1, 1, 5003), "it was the longest silent one");
        assert_eq!(Producers::read(&producers.bytes()), producers);
    }

    proptest! {
        /// Whatever comes twice within the window is found out, and nothing that is new is lost.
        #[test]
        fn like_a_set(steps in prop::collection::vec(0u64..40, 1..200)) {
            let (mut seen, mut set) = (Seen::default(), HashSet::new());
            for (turn, step) in steps.iter().enumerate() {
                let sequence = turn as u64 + 40 - step;
                prop_assert_eq!(seen.mark(sequence), set.insert(sequence));
            }
        }

        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            Producers::read(&bytes);
        }
    }
}
