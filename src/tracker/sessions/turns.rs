//! The announces of a tick by shard.

use super::{ARRIVALS, SHARDS_MOST};

/// Chains, each in the order of its announces.
pub(super) struct Turns {
    /// The first announce of each shard.
    first: [u8; SHARDS_MOST],
    /// For each announce its shard, and the next one of that.
    shards: [u8; ARRIVALS],
    next: [u8; ARRIVALS],
}

/// No announce.
const NONE: u8 = u8::MAX;
const _: () = assert!(ARRIVALS <= NONE as usize);

impl Default for Turns {
    fn default() -> Turns {
        Turns {
            first: [NONE; SHARDS_MOST],
            shards: [0; ARRIVALS],
            next: [NONE; ARRIVALS],
        }
    }
}

impl Turns {
    /// Puts an announce before the others of its shard.
    pub(super) fn put(&mut self, at: usize, shard: usize) {
        self.shards[at] = shard as u8;
        self.next[at] = std::mem::replace(&mut self.first[shard], at as u8);
    }

    /// The shard whose first announce this is.
    pub(super) fn begins(&self, at: usize) -> Option<usize> {
        let shard = usize::from(self.shards[at]);
        (usize::from(self.first[shard]) == at).then_some(shard)
    }

    /// An announce and those of its shard that come after it.
    pub(super) fn from(&self, first: usize) -> impl Iterator<Item = usize> {
        let next = |at: &usize| Some(usize::from(self.next[*at])).filter(|next| *next < ARRIVALS);
        std::iter::successors(Some(first), next)
    }
}
