//! Who may use the API: bearer tokens and what each allows.

use super::dialects::Dialects;
use crate::config::Scope;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

/// Those who may use the API: with a token, or in a dialect.
#[derive(Clone, Debug)]
pub struct Access {
    tokens: Secrets,
    dialects: Dialects,
}

impl Access {
    /// With these tokens. Nobody must know the key: 16 random bytes.
    pub fn new<'t>(key: [u8; 16], tokens: impl IntoIterator<Item = (&'t str, Scope)>) -> Access {
        Access {
            tokens: Secrets::new(key, tokens),
            dialects: Dialects::default(),
        }
    }

    /// And in these dialects.
    pub fn and_in(self, dialects: Dialects) -> Access {
        Access { dialects, ..self }
    }

    /// What a token allows; `None` of one that is none of ours.
    pub fn scope(&self, token: &[u8]) -> Option<Scope> {
        self.tokens.scope(token)
    }

    pub(super) fn dialects(&self) -> &Dialects {
        &self.dialects
    }
}

/// Tokens, and secrets that stand for them.
///
/// Only keyed hashes of them are kept, of 128 bits under a key that nobody knows. So two may be
/// compared in any time: how far a guess agrees with one says nothing about the token.
#[derive(Clone)]
pub struct Secrets {
    key: [u8; 16],
    tokens: Vec<(u128, Scope)>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.tokens.len())
    }
}

impl Secrets {
    /// These. Nobody must know the key: 16 random bytes.
    pub fn new<'t>(key: [u8; 16], tokens: impl IntoIterator<Item = (&'t str, Scope)>) -> Secrets {
        let mut secrets = Secrets {
            key,
            tokens: Vec::new(),
        };
        for (token, scope) in tokens {
            let hash = secrets.hash(token.as_bytes());
            secrets.tokens.push((hash, scope));
        }
        secrets
    }

    /// What a token allows; `None` of one that is none of ours. All of them are compared, whichever
    /// it is.
    pub fn scope(&self, token: &[u8]) -> Option<Scope> {
        let hash = self.hash(token);
        let matching = self.tokens.iter().filter(|(own, _)| *own == hash);
        matching.map(|(_, scope)| *scope).max()
    }

    fn hash(&self, token: &[u8]) -> u128 {
        let mut hasher = SipHasher13::new_with_key(&self.key);
        hasher.write(token);
        hasher.finish128().as_u128()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_allows_what_it_was_given_for() {
        let tokens = [
            ("reads-and-no-more", Scope::Read),
            ("writes-and-reads-", Scope::Write),
            ("given-for-either-", Scope::Write),
            ("given-for-either-", Scope::Read),
        ];
        let access = Access::new([7; 16], tokens);
        assert_eq!(access.scope(b"reads-and-no-more"), Some(Scope::Read));
        assert_eq!(access.scope(b"writes-and-reads-"), Some(Scope::Write));
        assert_eq!(access.scope(b"given-for-either-"), Some(Scope::Write));
        for wrong in ["", "reads", "reads-and-no-mor", "reads-and-no-more!", "\0"] {
            assert_eq!(access.scope(wrong.as_bytes()), None, "{wrong:?}");
        }
        let shown = format!("{access:?}");
        assert!(
            shown.contains("tokens: 4 secrets") && !shown.contains("either"),
            "{shown}"
        );
    }
}
