//! What every storage driver must keep, as a test: for the tracker's own drivers and for yours.
//!
//! Implement [`Site`] for your data store, call [`run`] in a test, and a broken promise ends in
//! a panic that names it:
//!
//! ```no_run
//! use chihaya::storage::{NoStorage, Storage, conformance};
//!
//! struct Nothing;
//!
//! impl conformance::Site for Nothing {
//!     fn open(&mut self) -> Box<dyn Storage> {
//!         Box::new(NoStorage::default())
//!     }
//!
//!     fn lasts(&self) -> bool {
//!         false
//!     }
//! }
//!
//! conformance::run(&mut Nothing);
//! ```
//!
//! [`Faulty`] and [`LostAnswer`] make any driver fail; [`commit_surely`] is how to write to one
//! that does.

mod commits;
mod directory;
mod edges;
mod edit_rows;
mod edit_twin;
mod edits;
mod faults;
mod listings;
mod view;

#[cfg(all(test, feature = "sqlite"))]
pub(crate) use edits::any_edit;
pub use faults::{Faulty, LostAnswer, commit_surely};

use super::{
    Change, Commit, EventRow, HistoryDelta, PeerRow, SessionKey, Storage, StorageError, Table,
    Torrent, TorrentDelta, TorrentStatus, User, UserDelta,
};
use crate::model::{InfoHash, Multipliers, Passkey, PeerId, TorrentId, Transfer, UnixTime, UserId};
use view::View;

/// A data store as its driver, its web application and its reports see it. Empty at first.
pub trait Site {
    /// Opens the driver. Called again and again; all handles are on the same data, and the one
    /// before is gone.
    fn open(&mut self) -> Box<dyn Storage>;

    /// Whether what is written is there for the next handle.
    fn lasts(&self) -> bool {
        true
    }

    /// What a web application can write; `None` where nobody is ever known.
    fn application(&mut self) -> Option<&mut dyn Application> {
        None
    }

    /// What can be read back; `None` where nothing is kept.
    fn books(&mut self) -> Option<&mut dyn Books> {
        None
    }
}

/// Writes the directory, by another way than the driver.
pub trait Application {
    /// Makes it so.
    fn change(&mut self, change: &Change);

    /// What becomes known of a change, where the application has no words for all of it: some of
    /// it, another change, or nothing. Of what is not known nothing is written either.
    fn told(&self, change: Change) -> Option<Change> {
        Some(change)
    }
}

/// Reads back what the driver has written, by another way than the driver. A row is read as the
/// delta that leads to it from nothing.
pub trait Books {
    /// Whether rows of this kind are kept at all.
    fn keeps(&self, _table: Table) -> bool {
        true
    }

    /// Clears what is not kept of a row.
    fn cut(&self, _row: Row<'_>) {}

    /// The sums of a user.
    fn user(&mut self, user: UserId) -> Option<UserDelta>;

    /// The history of a user with a torrent.
    fn history(&mut self, user: UserId, torrent: TorrentId) -> Option<HistoryDelta>;

    /// How a torrent stands.
    fn torrent(&mut self, torrent: TorrentId) -> Option<TorrentDelta>;

    /// How a session stands.
    fn peer(&mut self, key: &SessionKey) -> Option<PeerRow>;

    /// The events of a session, in the order in which they were written.
    fn events(&mut self, key: &SessionKey) -> Vec<EventRow>;
}

/// A row of [`Books`].
#[derive(Debug)]
pub enum Row<'r> {
    /// Of a user.
    User(&'r mut UserDelta),
    /// Of a user and a torrent.
    History(&'r mut HistoryDelta),
    /// Of a torrent.
    Torrent(&'r mut TorrentDelta),
    /// Of a session.
    Peer(&'r mut PeerRow),
    /// An event.
    Event(&'r mut EventRow),
}

/// Checks a driver against everything that [`Storage`] promises.
///
/// # Panics
///
/// When it breaks a promise.
pub fn run(site: &mut dyn Site) {
    let mut suite = Suite {
        site,
        model: View::default(),
    };
    directory::check(&mut suite);
    edits::check(&mut suite);
    listings::check(&mut suite);
    commits::check(&mut suite);
    // Before the large batch: this one opens the driver again and again.
    faults::check(&mut suite);
    edges::check(&mut suite);
}

/// The site under test, and what its directory should hold.
struct Suite<'s> {
    site: &'s mut dyn Site,
    model: View,
}

impl Suite<'_> {
    /// Lets the web application write; false where there is none.
    fn change(&mut self, change: Change) -> bool {
        let Some(application) = self.site.application() else {
            return false;
        };
        if let Some(told) = application.told(change.clone()) {
            application.change(&change);
            self.model.apply(told);
        }
        true
    }

    /// Registers users and torrents of these numbers; false where nobody can.
    fn register(&mut self, users: &[u64], torrents: &[u64]) -> bool {
        let users = users.iter().map(|number| Change::User(user(*number)));
        let torrents = torrents.iter().map(|number| torrent(*number));
        let all: Vec<Change> = users.chain(torrents.map(Change::Torrent)).collect();
        all.into_iter().all(|change| self.change(change))
    }

    fn books(&mut self, table: Table) -> Option<&mut dyn Books> {
        let books = self.site.books()?;
        books.keeps(table).then_some(books)
    }

    fn expect_user(&mut self, what: &str, mut expected: UserDelta) {
        let Some(books) = self.books(Table::Users) else {
            return;
        };
        books.cut(Row::User(&mut expected));
        let mut found = books.user(expected.user);
        if let Some(found) = &mut found {
            books.cut(Row::User(found));
        }
        assert_eq!(found, Some(expected), "{what}: the sums of a user");
    }

    fn expect_history(&mut self, what: &str, mut expected: HistoryDelta) {
        let Some(books) = self.books(Table::History) else {
            return;
        };
        books.cut(Row::History(&mut expected));
        let mut found = books.history(expected.user, expected.torrent);
        if let Some(found) = &mut found {
            books.cut(Row::History(found));
        }
        assert_eq!(found, Some(expected), "{what}: history");
    }

    fn expect_torrent(&mut self, what: &str, mut expected: TorrentDelta) {
        let Some(books) = self.books(Table::Torrents) else {
            return;
        };
        books.cut(Row::Torrent(&mut expected));
        let mut found = books.torrent(expected.torrent);
        if let Some(found) = &mut found {
            books.cut(Row::Torrent(found));
        }
        assert_eq!(found, Some(expected), "{what}: a torrent");
    }

    fn expect_peer(&mut self, what: &str, key: &SessionKey, mut expected: Option<PeerRow>) {
        let Some(books) = self.books(Table::Peers) else {
            return;
        };
        let mut found = books.peer(key);
        for row in found.iter_mut().chain(&mut expected) {
            books.cut(Row::Peer(row));
        }
        assert_eq!(found, expected, "{what}: a session");
    }

    fn expect_events(&mut self, what: &str, key: &SessionKey, mut expected: Vec<EventRow>) {
        let Some(books) = self.books(Table::Events) else {
            return;
        };
        let mut found = books.events(key);
        for row in found.iter_mut().chain(&mut expected) {
            books.cut(Row::Event(row));
        }
        assert_eq!(found, expected, "{what}: events");
    }
}

/// A user of this number with nothing special.
fn user(number: u64) -> User {
    User {
        id: UserId(number),
        passkey: passkey(number),
        enabled: true,
        can_leech: true,
        hide_ip: false,
        slots: None,
        multipliers: Multipliers::default(),
    }
}

fn passkey(number: u64) -> Passkey {
    Passkey::new(format!("{number:032x}").as_bytes()).expect("32 bytes")
}

/// A torrent of this number with nothing special.
fn torrent(number: u64) -> Torrent {
    Torrent {
        id: TorrentId(number),
        info_hash: info_hash(number),
        status: TorrentStatus::Registered,
        multipliers: Multipliers::default(),
        snatches: 0,
    }
}

/// Bytes of all kinds, zeros and quotes among them.
fn info_hash(number: u64) -> InfoHash {
    let mut bytes = *b"\0'\"\\\xff\xfe%_?:\n\r        ";
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    InfoHash(bytes)
}

fn session(user: u64, torrent: u64) -> SessionKey {
    SessionKey {
        user: UserId(user),
        torrent: TorrentId(torrent),
        peer_id: PeerId(*b"-XX0001-\0'\"\\\xff\xfe\n\r%_:?"),
    }
}

fn bytes(uploaded: u64, downloaded: u64) -> Transfer {
    Transfer {
        uploaded,
        downloaded,
    }
}

fn batch(from: u64, to: u64) -> Commit {
    Commit {
        from,
        to,
        ..Commit::default()
    }
}

/// What is added to a user: these many bytes up and twice that down; twice that again, raw.
fn user_delta(number: u64, amount: u64) -> UserDelta {
    UserDelta {
        user: UserId(number),
        credited: bytes(amount, amount * 2),
        raw: bytes(amount * 3, amount * 4),
    }
}

fn history_delta(user: u64, torrent: u64, amount: u64) -> HistoryDelta {
    HistoryDelta {
        user: UserId(user),
        torrent: TorrentId(torrent),
        credited: bytes(amount, amount * 2),
        raw: bytes(amount * 3, amount * 4),
        seed_seconds: amount * 5,
        leech_seconds: amount * 6,
        announces: 1,
        started: UnixTime(1_000_000),
        last: UnixTime(1_000_000),
        active: true,
        agent: "Client/1.0".into(),
        ..HistoryDelta::default()
    }
}

fn peer_row(user: u64, torrent: u64) -> PeerRow {
    PeerRow {
        key: session(user, torrent),
        ip: std::net::Ipv4Addr::new(192, 0, 2, 1)
            .to_ipv6_mapped()
            .octets(),
        port: 6881,
        totals: bytes(1, 2),
        left: 3,
        seeder: false,
        active: true,
        agent: "Client/1.0".into(),
        started: UnixTime(1_000_000),
        last: UnixTime(1_000_001),
        announces: 4,
        rates: bytes(5, 6),
    }
}

/// Writes a batch that must be taken.
fn written(what: &str, storage: &mut dyn Storage, writer: &str, batch: &Commit) {
    let written = storage.commit(writer, batch);
    assert!(written.is_ok(), "{what}: commit: {written:?}");
}

fn position(what: &str, storage: &mut dyn Storage, writer: &str) -> u64 {
    let position: Result<u64, StorageError> = storage.position(writer);
    position.unwrap_or_else(|err| panic!("{what}: position: {err}"))
}

#[cfg(test)]
mod tests {
    use super::super::NoStorage;
    use super::{Site, Storage, run};

    struct Nothing;

    impl Site for Nothing {
        fn open(&mut self) -> Box<dyn Storage> {
            Box::new(NoStorage::default())
        }

        fn lasts(&self) -> bool {
            false
        }
    }

    #[test]
    fn no_storage_keeps_to_it() {
        run(&mut Nothing);
    }
}
