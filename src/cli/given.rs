//! Options as they are given, until a command takes those that are its own.

use super::command::Percents;
use super::table::is_unprintable;
use super::time;
use lexopt::Error;
use std::ffi::OsString;

/// Characters of the longest name of a user or torrent.
const MAX_NAME_CHARS: usize = 64;

/// Options that stand alone.
const FLAGS: &[&str] = &[
    "json",
    "passkeys",
    "bytes",
    "enable",
    "disable",
    "new-passkey",
];
/// Options that have a value.
const VALUES: &[&str] = &[
    "can-leech",
    "hide-ip",
    "slots",
    "up",
    "down",
    "name",
    "id",
    "status",
    "reason",
    "until",
    "freeleech",
    "interval",
    "min-interval",
    "jitter",
];

/// Options that nobody has taken yet.
#[derive(Default)]
pub struct Given(Vec<(&'static str, Option<OsString>)>);

impl Given {
    /// Takes an option from the line, if it is one of these.
    pub fn read(&mut self, name: &str, line: &mut lexopt::Parser) -> Result<bool, Error> {
        let find = |known: &[&'static str]| known.iter().copied().find(|known| *known == name);
        let (name, value) = match (find(FLAGS), find(VALUES)) {
            (Some(name), _) => (name, None),
            (None, Some(name)) => (name, Some(line.value()?)),
            (None, None) => return Ok(false),
        };
        if self.0.iter().any(|(given, _)| *given == name) {
            return Err(format!("--{name} is given twice").into());
        }
        self.0.push((name, value));
        Ok(true)
    }

    /// Whether this flag is given.
    pub fn flag(&mut self, name: &str) -> bool {
        let place = self.0.iter().position(|(given, _)| *given == name);
        place.map(|place| self.0.remove(place)).is_some()
    }

    /// What stands behind an option.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, Error> {
        let Some(place) = self.0.iter().position(|(given, _)| *given == name) else {
            return Ok(None);
        };
        let (_, value) = self.0.remove(place);
        let text = value.unwrap_or_default().into_string();
        text.map(Some)
            .map_err(|_| format!("--{name}: not UTF-8").into())
    }

    /// The same, read in some way.
    pub fn value<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Error> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        match read(&text) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(format!("--{name}: {error}").into()),
        }
    }

    pub fn yes_or_no(&mut self, name: &str) -> Result<Option<bool>, Error> {
        self.value(name, |text| match text {
            "yes" => Ok(true),
            "no" => Ok(false),
            _ => Err("yes or no?".to_owned()),
        })
    }

    pub fn percents(&mut self) -> Result<Percents, Error> {
        let percent = |text: &str| {
            let digits = text.strip_suffix('%').unwrap_or(text);
            let number = digits.parse();
            number.map_err(|_| "a percentage is a number of 0 to 65535".to_owned())
        };
        Ok(Percents {
            up: self.value("up", percent)?,
            down: self.value("down", percent)?,
        })
    }

    /// A name for a user or torrent.
    pub fn name(&mut self) -> Result<Option<String>, Error> {
        self.value("name", |text| good_name(text).map(str::to_owned))
    }

    /// A time at which something ends; `Some(None)`: never.
    pub fn until(&mut self, name: &str) -> Result<Option<Option<u32>>, Error> {
        self.value(name, |text| match text {
            "none" => Ok(None),
            text => time::read(text, time::now()).map(Some),
        })
    }

    /// A length of time; `Some(None)`: as configured.
    pub fn span(&mut self, name: &str) -> Result<Option<Option<u32>>, Error> {
        self.value(name, |text| match text {
            "none" => Ok(None),
            text => time::span(text)
                .map(Some)
                .ok_or_else(|| "a time like 90s, 30m or 1h".to_owned()),
        })
    }

    /// All that was given belongs to the command.
    pub fn end(&self, command: &str) -> Result<(), Error> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(format!("--{name} does not belong to {command}").into()),
        }
    }
}

/// A name that can be shown: of some characters, not too many, none of which steers a terminal.
pub fn good_name(name: &str) -> Result<&str, String> {
    if !(1..=MAX_NAME_CHARS).contains(&name.chars().count()) {
        return Err(format!("a NAME has 1 to {MAX_NAME_CHARS} characters"));
    }
    if name.chars().any(is_unprintable) {
        return Err("there is a control character in the NAME".to_owned());
    }
    Ok(name)
}

/// All options of commands.
#[cfg(test)]
pub fn known() -> impl Iterator<Item = &'static str> {
    FLAGS.iter().chain(VALUES).copied()
}
