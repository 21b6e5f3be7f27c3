//! Statements that write, each run with rows that are made up, and taken back.

use super::engines::Engines;
use super::scans::{self, scans};
use super::statements::{self, Position, Write};
use super::{Missing, keys, note, rows};
use crate::storage::sample::Sample;
use crate::storage::sql::connection::{Connection, Dialect, Fault, SqlError, Value};
use crate::storage::sql::plan::Plan;
use crate::storage::sql::write::begin;
use crate::storage::{Checked, Finding};

/// Some of what was changed could not be rolled back.
const ER_WARNING_NOT_COMPLETE_ROLLBACK: &str = "1196";
const STAYS: &str = "what it writes cannot be rolled back: some table that it changes has no \
    transactions; nothing can be counted exactly once";

/// Runs every statement in one transaction, each behind a savepoint to which is gone back; then the
/// whole is rolled back.
pub(super) fn check(
    connection: &mut dyn Connection,
    plan: &Plan,
    missing: &Missing,
    sample: &Sample,
) -> Result<Vec<Checked>, SqlError> {
    let engines = Engines::find(connection)?;
    let mut trying = Trying {
        connection,
        missing,
        engines: &engines,
        is_there: sample.is_there(),
        found: Vec::new(),
    };
    trying.begin()?;
    for write in statements::writes(plan, sample) {
        trying.write(&write)?;
    }
    trying.position(&statements::position(plan)?)?;
    trying.connection.execute("ROLLBACK")?;
    Ok(trying.found)
}

struct Trying<'a> {
    connection: &'a mut dyn Connection,
    missing: &'a Missing,
    engines: &'a Engines,
    /// The first of the rows is of a user and a torrent that are there.
    is_there: bool,
    found: Vec<Checked>,
}

impl Trying<'_> {
    fn begin(&mut self) -> Result<(), SqlError> {
        begin(self.connection)?;
        // What would be checked at the end is checked at once: the end never comes.
        if self.connection.dialect() == Dialect::Postgres {
            self.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")?;
        }
        Ok(())
    }

    fn write(&mut self, write: &Write) -> Result<(), SqlError> {
        let mut checked = Checked::of(write.name);
        if self.may(&write.both, &mut checked) {
            self.try_write(write, &mut checked)?;
        }
        self.found.push(checked);
        Ok(())
    }

    /// Whether a statement can be tried, and is taken back whatever it does.
    fn may(&self, sql: &str, checked: &mut Checked) -> bool {
        let finding = self.engines.finding(sql);
        checked.tried = finding.is_none() && !self.missing.is_named_in(sql);
        checked.findings.extend(finding);
        checked.tried
    }

    fn try_write(&mut self, write: &Write, checked: &mut Checked) -> Result<(), SqlError> {
        let sql = &write.both;
        let ran = self.taken_back(checked, |connection| connection.execute(sql))?;
        match ran {
            Ok(changed) => tell_changed(write, changed, checked),
            // The second row may be of nobody; the first tells.
            Err(error) if error.kind == Fault::Data => {
                let sql = &write.first;
                let ran = self.taken_back(checked, |connection| connection.execute(sql))?;
                if let Err(error) = ran {
                    self.refused(error, checked)?;
                }
            }
            Err(error) => note(checked, None, error)?,
        }
        if checked.findings.is_empty() {
            let plan = self.taken_back(checked, |connection| scans(connection, sql))?;
            scans::tell(checked, "it looks for its rows", plan)?;
            let keys = keys::finding(self.connection, sql)?;
            checked.findings.extend(keys);
        }
        Ok(())
    }

    /// A row that is refused for what is in it. One of nobody may be.
    fn refused(&self, error: SqlError, checked: &mut Checked) -> Result<(), SqlError> {
        if error.kind != Fault::Data || self.is_there {
            return note(checked, None, error);
        }
        checked.findings.push(Finding::warning(format!(
            "it refuses a row of a user or a torrent that is not there, and there is none to try \
             it with: {}",
            error.message
        )));
        Ok(())
    }

    fn position(&mut self, position: &Position) -> Result<(), SqlError> {
        let mut checked = Checked::of("write.position");
        let Position {
            new_writer,
            step,
            read,
        } = position;
        if self.may(step, &mut checked) && self.may(new_writer, &mut checked) {
            let moved = self.taken_back(&mut checked, |connection| {
                connection.execute(new_writer)?;
                let found = connection.execute(step)?;
                let mut now = None;
                connection.query(read, &mut |row| {
                    now = Some(matches!(row.value(0), Value::Integer(1)));
                    Ok(())
                })?;
                Ok((found, now == Some(true)))
            })?;
            match moved {
                Ok((1, true)) => {}
                Ok((found, _)) => checked.findings.push(Finding::error(format!(
                    "a step from 0 to 1 found {found} rows instead of 1, or did not move the \
                     position"
                ))),
                Err(error) => note(&mut checked, None, error)?,
            }
        }
        self.found.push(checked);
        Ok(())
    }

    /// Does something, and takes it back. The outer error is a connection that was lost.
    fn taken_back<T>(
        &mut self,
        checked: &mut Checked,
        work: impl FnOnce(&mut dyn Connection) -> Result<T, SqlError>,
    ) -> Result<Result<T, SqlError>, SqlError> {
        self.connection.execute("SAVEPOINT part")?;
        let done = work(self.connection);
        match &done {
            Err(error) if error.kind == Fault::Lost => return done.map(Ok),
            // A deadlock has taken back all of it, savepoints, too.
            Err(error) if error.kind == Fault::Busy => {
                self.connection.execute("ROLLBACK")?;
                self.begin()?;
                return Ok(done);
            }
            _ => {}
        }
        self.connection.execute("ROLLBACK TO SAVEPOINT part")?;
        if self.stays()? {
            checked.findings.push(Finding::error(STAYS));
            self.connection.execute("ROLLBACK")?;
            self.begin()?;
            return Ok(done);
        }
        self.connection.execute("RELEASE SAVEPOINT part")?;
        Ok(done)
    }

    /// Whether MySQL warns that something was not taken back.
    fn stays(&mut self) -> Result<bool, SqlError> {
        if self.connection.dialect() != Dialect::Mysql {
            return Ok(false);
        }
        let warnings = rows(self.connection, "SHOW WARNINGS")?;
        let mut cells = warnings.iter().flatten();
        Ok(cells.any(|cell| cell == ER_WARNING_NOT_COMPLETE_ROLLBACK))
    }
}

/// Tells of rows that an update did not find, and of those that it should not have changed.
fn tell_changed(write: &Write, changed: u64, checked: &mut Checked) {
    let changed = usize::try_from(changed).unwrap_or(usize::MAX);
    let finding = match write.finds {
        Some(known) if changed < known => Finding::warning(format!(
            "it found {changed} rows for {known} that are loaded: what is added to the others is \
             refused"
        )),
        _ if write.is_update && changed > 2 => Finding::warning(format!(
            "it changes {changed} rows for 2: does it say which?"
        )),
        _ => return,
    };
    checked.findings.push(finding);
}
