//! One family's side of all swarms of a shard: rows in a block for most, in the buckets of a
//! [`Large`] for those that have outgrown one.

use super::block::{BlockMoved, BlockRows, Blocks, Handle, Row};
use super::hash::hash_bytes;
use super::large::Large;
use super::mark::{Ages, Mark, Moment};
use foldhash::fast::FixedState;
use slab::Slab;

/// Rows of a swarm in one block at most.
const SMALL_ROWS: usize = 64;
/// A large swarm goes back to one block at this many rows, well below where it left.
pub(super) const SMALL_AGAIN: usize = 48;
/// Set in the owner of a bucket's block, whose other bits say of which large swarm it is.
pub(super) const BUCKET: u32 = 1 << 31;

/// One family's side of all swarms of a shard.
#[derive(Debug)]
pub(super) struct Tables<const N: usize> {
    pub(super) blocks: Blocks<N>,
    pub(super) large: Slab<Large>,
    pub(super) hasher: FixedState,
    /// Blocks of other torrents that have moved: their handles are stale until told.
    moved: Vec<BlockMoved>,
}

/// Where a peer stands, until the next change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) seeder: bool,
    /// 0 where there are none.
    pub(super) bucket: usize,
    pub(super) row: usize,
}

/// What a slice of a sweep did to the rows of a swarm.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expired {
    /// Where to go on: rows (or buckets) before this one are still to be looked at.
    pub(super) end: usize,
    pub(super) looked_at: usize,
    pub(super) gone: usize,
}

impl<const N: usize> Tables<N> {
    pub(super) fn new(keep_peer_ids: bool, hasher: &FixedState) -> Tables<N> {
        Tables {
            blocks: Blocks::new(keep_peer_ids),
            large: Slab::new(),
            hasher: hasher.clone(),
            moved: Vec::new(),
        }
    }

    /// Tells the owners of blocks that the last change moved, in the order they moved.
    pub(super) fn tell_moved(&mut self, tell: impl FnMut(BlockMoved)) {
        self.moved.drain(..).for_each(tell);
    }

    /// Seeders, leechers and partial seeds of a swarm.
    pub(super) fn counts(&self, handle: &Handle) -> [u32; 3] {
        if let Some(key) = handle.large_key() {
            let large = &self.large[key as usize];
            return [
                large.seeders.rows as u32,
                large.leechers.rows as u32,
                large.partial_seeds,
            ];
        }
        let leechers = &self.blocks.marks(handle)[handle.seeders()..];
        let partial_seeds = leechers
            .iter()
            .filter(|mark| Mark(**mark).partial_seed())
            .count();
        [
            handle.seeders() as u32,
            leechers.len() as u32,
            partial_seeds as u32,
        ]
    }

    /// Brings the rows among which an address is looked for first into the processor's cache.
    pub(super) fn fetch(&self, handle: &Handle, address: &[u8; N], likely_seeder: bool) {
        let Some(key) = handle.large_key() else {
            return self.blocks.fetch(handle);
        };
        let side = self.large[key as usize].side(likely_seeder);
        let bucket = side.bucket_of(self.hash(address));
        self.blocks.fetch(&side.buckets[bucket]);
    }

    /// Where an address stands, and what is remembered of it; `likely_seeder` says where to look
    /// first.
    pub(super) fn find(
        &mut self,
        handle: &mut Handle,
        address: &[u8; N],
        likely_seeder: bool,
    ) -> Option<(Place, Mark)> {
        let Some(key) = handle.large_key() else {
            let rows = self.blocks.rows(handle);
            let row = rows.find(address)?;
            let seeder = row < rows.seeders();
            return Some((
                Place {
                    seeder,
                    bucket: 0,
                    row,
                },
                Mark(rows.marks()[row]),
            ));
        };
        let hash = self.hash(address);
        [likely_seeder, !likely_seeder]
            .into_iter()
            .find_map(|seeder| {
                let side = self.large[key as usize].side_mut(seeder);
                let bucket = side.bucket_of(hash);
                let rows = self.blocks.rows(&mut side.buckets[bucket]);
                let row = rows.find(address)?;
                Some((
                    Place {
                        seeder,
                        bucket,
                        row,
                    },
                    Mark(rows.marks()[row]),
                ))
            })
    }

    fn rows_at<'t>(&'t mut self, handle: &'t mut Handle, place: Place) -> BlockRows<'t, N> {
        match handle.large_key() {
            None => self.blocks.rows(handle),
            Some(key) => {
                let side = self.large[key as usize].side_mut(place.seeder);
                self.blocks.rows(&mut side.buckets[place.bucket])
            }
        }
    }

    /// Replaces what is remembered of a peer that is there; returns where it is now, or `None`
    /// where its new role has no room for it, and it is gone.
    pub(super) fn refresh(
        &mut self,
        handle: &mut Handle,
        owner: u32,
        place: Place,
        new: &Row<N>,
        seeder: bool,
    ) -> Option<Place> {
        let Some(key) = handle.large_key() else {
            let mut rows = self.blocks.rows(handle);
            rows.refresh(place.row, new.mark, &new.peer_id);
            return Some(Place {
                seeder,
                bucket: 0,
                row: rows.set_seeder(place.row, seeder),
            });
        };
        if place.seeder != seeder {
            self.remove_from_bucket(key, place);
            return self.insert(handle, owner, new, seeder);
        }
        let before = self
            .rows_at(handle, place)
            .refresh(place.row, new.mark, &new.peer_id);
        let large = &mut self.large[key as usize];
        large.partial_seeds -= u32::from(before.partial_seed());
        large.partial_seeds += u32::from(new.mark.partial_seed());
        Some(place)
    }

    /// Adds a peer that is not there; `None` where there is no room for it.
    pub(super) fn insert(
        &mut self,
        handle: &mut Handle,
        owner: u32,
        new: &Row<N>,
        seeder: bool,
    ) -> Option<Place> {
        if handle.large_key().is_none() && handle.rows() == SMALL_ROWS {
            self.become_large(handle);
        }
        if let Some(key) = handle.large_key() {
            if self.large[key as usize].side(seeder).wants_split() {
                self.split(key, seeder);
            }
            return self.insert_into_bucket(key, new, seeder);
        }
        let moved = self.blocks.make_room(handle, owner);
        self.settle(moved);
        let row = self.blocks.rows(handle).insert(new, seeder);
        Some(Place {
            seeder,
            bucket: 0,
            row,
        })
    }

    /// Removes the peer at a place.
    pub(super) fn remove(&mut self, handle: &mut Handle, owner: u32, place: Place) {
        match handle.large_key() {
            Some(key) => self.remove_from_bucket(key, place),
            None => self.blocks.rows(handle).remove(place.row),
        }
        self.shrink(handle, owner);
    }

    /// Gives back what a swarm no longer fills.
    pub(super) fn shrink(&mut self, handle: &mut Handle, owner: u32) {
        let Some(key) = handle.large_key() else {
            let moved = self.blocks.shrink(handle, owner);
            return self.settle(moved);
        };
        if self.large[key as usize].rows() <= SMALL_AGAIN {
            return self.become_small(handle, owner, key);
        }
        for seeder in [true, false] {
            while self.large[key as usize].side(seeder).wants_merge() && self.merge(key, seeder) {}
        }
    }

    /// Tells the rows who owns them now.
    pub(super) fn set_owner(&mut self, handle: &Handle, owner: u32) {
        self.blocks.set_owner(handle, owner);
    }

    /// Shows the rows of a swarm block by block, all seeders before all leechers.
    pub(super) fn show(&mut self, handle: &mut Handle, mut show: impl FnMut(&BlockRows<'_, N>)) {
        let Some(key) = handle.large_key() else {
            return show(&self.blocks.rows(handle));
        };
        let Large {
            seeders, leechers, ..
        } = &mut self.large[key as usize];
        for bucket in seeders.buckets.iter_mut().chain(&mut leechers.buckets) {
            show(&self.blocks.rows(bucket));
        }
    }

    /// Removes expired peers from the rows (of a large swarm: the buckets) before `end`, the last
    /// first, until about `most` rows have been looked at.
    pub(super) fn expire(
        &mut self,
        handle: &mut Handle,
        now: (Ages, Moment),
        end: usize,
        most: usize,
    ) -> Expired {
        let Some(key) = handle.large_key() else {
            let mut rows = self.blocks.rows(handle);
            let end = end.min(rows.len());
            let gone = expire_rows(&mut rows, now, end, |_| {});
            return Expired {
                end: 0,
                looked_at: end,
                gone,
            };
        };
        let mut end = end.min(self.large[key as usize].buckets());
        let (mut looked_at, mut gone) = (0, 0);
        while end > 0 && looked_at < most {
            end -= 1;
            let (rows, expired) = self.expire_bucket(key, end, now);
            looked_at += rows.max(1);
            gone += expired;
        }
        Expired {
            end,
            looked_at,
            gone,
        }
    }

    pub(super) fn hash(&self, address: &[u8; N]) -> u64 {
        hash_bytes(address, &self.hasher)
    }

    /// Tells a bucket that its block has moved, at once; torrents are told by the shard.
    pub(super) fn settle(&mut self, moved: Option<BlockMoved>) {
        let Some(moved) = moved else { return };
        if moved.owner() & BUCKET == 0 {
            return self.moved.push(moved);
        }
        let Some(hash) = self
            .blocks
            .first_address(&moved)
            .map(|first| self.hash(first))
        else {
            return;
        };
        let large = &mut self.large[(moved.owner() & !BUCKET) as usize];
        let told = [&mut large.seeders, &mut large.leechers]
            .into_iter()
            .any(|side| {
                // While a bucket is being split, its rows may still stand where they came from.
                let (bucket, origin) = (side.bucket_of(hash), side.origin_of_last());
                side.buckets[bucket].follow(&moved) || side.buckets[origin].follow(&moved)
            });
        debug_assert!(told, "a block of no bucket");
    }
}

/// Removes the expired ones of the rows before `end`, and shows their marks; returns how many.
pub(super) fn expire_rows<const N: usize>(
    rows: &mut BlockRows<'_, N>,
    (ages, now): (Ages, Moment),
    end: usize,
    mut show: impl FnMut(Mark),
) -> usize {
    let mut gone = 0;
    for row in (0..end).rev() {
        let mark = Mark(rows.marks()[row]);
        if ages.expired(mark, now) {
            show(mark);
            rows.remove(row);
            gone += 1;
        }
    }
    gone
}
