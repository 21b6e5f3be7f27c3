//! The conformance suite, over the tracker's own tables on real servers.

use crate::own::{OwnTables, settings};
use crate::servers::Kind;
use crate::web::Web;
use crate::{is_built, shared};
use chihaya::Drivers;
use chihaya::config::Config;
use chihaya::storage::Storage;
use chihaya::storage::conformance::{self, Application, Books, Site};

struct Own {
    config: Config,
    tables: OwnTables,
}

impl Own {
    fn opened(&self) -> Box<dyn Storage> {
        let storage = Drivers::builtin().open_storage(&self.config);
        storage.expect("it opens")
    }
}

impl Site for Own {
    fn open(&mut self) -> Box<dyn Storage> {
        self.opened()
    }

    fn application(&mut self) -> Option<&mut dyn Application> {
        Some(&mut self.tables)
    }

    fn books(&mut self) -> Option<&mut dyn Books> {
        Some(&mut self.tables)
    }
}

fn conforms(kind: Kind) {
    if !is_built(kind) {
        return;
    }
    let Some(server) = shared(kind) else { return };
    server.create("conformance");
    let settings = settings(server, "conformance");
    let config = Config::from_json(&settings.to_string()).expect("settings");
    // The tables are made by the one who opens it first.
    let tables = Drivers::builtin().open_storage(&config);
    drop(tables.expect("it opens"));
    let tables = OwnTables(Web::new(server, "conformance"));
    conformance::run(&mut Own { config, tables });
}

#[test]
fn mariadb_keeps_what_a_storage_promises() {
    conforms(Kind::Mariadb);
}

#[test]
fn postgres_keeps_what_a_storage_promises() {
    conforms(Kind::Postgres);
}
