//! Statements prepared by the database: `chihaya --check`.

use super::{KINDS, Ran, own_settings, own_tables, run, site, with_statement};
use crate::presets::on_servers;
use crate::servers::{Kind, PASSWORD, Server};
use serde_json::{Value, json};

/// A check that finds nothing wrong.
fn good(name: &str, settings: &Value) -> String {
    let Ran { code, out, err } = run(name, settings, &["--check"]);
    assert_eq!((code, &*err), (Some(0), ""), "{name}: {out}");
    assert!(
        out.ends_with("the configuration is good\n"),
        "{name}: {out}"
    );
    out
}

/// A check that finds something wrong; the lines that tell of it.
fn bad(name: &str, settings: &Value) -> Vec<String> {
    let Ran { code, out, err } = run(name, settings, &["--check"]);
    assert_eq!(code, Some(2), "{name}: {err}");
    assert!(!out.contains("good"), "{name}: {out}");
    assert!(!err.contains(PASSWORD), "{name}: {err}");
    let lines = err.lines().map(str::to_owned);
    lines.collect()
}

/// Prepares what stands in for a statement; tells whether the one fault has these words.
fn one_fault(server: &Server, settings: &Value, statement: (&str, &str), sql: &str, said: &[&str]) {
    let (kind, name) = statement;
    let faults = bad("statements", &with_statement(settings, kind, name, sql));
    let [fault] = &faults[..] else {
        panic!("{:?}: {sql}: {faults:?}", server.kind());
    };
    let place = format!("storage.statements.{kind}.{name}: ");
    assert!(fault.contains(&place), "{fault}");
    for words in said {
        assert!(fault.contains(words), "{:?}: {sql}: {fault}", server.kind());
    }
}

#[test]
fn presets_on_their_tables() {
    for (preset, server) in on_servers() {
        let database = format!("check_{}", preset.name.replace('-', "_"));
        let settings = site(preset, server, &database);
        // The one table of the tracker's own is not there yet: a note, no fault.
        let said = good(preset.name, &settings);
        assert!(said.contains("chihaya schema prints them"), "{said}");
        drop(crate::suite::open(&settings));
        let said = good(preset.name, &settings);
        assert!(said.starts_with("storage: the database takes 1"), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
    }
}

#[test]
fn each_fault_has_its_place() {
    for kind in KINDS {
        let Some(server) = crate::shared(*kind) else {
            continue;
        };
        let settings = own_tables(server, "check_faults");
        let said = good("own", &settings);
        assert!(
            said.starts_with("storage: the database takes 23 statements\n"),
            "{said}"
        );
        let update = match kind {
            Kind::Mariadb => {
                "UPDATE tracker_users u JOIN ([[SELECT :user id, :up up| UNION ALL ]]) d \
                ON u.id = d.id SET u.nothing = d.up"
            }
            Kind::Postgres => {
                "UPDATE tracker_users u SET nothing = d.up \
                FROM (VALUES [[( :user::BIGINT, :up::BIGINT)|, ]]) d (id, up) WHERE u.id = d.id"
            }
        };
        for (statement, sql, said) in [
            (
                ("load", "users"),
                "SELECT id, nothing AS passkey FROM tracker_users",
                &["nothing"][..],
            ),
            (
                ("load", "torrents"),
                "SELECT id, info_hash FROM nowhere",
                &["nowhere"],
            ),
            (
                ("load", "users"),
                "SELECT id FROM tracker_users",
                &["lacks the column passkey"],
            ),
            (
                ("load", "clients"),
                "SELECT prefix, allow, 1 AS colour FROM tracker_clients",
                &["\"colour\"", "prefix, allow"],
            ),
            (
                ("load", "options"),
                "SELECT name FROM tracker_options",
                &["lacks the column value"],
            ),
            (
                ("load", "changes"),
                "SELECT 1 AS kind FROM tracker_users WHERE id > :cursor",
                &["lacks the column cursor, key"],
            ),
            (("write", "users"), update, &["nothing"]),
            (
                ("write", "events"),
                "INSERT INTO nowhere (id) VALUES [[( :user)|, ]]",
                &["nowhere"],
            ),
            (
                ("write", "events"),
                "INSERT INTO tracker_events (at) VALUE [[ :time|, ]]",
                &["syntax"],
            ),
            (
                ("write", "position"),
                "UPDATE tracker_batches SET sequence = :to",
                &["sequence"],
            ),
            // What is wrong without asking anybody is told all the same.
            (
                ("write", "users"),
                "UPDATE t [[ :user|, ]] :nobody",
                &["there is no :nobody"],
            ),
        ] {
            one_fault(server, &settings, statement, sql, said);
        }
        // All of them at once.
        let mut settings = settings.clone();
        settings["storage"]["statements"] = json!({
            "load": {"users": "SELECT id FROM tracker_users", "torrents": "SELECT id, info_hash FROM nowhere"},
            "write": {"peers": "DELETE FROM nowhere WHERE id IN ([[ :user|, ]])"},
        });
        assert_eq!(bad("all at once", &settings).len(), 3, "{kind:?}");
    }
}

#[cfg(feature = "postgres")]
#[test]
fn what_is_looked_for_must_be_comparable() {
    let Some(server) = crate::shared(Kind::Postgres) else {
        return;
    };
    let settings = own_tables(server, "check_compared");
    let sql = "SELECT id, id AS passkey FROM tracker_users";
    let said = ["by passkey: ", "operator does not exist"];
    one_fault(server, &settings, ("load", "users"), sql, &said);
}

#[cfg(feature = "mysql")]
#[test]
fn what_cannot_be_prepared_is_no_fault() {
    let Some(server) = crate::shared(Kind::Mariadb) else {
        return;
    };
    let settings = own_tables(server, "check_unprepared");
    // MariaDB prepares nearly everything; what runs text is left.
    let sql = "EXECUTE IMMEDIATE CONCAT('DO ', [[ :user|, ',', ]])";
    let settings = with_statement(&settings, "write", "events", sql);
    good("unprepared", &settings);
    // It could do anything, so it is not tried either.
    let ran = run("unprepared", &settings, &["storage", "check"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let said = "warning: write.events: EXECUTE might end the transaction";
    assert!(ran.out.contains(said), "{ran:?}");
}

#[test]
fn servers_that_do_not_answer() {
    for kind in KINDS {
        let Some(server) = crate::shared(*kind) else {
            continue;
        };
        server.create("check_away");
        let settings = own_settings(server, "check_away");
        let of = |name: &str, value: &str| {
            let mut settings = settings.clone();
            settings["storage"][name] = value.into();
            settings
        };
        let scheme = settings["storage"]["url"].as_str().expect("a text");
        let scheme = scheme.split(':').next().expect("a scheme");
        let nobody = of("url", &format!("{scheme}://tracker@127.0.0.1:1/check_away"));
        let said = good("nobody listens", &nobody);
        assert!(
            said.starts_with("storage: the database cannot be reached"),
            "{said}"
        );
        assert_eq!(said.lines().count(), 2, "{said}");
        // What can be told without it is.
        let faulty = with_statement(&nobody, "load", "users", "SELECT :nobody");
        assert_eq!(bad("nobody listens, a bad template", &faulty).len(), 1);

        assert!(bad("password", &of("password", "wrong"))[0].contains("storage: "));
        let nowhere = server.url("check_nowhere");
        assert!(bad("no such database", &of("url", &nowhere))[0].contains("check_nowhere"));
        let no_preset = bad("no such preset", &of("preset", "paper"));
        assert!(no_preset[0].contains("storage.preset"), "{no_preset:?}");

        // A public tracker asks nobody.
        let mut public = of("password", "wrong");
        public["tracker"] = "public".into();
        assert_eq!(good("public", &public), "the configuration is good\n");
    }
}
