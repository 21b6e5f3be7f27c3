//! Rows of a large table by address: open addressing over row numbers of two or three bytes, the
//! keys staying in the address column.
//!
//! The table may have any number of slots, so that it grows by eighths together with the columns
//! and never stands half empty. Removal closes the gap (no tombstones), so chains stay as short as
//! the load makes them. The hash is keyed: peers choose their ports, and some their addresses.

use foldhash::fast::FixedState;
use std::hash::BuildHasher;

/// Slots for every four rows there is room for: at most 80 % are taken.
const SLOTS_PER_FOUR_ROWS: usize = 5;
/// Rows whose numbers fit the two bytes of the low column, the mark of an empty slot aside.
const NARROW_ROWS: usize = 0xffff;
/// Rows of one table at most: numbers of three bytes.
pub(super) const MAX_ROWS: usize = 0xff_ffff;

#[derive(Debug, Default)]
pub(super) struct Index {
    low: Vec<u16>,
    /// Empty while all rows fit `low`.
    high: Vec<u8>,
}

impl Index {
    /// An index of these rows, with room for `capacity`.
    pub(super) fn build<const N: usize>(
        addresses: &[[u8; N]],
        capacity: usize,
        hasher: &FixedState,
    ) -> Index {
        let slots = capacity * SLOTS_PER_FOUR_ROWS / 4 + 1;
        let high = if capacity > NARROW_ROWS {
            vec![u8::MAX; slots]
        } else {
            Vec::new()
        };
        let mut index = Index {
            low: vec![u16::MAX; slots],
            high,
        };
        for row in 0..addresses.len() {
            index.insert(addresses, row, hasher);
        }
        index
    }

    fn get(&self, slot: usize) -> Option<usize> {
        let low = self.low[slot];
        match self.high.get(slot) {
            None if low == u16::MAX => None,
            None => Some(usize::from(low)),
            Some(&high) => {
                let row = usize::from(high) << 16 | usize::from(low);
                (row != MAX_ROWS).then_some(row)
            }
        }
    }

    pub(super) fn set(&mut self, slot: usize, row: usize) {
        self.low[slot] = row as u16;
        if let Some(high) = self.high.get_mut(slot) {
            *high = (row >> 16) as u8;
        }
    }

    fn home<const N: usize>(&self, address: &[u8; N], hasher: &FixedState) -> usize {
        let hash = hasher.hash_one(Bytes(address));
        ((u128::from(hash) * self.low.len() as u128) >> 64) as usize
    }

    fn next(&self, slot: usize) -> usize {
        if slot + 1 == self.low.len() {
            0
        } else {
            slot + 1
        }
    }

    /// The slot and row of an address.
    pub(super) fn find<const N: usize>(
        &self,
        addresses: &[[u8; N]],
        address: &[u8; N],
        hasher: &FixedState,
    ) -> Option<(usize, usize)> {
        let mut slot = self.home(address, hasher);
        while let Some(row) = self.get(slot) {
            if addresses[row] == *address {
                return Some((slot, row));
            }
            slot = self.next(slot);
        }
        None
    }

    /// Adds the address that stands in `row`; there is room.
    pub(super) fn insert<const N: usize>(
        &mut self,
        addresses: &[[u8; N]],
        row: usize,
        hasher: &FixedState,
    ) {
        let mut slot = self.home(&addresses[row], hasher);
        while self.get(slot).is_some() {
            slot = self.next(slot);
        }
        self.set(slot, row);
    }

    /// Empties a slot and closes the gap in the chains that run over it.
    pub(super) fn remove<const N: usize>(
        &mut self,
        addresses: &[[u8; N]],
        slot: usize,
        hasher: &FixedState,
    ) {
        let mut gap = slot;
        let mut slot = self.next(slot);
        while let Some(row) = self.get(slot) {
            let home = self.home(&addresses[row], hasher);
            // Whether `home` lies cyclically within (gap, slot]: then the entry must stay.
            let stays = match gap <= slot {
                true => gap < home && home <= slot,
                false => gap < home || home <= slot,
            };
            if !stays {
                self.set(gap, row);
                gap = slot;
            }
            slot = self.next(slot);
        }
        self.set(gap, MAX_ROWS);
    }
}

/// Hashes the bytes alone; arrays of the standard library hash their length too.
struct Bytes<'b>(&'b [u8]);

impl std::hash::Hash for Bytes<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write(self.0);
    }
}

/// The hash of some bytes under a key.
pub(super) fn hash_bytes(bytes: &[u8], hasher: &FixedState) -> u64 {
    hasher.hash_one(Bytes(bytes))
}
