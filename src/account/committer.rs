//! Bringing a batch into the storage, once.

use crate::storage::{Commit, RejectedRow, Storage, StorageError};
use std::borrow::Cow;

/// How an attempt ended.
#[derive(Debug)]
pub enum Outcome {
    /// The batch is in the storage.
    Committed,
    /// It is not, or it is not known: to be tried again.
    Later(StorageError),
    /// It is not, and will not be until the operator acts.
    Stuck(StorageError),
}

/// One writer's way into the storage.
#[derive(Debug, Default)]
pub struct Committer {
    /// The position is known to be where the batch begins: nothing has gone wrong since the last.
    is_sure: bool,
    /// The batch as far as it is not refused, so that rows are told of once.
    trimmed: Option<Commit>,
}

/// What is told on the way.
pub enum Note<'a> {
    /// A row was refused for itself, and is left out.
    Rejected(&'a RejectedRow, Option<serde_json::Value>),
    /// The storage knows less than has been committed: it was put back to an earlier state.
    PutBack {
        /// Its position.
        found: u64,
        /// What it should be.
        expected: u64,
    },
}

impl Committer {
    /// Commits a batch. Where it is not sure what has become of the last attempt, the position
    /// tells.
    pub fn commit(
        &mut self,
        storage: &mut dyn Storage,
        writer: &str,
        batch: &Commit,
        note: &mut dyn FnMut(Note<'_>),
    ) -> Outcome {
        let mut batch = match self.trimmed.take() {
            Some(trimmed) if trimmed.to == batch.to => Cow::Owned(trimmed),
            _ => Cow::Borrowed(batch),
        };
        if !std::mem::take(&mut self.is_sure) {
            match storage.position(writer) {
                Ok(position) if position == batch.from => {}
                Ok(position) if position == batch.to => {
                    self.is_sure = true;
                    return Outcome::Committed;
                }
                Ok(position) if position < batch.from => {
                    note(Note::PutBack {
                        found: position,
                        expected: batch.from,
                    });
                    batch.to_mut().from = position;
                }
                Ok(position) => return Outcome::Stuck(StorageError::Moved(position)),
                Err(error) => return self.failed(error, batch),
            }
        }
        loop {
            match storage.commit(writer, &batch) {
                Ok(()) => {
                    self.is_sure = true;
                    return Outcome::Committed;
                }
                Err(StorageError::Rows(mut rows)) if !rows.is_empty() => {
                    // From the end, so that the places before stay what they are.
                    rows.sort_unstable_by_key(|row| std::cmp::Reverse((row.table, row.place)));
                    rows.dedup_by_key(|row| (row.table, row.place));
                    let before = batch.rows();
                    for row in &rows {
                        let taken = batch.to_mut().take(row.table, row.place);
                        note(Note::Rejected(row, taken));
                    }
                    if batch.rows() == before {
                        return Outcome::Stuck(StorageError::Rows(rows));
                    }
                }
                Err(error) => return self.failed(error, batch),
            }
        }
    }

    fn failed(&mut self, error: StorageError, batch: Cow<'_, Commit>) -> Outcome {
        if let Cow::Owned(trimmed) = batch {
            self.trimmed = Some(trimmed);
        }
        match error {
            // The next attempt begins with a look at the position.
            StorageError::Retry(_) | StorageError::Moved(_) | StorageError::CursorGone => {
                Outcome::Later(error)
            }
            StorageError::Rows(_) | StorageError::Fatal(_) => Outcome::Stuck(error),
        }
    }
}

#[cfg(test)]
#[path = "committer_tests.rs"]
mod tests;
