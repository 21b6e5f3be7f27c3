//! How the configuration reaches the servers of databases.

use super::seconds;
use crate::config::{self, secret_text};
use crate::storage::StorageError;
use crate::storage::sql::{Server, Tls};

pub(super) fn server(settings: &config::Storage) -> Result<Server, StorageError> {
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
