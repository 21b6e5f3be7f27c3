//! Where the rows of many swarms live: one family's side of all swarms of a shard.
//!
//! Most torrents have a peer or two, so their rows share packed blocks of a few sizes ([`Arena`])
//! and are searched from end to end; a swarm that outgrows the largest block gets a [`Large`] of
//! its own. A torrent knows its rows by a [`Handle`] of eight bytes.

use super::arena::{Arena, Moved};
use super::large::{Large, LargeRows};
use super::swarm::{self, Ages, Mark, Moment, Rows};
use crate::model::PeerId;
use foldhash::fast::FixedState;

/// Rows of the blocks: steps of a quarter at most, so that little of a block is empty.
const CAPACITIES: [u8; 20] = [
    1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64,
];
/// A swarm goes back from a [`Large`] to a block at this many rows, well below where it left.
const SMALL_AGAIN: usize = 48;
const PEER_ID_BYTES: usize = 20;

/// Where the rows of one swarm and family are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Handle {
    slot: u32,
    kind: Kind,
    rows: u8,
    seeders: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Kind {
    /// No rows. The slot is free for what the owner likes to note.
    #[default]
    Empty,
    /// A block of `CAPACITIES[n]` rows.
    Block(u8),
    /// A table of its own.
    Large,
}

impl Handle {
    pub(super) fn is_empty(&self) -> bool {
        self.kind == Kind::Empty
    }

    /// A note in a handle without rows.
    pub(super) fn note(&self) -> u32 {
        self.slot
    }

    /// Leaves a note in a handle without rows.
    pub(super) fn set_note(&mut self, note: u32) {
        debug_assert!(self.is_empty());
        self.slot = note;
    }

    /// Follows a block that has moved.
    pub(super) fn follow(&mut self, slot: u32) {
        self.slot = slot;
    }
}

/// One family's side of all swarms of a shard.
#[derive(Debug)]
pub(super) struct Tables<const N: usize> {
    blocks: Vec<Arena>,
    large: Vec<Large<N>>,
    hasher: FixedState,
    row_bytes: usize,
}

impl<const N: usize> Tables<N> {
    pub(super) fn new(keep_peer_ids: bool, hasher: &FixedState) -> Tables<N> {
        let row_bytes = N + 1 + if keep_peer_ids { PEER_ID_BYTES } else { 0 };
        let arena = |capacity: u8| Arena::new(usize::from(capacity) * row_bytes);
        let blocks = CAPACITIES.into_iter().map(arena).collect();
        Tables {
            blocks,
            large: Vec::new(),
            hasher: hasher.clone(),
            row_bytes,
        }
    }

    /// The rows of a swarm.
    pub(super) fn rows<'t>(&'t mut self, handle: &'t mut Handle) -> TableRows<'t, N> {
        let Tables {
            blocks,
            large,
            hasher,
            row_bytes,
        } = self;
        match handle.kind {
            Kind::Large => {
                let table = &mut large[handle.slot as usize];
                TableRows::Large(LargeRows { table, hasher })
            }
            Kind::Block(class) => {
                let block = blocks[usize::from(class)].block_mut(handle.slot);
                let keeps_peer_ids = *row_bytes > N + 1;
                let capacity = usize::from(CAPACITIES[usize::from(class)]);
                TableRows::Block(BlockRows::new(block, capacity, keeps_peer_ids, handle))
            }
            Kind::Empty => TableRows::Block(BlockRows::new(&mut [], 0, false, handle)),
        }
    }

    /// Seeders, leechers and partial seeds of a swarm.
    pub(super) fn counts(&self, handle: &Handle) -> [u32; 3] {
        let (seeders, rows, partial_seeds) = match handle.kind {
            Kind::Empty => return [0; 3],
            Kind::Large => {
                let table = &self.large[handle.slot as usize];
                let (seeders, rows) = table.size();
                (seeders as u32, rows as u32, table.partial_seeds)
            }
            Kind::Block(class) => {
                let (seeders, rows) = (usize::from(handle.seeders), usize::from(handle.rows));
                let capacity = usize::from(CAPACITIES[usize::from(class)]);
                let block = self.blocks[usize::from(class)].block(handle.slot);
                let marks = &block[capacity * N..][seeders..rows];
                let partial_seeds = marks
                    .iter()
                    .filter(|mark| Mark(**mark).partial_seed())
                    .count();
                (seeders as u32, rows as u32, partial_seeds as u32)
            }
        };
        [seeders, rows - seeders, partial_seeds]
    }

    /// Whether one more row has a place at all.
    pub(super) fn has_place(&self, handle: &Handle) -> bool {
        handle.kind != Kind::Large || !self.large[handle.slot as usize].is_full()
    }

    /// Makes room for one more row of `owner`; the rows of another swarm may move.
    pub(super) fn make_room(&mut self, handle: &mut Handle, owner: u32) -> Option<Moved> {
        match handle.kind {
            Kind::Empty => {
                *handle = Handle {
                    slot: self.blocks[0].push(owner),
                    kind: Kind::Block(0),
                    ..*handle
                };
                None
            }
            Kind::Block(class) if handle.rows < CAPACITIES[usize::from(class)] => None,
            Kind::Block(class) if usize::from(class) + 1 < CAPACITIES.len() => {
                self.move_block(handle, owner, class, class + 1)
            }
            Kind::Block(class) => {
                let hasher = self.hasher.clone();
                let table = Large::from_rows(owner, &self.rows(handle), &hasher);
                let moved = self.blocks[usize::from(class)].remove(handle.slot);
                *handle = Handle {
                    slot: self.large.len() as u32,
                    kind: Kind::Large,
                    rows: 0,
                    seeders: 0,
                };
                self.large.push(table);
                moved
            }
            Kind::Large => {
                self.large[handle.slot as usize].fit(&self.hasher);
                None
            }
        }
    }

    /// Gives back what a swarm no longer fills; the rows of another swarm may move.
    pub(super) fn shrink(&mut self, handle: &mut Handle, owner: u32) -> Option<Moved> {
        match handle.kind {
            Kind::Block(class) if handle.rows == 0 => {
                let slot = std::mem::take(handle).slot;
                self.blocks[usize::from(class)].remove(slot)
            }
            // Two sizes below, so that a peer that comes and goes moves nothing.
            Kind::Block(class)
                if class > 1 && handle.rows <= CAPACITIES[usize::from(class) - 2] =>
            {
                self.move_block(handle, owner, class, class - 1)
            }
            Kind::Large => {
                let rows = self.large[handle.slot as usize].size().1;
                if rows <= SMALL_AGAIN {
                    return self.leave_large(handle, owner);
                }
                self.large[handle.slot as usize].fit(&self.hasher);
                None
            }
            Kind::Empty | Kind::Block(_) => None,
        }
    }

    fn move_block(&mut self, handle: &mut Handle, owner: u32, from: u8, to: u8) -> Option<Moved> {
        let (from, to) = (usize::from(from), usize::from(to));
        let slot = self.blocks[to].push(owner);
        if let Ok([old, new]) = self.blocks.get_disjoint_mut([from, to]) {
            let [old_rows, new_rows] = [from, to].map(|class| usize::from(CAPACITIES[class]));
            let (source, target) = (old.block(handle.slot), new.block_mut(slot));
            let rows = usize::from(handle.rows);
            let columns = [N, 1, self.row_bytes - N - 1];
            let (mut source_start, mut target_start) = (0, 0);
            for width in columns {
                target[target_start..][..rows * width]
                    .copy_from_slice(&source[source_start..][..rows * width]);
                source_start += old_rows * width;
                target_start += new_rows * width;
            }
        }
        let moved = self.blocks[from].remove(handle.slot);
        *handle = Handle {
            slot,
            kind: Kind::Block(to as u8),
            ..*handle
        };
        moved
    }

    fn leave_large(&mut self, handle: &mut Handle, owner: u32) -> Option<Moved> {
        let slot = handle.slot;
        let mut table = self.large.swap_remove(slot as usize);
        let moved = self.large.get(slot as usize).map(|last| Moved {
            owner: last.owner,
            slot,
        });
        let hasher = self.hasher.clone();
        let old = LargeRows {
            table: &mut table,
            hasher: &hasher,
        };
        // A sweep may take all the rows of a large table at once.
        *handle = Handle::default();
        if old.addresses().is_empty() {
            return moved;
        }
        let fits = |capacity: &u8| usize::from(*capacity) >= old.addresses().len();
        let class = CAPACITIES
            .iter()
            .position(fits)
            .unwrap_or(CAPACITIES.len() - 1);
        let slot = self.blocks[class].push(owner);
        *handle = Handle {
            slot,
            kind: Kind::Block(class as u8),
            rows: 0,
            seeders: 0,
        };
        let mut new = self.rows(handle);
        for (row, address) in old.addresses().iter().enumerate() {
            let peer_id = PeerId(old.peer_ids().get(row).copied().unwrap_or_default());
            new.push(address, Mark(old.marks()[row]), &peer_id);
        }
        new.set_seeders(old.seeders());
        moved
    }

    /// Tells the rows who owns them now.
    pub(super) fn set_owner(&mut self, handle: &Handle, owner: u32) {
        match handle.kind {
            Kind::Empty => {}
            Kind::Block(class) => self.blocks[usize::from(class)].set_owner(handle.slot, owner),
            Kind::Large => self.large[handle.slot as usize].owner = owner,
        }
    }

    /// Removes expired peers from the rows before `end`, last row first, looking at `most` of them.
    pub(super) fn expire(
        &mut self,
        handle: &mut Handle,
        (ages, now): (Ages, Moment),
        end: usize,
        most: usize,
    ) -> Expired {
        let mut rows = self.rows(handle);
        let end = end.min(rows.addresses().len());
        let start = end.saturating_sub(most);
        let mut gone = 0;
        for row in (start..end).rev() {
            if ages.expired(Mark(rows.marks()[row]), now) {
                swarm::remove(&mut rows, row);
                gone += 1;
            }
        }
        Expired {
            end: start,
            looked_at: end - start,
            gone,
        }
    }
}

/// What a slice of a sweep did to the rows of a swarm.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expired {
    /// Where to go on: rows before this one are still to be looked at.
    pub(super) end: usize,
    pub(super) looked_at: usize,
    pub(super) gone: usize,
}

/// The rows of one swarm, wherever they are.
pub(super) enum TableRows<'t, const N: usize> {
    Block(BlockRows<'t, N>),
    Large(LargeRows<'t, N>),
}

/// Rows in a block: three columns of bytes, one after the other.
pub(super) struct BlockRows<'t, const N: usize> {
    handle: &'t mut Handle,
    addresses: &'t mut [[u8; N]],
    marks: &'t mut [u8],
    peer_ids: &'t mut [[u8; 20]],
}

impl<'t, const N: usize> BlockRows<'t, N> {
    fn new(
        block: &'t mut [u8],
        capacity: usize,
        keeps_peer_ids: bool,
        handle: &'t mut Handle,
    ) -> BlockRows<'t, N> {
        let (addresses, rest) = block.split_at_mut(capacity * N);
        let (marks, rest) = rest.split_at_mut(capacity);
        let peer_ids = if keeps_peer_ids {
            rest.as_chunks_mut().0
        } else {
            &mut []
        };
        BlockRows {
            handle,
            addresses: addresses.as_chunks_mut().0,
            marks,
            peer_ids,
        }
    }

    fn len(&self) -> usize {
        self.handle.rows.into()
    }
}

impl<const N: usize> Rows<N> for BlockRows<'_, N> {
    fn addresses(&self) -> &[[u8; N]] {
        &self.addresses[..self.len()]
    }

    fn marks(&self) -> &[u8] {
        &self.marks[..self.len()]
    }

    fn peer_ids(&self) -> &[[u8; 20]] {
        self.peer_ids.get(..self.len()).unwrap_or_default()
    }

    fn seeders(&self) -> usize {
        self.handle.seeders.into()
    }

    fn set_seeders(&mut self, seeders: usize) {
        self.handle.seeders = seeders as u8;
    }

    fn set_mark(&mut self, row: usize, mark: Mark) {
        self.marks[row] = mark.0;
    }

    fn set_peer_id(&mut self, row: usize, peer_id: &PeerId) {
        if let Some(place) = self.peer_ids.get_mut(row) {
            *place = peer_id.0;
        }
    }

    fn find(&self, address: &[u8; N]) -> Option<usize> {
        self.addresses().iter().position(|other| other == address)
    }

    fn push(&mut self, address: &[u8; N], mark: Mark, peer_id: &PeerId) {
        let row = self.len();
        self.handle.rows += 1;
        self.addresses[row] = *address;
        self.marks[row] = mark.0;
        self.set_peer_id(row, peer_id);
    }

    fn pop(&mut self) {
        self.handle.rows -= 1;
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.addresses.swap(a, b);
        self.marks.swap(a, b);
        if !self.peer_ids.is_empty() {
            self.peer_ids.swap(a, b);
        }
    }
}

/// Hands each call to whichever place it is.
macro_rules! either {
    ($self:ident, $rows:ident => $call:expr) => {
        match $self {
            TableRows::Block($rows) => $call,
            TableRows::Large($rows) => $call,
        }
    };
}

impl<const N: usize> Rows<N> for TableRows<'_, N> {
    fn addresses(&self) -> &[[u8; N]] {
        either!(self, rows => rows.addresses())
    }

    fn marks(&self) -> &[u8] {
        either!(self, rows => rows.marks())
    }

    fn peer_ids(&self) -> &[[u8; 20]] {
        either!(self, rows => rows.peer_ids())
    }

    fn seeders(&self) -> usize {
        either!(self, rows => rows.seeders())
    }

    fn set_seeders(&mut self, seeders: usize) {
        either!(self, rows => rows.set_seeders(seeders));
    }

    fn set_mark(&mut self, row: usize, mark: Mark) {
        either!(self, rows => rows.set_mark(row, mark));
    }

    fn set_peer_id(&mut self, row: usize, peer_id: &PeerId) {
        either!(self, rows => rows.set_peer_id(row, peer_id));
    }

    fn find(&self, address: &[u8; N]) -> Option<usize> {
        either!(self, rows => rows.find(address))
    }

    fn push(&mut self, address: &[u8; N], mark: Mark, peer_id: &PeerId) {
        either!(self, rows => rows.push(address, mark, peer_id));
    }

    fn pop(&mut self) {
        either!(self, rows => rows.pop());
    }

    fn swap(&mut self, a: usize, b: usize) {
        either!(self, rows => rows.swap(a, b));
    }
}
