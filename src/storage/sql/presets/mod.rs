//! Statements for the tables of known web applications, by name.

mod own;

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
}

/// Tells whether those tables are there: the last one that is made.
pub const PROBE: &str = "SELECT seq FROM tracker_batches WHERE writer = ''";

/// All of them.
pub const ALL: &[&Preset] = &[&own::POSTGRES, &own::MYSQL];

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
