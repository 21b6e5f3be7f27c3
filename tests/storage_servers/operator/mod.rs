//! What an operator runs before the tracker does, on real servers.

mod check;
mod schema;
mod statements;

pub use schema::pipe;

use crate::common::program::chihaya;
use crate::place::Place;
use crate::presets::{Preset, Tables};
use crate::servers::{Kind, Server};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Servers that this build can ask.
const KINDS: &[Kind] = &[
    #[cfg(feature = "mysql")]
    Kind::Mariadb,
    #[cfg(feature = "postgres")]
    Kind::Postgres,
];

/// How a command ended, and what it said.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a command with these settings.
pub fn run(name: &str, settings: &Value, arguments: &[&str]) -> Ran {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("operator-{count}.json"));
    std::fs::write(&path, settings.to_string()).expect("written");
    let file = path.to_str().expect("UTF-8");
    let output = chihaya(&[&["--config", file], arguments].concat());
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let ran = Ran {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    };
    println!("{name}: {arguments:?}: {ran:#?}");
    ran
}

/// The settings of a tracker with tables of its own in a database.
fn own_settings(server: &Server, database: &str) -> Value {
    Place::of(server, database).settings("own")
}

/// A new database with the tracker's own tables, two users and two torrents.
fn own_tables(server: &Server, database: &str) -> Value {
    server.create(database);
    let settings = own_settings(server, database);
    drop(crate::suite::open(&settings));
    let mut shell = server.shell(database);
    let hash = |byte: &str| match server.kind() {
        Kind::Mariadb => format!("X'{}'", byte.repeat(20)),
        Kind::Postgres => format!("'\\x{}'::bytea", byte.repeat(20)),
    };
    shell.run("INSERT INTO tracker_users (id, passkey) VALUES (1, 'one'), (2, 'two')");
    shell.run(&format!(
        "INSERT INTO tracker_torrents (id, info_hash) VALUES (1, {}), (2, {})",
        hash("0a"),
        hash("0b")
    ));
    settings
}

/// A statement of the configuration instead of the preset's.
fn with_statement(settings: &Value, kind: &str, name: &str, sql: &str) -> Value {
    let mut settings = settings.clone();
    settings["storage"]["statements"] = json!({kind: {name: sql}});
    settings
}

/// A site of a preset, with some rows.
fn site(preset: &'static Preset, server: &Server, database: &str) -> Value {
    server.create(database);
    let place = Place::of(server, database);
    Tables::new(preset, &place).put_rows();
    place.settings(preset.name)
}
