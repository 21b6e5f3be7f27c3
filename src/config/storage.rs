//! The web application's data store, and how it is spoken to.

use super::check::Check;
use super::units::{HOUR, MINUTE};
use super::{Config, Secret, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The web application's data store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Storage {
    /// The driver's name.
    pub driver: String,
    /// The database file of the driver `sqlite`; made where it is missing, with the preset `own`.
    pub path: PathBuf,
    /// The server and database of the drivers `postgres` and `mysql`, as in
    /// `postgres://user@host/database`.
    pub url: Option<String>,
    /// The password, where the address has none.
    pub password: Option<Secret>,
    /// A file that holds it and nothing else.
    pub password_file: Option<PathBuf>,
    /// An environment variable that holds it.
    pub password_env: Option<String>,
    /// Whether what is said to a server is encrypted; never what goes by a socket of this host.
    pub tls: Tls,
    /// Certificates of who may vouch for the server, a PEM file; null: those that browsers trust.
    pub tls_ca: Option<PathBuf>,
    /// How long it may take to connect to a server.
    pub connect_timeout: Span,
    /// How long a statement may wait for a lock, on a server or in a site's file of SQLite.
    pub statement_timeout: Span,
    /// Whose tables it reads and writes.
    pub preset: String,
    /// Statements instead of those of the preset.
    pub statements: Statements,
    /// How often what has been accounted is written.
    pub flush_interval: Span,
    /// How often changes of users, torrents, clients and tokens are looked for.
    pub changes_interval: Span,
    /// How often all of them are loaded anew, where the driver cannot tell what has changed.
    pub reload_interval: Span,
}

impl Default for Storage {
    fn default() -> Storage {
        Storage {
            driver: "sqlite".to_owned(),
            path: PathBuf::from("chihaya.db"),
            url: None,
            password: None,
            password_file: None,
            password_env: None,
            tls: Tls::Off,
            tls_ca: None,
            connect_timeout: Span(10),
            statement_timeout: Span(30),
            preset: "own".to_owned(),
            statements: Statements::default(),
            flush_interval: Span(5),
            changes_interval: Span(2),
            reload_interval: Span(5 * MINUTE),
        }
    }
}

/// Whether what is said to a server is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// It is not.
    Off,
    /// It is, whoever the server is.
    Require,
    /// It is, and the server has shown that it is the one of the address.
    Verify,
}

/// Statements by name, put over those of a preset; an empty text takes the preset's away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Statements {
    /// Those that read the directory.
    pub load: LoadStatements,
    /// Those that write what has been accounted.
    pub write: WriteStatements,
}

/// Statements that read the directory; their columns are told in the README.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct LoadStatements {
    pub users: Option<String>,
    pub torrents: Option<String>,
    pub clients: Option<String>,
    pub tokens: Option<String>,
    pub options: Option<String>,
    /// What has changed since a cursor.
    pub changes: Option<String>,
}

/// Statements that write; the names of values are told in the README.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct WriteStatements {
    pub users: Option<String>,
    pub torrents: Option<String>,
    pub history: Option<String>,
    pub peers: Option<String>,
    pub forgotten: Option<String>,
    pub snatches: Option<String>,
    pub tokens: Option<String>,
    pub events: Option<String>,
    /// Moves the position of a writer.
    pub position: Option<String>,
}

impl Statements {
    /// Those that are given, by name: what loads, then what writes.
    pub fn given(&self) -> [BTreeMap<String, Option<String>>; 2] {
        [given(&self.load), given(&self.write)]
    }
}

fn given(statements: &impl Serialize) -> BTreeMap<String, Option<String>> {
    let all = serde_json::to_value(statements).and_then(serde_json::from_value);
    let all: BTreeMap<String, Option<String>> = all.unwrap_or_default();
    let given = all.into_iter().filter_map(|(name, text)| {
        let text = text?;
        Some((name, Some(text).filter(|text| !text.trim().is_empty())))
    });
    given.collect()
}

impl Config {
    pub(super) fn check_storage(&self, check: &mut Check) {
        let storage = &self.storage;
        for (path, wait) in [
            ("storage.connect_timeout", storage.connect_timeout),
            ("storage.statement_timeout", storage.statement_timeout),
        ] {
            check.range(path, wait, Span(1)..=Span(HOUR));
        }
        let passwords = [
            storage.password.is_some(),
            storage.password_file.is_some(),
            storage.password_env.is_some(),
        ];
        if passwords.iter().filter(|given| **given).count() > 1 {
            let message = "only one of password, password_file and password_env can be given";
            check.fault("storage", message);
        }
        let needs_url = ["postgres", "mysql"].contains(&storage.driver.as_str());
        if needs_url && storage.url.as_deref().unwrap_or_default().is_empty() {
            let message = "the address of the database is missing";
            check.fault("storage.url", message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_statements_that_are_given_are_put_over_others() {
        let text = r#"{"load": {"users": "SELECT 1", "clients": " "}, "write": {}}"#;
        let given: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let mut all = serde_json::to_value(Statements::default()).expect("JSON");
        for (name, text) in given["load"].as_object().expect("an object") {
            all["load"][name] = text.clone();
        }
        let statements: Statements = serde_json::from_value(all).expect("statements");
        let [load, write] = statements.given();
        let expected = [("clients", None), ("users", Some("SELECT 1".to_owned()))];
        assert!(
            load.into_iter()
                .eq(expected.map(|(name, text)| (name.to_owned(), text)))
        );
        assert!(write.is_empty());
    }
}
