//! One entry of the log: what a process accepted in a few milliseconds.
//!
//! ```text
//! entry   version u8  flags u8  producer u64  sequence u64  delay u32  record*
//! ```
//!
//! Numbers are little-endian. The delay is how many milliseconds the records had waited when the
//! entry was appended: the log knows when that was.

use super::record::{read_record, take};
use crate::cache::Announce;

/// The version that is written, and the only one that is read.
const VERSION: u8 = 1;
/// Set in the flags where every record has a peer id.
const PEER_IDS: u8 = 1;
/// Bytes before the records.
pub const HEAD_BYTES: usize = 1 + 1 + 8 + 8 + 4;

/// What stands before the records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Whether every record has a peer id.
    pub peer_ids: bool,
    /// Drawn by lot when the process that wrote it started.
    pub producer: u64,
    /// Counts that process's entries in this log, from 1.
    pub sequence: u64,
    /// Milliseconds that the oldest record had waited when the entry was appended.
    pub delay_ms: u32,
}

impl Head {
    /// Its bytes.
    pub fn bytes(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[0] = VERSION;
        bytes[1] = if self.peer_ids { PEER_IDS } else { 0 };
        bytes[2..10].copy_from_slice(&self.producer.to_le_bytes());
        bytes[10..18].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[18..].copy_from_slice(&self.delay_ms.to_le_bytes());
        bytes
    }
}

/// Why an entry cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// Another version wrote it.
    Foreign,
    /// It ends too early.
    Cut,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Unreadable::Foreign => "not of this version",
            Unreadable::Cut => "cut short",
        })
    }
}

impl std::error::Error for Unreadable {}

/// An entry as it was read.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'b> {
    /// What stands before the records.
    pub head: Head,
    records: &'b [u8],
}

impl<'b> Entry<'b> {
    /// The entry of these bytes. Its records have not been looked at.
    pub fn parse(mut bytes: &'b [u8]) -> Result<Entry<'b>, Unreadable> {
        let bytes = &mut bytes;
        if take(bytes).ok_or(Unreadable::Cut)? != [VERSION] {
            return Err(Unreadable::Foreign);
        }
        let head = head(bytes).ok_or(Unreadable::Cut)?;
        Ok(Entry {
            head,
            records: bytes,
        })
    }

    /// Its announces, in their order, up to one that is not whole.
    pub fn records(&self) -> impl Iterator<Item = Announce> + use<'b> {
        let Entry { head, mut records } = *self;
        std::iter::from_fn(move || read_record(&mut records, head.peer_ids))
    }
}

fn head(bytes: &mut &[u8]) -> Option<Head> {
    let [flags] = take(bytes)?;
    Some(Head {
        peer_ids: flags & PEER_IDS != 0,
        producer: u64::from_le_bytes(take(bytes)?),
        sequence: u64::from_le_bytes(take(bytes)?),
        delay_ms: u32::from_le_bytes(take(bytes)?),
    })
}
