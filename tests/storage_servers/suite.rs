//! The conformance suite: on the tracker's own tables in each database, and on sites of each kind.

use crate::own::OwnTables;
use crate::place::Place;
use crate::presets::{ALL, Tables};
use crate::web::Web;
use chihaya::Drivers;
use chihaya::config::Config;
use chihaya::model::{Transfer, UserId};
use chihaya::storage::conformance::{self, Application, Books, Site};
use chihaya::storage::sql::Dialect;
use chihaya::storage::{Commit, Storage, StorageError, Table, UserDelta};
use serde_json::Value;

/// Opens the storage of these settings.
pub fn open(settings: &Value) -> Box<dyn Storage> {
    let config = Config::from_json(&settings.to_string()).expect("settings");
    Drivers::builtin().open_storage(&config).expect("it opens")
}

/// A site, and how its driver is opened.
struct Of<T> {
    settings: Value,
    tables: T,
}

impl<T: Application + Books> Site for Of<T> {
    fn open(&mut self) -> Box<dyn Storage> {
        open(&self.settings)
    }

    fn application(&mut self) -> Option<&mut dyn Application> {
        Some(&mut self.tables)
    }

    fn books(&mut self) -> Option<&mut dyn Books> {
        Some(&mut self.tables)
    }
}

fn own_tables(dialect: Dialect, with: impl Fn(&mut Value)) {
    let Some(place) = Place::new(dialect, "own") else {
        return;
    };
    let mut settings = place.settings("own");
    with(&mut settings);
    // The tables are made by the one who opens it first.
    drop(open(&settings));
    conformance::run(&mut Of {
        settings,
        tables: OwnTables(place.web()),
    });
}

#[cfg(feature = "mysql")]
#[test]
fn own_tables_in_mariadb() {
    own_tables(Dialect::Mysql, |_| {});
}

#[cfg(feature = "postgres")]
#[test]
fn own_tables_in_postgres() {
    own_tables(Dialect::Postgres, |_| {});
}

/// What is checked at the end of a transaction would not tell which row is wrong.
#[cfg(feature = "postgres")]
#[test]
fn keys_that_are_checked_late_in_postgres() {
    use chihaya::storage::HistoryDelta;
    let Some(place) = Place::new(Dialect::Postgres, "late") else {
        return;
    };
    let mut storage = open(&place.settings("own"));
    place.web().run(
        "INSERT INTO tracker_users (id, passkey) VALUES (1, 'a'); ALTER TABLE tracker_history \
         ADD FOREIGN KEY (user_id) REFERENCES tracker_users (id) DEFERRABLE INITIALLY DEFERRED",
    );
    let of_user = |number| HistoryDelta {
        user: UserId(number),
        ..HistoryDelta::default()
    };
    let batch = Commit {
        to: 1,
        history: vec![of_user(1), of_user(9)],
        ..Commit::default()
    };
    let Err(StorageError::Rows(rows)) = storage.commit("w", &batch) else {
        panic!("a row of nobody");
    };
    let [row] = &rows[..] else {
        panic!("{rows:?}");
    };
    assert_eq!((row.table, row.place), (Table::History, 1));
}

/// As soon as a statement is given, the others are the preset's.
#[cfg(feature = "sqlite")]
#[test]
fn own_tables_in_sqlite_by_statements() {
    own_tables(Dialect::Sqlite, |settings| {
        let clients = "SELECT prefix, allow FROM tracker_clients";
        settings["storage"]["statements"] = serde_json::json!({"load": {"clients": clients}});
    });
}

#[test]
fn sites_of_each_kind() {
    for preset in ALL {
        let database = format!("suite_{}", preset.name.replace('-', "_"));
        let Some(place) = Place::new(preset.dialect, &database) else {
            continue;
        };
        println!("{} {:?}", preset.name, preset.dialect);
        let tables = Tables::new(preset, &place);
        let settings = place.settings(preset.name);
        drop(open(&settings));
        conformance::run(&mut Of { settings, tables });
    }
}

/// The sums of one who has uploaded so much.
fn uploaded(user: u64, uploaded: u64) -> UserDelta {
    UserDelta {
        user: UserId(user),
        credited: Transfer {
            uploaded,
            downloaded: 0,
        },
        ..UserDelta::default()
    }
}

/// Runs a test on batter on each database, with two users, the first of whom has a passkey.
fn on_batter(name: &str, test: impl Fn(&str, &mut Web, &mut dyn Storage)) {
    for preset in ALL.iter().filter(|preset| preset.name == "batter") {
        let Some(place) = Place::new(preset.dialect, name) else {
            continue;
        };
        drop(Tables::new(preset, &place));
        let (mut web, mut storage) = (place.web(), open(&place.settings(preset.name)));
        web.run(
            "INSERT INTO auth_user (id, username, is_active) VALUES (5, 'e', TRUE), (6, 'f', TRUE); \
             INSERT INTO profiles_profile (id, user_id, trackerid) VALUES (5, 5, 'key')",
        );
        test(&format!("{:?}", preset.dialect), &mut web, &mut *storage);
    }
}

/// A batch of sums alone.
fn sums(from: u64, users: Vec<UserDelta>) -> Commit {
    Commit {
        from,
        to: from + 1,
        users,
        ..Commit::default()
    }
}

const SUMS: &str = "SELECT id, uploaded FROM tracker_users ORDER BY id";

/// A user who is gone leaves a passkey, not sums.
#[test]
fn sums_beside_an_application_stay_with_their_user() {
    on_batter("suite_passkey", |what, web, storage| {
        let written = storage.commit("w", &sums(0, vec![uploaded(5, 10)]));
        assert!(written.is_ok(), "{what}: {written:?}");
        web.run(
            "DELETE FROM profiles_profile; \
             INSERT INTO profiles_profile (id, user_id, trackerid) VALUES (6, 6, 'key')",
        );
        let written = storage.commit("w", &sums(1, vec![uploaded(6, 20)]));
        assert!(written.is_ok(), "{what}: {written:?}");
        assert_eq!(web.rows(SUMS), [["5", "10"], ["6", "20"]], "{what}");
    });
}

/// Whether they have had sums before or not.
#[test]
fn sums_of_users_who_are_gone_are_told() {
    on_batter("suite_gone", |what, web, storage| {
        let written = storage.commit("w", &sums(0, vec![uploaded(5, 10)]));
        assert!(written.is_ok(), "{what}: {written:?}");
        web.run(
            "DELETE FROM profiles_profile; \
             INSERT INTO profiles_profile (id, user_id, trackerid) VALUES (6, 6, 'key')",
        );
        let batch = sums(1, vec![uploaded(5, 1), uploaded(6, 20), uploaded(7, 1)]);
        let Err(StorageError::Rows(rows)) = storage.commit("w", &batch) else {
            panic!("{what}: rows of nobody");
        };
        let places: Vec<_> = rows.iter().map(|row| (row.table, row.place)).collect();
        assert_eq!(places, [(Table::Users, 0), (Table::Users, 2)], "{what}");
        let written = storage.commit("w", &sums(1, vec![uploaded(6, 20)]));
        assert!(written.is_ok(), "{what}: {written:?}");
        assert_eq!(web.rows(SUMS), [["5", "10"], ["6", "20"]], "{what}");
    });
}
