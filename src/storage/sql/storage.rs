//! A storage in any database that speaks SQL, by statements of a preset or of the configuration.

use super::connection::{Connection, Dialect, Fault, SqlError};
use super::load::Loading;
use super::plan::Plan;
use super::presets::{PROBE, Preset};
use super::write::{self, Failed};
use super::{edit, listing, stands, tracking};
use crate::storage::{
    Change, Commit, Cursor, Directory, Edit, EditError, Entry, Listing, Placed, Storage,
    StorageError, Wanted,
};

/// Opens a connection.
pub type Open = dyn Fn() -> Result<Box<dyn Connection>, SqlError> + Send;

/// The storage. Its connection is opened when it is needed, and again when it has been lost.
pub struct SqlStorage {
    /// The driver's name, for messages.
    driver: &'static str,
    open: Box<Open>,
    plan: Plan,
    schema: &'static [&'static str],
    tracking: &'static [&'static str],
    /// Whether changes are noted; where the tables need not be asked, they are.
    has_changes: bool,
    /// The directory is the tracker's own, and read as it stands.
    is_writable: bool,
    connection: Option<Box<dyn Connection>>,
    /// The tables that the tracker makes are there.
    is_ready: bool,
}

impl SqlStorage {
    /// A storage that connects by `open`; tables of the tracker's own that a preset has are made
    /// where they are missing.
    pub fn new(driver: &'static str, plan: Plan, preset: &Preset, open: Box<Open>) -> SqlStorage {
        // The own tables in SQLite have a driver of their own that writes them.
        let is_own = preset.name == "own" && preset.dialect != Dialect::Sqlite;
        let plan_changes = plan.load.changes_are_presets;
        SqlStorage {
            driver,
            is_writable: is_own && plan.load.is_presets,
            open,
            plan,
            schema: preset.schema,
            tracking: match plan_changes {
                true => preset.tracking,
                false => &[],
            },
            has_changes: true,
            connection: None,
            is_ready: false,
        }
    }

    /// Connects, so that what is wrong is told at once.
    pub fn connect(&mut self) -> Result<(), StorageError> {
        self.with("cannot connect", |_, _| Ok::<_, Failed>(()))
    }

    /// What it says to the database.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Does something with a connection. One that fails is given up, unless the database merely
    /// refused: whatever it was in the middle of is over then.
    fn with<T, E: Into<Failed>>(
        &mut self,
        what: &str,
        work: impl FnOnce(&mut dyn Connection, &Plan) -> Result<T, E>,
    ) -> Result<T, StorageError> {
        let driver = self.driver;
        let failed = |err: SqlError| failure(driver, what, err);
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => (self.open)().map_err(|err| failure(driver, "cannot connect", err))?,
        };
        if !self.is_ready {
            self.make_tables(&mut *connection)?;
            self.look_for_changes(&mut *connection)?;
            self.is_ready = true;
        }
        match work(&mut *connection, &self.plan).map_err(Into::into) {
            Ok(done) => {
                self.connection = Some(connection);
                Ok(done)
            }
            Err(Failed::Rows(rows)) => {
                self.connection = Some(connection);
                Err(StorageError::Rows(rows))
            }
            Err(Failed::Moved(position)) => {
                self.connection = Some(connection);
                Err(StorageError::Moved(position))
            }
            Err(Failed::Sql(err)) => Err(failed(err)),
        }
    }

    /// Makes them with what notes changes, before the last, which tells that all are there.
    fn make_all(&self, connection: &mut dyn Connection) -> Result<(), SqlError> {
        let (last, others) = match self.schema {
            [others @ .., last] => (*last, others),
            [] => return Ok(()),
        };
        make(connection, others)?;
        match make(connection, self.tracking) {
            Err(err) if matches!(err.kind, Fault::Wrong | Fault::Data) => {
                log::warn!(
                    "storage: changes of its tables cannot be noted: {}",
                    err.message
                );
            }
            made => made?,
        }
        connection.execute(last).map(drop)
    }

    /// Finds out whether changes are noted, and says so where not.
    fn look_for_changes(&mut self, connection: &mut dyn Connection) -> Result<(), StorageError> {
        if self.tracking.is_empty() {
            return Ok(());
        }
        let failed = |err| failure(self.driver, "cannot look for its tables", err);
        let has_changes = tracking::is_there(connection).map_err(failed)?;
        if self.has_changes && !has_changes {
            log::warn!(
                "storage: changes of its tables are not noted, and seen when everything is loaded \
                 anew (storage.reload_interval); chihaya schema prints the triggers that note them"
            );
        }
        self.has_changes = has_changes;
        Ok(())
    }

    /// Makes the tables that the tracker writes and a site does not have, all or none that are
    /// missing: whether they are there is asked first, as making needs more rights.
    fn make_tables(&self, connection: &mut dyn Connection) -> Result<(), StorageError> {
        let failed = |err| failure(self.driver, "cannot look for its tables", err);
        if has_tables(connection).map_err(failed)? {
            return Ok(());
        }
        let made = match connection.dialect() {
            Dialect::Sqlite => make_at_once(connection, self.schema),
            Dialect::Postgres | Dialect::Mysql => self.make_all(connection),
        };
        made.map_err(|err| {
            let what = "cannot make its tables (chihaya schema prints them)";
            failure(self.driver, what, err)
        })
    }
}

fn has_tables(connection: &mut dyn Connection) -> Result<bool, SqlError> {
    match connection.prepare(PROBE) {
        Ok(_) => Ok(true),
        Err(missing) if missing.kind == Fault::Wrong => Ok(false),
        Err(err) => Err(err),
    }
}

fn make(connection: &mut dyn Connection, schema: &[&str]) -> Result<(), SqlError> {
    let mut statements = schema.iter();
    statements.try_for_each(|statement| connection.execute(statement).map(drop))
}

/// Makes tables in one transaction, which waits for the disk once; they may be there by then.
fn make_at_once(connection: &mut dyn Connection, schema: &[&str]) -> Result<(), SqlError> {
    connection.execute("BEGIN IMMEDIATE")?;
    if !has_tables(connection)? {
        make(connection, schema)?;
    }
    connection.execute("COMMIT").map(drop)
}

fn failure(driver: &str, what: &str, err: SqlError) -> StorageError {
    let message = format!("{driver}: {what}: {}", err.message);
    match err.kind {
        Fault::Lost | Fault::Busy => StorageError::Retry(message),
        // A value that is refused outside of a batch is the statement's fault.
        Fault::Data | Fault::Wrong => StorageError::Fatal(message),
    }
}

impl Storage for SqlStorage {
    fn load(
        &mut self,
        since: Option<Cursor>,
        to: &mut dyn FnMut(Change),
    ) -> Result<Cursor, StorageError> {
        // They may be noted by now.
        self.is_ready &= self.has_changes || since.is_some();
        let is_tracked = !self.tracking.is_empty();
        self.connect()?;
        let has_changes = self.has_changes;
        let loaded = self.with("cannot load", |connection, plan| {
            let changes = plan.load.changes.as_ref().filter(|_| has_changes);
            let from = since.unwrap_or(Cursor(0));
            let settled = match connection.dialect() {
                Dialect::Mysql if is_tracked && has_changes => {
                    Some(Cursor(tracking::settled(connection, from.0)?))
                }
                _ => None,
            };
            let mut loading = Loading::new(connection, plan, to);
            let loaded = match (since, changes) {
                (None, _) => loading.all(changes)?.or(Some(Cursor(0))),
                (Some(since), Some(changes)) => loading.since(changes, since)?,
                (Some(_), None) => None,
            };
            let cursor = loaded.map(|cursor| settled.unwrap_or(cursor));
            if let (None, Some(cursor), true) = (since, cursor, is_tracked && has_changes) {
                tracking::trim(connection, cursor.0)?;
            }
            Ok::<_, Failed>(cursor)
        })?;
        loaded.ok_or(StorageError::CursorGone)
    }

    fn find(&mut self, wanted: &Wanted, to: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        self.with("cannot look into the directory", |connection, plan| {
            Loading::new(connection, plan, to).find(wanted)
        })
    }

    fn position(&mut self, writer: &str) -> Result<u64, StorageError> {
        let position = self.with("cannot read the position", |connection, plan| {
            write::position(connection, plan, writer)
        });
        Ok(position?.unwrap_or(0))
    }

    fn commit(&mut self, writer: &str, batch: &Commit) -> Result<(), StorageError> {
        self.with("cannot commit", |connection, plan| {
            write::commit(connection, plan, writer, batch)
        })
    }

    fn tidy(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.tidy();
        }
    }

    fn directory(&mut self) -> Option<&mut dyn Directory> {
        match self.is_writable {
            true => Some(self),
            false => None,
        }
    }
}

impl Directory for SqlStorage {
    fn edit(&mut self, edits: &[Edit]) -> Result<Vec<Result<Placed, EditError>>, StorageError> {
        self.with("cannot edit the directory", |connection, _| {
            edit::edit(connection, edits)
        })
    }

    fn stands(&mut self, edit: &Edit, to: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        self.with("cannot look into the directory", |connection, plan| {
            stands::stands(&mut Loading::new(connection, plan, to), edit)
        })
    }

    fn list(
        &mut self,
        listing: &Listing,
        most: usize,
        to: &mut dyn FnMut(Entry),
    ) -> Result<(), StorageError> {
        self.with("cannot list the directory", |connection, _| {
            listing::list(connection, listing, most, to)
        })
    }
}
