//! The listener for management, and who may speak to it.

use super::check::Check;
use super::dialects::Dialects;
use super::secret::secret_text;
use super::units::HOUR;
use super::{Config, Secret, Span};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The port of the management API.
pub const DEFAULT_ADMIN_PORT: u16 = 6970;
/// Bytes of a token at least: as many as nobody guesses, where they are random.
pub const TOKEN_BYTES_LEAST: usize = 16;
/// Bytes of a token at most: it stands in one header line.
pub const TOKEN_BYTES_MOST: usize = 256;
/// Tokens at most: each is compared with whatever is given.
const TOKENS_MOST: usize = 64;

/// The listener for management; there is none without a token or a dialect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Admin {
    /// Its addresses; none: no listener. Port 0: any free one, told in the log.
    pub listen: Vec<SocketAddr>,
    /// Who may do what; none: no listener, unless a dialect is spoken there.
    pub tokens: Vec<AdminToken>,
    /// Connections at most; those that stand idle longest make room.
    pub max_connections: u16,
    /// How long a client may take to send the head of a request.
    pub head_timeout: Span,
    /// How long it may take to send the body; of a sync, each of its lines.
    pub body_timeout: Span,
    /// How long a connection may stand idle between requests.
    pub idle_timeout: Span,
    /// How long a client may take nothing of its answer.
    pub write_timeout: Span,
    /// Dialects of existing web applications.
    pub dialects: Dialects,
}

impl Default for Admin {
    fn default() -> Admin {
        Admin {
            listen: vec![SocketAddr::new(
                Ipv4Addr::LOCALHOST.into(),
                DEFAULT_ADMIN_PORT,
            )],
            tokens: Vec::new(),
            max_connections: 1024,
            head_timeout: Span(10),
            body_timeout: Span(30),
            idle_timeout: Span(60),
            write_timeout: Span(30),
            dialects: Dialects::default(),
        }
    }
}

impl Admin {
    /// Whether there is a listener.
    pub fn listens(&self) -> bool {
        let is_used = !self.tokens.is_empty() || self.dialects.is_at_admin();
        is_used && !self.listen.is_empty()
    }

    /// Whether there is anybody to be managed by, at the listener or elsewhere.
    pub fn is_on(&self) -> bool {
        self.listens() || self.dialects.is_at_tracker()
    }
}

/// Who may do what on the listener for management. Just one of the last three is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminToken {
    /// Whose it is, for people.
    pub name: String,
    /// What it allows.
    pub scope: Scope,
    /// The token itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// A file that holds it and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// An environment variable that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
}

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// To look.
    Read,
    /// To look and to change.
    Write,
}

/// What is wrong with a text as a token.
pub fn token_fault(token: &str) -> Option<String> {
    if !(TOKEN_BYTES_LEAST..=TOKEN_BYTES_MOST).contains(&token.len()) {
        let message = "a token has between";
        return Some(format!(
            "{message} {TOKEN_BYTES_LEAST} and {TOKEN_BYTES_MOST} bytes"
        ));
    }
    let is_graphic = token.bytes().all(|byte| byte.is_ascii_graphic());
    (!is_graphic).then(|| "a token is of ASCII letters, digits and signs".to_owned())
}

impl Config {
    pub(super) fn check_admin(&self, check: &mut Check) {
        let admin = &self.admin;
        check.range("admin.max_connections", admin.max_connections, 1..=60_000);
        for (path, timeout) in [
            ("admin.head_timeout", admin.head_timeout),
            ("admin.body_timeout", admin.body_timeout),
            ("admin.idle_timeout", admin.idle_timeout),
            ("admin.write_timeout", admin.write_timeout),
        ] {
            check.range(path, timeout, Span(1)..=Span(HOUR));
        }
        check.listed_once("admin.listen", &admin.listen);
        if admin.tokens.len() > TOKENS_MOST {
            check.fault("admin.tokens", &format!("more than {TOKENS_MOST}"));
        }
        for (place, token) in admin.tokens.iter().enumerate() {
            let path = format!("admin.tokens[{place}]");
            if let Some(message) = token.fault() {
                check.fault(&path, &message);
            }
            let mut earlier = admin.tokens.iter().take(place);
            if earlier.any(|other| other.name == token.name) {
                check.fault(&path, "another token has the same name");
            }
        }
    }
}

impl AdminToken {
    /// The token, wherever it stands; why not, if it cannot be had or is none.
    pub fn read(&self) -> Result<Secret, String> {
        let text = self.text()?;
        match token_fault(&text) {
            Some(fault) => Err(fault),
            None => Ok(Secret(text)),
        }
    }

    fn text(&self) -> Result<String, String> {
        secret_text(
            self.token.as_ref(),
            self.token_env.as_deref(),
            self.token_file.as_deref(),
        )
    }

    fn fault(&self) -> Option<String> {
        let given = [
            self.token.is_some(),
            self.token_file.is_some(),
            self.token_env.is_some(),
        ];
        if given.into_iter().filter(|given| *given).count() != 1 {
            return Some("needs just one of token, token_file and token_env".to_owned());
        }
        let is_unnamed = self.name.is_empty() || self.name.chars().any(char::is_control);
        if is_unnamed {
            return Some("needs a name".to_owned());
        }
        self.token.as_ref().and_then(|token| token_fault(&token.0))
    }
}
