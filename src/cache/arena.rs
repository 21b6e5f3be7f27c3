//! Equal blocks of bytes, packed: removing one moves the last into its place, so that nothing is
//! ever fragmented, and pages are given back from the end. A block begins with the number of its
//! owner, who is told when it moves.

/// Bytes a page has at most, if a block is not larger; small enough that the last page of each
/// size wastes little, large enough that the allocator's own bytes do not count.
const PAGE_BYTES: usize = 4096;
const OWNER_BYTES: usize = 4;

/// Blocks of one size.
#[derive(Debug)]
pub(super) struct Arena {
    stride: usize,
    page_shift: u32,
    pages: Vec<Box<[u8]>>,
    blocks: u32,
}

/// A block has moved; its owner must know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Moved {
    pub(super) owner: u32,
    pub(super) from: u32,
    pub(super) slot: u32,
}

impl Arena {
    pub(super) fn new(block_bytes: usize) -> Arena {
        let stride = OWNER_BYTES + block_bytes;
        let page_shift = (PAGE_BYTES / stride).max(1).ilog2();
        Arena {
            stride,
            page_shift,
            pages: Vec::new(),
            blocks: 0,
        }
    }

    fn place(&self, slot: u32) -> (usize, usize) {
        let in_page = slot & ((1 << self.page_shift) - 1);
        (
            (slot >> self.page_shift) as usize,
            in_page as usize * self.stride,
        )
    }

    fn whole(&self, slot: u32) -> &[u8] {
        let (page, start) = self.place(slot);
        &self.pages[page][start..start + self.stride]
    }

    fn whole_mut(&mut self, slot: u32) -> &mut [u8] {
        let (page, start) = self.place(slot);
        &mut self.pages[page][start..start + self.stride]
    }

    /// The bytes of a block.
    pub(super) fn block(&self, slot: u32) -> &[u8] {
        &self.whole(slot)[OWNER_BYTES..]
    }

    /// The bytes of a block.
    pub(super) fn block_mut(&mut self, slot: u32) -> &mut [u8] {
        &mut self.whole_mut(slot)[OWNER_BYTES..]
    }

    pub(super) fn set_owner(&mut self, slot: u32, owner: u32) {
        self.whole_mut(slot)[..OWNER_BYTES].copy_from_slice(&owner.to_le_bytes());
    }

    /// Adds a block, its bytes as the last user left them; returns its slot.
    pub(super) fn push(&mut self, owner: u32) -> u32 {
        let slot = self.blocks;
        if self.place(slot).0 == self.pages.len() {
            let page = vec![0; self.stride << self.page_shift];
            self.pages.push(page.into_boxed_slice());
        }
        self.blocks += 1;
        self.set_owner(slot, owner);
        slot
    }

    /// Removes a block; the last one takes its slot.
    pub(super) fn remove(&mut self, slot: u32) -> Option<Moved> {
        let last = self.blocks - 1;
        let moved = (slot != last).then(|| {
            self.copy_block(last, slot);
            let owner = self
                .whole(slot)
                .first_chunk()
                .map_or(0, |bytes| u32::from_le_bytes(*bytes));
            Moved {
                owner,
                from: last,
                slot,
            }
        });
        self.blocks = last;
        // One empty page is kept, or a swarm that comes and goes would allocate each time.
        self.pages.truncate(self.place(last).0 + 2);
        moved
    }

    fn copy_block(&mut self, from: u32, to: u32) {
        let ((from_page, from_start), (to_page, to_start)) = (self.place(from), self.place(to));
        let stride = self.stride;
        if from_page == to_page {
            self.pages[from_page].copy_within(from_start..from_start + stride, to_start);
            return;
        }
        if let Ok([from_page, to_page]) = self.pages.get_disjoint_mut([from_page, to_page]) {
            to_page[to_start..to_start + stride]
                .copy_from_slice(&from_page[from_start..from_start + stride]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removal_moves_the_last_and_tells_its_owner() {
        let mut arena = Arena::new(100);
        for owner in 0..200 {
            let slot = arena.push(owner);
            assert_eq!(slot, owner);
            arena.block_mut(slot).fill(owner as u8);
        }
        assert_eq!(arena.remove(199), None);
        assert_eq!(
            arena.remove(3),
            Some(Moved {
                owner: 198,
                from: 198,
                slot: 3
            })
        );
        assert_eq!(arena.block(3), [198; 100]);
        assert_eq!(
            arena.remove(3),
            Some(Moved {
                owner: 197,
                from: 197,
                slot: 3
            })
        );
        assert_eq!(arena.block(4), [4; 100]);
    }

    #[test]
    fn pages_are_given_back() {
        let mut arena = Arena::new(PAGE_BYTES);
        for owner in 0..10 {
            arena.push(owner);
        }
        assert_eq!(arena.pages.len(), 10);
        for _ in 0..9 {
            arena.remove(0);
        }
        assert_eq!(arena.block(0).len(), PAGE_BYTES);
        assert!(arena.pages.len() <= 3);
    }
}
