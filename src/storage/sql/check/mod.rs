//! Statements tried on a real database, for whoever runs the tracker: prepared, or run in
//! transactions that are rolled back.

mod engines;
mod keys;
mod load;
mod prepare;
mod scans;
mod statements;
mod write;

pub use prepare::prepare;

use super::connection::{Connection, Dialect, Fault, SqlError, Value};
use super::plan::Plan;
use super::presets::{PROBE, Preset};
use super::tracking;
use crate::storage::sample::Sample;
use crate::storage::{Checked, Elapsed, Finding, Report};

/// Runs every statement: those that load are read to their end, those that write are given a row
/// that is made up, in a transaction that is rolled back. An error is a connection that was lost.
pub fn check(
    connection: &mut dyn Connection,
    plan: &Plan,
    preset: &Preset,
    elapsed: Elapsed<'_>,
) -> Result<Report, SqlError> {
    let mut report = Report {
        preset: Some(preset.name.to_owned()),
        server: version(connection)?,
        ..Report::default()
    };
    let missing = Missing::find(connection, preset)?;
    report.findings.extend(missing.note().map(Finding::warning));
    let mut sample = Sample::default();
    let loaded = load::check(connection, plan, &missing, &mut sample, elapsed)?;
    report.statements.extend(loaded);
    let written = write::check(connection, plan, &missing, &sample)?;
    report.statements.extend(written);
    Ok(report)
}

/// What kind of database it is, and its version.
fn version(connection: &mut dyn Connection) -> Result<Option<String>, SqlError> {
    let (name, sql) = match connection.dialect() {
        Dialect::Sqlite => ("SQLite", "SELECT sqlite_version()"),
        Dialect::Postgres => ("PostgreSQL", "SELECT current_setting('server_version')"),
        Dialect::Mysql => ("MySQL", "SELECT VERSION()"),
    };
    let mut version = None;
    for row in rows(connection, sql)? {
        version = row.into_iter().next();
    }
    Ok(version.map(|version| match version.contains("MariaDB") {
        true => version,
        false => format!("{name} {version}"),
    }))
}

/// All rows of a short result, as text; nothing is an empty one.
fn rows(connection: &mut dyn Connection, sql: &str) -> Result<Vec<Vec<String>>, SqlError> {
    let mut found = Vec::new();
    connection.query(sql, &mut |row| {
        let cell = |column| match row.value(column) {
            Value::Null => String::new(),
            Value::Integer(number) => number.to_string(),
            Value::Real(number) => number.to_string(),
            Value::Text(text) => text.to_owned(),
            Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        };
        found.push((0..row.len()).map(cell).collect());
        Ok(())
    })?;
    Ok(found)
}

/// Tables that the tracker makes when it starts, where they are not there yet: what names one of
/// them cannot be tried.
struct Missing {
    tables: Vec<&'static str>,
    /// What the database says; nothing where the tables are there, and changes of them are not noted.
    why: Option<String>,
}

impl Missing {
    fn find(connection: &mut dyn Connection, preset: &Preset) -> Result<Missing, SqlError> {
        let (tables, why) = match connection.prepare(PROBE) {
            Ok(_) => match preset.tracking.is_empty() || tracking::is_there(connection)? {
                true => (Vec::new(), None),
                false => (
                    preset.tracking.iter().filter_map(|sql| made(sql)).collect(),
                    None,
                ),
            },
            Err(error) if error.kind == Fault::Wrong => {
                let all = preset.schema.iter().chain(preset.tracking);
                let tables = all.filter_map(|sql| made(sql)).collect();
                (tables, Some(error.message))
            }
            Err(error) => return Err(error),
        };
        Ok(Missing { tables, why })
    }

    fn note(&self) -> Option<String> {
        if self.tables.is_empty() {
            return None;
        }
        Some(match &self.why {
            Some(why) => format!(
                "the tracker's own tables are not there ({why}): it makes them when it starts, \
                 chihaya schema prints them; statements that name them were not tried"
            ),
            None => {
                "changes of the tracker's own tables are not noted, and seen when everything is \
                     loaded anew: chihaya schema prints the triggers that note them"
                    .to_owned()
            }
        })
    }

    fn is_named_in(&self, sql: &str) -> bool {
        words(sql).any(|word| self.tables.contains(&word))
    }
}

/// The table that a statement makes.
fn made(sql: &'static str) -> Option<&'static str> {
    let rest = sql.strip_prefix("CREATE TABLE ")?;
    words(rest.strip_prefix("IF NOT EXISTS ").unwrap_or(rest)).next()
}

/// Words of a statement: names among them.
fn words(sql: &str) -> impl Iterator<Item = &str> {
    let words = sql.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$');
    words.filter(|word| !word.is_empty())
}

/// Notes an error of the database; one that ends everything is returned.
fn note(checked: &mut Checked, what: Option<&str>, error: SqlError) -> Result<(), SqlError> {
    let message = match what {
        Some(what) => format!("{what}: {}", error.message),
        None => error.message.clone(),
    };
    checked.findings.push(match error.kind {
        Fault::Lost => return Err(error),
        Fault::Busy => Finding::warning(format!("it could not be tried: {message}")),
        Fault::Data | Fault::Wrong => Finding::error(message),
    });
    Ok(())
}

#[cfg(all(test, feature = "sqlite"))]
#[path = "tests.rs"]
mod tests;
