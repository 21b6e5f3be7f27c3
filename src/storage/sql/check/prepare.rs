//! Every statement, prepared by the database and not run.

use super::Missing;
use super::statements::{self, Load};
use crate::storage::Prepared;
use crate::storage::sample::Sample;
use crate::storage::sql::connection::{Connection, Dialect, Fault, SqlError};
use crate::storage::sql::directory::Fit;
use crate::storage::sql::plan::Plan;
use crate::storage::sql::presets::Preset;

/// Prepares every statement. An error is a connection that was lost, or a database that is busy.
pub fn prepare(
    connection: &mut dyn Connection,
    plan: &Plan,
    preset: &Preset,
) -> Result<Prepared, SqlError> {
    let missing = Missing::find(connection, preset)?;
    let mut preparing = Preparing {
        connection,
        missing: &missing,
        statements: 0,
        faults: Vec::new(),
    };
    for load in statements::loads(plan, 0)? {
        preparing.load(&load)?;
    }
    for write in statements::writes(plan, &Sample::default()) {
        preparing.prepare(write.name, None, &write.both)?;
    }
    let position = statements::position(plan)?;
    for sql in [&position.new_writer, &position.step, &position.read] {
        preparing.prepare("write.position", None, sql)?;
    }
    Ok(match preparing.faults.is_empty() {
        true => Prepared::Good {
            statements: preparing.statements,
            note: missing.note(),
        },
        false => Prepared::Faults(preparing.faults),
    })
}

struct Preparing<'a> {
    connection: &'a mut dyn Connection,
    missing: &'a Missing,
    statements: usize,
    faults: Vec<String>,
}

impl Preparing<'_> {
    fn load(&mut self, load: &Load) -> Result<(), SqlError> {
        let before = self.faults.len();
        if let Some(names) = self.prepare(load.name, None, &load.all)? {
            let is_unknown = names.is_empty() && self.connection.dialect() == Dialect::Mysql;
            let (columns, needed) = load.reads.columns();
            let fit = Fit::of(columns, needed, names.iter().map(String::as_str));
            // A statement that MySQL cannot prepare tells no columns.
            if let Some(fault) = fit.fault(columns).filter(|_| !is_unknown) {
                self.fault(load.name, &fault);
            }
        }
        // What is made of it would fail for the same reason.
        if self.faults.len() > before {
            return Ok(());
        }
        for (by, sql) in &load.lookups {
            self.prepare(load.name, Some(by), sql)?;
        }
        Ok(())
    }

    /// The columns of its result; `None` where it cannot be prepared.
    fn prepare(
        &mut self,
        name: &str,
        by: Option<&str>,
        sql: &str,
    ) -> Result<Option<Vec<String>>, SqlError> {
        if self.missing.is_named_in(sql) {
            return Ok(None);
        }
        match self.connection.prepare(sql) {
            Ok(names) => {
                self.statements += 1;
                Ok(Some(names))
            }
            Err(error) if matches!(error.kind, Fault::Data | Fault::Wrong) => {
                let by = by.map(|by| format!("by {by}: ")).unwrap_or_default();
                self.fault(name, &format!("{by}{}", error.message));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn fault(&mut self, name: &str, fault: &str) {
        let fault = format!("storage.statements.{name}: {fault}");
        // Several statements are made of one.
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }
}
