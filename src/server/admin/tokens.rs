//! The tokens of the configuration, wherever they stand.

use crate::config::{Admin, AdminToken, Scope, TOKEN_BYTES_MOST, token_fault};
use crate::server::StartError;
use std::fs::File;
use std::io::Read;

/// Reads all of them.
pub(super) fn read(settings: &Admin) -> Result<Vec<(String, Scope)>, StartError> {
    let read = settings.tokens.iter().map(|token| {
        let text = text_of(token).and_then(|text| match token_fault(&text) {
            Some(fault) => Err(fault),
            None => Ok(text),
        });
        match text {
            Ok(text) => Ok((text, token.scope)),
            Err(error) => Err(StartError::Token {
                name: token.name.clone(),
                error,
            }),
        }
    });
    read.collect()
}

fn text_of(token: &AdminToken) -> Result<String, String> {
    if let Some(token) = &token.token {
        return Ok(token.0.clone());
    }
    if let Some(name) = &token.token_env {
        let value = std::env::var(name);
        return value.map_err(|error| format!("environment variable {name}: {error}"));
    }
    let path = token.token_file.as_deref().unwrap_or("".as_ref());
    let mut text = String::new();
    let read = File::open(path).and_then(|file| {
        // Lines may end it, and no more: a wrong file is not read to its end.
        let most = TOKEN_BYTES_MOST as u64 + 16;
        file.take(most).read_to_string(&mut text)
    });
    match read {
        Ok(_) => Ok(text.trim_ascii().to_owned()),
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    }
}
