//! The same on the tables of sites of each kind, by the preset for them.

use super::database::File;
use super::site::BATTER;
use super::{Trial, is_left_out, run};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One after the other: each has servers and crowds enough.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // One that has failed does not keep the others from it.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn totals_are_exact_on_batter_in_sqlite() {
    let _alone = alone();
    if !is_left_out("batter-sqlite") {
        let database =
            |folder: &std::path::Path| -> Box<dyn super::Database> { Box::new(File::new(folder)) };
        run(
            "exactness-batter-sqlite",
            &BATTER,
            database,
            &Trial::of_many(),
        );
    }
}

#[cfg(any(feature = "mysql", feature = "postgres"))]
fn on_server(server: super::servers::Kind, name: &str, kind: &'static super::Kind) {
    let _alone = alone();
    super::on_server(server, name, kind, &Trial::of_many());
}

#[cfg(feature = "mysql")]
mod mariadb {
    use super::on_server;
    use crate::servers::Kind::Mariadb;
    use crate::site::{BATTER, GAZELLE, KURONEKO, OPS, UNIT3D};

    #[test]
    fn totals_are_exact_on_gazelle() {
        on_server(Mariadb, "gazelle", &GAZELLE);
    }

    #[test]
    fn totals_are_exact_on_gazelle_ops() {
        on_server(Mariadb, "gazelle-ops", &OPS);
    }

    #[test]
    fn totals_are_exact_on_unit3d() {
        on_server(Mariadb, "unit3d", &UNIT3D);
    }

    #[test]
    fn totals_are_exact_on_kuroneko() {
        on_server(Mariadb, "kuroneko", &KURONEKO);
    }

    #[test]
    fn totals_are_exact_on_batter() {
        on_server(Mariadb, "batter-mariadb", &BATTER);
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use super::on_server;
    use crate::servers::Kind::Postgres;
    use crate::site::{ARCADIA, BATTER};

    #[test]
    fn totals_are_exact_on_arcadia() {
        on_server(Postgres, "arcadia", &ARCADIA);
    }

    #[test]
    fn totals_are_exact_on_batter() {
        on_server(Postgres, "batter", &BATTER);
    }
}
