//! No data store: nobody is known, and nothing is kept.

use super::{Change, Commit, Cursor, Storage, StorageError, Wanted};
use std::collections::HashMap;

/// Forgets everything but positions.
#[derive(Debug, Default)]
pub struct NoStorage {
    positions: HashMap<String, u64>,
}

impl Storage for NoStorage {
    fn load(
        &mut self,
        _since: Option<Cursor>,
        _to: &mut dyn FnMut(Change),
    ) -> Result<Cursor, StorageError> {
        Ok(Cursor(0))
    }

    fn find(&mut self, _wanted: &Wanted, _to: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        Ok(())
    }

    fn position(&mut self, writer: &str) -> Result<u64, StorageError> {
        Ok(self.positions.get(writer).copied().unwrap_or_default())
    }

    fn commit(&mut self, writer: &str, batch: &Commit) -> Result<(), StorageError> {
        let position = self.position(writer)?;
        if position != batch.from {
            return Err(StorageError::Moved(position));
        }
        self.positions.insert(writer.to_owned(), batch.to);
        Ok(())
    }
}
