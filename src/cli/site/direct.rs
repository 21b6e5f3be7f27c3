//! The storage itself.

use super::{Edited, PART, Seen, Site};
use crate::cli::output::Failure;
use chihaya::config::Config;
use chihaya::storage::{
    Change, Directory, Edit, EditError, Global, Listing, OptionsEdit, Placed, Storage, StorageError,
};
use chihaya::tracker::api::{Batch, Faults, Lines, ShownOptions, ShownPushed, ShownStored, Tally};
use chihaya::tracker::pace::Pace;
use chihaya::{Drivers, StartError};
use serde_json::Value;
use std::io::Read;

/// Bytes of lines that are read at once.
const READ_BYTES: usize = 64 * 1024;
/// Edits of a sync that are made in one transaction.
const EDITS_AT_ONCE: usize = 4096;

pub struct Direct {
    storage: Box<dyn Storage>,
    pace: Pace,
}

impl Direct {
    /// Opens the configured storage, if its directory can be written.
    pub fn open(config: &Config, drivers: &Drivers) -> Result<Direct, Failure> {
        let mut storage = drivers.open_storage(config).map_err(|error| match error {
            StartError::Storage(error) => failed(&error),
            fault => Failure::fault(fault.to_string()),
        })?;
        if storage.directory().is_none() {
            return Err(Failure::fault(format!(
                "storage.driver {:?} keeps no directory of its own: the web application writes it",
                config.storage.driver
            )));
        }
        Ok(Direct {
            storage,
            pace: Pace::new(config),
        })
    }

    fn directory(&mut self) -> Result<&mut dyn Directory, Failure> {
        let gone = "the storage keeps no directory any more";
        let directory = self.storage.directory();
        directory.ok_or_else(|| Failure::failed(gone.to_owned()))
    }

    /// Makes edits, and checks what the storage does not: a pace at which clients cannot announce.
    fn make_all(&mut self, edits: &[Edit]) -> Result<Vec<Result<Placed, EditError>>, Failure> {
        let is_options = |edit: &Edit| matches!(edit, Edit::Options(_));
        let mut done = Vec::with_capacity(edits.len());
        for part in edits.chunk_by(|one, next| !is_options(one) && !is_options(next)) {
            if let [Edit::Options(options)] = part {
                let global = self.global()?;
                if let Err(text) = self.pace.check(&global, options) {
                    done.push(Err(EditError::Invalid(text)));
                    continue;
                }
            }
            let made = self.directory()?.edit(part).map_err(|err| failed(&err))?;
            done.extend(made);
        }
        Ok(done)
    }

    fn global(&mut self) -> Result<Global, Failure> {
        let mut global = Global::default();
        let options = Edit::Options(OptionsEdit::default());
        let stands = self.directory()?.stands(&options, &mut |change| {
            if let Change::Global(now) = change {
                global = now;
            }
        });
        stands.map_err(|error| failed(&error))?;
        Ok(global)
    }

    fn make(&mut self, batch: &mut Batch, tally: &mut Tally) -> Result<(), Failure> {
        tally.begin(batch);
        let edits = std::mem::take(&mut batch.edits);
        let sources = std::mem::take(&mut batch.sources);
        batch.lines = 0;
        if edits.is_empty() {
            return Ok(());
        }
        let done = self.make_all(&edits)?;
        let mut faults = Faults::default();
        for (source, done) in sources.iter().zip(done) {
            match done {
                Ok(placed) => tally.done(placed.created, false),
                Err(EditError::NotFound) if source.removes => tally.done(false, false),
                Err(error) => faults.note(source.line, text(error).into()),
            }
        }
        tally.failed(faults);
        Ok(())
    }
}

impl Site for Direct {
    fn list(&mut self, listing: &Listing) -> Result<Vec<Seen>, Failure> {
        let mut seen = Vec::new();
        let listed = self
            .directory()?
            .list(listing, PART, &mut |entry| seen.push(entry.into()));
        listed.map_err(|error| failed(&error))?;
        Ok(seen)
    }

    fn edit(&mut self, edits: &[Edit]) -> Result<Vec<Edited>, Failure> {
        let done = self.make_all(edits)?.into_iter();
        Ok(done
            .map(|done| done.map(written).map_err(|error| text(error).to_owned()))
            .collect())
    }

    fn options(&mut self) -> Result<ShownOptions, Failure> {
        Ok(ShownOptions::of(&self.global()?, &self.pace))
    }

    fn stats(&mut self) -> Result<Value, Failure> {
        let message = "stats are told by a running tracker alone";
        Err(Failure::failed(message.to_owned()))
    }

    fn sync(&mut self, from: &mut dyn Read) -> Result<Value, Failure> {
        let (mut lines, mut batch, mut tally) = <(Lines, Batch, Tally)>::default();
        let mut buffer = vec![0; READ_BYTES];
        while !batch.ends {
            let read = from.read(&mut buffer);
            match read.map_err(|error| Failure::failed(format!("cannot read: {error}")))? {
                0 => lines.end(&mut batch),
                length => lines.take(buffer.get(..length).unwrap_or_default(), &mut batch),
            }
            if batch.ends || batch.edits.len() >= EDITS_AT_ONCE {
                self.make(&mut batch, &mut tally)?;
            }
        }
        let answer = tally.answer();
        let told = serde_json::from_slice(answer.body());
        told.map_err(|error| Failure::failed(error.to_string()))
    }
}

fn written(placed: Placed) -> ShownPushed {
    ShownPushed {
        id: placed.id,
        created: placed.created,
        stored: ShownStored::Written,
    }
}

/// As the management API says it.
fn text(error: EditError) -> &'static str {
    match error {
        EditError::NotFound => "there is no such thing",
        EditError::Conflict(text) | EditError::Invalid(text) => text,
    }
}

fn failed(error: &StorageError) -> Failure {
    Failure::failed(error.to_string())
}
