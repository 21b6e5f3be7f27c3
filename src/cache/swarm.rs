//! The rules of one family's side of a swarm, over whatever holds its rows.
//!
//! Peers stand in columns: addresses in the bytes in which they are sent, and a [`Mark`] each.
//! Seeders come first, leechers after them, so that an answer is a copy of a window of the address
//! column. Three moves keep that order, and are all that a place for rows must offer: push a row
//! at the end, pop the last one, swap two.

use crate::model::{PeerId, Role};

/// Units in which peers' ages are kept, a lifetime: what remains of a byte after two flags.
const UNITS_PER_LIFETIME: u32 = 24;
/// Ages wrap around after this many units; sweeps come more often than that.
const UNIT_RANGE: u32 = 64;

/// Turns seconds into the coarse moments of [`Mark`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Ages {
    unit_secs: u32,
    lifetime_units: u32,
}

impl Ages {
    pub(super) fn new(lifetime_secs: u32) -> Ages {
        let unit_secs = lifetime_secs.div_ceil(UNITS_PER_LIFETIME).max(1);
        Ages {
            unit_secs,
            lifetime_units: lifetime_secs.div_ceil(unit_secs),
        }
    }

    pub(super) fn moment(self, now_secs: u32) -> Moment {
        Moment((now_secs / self.unit_secs % UNIT_RANGE) as u8)
    }

    pub(super) fn unit_secs(self) -> u32 {
        self.unit_secs
    }

    /// A peer lives its whole lifetime, and less than two units longer.
    pub(super) fn expired(self, mark: Mark, now: Moment) -> bool {
        mark.age(now) > self.lifetime_units
    }
}

/// A coarse moment, in units that wrap around.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Moment(u8);

impl Moment {
    /// Units from `earlier` to this moment.
    fn since(self, earlier: Moment) -> u32 {
        u32::from(self.0.wrapping_sub(earlier.0)) % UNIT_RANGE
    }

    /// This moment, some units ago.
    pub(super) fn earlier(self, units: u32) -> Moment {
        Moment((u32::from(self.0).wrapping_sub(units) % UNIT_RANGE) as u8)
    }
}

/// What is remembered of a peer beside its address: when it was last seen, and two flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark(pub(super) u8);

impl Mark {
    const COMPLETED: u8 = 0x80;
    const PARTIAL_SEED: u8 = 0x40;
    const MOMENT: u8 = 0x3f;

    pub(super) fn new(seen: Moment, completed: bool, partial_seed: bool) -> Mark {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        Mark(seen.0 | flag(completed, Mark::COMPLETED) | flag(partial_seed, Mark::PARTIAL_SEED))
    }

    fn seen(self) -> Moment {
        Moment(self.0 & Mark::MOMENT)
    }

    /// Its completion has been counted.
    pub(super) fn completed(self) -> bool {
        self.0 & Mark::COMPLETED != 0
    }

    pub(super) fn partial_seed(self) -> bool {
        self.0 & Mark::PARTIAL_SEED != 0
    }

    /// Units since the peer was seen.
    fn age(self, now: Moment) -> u32 {
        now.since(self.seen())
    }

    /// The same, with the age in place of the moment.
    pub(super) fn aged(self, now: Moment) -> Mark {
        Mark(self.0 & !Mark::MOMENT | self.age(now) as u8)
    }

    /// The age of a mark that [`Mark::aged`] made.
    pub(super) fn age_units(self) -> u32 {
        (self.0 & Mark::MOMENT).into()
    }

    /// The same flags, seen so many seconds ago; `None` if that is longer than a lifetime.
    pub(super) fn seen_ago(self, secs: u64, ages: Ages, now_secs: u32) -> Option<Mark> {
        let units = u32::try_from(secs / u64::from(ages.unit_secs)).ok()?;
        let seen = ages.moment(now_secs).earlier(units);
        (units <= ages.lifetime_units)
            .then(|| Mark::new(seen, self.completed(), self.partial_seed()))
    }
}

/// A place for the rows of one family's side of a swarm.
pub(super) trait Rows<const N: usize> {
    /// The address column.
    fn addresses(&self) -> &[[u8; N]];
    /// The marks, a row each.
    fn marks(&self) -> &[u8];
    /// The peer ids, a row each; empty where they are not kept.
    fn peer_ids(&self) -> &[[u8; 20]];
    /// How many rows from the first on are seeders.
    fn seeders(&self) -> usize;
    fn set_seeders(&mut self, seeders: usize);
    fn set_mark(&mut self, row: usize, mark: Mark);
    fn set_peer_id(&mut self, row: usize, peer_id: &PeerId);
    /// The row of an address.
    fn find(&self, address: &[u8; N]) -> Option<usize>;
    /// Adds a row at the end; there is room for it, and the address is not there yet.
    fn push(&mut self, address: &[u8; N], mark: Mark, peer_id: &PeerId);
    /// Removes the last row.
    fn pop(&mut self);
    /// Exchanges two different rows.
    fn swap(&mut self, a: usize, b: usize);
}

fn exchange<const N: usize>(rows: &mut impl Rows<N>, a: usize, b: usize) {
    if a != b {
        rows.swap(a, b);
    }
}

/// Adds a peer that is not there; returns its row.
pub(super) fn insert<const N: usize>(
    rows: &mut impl Rows<N>,
    address: &[u8; N],
    mark: Mark,
    peer_id: &PeerId,
    seeder: bool,
) -> usize {
    let last = rows.addresses().len();
    rows.push(address, mark, peer_id);
    if seeder { promote(rows, last) } else { last }
}

/// Removes the peer of a row. Rows before it stay where they are; the rows that move come from
/// behind it, so that a walk from the last row to the first misses none.
pub(super) fn remove<const N: usize>(rows: &mut impl Rows<N>, row: usize) {
    let row = if row < rows.seeders() {
        demote(rows, row)
    } else {
        row
    };
    exchange(rows, row, rows.addresses().len() - 1);
    rows.pop();
}

/// Makes a leecher a seeder; returns its new row.
fn promote<const N: usize>(rows: &mut impl Rows<N>, row: usize) -> usize {
    let first_leecher = rows.seeders();
    exchange(rows, row, first_leecher);
    rows.set_seeders(first_leecher + 1);
    first_leecher
}

/// Makes a seeder a leecher; returns its new row.
fn demote<const N: usize>(rows: &mut impl Rows<N>, row: usize) -> usize {
    let last_seeder = rows.seeders() - 1;
    exchange(rows, row, last_seeder);
    rows.set_seeders(last_seeder);
    last_seeder
}

/// Gives a row the role of this announce; returns its new row.
pub(super) fn set_seeder<const N: usize>(
    rows: &mut impl Rows<N>,
    row: usize,
    seeder: bool,
) -> usize {
    match (row < rows.seeders(), seeder) {
        (false, true) => promote(rows, row),
        (true, false) => demote(rows, row),
        _ => row,
    }
}

/// Which peers an asker may get, and how it is kept from getting itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    role: Role,
    row: Option<usize>,
}

impl Asker {
    /// An asker of this role, which stands in `row` of these rows if it stands there at all.
    pub(super) fn new(role: Role, row: Option<usize>) -> Asker {
        Asker { role, row }
    }
}

/// Rows an asker may get, its own left out: from the first on, and its own if it is among them.
fn choice<const N: usize>(rows: &impl Rows<N>, asker: Asker) -> (Window, usize) {
    let end = rows.addresses().len();
    // Who has all it wants is of use to leechers only.
    let start = if asker.role == Role::Leecher {
        0
    } else {
        rows.seeders()
    };
    let own = asker.row.filter(|&row| row >= start);
    let left_out = usize::from(own.is_some());
    let window = Window {
        start,
        own: own.unwrap_or(end),
        left_out,
    };
    (window, end - start - left_out)
}

/// How many peers an asker could get.
pub(super) fn candidates<const N: usize>(rows: &impl Rows<N>, asker: Asker) -> usize {
    choice(rows, asker).1
}

/// Copies at most `want` peers, every candidate as likely as any other, into `out`, and their ids
/// into `peer_ids`.
///
/// The candidates, the asker left out, are laid in a ring; the window begins at a random one.
pub(super) fn pick<const N: usize>(
    rows: &impl Rows<N>,
    asker: Asker,
    want: usize,
    dice: &mut fastrand::Rng,
    out: &mut Vec<u8>,
    peer_ids: Option<&mut Vec<u8>>,
) {
    let (window, candidates) = choice(rows, asker);
    let want = want.min(candidates);
    if want == 0 {
        return;
    }
    let first = if want < candidates {
        dice.usize(..candidates)
    } else {
        0
    };
    let wrapped = (first + want).saturating_sub(candidates);
    let pieces = [(first, first + want - wrapped), (0, wrapped)];
    for run in pieces
        .into_iter()
        .flat_map(|(from, to)| window.rows(from, to))
    {
        out.extend_from_slice(rows.addresses()[run].as_flattened());
    }
    if let Some(peer_ids) = peer_ids.filter(|_| !rows.peer_ids().is_empty()) {
        for run in pieces
            .into_iter()
            .flat_map(|(from, to)| window.rows(from, to))
        {
            peer_ids.extend_from_slice(rows.peer_ids()[run].as_flattened());
        }
    }
}

/// Candidates as rows: those from `start` on, without the asker's own.
struct Window {
    start: usize,
    /// The asker's own row, or where the rows end.
    own: usize,
    /// Whether `own` is a row.
    left_out: usize,
}

impl Window {
    /// The rows of the candidates `from..to`, in two runs around the asker's own row.
    fn rows(&self, from: usize, to: usize) -> [std::ops::Range<usize>; 2] {
        let (from, to) = (self.start + from, self.start + to);
        let before = from.min(self.own)..to.min(self.own);
        let after = from.max(self.own) + self.left_out..to.max(self.own) + self.left_out;
        [before, after]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_keep_flags_and_moments_apart() {
        let ages = Ages::new(2700);
        for (completed, partial_seed) in [(false, false), (true, false), (false, true)] {
            let mark = Mark::new(ages.moment(7000), completed, partial_seed);
            assert_eq!(mark.completed(), completed);
            assert_eq!(mark.partial_seed(), partial_seed);
            assert!(!ages.expired(mark, ages.moment(7000)));
        }
    }

    #[test]
    fn peers_live_their_lifetime_and_little_longer() {
        for lifetime in [10, 60, 2700, 86400] {
            let ages = Ages::new(lifetime);
            for seen in (0..20 * lifetime).step_by(lifetime as usize / 7 + 1) {
                let mark = Mark::new(ages.moment(seen), true, true);
                let expired = |at: u32| ages.expired(mark, ages.moment(at));
                assert!(!expired(seen + lifetime), "{lifetime} at {seen}");
                assert!(
                    expired(seen + lifetime + 2 * ages.unit_secs()),
                    "{lifetime} at {seen}"
                );
                assert!(expired(seen + 2 * lifetime), "{lifetime} at {seen}");
            }
        }
    }

    #[test]
    fn earlier_moments_have_their_age() {
        let now = Ages::new(24).moment(5);
        for units in [0, 5, 6, 24, 63] {
            assert_eq!(Mark::new(now.earlier(units), false, false).age(now), units);
        }
    }
}
