//! The tokens of the configuration, wherever they stand.

use crate::config::{Admin, Scope, Secret};
use crate::server::StartError;

/// Reads all of them.
pub(super) fn read(settings: &Admin) -> Result<Vec<(Secret, Scope)>, StartError> {
    let read = settings.tokens.iter().map(|token| match token.read() {
        Ok(text) => Ok((text, token.scope)),
        Err(error) => Err(StartError::Token {
            name: token.name.clone(),
            error,
        }),
    });
    read.collect()
}
