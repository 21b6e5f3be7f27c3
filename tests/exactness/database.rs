//! The databases that a site may have: a file of SQLite, or a real server, which can be killed.

use super::site::Kind;
use chihaya::Drivers;
use chihaya::config::Config;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Where the site keeps what it knows, and how its tracker is told of that.
pub trait Database {
    /// The section `storage` of the tracker's settings, as far as it names the database.
    fn settings(&self) -> Value;

    /// Another way into it than the tracker's.
    fn connect(&self) -> Box<dyn Session>;

    /// Makes a database, with the tables of a kind of site.
    fn create(&self, kind: &Kind);

    /// Makes them, and the tracker's own, with which a tracker of these settings begins.
    fn make_tables(&self, kind: &Kind, settings: &Value) {
        self.create(kind);
        let settings = json!({"storage": settings}).to_string();
        let config = Config::from_json(&settings).expect("settings");
        let storage = Drivers::builtin().open_storage(&config);
        drop(storage.expect("the tables are made"));
    }

    /// Kills its server, whatever it does; false where it has none.
    fn kill(&mut self) -> bool {
        false
    }

    /// Starts it again; returns when it answers.
    fn restart(&mut self) {}
}

/// Someone who asks a database.
pub trait Session {
    /// The rows of a query, all values as text.
    fn rows(&mut self, sql: &str) -> Vec<Vec<String>>;

    /// Runs a statement.
    fn run(&mut self, sql: &str);

    /// What shows bytes in hexadecimal.
    fn shown(&self, column: &str) -> String;

    /// Bytes as a literal.
    fn bytes(&self, hex: &str) -> String;

    /// From here on, one state of it is seen: the tracker may be writing.
    fn freeze(&mut self);

    /// Keeps the tracker from writing into a table, until this session ends; false when the tracker
    /// was faster.
    fn lock(&mut self, table: &str) -> bool;
}

pub struct File {
    path: PathBuf,
    /// What the tracker is told to say; nothing: it writes its tables as they are made.
    statements: Value,
}

impl File {
    pub fn new(folder: &Path) -> File {
        File {
            path: folder.join("site.db"),
            statements: json!({}),
        }
    }

    /// Any statement that is given makes statements of all.
    pub fn by_statements(folder: &Path) -> File {
        let clients = "SELECT prefix, allow FROM tracker_clients";
        File {
            statements: json!({"load": {"clients": clients}}),
            ..File::new(folder)
        }
    }
}

impl Database for File {
    fn settings(&self) -> Value {
        json!({"driver": "sqlite", "path": self.path, "statements": self.statements})
    }

    fn connect(&self) -> Box<dyn Session> {
        Box::new(Connection::open(&self.path).expect("the database"))
    }

    fn create(&self, kind: &Kind) {
        self.connect().run(kind.tables());
    }
}

impl Session for Connection {
    fn rows(&mut self, sql: &str) -> Vec<Vec<String>> {
        let mut statement = self.prepare(sql).expect("a statement");
        let columns = statement.column_count();
        let read = |row: &Row<'_>| {
            let value = |column| match row.get_ref(column).expect("a value") {
                ValueRef::Integer(number) => number.to_string(),
                ValueRef::Text(text) => String::from_utf8(text.to_vec()).expect("UTF-8"),
                ValueRef::Null => "NULL".to_owned(),
                value => panic!("{sql}: {value:?}"),
            };
            Ok((0..columns).map(value).collect())
        };
        let rows = statement.query_map((), read).expect("rows");
        rows.map(|row| row.expect("a row")).collect()
    }

    fn run(&mut self, sql: &str) {
        let done = self.execute_batch(sql);
        assert!(done.is_ok(), "{sql}: {done:?}");
    }

    fn shown(&self, column: &str) -> String {
        format!("lower(hex({column}))")
    }

    fn bytes(&self, hex: &str) -> String {
        format!("X'{hex}'")
    }

    fn freeze(&mut self) {
        self.run("BEGIN");
    }

    fn lock(&mut self, _table: &str) -> bool {
        self.execute_batch("BEGIN IMMEDIATE").is_ok()
    }
}

#[cfg(any(feature = "mysql", feature = "postgres"))]
pub use server::OfServer;

#[cfg(any(feature = "mysql", feature = "postgres"))]
mod server {
    use super::{Database, Session};
    use crate::servers::{self, PASSWORD, Server, Shell, USER};
    use crate::site::Kind;
    use serde_json::{Value, json};

    /// The name of the database.
    const NAME: &str = "site";

    pub struct OfServer(pub Server);

    impl Database for OfServer {
        fn settings(&self) -> Value {
            let driver = match self.0.kind() {
                servers::Kind::Mariadb => "mysql",
                servers::Kind::Postgres => "postgres",
            };
            json!({"driver": driver, "url": self.0.url(NAME), "password": PASSWORD})
        }

        fn connect(&self) -> Box<dyn Session> {
            Box::new(Client {
                kind: self.0.kind(),
                shell: self.0.shell(NAME),
            })
        }

        fn create(&self, kind: &Kind) {
            self.0.create(NAME);
            if kind.tables().is_empty() {
                return;
            }
            let mut shell = self.0.shell(NAME);
            shell.run(kind.tables());
            if self.0.kind() == servers::Kind::Postgres {
                shell.run(&format!(
                    "GRANT ALL ON ALL TABLES IN SCHEMA public TO {USER}; \
                     GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {USER}; \
                     GRANT ALL ON SCHEMA public TO {USER}"
                ));
            }
        }

        fn kill(&mut self) -> bool {
            self.0.kill();
            true
        }

        fn restart(&mut self) {
            self.0.restart();
        }
    }

    struct Client {
        kind: servers::Kind,
        shell: Shell,
    }

    impl Session for Client {
        fn rows(&mut self, sql: &str) -> Vec<Vec<String>> {
            self.shell.rows(sql)
        }

        fn run(&mut self, sql: &str) {
            self.shell.run(sql);
        }

        fn shown(&self, column: &str) -> String {
            match self.kind {
                servers::Kind::Mariadb => format!("LOWER(HEX({column}))"),
                servers::Kind::Postgres => format!("encode({column}, 'hex')"),
            }
        }

        fn bytes(&self, hex: &str) -> String {
            match self.kind {
                servers::Kind::Mariadb => format!("X'{hex}'"),
                servers::Kind::Postgres => format!("'\\x{hex}'::bytea"),
            }
        }

        fn freeze(&mut self) {
            self.shell.run(match self.kind {
                // What it keeps without a zone is in the tracker's.
                servers::Kind::Mariadb => {
                    "SET time_zone = '+00:00'; START TRANSACTION WITH CONSISTENT SNAPSHOT"
                }
                servers::Kind::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ",
            });
        }

        fn lock(&mut self, table: &str) -> bool {
            self.shell.run(&match self.kind {
                servers::Kind::Mariadb => format!("LOCK TABLES {table} WRITE"),
                servers::Kind::Postgres => {
                    format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                }
            });
            true
        }
    }
}
