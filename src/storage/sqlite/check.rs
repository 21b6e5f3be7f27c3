//! A file looked at for whoever runs the tracker: what is read, and what would be written.

use super::commit::{self, step};
use super::row::{self, Fault};
use super::{BUSY_TIMEOUT, failure, load, position, schema};
use crate::storage::sample::Sample;
use crate::storage::{
    Change, Checked, Commit, Elapsed, Finding, Global, Prepared, Report, StorageError,
};
use rusqlite::{Connection, OpenFlags, Row, TransactionBehavior};
use std::collections::BTreeMap;
use std::path::Path;

/// The writer of a position that is made up.
const WRITER: &str = "chihaya storage check";

/// What a row says, or why it cannot be used.
type Read = fn(&Row<'_>) -> Result<Option<Change>, Fault>;

/// What is read, under the names that other drivers give their statements.
const LOADS: [(&str, &str, Read); 5] = [
    ("load.users", row::USERS, |row| {
        row::user(row).map(|user| Some(Change::User(user)))
    }),
    ("load.torrents", row::TORRENTS, |row| {
        row::torrent(row).map(|torrent| Some(Change::Torrent(torrent)))
    }),
    ("load.clients", row::CLIENTS, |row| {
        row::client(row).map(|_| None)
    }),
    ("load.tokens", row::TOKENS, |row| {
        row::token(row).map(|_| None)
    }),
    ("load.options", load::OPTIONS, |row| {
        load::set_option(&mut Global::default(), row).map(|()| None)
    }),
];

/// A file whose tables are there; else what makes them.
fn open(path: &Path, flags: OpenFlags) -> Result<Result<Connection, String>, StorageError> {
    if !path.exists() {
        let path = path.display();
        return Ok(Err(format!(
            "there is no {path}: the tracker makes it when it starts"
        )));
    }
    let doing = format!("cannot open {}", path.display());
    let failed = failure(&doing);
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(&failed)?;
    db.busy_timeout(BUSY_TIMEOUT).map_err(&failed)?;
    Ok(match schema::known(&db)? {
        true => Ok(db),
        false => Err(format!(
            "the tracker's tables are not in {}: it makes them when it starts, chihaya schema \
             prints them",
            path.display()
        )),
    })
}

/// Prepares every statement, without changing the file.
pub fn prepare(path: &Path) -> Result<Prepared, StorageError> {
    let db = match open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)? {
        Ok(db) => db,
        Err(_) => return Ok(Prepared::Nothing),
    };
    let loads = LOADS.iter().map(|(_, sql, _)| *sql);
    let statements: Vec<&str> = loads.chain(commit::STATEMENTS).collect();
    let faults = statements.iter().filter_map(|sql| db.prepare(sql).err());
    let faults: Vec<String> = faults
        .map(|error| format!("storage.path: {}: {error}", path.display()))
        .collect();
    Ok(match faults.is_empty() {
        true => Prepared::Good {
            statements: statements.len(),
            note: None,
        },
        false => Prepared::Faults(faults),
    })
}

/// Reads all rows, and writes some that are made up, in a transaction that is rolled back.
pub fn check(path: &Path, elapsed: Elapsed<'_>) -> Result<Report, StorageError> {
    let mut report = Report {
        preset: Some("own".to_owned()),
        server: Some(format!("SQLite {}", rusqlite::version())),
        ..Report::default()
    };
    let mut db = match open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)? {
        Ok(db) => db,
        Err(note) => {
            report.findings.push(Finding::warning(note));
            return Ok(report);
        }
    };
    let mut sample = Sample::default();
    for (name, sql, read) in LOADS {
        let began = elapsed();
        let mut checked = Checked::of(name);
        if let Err(error) = every(&db, sql, read, &mut sample, &mut checked) {
            checked.findings.push(Finding::error(error.to_string()));
        }
        let took = elapsed().saturating_sub(began);
        checked.milliseconds = u64::try_from(took.as_millis()).ok();
        report.statements.push(checked);
    }
    match writes(&mut db, &sample) {
        Ok(written) => report.statements.extend(written),
        Err(StorageError::Retry(message)) => {
            let message = format!("nothing could be written for a try: {message}");
            report.findings.push(Finding::warning(message));
        }
        Err(error) => return Err(error),
    }
    Ok(report)
}

/// Reads all rows of a statement, one at a time.
fn every(
    db: &Connection,
    sql: &str,
    read: Read,
    sample: &mut Sample,
    checked: &mut Checked,
) -> rusqlite::Result<()> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query(())?;
    let mut unusable: BTreeMap<Fault, u64> = BTreeMap::new();
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        match read(row) {
            Ok(change) => change.iter().for_each(|change| sample.see(change)),
            Err(fault) => *unusable.entry(fault).or_default() += 1,
        }
    }
    checked.rows = Some(count);
    for (fault, rows) in unusable {
        let message = format!("{rows} of its rows cannot be used: {fault}");
        checked.findings.push(Finding::warning(message));
    }
    Ok(())
}

/// Writes a row of each kind, and takes it back.
fn writes(db: &mut Connection, sample: &Sample) -> Result<Vec<Checked>, StorageError> {
    let failed = failure("cannot write");
    let begun = db.transaction_with_behavior(TransactionBehavior::Immediate);
    let mut work = begun.map_err(&failed)?;
    let mut found = Vec::new();
    for (name, batch) in parts(sample) {
        let mut checked = Checked::of(name);
        let savepoint = work.savepoint().map_err(&failed)?;
        if let Err(error) = commit::write(&savepoint, &batch) {
            checked.findings.push(refused(error, sample));
        }
        // A savepoint that is not committed is rolled back when it is dropped.
        drop(savepoint);
        let is_over = work.is_autocommit();
        if is_over {
            let message = "a trigger has rolled back all of the transaction: no more was tried";
            checked.findings.push(Finding::error(message));
        }
        found.push(checked);
        if is_over {
            return Ok(found);
        }
    }
    let mut checked = Checked::of("write.position");
    let batch = Commit {
        to: 1,
        ..Commit::default()
    };
    let moved = step(&work, WRITER, &batch).and_then(|_| position(&work, WRITER));
    match moved {
        Ok(1) => {}
        Ok(_) => checked
            .findings
            .push(Finding::error("a step from 0 to 1 did not move it")),
        Err(error) => checked.findings.push(Finding::error(error.to_string())),
    }
    found.push(checked);
    work.rollback().map_err(failed)?;
    Ok(found)
}

fn refused(error: StorageError, sample: &Sample) -> Finding {
    let message = match error {
        StorageError::Rows(rows) => {
            let messages: Vec<_> = rows.into_iter().map(|row| row.message).collect();
            messages.join("; ")
        }
        error => return Finding::error(error.to_string()),
    };
    match sample.is_there() {
        true => Finding::error(message),
        false => Finding::warning(format!("there is no user and torrent to try it: {message}")),
    }
}

/// The first row of each part, by its name.
fn parts(sample: &Sample) -> [(&'static str, Commit); 6] {
    let batch = sample.batch();
    let first = Commit::default;
    macro_rules! part {
        ($name:literal, $table:ident) => {
            (
                $name,
                Commit {
                    $table: batch.$table.into_iter().take(1).collect(),
                    ..first()
                },
            )
        };
    }
    [
        part!("write.users", users),
        part!("write.history", history),
        part!("write.torrents", torrents),
        part!("write.peers", peers),
        part!("write.forgotten", forgotten),
        part!("write.events", events),
    ]
}
