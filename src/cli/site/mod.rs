//! The directory that commands are about: that of a running tracker, over its management API, or
//! the storage itself.

mod api;
mod direct;
mod http;
mod requests;

use super::command::SiteCommand;
use super::output::{Failure, complain};
use api::{Api, NoApi};
use chihaya::Drivers;
use chihaya::config::{Config, Mode, Scope};
use chihaya::storage::{Edit, Entry, Listing};
use chihaya::tracker::api::{Listed, ShownOptions, ShownPushed};
use direct::Direct;
use serde_json::Value;
use std::io::{Read, Write};

/// Entries that are asked for at once.
pub const PART: usize = 1000;

/// An entry of a list, with the passkey where it is a user's and the storage itself has shown it.
pub struct Seen {
    pub listed: Listed,
    pub passkey: Option<String>,
}

impl From<Entry> for Seen {
    fn from(entry: Entry) -> Seen {
        let passkey = match &entry {
            Entry::User(user) => Some(user.passkey.clone()),
            _ => None,
        };
        Seen {
            listed: entry.into(),
            passkey,
        }
    }
}

/// What has become of an edit; why not, if it cannot be made.
pub type Edited = Result<ShownPushed, String>;

/// Where commands are carried out.
pub trait Site {
    /// Lists a part of the directory, [`PART`] entries at most.
    fn list(&mut self, listing: &Listing) -> Result<Vec<Seen>, Failure>;

    /// Makes edits, in their order; answers each.
    fn edit(&mut self, edits: &[Edit]) -> Result<Vec<Edited>, Failure>;

    /// What holds for everybody.
    fn options(&mut self) -> Result<ShownOptions, Failure>;

    /// What the running tracker does and holds.
    fn stats(&mut self) -> Result<Value, Failure>;

    /// Does what stands on lines. A reader of them that fails ends it.
    fn sync(&mut self, lines: &mut dyn Read) -> Result<Value, Failure>;
}

/// The site of a configuration. A tracker that runs with it is asked where one answers; where that
/// was to be expected and none does, whoever changes something is told what is changed instead.
pub fn open(
    command: &SiteCommand,
    config: &Config,
    drivers: &Drivers,
    err: &mut dyn Write,
) -> Result<Box<dyn Site>, Failure> {
    let is_stats = matches!(command, SiteCommand::Stats);
    let has_api = config.admin.is_on() && (is_stats || config.tracker == Mode::Private);
    if !has_api || command.shows_passkeys() {
        return match is_stats {
            true => Err(Failure::fault(
                "stats: the management API is off: admin.tokens is empty".to_owned(),
            )),
            false => Ok(Box::new(Direct::open(config, drivers)?)),
        };
    }
    let scope = match command.changes() {
        true => Scope::Write,
        false => Scope::Read,
    };
    let no_api = match Api::connect(&config.admin, scope) {
        Ok(api) => return Ok(Box::new(api)),
        Err(no_api) => no_api,
    };
    if is_stats {
        return Err(Failure::failed(no_api.to_string()));
    }
    let direct = Direct::open(config, drivers)?;
    if command.changes() {
        complain(err, &without_api(&no_api));
    }
    Ok(Box::new(direct))
}

/// What is changed in place of a running tracker, and when that is seen.
fn without_api(no_api: &NoApi) -> String {
    match no_api {
        NoApi::Silent(_) => format!("{no_api}: changing the storage, for when one runs"),
        NoApi::NoToken(_) => {
            format!(
                "{no_api}: changing the storage, where a running tracker sees it within seconds"
            )
        }
    }
}
