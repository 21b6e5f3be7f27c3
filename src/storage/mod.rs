//! The web application's data store: what the tracker reads there, and what it writes.
//!
//! A [`Storage`] is synchronous and may take its time: one thread owns it, and no announce waits
//! for it. It knows nothing of swarms.

mod change;
mod commit;
pub mod conformance;
mod edit;
mod listing;
mod none;
mod report;
mod sample;
pub mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;

pub use change::{Change, Client, Cursor, Global, Token, Torrent, TorrentStatus, User, Wanted};
pub use commit::{
    Commit, EventKind, EventRow, HistoryDelta, PeerRow, SessionKey, Table, TorrentDelta, UserDelta,
};
pub use edit::{
    Edit, EditError, NAME_MAX_BYTES, OptionsEdit, PREFIX_MAX_BYTES, Placed, REASON_MAX_BYTES,
    TorrentEdit, TorrentName, UserEdit, UserName,
};
pub use listing::{Entry, Listing, TokenKey, TorrentEntry, UserEntry};
pub use none::NoStorage;
pub use report::{Checked, Elapsed, Finding, Prepared, Report, Severity};
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;

/// The web application's data store.
pub trait Storage: Send {
    /// Shows users, torrents, clients, tokens and options: all of them, or what has changed since
    /// the cursor. Returns the cursor to go on from. [`StorageError::CursorGone`] when what has
    /// changed since cannot be told: then all of it must be loaded.
    fn load(
        &mut self,
        since: Option<Cursor>,
        to: &mut dyn FnMut(Change),
    ) -> Result<Cursor, StorageError>;

    /// Shows those of the wanted that are there, with all that [`Storage::load`] would say of them.
    fn find(&mut self, wanted: &Wanted, to: &mut dyn FnMut(Change)) -> Result<(), StorageError>;

    /// The position up to which this writer's records have been committed; 0 for a new one.
    fn position(&mut self, writer: &str) -> Result<u64, StorageError>;

    /// Writes everything or nothing, in one transaction with the step of the writer's position
    /// from `batch.from` to `batch.to`, on condition that it still is `from`
    /// ([`StorageError::Moved`] otherwise). `from` and `to` may be the same.
    fn commit(&mut self, writer: &str, batch: &Commit) -> Result<(), StorageError>;

    /// Does what can be put off until a batch has been committed; called after that, when nobody
    /// waits. What fails here is tried again by itself.
    fn tidy(&mut self) {}

    /// The directory for those who write it by the command line, and for what is pushed; `None`
    /// where it is the web application's alone.
    fn directory(&mut self) -> Option<&mut dyn Directory> {
        None
    }
}

/// The directory, where a driver can write it: for sites without a web application, and for those
/// whose web application pushes what it changes.
pub trait Directory {
    /// Makes edits in their order, all that can be made in one transaction, and answers each.
    ///
    /// An edit that cannot be made changes nothing and keeps none of the others from being made.
    /// After an error it is not known whether any was made; they are made again then. A user or
    /// torrent that is named by number is that of the number, whatever else is said; one that is
    /// named by passkey or info-hash is looked for by it, and gets a number that nobody has had
    /// where it is new and none is said.
    fn edit(&mut self, edits: &[Edit]) -> Result<Vec<Result<Placed, EditError>>, StorageError>;

    /// Shows how what an edit names stands, by number where it has one: with all that
    /// [`Storage::load`] would say of it, or that it is gone.
    fn stands(&mut self, edit: &Edit, to: &mut dyn FnMut(Change)) -> Result<(), StorageError>;

    /// Lists a part of the directory, so many entries at most.
    ///
    /// Of rows that a web application has filled with what cannot be, an entry shows what it can;
    /// those that cannot be told from others are left out.
    fn list(
        &mut self,
        listing: &Listing,
        most: usize,
        to: &mut dyn FnMut(Entry),
    ) -> Result<(), StorageError>;
}

/// Why a storage did not do what it was asked. Nothing of it has been done, unless said otherwise.
#[derive(Debug)]
pub enum StorageError {
    /// It may work later: busy, unreachable, locked. A commit may have been made all the same: its
    /// position tells.
    Retry(String),
    /// Rows that are refused for themselves. Nothing has been written; the others may be written
    /// without them.
    Rows(Vec<RejectedRow>),
    /// The writer's position is not where the batch begins, but here.
    Moved(u64),
    /// What changed since the cursor cannot be told: everything must be loaded.
    CursorGone,
    /// It will not work until the operator puts it right.
    Fatal(String),
}

/// A row that the data store refuses for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRow {
    /// What kind of row.
    pub table: Table,
    /// Its place in that part of the batch.
    pub place: usize,
    /// Why.
    pub message: String,
}

impl std::fmt::Display for StorageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StorageError::Retry(message) | StorageError::Fatal(message) => {
                write!(f, "storage: {message}")
            }
            StorageError::Rows(rows) => write!(f, "storage: {} rows are refused", rows.len()),
            StorageError::Moved(position) => {
                write!(f, "storage: the writer's position is {position}")
            }
            StorageError::CursorGone => write!(f, "storage: the changes are no longer known"),
        }
    }
}

impl std::error::Error for StorageError {}
