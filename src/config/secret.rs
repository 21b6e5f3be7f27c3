//! Texts that are not shown.

use super::Config;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::env::VarError;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What stands for a secret where the configuration is shown. Too short for a token.
pub(super) const HIDDEN: &str = "(hidden)";

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        // The usual message would show what is there instead of a text: the secret, most likely.
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Secret(text)),
            _ => Err(D::Error::custom("must be a string")),
        }
    }
}

/// Bytes of a secret at most: a wrong file is not read to its end.
const SECRET_BYTES_MOST: u64 = 4096;

/// The text of a secret, wherever it stands: just one of the three is given.
pub fn secret_text(
    text: Option<&Secret>,
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
    let read =
        File::open(path).and_then(|file| file.take(SECRET_BYTES_MOST).read_to_string(&mut text));
    match read {
        // Lines may end it.
        Ok(_) => Ok(text.trim_ascii().to_owned()),
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    }
}

impl Config {
    /// The same with secrets hidden, to be shown.
    pub fn without_secrets(&self) -> Config {
        let mut shown = self.clone();
        let tokens = shown.admin.tokens.iter_mut();
        let tokens = tokens.filter_map(|token| token.token.as_mut());
        for secret in tokens.chain(&mut shown.storage.password) {
            HIDDEN.clone_into(&mut secret.0);
        }
        shown.admin.dialects.hide();
        let urls = shown.storage.url.iter_mut();
        urls.chain(&mut shown.redis.servers).for_each(hide_password);
        shown
    }
}

/// Hides the password of an address: between the user and the host, or a parameter.
fn hide_password(url: &mut String) {
    if let Some(start) = url.find("password=").map(|name| name + "password=".len()) {
        let end = url[start..].find('&').map_or(url.len(), |end| start + end);
        url.replace_range(start..end, HIDDEN);
    }
    let Some(start) = url.find("://").map(|scheme| scheme + 3) else {
        return;
    };
    let authority = &url[start..];
    let authority = &authority[..authority.find('/').unwrap_or(authority.len())];
    let Some(at) = authority.rfind('@') else {
        return;
    };
    if let Some(colon) = authority[..at].find(':') {
        url.replace_range(start + colon + 1..start + at, HIDDEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_hidden() {
        for (url, shown) in [
            ("postgres://u:p@h/d", "postgres://u:(hidden)@h/d"),
            ("mysql://u:p@ss:w@h:3306/d", "mysql://u:(hidden)@h:3306/d"),
            ("mysql://u@h/d?x=a:b@c", "mysql://u@h/d?x=a:b@c"),
            ("mysql://h:3306/d", "mysql://h:3306/d"),
            ("postgres://:p@h", "postgres://:(hidden)@h"),
            (
                "postgres://h/d?user=u&password=p&x=y",
                "postgres://h/d?user=u&password=(hidden)&x=y",
            ),
            ("nonsense", "nonsense"),
        ] {
            let mut hidden = url.to_owned();
            hide_password(&mut hidden);
            assert_eq!(hidden, shown);
        }
    }
}
