//! Tables without triggers: of an earlier version, or on a server that does not let them be made.

use super::{edit, made, new_user, servers, users_since, whole};
use crate::place::Place;
use crate::servers::{Kind, Options, Server, USER};
use crate::suite::open;

/// They do without, and notice nothing but when they load all.
fn do_without(what: &str, place: &Place<'_>) {
    let mut storage = open(&place.settings("own"));
    let mut cursor = whole(&mut *storage);
    edit(&mut *storage, &[new_user(1, "one")]);
    place
        .web()
        .run("INSERT INTO tracker_users (id, passkey) VALUES (2, 'two')");
    assert_eq!(users_since(&mut *storage, &mut cursor), None, "{what}");
    let mut users = 0;
    let loaded = storage.load(None, &mut |change| {
        users += u32::from(matches!(change, chihaya::storage::Change::User(_)));
    });
    assert!(loaded.is_ok(), "{what}: {loaded:?}");
    assert_eq!(users, 2, "{what}");
}

/// Makes the tables what they were before there were triggers.
fn put_back(place: &Place<'_>, kind: Kind) {
    let mut web = place.web();
    if kind == Kind::Postgres {
        web.run("DROP FUNCTION tracker_note_change() CASCADE");
    } else {
        for row in web.rows(
            "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS \
             WHERE TRIGGER_SCHEMA = DATABASE()",
        ) {
            web.run(&format!("DROP TRIGGER {}", row[0]));
        }
    }
    web.run("DROP TABLE tracker_schema");
    web.run("DROP TABLE tracker_changes");
}

#[test]
fn tables_of_an_earlier_version() {
    for server in servers() {
        let what = format!("{:?}", server.kind());
        let (place, storage) = made(server, "missing_earlier");
        drop(storage);
        put_back(&place, server.kind());
        let settings = place.settings("own");
        do_without(&what, &place);
        let count = "SELECT COUNT(*) FROM information_schema.TRIGGERS \
                     WHERE TRIGGER_NAME LIKE 'tracker_users%' AND EVENT_OBJECT_TABLE = 'tracker_users'";
        // The catalog of PostgreSQL shows those of this database alone.
        if server.kind() == Kind::Postgres {
            assert_eq!(place.web().value(count), "0", "{what}: made by itself");
        }
        for command in [&["--check"][..], &["storage", "check"]] {
            let ran = crate::operator::run("earlier", &settings, command);
            assert_eq!((ran.code, &*ran.err), (Some(0), ""), "{ran:?}");
            assert!(
                ran.out.contains("chihaya schema prints the triggers"),
                "{ran:?}"
            );
        }
        // One that runs finds them when it loads all.
        let mut storage = open(&settings);
        whole(&mut *storage);
        let script = crate::operator::run("earlier", &settings, &["schema"]);
        crate::operator::pipe(server, "missing_earlier", &script.out);
        if server.kind() == Kind::Postgres {
            // As long as it may not read them, it does without.
            let mut cursor = whole(&mut *storage);
            assert_eq!(users_since(&mut *storage, &mut cursor), None, "{what}");
            place.web().run(&format!(
                "GRANT SELECT, DELETE ON tracker_changes, tracker_schema TO {USER}"
            ));
        }
        let mut cursor = whole(&mut *storage);
        place
            .web()
            .run("INSERT INTO tracker_users (id, passkey) VALUES (3, 'three')");
        let seen = users_since(&mut *storage, &mut cursor);
        assert_eq!(seen, Some(vec![3]), "{what}");
    }
}

#[cfg(feature = "mysql")]
#[test]
fn no_right_to_make_triggers() {
    let Some(server) = crate::shared(Kind::Mariadb) else {
        return;
    };
    let place = Place::on(server, "missing_right");
    place.web().run(&format!(
        "REVOKE TRIGGER ON missing_right.* FROM {USER}@'%'"
    ));
    do_without("no right", &place);
}

/// With a log of changes, a server wants those who make triggers to have all rights.
#[cfg(feature = "mysql")]
#[test]
fn a_binary_log_that_forbids_triggers() {
    let options = Options {
        binlog: true,
        ..Options::default()
    };
    let Some(server) = Server::start_with(Kind::Mariadb, options) else {
        return;
    };
    let place = Place::on(&server, "missing_log");
    do_without("a binary log", &place);
    place
        .web()
        .run("SET GLOBAL log_bin_trust_function_creators = 1");
    let place = Place::on(&server, "there_log");
    let mut storage = open(&place.settings("own"));
    let mut cursor = whole(&mut *storage);
    edit(&mut *storage, &[new_user(1, "one")]);
    assert_eq!(users_since(&mut *storage, &mut cursor), Some(vec![1]));
}
