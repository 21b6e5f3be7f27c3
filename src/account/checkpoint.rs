//! The checkpoint: all that the books hold at some position of the journal, in a file that replaces
//! the one before. What lies before that position in the journal is no longer needed.

use super::blocks::{BlockError, BlockReader, BlockWriter};
use super::books::Books;
use super::ledger::{Ledger, Rules, Trail};
use super::note::Pace;
use super::sessions::Session;
use super::shared::Course;
use crate::storage::{Commit, SessionKey};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::sync::Arc;

const MAGIC: &[u8; 16] = b"chihaya books 1\n";
/// Rows of a block: a row takes at most 300 bytes.
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
    /// Where a shared log is followed.
    Course(Course),
    /// What sessions before said earlier.
    Trails(Vec<(SessionKey, Trail)>),
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
    Course(&'a Course),
    Trails(&'a [(SessionKey, &'a Trail)]),
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
    if books.course != Course::default() {
        blocks.write(&BlockRef::Course(&books.course))?;
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
    save_trails(books, &mut blocks)?;
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

fn save_trails(books: &Books, blocks: &mut BlockWriter<'_>) -> io::Result<()> {
    let mut trails = Vec::new();
    for session in books.ledger.sessions().iter() {
        trails.extend(session.trail.as_deref().map(|trail| (session.key, trail)));
        if trails.len() == ROWS_A_BLOCK {
            blocks.write(&BlockRef::Trails(&trails))?;
            trails.clear();
        }
    }
    match trails.is_empty() {
        true => Ok(()),
        false => blocks.write(&BlockRef::Trails(&trails)),
    }
}

/// Reads books that were saved. `seed` is for hashes that strangers must not guess.
pub fn load(from: &mut dyn Read, rules: Rules, seed: u64) -> Result<Books, BlockError> {
    let mut blocks = BlockReader::new(from, MAGIC)?;
    let Block::Head(head) = blocks.read()? else {
        return Err(BlockError::Damaged);
    };
    let mut ledger = Ledger::new(rules, seed);
    let mut in_flight: Option<Commit> = None;
    let mut course = Course::default();
    loop {
        match blocks.read()? {
            Block::Sessions(sessions) => {
                sessions.into_iter().for_each(|row| ledger.restore(row));
            }
            Block::Trails(trails) => {
                let trails = trails.into_iter();
                trails.for_each(|(key, trail)| ledger.restore_trail(&key, trail));
            }
            Block::Pace(pace) => ledger.set_pace(Some(pace)),
            Block::Course(followed) => course = followed,
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
        course,
    })
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
