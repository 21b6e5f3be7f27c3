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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// The index, the column it points to, and a twin from the standard library.
    struct Table {
        index: Index,
        addresses: Vec<[u8; 6]>,
        twin: HashMap<[u8; 6], usize>,
        hasher: FixedState,
        capacity: usize,
    }

    fn address(number: u32) -> [u8; 6] {
        let [a, b, c, d] = number.to_be_bytes();
        [10, a, b, c, d, 1]
    }

    impl Table {
        fn new(capacity: usize, seed: u64) -> Table {
            let hasher = FixedState::with_seed(seed);
            let index = Index::build::<6>(&[], capacity, &hasher);
            let (addresses, twin) = Default::default();
            Table {
                index,
                addresses,
                twin,
                hasher,
                capacity,
            }
        }

        fn find(&self, address: &[u8; 6]) -> Option<(usize, usize)> {
            self.index.find(&self.addresses, address, &self.hasher)
        }

        fn insert(&mut self, address: [u8; 6]) {
            if self.twin.contains_key(&address) || self.addresses.len() == self.capacity {
                return;
            }
            let row = self.addresses.len();
            self.addresses.push(address);
            self.index.insert(&self.addresses, row, &self.hasher);
            self.twin.insert(address, row);
        }

        fn swap(&mut self, a: usize, b: usize) {
            let slot = |row: usize| self.find(&self.addresses[row]).expect("a known row").0;
            let slots = (slot(a), slot(b));
            self.addresses.swap(a, b);
            self.index.set(slots.0, b);
            self.index.set(slots.1, a);
            self.twin.insert(self.addresses[a], a);
            self.twin.insert(self.addresses[b], b);
        }

        /// As swarms do it: the last row takes the place of the one that goes.
        fn remove(&mut self, address: [u8; 6]) {
            let Some(row) = self.twin.get(&address).copied() else {
                return;
            };
            let last = self.addresses.len() - 1;
            if row != last {
                self.swap(row, last);
            }
            let slot = self.find(&address).expect("the address").0;
            self.index.remove(&self.addresses, slot, &self.hasher);
            self.addresses.pop();
            self.twin.remove(&address);
        }

        fn assert_finds(&self, address: &[u8; 6]) {
            let row = self.find(address).map(|(_, row)| row);
            assert_eq!(row, self.twin.get(address).copied(), "{address:?}");
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Insert(u32),
        Remove(u32),
        Swap(usize, usize),
        Rebuild,
    }

    fn any_step() -> impl Strategy<Value = Step> {
        // Few more than there is room for, so that tables are full most of the time.
        prop_oneof![
            8 => (0u32..64).prop_map(Step::Insert),
            5 => (0u32..64).prop_map(Step::Remove),
            2 => any::<(usize, usize)>().prop_map(|(a, b)| Step::Swap(a, b)),
            1 => Just(Step::Rebuild),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn agrees_with_a_map(
            capacity in 1usize..48,
            seed: u64,
            steps in prop::collection::vec(any_step(), 1..200),
        ) {
            let mut table = Table::new(capacity, seed);
            for step in steps {
                let rows = table.addresses.len();
                match step {
                    Step::Insert(number) => table.insert(address(number)),
                    Step::Remove(number) => table.remove(address(number)),
                    Step::Swap(a, b) if rows > 1 && a % rows != b % rows => table.swap(a % rows, b % rows),
                    Step::Swap(..) => {}
                    Step::Rebuild => table.index = Index::build(&table.addresses, capacity, &table.hasher),
                }
                (0..64).for_each(|number| table.assert_finds(&address(number)));
            }
        }
    }

    #[test]
    fn rows_beyond_two_bytes_are_found() {
        // The last that fits two bytes, the first that does not, and some more.
        for rows in [NARROW_ROWS, NARROW_ROWS + 1, NARROW_ROWS + 5000] {
            let mut table = Table::new(rows, 3);
            assert_eq!(table.index.high.is_empty(), rows == NARROW_ROWS);
            (0..rows as u32).for_each(|number| table.insert(address(number)));
            assert_eq!(table.addresses.len(), rows);
            (0..=rows as u32).for_each(|number| table.assert_finds(&address(number)));
            (0..rows as u32)
                .step_by(3)
                .for_each(|number| table.remove(address(number)));
            (0..=rows as u32).for_each(|number| table.assert_finds(&address(number)));
        }
    }
}
