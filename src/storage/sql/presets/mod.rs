//! Statements for the tables of known web applications, by name.

mod arcadia;
mod batter;
mod gazelle;
mod kuroneko;
mod own;
mod own_changes;
#[cfg(feature = "sqlite")]
mod own_sqlite;
mod unit3d;

use super::connection::Dialect;

/// Statements of a kind of site.
#[derive(Debug)]
pub struct Preset {
    /// What the configuration calls it.
    pub name: &'static str,
    /// The SQL it is written in.
    pub dialect: Dialect,
    /// Statements that load, by name.
    pub load: &'static [(&'static str, &'static str)],
    /// Statements that write, by name.
    pub write: &'static [(&'static str, &'static str)],
    /// Makes the tables that the tracker writes and the site does not have.
    pub schema: &'static [&'static str],
    /// Lets the tables of the directory note what is changed in them; a server may refuse it, and the
    /// tracker does without.
    pub tracking: &'static [&'static str],
}

pub(super) use own_changes::{MYSQL_FIRST, MYSQL_OLD, PROBE as TRACKING_PROBE};

/// Tells whether those tables are there: the last one that is made.
pub const PROBE: &str = "SELECT seq FROM tracker_batches WHERE writer = ''";

/// All of them.
pub const ALL: &[&Preset] = &[
    &own::POSTGRES,
    &own::MYSQL,
    #[cfg(feature = "sqlite")]
    &own_sqlite::SQLITE,
    &batter::POSTGRES,
    &batter::MYSQL,
    #[cfg(feature = "sqlite")]
    &batter::SQLITE,
    &gazelle::GAZELLE,
    &gazelle::OPS,
    &unit3d::UNIT3D,
    &kuroneko::KURONEKO,
    &arcadia::ARCADIA,
];

/// The preset of a name for a dialect.
pub fn find(name: &str, dialect: Dialect) -> Option<&'static Preset> {
    let mut all = ALL.iter().copied();
    all.find(|preset| preset.name == name && preset.dialect == dialect)
}

/// The names of those that a dialect has.
pub fn names(dialect: Dialect) -> Vec<&'static str> {
    let of_dialect = ALL.iter().filter(|preset| preset.dialect == dialect);
    of_dialect.map(|preset| preset.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::sql::plan::{Given, Plan};

    #[test]
    fn all_of_them_can_be_read() {
        for preset in ALL {
            let plan = Plan::new(preset.dialect, preset, &Given::new(), &Given::new());
            assert!(
                plan.is_ok(),
                "{} {:?}: {plan:?}",
                preset.name,
                preset.dialect
            );
        }
    }
}
