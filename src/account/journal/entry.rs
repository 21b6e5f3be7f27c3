//! Entries: what is appended in one write, and how a reader tells whether it is whole.
//!
//! ```text
//! length  u32   of what follows the checksum
//! check   u32   CRC-32 of length and all that follows, begun with the journal's secret seed
//! kind    u8
//! body          records or notes one after the other, or nothing; or an entry of a shared log
//! ```
//!
//! The seed keeps a client from announcing bytes that would pass for an entry where a reader
//! searches for the next whole one after damage.

use super::super::note::Note;
use super::super::record::Record;
use super::super::shared::Place;
use crc32fast::Hasher;

/// Bytes before the kind.
const HEAD_BYTES: usize = 8;
/// Bytes of an entry at most: a tick of three hundred full UDP ports.
pub const MAX_ENTRY_BYTES: usize = 4 << 20;
/// What is left of them for what stands before the records in a shared log.
const SHARED_HEAD_BYTES: usize = 128;

const RECORDS: u8 = 1;
const CUT: u8 = 2;
const NOTES: u8 = 3;
const SHARED: u8 = 4;

/// An entry that is being made.
#[derive(Debug)]
pub struct Entry {
    bytes: Vec<u8>,
}

impl Default for Entry {
    fn default() -> Entry {
        Entry::of(RECORDS)
    }
}

impl Entry {
    /// Where its first record begins.
    pub const START: usize = HEAD_BYTES + 1;

    fn of(kind: u8) -> Entry {
        let mut bytes = vec![0; HEAD_BYTES];
        bytes.push(kind);
        Entry { bytes }
    }

    /// The entry that ends a batch of the ledger.
    pub fn cut() -> Entry {
        Entry::of(CUT)
    }

    /// An entry of notes.
    pub fn of_notes(notes: &[Note]) -> Entry {
        let mut entry = Entry::of(NOTES);
        notes.iter().for_each(|note| note.write(&mut entry.bytes));
        entry
    }

    /// An entry of a shared log, as it is copied.
    pub fn of_shared(place: Place, value: &[u8]) -> Entry {
        let mut entry = Entry::of(SHARED);
        place.write(&mut entry.bytes);
        entry.bytes.extend_from_slice(value);
        entry
    }

    /// Whether it is longer than entries may be.
    pub(super) fn is_too_long(&self) -> bool {
        let is_shared = self.bytes.get(HEAD_BYTES) == Some(&SHARED);
        let spared = if is_shared { 0 } else { SHARED_HEAD_BYTES };
        self.bytes.len() + spared > MAX_ENTRY_BYTES
    }

    /// Forgets its records.
    pub fn clear(&mut self) {
        self.bytes.truncate(Entry::START);
    }

    /// Whether it holds no record.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == Entry::START
    }

    /// Appends a record.
    pub fn push(&mut self, record: &Record<'_>) {
        record.write(&mut self.bytes);
    }

    /// Where its last record ends.
    pub fn mark(&self) -> usize {
        self.bytes.len()
    }

    /// Takes the records between two marks out.
    pub fn remove(&mut self, from: usize, to: usize) {
        if Entry::START <= from && from <= to && to <= self.bytes.len() {
            self.bytes.drain(from..to);
        }
    }

    /// Length and check are written; then these are the bytes to append to the journal with this
    /// seed.
    pub fn seal(&mut self, seed: u32) -> &[u8] {
        let length = (self.bytes.len() - HEAD_BYTES) as u32;
        let length = length.to_le_bytes();
        let check = check(seed, length, &self.bytes[HEAD_BYTES..]);
        self.bytes[..4].copy_from_slice(&length);
        self.bytes[4..HEAD_BYTES].copy_from_slice(&check.to_le_bytes());
        &self.bytes
    }
}

fn check(seed: u32, length: [u8; 4], body: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(seed);
    hasher.update(&length);
    hasher.update(body);
    hasher.finalize()
}

/// What an entry holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body<'b> {
    /// Records, for [`records`].
    Records(&'b [u8]),
    /// A batch of the ledger ends here.
    Cut,
    /// Notes, for [`notes`](super::super::note::notes).
    Notes(&'b [u8]),
    /// An entry of a shared log, for [`shared::read`](super::super::shared::read).
    Shared(&'b [u8]),
}

/// What stands at the front of some bytes of a journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next<'b> {
    /// A whole entry, of so many bytes.
    Entry(Body<'b>, usize),
    /// The beginning of one, as far as can be told.
    Partial,
    /// No entry.
    Damaged,
}

/// Reads the entry at the front of `bytes`.
pub fn next(bytes: &[u8], seed: u32) -> Next<'_> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
        return Next::Partial;
    };
    let [a, b, c, d, e, f, g, h] = *head;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length == 0 || length > MAX_ENTRY_BYTES {
        return Next::Damaged;
    }
    let Some(body) = rest.get(..length) else {
        return Next::Partial;
    };
    // Before the check: a search for the next whole entry would else spend its time on checks of
    // what is none.
    if !matches!(body, [RECORDS | NOTES | SHARED, ..] | [CUT]) {
        return Next::Damaged;
    }
    if check(seed, [a, b, c, d], body) != u32::from_le_bytes([e, f, g, h]) {
        return Next::Damaged;
    }
    match body.split_first() {
        Some((&RECORDS, records)) => Next::Entry(Body::Records(records), HEAD_BYTES + length),
        Some((&NOTES, notes)) => Next::Entry(Body::Notes(notes), HEAD_BYTES + length),
        Some((&SHARED, shared)) => Next::Entry(Body::Shared(shared), HEAD_BYTES + length),
        Some((&CUT, [])) => Next::Entry(Body::Cut, HEAD_BYTES + length),
        _ => Next::Damaged,
    }
}

/// How many bytes to skip to the next whole entry, after the front of `bytes` has been found
/// damaged; `None` where no whole one follows.
pub fn skip(bytes: &[u8], seed: u32) -> Option<usize> {
    (1..bytes.len()).find(|from| matches!(next(&bytes[*from..], seed), Next::Entry(..)))
}

/// The records of an entry, in order; what cannot be read ends them.
pub fn records(mut body: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        if body.is_empty() {
            return None;
        }
        let (record, rest) = Record::read(body)?;
        body = rest;
        Some(record)
    })
}
