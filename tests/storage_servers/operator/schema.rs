//! The tables as a script.

use super::{KINDS, own_settings, run};
use crate::place::Place;
use crate::presets::on_servers;
use crate::servers::{Kind, Server, USER};
use crate::suite::open;
use std::io::Write;
use std::process::Stdio;

/// Gives a script to the client of a server, as an operator would.
pub fn pipe(server: &Server, database: &str, script: &str) {
    let mut client = server.client(database);
    let mut child = client
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut to = child.stdin.take().expect("piped");
    to.write_all(script.as_bytes()).expect("written");
    drop(to);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}: {script}");
    assert!(output.stdout.is_empty(), "{output:?}");
}

fn tables(server: &Server, database: &str) -> Vec<Vec<String>> {
    let schema = match server.kind() {
        Kind::Mariadb => database,
        Kind::Postgres => "public",
    };
    server.shell(database).rows(&format!(
        "SELECT table_name, column_name FROM information_schema.columns \
         WHERE table_schema = '{schema}' ORDER BY table_name, ordinal_position"
    ))
}

/// Takes away the right to make tables.
fn take_rights(server: &Server, database: &str) {
    let mut shell = server.shell(database);
    match server.kind() {
        Kind::Mariadb => shell.run(&format!(
            "REVOKE ALL ON {database}.* FROM {USER}@'%'; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON {database}.* TO {USER}@'%'"
        )),
        Kind::Postgres => shell.run(&format!(
            "ALTER DATABASE {database} OWNER TO postgres; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {USER}; \
             GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {USER}"
        )),
    }
}

#[test]
fn own_tables_are_what_the_tracker_makes() {
    for kind in KINDS {
        let Some(server) = crate::shared(*kind) else {
            continue;
        };
        server.create("schema_made");
        drop(open(&own_settings(server, "schema_made")));
        let made = tables(server, "schema_made");

        server.create("schema_piped");
        let settings = own_settings(server, "schema_piped");
        let ran = run("schema-own", &settings, &["schema"]);
        assert_eq!((ran.code, &*ran.err), (Some(0), ""), "{ran:?}");
        // Once more does no harm.
        pipe(server, "schema_piped", &ran.out);
        pipe(server, "schema_piped", &ran.out);
        assert!(made.len() > 60, "{made:?}");
        assert_eq!(tables(server, "schema_piped"), made, "{kind:?}");

        // The tracker finds them, and so needs no right to make any.
        take_rights(server, "schema_piped");
        let mut storage = open(&settings);
        assert_eq!(storage.position("writer").expect("a position"), 0);
        let checked = run("schema-checked", &settings, &["storage", "check"]);
        assert_eq!((checked.code, &*checked.err), (Some(0), ""), "{checked:?}");
        assert!(
            checked.out.ends_with("0 errors, 0 warnings\n"),
            "{checked:?}"
        );

        // Without them and without the right it says what to do.
        server.create("schema_none");
        take_rights(server, "schema_none");
        let settings = own_settings(server, "schema_none");
        let ran = run("schema-none", &settings, &["user", "list"]);
        assert_ne!(ran.code, Some(0), "{ran:?}");
        assert!(ran.err.contains("chihaya schema"), "{ran:?}");
    }
}

#[test]
fn sites_need_one_table_more() {
    for (preset, server) in on_servers() {
        let database = format!("schema_{}", preset.name.replace('-', "_"));
        server.create(&database);
        let settings = Place::of(server, &database).settings(preset.name);
        let ran = run("schema-site", &settings, &["schema"]);
        assert_eq!((ran.code, &*ran.err), (Some(0), ""), "{ran:?}");
        assert!(ran.out.starts_with("-- "), "{ran:?}");
        pipe(server, &database, &ran.out);
        let columns = tables(server, &database);
        let expected = [["tracker_batches", "writer"], ["tracker_batches", "seq"]];
        assert_eq!(columns, expected, "{}", preset.name);
    }
}
