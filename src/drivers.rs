//! Drivers by name, as the configuration chooses them.

#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod databases;

use crate::cache::{CacheError, Driver, Memory, MemorySettings};
use crate::config::Config;
#[cfg(feature = "redis")]
use crate::server::Redis;
use crate::server::StartError;
#[cfg(feature = "sqlite")]
use crate::storage::sqlite::{self, Sqlite};
use crate::storage::{Elapsed, Finding, NoStorage, Prepared, Report, Storage, StorageError};
use std::sync::Arc;

/// Opens a cache driver: the configuration, the number of workers, a secret key.
type OpenCache = dyn Fn(&Config, usize, [u8; 8]) -> Result<Box<dyn Driver>, CacheError>;

fn memory(config: &Config, workers: usize, key: [u8; 8]) -> MemorySettings {
    MemorySettings {
        workers,
        peer_lifetime_secs: config.announce.peer_lifetime.0,
        counts_lifetime_secs: config.cache.downloaded_lifetime.0,
        max_torrents: config.limits.torrents,
        max_peers: config.limits.peers,
        peer_ids: config.announce.peer_ids,
        seed: u64::from_le_bytes(key),
    }
}

/// Opens a storage driver.
pub(crate) type OpenStorage =
    dyn Fn(&Config) -> Result<Box<dyn Storage>, StorageError> + Send + Sync;

/// The drivers a configuration can name.
pub struct Drivers {
    caches: Vec<(String, Box<OpenCache>)>,
    storages: Vec<(String, Arc<OpenStorage>)>,
}

impl Drivers {
    /// Those that come with the tracker: the cache `memory` and, a feature, `redis`; the storages `none`,
    /// and each a feature, `sqlite` (on by default), `postgres` and `mysql`. The driver `sqlite` is
    /// [`Sqlite`] with the preset `own` as it stands: fast, and it can write the directory. With
    /// another preset or statements it speaks SQL like the other two.
    pub fn builtin() -> Drivers {
        let none = Drivers {
            caches: Vec::new(),
            storages: Vec::new(),
        };
        let caches = none.with_cache("memory", |config, workers, key| {
            Ok(Box::new(Memory::new(&memory(config, workers, key))))
        });
        #[cfg(feature = "redis")]
        let caches = caches.with_cache("redis", |config, workers, key| {
            let memory = memory(config, workers, key);
            Ok(Box::new(Redis::open(config, &memory)?))
        });
        let storages = caches.with_storage("none", |_| Ok(Box::new(NoStorage::default())));
        #[cfg(feature = "sqlite")]
        let storages = storages.with_storage("sqlite", |config| {
            match databases::is_embedded(&config.storage) {
                true => Ok(Box::new(Sqlite::open(&config.storage.path)?)),
                false => databases::SQLITE.storage(config),
            }
        });
        #[cfg(feature = "postgres")]
        let storages =
            storages.with_storage("postgres", |config| databases::POSTGRES.storage(config));
        #[cfg(feature = "mysql")]
        let storages = storages.with_storage("mysql", |config| databases::MYSQL.storage(config));
        storages
    }

    /// Adds a cache driver, or replaces the one of that name. `open` gets the configuration, the
    /// number of workers, and a key for hashes that strangers must not guess.
    pub fn with_cache(
        mut self,
        name: &str,
        open: impl Fn(&Config, usize, [u8; 8]) -> Result<Box<dyn Driver>, CacheError> + 'static,
    ) -> Drivers {
        self.caches.retain(|(known, _)| known != name);
        self.caches.push((name.to_owned(), Box::new(open)));
        self
    }

    /// Adds a storage driver, or replaces the one of that name. `open` gets the configuration. It
    /// may fail with [`StorageError::Retry`], and is called again later; any other error ends the
    /// start of the tracker.
    pub fn with_storage(
        mut self,
        name: &str,
        open: impl Fn(&Config) -> Result<Box<dyn Storage>, StorageError> + Send + Sync + 'static,
    ) -> Drivers {
        self.storages.retain(|(known, _)| known != name);
        self.storages.push((name.to_owned(), Arc::new(open)));
        self
    }

    /// What is wrong with what the configuration says to a database, as far as can be told without
    /// asking it: statements, presets, where the password stands.
    pub fn check_storage(&self, config: &Config) -> Result<(), StorageError> {
        match config.storage.driver.as_str() {
            #[cfg(feature = "postgres")]
            "postgres" => databases::POSTGRES.prepare(config).map(drop),
            #[cfg(feature = "mysql")]
            "mysql" => databases::MYSQL.prepare(config).map(drop),
            #[cfg(feature = "sqlite")]
            "sqlite" => databases::SQLITE.prepare(config).map(drop),
            _ => Ok(()),
        }
    }

    /// The statements that make the tables of the configured storage, as far as they are not the
    /// web application's, for an operator to run.
    pub fn schema(&self, config: &Config) -> Result<String, StartError> {
        let name = self.known_storage(config)?;
        let schema = match name {
            #[cfg(feature = "sqlite")]
            "sqlite" => Ok(sqlite::schema()),
            #[cfg(feature = "postgres")]
            "postgres" => databases::POSTGRES.schema(config),
            #[cfg(feature = "mysql")]
            "mysql" => databases::MYSQL.schema(config),
            _ => Ok(format!(
                "-- The storage driver {name} has no tables: there is nothing to make.\n"
            )),
        };
        schema.map_err(StartError::Storage)
    }

    /// Lets the configured database prepare all that the tracker would say to it. Nothing is
    /// changed there.
    pub fn try_statements(&self, config: &Config) -> Result<Prepared, StartError> {
        let prepared = match self.known_storage(config)? {
            #[cfg(feature = "sqlite")]
            "sqlite" if databases::is_checked_by_itself(&config.storage) => {
                sqlite::prepare(&config.storage.path)
            }
            #[cfg(feature = "sqlite")]
            "sqlite" => databases::SQLITE.try_statements(config),
            #[cfg(feature = "postgres")]
            "postgres" => databases::POSTGRES.try_statements(config),
            #[cfg(feature = "mysql")]
            "mysql" => databases::MYSQL.try_statements(config),
            _ => Ok(Prepared::Nothing),
        };
        prepared.map_err(StartError::Storage)
    }

    /// Runs all that the tracker would say to the configured database, and takes back what is
    /// written. `elapsed` is asked before and after each statement that loads.
    #[allow(unused_variables, reason = "a build may have no such driver")]
    pub fn inspect_storage(
        &self,
        config: &Config,
        elapsed: Elapsed<'_>,
    ) -> Result<Report, StartError> {
        let name = self.known_storage(config)?;
        let report = match name {
            #[cfg(feature = "sqlite")]
            "sqlite" if databases::is_checked_by_itself(&config.storage) => {
                sqlite::check(&config.storage.path, elapsed)
            }
            #[cfg(feature = "sqlite")]
            "sqlite" => databases::SQLITE.check(config, elapsed),
            #[cfg(feature = "postgres")]
            "postgres" => databases::POSTGRES.check(config, elapsed),
            #[cfg(feature = "mysql")]
            "mysql" => databases::MYSQL.check(config, elapsed),
            _ => {
                let note = Finding::warning("this driver cannot be checked");
                Ok(Report {
                    findings: vec![note],
                    ..Report::default()
                })
            }
        };
        let mut report = report.map_err(StartError::Storage)?;
        name.clone_into(&mut report.driver);
        Ok(report)
    }

    /// The name of the configured storage driver, if there is one.
    fn known_storage<'c>(&self, config: &'c Config) -> Result<&'c str, StartError> {
        self.storage(config).map(|_| config.storage.driver.as_str())
    }

    /// Opens the configured storage, for programs that look into it beside a running tracker.
    pub fn open_storage(&self, config: &Config) -> Result<Box<dyn Storage>, StartError> {
        let open = self.storage(config)?;
        open(config).map_err(StartError::Storage)
    }

    /// How the configured storage is opened.
    pub(crate) fn storage(&self, config: &Config) -> Result<Arc<OpenStorage>, StartError> {
        let name = &config.storage.driver;
        let found = self.storages.iter().find(|(known, _)| known == name);
        found.map(|(_, open)| Arc::clone(open)).ok_or_else(|| {
            let known = self.storages.iter();
            StartError::UnknownDriver {
                setting: "storage.driver",
                name: name.clone(),
                known: known.map(|(known, _)| known.clone()).collect(),
            }
        })
    }

    pub(crate) fn open_cache(
        &self,
        config: &Config,
        workers: usize,
        key: [u8; 8],
    ) -> Result<Box<dyn Driver>, StartError> {
        let name = &config.cache.driver;
        let Some((_, open)) = self.caches.iter().find(|(known, _)| known == name) else {
            let known = self.caches.iter().map(|(known, _)| known.clone()).collect();
            return Err(StartError::UnknownDriver {
                setting: "cache.driver",
                name: name.clone(),
                known,
            });
        };
        open(config, workers, key).map_err(StartError::Cache)
    }
}
