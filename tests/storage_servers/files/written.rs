//! Batches by statements: what is written, and what is refused.

use super::{File, own};
use crate::place::new_file;
use chihaya::model::{TorrentId, Transfer, UserId};
use chihaya::storage::sql::SqlStorage;
use chihaya::storage::{
    Change, Commit, Cursor, HistoryDelta, Sqlite, Storage, StorageError, Table, TorrentDelta,
    UserDelta,
};

/// So much is added to all sums of a user.
fn of_user(number: u64, amount: u64) -> UserDelta {
    let amount = Transfer {
        uploaded: amount,
        downloaded: amount,
    };
    UserDelta {
        user: UserId(number),
        credited: amount,
        raw: amount,
    }
}

/// The rows refused of a batch; none when it was written.
fn refused(storage: &mut SqlStorage, batch: &Commit) -> Vec<(Table, usize)> {
    match storage.commit("w", batch) {
        Ok(()) => Vec::new(),
        Err(StorageError::Rows(rows)) => rows.iter().map(|row| (row.table, row.place)).collect(),
        Err(err) => panic!("{err}"),
    }
}

#[test]
fn the_tables_are_those_of_the_other_driver() {
    let tables = |file: &File| file.rows("SELECT type, name, sql FROM sqlite_master ORDER BY name");
    let (_, by_statements) = own("tables");
    let path = new_file("tables-embedded");
    drop(Sqlite::open(&path).expect("a database"));
    let embedded = File::open(&path);
    assert_eq!(tables(&by_statements), tables(&embedded));
    let version = "SELECT version FROM tracker_schema";
    assert_eq!(by_statements.number(version), embedded.number(version));
}

#[test]
fn sums_stay_integers_at_their_ends() {
    let (mut storage, web) = own("ends_of_sums");
    web.run("INSERT INTO tracker_users (id, passkey) VALUES (1, 'a')");
    web.run("INSERT INTO tracker_torrents (id, info_hash) VALUES (1, zeroblob(20))");
    let most = i64::MAX.unsigned_abs();
    let mut at = 0;
    let mut add = |sum: u64, balance: i64| {
        let amount = of_user(1, sum).raw;
        let history = HistoryDelta {
            user: UserId(1),
            torrent: TorrentId(1),
            credited: amount,
            raw: amount,
            seed_seconds: sum,
            leech_seconds: sum,
            announces: sum,
            snatches: sum,
            ..HistoryDelta::default()
        };
        let batch = Commit {
            from: at,
            to: at + 1,
            users: vec![of_user(1, sum)],
            history: vec![history],
            torrents: vec![TorrentDelta {
                torrent: TorrentId(1),
                snatches: sum,
                balance,
                ..TorrentDelta::default()
            }],
            ..Commit::default()
        };
        storage.commit("w", &batch).expect("written");
        at += 1;
    };
    let sums = [
        (
            "tracker_users",
            "uploaded downloaded raw_uploaded raw_downloaded",
        ),
        (
            "tracker_history",
            "uploaded downloaded raw_uploaded raw_downloaded seed_seconds leech_seconds announces snatches",
        ),
        ("tracker_torrents", "snatches"),
    ];
    for (name, sum, expected) in [
        ("near the end", most - 1, i64::MAX - 1),
        ("at the end", 1, i64::MAX),
        ("one more", 1, i64::MAX),
        ("nothing more", 0, i64::MAX),
        ("as much again", most, i64::MAX),
    ] {
        add(sum, 0);
        for (table, columns) in sums {
            for column in columns.split(' ') {
                let found = web.number(&format!("SELECT {column} FROM {table}"));
                assert_eq!(found, expected, "{name}: {table}.{column}");
            }
        }
    }
    for (name, balance, expected) in [
        ("up", i64::MAX, i64::MAX),
        ("up at the end", 1, i64::MAX),
        ("down", i64::MIN, -1),
        ("down again", i64::MIN, i64::MIN),
        ("down at the end", -1, i64::MIN),
        ("up from there", i64::MAX, -1),
        ("nothing", 0, -1),
    ] {
        add(0, balance);
        let found = web.number("SELECT balance FROM tracker_torrents");
        assert_eq!(found, expected, "balance goes {name}");
    }
}

#[test]
fn rows_that_are_refused() {
    let (mut storage, web) = own("refused_rows");
    web.run("INSERT INTO tracker_users (id, passkey) VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    web.run(
        "CREATE TRIGGER x BEFORE UPDATE ON tracker_users WHEN NEW.id = 2 \
        BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    );
    let of_torrent = |snatches, balance| TorrentDelta {
        torrent: TorrentId(77),
        snatches,
        balance,
        ..TorrentDelta::default()
    };
    let of_history = |user| HistoryDelta {
        user: UserId(user),
        torrent: TorrentId(1),
        ..HistoryDelta::default()
    };
    let batch = Commit {
        to: 1,
        users: vec![
            of_user(1, 5),
            of_user(2, 5),
            of_user(3, u64::MAX),
            of_user(77, 0),
            of_user(u64::MAX, 1),
        ],
        history: vec![of_history(1), of_history(u64::MAX)],
        torrents: vec![of_torrent(0, 0), of_torrent(1, 0), of_torrent(0, -1)],
        ..Commit::default()
    };
    let users = [1, 2, 3, 4].map(|place| (Table::Users, place));
    let others = [
        (Table::History, 1),
        (Table::Torrents, 1),
        (Table::Torrents, 2),
    ];
    assert_eq!(
        refused(&mut storage, &batch),
        [&users[..], &others].concat()
    );
    assert_eq!(web.number("SELECT sum(uploaded) FROM tracker_users"), 0);
    assert_eq!(web.number("SELECT count(*) FROM tracker_history"), 0);
    assert_eq!(storage.position("w").expect("a position"), 0);
}

/// After a trigger has rolled back everything, what follows would be written outside of any
/// transaction.
#[test]
fn a_trigger_that_rolls_back_leaves_nothing() {
    let (mut storage, web) = own("rolled_back");
    web.run("INSERT INTO tracker_users (id, passkey) VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    web.run(
        "CREATE TRIGGER x BEFORE UPDATE ON tracker_users WHEN NEW.id = 2 \
        BEGIN SELECT RAISE(ROLLBACK, 'not this one'); END",
    );
    let mut batch = Commit {
        to: 1,
        users: vec![of_user(1, 5), of_user(2, 5), of_user(3, 5)],
        ..Commit::default()
    };
    assert_eq!(refused(&mut storage, &batch), [(Table::Users, 1)]);
    assert_eq!(web.number("SELECT sum(uploaded) FROM tracker_users"), 0);
    assert_eq!(storage.position("w").expect("a position"), 0);
    batch.users.remove(1);
    assert_eq!(refused(&mut storage, &batch), []);
    assert_eq!(web.number("SELECT sum(uploaded) FROM tracker_users"), 10);
}

#[test]
fn a_writer_that_waits_too_long_tries_again() {
    let (mut storage, web) = own("busy");
    web.run("BEGIN IMMEDIATE");
    let batch = Commit {
        to: 1,
        ..Commit::default()
    };
    for _ in 0..2 {
        let busy = storage.commit("w", &batch);
        assert!(matches!(busy, Err(StorageError::Retry(_))), "{busy:?}");
    }
    // Reads go on.
    assert_eq!(storage.position("w").expect("a position"), 0);
    storage.load(None, &mut |_| {}).expect("a load");
    web.run("COMMIT");
    storage.commit("w", &batch).expect("written");
}

/// A commit does not copy the log into the database, but it does not grow for ever.
#[test]
fn the_log_stays_short() {
    let (mut storage, web) = own("log");
    web.run("PRAGMA wal_autocheckpoint = 0");
    let mut at = 0;
    let mut commit = |storage: &mut SqlStorage| {
        let history = (0..2_000).map(|number| HistoryDelta {
            user: UserId(at),
            torrent: TorrentId(number),
            agent: "x".repeat(64).into(),
            ..HistoryDelta::default()
        });
        let batch = Commit {
            from: at,
            to: at + 1,
            history: history.collect(),
            ..Commit::default()
        };
        storage.commit("w", &batch).expect("written");
        at += 1;
    };
    let log = web.rows("SELECT file FROM pragma_database_list WHERE name = 'main'");
    let log = format!("{}-wal", log[0][0]);
    let log = || std::fs::metadata(&log).expect("a log").len();
    commit(&mut storage);
    storage.tidy();
    let one = log();
    for _ in 0..4 {
        commit(&mut storage);
        storage.tidy();
        assert!(
            log() < one * 2,
            "tidied after each batch: {} of {one}",
            log()
        );
    }
    for _ in 0..30 {
        commit(&mut storage);
    }
    assert!(log() > one * 3, "a commit leaves the log alone");
    assert!(log() < one * 16, "never tidied: {} of {one}", log());
}

fn changes(storage: &mut SqlStorage, since: Cursor) -> Result<(Vec<Change>, Cursor), StorageError> {
    let mut changes = Vec::new();
    let cursor = storage.load(Some(since), &mut |change| changes.push(change))?;
    Ok((changes, cursor))
}

#[test]
fn changes_that_are_not_known_any_more() {
    let (mut storage, web) = own("changes");
    let all = |storage: &mut SqlStorage| storage.load(None, &mut |_| {}).expect("a load");
    let first = all(&mut storage);
    web.run("INSERT INTO tracker_users (id, passkey) VALUES (1, 'a'), (2, 'b')");
    web.run("DELETE FROM tracker_users WHERE id = 2");
    let (found, second) = changes(&mut storage, first).expect("changes");
    assert!(
        matches!(&found[..], [Change::User(one), Change::UserGone(UserId(2))] if one.id == UserId(1)),
        "{found:?}"
    );
    assert!(changes(&mut storage, second).expect("none").0.is_empty());
    let gone = |storage: &mut SqlStorage, cursor, what| {
        let found = changes(storage, cursor);
        assert!(
            matches!(found, Err(StorageError::CursorGone)),
            "{what}: {found:?}"
        );
    };
    // The list has been trimmed in between.
    web.run("UPDATE tracker_users SET enabled = 0; DELETE FROM tracker_changes WHERE seq <= 3");
    gone(&mut storage, first, "trimmed");
    assert!(
        changes(&mut storage, second).is_ok(),
        "all after it are known"
    );
    web.run("DELETE FROM tracker_changes");
    gone(&mut storage, second, "trimmed to nothing");
    let third = all(&mut storage);
    assert!(changes(&mut storage, third).expect("none").0.is_empty());
    gone(&mut storage, Cursor(third.0 + 1), "of another file");
    // It is no text: by itself it could not be looked for.
    web.run("INSERT INTO tracker_clients (prefix) VALUES (X'ff00')");
    gone(&mut storage, third, "a prefix of odd bytes");
}

#[test]
fn options_of_all_kinds() {
    let (mut storage, web) = own("options");
    web.run(
        "INSERT INTO tracker_options VALUES ('up_percent', 200), ('interval', 600), \
         ('min_interval', 300), ('nothing', 1), ('until', -1)",
    );
    let mut global = None;
    let loaded = storage.load(None, &mut |change| {
        if let Change::Global(found) = change {
            global = Some(found);
        }
    });
    loaded.expect("a load");
    let global = global.expect("options");
    assert_eq!(global.multipliers.up_percent, 200);
    assert_eq!(
        (global.interval_secs, global.min_interval_secs),
        (Some(600), Some(300))
    );
    assert_eq!(global.until, None);
}
