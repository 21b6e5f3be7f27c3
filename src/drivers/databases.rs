//! Storages in databases: how the configuration reaches them, and what it says to them.

use crate::config::{self, Config, secret_text};
use crate::storage::sql::{
    self, Connection, Dialect, Fault, Plan, Preset, Server, SqlError, SqlStorage, Tls, find_preset,
    preset_names,
};
use crate::storage::{Elapsed, Prepared, Report, Storage, StorageError};
use std::time::Duration;

/// A driver: its name, its SQL, and how it connects.
pub(super) struct Database {
    pub(super) name: &'static str,
    pub(super) dialect: Dialect,
    pub(super) open: fn(&Server) -> Result<Box<dyn Connection>, SqlError>,
}

#[cfg(feature = "postgres")]
pub(super) const POSTGRES: Database = Database {
    name: "postgres",
    dialect: Dialect::Postgres,
    open: sql::open_postgres,
};

#[cfg(feature = "mysql")]
pub(super) const MYSQL: Database = Database {
    name: "mysql",
    dialect: Dialect::Mysql,
    open: sql::open_mysql,
};

impl Database {
    /// The storage in this database. A server that cannot be reached now may be later.
    pub(super) fn storage(&self, config: &Config) -> Result<Box<dyn Storage>, StorageError> {
        let mut storage = self.prepare(config)?;
        storage.connect()?;
        Ok(Box::new(storage))
    }

    /// The same without a connection yet: its statements have been read.
    pub(super) fn prepare(&self, config: &Config) -> Result<SqlStorage, StorageError> {
        let Read {
            plan,
            preset,
            server,
        } = self.read(config)?;
        let open = self.open;
        let open = Box::new(move || open(&server));
        Ok(SqlStorage::new(self.name, plan, preset, open))
    }

    /// What the configuration says of it.
    fn read(&self, config: &Config) -> Result<Read, StorageError> {
        let preset = self.preset(config)?;
        let [load, write] = config.storage.statements.given();
        let plan = Plan::new(self.dialect, preset, &load, &write)
            .map_err(|faults| StorageError::Fatal(faults.join("; ")))?;
        Ok(Read {
            plan,
            preset,
            server: server(&config.storage)?,
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
    pub(super) fn schema(&self, config: &Config) -> Result<String, StorageError> {
        let preset = self.preset(config)?;
        Ok(sql::schema_text(preset))
    }

    /// Lets the database prepare every statement.
    pub(super) fn try_statements(&self, config: &Config) -> Result<Prepared, StorageError> {
        let Read {
            plan,
            preset,
            server,
        } = self.read(config)?;
        let opened = (self.open)(&server);
        let prepared = opened.and_then(|mut db| sql::prepare(&mut *db, &plan, preset));
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
        let Read {
            plan,
            preset,
            server,
        } = self.read(config)?;
        let opened = (self.open)(&server);
        let report = opened.and_then(|mut db| sql::check(&mut *db, &plan, preset, elapsed));
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
    server: Server,
}

fn server(settings: &config::Storage) -> Result<Server, StorageError> {
    let seconds = |span: config::Span| Duration::from_secs(span.0.into());
    Ok(Server {
        url: settings.url.clone().unwrap_or_default(),
        password: password(settings)?,
        connect_timeout: seconds(settings.connect_timeout),
        statement_timeout: seconds(settings.statement_timeout),
        tls: match settings.tls {
            config::Tls::Off => Tls::Off,
            config::Tls::Require => Tls::Require,
            config::Tls::Verify => Tls::Verify,
        },
        tls_ca: settings.tls_ca.clone(),
    })
}

/// The password, wherever it stands.
fn password(settings: &config::Storage) -> Result<Option<String>, StorageError> {
    let config::Storage {
        password,
        password_env,
        password_file,
        ..
    } = settings;
    if password.is_none() && password_env.is_none() && password_file.is_none() {
        return Ok(None);
    }
    let text = secret_text(
        password.as_ref(),
        password_env.as_deref(),
        password_file.as_deref(),
    );
    text.map(Some)
        .map_err(|error| StorageError::Fatal(format!("storage.password: {error}")))
}
