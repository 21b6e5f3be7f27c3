//! The statements of a storage, read: what is loaded and what is written, from a preset and from
//! the configuration.

use super::connection::Dialect;
use super::fields::{self, Key, Step, TokenUse};
use super::literal::Datum;
use super::presets::Preset;
use super::template::{Field, Template};
use crate::storage::{EventRow, HistoryDelta, PeerRow, SessionKey, TorrentDelta, UserDelta};
use std::collections::BTreeMap;

/// Statements by name, put over those of a preset: nothing takes the preset's away.
pub type Given = BTreeMap<String, Option<String>>;

/// The statements of a storage.
#[derive(Debug)]
pub struct Plan {
    pub(super) load: Load,
    pub(super) write: Write,
}

/// What is loaded; what there is no statement for is never there.
#[derive(Debug, Default)]
pub(super) struct Load {
    pub(super) users: Option<Rows>,
    pub(super) torrents: Option<Rows>,
    pub(super) clients: Option<Rows>,
    pub(super) tokens: Option<Rows>,
    pub(super) options: Option<Rows>,
    pub(super) changes: Option<Changes>,
    /// What there is, is as the preset reads it.
    pub(super) is_presets: bool,
    /// What has changed is as the preset reads it.
    pub(super) changes_are_presets: bool,
}

/// A statement that loads: all rows, and those of a key.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) all: String,
    /// By numbers, or by prefixes; any number of them.
    pub(super) by_number: Template<Key>,
    /// By what clients say.
    pub(super) by_name: Template<Key>,
}

/// What has changed since a cursor, and how far that goes.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) since: Template<u64>,
    pub(super) last: Template<u64>,
}

/// What is written; what there is no statement for is not kept.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) position: Template<Step>,
    pub(super) new_writer: Template<Step>,
    pub(super) position_of: Template<Step>,
    pub(super) users: Option<Template<UserDelta>>,
    pub(super) torrents: Option<Template<TorrentDelta>>,
    pub(super) history: Option<Template<HistoryDelta>>,
    pub(super) peers: Option<Template<PeerRow>>,
    pub(super) forgotten: Option<Template<SessionKey>>,
    pub(super) snatches: Option<Template<EventRow>>,
    pub(super) tokens: Option<Template<TokenUse>>,
    pub(super) events: Option<Template<EventRow>>,
}

/// The statements that tell what there is.
const DIRECTORY: [&str; 5] = ["users", "torrents", "clients", "tokens", "options"];

const CURSOR: &[Field<u64>] = &[("cursor", |cursor| Datum::exact(*cursor))];

const POSITION: &str =
    "UPDATE tracker_batches SET seq = :to WHERE writer = :writer AND seq = :from";
const NEW_WRITER: &str = "INSERT INTO tracker_batches (writer, seq) VALUES ( :writer , 0)";
const POSITION_OF: &str = "SELECT seq FROM tracker_batches WHERE writer = :writer";

impl Plan {
    /// Reads the statements of a preset with those given put over them; all faults at once, with
    /// their place in the configuration.
    pub fn new(
        dialect: Dialect,
        preset: &Preset,
        load: &Given,
        write: &Given,
    ) -> Result<Plan, Vec<String>> {
        let mut faults = Vec::new();
        let mut reading = Reading {
            dialect,
            faults: &mut faults,
        };
        let load = reading.load(&Texts {
            kind: "load",
            preset: preset.load,
            given: load,
        });
        let write = reading.write(&Texts {
            kind: "write",
            preset: preset.write,
            given: write,
        });
        match (faults.is_empty(), write) {
            (true, Some(write)) => Ok(Plan { load, write }),
            _ => Err(faults),
        }
    }
}

/// Statements of one kind, by name.
struct Texts<'p> {
    kind: &'static str,
    preset: &'p [(&'static str, &'static str)],
    given: &'p Given,
}

impl Texts<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        match self.given.get(name) {
            Some(given) => given.as_deref(),
            None => {
                let found = self.preset.iter().find(|(known, _)| *known == name);
                found.map(|(_, text)| *text)
            }
        }
    }

    fn place(&self, name: &str) -> String {
        format!("storage.statements.{}.{name}", self.kind)
    }
}

struct Reading<'f> {
    dialect: Dialect,
    faults: &'f mut Vec<String>,
}

impl Reading<'_> {
    fn good<T>(&mut self, place: String, read: Result<T, String>) -> Option<T> {
        read.map_err(|fault| self.faults.push(format!("{place}: {fault}")))
            .ok()
    }

    fn load(&mut self, texts: &Texts<'_>) -> Load {
        Load {
            users: self.rows(texts, "users", "id", "passkey"),
            torrents: self.rows(texts, "torrents", "id", "info_hash"),
            clients: self.rows(texts, "clients", "prefix", "prefix"),
            tokens: self.rows(texts, "tokens", "user", "torrent"),
            options: self.rows(texts, "options", "name", "name"),
            changes: self.changes(texts),
            is_presets: DIRECTORY
                .iter()
                .all(|name| !texts.given.contains_key(*name)),
            changes_are_presets: !texts.given.contains_key("changes"),
        }
    }

    /// A statement that loads, and the same as a table in which is looked for a key: the database
    /// looks into its own tables by it, not through all rows.
    fn rows(&mut self, texts: &Texts<'_>, name: &str, number: &str, named: &str) -> Option<Rows> {
        let text = trimmed(texts.get(name)?);
        let dialect = self.dialect;
        let read = || {
            // Names and rows have no place in it; that it is one statement is checked, too.
            Template::one(dialect, text, &[] as &'static [Field<Key>])?;
            let by = |column: &str| {
                let column = quoted(dialect, column);
                format!("SELECT * FROM ({text}) found WHERE found.{column}")
            };
            let (number, named) = (by(number), by(named));
            Ok(Rows {
                all: text.to_owned(),
                by_number: Template::rows(
                    dialect,
                    &format!("{number} IN ([[ :key|, ]])"),
                    fields::KEY,
                )?,
                by_name: Template::one(dialect, &format!("{named} = :key"), fields::KEY)?,
            })
        };
        self.good(texts.place(name), read())
    }

    fn changes(&mut self, texts: &Texts<'_>) -> Option<Changes> {
        let text = trimmed(texts.get("changes")?);
        let dialect = self.dialect;
        let read = || {
            let cursor = quoted(dialect, "cursor");
            let last = format!("SELECT MAX(found.{cursor}) AS {cursor} FROM ({text}) found");
            Ok(Changes {
                since: Template::one(dialect, text, CURSOR)?,
                last: Template::one(dialect, &last, CURSOR)?,
            })
        };
        self.good(texts.place("changes"), read())
    }

    fn write(&mut self, texts: &Texts<'_>) -> Option<Write> {
        let position = texts.get("position").unwrap_or(POSITION);
        let position = Template::one(self.dialect, position, fields::STEP);
        let position = self.good(texts.place("position"), position);
        let new_writer = Template::one(self.dialect, NEW_WRITER, fields::STEP);
        let new_writer = self.good(texts.place("position"), new_writer);
        let position_of = Template::one(self.dialect, POSITION_OF, fields::STEP);
        let position_of = self.good(texts.place("position"), position_of);
        let write = (
            self.rows_of(texts, "users", fields::USERS),
            self.rows_of(texts, "torrents", fields::TORRENTS),
            self.rows_of(texts, "history", fields::HISTORY),
            self.rows_of(texts, "peers", fields::PEERS),
            self.rows_of(texts, "forgotten", fields::FORGOTTEN),
            self.rows_of(texts, "snatches", fields::EVENTS),
            self.rows_of(texts, "tokens", fields::TOKENS),
            self.rows_of(texts, "events", fields::EVENTS),
        );
        let (users, torrents, history, peers, forgotten, snatches, tokens, events) = write;
        Some(Write {
            position: position?,
            new_writer: new_writer?,
            position_of: position_of?,
            users,
            torrents,
            history,
            peers,
            forgotten,
            snatches,
            tokens,
            events,
        })
    }

    fn rows_of<R>(
        &mut self,
        texts: &Texts<'_>,
        name: &str,
        fields: &'static [Field<R>],
    ) -> Option<Template<R>> {
        let read = Template::rows(self.dialect, texts.get(name)?, fields);
        self.good(texts.place(name), read)
    }
}

fn trimmed(text: &str) -> &str {
    text.trim().trim_end_matches(';').trim_end()
}

/// A name as the dialect quotes it: some of ours are words of SQL.
pub(super) fn quoted(dialect: Dialect, name: &str) -> String {
    match dialect {
        Dialect::Mysql => format!("`{name}`"),
        Dialect::Sqlite | Dialect::Postgres => format!("\"{name}\""),
    }
}
