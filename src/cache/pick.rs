//! Which peers an announce gets: every candidate as likely as any other.
//!
//! The candidates, the asker left out, are laid in a ring; the answer is a window of it that begins
//! at a random one. In a block the ring is the rows; in a large swarm it runs through the buckets.

use super::block::{BlockRows, Blocks, Handle};
use super::large::{Large, Side};
use super::table::{Place, Tables};
use crate::model::Role;
use std::ops::Range;

/// Which peers an asker may get, and where it stands itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    /// Who has all it wants is of use to leechers only.
    leechers_only: bool,
    /// Among the candidates.
    place: Option<Place>,
}

impl Asker {
    /// An asker of this role, which stands at `place` of these rows if it stands there at all.
    pub(super) fn new(role: Role, place: Option<Place>) -> Asker {
        let leechers_only = role != Role::Leecher;
        let is_candidate = |place: &Place| !(leechers_only && place.seeder);
        Asker {
            leechers_only,
            place: place.filter(is_candidate),
        }
    }
}

/// An answer that is being filled.
pub(super) struct Window<'o> {
    pub(super) want: usize,
    pub(super) out: &'o mut Vec<u8>,
    pub(super) peer_ids: Option<&'o mut Vec<u8>>,
}

impl Window<'_> {
    /// Takes some rows, as many as are still wanted, without the asker's own.
    fn take<const N: usize>(
        &mut self,
        rows: &BlockRows<'_, N>,
        from: Range<usize>,
        own: Option<usize>,
    ) {
        let own = own.filter(|own| from.contains(own));
        let pieces = match own {
            Some(own) => [from.start..own, own + 1..from.end],
            None => [from, 0..0],
        };
        for piece in pieces {
            let taken = piece.len().min(self.want);
            self.want -= taken;
            let piece = piece.start..piece.start + taken;
            rows.copy(piece, self.out, self.peer_ids.as_deref_mut());
        }
    }
}

impl<const N: usize> Tables<N> {
    /// How many peers an asker could get.
    pub(super) fn candidates(&self, handle: &Handle, asker: Asker) -> usize {
        let (seeders, leechers) = match handle.large_key() {
            None => (handle.seeders(), handle.rows() - handle.seeders()),
            Some(key) => {
                let large = &self.large[key as usize];
                (large.seeders.rows, large.leechers.rows)
            }
        };
        let seeders = if asker.leechers_only { 0 } else { seeders };
        seeders + leechers - usize::from(asker.place.is_some())
    }

    /// Copies as many candidates as the window wants, or as there are.
    pub(super) fn pick(
        &mut self,
        handle: &mut Handle,
        asker: Asker,
        dice: &mut fastrand::Rng,
        window: &mut Window<'_>,
    ) {
        let candidates = self.candidates(handle, asker);
        window.want = window.want.min(candidates);
        if window.want == 0 {
            return;
        }
        if let Some(key) = handle.large_key() {
            let large = &mut self.large[key as usize];
            return pick_from_buckets(&mut self.blocks, large, asker, dice, window);
        }
        let rows = self.blocks.rows(handle);
        let first = if asker.leechers_only {
            rows.seeders()
        } else {
            0
        };
        let own = asker.place.map(|place| place.row);
        let drawn = first + dice.usize(..candidates);
        let start = drawn + usize::from(own.is_some_and(|own| drawn >= own));
        window.take(&rows, start..rows.len(), own);
        window.take(&rows, first..start, own);
    }
}

fn pick_from_buckets<const N: usize>(
    blocks: &mut Blocks<N>,
    large: &mut Large,
    asker: Asker,
    dice: &mut fastrand::Rng,
    window: &mut Window<'_>,
) {
    let Place {
        mut seeder,
        mut bucket,
        mut row,
    } = draw(large, asker, dice);
    while window.want > 0 {
        let side = large.side_mut(seeder);
        let rows = blocks.rows(&mut side.buckets[bucket]);
        let here = |own: &Place| (own.seeder, own.bucket) == (seeder, bucket);
        let own = asker.place.filter(here).map(|own| own.row);
        window.take(&rows, row..rows.len(), own);
        (bucket, row) = (bucket + 1, 0);
        if bucket == side.buckets.len() {
            bucket = 0;
            seeder = !seeder && !asker.leechers_only;
        }
    }
}

/// A candidate, each as likely as any other; there is one.
fn draw(large: &Large, asker: Asker, dice: &mut fastrand::Rng) -> Place {
    let Large {
        seeders, leechers, ..
    } = large;
    loop {
        let all = if asker.leechers_only {
            leechers.rows
        } else {
            large.rows()
        };
        let seeder = dice.usize(..all) >= leechers.rows;
        let (bucket, row) = draw_row(if seeder { seeders } else { leechers }, dice);
        let drawn = Place {
            seeder,
            bucket,
            row,
        };
        if asker.place != Some(drawn) {
            return drawn;
        }
    }
}

/// A row, each as likely as any other; there is one. A bucket and a height are drawn until there
/// is a row at that height: buckets are even, so a draw or two will do.
fn draw_row(side: &Side, dice: &mut fastrand::Rng) -> (usize, usize) {
    loop {
        let bucket = dice.usize(..side.buckets.len());
        let row = dice.usize(..side.tallest.max(1));
        if row < side.buckets[bucket].rows() {
            return (bucket, row);
        }
    }
}
