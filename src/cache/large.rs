//! Where the peers of a large swarm are: in buckets, by a keyed hash of their address.
//!
//! A swarm that outgrows a block becomes many blocks, so that searching stays short and nothing is
//! ever copied or hashed anew as a whole: the buckets grow by linear hashing, one split at a time,
//! in a fixed order, as the rows become more. (Litwin, "Linear hashing", 1980.) With `2^k ≤ b <
//! 2^(k+1)` buckets, those below `b - 2^k` and those from `2^k` on have been split this round.
//!
//! Seeders and leechers have buckets of their own, so that either can be drawn from alone. The hash
//! is keyed, as peers choose their ports, and some their addresses: buckets stay even.

use super::block::Handle;

/// Rows a bucket may have in the mean before there is one more; unsplit ones have up to twice as
/// many, and a search looks at a dozen in the mean.
const MOST_MEAN_ROWS: usize = 16;
/// Rows a bucket must have in the mean, or there is one less.
const LEAST_MEAN_ROWS: usize = 7;

/// One role's buckets.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) buckets: Vec<Handle>,
    pub(super) rows: usize,
    /// No bucket has more rows.
    pub(super) tallest: usize,
}

impl Default for Side {
    fn default() -> Side {
        Side {
            buckets: vec![Handle::default()],
            rows: 0,
            tallest: 0,
        }
    }
}

/// The buckets of a swarm.
#[derive(Debug, Default)]
pub(super) struct Large {
    pub(super) seeders: Side,
    pub(super) leechers: Side,
    pub(super) partial_seeds: u32,
}

impl Large {
    pub(super) fn side(&self, seeder: bool) -> &Side {
        if seeder {
            &self.seeders
        } else {
            &self.leechers
        }
    }

    pub(super) fn side_mut(&mut self, seeder: bool) -> &mut Side {
        if seeder {
            &mut self.seeders
        } else {
            &mut self.leechers
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.seeders.rows + self.leechers.rows
    }

    pub(super) fn buckets(&self) -> usize {
        self.seeders.buckets.len() + self.leechers.buckets.len()
    }
}

impl Side {
    /// The bucket of a hash.
    pub(super) fn bucket_of(&self, hash: u64) -> usize {
        let round = 1 << self.buckets.len().ilog2();
        let bucket = hash as usize & (2 * round - 1);
        if bucket < self.buckets.len() {
            bucket
        } else {
            bucket - round
        }
    }

    /// Whether one more row wants one more bucket.
    pub(super) fn wants_split(&self) -> bool {
        self.rows >= self.buckets.len() * MOST_MEAN_ROWS
    }

    /// Whether there are more buckets than the rows need.
    pub(super) fn wants_merge(&self) -> bool {
        self.buckets.len() > 1 && self.rows < self.buckets.len() * LEAST_MEAN_ROWS
    }

    /// The bucket that the last one was split from, the first if there is no other.
    pub(super) fn origin_of_last(&self) -> usize {
        let last = self.buckets.len() - 1;
        last.checked_ilog2().map_or(0, |round| last - (1 << round))
    }

    /// Looks for the tallest bucket again: once a round, as buckets also become smaller.
    pub(super) fn measure(&mut self) {
        if self.buckets.len().is_power_of_two() {
            self.tallest = self.buckets.iter().map(Handle::rows).max().unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_parts_one_bucket_and_leaves_the_others() {
        let mut side = Side::default();
        let hashes: Vec<u64> = (0..5000u64)
            .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .collect();
        for _ in 0..300 {
            let before: Vec<_> = hashes.iter().map(|hash| side.bucket_of(*hash)).collect();
            side.buckets.push(Handle::default());
            let (last, origin) = (side.buckets.len() - 1, side.origin_of_last());
            for (hash, before) in hashes.iter().zip(before) {
                let now = side.bucket_of(*hash);
                assert!(
                    now == before || (now == last && before == origin),
                    "{before} to {now}"
                );
            }
        }
    }
}
