//! What is written, and what is refused.

use super::Sqlite;
use super::site::{loaded, new, of_user, open};
use crate::model::{TorrentId, UserId};
use crate::storage::{Commit, HistoryDelta, Storage, StorageError, Table, TorrentDelta};

/// The rows refused of a batch; none when it was written.
fn refused(storage: &mut Sqlite, batch: &Commit) -> Vec<(Table, usize)> {
    match storage.commit("w", batch) {
        Ok(()) => Vec::new(),
        Err(StorageError::Rows(rows)) => rows.iter().map(|row| (row.table, row.place)).collect(),
        Err(err) => panic!("{err}"),
    }
}

#[test]
fn sums_stay_integers_at_their_ends() {
    let (_folder, mut storage, web) = new();
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
    let (_folder, mut storage, web) = new();
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
    let (_folder, mut storage, web) = new();
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
    let (folder, mut storage, web) = new();
    storage
        .db
        .busy_timeout(std::time::Duration::ZERO)
        .expect("no wait");
    web.run("BEGIN IMMEDIATE");
    let batch = Commit {
        to: 1,
        ..Commit::default()
    };
    let busy = storage.commit("w", &batch);
    assert!(matches!(busy, Err(StorageError::Retry(_))), "{busy:?}");
    // Reads go on, and so does opening.
    assert_eq!(storage.position("w").expect("a position"), 0);
    loaded(&mut storage, None);
    drop(open(&folder.file()));
    web.run("COMMIT");
    storage.commit("w", &batch).expect("written");
}

/// A commit does not copy the log into the database, but it does not grow for ever.
#[test]
fn the_log_stays_short() {
    let (folder, mut storage, web) = new();
    web.run("PRAGMA wal_autocheckpoint = 0");
    web.run("INSERT INTO tracker_users (id, passkey) VALUES (1, 'a')");
    let log = || {
        folder
            .file()
            .with_extension("db-wal")
            .metadata()
            .expect("a log")
            .len()
    };
    let mut at = 0;
    let mut commit = |storage: &mut Sqlite| {
        let history = (0..2_000).map(|number| HistoryDelta {
            user: UserId(at),
            torrent: TorrentId(number),
            agent: "x".repeat(64).into(),
            ..HistoryDelta::default()
        });
        let batch = Commit {
            from: at,
            to: at + 1,
            users: vec![of_user(1, 5)],
            history: history.collect(),
            ..Commit::default()
        };
        storage.commit("w", &batch).expect("written");
        at += 1;
    };
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
    for _ in 0..40 {
        commit(&mut storage);
    }
    assert!(log() > one * 3, "a commit leaves the log alone");
    assert!(log() < one * 16, "never tidied: {} of {one}", log());
    assert_eq!(
        web.number("SELECT count(*) FROM tracker_history"),
        45 * 2_000
    );
}
