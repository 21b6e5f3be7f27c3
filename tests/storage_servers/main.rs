//! The drivers that speak SQL on real databases: files of SQLite, and servers of PostgreSQL and
//! MariaDB, which these tests start and kill.
#![cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]

#[path = "../common/mod.rs"]
mod common;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod connections;
mod days;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod directory;
#[cfg(feature = "sqlite")]
mod files;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod locked;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod operator;
mod own;
mod place;
mod presets;
#[path = "../servers/mod.rs"]
mod servers;
mod suite;
mod web;

use servers::{Kind, Server};
use std::sync::OnceLock;

/// The server that the tests share; `None` where it is not installed.
fn shared(kind: Kind) -> Option<&'static Server> {
    static MARIADB: OnceLock<Option<Server>> = OnceLock::new();
    static POSTGRES: OnceLock<Option<Server>> = OnceLock::new();
    let server = match kind {
        Kind::Mariadb => &MARIADB,
        Kind::Postgres => &POSTGRES,
    };
    server.get_or_init(|| Server::start(kind)).as_ref()
}

/// Whether this build has the driver for it.
#[cfg(any(feature = "mysql", feature = "postgres"))]
fn is_built(kind: Kind) -> bool {
    match kind {
        Kind::Mariadb => cfg!(feature = "mysql"),
        Kind::Postgres => cfg!(feature = "postgres"),
    }
}
