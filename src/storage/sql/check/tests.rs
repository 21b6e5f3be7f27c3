//! Checks in SQLite, the one database that needs no server.

use super::{check, prepare};
use crate::storage::sql::connection::{Connection, Dialect, Fault, Row, SqlError, Value};
use crate::storage::sql::plan::{Given, Plan};
use crate::storage::sql::presets::Preset;
use crate::storage::{Prepared, Report, Severity};
use rusqlite::types::ValueRef;
use std::time::Duration;

struct Memory(rusqlite::Connection);

fn wrong(error: rusqlite::Error) -> SqlError {
    let kind = match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => Fault::Data,
        _ => Fault::Wrong,
    };
    SqlError::new(kind, error.to_string())
}

impl Connection for Memory {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn execute(&mut self, sql: &str) -> Result<u64, SqlError> {
        let changed = self.0.execute(sql, ()).map_err(wrong)?;
        Ok(changed as u64)
    }

    fn query(
        &mut self,
        sql: &str,
        each: &mut dyn FnMut(&dyn Row) -> Result<(), SqlError>,
    ) -> Result<(), SqlError> {
        let mut statement = self.0.prepare(sql).map_err(wrong)?;
        let mut rows = statement.query(()).map_err(wrong)?;
        while let Some(row) = rows.next().map_err(wrong)? {
            each(&Cells(row))?;
        }
        Ok(())
    }

    fn prepare(&mut self, sql: &str) -> Result<Vec<String>, SqlError> {
        let statement = self.0.prepare(sql).map_err(wrong)?;
        let names = statement.column_names();
        Ok(names.into_iter().map(str::to_owned).collect())
    }
}

struct Cells<'r>(&'r rusqlite::Row<'r>);

impl Row for Cells<'_> {
    fn len(&self) -> usize {
        self.0.as_ref().column_count()
    }

    fn name(&self, column: usize) -> &str {
        self.0.as_ref().column_name(column).expect("a column")
    }

    fn value(&self, column: usize) -> Value<'_> {
        match self.0.get_ref(column).expect("a column") {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number.into()),
            ValueRef::Real(number) => Value::Real(number),
            ValueRef::Text(text) => Value::Text(std::str::from_utf8(text).expect("UTF-8")),
            ValueRef::Blob(bytes) => Value::Bytes(bytes),
        }
    }
}

static SITE: Preset = Preset {
    name: "site",
    dialect: Dialect::Sqlite,
    load: &[
        ("users", "SELECT id, secret AS passkey FROM members"),
        (
            "torrents",
            "SELECT t.id AS id, hash AS info_hash, percent AS down_percent FROM files t \
             JOIN categories c ON c.name = t.category",
        ),
        (
            "changes",
            "SELECT at AS cursor, 'user' AS kind, id AS \"key\" FROM members WHERE at > :cursor",
        ),
    ],
    write: &[
        (
            "users",
            "UPDATE members SET up = members.up + d.up FROM (SELECT column1 AS id, column2 AS up \
             FROM (VALUES [[( :user, :up)|, ]])) d WHERE members.id = d.id",
        ),
        (
            "peers",
            "INSERT INTO peers (member, file) VALUES [[( :user, :torrent)|, ]] \
             ON CONFLICT (member, file) DO UPDATE SET file = excluded.file",
        ),
    ],
    schema: &["CREATE TABLE IF NOT EXISTS tracker_batches (writer TEXT PRIMARY KEY, seq INTEGER)"],
    tracking: &[],
};

const TABLES: &str = "
    PRAGMA foreign_keys = on;
    CREATE TABLE members (id INTEGER PRIMARY KEY, secret TEXT UNIQUE, up INTEGER DEFAULT 0, at INTEGER);
    CREATE INDEX members_at ON members (at);
    CREATE TABLE categories (name TEXT PRIMARY KEY, percent INTEGER);
    CREATE TABLE files (id INTEGER PRIMARY KEY, hash BLOB UNIQUE, category TEXT);
    CREATE TABLE peers (member INTEGER REFERENCES members, file INTEGER REFERENCES files,
        PRIMARY KEY (member, file));
    INSERT INTO members (id, secret, at) VALUES (1, 'one', 10), (2, 'two', 20);
    INSERT INTO categories VALUES ('all', 100);";
const FILES: &str = "INSERT INTO files VALUES (1, zeroblob(20), 'all'), (2, X'00', 'all')";

fn site(tables: &[&str]) -> Memory {
    let db = rusqlite::Connection::open_in_memory().expect("a database");
    tables
        .iter()
        .for_each(|sql| db.execute_batch(sql).expect(sql));
    Memory(db)
}

fn plan(write: &Given) -> Plan {
    Plan::new(Dialect::Sqlite, &SITE, &Given::new(), write).expect("a plan")
}

fn checked(db: &mut Memory, write: &Given) -> Report {
    let mut time = Duration::ZERO;
    let mut elapsed = || {
        time += Duration::from_millis(2);
        time
    };
    check(db, &plan(write), &SITE, &mut elapsed).expect("a connection")
}

/// What was found: statement and message.
fn found(report: &Report) -> Vec<String> {
    let of_statement = |statement: &crate::storage::Checked| {
        let name = statement.name.clone();
        let findings = statement.findings.clone().into_iter();
        findings.map(move |finding| format!("{name}: {}", finding.message))
    };
    let whole = report
        .findings
        .iter()
        .map(|finding| finding.message.clone());
    whole
        .chain(report.statements.iter().flat_map(of_statement))
        .collect()
}

#[test]
fn a_good_site() {
    let mut db = site(&[TABLES, FILES, SITE.schema[0]]);
    let report = checked(&mut db, &Given::new());
    let said = "load.torrents: 1 of its rows cannot be used: the info_hash is neither 20 bytes nor 40 hex digits";
    assert_eq!(found(&report), [said]);
    assert!(
        report
            .server
            .is_some_and(|server| server.starts_with("SQLite 3."))
    );
    let names: Vec<_> = report
        .statements
        .iter()
        .map(|checked| &*checked.name)
        .collect();
    assert_eq!(
        names,
        [
            "load.users",
            "load.torrents",
            "load.changes",
            "write.users",
            "write.peers",
            "write.position"
        ]
    );
    let users = &report.statements[0];
    assert_eq!((users.rows, users.milliseconds), (Some(2), Some(2)));
    assert_eq!(users.defaults[..2], ["enabled", "can_leech"]);
    let left = "SELECT (SELECT count(*) FROM peers) + (SELECT count(*) FROM tracker_batches)";
    let left: u32 = db.0.query_row(left, (), |row| row.get(0)).expect("a count");
    assert_eq!(left, 0);
    assert!(db.0.is_autocommit(), "a transaction is open");
    let prepared = prepare(&mut db, &plan(&Given::new()), &SITE).expect("a connection");
    let (statements, note) = (13, None);
    assert_eq!(prepared, Prepared::Good { statements, note });
}

#[test]
fn nothing_to_try_it_with() {
    let mut db = site(&[TABLES]);
    let report = checked(&mut db, &Given::new());
    let messages = found(&report);
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(
        messages[0].contains("tables are not there (no such table"),
        "{messages:?}"
    );
    assert!(
        messages[1].starts_with("write.peers: it refuses a row"),
        "{messages:?}"
    );
    assert_eq!(report.count(Severity::Error), 0);
    assert!(!report.statements[5].tried, "{report:?}");
}

#[test]
fn whole_tables_that_are_read() {
    let index = "CREATE TABLE files_old AS SELECT * FROM files; DROP TABLE peers; DROP TABLE files;
        CREATE TABLE files AS SELECT * FROM files_old; CREATE TABLE peers (member, file UNIQUE)";
    let mut db = site(&[TABLES, SITE.schema[0], index]);
    let delete = "DELETE FROM peers WHERE member IN ([[ :user|, ]])".to_owned();
    let write = Given::from([
        ("peers".to_owned(), None),
        ("forgotten".to_owned(), Some(delete)),
    ]);
    let report = checked(&mut db, &write);
    let said = [
        "load.torrents: by info_hash: all rows of files are read: an index is missing",
        "load.torrents: by id: all rows of files are read: an index is missing",
        "write.forgotten: it looks for its rows: all rows of peers are read: an index is missing",
    ];
    assert_eq!(found(&report), said);
    assert_eq!(report.count(Severity::Warning), 3);
}
