//! What a table does with the buckets of its large swarms: see [`Large`] for how they grow.

use super::block::{Handle, MAX_ROWS, Row};
use super::hash::hash_bytes;
use super::large::Large;
use super::mark::{Ages, Moment};
use super::table::{BUCKET, Place, SMALL_AGAIN, Tables, expire_rows};

impl<const N: usize> Tables<N> {
    /// Removes expired peers from one bucket, seeders' buckets counted before leechers'; returns
    /// the rows there were and those that went.
    pub(super) fn expire_bucket(
        &mut self,
        key: u32,
        place: usize,
        now: (Ages, Moment),
    ) -> (usize, usize) {
        let large = &mut self.large[key as usize];
        let seeders = large.seeders.buckets.len();
        let (seeder, bucket) = (place < seeders, place.checked_sub(seeders).unwrap_or(place));
        let mut partial_seeds = 0;
        let side = large.side_mut(seeder);
        let mut rows = self.blocks.rows(&mut side.buckets[bucket]);
        let looked_at = rows.len();
        let gone = expire_rows(&mut rows, now, looked_at, |mark| {
            partial_seeds += u32::from(mark.partial_seed());
        });
        side.rows -= gone;
        let moved = self.blocks.shrink(&mut side.buckets[bucket], BUCKET | key);
        large.partial_seeds -= partial_seeds;
        self.settle(moved);
        (looked_at, gone)
    }

    pub(super) fn become_large(&mut self, handle: &mut Handle) {
        let rows = self.blocks.rows(handle);
        let seeders = rows.seeders();
        let copy: Vec<Row<N>> = (0..rows.len()).map(|row| rows.row(row)).collect();
        let moved = self.blocks.free(handle);
        self.settle(moved);
        let key = self.large.insert(Large::default()) as u32;
        *handle = Handle::large(key);
        for (row, copy) in copy.iter().enumerate() {
            if self.large[key as usize].side(row < seeders).wants_split() {
                self.split(key, row < seeders);
            }
            self.insert_into_bucket(key, copy, row < seeders);
        }
    }

    pub(super) fn become_small(&mut self, handle: &mut Handle, owner: u32, key: u32) {
        let mut copy = Vec::with_capacity(SMALL_AGAIN);
        for seeder in [true, false] {
            for bucket in 0..self.large[key as usize].side(seeder).buckets.len() {
                let bucket = &mut self.large[key as usize].side_mut(seeder).buckets[bucket];
                let rows = self.blocks.rows(bucket);
                copy.extend((0..rows.len()).map(|row| (rows.row(row), seeder)));
                let moved = self.blocks.free(bucket);
                self.settle(moved);
            }
        }
        self.large.remove(key as usize);
        *handle = Handle::default();
        for (row, seeder) in copy {
            self.insert(handle, owner, &row, seeder);
        }
    }

    pub(super) fn insert_into_bucket(
        &mut self,
        key: u32,
        new: &Row<N>,
        seeder: bool,
    ) -> Option<Place> {
        let hash = self.hash(&new.address);
        let side = self.large[key as usize].side_mut(seeder);
        let bucket = side.bucket_of(hash);
        let handle = &mut side.buckets[bucket];
        if handle.rows() == usize::from(MAX_ROWS) {
            return None;
        }
        let moved = self.blocks.make_room(handle, BUCKET | key);
        self.settle(moved);
        let large = &mut self.large[key as usize];
        large.partial_seeds += u32::from(new.mark.partial_seed());
        let side = large.side_mut(seeder);
        let mut rows = self.blocks.rows(&mut side.buckets[bucket]);
        let row = rows.insert(new, seeder);
        side.tallest = side.tallest.max(rows.len());
        side.rows += 1;
        Some(Place {
            seeder,
            bucket,
            row,
        })
    }

    pub(super) fn remove_from_bucket(&mut self, key: u32, place: Place) {
        let large = &mut self.large[key as usize];
        let side = large.side_mut(place.seeder);
        let mut rows = self.blocks.rows(&mut side.buckets[place.bucket]);
        let mark = rows.row(place.row).mark;
        rows.remove(place.row);
        side.rows -= 1;
        let moved = self
            .blocks
            .shrink(&mut side.buckets[place.bucket], BUCKET | key);
        large.partial_seeds -= u32::from(mark.partial_seed());
        self.settle(moved);
    }

    /// Adds a bucket, and gives it what belongs there.
    pub(super) fn split(&mut self, key: u32, seeder: bool) {
        let side = self.large[key as usize].side_mut(seeder);
        side.buckets.push(Handle::default());
        let (last, origin) = (side.buckets.len() - 1, side.origin_of_last());
        for row in (0..side.buckets[origin].rows()).rev() {
            let side = self.large[key as usize].side_mut(seeder);
            let place = Place {
                seeder,
                bucket: origin,
                row,
            };
            let copy = self.blocks.rows(&mut side.buckets[origin]).row(row);
            if side.bucket_of(hash_bytes(&copy.address, &self.hasher)) == last {
                self.remove_from_bucket(key, place);
                self.insert_into_bucket(key, &copy, seeder);
            }
        }
        self.large[key as usize].side_mut(seeder).measure();
    }

    /// Takes the last bucket away and gives its rows back to where they came from; false where
    /// they find no room there.
    pub(super) fn merge(&mut self, key: u32, seeder: bool) -> bool {
        let side = self.large[key as usize].side_mut(seeder);
        let (last, origin) = (side.buckets.len() - 1, side.origin_of_last());
        let rows = side.buckets[last].rows();
        if rows + side.buckets[origin].rows() > usize::from(MAX_ROWS) {
            return false;
        }
        let copy: Vec<Row<N>> = {
            let rows = self.blocks.rows(&mut side.buckets[last]);
            (0..rows.len()).map(|row| rows.row(row)).collect()
        };
        for row in (0..rows).rev() {
            self.remove_from_bucket(
                key,
                Place {
                    seeder,
                    bucket: last,
                    row,
                },
            );
        }
        self.large[key as usize].side_mut(seeder).buckets.pop();
        for row in &copy {
            self.insert_into_bucket(key, row, seeder);
        }
        self.large[key as usize].side_mut(seeder).measure();
        true
    }
}
