//! The tokens and secrets of the configuration, wherever they stand.

use crate::config::{self, Admin, Scope, Secret, SecretPlace, secret_fault, secret_text};
use crate::server::{StartError, random};
use crate::tracker::api::Secrets;
use crate::tracker::api::dialects::{Dialects, Known};

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
    let text = secret_text(place.text, place.env, place.file.map(|path| path.as_path()));
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
