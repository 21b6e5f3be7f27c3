//! Statements that load, read to their end.

use super::scans::{self, scans};
use super::statements::{self, Load};
use super::{Missing, note};
use crate::storage::sample::Sample;
use crate::storage::sql::connection::{Connection, Dialect, Fault, SqlError, Value};
use crate::storage::sql::directory::{self, Columns, Fit};
use crate::storage::sql::load::{begin, names};
use crate::storage::sql::plan::Plan;
use crate::storage::{Checked, Elapsed, Finding};
use std::collections::BTreeMap;

pub(super) fn check(
    connection: &mut dyn Connection,
    plan: &Plan,
    missing: &Missing,
    sample: &mut Sample,
    elapsed: Elapsed<'_>,
) -> Result<Vec<Checked>, SqlError> {
    let mut found = Vec::new();
    let cursor = last_cursor(connection, plan)?;
    for load in statements::loads(plan, cursor)? {
        let mut checked = Checked::of(load.name);
        if missing.is_named_in(&load.all) {
            checked.tried = false;
        } else {
            one(connection, &load, sample, elapsed, &mut checked)?;
        }
        found.push(checked);
    }
    Ok(found)
}

fn one(
    connection: &mut dyn Connection,
    load: &Load,
    sample: &mut Sample,
    elapsed: Elapsed<'_>,
    checked: &mut Checked,
) -> Result<(), SqlError> {
    if !fits(connection, load, checked)? {
        return Ok(());
    }
    let began = elapsed();
    let read = read(connection, load, sample, checked);
    let took = elapsed().saturating_sub(began);
    match read {
        Ok(rows) => {
            checked.rows = Some(rows);
            checked.milliseconds = u64::try_from(took.as_millis()).ok();
        }
        Err(error) => return note(checked, None, error),
    }
    for (by, sql) in &load.lookups {
        look_up(connection, by, sql, checked)?;
    }
    Ok(())
}

/// Whether its result has the columns that it must have.
fn fits(
    connection: &mut dyn Connection,
    load: &Load,
    checked: &mut Checked,
) -> Result<bool, SqlError> {
    let names = match connection.prepare(&load.all) {
        Ok(names) => names,
        Err(error) => return note(checked, None, error).map(|()| false),
    };
    if names.is_empty() && connection.dialect() == Dialect::Mysql {
        // It cannot be prepared there; its first row tells.
        return Ok(true);
    }
    let (columns, needed) = load.reads.columns();
    let fit = Fit::of(columns, needed, names.iter().map(String::as_str));
    if let Some(fault) = fit.fault(columns) {
        checked.findings.push(Finding::error(fault));
        return Ok(false);
    }
    checked.defaults = fit.left_out;
    Ok(true)
}

/// Reads all rows, one at a time; returns how many.
fn read(
    connection: &mut dyn Connection,
    load: &Load,
    sample: &mut Sample,
    checked: &mut Checked,
) -> Result<u64, SqlError> {
    let (known, needed) = load.reads.columns();
    let mut columns = None;
    let mut unusable: BTreeMap<directory::Fault, u64> = BTreeMap::new();
    let mut rows = 0;
    reading(connection, |connection| {
        connection.query(&load.all, &mut |row| {
            rows += 1;
            let columns = match &columns {
                Some(columns) => columns,
                None => {
                    let found = Columns::find(known, needed, names(row));
                    let wrong = |fault| SqlError::new(Fault::Wrong, fault);
                    columns.insert(found.map_err(wrong)?)
                }
            };
            match load.reads.read(&columns.of(row)) {
                Ok(change) => change.iter().for_each(|change| sample.see(change)),
                Err(fault) => *unusable.entry(fault).or_default() += 1,
            }
            Ok(())
        })
    })?;
    for (fault, rows) in unusable {
        let message = format!("{rows} of its rows cannot be used: {fault}");
        checked.findings.push(Finding::warning(message));
    }
    Ok(rows)
}

/// Looks for what nobody has, and whether an index helps.
fn look_up(
    connection: &mut dyn Connection,
    by: &str,
    sql: &str,
    checked: &mut Checked,
) -> Result<(), SqlError> {
    let by = format!("by {by}");
    let found = reading(connection, |connection| {
        connection.query(sql, &mut |_| Ok(()))
    });
    if let Err(error) = found {
        return note(checked, Some(&by), error);
    }
    let plan = reading(connection, |connection| scans(connection, sql));
    scans::tell(checked, &by, plan)
}

/// Does something in a transaction that does not write, and is rolled back.
fn reading<T>(
    connection: &mut dyn Connection,
    work: impl FnOnce(&mut dyn Connection) -> Result<T, SqlError>,
) -> Result<T, SqlError> {
    begin(connection)?;
    let done = work(connection);
    match &done {
        Err(error) if error.kind == Fault::Lost => {}
        _ => drop(connection.execute("ROLLBACK")?),
    }
    done
}

/// Where changes go on from; their statement is tried with it.
fn last_cursor(connection: &mut dyn Connection, plan: &Plan) -> Result<u64, SqlError> {
    let mut last = 0;
    let loads = statements::loads(plan, 0)?;
    let changes = loads.iter().find(|load| load.name == "load.changes");
    let lookup = changes.and_then(|changes| changes.lookups.first());
    let Some((_, sql)) = lookup else { return Ok(0) };
    let found = reading(connection, |connection| {
        connection.query(sql, &mut |row| {
            if let Value::Integer(cursor) = row.value(0) {
                last = u64::try_from(cursor).unwrap_or_default();
            }
            Ok(())
        })
    });
    match found {
        Err(error) if error.kind == Fault::Lost => Err(error),
        // The statement is tried all the same, and tells why.
        _ => Ok(last),
    }
}
