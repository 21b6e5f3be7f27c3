//! Connections to real servers: what is asked is answered, and each fault is what it is.

mod faults;
mod literals;
#[cfg(any(feature = "mysql-tls", feature = "postgres-tls"))]
mod tls;
mod values;

use crate::servers::{self, Kind, PASSWORD};
use chihaya::storage::sql::{Connection, Fault, Server, SqlError, Tls};
use std::time::Duration;

/// Those that this build can ask.
const KINDS: &[Kind] = &[
    #[cfg(feature = "mysql")]
    Kind::Mariadb,
    #[cfg(feature = "postgres")]
    Kind::Postgres,
];

/// Runs a test on a new database of each server.
fn on_each(name: &str, test: impl Fn(&Site<'_>)) {
    for kind in KINDS {
        if let Some(server) = crate::shared(*kind) {
            server.create(name);
            test(&Site { server, name });
        }
    }
}

/// A database of a server.
struct Site<'s> {
    server: &'s servers::Server,
    name: &'s str,
}

impl Site<'_> {
    fn kind(&self) -> Kind {
        self.server.kind()
    }

    /// One text for each database.
    fn either<'t>(&self, mariadb: &'t str, postgres: &'t str) -> &'t str {
        match self.kind() {
            Kind::Mariadb => mariadb,
            Kind::Postgres => postgres,
        }
    }

    fn settings(&self) -> Server {
        Server {
            url: self.server.url(self.name),
            password: Some(PASSWORD.to_owned()),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
            tls: Tls::Off,
            tls_ca: None,
        }
    }

    fn connect(&self) -> Box<dyn Connection> {
        self.open(&self.settings()).expect("it connects")
    }

    fn open(&self, settings: &Server) -> Result<Box<dyn Connection>, SqlError> {
        match self.kind() {
            #[cfg(feature = "mysql")]
            Kind::Mariadb => chihaya::storage::sql::open_mysql(settings),
            #[cfg(feature = "postgres")]
            Kind::Postgres => chihaya::storage::sql::open_postgres(settings),
            #[allow(unreachable_patterns, reason = "a build may have both")]
            kind => panic!("{kind:?} is not built in"),
        }
    }

    /// How a connection cannot be had; never tells the password.
    fn refused(&self, name: &str, settings: &Server) -> Fault {
        let kind = self.kind();
        match self.open(settings) {
            Ok(_) => panic!("{kind:?}: {name}: it connects"),
            Err(SqlError {
                kind: fault,
                message,
            }) => {
                println!("{kind:?}: {name}: {message}");
                assert!(!message.contains(PASSWORD), "{message}");
                fault
            }
        }
    }
}

/// What a statement ends with.
fn outcome(result: Result<u64, SqlError>) -> Result<u64, Fault> {
    result.map_err(|SqlError { kind, message }| {
        println!("{message}");
        kind
    })
}

/// Statements that must be taken.
fn run(db: &mut dyn Connection, statements: &[&str]) {
    for sql in statements {
        if let Err(SqlError { kind, message }) = db.execute(sql) {
            panic!("{sql}: {kind:?}: {message}");
        }
    }
}
