//! A database server: where it is, and how long it is waited for.

use super::connection::{Fault, SqlError};
use std::path::PathBuf;
use std::time::Duration;

/// How a database server is reached.
#[derive(Clone)]
pub struct Server {
    /// Where it is, as its client library reads it.
    pub url: String,
    /// Instead of the one in the address.
    pub password: Option<String>,
    /// How long it may take until it is ready to be asked.
    pub connect_timeout: Duration,
    /// How long a statement may wait for a lock, and how long the server may be silent besides.
    pub statement_timeout: Duration,
    /// Whether what is said is encrypted. What goes by a socket of this host never is.
    pub tls: Tls,
    /// Certificates of who may vouch for the server, as a PEM file; `None`: those that browsers
    /// trust.
    pub tls_ca: Option<PathBuf>,
}

/// Whether what is said to a server is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tls {
    /// It is not.
    Off,
    /// It is, whoever the server is.
    Require,
    /// It is, and the server has shown that it is the one of the address.
    Verify,
}

/// The server itself ends what waits too long, and says so. One that does not say even that within
/// this time more is taken for gone.
pub(super) const SILENCE: Duration = Duration::from_secs(5);

impl Server {
    /// How long the server may be silent.
    pub(super) fn silence(&self) -> Duration {
        self.statement_timeout.saturating_add(SILENCE)
    }

    /// The certificates of [`Server::tls_ca`] can be read, or the operator must act.
    #[cfg(any(feature = "mysql-tls", feature = "postgres-tls"))]
    pub(super) fn read_ca(&self) -> Result<Option<Vec<u8>>, SqlError> {
        let Some(path) = &self.tls_ca else {
            return Ok(None);
        };
        match std::fs::read(path) {
            Ok(pem) => Ok(Some(pem)),
            Err(err) => Err(wrong(format!("cannot read {}: {err}", path.display()))),
        }
    }
}

/// What the operator must put right.
pub(super) fn wrong(message: String) -> SqlError {
    SqlError::new(Fault::Wrong, message)
}
