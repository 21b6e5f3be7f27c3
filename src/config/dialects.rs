//! The dialects of existing web applications, and the secrets by which those who speak them are
//! known.

use super::admin::token_fault;
use super::check::Check;
use super::secret::{HIDDEN, Secret};
use super::{Config, Mode};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Dialects that are spoken; none unless they are set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Dialects {
    /// That of Ocelot, which Gazelle and its descendants speak; null: off.
    pub ocelot: Option<Ocelot>,
    /// That of UNIT3D and its external tracker; null: off.
    pub unit3d: Option<Unit3d>,
}

/// Where a dialect is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entrance {
    /// At the listener for management.
    Admin,
    /// At the tracker's own HTTP addresses, where those sites look for it.
    Tracker,
    /// At both.
    Both,
}

impl Entrance {
    /// Whether it is spoken at the listener for management.
    pub fn is_at_admin(self) -> bool {
        self != Entrance::Tracker
    }

    /// Whether it is spoken at the tracker's own addresses.
    pub fn is_at_tracker(self) -> bool {
        self != Entrance::Admin
    }
}

/// The dialect of Ocelot. Just one of the three that hold the secret is given, and one at most of
/// those that hold the other; without that there are no reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ocelot {
    /// Where it is spoken.
    pub on: Entrance,
    /// What stands in the path of changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// A file that holds it and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// An environment variable that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_env: Option<String>,
    /// What stands in the path of reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_secret: Option<Secret>,
    /// A file that holds it and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_secret_file: Option<PathBuf>,
    /// An environment variable that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_secret_env: Option<String>,
}

/// The dialect of UNIT3D. Just one of the last three is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit3d {
    /// Where it is spoken.
    pub on: Entrance,
    /// What stands in every path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
    /// A file that holds it and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// An environment variable that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
}

/// Where a secret stands.
#[derive(Clone, Copy, Debug)]
pub struct SecretPlace<'c> {
    /// The setting, in a few words.
    pub name: &'static str,
    /// In the configuration itself.
    pub text: Option<&'c Secret>,
    /// In a file.
    pub file: Option<&'c PathBuf>,
    /// In the environment.
    pub env: Option<&'c str>,
}

impl SecretPlace<'_> {
    /// How many of the three are given.
    fn given(&self) -> usize {
        let given = [self.text.is_some(), self.file.is_some(), self.env.is_some()];
        given.into_iter().filter(|given| *given).count()
    }

    /// What is wrong with it, as far as it can be told.
    fn fault(&self) -> Option<String> {
        if self.given() != 1 {
            let name = self.name;
            return Some(format!(
                "needs just one of {name}, {name}_file and {name}_env"
            ));
        }
        self.text.and_then(|text| secret_fault(&text.0))
    }
}

/// What is wrong with a text as a secret that stands in a path.
pub fn secret_fault(secret: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    token_fault(secret).or_else(|| {
        let in_path = secret.bytes().all(is_plain);
        (!in_path).then(|| "a secret in a path is of letters, digits, and signs of -._~".to_owned())
    })
}

impl Ocelot {
    /// Where the secret of changes stands.
    pub fn secret(&self) -> SecretPlace<'_> {
        SecretPlace {
            name: "secret",
            text: self.secret.as_ref(),
            file: self.secret_file.as_ref(),
            env: self.secret_env.as_deref(),
        }
    }

    /// Where the secret of reports stands; `None`: there are no reports.
    pub fn report_secret(&self) -> Option<SecretPlace<'_>> {
        let place = SecretPlace {
            name: "report_secret",
            text: self.report_secret.as_ref(),
            file: self.report_secret_file.as_ref(),
            env: self.report_secret_env.as_deref(),
        };
        (place.given() > 0).then_some(place)
    }
}

impl Unit3d {
    /// Where the key stands.
    pub fn key(&self) -> SecretPlace<'_> {
        SecretPlace {
            name: "key",
            text: self.key.as_ref(),
            file: self.key_file.as_ref(),
            env: self.key_env.as_deref(),
        }
    }
}

impl Dialects {
    /// Whether any is spoken where this is true.
    fn any(&self, at: impl Fn(Entrance) -> bool) -> bool {
        let ocelot = self.ocelot.as_ref().map(|ocelot| ocelot.on);
        let unit3d = self.unit3d.as_ref().map(|unit3d| unit3d.on);
        [ocelot, unit3d].into_iter().flatten().any(at)
    }

    /// Whether any is spoken at the listener for management.
    pub fn is_at_admin(&self) -> bool {
        self.any(Entrance::is_at_admin)
    }

    /// Whether any is spoken at the tracker's own addresses.
    pub fn is_at_tracker(&self) -> bool {
        self.any(Entrance::is_at_tracker)
    }

    pub(super) fn hide(&mut self) {
        let ocelot = self.ocelot.iter_mut();
        let of_ocelot = ocelot.flat_map(|it| [&mut it.secret, &mut it.report_secret]);
        let of_unit3d = self.unit3d.iter_mut().map(|it| &mut it.key);
        for secret in of_ocelot.chain(of_unit3d).flatten() {
            HIDDEN.clone_into(&mut secret.0);
        }
    }
}

impl Config {
    pub(super) fn check_dialects(&self, check: &mut Check) {
        let dialects = &self.admin.dialects;
        if let Some(ocelot) = &dialects.ocelot {
            let report = ocelot.report_secret();
            for place in [Some(ocelot.secret()), report].into_iter().flatten() {
                if let Some(message) = place.fault() {
                    check.fault("admin.dialects.ocelot", &message);
                }
            }
        }
        if let Some(message) = dialects.unit3d.as_ref().and_then(|it| it.key().fault()) {
            check.fault("admin.dialects.unit3d", &message);
        }
        if self.tracker == Mode::Public && dialects.any(|_| true) {
            check.fault(
                "admin.dialects",
                "a public tracker has no directory to change",
            );
        }
        if dialects.is_at_tracker() && self.network.http.is_empty() {
            check.fault(
                "admin.dialects",
                "on the tracker, but network.http is empty",
            );
        }
        if dialects.is_at_admin() && self.admin.listen.is_empty() {
            check.fault("admin.dialects", "on admin, but admin.listen is empty");
        }
    }
}
