//! Whether a statement finds its rows by an index: told by the database's own plan.
//!
//! A database that has few rows reads them all whether or not there is an index, so it is asked
//! whether it could do otherwise: PostgreSQL with `enable_seqscan = off`, MySQL by the keys that it
//! takes into account, SQLite, which always takes an index, as it is. A small table that is read
//! beside another, such as of groups, needs none.

use super::{rows, words};
use crate::storage::sql::connection::{Connection, Dialect, Fault, SqlError};
use crate::storage::sql::literal::{self, Datum};
use crate::storage::{Checked, Finding};
use serde_json::Value as Json;
use std::borrow::Cow;

/// Rows below which a table that is joined may as well be read whole.
const SMALL: u64 = 1000;

/// A table as a plan reads it.
struct Step {
    /// Its name, or the one that the statement gives it.
    table: String,
    is_whole: bool,
    /// As the database believes; `None`: it does not know.
    rows: Option<u64>,
}

/// The tables that a statement reads whole for want of an index. It is not run. In PostgreSQL it
/// must stand in a transaction, whose settings it changes.
pub(super) fn scans(connection: &mut dyn Connection, sql: &str) -> Result<Vec<String>, SqlError> {
    let steps = match connection.dialect() {
        Dialect::Sqlite => of_sqlite(connection, sql)?,
        Dialect::Postgres => of_postgres(connection, sql)?,
        Dialect::Mysql => of_mysql(connection, sql)?,
    };
    let is_alone = steps.len() == 1;
    let is_large = |step: &Step| step.rows.is_none_or(|rows| rows >= SMALL);
    let told = steps.iter();
    let told = told.filter(|step| step.is_whole && (is_alone || is_large(step)));
    let mut tables: Vec<String> = told.map(|step| step.table.clone()).collect();
    tables.dedup();
    Ok(tables)
}

/// Tells of tables that are read whole.
pub(super) fn tell(
    checked: &mut Checked,
    what: &str,
    scans: Result<Vec<String>, SqlError>,
) -> Result<(), SqlError> {
    match scans {
        Ok(tables) => {
            for table in tables {
                let message = format!("{what}: all rows of {table} are read: an index is missing");
                checked.findings.push(Finding::warning(message));
            }
            Ok(())
        }
        Err(error) if error.kind == Fault::Lost => Err(error),
        Err(error) => {
            let message = format!("{what}: its plan cannot be seen: {}", error.message);
            checked.findings.push(Finding::warning(message));
            Ok(())
        }
    }
}

fn of_sqlite(connection: &mut dyn Connection, sql: &str) -> Result<Vec<Step>, SqlError> {
    let tables = rows(
        connection,
        "SELECT name FROM sqlite_master WHERE type = 'table'",
    )?;
    let known = |name: &str| {
        let mut tables = tables.iter().flatten();
        tables.find(|table| table.eq_ignore_ascii_case(name))
    };
    let words: Vec<&str> = words(sql).collect();
    // A plan tells the name that the statement gives a table, behind its own.
    let named = |name: &str| {
        let pairs = words.windows(2).filter(|pair| pair[1] == name);
        let threes = words.windows(3).filter(|three| three[2] == name);
        let threes = threes.filter(|three| three[1].eq_ignore_ascii_case("AS"));
        let mut before = pairs
            .map(|pair| pair[0])
            .chain(threes.map(|three| three[0]));
        before.find_map(known)
    };
    let plan = rows(connection, &format!("EXPLAIN QUERY PLAN {sql}"))?;
    let steps = plan.iter().filter_map(|row| {
        let detail = row.last()?;
        let mut detail = detail.split(' ');
        let is_whole = match detail.next()? {
            "SCAN" => true,
            "SEARCH" => false,
            _ => return None,
        };
        let name = detail.next()?;
        let table = known(name).or_else(|| named(name))?.to_owned();
        Some(Step {
            table,
            is_whole,
            rows: None,
        })
    });
    Ok(steps.collect())
}

fn of_mysql(connection: &mut dyn Connection, sql: &str) -> Result<Vec<Step>, SqlError> {
    let mut steps = Vec::new();
    let explain = format!("EXPLAIN FORMAT=TRADITIONAL {sql}");
    connection.query(&explain, &mut |row| {
        let cell = |name: &str| {
            let mut columns = 0..row.len();
            let column = columns.find(|column| row.name(*column).eq_ignore_ascii_case(name));
            column.map(|column| row.value(column))
        };
        use crate::storage::sql::connection::Value::{Integer, Text};
        let text = |name: &str| match cell(name) {
            Some(Text(text)) => Some(text.to_owned()),
            _ => None,
        };
        // A table in which rows are put is no table that is read; and what a part of the statement
        // made has angles around its name.
        let is_read = !matches!(text("select_type").as_deref(), Some("INSERT" | "REPLACE"));
        let table = text("table").filter(|table| is_read && !table.starts_with('<'));
        if let Some(table) = table {
            // Of some versions this is a text.
            let rows = match cell("rows") {
                Some(Integer(rows)) => u64::try_from(rows).ok(),
                Some(Text(rows)) => rows.parse().ok(),
                _ => None,
            };
            let kind = text("type").unwrap_or_default();
            // Of few rows an index is not worth while; of many it is, unless it is of no use.
            let has_index = text("possible_keys").is_some() && rows.is_none_or(|rows| rows < SMALL);
            steps.push(Step {
                table,
                is_whole: matches!(kind.as_str(), "ALL" | "index") && !has_index,
                rows,
            });
        }
        Ok(())
    })?;
    Ok(steps)
}

fn of_postgres(connection: &mut dyn Connection, sql: &str) -> Result<Vec<Step>, SqlError> {
    connection.execute("SET LOCAL enable_seqscan = off")?;
    let told = rows(connection, &format!("EXPLAIN (FORMAT JSON) {sql}"))?;
    let text: String = told.into_iter().flatten().collect();
    let plan: Json = serde_json::from_str(&text).unwrap_or_default();
    let mut steps = Vec::new();
    collect(&plan, &mut steps);
    if steps.len() > 1 {
        for step in steps.iter_mut().filter(|step| step.is_whole) {
            step.rows = estimate(connection, &step.table)?;
        }
    }
    Ok(steps)
}

/// Takes the tables out of a plan, or a list of plans. Its depth is that of the statement.
fn collect(plan: &Json, steps: &mut Vec<Step>) {
    for plan in plan.as_array().into_iter().flatten() {
        collect(plan, steps);
    }
    let Some(plan) = plan.as_object() else { return };
    let text = |name: &str| plan.get(name).and_then(Json::as_str);
    let kind = text("Node Type").unwrap_or_default();
    if let Some(table) = text("Relation Name").filter(|_| kind.ends_with("Scan")) {
        let is_by_order = matches!(kind, "Index Scan" | "Index Only Scan");
        steps.push(Step {
            table: table.to_owned(),
            is_whole: kind == "Seq Scan" || (is_by_order && text("Index Cond").is_none()),
            rows: None,
        });
    }
    for part in ["Plan", "Plans"] {
        if let Some(part) = plan.get(part) {
            collect(part, steps);
        }
    }
}

/// The rows that a table has, as PostgreSQL believes.
fn estimate(connection: &mut dyn Connection, table: &str) -> Result<Option<u64>, SqlError> {
    let mut sql = "SELECT MAX(reltuples)::BIGINT FROM pg_class WHERE relname = ".to_owned();
    let table = Datum::Text(Cow::Borrowed(table));
    literal::write(&mut sql, Dialect::Postgres, &table);
    sql.push_str(" AND pg_table_is_visible(oid)");
    let found = rows(connection, &sql)?;
    // Less than nothing where it has never been counted.
    Ok(found.iter().flatten().find_map(|rows| rows.parse().ok()))
}
