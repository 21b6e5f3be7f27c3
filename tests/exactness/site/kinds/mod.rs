//! Kinds of sites: on what terms they credit transfer, what they write into their tables, and how
//! what the tracker has written there is read, by SQL of theirs with `{name}` for a value.

#[cfg(feature = "postgres")]
mod arcadia;
mod batter;
#[cfg(feature = "mysql")]
mod gazelle;
#[cfg(feature = "mysql")]
mod kuroneko;
mod own;
#[cfg(feature = "mysql")]
mod unit3d;

#[cfg(feature = "postgres")]
pub use arcadia::ARCADIA;
pub use batter::BATTER;
#[cfg(feature = "mysql")]
pub use gazelle::{GAZELLE, OPS};
#[cfg(feature = "mysql")]
pub use kuroneko::KURONEKO;
pub use own::OWN;
#[cfg(feature = "mysql")]
pub use unit3d::UNIT3D;

use super::terms::{Combination, PLAIN, Percents, Terms};

/// A kind of site.
pub struct Kind {
    /// What the configuration calls it.
    pub preset: &'static str,
    /// Makes its tables; the tracker makes its own.
    pub fixture: &'static str,
    /// The table of users' sums.
    pub sums: &'static str,
    pub terms: Terms,
    pub writes: Writes,
    pub reads: Reads,
}

/// What the site writes.
pub struct Writes {
    /// What is there before all else; `up` and `down` are those of everybody.
    pub first: &'static [&'static str],
    pub users: &'static [Rows],
    pub torrents: &'static [Rows],
    /// Tokens of a user for a torrent, of a user for all, for a torrent of all.
    pub tokens: &'static [Rows],
    pub tokens_of_users: &'static [Rows],
    pub tokens_of_torrents: &'static [Rows],
}

/// Rows of a table, with its columns.
pub struct Rows {
    pub table: &'static str,
    pub row: &'static str,
}

/// What the site has been told. Columns in a fixed order, `'-'` for those that it has no room for.
pub struct Reads {
    /// User; raw up and down, credited up and down.
    pub users: &'static str,
    /// Torrent; seeders, leechers, snatches, balance, last seeded.
    pub torrents: &'static str,
    /// User, torrent; raw up and down, credited up and down, snatches, seeder, active, announces,
    /// seed seconds, leech seconds, started, last, completed, left, client's up and down, first and
    /// last seen seeding, agent.
    pub history: Option<&'static str>,
    /// Peer id; user, torrent, totals up and down, left, seeder, active, port, started, last,
    /// announces, address, agent.
    pub peers: Option<&'static str>,
    /// User, torrent; address, totals up and down, port, started, last.
    pub addresses: Option<&'static str>,
    /// Kind, peer id; sum.
    pub events: Option<&'static str>,
    /// User, torrent; moment, address.
    pub snatches: Option<&'static str>,
    /// User, torrent; bytes downloaded, whether it is gone.
    pub tokens: Option<&'static str>,
}

/// What is in the fixture's tables only in other tests.
const ROWS: &str = "-- Rows.\n";

impl Kind {
    /// The statements that make its tables, with semicolons between them; nothing where it has none.
    pub fn tables(&self) -> &'static str {
        let tables = self.fixture.split(ROWS).next().unwrap_or_default();
        tables.trim_end().trim_end_matches(';')
    }
}
