//! A command as it is carried out: the site it is about, and where it writes.

use super::command::{Name, SiteCommand};
use super::output::{Failure, complain, print};
use super::site::{Seen, Site};
use super::table::Printable;
use super::{options, sync, tokens, torrents, users};
use chihaya::Drivers;
use chihaya::config::{Config, Mode};
use chihaya::model::{InfoHash, Passkey, TorrentId, UserId};
use chihaya::storage::{Edit, Listing, TorrentName, UserName};
use chihaya::tracker::api::{Listed, ListedTorrent, ListedUser, ShownPushed, ShownStored};
use serde_json::Value;
use std::io::Write;
use std::path::Path;

/// Where a command writes.
pub struct Streams<'s> {
    pub out: &'s mut dyn Write,
    pub err: &'s mut dyn Write,
}

pub struct Session<'s> {
    pub config: &'s Config,
    pub site: Box<dyn Site>,
    pub streams: Streams<'s>,
    /// One JSON document instead of text.
    pub json: bool,
}

/// Runs a command of the directory.
pub fn site(
    command: &SiteCommand,
    json: bool,
    config: &Config,
    config_file: Option<&Path>,
) -> Result<(), Failure> {
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let mut streams = Streams {
        out: &mut out,
        err: &mut err,
    };
    run(command, json, (config, &Drivers::builtin()), &mut streams)?;
    if let Some(file) = config_file
        && command.changes()
        && config.tracker == Mode::Public
    {
        let message = format!(
            "{}: \"tracker\" is not \"private\": a tracker of this configuration is open to all",
            file.display()
        );
        complain(&mut err, &message);
    }
    Ok(())
}

pub(super) fn run(
    command: &SiteCommand,
    json: bool,
    (config, drivers): (&Config, &Drivers),
    streams: &mut Streams<'_>,
) -> Result<(), Failure> {
    let site = super::site::open(command, config, drivers, streams.err)?;
    let mut session = Session {
        config,
        site,
        streams: Streams {
            out: streams.out,
            err: streams.err,
        },
        json,
    };
    match command {
        SiteCommand::AddUser(name) => users::add(&mut session, name),
        SiteCommand::ListUsers(columns) => users::list(&mut session, *columns),
        SiteCommand::ShowUser(name, columns) => users::show(&mut session, name, *columns),
        SiteCommand::SetUser(name, change) => users::set(&mut session, name, change),
        SiteCommand::DeleteUser(name) => users::delete(&mut session, name),
        SiteCommand::AddTorrents(files, id) => torrents::add(&mut session, files, *id),
        SiteCommand::ListTorrents => torrents::list(&mut session),
        SiteCommand::ShowTorrent(name) => torrents::show(&mut session, name),
        SiteCommand::SetTorrent(name, change) => torrents::set(&mut session, name, change),
        SiteCommand::DeleteTorrent(name, reason) => {
            torrents::delete(&mut session, name, reason.as_deref())
        }
        SiteCommand::ListClients => options::list_clients(&mut session),
        SiteCommand::SetClient(prefix, allow) => {
            options::set_client(&mut session, prefix, Some(*allow))
        }
        SiteCommand::RemoveClient(prefix) => options::set_client(&mut session, prefix, None),
        SiteCommand::ListTokens => tokens::list(&mut session),
        SiteCommand::AddToken(of, percents, until) => {
            tokens::add(&mut session, of, *percents, *until)
        }
        SiteCommand::RemoveToken(of) => tokens::remove(&mut session, of),
        SiteCommand::ShowOptions => options::show(&mut session),
        SiteCommand::SetOptions(edit) => options::set(&mut session, edit),
        SiteCommand::Stats => options::stats(&mut session),
        SiteCommand::Sync(file) => sync::sync(&mut session, file.as_deref()),
    }
}

impl Session<'_> {
    /// Says how it went: as text, or as JSON.
    pub fn say(&mut self, text: &str, json: &Value) -> Result<(), Failure> {
        match self.json {
            true => print(self.streams.out, &format!("{json}\n")),
            false => print(self.streams.out, text),
        }
    }

    pub fn complain(&mut self, message: &str) {
        complain(self.streams.err, message);
    }

    /// Makes one edit; `what` begins the message if it cannot be made.
    pub fn edit(&mut self, what: &str, edit: Edit) -> Result<ShownPushed, Failure> {
        let mut edited = self.site.edit(&[edit])?;
        let edited = edited.pop();
        let pushed = edited.unwrap_or_else(|| Err("it has not been answered".to_owned()));
        let pushed = pushed.map_err(|error| Failure::failed(format!("{what}: {error}")))?;
        self.note_held(&pushed);
        Ok(pushed)
    }

    /// Says so where the storage does not have what has been changed.
    pub fn note_held(&mut self, pushed: &ShownPushed) {
        if pushed.stored == ShownStored::Held {
            self.complain("it is in effect, and will be in the storage once that answers again");
        }
    }

    /// The user of this name, with the passkey where it is known.
    pub fn user(&mut self, name: &Name) -> Result<(ListedUser, Option<String>), Failure> {
        let by_passkey = |text: &str| {
            let passkey = Passkey::new(text.as_bytes());
            passkey.map(|passkey| Listing::User(UserName::Passkey(passkey)))
        };
        let named = |text: &str| Some(Listing::UsersNamed(text.into(), None));
        let listings = match name {
            Name::Id(id) => [Some(Listing::User(UserName::Id(UserId(*id)))), None],
            Name::Key(text) => [by_passkey(text), None],
            Name::Text(text) => [named(text), None],
            Name::Either(text) => [by_passkey(text), named(text)],
        };
        let found = self.only("user", name, listings.into_iter().flatten())?;
        match found.listed {
            Listed::User(user) => Ok((user, found.passkey)),
            _ => Err(Failure::failed(format!("there is no user {name}"))),
        }
    }

    /// The torrent of this name.
    pub fn torrent(&mut self, name: &Name) -> Result<ListedTorrent, Failure> {
        let listing = match name {
            Name::Id(id) => Some(Listing::Torrent(TorrentName::Id(TorrentId(*id)))),
            Name::Key(text) => {
                info_hash(text).map(|hash| Listing::Torrent(TorrentName::InfoHash(hash)))
            }
            Name::Text(text) | Name::Either(text) => {
                Some(Listing::TorrentsNamed(text.as_str().into(), None))
            }
        };
        match self.only("torrent", name, listing.into_iter())?.listed {
            Listed::Torrent(torrent) => Ok(torrent),
            _ => Err(Failure::failed(format!("there is no torrent {name}"))),
        }
    }

    /// What is listed, if it is one alone.
    fn only(
        &mut self,
        kind: &str,
        name: &Name,
        listings: impl Iterator<Item = Listing>,
    ) -> Result<Seen, Failure> {
        let mut found: Vec<(u64, Seen)> = Vec::new();
        for listing in listings {
            for seen in self.site.list(&listing)? {
                let id = match &seen.listed {
                    Listed::User(user) => user.id,
                    Listed::Torrent(torrent) => torrent.id,
                    Listed::Client(_) | Listed::Token(_) => continue,
                };
                if found.iter().all(|(other, _)| *other != id) {
                    found.push((id, seen));
                }
            }
        }
        let ids: Vec<String> = found.iter().map(|(id, _)| id.to_string()).collect();
        let name = Printable(&name.to_string()).to_string();
        match (found.pop(), found.is_empty()) {
            (Some((_, seen)), true) => Ok(seen),
            (None, _) => Err(Failure::failed(format!("there is no {kind} {name}"))),
            (Some(_), false) => Err(Failure::failed(format!(
                "{kind} {name} may be any of the numbers {}: say which",
                ids.join(", ")
            ))),
        }
    }
}

/// Reads 40 hex digits.
pub fn info_hash(text: &str) -> Option<InfoHash> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|letter| letter.to_digit(16).and_then(|digit| digit.try_into().ok()))
        .collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    let bytes = bytes.try_into().ok().filter(|_| rest.is_empty())?;
    Some(InfoHash(bytes))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
