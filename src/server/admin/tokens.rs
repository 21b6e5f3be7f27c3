//! The tokens and secrets of the configuration, wherever they stand.

use crate::config::{self, Admin, Scope, SecretPlace, TOKEN_BYTES_MOST, secret_fault, token_fault};
use crate::server::{StartError, random};
use crate::tracker::api::Secrets;
use crate::tracker::api::dialects::{Dialects, Known};
use std::env::VarError;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Reads all of them.
pub(super) fn read(settings: &Admin) -> Result<Vec<(String, Scope)>, StartError> {
    let read = settings.tokens.iter().map(|token| {
        let text = text_of(
            token.token.as_ref(),
            token.token_env.as_deref(),
            token.token_file.as_deref(),
        );
        let text = good(text, token_fault);
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

/// Reads those of the dialects.
pub(super) fn dialects(settings: &config::Dialects) -> Result<Dialects, StartError> {
    let mut dialects = Dialects::default();
    if let Some(ocelot) = &settings.ocelot {
        let report = ocelot.report_secret();
        let report = report.map(|place| secret("ocelot", &place)).transpose()?;
        let update = secret("ocelot", &ocelot.secret())?;
        let all = [
            Some((&*update, Scope::Write)),
            report.as_deref().map(|it| (it, Scope::Read)),
        ];
        dialects.ocelot = Some(Known {
            at: ocelot.on,
            secrets: Secrets::new(random()?, all.into_iter().flatten()),
        });
    }
    if let Some(unit3d) = &settings.unit3d {
        let key = secret("unit3d", &unit3d.key())?;
        dialects.unit3d = Some(Known {
            at: unit3d.on,
            secrets: Secrets::new(random()?, [(&*key, Scope::Write)]),
        });
    }
    Ok(dialects)
}

fn secret(dialect: &'static str, place: &SecretPlace<'_>) -> Result<String, StartError> {
    let text = text_of(place.text, place.env, place.file.map(|path| path.as_path()));
    good(text, secret_fault).map_err(|error| StartError::Secret {
        dialect,
        name: place.name,
        error,
    })
}

fn good(text: Result<String, String>, fault: fn(&str) -> Option<String>) -> Result<String, String> {
    let text = text?;
    match fault(&text) {
        Some(fault) => Err(fault),
        None => Ok(text),
    }
}

/// The text of a secret: just one of the three is given.
fn text_of(
    text: Option<&config::Secret>,
    env: Option<&str>,
    file: Option<&Path>,
) -> Result<String, String> {
    if let Some(text) = text {
        return Ok(text.0.clone());
    }
    if let Some(name) = env {
        return std::env::var(name).map_err(|error| {
            // What the library says of one that is no text shows it.
            let fault = match error {
                VarError::NotPresent => "is not set",
                VarError::NotUnicode(_) => "is no text",
            };
            format!("environment variable {name} {fault}")
        });
    }
    let path = file.unwrap_or("".as_ref());
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
