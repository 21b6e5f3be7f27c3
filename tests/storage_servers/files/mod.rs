//! Files of SQLite: another way into them than the tracker's, and what the driver makes of them.

mod connection;
mod site;
mod written;

use crate::place::new_file;
use chihaya::storage::sql::{
    Connection, Dialect, Given, Plan, SqlStorage, find_preset, open_sqlite,
};
use rusqlite::Row;
use rusqlite::types::ValueRef;
use std::path::Path;
use std::time::Duration;

/// Somebody else's connection.
pub struct File(rusqlite::Connection);

impl File {
    pub fn open(path: &Path) -> File {
        let db = rusqlite::Connection::open(path).expect("a database");
        // The tests do not pull the plug. The tracker may be writing.
        db.execute_batch("PRAGMA synchronous = OFF; PRAGMA busy_timeout = 10000")
            .expect("faster");
        File(db)
    }

    pub fn run(&self, sql: &str) {
        let done = self.0.execute_batch(sql);
        assert!(done.is_ok(), "{sql}: {done:?}");
    }

    pub fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let mut statement = self.0.prepare(sql).unwrap_or_else(|err| panic!("{err}"));
        let columns = statement.column_count();
        let read = |row: &Row<'_>| {
            let value = |column| match row.get_ref(column).expect("a value") {
                ValueRef::Null => "NULL".to_owned(),
                ValueRef::Integer(number) => number.to_string(),
                ValueRef::Real(number) => number.to_string(),
                ValueRef::Text(text) => String::from_utf8(text.to_vec()).expect("UTF-8"),
                ValueRef::Blob(bytes) => panic!("{sql}: {bytes:?}"),
            };
            Ok((0..columns).map(value).collect())
        };
        let rows = statement.query_map((), read).expect("rows");
        rows.map(|row| row.expect("a row")).collect()
    }

    fn number(&self, sql: &str) -> i64 {
        let value = self.0.query_row(sql, [], |row| row.get(0));
        value.unwrap_or_else(|err| panic!("{sql}: {err}"))
    }
}

/// A connection that waits for nobody.
fn connect(path: &Path) -> Box<dyn Connection> {
    open_sqlite(path, true, Duration::ZERO).expect("a connection")
}

/// The tracker's own tables by statements, which wait for nobody; and somebody else.
fn own(name: &str) -> (SqlStorage, File) {
    let path = new_file(name);
    let preset = find_preset("own", Dialect::Sqlite).expect("a preset");
    let plan = Plan::new(Dialect::Sqlite, preset, &Given::new(), &Given::new());
    let file = path.clone();
    let open = Box::new(move || open_sqlite(&file, true, Duration::ZERO));
    let mut storage = SqlStorage::new("sqlite", plan.expect("a plan"), preset, open);
    storage.connect().expect("tables");
    (storage, File::open(&path))
}
