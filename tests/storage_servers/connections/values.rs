//! Rows, counts, names.

use super::{Site, on_each, run};
use crate::servers::Kind;
use chihaya::storage::sql::{Connection, Dialect, Fault, SqlError, Value};
use std::fmt::Debug;

/// A value that outlives its row.
fn text(value: Value<'_>) -> String {
    let shown: &dyn Debug = &value;
    format!("{shown:?}")
}

/// The rows of a query, each value as it is shown.
pub(super) fn rows(db: &mut dyn Connection, sql: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let asked = db.query(sql, &mut |row| {
        rows.push(
            (0..row.len())
                .map(|column| text(row.value(column)))
                .collect(),
        );
        Ok(())
    });
    asked.unwrap_or_else(|err| panic!("{sql}: {err:?}"));
    rows
}

#[test]
fn counts_are_of_rows_that_match() {
    on_each("counts", |site| {
        let mut db = site.connect();
        let what = site.kind();
        let dialect = site.either("Mysql", "Postgres");
        assert_eq!(format!("{:?}", db.dialect()), dialect);
        assert_ne!(db.dialect(), Dialect::Sqlite);
        for (sql, expected) in [
            ("CREATE TABLE t (id INT PRIMARY KEY, n INT)", 0),
            ("INSERT INTO t VALUES (1, 0), (2, 0), (3, 0)", 3),
            ("UPDATE t SET n = 7 WHERE id < 3", 2),
            // Whether it is changed by that or not.
            ("UPDATE t SET n = 7 WHERE id < 3", 2),
            ("UPDATE t SET n = 7 WHERE id = 9", 0),
            ("BEGIN", 0),
            ("DELETE FROM t", 3),
            ("ROLLBACK", 0),
            ("DELETE FROM t WHERE id = 2", 1),
        ] {
            let rows = db
                .execute(sql)
                .unwrap_or_else(|err| panic!("{sql}: {err:?}"));
            assert_eq!(rows, expected, "{what:?}: {sql}");
        }
    });
}

#[test]
fn values_of_all_kinds() {
    on_each("kinds", |site| {
        let mut db = site.connect();
        run(
            &mut *db,
            &[
                site.either(
                    "CREATE TABLE t (a BIGINT, b BIGINT UNSIGNED, c DECIMAL(20,4), d DOUBLE, \
                     e TINYINT, f VARCHAR(9), g VARBINARY(9), h BLOB, i DATETIME, j BOOL, \
                     k ENUM('0','1'), l BIT(9), m FLOAT, n YEAR, o CHAR(3), p TEXT, q BINARY(3))",
                    "CREATE TABLE t (a BIGINT, b NUMERIC, c NUMERIC(20,4), d DOUBLE PRECISION, \
                     e SMALLINT, f VARCHAR(9), g BYTEA, h BYTEA, i TIMESTAMPTZ, j BOOL, k INET, \
                     l OID, m REAL, n INT, o CHAR(3), p TEXT, q UUID)",
                ),
                site.either(
                    "INSERT INTO t VALUES (-9223372036854775808, 18446744073709551615, 150, 2.5, \
                     1, 'é', X'00ff27', '', '2025-01-02 03:04:05', TRUE, '1', 300, 100, 2025, \
                     'ab', '', X'0102')",
                    "INSERT INTO t VALUES (-9223372036854775808, 18446744073709551615, 150, 2.5, \
                     1, 'é', '\\x00ff27', '', '2025-01-02 03:04:05', TRUE, '192.0.2.1', 300, 100, \
                     2025, 'ab', '', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')",
                ),
                "INSERT INTO t (c) VALUES (0.5)",
            ],
        );
        let found = rows(&mut *db, "SELECT * FROM t ORDER BY c DESC");
        let expected = site.either(
            "Integer(-9223372036854775808)|Integer(18446744073709551615)|Integer(150)|Real(2.5)|\
             Integer(1)|Text(\"é\")|Bytes([0, 255, 39])|Bytes([])|Text(\"2025-01-02 03:04:05\")|\
             Integer(1)|Text(\"1\")|Integer(300)|Integer(100)|Integer(2025)|Text(\"ab\")|\
             Text(\"\")|Bytes([1, 2, 0])",
            "Integer(-9223372036854775808)|Integer(18446744073709551615)|Integer(150)|Real(2.5)|\
             Integer(1)|Text(\"é\")|Bytes([0, 255, 39])|Bytes([])|\
             Text(\"2025-01-02 03:04:05+00\")|Integer(1)|Text(\"192.0.2.1\")|Integer(300)|\
             Integer(100)|Integer(2025)|Text(\"ab \")|Text(\"\")|\
             Text(\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\")",
        );
        assert_eq!(found[0].join("|"), expected);
        let nulls: Vec<_> = found[1].iter().filter(|value| *value == "Null").collect();
        assert_eq!((nulls.len(), &*found[1][2]), (16, "Real(0.5)"), "{found:?}");

        let expressions = "SELECT 1 = 1, 100 * 1.5, SUM(e), COUNT(*), COALESCE(MAX(f), ''), \
            ROUND(100 * MAX(c)), NULL, 'x', ROUND(100 * MAX(m)) FROM t";
        let found = rows(&mut *db, expressions);
        let expected = "Integer(1)|Integer(150)|Integer(1)|Integer(2)|Text(\"é\")|Integer(15000)|\
            Null|Text(\"x\")|Integer(10000)";
        assert_eq!(found[0].join("|"), expected, "{:?}", site.kind());
    });
}

#[test]
fn names_and_beyond_the_last_column() {
    on_each("names", |site| {
        let mut db = site.connect();
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
        assert_eq!(rows(&mut *db, "SELECT 1 WHERE 1 = 0").len(), 0);
        run(&mut *db, &["CREATE TABLE t (id INT)"]);
        for (sql, expected) in [
            ("SELECT id, 1 AS one FROM t", Ok(vec!["id", "one"])),
            ("INSERT INTO t VALUES (1)", Ok(vec![])),
            ("UPDATE t SET id = 2", Ok(vec![])),
            ("SELECT nothing FROM t", Err(Fault::Wrong)),
            ("INSERT INTO nowhere VALUES (1)", Err(Fault::Wrong)),
            ("SELEC 1", Err(Fault::Wrong)),
            (site.either("SELECT ?", "SELECT $1"), Err(Fault::Wrong)),
        ] {
            let names = db.prepare(sql).map_err(|err| err.kind);
            let expected = expected.map(|names| names.iter().map(ToString::to_string).collect());
            assert_eq!(names, expected, "{:?}: {sql}", site.kind());
        }
        assert_eq!(
            rows(&mut *db, "SELECT * FROM t").len(),
            0,
            "nothing was run"
        );
    });
}

#[test]
fn who_is_shown_rows_may_end_it() {
    on_each("ends", |site| {
        let mut db = site.connect();
        let mut seen = 0;
        let ended = db.query(many(site, 100_000), &mut |_| {
            seen += 1;
            let message = "enough".to_owned();
            let kind = Fault::Wrong;
            if seen < 3 {
                Ok(())
            } else {
                Err(SqlError { kind, message })
            }
        });
        assert_eq!(ended.expect_err("ended").message, "enough");
        assert_eq!(seen, 3);
        assert_eq!(rows(&mut *db, "SELECT 5"), [["Integer(5)"]], "it goes on");
    });
}

fn many(site: &Site<'_>, count: u32) -> &'static str {
    let sql = match site.kind() {
        Kind::Mariadb => format!("SELECT seq, REPEAT('x', 200) FROM seq_1_to_{count}"),
        Kind::Postgres => format!("SELECT n, repeat('x', 200) FROM generate_series(1, {count}) n"),
    };
    sql.leak()
}

/// A million rows of 200 bytes come through, and are never here all at once.
#[test]
fn large_results_take_no_memory() {
    const ROWS: u32 = 1_000_000;
    const MOST_KIB: u64 = 50 << 10;
    on_each("large", |site| {
        let mut db = site.connect();
        let before = resident_kib();
        let (mut count, mut sum, mut most) = (0, 0, 0);
        let asked = db.query(many(site, ROWS), &mut |row| {
            if let (Value::Integer(number), Value::Text(text)) = (row.value(0), row.value(1)) {
                (count, sum) = (count + text.len(), sum + number);
            }
            if sum % 4096 == 0 {
                most = most.max(resident_kib());
            }
            Ok(())
        });
        asked.expect("rows");
        assert_eq!((count, sum), (200_000_000, 500_000_500_000));
        let kib = most.max(resident_kib()).saturating_sub(before);
        println!("{:?}: {ROWS} rows, {kib} KiB more", site.kind());
        assert!(kib < MOST_KIB, "{:?}: {kib} KiB more", site.kind());
    });
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
