//! A web application with tables of its own in a file, served by statements of the configuration.

use super::File;
use crate::place::new_file;
use chihaya::Drivers;
use chihaya::config::Config;
use chihaya::model::{TorrentId, Transfer, UserId};
use chihaya::storage::{Change, Commit, Storage, StorageError, TorrentDelta, UserDelta, Wanted};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const TABLES: &str = "
    CREATE TABLE members (id INTEGER PRIMARY KEY, secret TEXT UNIQUE, banned INT DEFAULT 0,
        up INT NOT NULL DEFAULT 0);
    CREATE TABLE uploads (id INTEGER PRIMARY KEY, hash TEXT UNIQUE, ratio REAL DEFAULT 1,
        seeds INT, done INT NOT NULL DEFAULT 0);
    CREATE TABLE finished (member INT REFERENCES members (id), upload INT, at TEXT);
    INSERT INTO members (id, secret, banned) VALUES (1, 'alice', 0), (2, 'bob', 1);
    INSERT INTO uploads (id, hash, ratio) VALUES
        (7, '0102030405060708090a0b0c0d0e0f1011121314', 1.5);";

fn settings(path: &Path) -> Value {
    json!({"storage": {"driver": "sqlite", "path": path, "statement_timeout": 1, "statements": {
        "load": {
            "users": "SELECT id, secret AS passkey, NOT banned AS enabled FROM members",
            "torrents": "SELECT id, hash AS info_hash, 100 * ratio AS up_percent, \
                done AS snatches FROM uploads;",
            "clients": "", "tokens": "", "options": "", "changes": "",
        },
        "write": {
            "users": "UPDATE members SET up = members.up + d.up FROM (SELECT column1 AS id, column2 AS up \
                FROM (VALUES [[(:user, :up)|, ]])) d WHERE members.id = d.id",
            "torrents": "UPDATE uploads SET seeds = d.s, done = done + d.n FROM \
                ([[SELECT :torrent AS id, :seeders AS s, :snatches AS n| UNION ALL ]]) d \
                WHERE uploads.id = d.id",
            "snatches": "INSERT INTO finished VALUES [[(:user, :torrent, datetime(:time, 'unixepoch'))|, ]]",
            "history": "", "peers": "", "forgotten": "", "events": "",
        },
    }}})
}

fn config(settings: &Value) -> Config {
    Config::from_json(&settings.to_string()).expect("settings")
}

fn open(settings: &Value) -> Box<dyn Storage> {
    let opened = Drivers::builtin().open_storage(&config(settings));
    opened.unwrap_or_else(|err| panic!("{err}"))
}

fn event(user: u64, torrent: u64) -> chihaya::storage::EventRow {
    use chihaya::model::{PeerId, UnixTime};
    use chihaya::storage::{EventKind, EventRow, SessionKey};
    EventRow {
        kind: EventKind::Completed,
        key: SessionKey {
            user: UserId(user),
            torrent: TorrentId(torrent),
            peer_id: PeerId([b'x'; 20]),
        },
        time: UnixTime(86_400),
        ip: [0; 16],
        amount: 1,
    }
}

#[test]
fn its_own_tables_are_loaded_and_written() {
    let path = new_file("site");
    let web = File::open(&path);
    web.run(TABLES);
    let mut storage = open(&settings(&path));
    let mut loaded = Vec::new();
    let cursor = storage
        .load(None, &mut |change| loaded.push(change))
        .expect("a load");
    let [
        Change::User(alice),
        Change::User(bob),
        Change::Torrent(torrent),
        Change::Global(_),
    ] = &loaded[..]
    else {
        panic!("{loaded:?}");
    };
    assert_eq!(
        (alice.id, alice.enabled, bob.enabled),
        (UserId(1), true, false)
    );
    assert_eq!(alice.passkey.as_bytes(), b"alice");
    assert_eq!(
        (torrent.info_hash.0[19], torrent.multipliers.up_percent),
        (0x14, 150)
    );
    let changes = storage.load(Some(cursor), &mut |_| {});
    assert!(
        matches!(changes, Err(StorageError::CursorGone)),
        "nothing tells them"
    );
    let wanted = Wanted {
        passkeys: vec![alice.passkey],
        info_hashes: Vec::new(),
    };
    let mut found = Vec::new();
    storage
        .find(&wanted, &mut |change| found.push(change))
        .expect("found");
    assert_eq!(found, loaded[..1]);
    assert!(
        storage.directory().is_none(),
        "the directory is the application's"
    );

    let mut batch = Commit {
        to: 9,
        users: vec![
            UserDelta {
                user: UserId(1),
                credited: Transfer {
                    uploaded: 5,
                    downloaded: 6,
                },
                ..UserDelta::default()
            },
            UserDelta {
                user: UserId(77),
                ..UserDelta::default()
            },
        ],
        torrents: vec![TorrentDelta {
            torrent: TorrentId(7),
            seeders: 3,
            snatches: 2,
            ..TorrentDelta::default()
        }],
        events: vec![event(1, 7), event(78, 7)],
        ..Commit::default()
    };
    let refused = storage.commit("w", &batch);
    let Err(StorageError::Rows(rows)) = refused else {
        panic!("of nobody: {refused:?}");
    };
    let places: Vec<_> = rows
        .iter()
        .map(|row| (format!("{:?}", row.table), row.place))
        .collect();
    assert_eq!(places, [("Users".to_owned(), 1), ("Events".to_owned(), 1)]);
    assert_eq!(
        web.rows("SELECT up, done FROM members, uploads"),
        [["0", "0"], ["0", "0"]]
    );
    batch.users.pop();
    batch.events.pop();
    storage.commit("w", &batch).expect("written");
    assert_eq!(
        web.rows("SELECT id, up FROM members ORDER BY id"),
        [["1", "5"], ["2", "0"]]
    );
    assert_eq!(web.rows("SELECT seeds, done FROM uploads"), [["3", "2"]]);
    assert_eq!(
        web.rows("SELECT * FROM finished"),
        [["1", "7", "1970-01-02 00:00:00"]]
    );
    drop(storage);
    assert_eq!(open(&settings(&path)).position("w").expect("a position"), 9);
}

/// What is checked at the end of a transaction does not tell which row is wrong; nobody else's rows
/// wait for it.
#[test]
fn keys_that_are_checked_late() {
    let path = new_file("late");
    let web = File::open(&path);
    web.run(&TABLES.replace(
        "members (id), upload",
        "members (id) DEFERRABLE INITIALLY DEFERRED, upload",
    ));
    web.run("CREATE TABLE strict (member INT REFERENCES members (id))");
    let mut settings = settings(&path);
    let events = "INSERT INTO strict VALUES [[(:user)|, ]]";
    settings["storage"]["statements"]["write"]["events"] = events.into();
    let mut storage = open(&settings);
    let mut batch = Commit {
        to: 1,
        events: vec![event(1, 7), event(78, 7)],
        ..Commit::default()
    };
    let refused = storage.commit("w", &batch);
    assert!(
        matches!(&refused, Err(StorageError::Rows(rows)) if rows.len() == 1),
        "{refused:?}"
    );
    settings["storage"]["statements"]["write"]["events"] = "".into();
    storage = open(&settings);
    storage.commit("w", &batch).expect("written");
    (batch.from, batch.to) = (1, 2);
    storage.commit("w", &batch).expect("written again");
    let members = "SELECT member, count(*) FROM finished GROUP BY member ORDER BY member";
    assert_eq!(web.rows(members), [["1", "2"], ["78", "2"]]);
}

/// As it stands, the preset `own` can write the directory; with a statement it is the
/// application's.
#[test]
fn who_writes_the_directory() {
    let path = new_file("whose");
    let mut plain = settings(&path);
    plain["storage"]
        .as_object_mut()
        .expect("an object")
        .remove("statements");
    assert!(open(&plain).directory().is_some());
    plain["storage"]["statements"] = json!({"write": {"events": ""}});
    assert!(open(&plain).directory().is_none());
}

#[test]
fn what_is_refused() {
    let path = new_file("refused_settings");
    File::open(&path).run(TABLES);
    let missing = new_file("refused_missing");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut settings = settings(&path);
        change(&mut settings["storage"]);
        settings
    };
    // What a check tells without the file.
    for (settings, fault) in [
        (
            with(&|storage| storage["preset"] = "gazelle".into()),
            "storage.preset: sqlite has no preset \"gazelle\"; there are: own, batter",
        ),
        (
            with(&|storage| {
                storage["statements"]["write"]["users"] = "UPDATE m SET a = [[:ip|, ]]".into()
            }),
            "storage.statements.write.users: there is no :ip here",
        ),
        (
            with(&|storage| storage["statements"]["load"]["users"] = "SELECT ?1".into()),
            "storage.statements.load.users: at \"?1\": a statement has no parameters",
        ),
    ] {
        let checked = Drivers::builtin().check_storage(&config(&settings));
        let checked = checked.expect_err("refused").to_string();
        assert!(checked.contains(fault), "{checked}");
        let opened = Drivers::builtin()
            .open_storage(&config(&settings))
            .map(drop);
        let opened = opened.expect_err("refused").to_string();
        assert!(opened.contains(fault), "{opened}");
    }
    assert!(
        Drivers::builtin()
            .check_storage(&config(&settings(&missing)))
            .is_ok()
    );
    // The file of a site that is not there is not made.
    let batter = with(&|storage| {
        *storage = json!({"driver": "sqlite", "preset": "batter", "path": missing})
    });
    let opened = Drivers::builtin().open_storage(&config(&batter)).map(drop);
    assert!(
        opened
            .expect_err("missing")
            .to_string()
            .contains("unable to open")
    );
    assert!(!missing.exists());
    // What only the file tells.
    let wrong = with(&|storage| {
        storage["statements"]["load"]["users"] = "SELECT id, nothing FROM members".into()
    });
    let loaded = open(&wrong).load(None, &mut |_| {});
    assert!(
        matches!(&loaded, Err(StorageError::Fatal(told)) if told.contains("nothing")),
        "{loaded:?}"
    );
}

#[test]
fn what_an_operator_tries_changes_nothing() {
    use chihaya::storage::Prepared;
    let path = new_file("tried");
    let web = File::open(&path);
    web.run(TABLES);
    let config = config(&settings(&path));
    let before = |web: &File| {
        let mut all = web.rows("SELECT name, sql FROM sqlite_master ORDER BY name");
        all.extend(web.rows("SELECT id, up FROM members"));
        all.extend(web.rows("SELECT member, upload FROM finished"));
        all.extend(web.rows("PRAGMA journal_mode"));
        all
    };
    for is_made in [false, true] {
        if is_made {
            open(&settings(&path));
        }
        let as_it_is = before(&web);
        let prepared = Drivers::builtin().try_statements(&config).expect("tried");
        assert!(matches!(prepared, Prepared::Good { .. }), "{prepared:?}");
        let report = Drivers::builtin().inspect_storage(&config, &mut || Duration::ZERO);
        let report = report.expect("a report");
        let findings: Vec<_> = report
            .statements
            .iter()
            .flat_map(|it| &it.findings)
            .collect();
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(
            report.findings.len(),
            usize::from(!is_made),
            "{:?}",
            report.findings
        );
        assert_eq!(before(&web), as_it_is);
    }
    // A file that will be made is not there to be tried.
    let new = settings(&new_file("tried_new"));
    let prepared =
        Drivers::builtin().try_statements(&Config::from_json(&new.to_string()).expect("settings"));
    assert!(matches!(prepared, Ok(Prepared::Nothing)), "{prepared:?}");
}

#[test]
fn a_file_that_somebody_has_locked_is_waited_for() {
    let path = new_file("taken_site");
    let web = File::open(&path);
    web.run(TABLES);
    web.run("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE members SET up = 1");
    let opened = Drivers::builtin()
        .open_storage(&config(&settings(&path)))
        .map(drop);
    let later = matches!(
        &opened,
        Err(chihaya::StartError::Storage(StorageError::Retry(_)))
    );
    assert!(later, "{opened:?}");
    drop(web);
    open(&settings(&path));
}
