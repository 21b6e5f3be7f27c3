//! Every statement run, and nothing left of it: `chihaya storage check`.

use super::{KINDS, Ran, own_settings, own_tables, run, site, with_statement};
use crate::presets::on_servers;
use crate::servers::{Kind, Server};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is told of a storage.
struct Told(Value);

impl Told {
    fn of(settings: &Value) -> (Option<i32>, Told) {
        let Ran { code, out, err } = run("inspected", settings, &["storage", "check", "--json"]);
        assert_eq!(err, "", "{out}");
        (code, Told(serde_json::from_str(&out).expect("JSON")))
    }

    fn statement(&self, name: &str) -> &Value {
        let statements = self.0["statements"].as_array().expect("an array");
        let mut statements = statements.iter();
        let found = statements.find(|statement| statement["name"] == name);
        found.unwrap_or_else(|| panic!("{name} in {}", self.0))
    }

    /// Messages by statement, behind their severity; those of the whole by no name.
    fn findings(&self) -> BTreeMap<String, Vec<String>> {
        let mut all = BTreeMap::new();
        let statements = self.0["statements"].as_array().expect("an array");
        for part in statements.iter().chain([&self.0]) {
            let texts = part["findings"].as_array().expect("an array").iter();
            let text = |field: &Value| field.as_str().expect("a text").to_owned();
            let texts = texts.map(|finding| {
                format!(
                    "{}: {}",
                    text(&finding["severity"]),
                    text(&finding["message"])
                )
            });
            let texts: Vec<String> = texts.collect();
            let name = part["name"].as_str().unwrap_or_default().to_owned();
            if !texts.is_empty() {
                all.insert(name, texts);
            }
        }
        all
    }
}

/// The tables of a database and all that is in them.
fn dump(server: &Server, database: &str) -> Vec<String> {
    let mut shell = server.shell(database);
    let schema = match server.kind() {
        Kind::Mariadb => database,
        Kind::Postgres => "public",
    };
    let tables = shell.rows(&format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}' \
         AND table_type = 'BASE TABLE' ORDER BY table_name"
    ));
    let mut lines = Vec::new();
    for table in tables.iter().flatten() {
        let quoted = match server.kind() {
            Kind::Mariadb => format!("`{table}`"),
            Kind::Postgres => format!("\"{table}\""),
        };
        let mut rows = shell.rows(&format!("SELECT * FROM {quoted}"));
        rows.sort();
        lines.extend(rows.iter().map(|row| format!("{table}: {}", row.join("|"))));
    }
    lines
}

/// One finding, of this statement, with these words.
fn one_finding(told: &Told, name: &str, said: &str) {
    let findings = told.findings();
    let (names, texts): (Vec<_>, Vec<_>) = findings.iter().unzip();
    assert_eq!(names, [name], "{findings:?}");
    assert_eq!(texts[0].len(), 1, "{findings:?}");
    assert!(texts[0][0].contains(said), "{said}: {findings:?}");
}

#[test]
fn presets_on_their_tables() {
    for (preset, server) in on_servers() {
        let database = format!("inspect_{}", preset.name.replace('-', "_"));
        let settings = site(preset, server, &database);
        let (code, told) = Told::of(&settings);
        assert_eq!(code, Some(0), "{}", preset.name);
        one_finding(&told, "", "warning: the tracker's own tables are not there");
        assert_eq!(told.statement("write.position")["tried"], false);

        drop(crate::suite::open(&settings));
        let before = dump(server, &database);
        let (code, told) = Told::of(&settings);
        assert_eq!(code, Some(0), "{}", preset.name);
        assert_eq!(told.findings(), BTreeMap::new(), "{}", preset.name);
        assert_eq!(told.0["preset"], preset.name);
        assert_eq!(told.statement("load.users")["rows"], 3, "{}", preset.name);
        assert_eq!(told.statement("write.position")["tried"], true);
        assert!(before.len() > 5, "{before:?}");
        assert_eq!(dump(server, &database), before, "{}", preset.name);
    }
}

#[test]
fn own_tables_with_many_rows() {
    for kind in KINDS {
        let Some(server) = crate::shared(*kind) else {
            continue;
        };
        let settings = own_tables(server, "inspect_own");
        let numbers = match kind {
            Kind::Mariadb => "SELECT seq AS n FROM seq_3_to_20000",
            Kind::Postgres => "SELECT n FROM generate_series(3, 20000) AS n",
        };
        let mut shell = server.shell("inspect_own");
        shell.run(&format!(
            "INSERT INTO tracker_users (id, passkey, up_percent) \
             SELECT n, CONCAT('key', n), CASE WHEN n > 19997 THEN -1 ELSE 100 END FROM ({numbers}) m"
        ));
        let before = dump(server, "inspect_own");
        let Ran { code, out, err } = run("inspected", &settings, &["storage", "check"]);
        assert_eq!((code, &*err), (Some(0), ""), "{out}");
        let lines: Vec<&str> = out.lines().collect();
        let version = ["mysql: 1", "postgres: PostgreSQL 1"];
        assert!(
            version.iter().any(|text| lines[0].starts_with(text)),
            "{out}"
        );
        assert!(lines[0].ends_with(", preset own"), "{out}");
        let row: Vec<&str> = lines[2].split_whitespace().collect();
        assert_eq!(row[..3], ["load.users", "warning", "20000"], "{out}");
        let said = "warning: load.users: 3 of its rows cannot be used: a percentage";
        assert!(out.contains(said), "{out}");
        assert!(out.ends_with("\n0 errors, 1 warning\n"), "{out}");
        assert_eq!(dump(server, "inspect_own"), before, "{kind:?}");
    }
}

#[test]
fn one_failure_does_not_hide_the_others() {
    for kind in KINDS {
        let Some(server) = crate::shared(*kind) else {
            continue;
        };
        let mut settings = own_tables(server, "inspect_faults");
        let mut shell = server.shell("inspect_faults");
        shell.run("CREATE TABLE small (id BIGINT PRIMARY KEY, agent VARCHAR(3), port SMALLINT)");
        shell.run("CREATE TABLE once (id BIGINT PRIMARY KEY)");
        let grant = format!("GRANT ALL ON small, once TO {}", crate::servers::USER);
        if *kind == Kind::Postgres {
            shell.run(&grant);
        }
        let everyone = match kind {
            Kind::Mariadb => {
                "UPDATE tracker_users u JOIN ([[SELECT :user id, :up up| UNION ALL ]]) d \
                SET u.uploaded = u.uploaded + d.up"
            }
            Kind::Postgres => {
                "UPDATE tracker_users u SET uploaded = u.uploaded + d.up \
                FROM (VALUES [[( :user::BIGINT, :up::BIGINT)|, ]]) d (id, up)"
            }
        };
        shell.run("INSERT INTO tracker_users (id, passkey) VALUES (3, 'three')");
        settings["storage"]["statements"] = json!({
            "load": {
                "torrents": "SELECT id FROM tracker_torrents",
                "tokens": "SELECT 1 FROM nowhere",
                "options": "SELECT 1 / 0 AS name, 1 AS value FROM tracker_users",
            },
            "write": {
                // All users, whoever they are.
                "users": everyone,
                // Rows that are put together wrongly.
                "history": "INSERT INTO small (id) VALUES [[( :user)| OR ]]",
                "torrents": "UPDATE small SET agent = 'x' WHERE id IN ([[ :torrent|, ]])",
                "peers": "INSERT INTO small (id, agent) VALUES [[( :user, :agent)|, ]]",
                "forgotten": "DELETE FROM nowhere WHERE id IN ([[ :user|, ]])",
                "events": "INSERT INTO small (nothing) VALUES [[( :user)|, ]]",
                // Rows one by one are taken, two with the same key are not.
                "snatches": "INSERT INTO once (id) VALUES [[( :user * 0)|, ]]",
                "position": "UPDATE tracker_batches SET seq = :to WHERE writer = :writer AND seq = :from + 1",
            },
        });
        let before = dump(server, "inspect_faults");
        let (code, told) = Told::of(&settings);
        assert_eq!(code, Some(1), "{kind:?}");
        let found = told.findings();
        let mut expected = BTreeMap::from([
            (
                "load.torrents",
                "error: its result lacks the column info_hash",
            ),
            ("load.tokens", "nowhere"),
            ("write.users", "warning: it changes 3 rows for 2"),
            ("write.history", "error: "),
            // Torrents cannot be loaded, so that this may be for want of one.
            ("write.peers", "warning: it refuses a row"),
            ("write.forgotten", "nowhere"),
            ("write.events", "nothing"),
            ("write.position", "found 0 rows instead of 1"),
        ]);
        // What MariaDB divides by nothing is nothing.
        match kind {
            Kind::Postgres => expected.insert("load.options", "division by zero"),
            Kind::Mariadb => expected.insert("load.options", "rows cannot be used: the name"),
        };
        let names: Vec<&String> = found.keys().collect();
        assert!(
            names.iter().eq(&expected.keys().collect::<Vec<_>>()),
            "{found:?}"
        );
        for (name, said) in expected {
            let [text] = &found[name][..] else {
                panic!("{name}: {found:?}");
            };
            assert!(text.contains(said), "{kind:?}: {name}: {text}");
        }
        assert_eq!(dump(server, "inspect_faults"), before, "{kind:?}");
    }
}

#[test]
fn indices_that_are_missing() {
    for kind in KINDS {
        let Some(server) = crate::shared(*kind) else {
            continue;
        };
        let settings = own_tables(server, "inspect_indices");
        assert_eq!(Told::of(&settings).1.findings(), BTreeMap::new());
        let mut shell = server.shell("inspect_indices");
        let drop_all: &[&str] = match kind {
            Kind::Mariadb => &[
                "ALTER TABLE tracker_users DROP KEY passkey",
                "ALTER TABLE tracker_torrents DROP KEY info_hash",
                "ALTER TABLE tracker_torrents MODIFY id BIGINT NOT NULL, DROP PRIMARY KEY",
                "ALTER TABLE tracker_peers DROP PRIMARY KEY",
            ],
            Kind::Postgres => &[
                "ALTER TABLE tracker_users DROP CONSTRAINT tracker_users_passkey_key",
                "ALTER TABLE tracker_torrents DROP CONSTRAINT tracker_torrents_info_hash_key",
                "ALTER TABLE tracker_torrents DROP CONSTRAINT tracker_torrents_pkey",
                "ALTER TABLE tracker_peers DROP CONSTRAINT tracker_peers_pkey",
            ],
        };
        drop_all.iter().for_each(|sql| shell.run(sql));
        let (code, told) = Told::of(&settings);
        let found = told.findings();
        for (name, said) in [
            ("load.users", "warning: by passkey: all rows of "),
            ("load.torrents", "warning: by info_hash: all rows of "),
            (
                "write.torrents",
                "warning: it looks for its rows: all rows of ",
            ),
            (
                "write.forgotten",
                "warning: it looks for its rows: all rows of ",
            ),
        ] {
            let text = found
                .get(name)
                .map(|texts| texts.join("; "))
                .unwrap_or_default();
            assert!(text.starts_with(said), "{kind:?}: {name}: {found:?}");
        }
        // Without one nobody can tell which row is there already.
        assert_eq!(code, Some(1), "{found:?}");
        let text = found["write.peers"].join("; ");
        assert!(
            text.starts_with("error: ") && text.contains(" unique "),
            "{text}"
        );
    }
}

#[cfg(feature = "mysql")]
#[test]
fn tables_without_transactions_are_not_written() {
    let Some(server) = crate::shared(Kind::Mariadb) else {
        return;
    };
    let settings = own_tables(server, "inspect_engines");
    let mut shell = server.shell("inspect_engines");
    shell.run("ALTER TABLE tracker_history ENGINE = MyISAM");
    shell.run("CREATE TABLE plain (id BIGINT) ENGINE = InnoDB");
    shell.run("CREATE VIEW seen AS SELECT id FROM plain");
    let sql = "INSERT INTO seen (id) VALUES [[( :user)|, ]]";
    let settings = with_statement(&settings, "write", "snatches", sql);
    let before = dump(server, "inspect_engines");
    let (code, told) = Told::of(&settings);
    let found = told.findings();
    assert_eq!(code, Some(1), "{found:?}");
    let names: Vec<&String> = found.keys().collect();
    assert_eq!(names, ["write.history", "write.snatches"], "{found:?}");
    assert!(
        found["write.history"][0].starts_with("error: "),
        "{found:?}"
    );
    assert!(found["write.history"][0].contains("MyISAM"), "{found:?}");
    assert!(
        found["write.snatches"][0].contains("seen is a view"),
        "{found:?}"
    );
    assert_eq!(told.statement("write.history")["tried"], false);
    assert_eq!(told.statement("write.snatches")["tried"], false);
    assert_eq!(dump(server, "inspect_engines"), before);

    // What cannot be seen before is told afterwards: nobody may look at this trigger. The tracker's
    // own need the right that is taken.
    for trigger in ["tracker_users_changed", "tracker_torrents_changed"] {
        shell.run(&format!("DROP TRIGGER {trigger}"));
    }
    shell.run("ALTER TABLE tracker_history ENGINE = InnoDB");
    server.create("inspect_engines_log");
    shell.run("CREATE TABLE inspect_engines_log.log (id BIGINT) ENGINE = MyISAM");
    shell.run(
        "CREATE TRIGGER logged AFTER INSERT ON tracker_events FOR EACH ROW \
         INSERT INTO inspect_engines_log.log VALUES (NEW.id)",
    );
    let user = crate::servers::USER;
    shell.run(&format!(
        "REVOKE ALL ON inspect_engines_log.* FROM {user}@'%'; \
         REVOKE TRIGGER ON inspect_engines.* FROM {user}@'%'"
    ));
    let (code, told) = Told::of(&settings);
    assert_eq!(code, Some(1), "{:?}", told.findings());
    one_finding(
        &told,
        "write.events",
        "error: what it writes cannot be rolled back",
    );
}

#[test]
fn rows_that_are_locked_are_told_and_the_others_tried() {
    for kind in KINDS {
        let Some(server) = crate::shared(*kind) else {
            continue;
        };
        let mut settings = own_tables(server, "inspect_locked");
        settings["storage"]["statement_timeout"] = 1.into();
        let mut other = server.shell("inspect_locked");
        other.run("BEGIN");
        other.run("UPDATE tracker_users SET uploaded = 7 WHERE id = 1");
        let (code, told) = Told::of(&settings);
        assert_eq!(code, Some(0), "{:?}", told.findings());
        one_finding(&told, "write.users", "warning: it could not be tried: ");
        assert_eq!(told.statement("write.position")["tried"], true);
        other.run("ROLLBACK");
        assert_eq!(Told::of(&settings).1.findings(), BTreeMap::new());
    }
}

#[test]
fn connections_that_cannot_be_had() {
    for kind in KINDS {
        let Some(server) = crate::shared(*kind) else {
            continue;
        };
        server.create("inspect_away");
        let mut settings = own_settings(server, "inspect_away");
        settings["storage"]["password"] = "wrong".into();
        let ran = run("away", &settings, &["storage", "check"]);
        assert_eq!((ran.code, &*ran.out), (Some(1), ""), "{ran:?}");
        assert!(ran.err.starts_with("chihaya: storage: "), "{ran:?}");
    }
}
