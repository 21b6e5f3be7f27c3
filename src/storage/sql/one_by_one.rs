//! Rows of a batch that are written one by one: which were refused is known at once.

use super::connection::{Fault, Rows, SqlError};
use super::literal::Datum;
use super::write::{Part, TOO_LARGE};
use crate::storage::RejectedRow;

/// The rows of a part on their way.
pub(super) struct OneByOne<'r, R: 'static> {
    part: &'r Part<'r, R>,
    rows: &'r [R],
    /// The place in the batch of the first of them.
    first: usize,
    /// Rows that have been shown.
    shown: usize,
    rejected: &'r mut Vec<RejectedRow>,
}

impl<'r, R> OneByOne<'r, R> {
    pub(super) fn new(
        part: &'r Part<'r, R>,
        rows: &'r [R],
        first: usize,
        rejected: &'r mut Vec<RejectedRow>,
    ) -> OneByOne<'r, R> {
        OneByOne {
            part,
            rows,
            first,
            shown: 0,
            rejected,
        }
    }

    /// Refuses the row that was shown last.
    fn reject(&mut self, message: &str) {
        self.rejected.push(RejectedRow {
            table: self.part.table,
            place: self.first + self.shown.saturating_sub(1),
            message: message.to_owned(),
        });
    }

    /// What it means that the row which was shown last has found none.
    fn missing(&self) -> Option<&'static str> {
        let row = self.rows.get(self.shown.checked_sub(1)?)?;
        (self.part.must_find)(row).filter(|_| self.part.template.is_update())
    }
}

impl<R> Rows for OneByOne<'_, R> {
    fn next(&mut self, show: &mut dyn FnMut(Datum<'_>)) -> Option<bool> {
        let row = self.rows.get(self.shown)?;
        self.shown += 1;
        let fits = self.part.template.values(row, show);
        if !fits {
            self.reject(TOO_LARGE);
        }
        Some(fits)
    }

    fn written(&mut self, result: Result<u64, SqlError>) -> Result<(), SqlError> {
        match result {
            Ok(0) => {
                if let Some(message) = self.missing() {
                    self.reject(message);
                }
            }
            Ok(_) => {}
            Err(err) if err.kind == Fault::Data => self.reject(&err.message),
            Err(err) => return Err(err),
        }
        Ok(())
    }
}
