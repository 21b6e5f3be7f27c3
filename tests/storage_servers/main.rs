//! The drivers of PostgreSQL and MySQL on real servers, which these tests start and kill.
#![cfg(any(feature = "mysql", feature = "postgres"))]

#[path = "../common/mod.rs"]
mod common;
mod connections;
mod days;
mod locked;
mod operator;
mod own;
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
fn is_built(kind: Kind) -> bool {
    match kind {
        Kind::Mariadb => cfg!(feature = "mysql"),
        Kind::Postgres => cfg!(feature = "postgres"),
    }
}
