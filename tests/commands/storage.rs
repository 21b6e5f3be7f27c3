//! What an operator asks of the storage that needs no server.

use super::folder::Folder;
use rusqlite::Connection;
use serde_json::Value;
use std::collections::BTreeMap;

const PRIVATE: &[u8] = br#"{"tracker": "private"}"#;
const FILE: &str = "chihaya.db";

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.file("site.json", PRIVATE);
    folder
}

fn database(folder: &Folder) -> Connection {
    Connection::open(folder.0.join(FILE)).expect("a database")
}

/// What makes the tables and triggers, as SQLite remembers it.
fn schema(db: &Connection) -> BTreeMap<String, String> {
    let sql = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL";
    let mut statement = db.prepare(sql).expect("a statement");
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)));
    let rows = rows.expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

/// All rows of the tables that the tracker writes.
fn dump(db: &Connection) -> Vec<String> {
    let mut lines = Vec::new();
    for table in ["users", "torrents", "history", "peers", "events", "batches"] {
        let mut rows = db
            .prepare(&format!("SELECT * FROM tracker_{table}"))
            .expect("a table");
        let columns = rows.column_count();
        let mut rows = rows.query(()).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let cells = (0..columns).map(|column| format!("{:?}", row.get_ref(column)));
            lines.push(format!("{table}: {}", cells.collect::<Vec<_>>().join("|")));
        }
    }
    lines
}

fn put_rows(db: &Connection) {
    let sql = "INSERT INTO tracker_users (passkey) VALUES ('one'), ('two');
        INSERT INTO tracker_torrents (info_hash) VALUES (zeroblob(20)), (X'00');";
    db.execute_batch(sql).expect("rows");
}

#[test]
fn the_schema_is_what_the_tracker_makes() {
    let made = folder("storage-schema-made");
    made.on_site(&["user", "list"]).good();
    let piped = folder("storage-schema-piped");
    let script = piped.on_site(&["schema"]).good();
    assert!(!piped.0.join(FILE).exists(), "it connects");
    let db = database(&piped);
    db.execute_batch(&script).expect("a script");
    let tables = schema(&db);
    assert!(tables.len() > 20, "{tables:?}");
    assert_eq!(tables, schema(&database(&made)));
    drop(db);
    piped.on_site(&["user", "add", "alice"]).good();
    assert_eq!(tables, schema(&database(&piped)));
}

#[test]
fn storages_without_tables() {
    let folder = Folder::new("storage-schema-none");
    folder.file(
        "none.json",
        br#"{"tracker": "private", "storage": {"driver": "none"}}"#,
    );
    folder.file(
        "paper.json",
        br#"{"tracker": "private", "storage": {"driver": "paper"}}"#,
    );
    let script = folder.run(&["schema", "--config", "none.json"]).good();
    assert!(
        script.starts_with("-- ") && script.lines().count() == 1,
        "{script}"
    );
    folder.run(&["--check", "--config", "none.json"]).good();
    let told = folder
        .run(&["storage", "check", "--config", "none.json"])
        .good();
    assert!(told.ends_with("0 errors, 1 warning\n"), "{told}");
    for command in [&["schema"][..], &["storage", "check"], &["--check"]] {
        let ran = folder.run(&[command, &["--config", "paper.json"]].concat());
        assert_eq!(ran.code, Some(2), "{command:?}: {ran:?}");
        assert!(ran.err.contains("no driver \"paper\""), "{ran:?}");
    }
}

#[test]
fn a_file_that_is_not_there_yet() {
    let folder = folder("storage-check-absent");
    assert_eq!(
        folder.on_site(&["--check"]).good(),
        "the configuration is good\n"
    );
    let told = folder.on_site(&["storage", "check"]).good();
    assert!(
        told.contains("there is no chihaya.db: the tracker makes it"),
        "{told}"
    );
    let left = std::fs::read_dir(&folder.0).expect("a folder").count();
    assert_eq!(left, 1, "files were made");
    // One of the web application's, in which the tables are to stand.
    database(&folder)
        .execute_batch("CREATE TABLE members (id)")
        .expect("a table");
    assert_eq!(
        folder.on_site(&["--check"]).good(),
        "the configuration is good\n"
    );
    let told = folder.on_site(&["storage", "check"]).good();
    assert!(told.contains("chihaya schema prints them"), "{told}");
    assert_eq!(schema(&database(&folder)).len(), 1);
}

#[test]
fn a_check_leaves_nothing_behind() {
    let folder = folder("storage-check-good");
    folder.on_site(&["user", "list"]).good();
    // Rows are made up where there are none.
    let told = folder.on_site(&["storage", "check"]).good();
    assert!(told.contains("\n0 errors, "), "{told}");
    let db = database(&folder);
    put_rows(&db);
    let before = dump(&db);
    let told = folder.on_site(&["storage", "check"]).good();
    assert!(told.starts_with("sqlite: SQLite 3."), "{told}");
    let said = "warning: load.torrents: 1 of its rows cannot be used: the info_hash is no blob";
    assert!(told.contains(said), "{told}");
    assert!(told.ends_with("\n0 errors, 1 warning\n"), "{told}");
    let json = folder.on_site(&["storage", "check", "--json"]).good();
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let statements = json["statements"].as_array().expect("an array");
    assert_eq!(statements.len(), 12, "{json}");
    assert!(
        statements
            .iter()
            .all(|statement| statement["tried"] == true),
        "{json}"
    );
    assert_eq!(json["statements"][0]["rows"], 2, "{json}");
    assert_eq!(dump(&db), before);
    let checked = folder.on_site(&["--check"]).good();
    assert!(
        checked.starts_with("storage: the database takes 13 statements\n"),
        "{checked}"
    );
}

#[test]
fn tables_that_have_been_changed() {
    let folder = folder("storage-check-changed");
    folder.on_site(&["user", "list"]).good();
    let db = database(&folder);
    put_rows(&db);
    let sql = "ALTER TABLE tracker_peers RENAME COLUMN agent TO client;
        CREATE TRIGGER nobody BEFORE INSERT ON tracker_history
        BEGIN SELECT RAISE(ABORT, 'not this one'); END;";
    db.execute_batch(sql).expect("changed");
    let before = dump(&db);
    let ran = folder.on_site(&["--check"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.err.contains("storage.path: ") && ran.err.contains("agent"),
        "{ran:?}"
    );
    let ran = folder.on_site(&["storage", "check"]);
    assert_eq!((ran.code, &*ran.err), (Some(1), ""), "{ran:?}");
    for said in ["error: write.history: not this one", "error: write.peers: "] {
        assert!(ran.out.contains(said), "{said}: {ran:?}");
    }
    assert!(ran.out.ends_with("\n2 errors, 1 warning\n"), "{ran:?}");
    assert_eq!(dump(&db), before);

    // One that ends the transaction ends the check, before anything is kept.
    let sql = "DROP TRIGGER nobody; CREATE TRIGGER ended BEFORE INSERT ON tracker_history
        BEGIN SELECT RAISE(ROLLBACK, 'nothing at all'); END;";
    db.execute_batch(sql).expect("changed");
    let ran = folder.on_site(&["storage", "check"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.out.contains("rolled back all of the transaction"),
        "{ran:?}"
    );
    assert_eq!(dump(&db), before);

    db.execute_batch("UPDATE tracker_schema SET version = 99")
        .expect("changed");
    for (command, code) in [(&["--check"][..], 2), (&["storage", "check"], 1)] {
        let ran = folder.on_site(command);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.err.contains("version 99"), "{ran:?}");
    }
}

#[test]
fn a_file_that_is_being_written() {
    let folder = folder("storage-check-busy");
    folder.on_site(&["user", "list"]).good();
    let db = database(&folder);
    db.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let told = folder.on_site(&["storage", "check"]).good();
    assert!(
        told.contains("warning: nothing could be written for a try"),
        "{told}"
    );
    folder.on_site(&["--check"]).good();
}
