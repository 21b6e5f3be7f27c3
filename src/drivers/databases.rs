//! Storages in databases: how the configuration reaches them, and what it says to them.

#[cfg(any(feature = "mysql", feature = "postgres"))]
mod servers;

use crate::config::{self, Config};
use crate::storage::sql::{
    self, Dialect, Fault, Open, Plan, Preset, SqlStorage, find_preset, preset_names,
};
use crate::storage::{Elapsed, Prepared, Report, Storage, StorageError};
use std::time::Duration;

/// A driver: its name, its SQL, and how it connects.
pub(super) struct Database {
    name: &'static str,
    dialect: Dialect,
    /// How a connection is opened by these settings, for this preset.
    open: fn(&config::Storage, &Preset, Purpose) -> Result<Box<Open>, StorageError>,
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To write what is accounted.
    Serve,
    /// To try statements: nothing is changed by it.
    Try,
}

#[cfg(feature = "postgres")]
pub(super) const POSTGRES: Database = Database {
    name: "postgres",
    dialect: Dialect::Postgres,
    open: |settings, _, _| {
        let server = servers::server(settings)?;
        Ok(Box::new(move || sql::open_postgres(&server)))
    },
};

#[cfg(feature = "mysql")]
pub(super) const MYSQL: Database = Database {
    name: "mysql",
    dialect: Dialect::Mysql,
    open: |settings, _, _| {
        let server = servers::server(settings)?;
        Ok(Box::new(move || sql::open_mysql(&server)))
    },
};

#[cfg(feature = "sqlite")]
pub(super) const SQLITE: Database = Database {
    name: "sqlite",
    dialect: Dialect::Sqlite,
    open: |settings, preset, purpose| {
        let path = settings.path.clone();
        // The file of a site that is not there is a fault, not a new site.
        let may_make = preset.name == OWN;
        let wait = seconds(settings.statement_timeout);
        Ok(Box::new(move || match purpose {
            Purpose::Serve => sql::open_sqlite(&path, may_make, wait),
            Purpose::Try => sql::look_into_sqlite(&path, wait),
        }))
    },
};

/// The preset of the tracker's own tables.
#[cfg(feature = "sqlite")]
const OWN: &str = "own";

/// Whether the tracker's own tables are written as they are made: by
/// [`Sqlite`](crate::storage::Sqlite), which is faster and can write the directory, too.
#[cfg(feature = "sqlite")]
pub(super) fn is_embedded(settings: &config::Storage) -> bool {
    let mut given = settings.statements.given().into_iter();
    settings.preset == OWN && given.all(|statements| statements.is_empty())
}

/// Whether a check finds what [`Sqlite`](crate::storage::Sqlite) says by itself: that, or a file
/// that will be made.
#[cfg(feature = "sqlite")]
pub(super) fn is_checked_by_itself(settings: &config::Storage) -> bool {
    is_embedded(settings) || settings.preset == OWN && !settings.path.exists()
}

fn seconds(span: config::Span) -> Duration {
    Duration::from_secs(span.0.into())
}

impl Database {
    /// The storage in this database. A server that cannot be reached now may be later.
    pub(super) fn storage(&self, config: &Config) -> Result<Box<dyn Storage>, StorageError> {
        let mut storage = self.prepare(config)?;
        storage.connect()?;
        Ok(Box::new(storage))
    }

    /// The same without a connection yet: its statements have been read.
    pub(super) fn prepare(&self, config: &Config) -> Result<SqlStorage, StorageError> {
        let Read { plan, preset, open } = self.read(config, Purpose::Serve)?;
        Ok(SqlStorage::new(self.name, plan, preset, open))
    }

    /// What the configuration says of it.
    fn read(&self, config: &Config, purpose: Purpose) -> Result<Read, StorageError> {
        let preset = self.preset(config)?;
        let [load, write] = config.storage.statements.given();
        let plan = Plan::new(self.dialect, preset, &load, &write)
            .map_err(|faults| StorageError::Fatal(faults.join("; ")))?;
        Ok(Read {
            plan,
            preset,
            open: (self.open)(&config.storage, preset, purpose)?,
        })
    }

    fn preset(&self, config: &Config) -> Result<&'static Preset, StorageError> {
        let name = &config.storage.preset;
        find_preset(name, self.dialect).ok_or_else(|| {
            let known = preset_names(self.dialect).join(", ");
            StorageError::Fatal(format!(
                "storage.preset: {} has no preset {name:?}; there are: {known}",
                self.name
            ))
        })
    }

    /// The statements that make the tables that the tracker needs beside those of a site.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(super) fn schema(&self, config: &Config) -> Result<String, StorageError> {
        let preset = self.preset(config)?;
        Ok(sql::schema_text(preset))
    }

    /// Lets the database prepare every statement.
    pub(super) fn try_statements(&self, config: &Config) -> Result<Prepared, StorageError> {
        let Read { plan, preset, open } = self.read(config, Purpose::Try)?;
        let prepared = open().and_then(|mut db| sql::prepare(&mut *db, &plan, preset));
        Ok(match prepared {
            Ok(prepared) => prepared,
            Err(error) => match error.kind {
                Fault::Lost | Fault::Busy => Prepared::Unreachable(error.message),
                Fault::Data | Fault::Wrong => {
                    Prepared::Faults(vec![format!("storage: {}", error.message)])
                }
            },
        })
    }

    /// Runs every statement, and takes back what it wrote.
    pub(super) fn check(
        &self,
        config: &Config,
        elapsed: Elapsed<'_>,
    ) -> Result<Report, StorageError> {
        let Read { plan, preset, open } = self.read(config, Purpose::Try)?;
        let report = open().and_then(|mut db| sql::check(&mut *db, &plan, preset, elapsed));
        report.map_err(|error| match error.kind {
            Fault::Lost | Fault::Busy => StorageError::Retry(error.message),
            Fault::Data | Fault::Wrong => StorageError::Fatal(error.message),
        })
    }
}

/// What the configuration says of a database.
struct Read {
    plan: Plan,
    preset: &'static Preset,
    open: Box<Open>,
}
