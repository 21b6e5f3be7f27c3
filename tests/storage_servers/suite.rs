//! The conformance suite: on the tracker's own tables in each database, and on sites of each kind.

use crate::own::{self, OwnTables};
use crate::presets::{ALL, Tables};
use crate::servers::Kind;
use crate::web::Web;
use chihaya::Drivers;
use chihaya::config::Config;
use chihaya::storage::Storage;
use chihaya::storage::conformance::{self, Application, Books, Site};
use serde_json::Value;

/// Opens the storage of these settings.
pub fn open(settings: &Value) -> Box<dyn Storage> {
    let config = Config::from_json(&settings.to_string()).expect("settings");
    Drivers::builtin().open_storage(&config).expect("it opens")
}

/// A site, and how its driver is opened.
struct Of<T> {
    settings: Value,
    tables: T,
}

impl<T: Application + Books> Site for Of<T> {
    fn open(&mut self) -> Box<dyn Storage> {
        open(&self.settings)
    }

    fn application(&mut self) -> Option<&mut dyn Application> {
        Some(&mut self.tables)
    }

    fn books(&mut self) -> Option<&mut dyn Books> {
        Some(&mut self.tables)
    }
}

fn own_tables(kind: Kind) {
    let Some(server) = crate::shared(kind) else {
        return;
    };
    server.create("own");
    // The tables are made by the one who opens it first.
    drop(open(&own::settings(server, "own")));
    conformance::run(&mut Of {
        settings: own::settings(server, "own"),
        tables: OwnTables(Web::new(server, "own")),
    });
}

#[cfg(feature = "mysql")]
#[test]
fn own_tables_in_mariadb() {
    own_tables(Kind::Mariadb);
}

#[cfg(feature = "postgres")]
#[test]
fn own_tables_in_postgres() {
    own_tables(Kind::Postgres);
}

#[test]
fn sites_of_each_kind() {
    for preset in ALL {
        let Some(server) = crate::shared(preset.kind) else {
            continue;
        };
        let database = format!("suite_{}", preset.name.replace('-', "_"));
        server.create(&database);
        println!("{}", preset.name);
        conformance::run(&mut Of {
            settings: crate::days::settings(preset, server, &database),
            tables: Tables::new(preset, server, &database),
        });
    }
}
