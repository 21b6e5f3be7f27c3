//! A connection: what is asked is answered, and each fault is what it is.

use super::{File, connect};
use crate::place::new_file;
use chihaya::storage::sql::{
    Connection, Datum, Dialect, Fault, Rows, SqlError, Value, open_sqlite,
};
use std::time::Duration;

fn run(db: &mut dyn Connection, statements: &[&str]) {
    for sql in statements {
        let done = db.execute(sql);
        assert!(done.is_ok(), "{sql}: {done:?}");
    }
}

/// The rows of a query, as they are shown.
fn rows(db: &mut dyn Connection, sql: &str) -> Vec<String> {
    let mut rows = Vec::new();
    let asked = db.query(sql, &mut |row| {
        let values = (0..row.len()).map(|column| format!("{:?}", row.value(column)));
        rows.push(values.collect::<Vec<_>>().join("|"));
        Ok(())
    });
    assert!(asked.is_ok(), "{sql}: {asked:?}");
    rows
}

#[test]
fn counts_are_of_rows_that_match() {
    let mut db = connect(&new_file("counts"));
    assert_eq!(db.dialect(), Dialect::Sqlite);
    for (sql, expected) in [
        ("CREATE TABLE t (id INT PRIMARY KEY, n INT)", 0),
        ("INSERT INTO t VALUES (1, 0), (2, 0), (3, 0)", 3),
        ("UPDATE t SET n = 7 WHERE id < 3", 2),
        // Whether it is changed by that or not.
        ("UPDATE t SET n = 7 WHERE id < 3", 2),
        ("UPDATE t SET n = 7 WHERE id = 9", 0),
        (
            "UPDATE t SET n = d.column2 FROM (VALUES (1, 8), (9, 9)) d WHERE id = d.column1",
            1,
        ),
        (
            "INSERT INTO t VALUES (1, 5), (4, 5) ON CONFLICT (id) DO UPDATE SET n = excluded.n",
            2,
        ),
        ("BEGIN IMMEDIATE", 0),
        ("DELETE FROM t", 4),
        ("ROLLBACK", 0),
        ("DELETE FROM t WHERE id = 2 RETURNING n", 1),
        ("CREATE INDEX i ON t (n)", 0),
    ] {
        assert_eq!(db.execute(sql), Ok(expected), "{sql}");
    }
}

#[test]
fn values_of_all_kinds() {
    let mut db = connect(&new_file("kinds"));
    run(
        &mut *db,
        &[
            "CREATE TABLE t (a BIGINT, b REAL, c VARCHAR(9), d BLOB, e, f DECIMAL(9, 2))",
            "INSERT INTO t VALUES (-9223372036854775808, 2.5, 'é', X'00ff27', CAST(X'ff' AS TEXT), 150)",
            "INSERT INTO t (b) VALUES (7)",
        ],
    );
    let expected = [
        "Integer(-9223372036854775808)|Real(2.5)|Text(\"é\")|Bytes([0, 255, 39])|Bytes([255])|\
         Integer(150)",
        "Null|Integer(7)|Null|Null|Null|Null",
    ];
    assert_eq!(rows(&mut *db, "SELECT * FROM t"), expected);
    let expressions =
        "SELECT 1 = 1, 100 * 1.5, SUM(b), COUNT(*), ROUND(100 * MAX(f)), NULL, 'x' FROM t";
    let expected = ["Integer(1)|Integer(150)|Real(9.5)|Integer(2)|Integer(15000)|Null|Text(\"x\")"];
    assert_eq!(rows(&mut *db, expressions), expected);
}

#[test]
fn names_and_beyond_the_last_column() {
    let mut db = connect(&new_file("names"));
    let mut seen = 0;
    let asked = db.query("SELECT 1 AS id, 'a' AS passkey", &mut |row| {
        let names: Vec<_> = (0..row.len()).map(|column| row.name(column)).collect();
        assert_eq!(names, ["id", "passkey"]);
        assert_eq!((row.name(2), row.value(2)), ("", Value::Null));
        seen += 1;
        Ok(())
    });
    asked.expect("a row");
    assert_eq!(seen, 1);
    run(&mut *db, &["CREATE TABLE t (id INT)"]);
    for (sql, expected) in [
        ("SELECT id, 1 AS one FROM t", Ok(vec!["id", "one"])),
        ("INSERT INTO t VALUES (1)", Ok(vec![])),
        ("SELECT nothing FROM t", Err(Fault::Wrong)),
        ("INSERT INTO nowhere VALUES (1)", Err(Fault::Wrong)),
        ("SELEC 1", Err(Fault::Wrong)),
        ("SELECT ?1", Err(Fault::Wrong)),
        ("SELECT 1; SELECT 2", Err(Fault::Wrong)),
    ] {
        let names = db.prepare(sql).map_err(|err| err.kind);
        let expected = expected.map(|names| names.iter().map(ToString::to_string).collect());
        assert_eq!(names, expected, "{sql}");
    }
    assert!(
        rows(&mut *db, "SELECT * FROM t").is_empty(),
        "nothing was run"
    );
}

#[test]
fn who_is_shown_rows_may_end_it() {
    let mut db = connect(&new_file("ends"));
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let mut seen = 0;
    let ended = db.query(many, &mut |_| {
        seen += 1;
        match seen < 3 {
            true => Ok(()),
            false => Err(SqlError::new(Fault::Wrong, "enough")),
        }
    });
    assert_eq!(ended.expect_err("ended").message, "enough");
    assert_eq!(seen, 3);
    assert_eq!(rows(&mut *db, "SELECT 5"), ["Integer(5)"], "it goes on");
}

#[test]
fn statements_and_rows_that_are_refused() {
    let mut db = connect(&new_file("refused"));
    run(
        &mut *db,
        &[
            "CREATE TABLE parents (id INTEGER PRIMARY KEY)",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, n INT NOT NULL DEFAULT 0, \
             parent INT REFERENCES parents (id), CHECK (n <> 13)) STRICT",
            "INSERT INTO t (id, n) VALUES (1, 5)",
            "CREATE TRIGGER x BEFORE UPDATE ON t WHEN NEW.n = 7 \
             BEGIN SELECT RAISE(ABORT, 'not this one'); END",
            "BEGIN",
        ],
    );
    for (name, sql, expected) in [
        ("a key twice", "INSERT INTO t (id) VALUES (1)", Fault::Data),
        (
            "nobody's child",
            "INSERT INTO t (parent) VALUES (9)",
            Fault::Data,
        ),
        ("null", "INSERT INTO t (n) VALUES (NULL)", Fault::Data),
        (
            "another type",
            "INSERT INTO t (n) VALUES ('x')",
            Fault::Data,
        ),
        (
            "a key of another type",
            "INSERT INTO t (id) VALUES ('x')",
            Fault::Data,
        ),
        ("a check", "INSERT INTO t (n) VALUES (13)", Fault::Data),
        ("a trigger", "UPDATE t SET n = 7", Fault::Data),
        (
            "a sum",
            "UPDATE t SET n = abs(-9223372036854775807 - 1)",
            Fault::Data,
        ),
        (
            "no JSON",
            "UPDATE t SET n = json('{') WHERE id = 1",
            Fault::Data,
        ),
        (
            "too large",
            "UPDATE t SET n = zeroblob(2000000000)",
            Fault::Data,
        ),
        ("syntax", "INSERT t INTO VALUES", Fault::Wrong),
        ("no table", "DELETE FROM nowhere", Fault::Wrong),
        ("no column", "UPDATE t SET nothing = 1", Fault::Wrong),
        ("no function", "UPDATE t SET n = nothing(1)", Fault::Wrong),
        (
            "no key for a conflict",
            "INSERT INTO t VALUES (1, 1, 1) ON CONFLICT (n) DO NOTHING",
            Fault::Wrong,
        ),
        (
            "two statements",
            "DELETE FROM t; DELETE FROM t",
            Fault::Wrong,
        ),
    ] {
        let found = db.execute(sql).map_err(|err| err.kind);
        assert_eq!(found, Err(expected), "{name}");
        assert!(!db.is_idle(), "{name}: the transaction goes on");
    }
    run(&mut *db, &["COMMIT", "PRAGMA query_only = 1"]);
    let read_only = db.execute("DELETE FROM t").map_err(|err| err.kind);
    assert_eq!(read_only, Err(Fault::Wrong));
    assert_eq!(
        rows(&mut *db, "SELECT id, n FROM t"),
        ["Integer(1)|Integer(5)"]
    );
}

#[test]
fn a_message_does_not_tell_what_was_looked_for() {
    let mut db = connect(&new_file("secrets"));
    let asked = db.query(
        "SELECT nothing FROM t WHERE passkey = X'73656372657' ",
        &mut |_| Ok(()),
    );
    let message = asked.expect_err("no such table").message;
    assert!(!message.contains("73656372657"), "{message}");
}

#[test]
fn files_that_cannot_be_had() {
    let kind = |path: &std::path::Path, may_make| {
        let opened = open_sqlite(path, may_make, Duration::ZERO);
        opened.map(drop).map_err(|err| err.kind)
    };
    let missing = new_file("missing");
    assert_eq!(kind(&missing, false), Err(Fault::Wrong), "not there");
    assert!(!missing.exists(), "it is not made");
    assert_eq!(
        kind(&missing.join("x.db"), true),
        Err(Fault::Wrong),
        "no folder"
    );
    let text = new_file("text");
    std::fs::write(&text, "a text, and no database ".repeat(99)).expect("written");
    assert_eq!(kind(&text, true), Err(Fault::Wrong), "no database");
    let newer = new_file("newer");
    let file = File::open(&newer);
    file.run("CREATE TABLE tracker_schema (version INT); INSERT INTO tracker_schema VALUES (99)");
    assert_eq!(
        kind(&newer, true),
        Err(Fault::Wrong),
        "tables of another version"
    );
    let taken = new_file("taken");
    let file = File::open(&taken);
    file.run("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE t (id)");
    assert_eq!(
        kind(&taken, true),
        Err(Fault::Busy),
        "somebody has it alone"
    );
    drop(file);
    assert_eq!(kind(&taken, true), Ok(()));
}

#[test]
fn locks() {
    let path = new_file("locks");
    let (mut db, other) = (connect(&path), File::open(&path));
    run(
        &mut *db,
        &["CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)"],
    );
    other.run("BEGIN IMMEDIATE; UPDATE t SET id = 2");
    for sql in ["BEGIN IMMEDIATE", "DELETE FROM t"] {
        assert_eq!(
            db.execute(sql).map_err(|err| err.kind),
            Err(Fault::Busy),
            "{sql}"
        );
        assert!(db.is_idle());
    }
    assert_eq!(
        rows(&mut *db, "SELECT id FROM t"),
        ["Integer(1)"],
        "reads go on"
    );
    // A read that would become a write after somebody else's.
    run(&mut *db, &["BEGIN"]);
    rows(&mut *db, "SELECT id FROM t");
    other.run("COMMIT");
    let late = db.execute("DELETE FROM t").map_err(|err| err.kind);
    assert_eq!(late, Err(Fault::Busy), "of an older state");
    run(&mut *db, &["ROLLBACK", "DELETE FROM t"]);
}

/// Numbers as rows, and what became of each.
struct Numbers {
    rows: Vec<i64>,
    shown: usize,
    told: Vec<Result<u64, Fault>>,
}

impl Rows for Numbers {
    fn next(&mut self, show: &mut dyn FnMut(Datum<'_>)) -> Option<bool> {
        let row = *self.rows.get(self.shown)?;
        self.shown += 1;
        show(Datum::Integer(row));
        show(Datum::Text("é'".into()));
        show(Datum::Bytes(&[0, 255]));
        // A row that cannot be kept.
        Some(row != 0)
    }

    fn written(&mut self, result: Result<u64, SqlError>) -> Result<(), SqlError> {
        self.told.push(result.map_err(|err| err.kind));
        Ok(())
    }
}

#[test]
fn rows_one_by_one() {
    let mut db = connect(&new_file("each"));
    let each = |db: &mut dyn Connection, sql: &str| {
        let mut numbers = Numbers {
            rows: vec![1, 0, 2, 3, 1, 4],
            shown: 0,
            told: Vec::new(),
        };
        let by_row = db.row_by_row().expect("it is in this process");
        let done = by_row.execute_each(sql, &mut numbers);
        (done.map_err(|err| err.kind), numbers.told)
    };
    run(
        &mut *db,
        &["CREATE TABLE t (id INT UNIQUE, a TEXT, b BLOB)", "BEGIN"],
    );
    let insert = "INSERT INTO t VALUES (?1, ?2, ?3)";
    let (done, told) = each(&mut *db, insert);
    let twice = Err(Fault::Data);
    assert_eq!(
        (done, told),
        (Ok(()), vec![Ok(1), Ok(1), Ok(1), twice, Ok(1)])
    );
    let kept = rows(&mut *db, "SELECT * FROM t WHERE id = 4");
    assert_eq!(kept, ["Integer(4)|Text(\"é'\")|Bytes([0, 255])"]);
    let trigger = "CREATE TRIGGER x BEFORE DELETE ON t WHEN OLD.id = 2 \
        BEGIN SELECT RAISE(ROLLBACK, 'not this one'); END";
    run(&mut *db, &[trigger, "COMMIT", "BEGIN"]);
    let (done, told) = each(
        &mut *db,
        "DELETE FROM t WHERE id = ?1 AND a = ?2 AND b = ?3",
    );
    assert_eq!(
        (done, told),
        (Err(Fault::Data), vec![Ok(1), Err(Fault::Data)])
    );
    assert!(db.is_idle(), "what follows is not written alone");
    assert_eq!(rows(&mut *db, "SELECT count(*) FROM t"), ["Integer(4)"]);
    let (done, told) = each(&mut *db, "DELETE FROM nowhere WHERE id = ?1");
    assert_eq!((done, told), (Err(Fault::Wrong), vec![]));
}
