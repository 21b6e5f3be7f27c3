//! Rows of peers in packed blocks.
//!
//! A block has three columns of bytes, one after the other: addresses in the bytes in which they
//! are sent, a [`Mark`] each, and peer ids where they are kept. Seeders come first, leechers after
//! them, so that an answer is a copy of a window of the address column. A block is searched from
//! end to end. Blocks come in a few sizes, each in an [`Arena`]; a [`Handle`] of eight bytes says
//! where the rows are.

use super::arena::{Arena, Moved};
use super::mark::Mark;
use crate::model::PeerId;
use crate::sys;
use std::ops::Range;

/// Rows of the blocks: steps of a quarter at most, finer where the buckets of large swarms are.
const CAPACITIES: [u8; 32] = [
    1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 80, 96,
    112, 128, 160, 192, 224, 255,
];
/// Rows of the largest block.
pub(super) const MAX_ROWS: u8 = 255;
const PEER_ID_BYTES: usize = 20;

/// Where the rows of one swarm and family are, or those of one bucket of a large one.
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
    /// Many blocks, told of elsewhere.
    Large,
}

impl Handle {
    /// A handle of rows that have outgrown a block.
    pub(super) fn large(key: u32) -> Handle {
        Handle {
            slot: key,
            kind: Kind::Large,
            rows: 0,
            seeders: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kind == Kind::Empty
    }

    /// What [`Handle::large`] was given, if this is one.
    pub(super) fn large_key(&self) -> Option<u32> {
        (self.kind == Kind::Large).then_some(self.slot)
    }

    /// Rows of its block.
    pub(super) fn rows(&self) -> usize {
        self.rows.into()
    }

    /// Seeders among them: the first ones.
    pub(super) fn seeders(&self) -> usize {
        self.seeders.into()
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

    /// Follows a block that has moved, if it is the one of this handle.
    pub(super) fn follow(&mut self, moved: &BlockMoved) -> bool {
        let found = self.kind == Kind::Block(moved.class) && self.slot == moved.moved.from;
        if found {
            self.slot = moved.moved.slot;
        }
        found
    }
}

/// A block has moved within those of its size.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockMoved {
    class: u8,
    moved: Moved,
}

impl BlockMoved {
    pub(super) fn owner(&self) -> u32 {
        self.moved.owner
    }
}

/// A peer on its way from one place to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<const N: usize> {
    pub(super) address: [u8; N],
    pub(super) mark: Mark,
    pub(super) peer_id: PeerId,
}

/// Blocks of all sizes.
#[derive(Debug)]
pub(super) struct Blocks<const N: usize> {
    arenas: Vec<Arena>,
    row_bytes: usize,
}

impl<const N: usize> Blocks<N> {
    pub(super) fn new(keep_peer_ids: bool) -> Blocks<N> {
        let row_bytes = N + 1 + if keep_peer_ids { PEER_ID_BYTES } else { 0 };
        let arena = |capacity: u8| Arena::new(usize::from(capacity) * row_bytes);
        Blocks {
            arenas: CAPACITIES.into_iter().map(arena).collect(),
            row_bytes,
        }
    }

    /// The rows of a handle that is not large.
    pub(super) fn rows<'t>(&'t mut self, handle: &'t mut Handle) -> BlockRows<'t, N> {
        let Kind::Block(class) = handle.kind else {
            return BlockRows {
                handle,
                addresses: &mut [],
                marks: &mut [],
                peer_ids: &mut [],
            };
        };
        let capacity = usize::from(CAPACITIES[usize::from(class)]);
        let block = self.arenas[usize::from(class)].block_mut(handle.slot);
        let (addresses, rest) = block.split_at_mut(capacity * N);
        let (marks, rest) = rest.split_at_mut(capacity);
        let peer_ids = rest.as_chunks_mut().0;
        BlockRows {
            handle,
            addresses: addresses.as_chunks_mut().0,
            marks,
            peer_ids,
        }
    }

    /// The marks of a handle that is not large.
    pub(super) fn marks(&self, handle: &Handle) -> &[u8] {
        let Kind::Block(class) = handle.kind else {
            return &[];
        };
        let capacity = usize::from(CAPACITIES[usize::from(class)]);
        let block = self.arenas[usize::from(class)].block(handle.slot);
        &block[capacity * N..][..handle.rows()]
    }

    /// Brings what a search through the rows of a handle begins with, and what is remembered of
    /// them, into the processor's cache.
    pub(super) fn fetch(&self, handle: &Handle) {
        let Kind::Block(class) = handle.kind else {
            return;
        };
        let capacity = usize::from(CAPACITIES[usize::from(class)]);
        let block = self.arenas[usize::from(class)].block(handle.slot);
        for at in [0, capacity * N] {
            block.get(at).map(sys::prefetch);
        }
    }

    /// The first address in a block that has moved.
    pub(super) fn first_address(&self, moved: &BlockMoved) -> Option<&[u8; N]> {
        self.arenas[usize::from(moved.class)]
            .block(moved.moved.slot)
            .first_chunk()
    }

    /// Makes room for one more row; there are fewer than [`MAX_ROWS`].
    #[must_use]
    pub(super) fn make_room(&mut self, handle: &mut Handle, owner: u32) -> Option<BlockMoved> {
        match handle.kind {
            Kind::Block(class) if handle.rows < CAPACITIES[usize::from(class)] => None,
            _ => self.resize(handle, owner, handle.rows + 1),
        }
    }

    /// Gives back what the rows no longer fill: when they fit a block two sizes smaller, so that a
    /// peer that comes and goes moves nothing.
    #[must_use]
    pub(super) fn shrink(&mut self, handle: &mut Handle, owner: u32) -> Option<BlockMoved> {
        match handle.kind {
            Kind::Block(_) if handle.rows == 0 => self.free(handle),
            Kind::Block(class @ 2..) if handle.rows <= CAPACITIES[usize::from(class) - 2] => {
                self.resize(handle, owner, handle.rows + 1)
            }
            _ => None,
        }
    }

    /// Gives the block back, whatever is in it.
    #[must_use]
    pub(super) fn free(&mut self, handle: &mut Handle) -> Option<BlockMoved> {
        let Handle {
            slot,
            kind: Kind::Block(class),
            ..
        } = std::mem::take(handle)
        else {
            return None;
        };
        let moved = self.arenas[usize::from(class)].remove(slot)?;
        Some(BlockMoved { class, moved })
    }

    /// Moves the rows to the smallest block that holds `rows` of them.
    fn resize(&mut self, handle: &mut Handle, owner: u32, rows: u8) -> Option<BlockMoved> {
        let to = CAPACITIES.partition_point(|capacity| *capacity < rows);
        let slot = self.arenas[to].push(owner);
        let mut old = std::mem::replace(
            handle,
            Handle {
                slot,
                kind: Kind::Block(to as u8),
                ..*handle
            },
        );
        let Kind::Block(from) = old.kind else {
            return None;
        };
        let from = usize::from(from);
        if let Ok([source, target]) = self.arenas.get_disjoint_mut([from, to]) {
            let [old_rows, new_rows] = [from, to].map(|class| usize::from(CAPACITIES[class]));
            let (source, target) = (source.block(old.slot), target.block_mut(slot));
            let (mut source_start, mut target_start) = (0, 0);
            for width in [N, 1, self.row_bytes - N - 1] {
                let bytes = old.rows() * width;
                target[target_start..][..bytes].copy_from_slice(&source[source_start..][..bytes]);
                source_start += old_rows * width;
                target_start += new_rows * width;
            }
        }
        self.free(&mut old)
    }

    /// Tells a block who owns it now.
    pub(super) fn set_owner(&mut self, handle: &Handle, owner: u32) {
        if let Kind::Block(class) = handle.kind {
            self.arenas[usize::from(class)].set_owner(handle.slot, owner);
        }
    }
}

/// The rows of a block.
pub(super) struct BlockRows<'t, const N: usize> {
    handle: &'t mut Handle,
    addresses: &'t mut [[u8; N]],
    marks: &'t mut [u8],
    /// Empty where they are not kept.
    peer_ids: &'t mut [[u8; 20]],
}

impl<const N: usize> BlockRows<'_, N> {
    pub(super) fn len(&self) -> usize {
        self.handle.rows()
    }

    /// How many rows from the first on are seeders.
    pub(super) fn seeders(&self) -> usize {
        self.handle.seeders()
    }

    pub(super) fn addresses(&self) -> &[[u8; N]] {
        &self.addresses[..self.len()]
    }

    pub(super) fn marks(&self) -> &[u8] {
        &self.marks[..self.len()]
    }

    pub(super) fn peer_ids(&self) -> &[[u8; 20]] {
        self.peer_ids.get(..self.len()).unwrap_or_default()
    }

    /// A copy of a row.
    pub(super) fn row(&self, row: usize) -> Row<N> {
        Row {
            address: self.addresses[row],
            mark: Mark(self.marks[row]),
            peer_id: PeerId(self.peer_ids().get(row).copied().unwrap_or_default()),
        }
    }

    /// The row of an address.
    pub(super) fn find(&self, address: &[u8; N]) -> Option<usize> {
        self.addresses().iter().position(|other| other == address)
    }

    /// Replaces all but the address of a row; returns what the mark was.
    pub(super) fn refresh(&mut self, row: usize, mark: Mark, peer_id: &PeerId) -> Mark {
        if let Some(place) = self.peer_ids.get_mut(row) {
            *place = peer_id.0;
        }
        Mark(std::mem::replace(&mut self.marks[row], mark.0))
    }

    /// Adds a peer that is not there; there is room. Returns its row.
    pub(super) fn insert(&mut self, new: &Row<N>, seeder: bool) -> usize {
        let row = self.len();
        self.handle.rows += 1;
        self.addresses[row] = new.address;
        self.refresh(row, new.mark, &new.peer_id);
        self.set_seeder(row, seeder)
    }

    /// Removes a row. The rows that move come from behind it, so that a walk from the last row to
    /// the first misses none.
    pub(super) fn remove(&mut self, row: usize) {
        let row = self.set_seeder(row, false);
        self.swap(row, self.len() - 1);
        self.handle.rows -= 1;
    }

    /// Makes a row a seeder's or a leecher's; returns where it is now.
    pub(super) fn set_seeder(&mut self, row: usize, seeder: bool) -> usize {
        let seeders = self.seeders();
        match (row < seeders, seeder) {
            (false, true) => {
                self.swap(row, seeders);
                self.handle.seeders += 1;
                seeders
            }
            (true, false) => {
                self.swap(row, seeders - 1);
                self.handle.seeders -= 1;
                seeders - 1
            }
            _ => row,
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.addresses.swap(a, b);
        self.marks.swap(a, b);
        if !self.peer_ids.is_empty() {
            self.peer_ids.swap(a, b);
        }
    }

    /// Appends some rows to an answer, their ids to `peer_ids`.
    pub(super) fn copy(
        &self,
        rows: Range<usize>,
        out: &mut Vec<u8>,
        peer_ids: Option<&mut Vec<u8>>,
    ) {
        out.extend_from_slice(self.addresses[rows.clone()].as_flattened());
        if let Some(peer_ids) = peer_ids {
            let ids = self.peer_ids.get(rows).unwrap_or_default();
            peer_ids.extend_from_slice(ids.as_flattened());
        }
    }
}
