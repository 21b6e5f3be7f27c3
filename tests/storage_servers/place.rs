//! Where a test has its database: on a server, or in a file.

use crate::servers::{Kind, PASSWORD, Server};
use crate::web::Web;
use chihaya::storage::sql::Dialect;
use serde_json::{Value, json};
use std::path::PathBuf;

/// A database that was empty at first.
pub enum Place<'s> {
    Server {
        server: &'s Server,
        name: String,
    },
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "no driver for it"))]
    File(PathBuf),
}

impl Place<'static> {
    /// A new database; `None` where its server is not installed.
    pub fn new(dialect: Dialect, name: &str) -> Option<Place<'static>> {
        let kind = match dialect {
            Dialect::Sqlite => return Some(Place::File(new_file(name))),
            Dialect::Postgres => Kind::Postgres,
            Dialect::Mysql => Kind::Mariadb,
        };
        crate::shared(kind).map(|server| Place::on(server, name))
    }
}

/// Where a file is that is not there yet.
pub fn new_file(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("files");
    std::fs::create_dir_all(&folder).expect("a folder");
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.join(format!("{name}.db{suffix}")));
    }
    folder.join(format!("{name}.db"))
}

impl<'s> Place<'s> {
    /// A new database on this server.
    pub fn on(server: &'s Server, name: &str) -> Place<'s> {
        server.create(name);
        Place::of(server, name)
    }

    /// A database on this server, as it is.
    pub fn of(server: &'s Server, name: &str) -> Place<'s> {
        let name = name.to_owned();
        Place::Server { server, name }
    }

    /// The settings of a tracker for it.
    pub fn settings(&self, preset: &str) -> Value {
        let mut storage = match self {
            Place::Server { server, name } => json!({
                "driver": match server.kind() {
                    Kind::Mariadb => "mysql",
                    Kind::Postgres => "postgres",
                },
                "url": server.url(name),
                "password": PASSWORD,
            }),
            Place::File(path) => json!({"driver": "sqlite", "path": path}),
        };
        storage["preset"] = preset.into();
        storage["flush_interval"] = 1.into();
        storage["changes_interval"] = 1.into();
        json!({"tracker": "private", "storage": storage})
    }

    /// Another way into it than the tracker's.
    pub fn web(&self) -> Web {
        match self {
            Place::Server { server, name } => Web::of_server(server, name),
            #[cfg(feature = "sqlite")]
            Place::File(path) => Web::of_file(path),
            #[cfg(not(feature = "sqlite"))]
            Place::File(path) => panic!("{}: no driver for it", path.display()),
        }
    }
}
