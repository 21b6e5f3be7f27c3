//! Rows of a swarm too large to search from end to end: columns of their own and an [`Index`].

use super::index::{Index, MAX_ROWS};
use super::swarm::{Mark, Rows};
use crate::model::PeerId;
use foldhash::fast::FixedState;

/// Columns grow by this part of themselves: an eighth more address space, a sixteenth in the mean.
const GROWTH: usize = 8;

#[derive(Debug)]
pub(super) struct Large<const N: usize> {
    pub(super) owner: u32,
    pub(super) partial_seeds: u32,
    seeders: usize,
    addresses: Vec<[u8; N]>,
    marks: Vec<u8>,
    peer_ids: Vec<[u8; 20]>,
    index: Index,
}

impl<const N: usize> Large<N> {
    /// Copies the rows of a smaller place, with room for more.
    pub(super) fn from_rows(owner: u32, rows: &impl Rows<N>, hasher: &FixedState) -> Large<N> {
        let capacity = grown(rows.addresses().len());
        let addresses = with_capacity(rows.addresses(), capacity);
        let marks = with_capacity(rows.marks(), capacity);
        let partial_seeds = marks
            .iter()
            .filter(|mark| Mark(**mark).partial_seed())
            .count() as u32;
        let peer_ids = match rows.peer_ids() {
            [] => Vec::new(),
            peer_ids => with_capacity(peer_ids, capacity),
        };
        Large {
            owner,
            partial_seeds,
            seeders: rows.seeders(),
            index: Index::build(&addresses, addresses.capacity(), hasher),
            addresses,
            marks,
            peer_ids,
        }
    }

    /// Seeders and rows.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.seeders, self.addresses.len())
    }

    pub(super) fn is_full(&self) -> bool {
        self.addresses.len() >= MAX_ROWS - 1
    }

    /// Makes room for one more row, or gives back what has long been empty.
    pub(super) fn fit(&mut self, hasher: &FixedState) {
        let (rows, capacity) = (self.addresses.len(), self.addresses.capacity());
        if rows < capacity && rows >= capacity - capacity / 3 {
            return;
        }
        let capacity = grown(rows);
        fit_column(&mut self.addresses, capacity);
        fit_column(&mut self.marks, capacity);
        if self.peer_ids.capacity() > 0 {
            fit_column(&mut self.peer_ids, capacity);
        }
        self.index = Index::build(&self.addresses, self.addresses.capacity(), hasher);
    }
}

fn grown(rows: usize) -> usize {
    (rows + rows / GROWTH + 1).min(MAX_ROWS - 1)
}

fn with_capacity<T: Copy>(column: &[T], capacity: usize) -> Vec<T> {
    let mut copy = Vec::with_capacity(capacity);
    copy.extend_from_slice(column);
    copy
}

fn fit_column<T>(column: &mut Vec<T>, capacity: usize) {
    if capacity < column.capacity() {
        column.shrink_to(capacity);
    } else {
        column.reserve_exact(capacity - column.len());
    }
}

/// A [`Large`] and the key of its index.
pub(super) struct LargeRows<'t, const N: usize> {
    pub(super) table: &'t mut Large<N>,
    pub(super) hasher: &'t FixedState,
}

impl<const N: usize> LargeRows<'_, N> {
    fn slot(&self, row: usize) -> Option<usize> {
        let Large {
            addresses, index, ..
        } = &*self.table;
        index
            .find(addresses, addresses.get(row)?, self.hasher)
            .map(|(slot, _)| slot)
    }
}

impl<const N: usize> Rows<N> for LargeRows<'_, N> {
    fn addresses(&self) -> &[[u8; N]] {
        &self.table.addresses
    }

    fn marks(&self) -> &[u8] {
        &self.table.marks
    }

    fn peer_ids(&self) -> &[[u8; 20]] {
        &self.table.peer_ids
    }

    fn seeders(&self) -> usize {
        self.table.seeders
    }

    fn set_seeders(&mut self, seeders: usize) {
        self.table.seeders = seeders;
    }

    fn set_mark(&mut self, row: usize, mark: Mark) {
        self.table.partial_seeds -= u32::from(Mark(self.table.marks[row]).partial_seed());
        self.table.partial_seeds += u32::from(mark.partial_seed());
        self.table.marks[row] = mark.0;
    }

    fn set_peer_id(&mut self, row: usize, peer_id: &PeerId) {
        if let Some(place) = self.table.peer_ids.get_mut(row) {
            *place = peer_id.0;
        }
    }

    fn find(&self, address: &[u8; N]) -> Option<usize> {
        let Large {
            addresses, index, ..
        } = &*self.table;
        index
            .find(addresses, address, self.hasher)
            .map(|(_, row)| row)
    }

    fn push(&mut self, address: &[u8; N], mark: Mark, peer_id: &PeerId) {
        let table = &mut *self.table;
        table.addresses.push(*address);
        table.marks.push(mark.0);
        table.partial_seeds += u32::from(mark.partial_seed());
        if table.peer_ids.capacity() > 0 {
            table.peer_ids.push(peer_id.0);
        }
        table
            .index
            .insert(&table.addresses, table.addresses.len() - 1, self.hasher);
    }

    fn pop(&mut self) {
        if let Some(slot) = self.slot(self.table.addresses.len() - 1) {
            self.table
                .index
                .remove(&self.table.addresses, slot, self.hasher);
        }
        let table = &mut *self.table;
        table.addresses.pop();
        let mark = table.marks.pop();
        table.partial_seeds -= u32::from(mark.is_some_and(|mark| Mark(mark).partial_seed()));
        table.peer_ids.pop();
    }

    fn swap(&mut self, a: usize, b: usize) {
        let slots = (self.slot(a), self.slot(b));
        let table = &mut *self.table;
        table.addresses.swap(a, b);
        table.marks.swap(a, b);
        if !table.peer_ids.is_empty() {
            table.peer_ids.swap(a, b);
        }
        if let (Some(slot_a), Some(slot_b)) = slots {
            table.index.set(slot_a, b);
            table.index.set(slot_b, a);
        }
    }
}
