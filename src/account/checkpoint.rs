//! The checkpoint: all that the books hold at some position of the journal, in a file that replaces
//! the one before. What lies before that position in the journal is no longer needed.

use super::blocks::{BlockError, BlockReader, BlockWriter};
use super::books::Books;
use super::ledger::{Ledger, Rules};
use super::note::Pace;
use super::sessions::Session;
use crate::storage::Commit;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::sync::Arc;

const MAGIC: &[u8; 16] = b"chihaya books 1\n";
/// Rows of a block: a row takes at most 200 bytes.
const ROWS_A_BLOCK: usize = 1000;

/// A block, as it is read.
#[derive(Deserialize)]
enum Block {
    Head(Head),
    Sessions(Vec<Session>),
    Sums(Commit),
    InFlight(Commit),
    End,
    /// Where it is not the one configured.
    Pace(Pace),
}

/// The same, as it is written.
#[derive(Serialize)]
enum BlockRef<'a> {
    Head(Head),
    Sessions(&'a [&'a Session]),
    Sums(&'a Commit),
    InFlight(&'a Commit),
    End,
    Pace(Pace),
}

#[derive(Serialize, Deserialize)]
struct Head {
    applied: u64,
    from: u64,
    records: u64,
}

/// Writes the books.
pub fn save(books: &Books, to: &mut dyn Write) -> io::Result<()> {
    let mut blocks = BlockWriter::new(to, MAGIC)?;
    blocks.write(&BlockRef::Head(Head {
        applied: books.applied,
        from: books.from,
        records: books.records,
    }))?;
    if let Some(pace) = books.ledger.pace() {
        blocks.write(&BlockRef::Pace(pace))?;
    }
    let mut rows = Vec::with_capacity(ROWS_A_BLOCK);
    for session in books.ledger.sessions().iter() {
        rows.push(session);
        if rows.len() == ROWS_A_BLOCK {
            blocks.write(&BlockRef::Sessions(&rows))?;
            rows.clear();
        }
    }
    blocks.write(&BlockRef::Sessions(&rows))?;
    for part in books.ledger.gathered().sums().into_parts(ROWS_A_BLOCK) {
        blocks.write(&BlockRef::Sums(&part))?;
    }
    if let Some(batch) = &books.in_flight {
        for part in Commit::clone(batch).into_parts(ROWS_A_BLOCK) {
            blocks.write(&BlockRef::InFlight(&part))?;
        }
    }
    blocks.write(&BlockRef::End)
}

/// Reads books that were saved. `seed` is for hashes that strangers must not guess.
pub fn load(from: &mut dyn Read, rules: Rules, seed: u64) -> Result<Books, BlockError> {
    let mut blocks = BlockReader::new(from, MAGIC)?;
    let Block::Head(head) = blocks.read()? else {
        return Err(BlockError::Damaged);
    };
    let mut ledger = Ledger::new(rules, seed);
    let mut in_flight: Option<Commit> = None;
    loop {
        match blocks.read()? {
            Block::Sessions(sessions) => {
                sessions.into_iter().for_each(|row| ledger.restore(row));
            }
            Block::Pace(pace) => ledger.set_pace(Some(pace)),
            Block::Sums(sums) => ledger.restore_sums(sums),
            Block::InFlight(part) => match &mut in_flight {
                Some(batch) => batch.append(part),
                None => in_flight = Some(part),
            },
            Block::Head(_) => return Err(BlockError::Damaged),
            Block::End => break,
        }
    }
    Ok(Books {
        ledger,
        from: head.from,
        applied: head.applied,
        in_flight: in_flight.map(Arc::new),
        records: head.records,
    })
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
