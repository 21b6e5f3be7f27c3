//! What is asked for on the command line.

use super::command::{Command, Name, SiteCommand, TokenOf, TorrentChange, UserChange, UserColumns};
use super::given::{Given, good_name};
use chihaya::model::UnixTime;
use chihaya::storage::{OptionsEdit, PREFIX_MAX_BYTES, REASON_MAX_BYTES, TorrentStatus};
use lexopt::Error;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

pub struct Arguments {
    pub command: Command,
    pub config_file: Option<PathBuf>,
    /// Print one JSON document instead of text.
    pub json: bool,
}

impl Arguments {
    /// Reads the arguments, the first of which is the name of the executable.
    pub fn read(arguments: impl Iterator<Item = OsString>) -> Result<Arguments, Error> {
        use lexopt::prelude::*;

        // The one dash is how the option was written for many years.
        let arguments = arguments.map(|argument| match argument.to_str() {
            Some("-config") => "--config".into(),
            _ => argument,
        });
        let mut line = lexopt::Parser::from_iter(arguments);
        let (mut option, mut config_file) = (None, None);
        let mut given = Given::default();
        let mut words: Vec<OsString> = Vec::new();
        while let Some(argument) = line.next()? {
            match argument {
                Long("config") => config_file = Some(line.value()?.into()),
                Long("check") => option = Some(("--check", Command::Check)),
                Long("print-config") => option = Some(("--print-config", Command::PrintConfig)),
                Short('V') | Long("version") => return Ok(alone(Command::Version)),
                Short('h') | Long("help") => return Ok(alone(Command::Help)),
                Value(word) => {
                    words.push(word);
                    words.extend(prefix_of_peer_ids(&words, &mut line));
                }
                Long(name) => {
                    let name = name.to_owned();
                    if !given.read(&name, &mut line)? {
                        return Err(Error::UnexpectedOption(format!("--{name}")));
                    }
                }
                _ => return Err(argument.unexpected()),
            }
        }
        let json = given.flag("json");
        let command = command(words, option, given, json)?;
        Ok(Arguments {
            command,
            config_file,
            json,
        })
    }
}

/// Most of them begin with a dash, as options do; none begins with two.
fn prefix_of_peer_ids(words: &[OsString], line: &mut lexopt::Parser) -> Option<OsString> {
    let is = |place: usize, word: &str| words.get(place).is_some_and(|is| is == word);
    let is_next =
        words.len() == 2 && is(0, "client") && (is(1, "allow") || is(1, "ban") || is(1, "remove"));
    let mut rest = line.try_raw_args().filter(|_| is_next)?;
    rest.next_if(|next| next.to_str().is_some_and(|next| !next.starts_with("--")))
}

fn alone(command: Command) -> Arguments {
    Arguments {
        command,
        config_file: None,
        json: false,
    }
}

fn command(
    words: Vec<OsString>,
    option: Option<(&str, Command)>,
    mut given: Given,
    json: bool,
) -> Result<Command, Error> {
    if words.is_empty() {
        if json {
            return Err("--json belongs to a command".into());
        }
        given.end("a tracker that is started")?;
        return Ok(option.map_or(Command::Run, |(_, command)| command));
    }
    if let Some((name, _)) = option {
        return Err(format!("{name} takes no command").into());
    }
    let mut words = Words::new(words);
    let noun = words.verb()?;
    let command = match noun.as_str() {
        "schema" if json => return Err("schema prints SQL: --json does not belong to it".into()),
        "schema" => Command::Schema,
        "storage" => match words.verb()?.as_str() {
            "check" => Command::CheckStorage,
            _ => return Err("storage: check?".into()),
        },
        _ => Command::Site(site_command(noun, &mut words, &mut given)?),
    };
    words.end()?;
    given.end(&words.command)?;
    Ok(command)
}

/// The words of a command, one after the other.
struct Words {
    rest: std::vec::IntoIter<OsString>,
    /// Those that name the command.
    command: String,
}

impl Words {
    fn new(words: Vec<OsString>) -> Words {
        Words {
            rest: words.into_iter(),
            command: String::new(),
        }
    }

    /// The next word of those that name the command; empty where there is none.
    fn verb(&mut self) -> Result<String, Error> {
        let word = self.rest.next().unwrap_or_default();
        let word = word.into_string().map_err(Error::UnexpectedArgument)?;
        if !self.command.is_empty() {
            self.command.push(' ');
        }
        self.command.push_str(&word);
        Ok(word)
    }

    fn fault(&self, fault: &str) -> Error {
        format!("{}: {fault}", self.command).into()
    }

    fn text(&mut self, what: &str) -> Result<String, Error> {
        let word = self.rest.next();
        let word = word.ok_or_else(|| self.fault(&format!("the {what} is missing")))?;
        let text = word.into_string();
        text.map_err(|_| self.fault(&format!("the {what} is not UTF-8")))
    }

    fn name(&mut self, what: &'static str) -> Result<Name, Error> {
        let text = self.text(what)?;
        name(&text, what).map_err(|fault| self.fault(&fault))
    }

    fn name_or_all(&mut self, what: &'static str) -> Result<Option<Name>, Error> {
        let text = self.text(what)?;
        if text == "all" {
            return Ok(None);
        }
        let name = name(&text, what).map_err(|fault| self.fault(&fault))?;
        Ok(Some(name))
    }

    fn token(&mut self) -> Result<TokenOf, Error> {
        Ok((self.name_or_all("USER")?, self.name_or_all("TORRENT")?))
    }

    fn end(&mut self) -> Result<(), Error> {
        let word = self.rest.next();
        word.map_or(Ok(()), |word| Err(Error::UnexpectedArgument(word)))
    }
}

/// How a user or torrent is named.
fn name(text: &str, what: &str) -> Result<Name, String> {
    let key = if what == "USER" { "passkey" } else { "hash" };
    let number = |digits: &str| {
        let number = digits.parse().ok().filter(|number| *number > 0);
        number.ok_or_else(|| format!("there is no {what} with the number {digits:?}"))
    };
    if let Some((kind, rest)) = text.split_once(':') {
        match kind {
            "id" => return number(rest).map(Name::Id),
            "name" => return Ok(Name::Text(rest.to_owned())),
            _ if kind == key => return Ok(Name::Key(rest.to_owned())),
            _ => {}
        }
    }
    let is_hash = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if what == "TORRENT" && is_hash {
        return Ok(Name::Key(text.to_owned()));
    }
    match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => number(text).map(Name::Id),
        false if what == "USER" => Ok(Name::Either(text.to_owned())),
        false => Ok(Name::Text(text.to_owned())),
    }
}

fn site_command(noun: String, words: &mut Words, given: &mut Given) -> Result<SiteCommand, Error> {
    match noun.as_str() {
        "user" => user_command(words, given),
        "torrent" => torrent_command(words, given),
        "client" => client_command(words),
        "token" => token_command(words, given),
        "options" => options_command(words, given),
        "stats" => Ok(SiteCommand::Stats),
        "sync" => {
            let file = words.rest.next();
            let file = file.ok_or_else(|| words.fault("the FILE is missing"))?;
            let is_stdin = file == "-";
            Ok(SiteCommand::Sync((!is_stdin).then(|| file.into())))
        }
        _ => Err(Error::UnexpectedArgument(noun.into())),
    }
}

fn user_command(words: &mut Words, given: &mut Given) -> Result<SiteCommand, Error> {
    let mut columns = || UserColumns {
        passkeys: given.flag("passkeys"),
        bytes: given.flag("bytes"),
    };
    Ok(match words.verb()?.as_str() {
        "add" => {
            let name = words.text("NAME")?;
            let good = good_name(&name).map_err(|fault| words.fault(&fault))?;
            SiteCommand::AddUser(good.to_owned())
        }
        "list" => SiteCommand::ListUsers(columns()),
        "show" => SiteCommand::ShowUser(words.name("USER")?, columns()),
        "set" => {
            let user = words.name("USER")?;
            let change = user_change(given)?;
            if change == UserChange::default() {
                return Err(words.fault("what is to be changed?"));
            }
            SiteCommand::SetUser(user, change)
        }
        "delete" => SiteCommand::DeleteUser(words.name("USER")?),
        _ => return Err("user: add, list, show, set or delete?".into()),
    })
}

fn user_change(given: &mut Given) -> Result<UserChange, Error> {
    let enabled = match (given.flag("enable"), given.flag("disable")) {
        (true, true) => return Err("--enable and --disable exclude each other".into()),
        (false, false) => None,
        (enable, _) => Some(enable),
    };
    let slots = given.value("slots", |text| match text {
        "none" => Ok(None),
        digits => {
            let number = digits.parse().map(Some);
            number.map_err(|_| "a number of 0 to 65535, or none".to_owned())
        }
    })?;
    Ok(UserChange {
        name: given.name()?,
        enabled,
        can_leech: given.yes_or_no("can-leech")?,
        hide_ip: given.yes_or_no("hide-ip")?,
        slots,
        percents: given.percents()?,
        new_passkey: given.flag("new-passkey"),
    })
}

fn torrent_command(words: &mut Words, given: &mut Given) -> Result<SiteCommand, Error> {
    Ok(match words.verb()?.as_str() {
        "add" => {
            let files: Vec<PathBuf> = words.rest.by_ref().map(PathBuf::from).collect();
            let id = given.value("id", |digits| {
                let number = digits.parse().ok().filter(|number| *number > 0);
                number.ok_or_else(|| "a number above 0".to_owned())
            })?;
            match (files.len(), id) {
                (0, _) => return Err(words.fault("a FILE.torrent is missing")),
                (2.., Some(_)) => return Err(words.fault("--id is for one FILE.torrent")),
                _ => SiteCommand::AddTorrents(files, id),
            }
        }
        "list" => SiteCommand::ListTorrents,
        "show" => SiteCommand::ShowTorrent(words.name("TORRENT")?),
        "set" => {
            let torrent = words.name("TORRENT")?;
            let change = TorrentChange {
                name: given.name()?,
                status: given.value("status", |text| match text {
                    "registered" => Ok(TorrentStatus::Registered),
                    "unapproved" => Ok(TorrentStatus::Unapproved),
                    _ => Err("registered or unapproved? See torrent delete, too".to_owned()),
                })?,
                percents: given.percents()?,
            };
            if change == TorrentChange::default() {
                return Err(words.fault("what is to be changed?"));
            }
            SiteCommand::SetTorrent(torrent, change)
        }
        "delete" => {
            let torrent = words.name("TORRENT")?;
            let reason = given.value("reason", |text| {
                let is_good = text.len() <= REASON_MAX_BYTES && !text.chars().any(char::is_control);
                let bad = format!("at most {REASON_MAX_BYTES} bytes, no control characters");
                is_good.then(|| text.to_owned()).ok_or(bad)
            })?;
            SiteCommand::DeleteTorrent(torrent, reason)
        }
        _ => return Err("torrent: add, list, show, set or delete?".into()),
    })
}

fn client_command(words: &mut Words) -> Result<SiteCommand, Error> {
    let verb = words.verb()?;
    if verb == "list" {
        return Ok(SiteCommand::ListClients);
    }
    if !["allow", "ban", "remove"].contains(&verb.as_str()) {
        return Err("client: list, allow, ban or remove?".into());
    }
    let prefix = words.rest.next();
    let prefix = prefix.ok_or_else(|| words.fault("the PREFIX is missing"))?;
    let prefix = prefix.into_vec();
    if !(1..=PREFIX_MAX_BYTES).contains(&prefix.len()) {
        return Err(words.fault(&format!("a PREFIX has 1 to {PREFIX_MAX_BYTES} bytes")));
    }
    Ok(match verb.as_str() {
        "remove" => SiteCommand::RemoveClient(prefix),
        verb => SiteCommand::SetClient(prefix, verb == "allow"),
    })
}

fn token_command(words: &mut Words, given: &mut Given) -> Result<SiteCommand, Error> {
    Ok(match words.verb()?.as_str() {
        "list" => SiteCommand::ListTokens,
        "add" => {
            let token = words.token()?;
            let until = given.until("until")?.flatten();
            SiteCommand::AddToken(token, given.percents()?, until)
        }
        "remove" => SiteCommand::RemoveToken(words.token()?),
        _ => return Err("token: list, add or remove?".into()),
    })
}

fn options_command(words: &mut Words, given: &mut Given) -> Result<SiteCommand, Error> {
    match words.verb()?.as_str() {
        "show" => return Ok(SiteCommand::ShowOptions),
        "set" => {}
        _ => return Err("options: show or set?".into()),
    }
    let time = |until: Option<Option<u32>>| until.map(|until| until.map(UnixTime));
    let percents = given.percents()?;
    let mut edit = OptionsEdit {
        up_percent: percents.up,
        down_percent: percents.down,
        until: time(given.until("until")?),
        interval_secs: given.span("interval")?,
        min_interval_secs: given.span("min-interval")?,
        jitter_secs: given.span("jitter")?,
    };
    if let Some(freeleech) = given.until("freeleech")? {
        if edit.down_percent.is_some() || edit.until.is_some() {
            return Err("--freeleech says --down and --until, too".into());
        }
        edit.down_percent = Some(if freeleech.is_some() { 0 } else { 100 });
        edit.until = Some(freeleech.map(UnixTime));
    }
    match edit == OptionsEdit::default() {
        true => Err(words.fault("what is to be changed?")),
        false => Ok(SiteCommand::SetOptions(edit)),
    }
}

#[cfg(test)]
#[path = "arguments_tests.rs"]
mod tests;
