//! The statements of a plan as they are sent, with their names in the configuration.

use crate::storage::sample::{Sample, TIME};
use crate::storage::sql::connection::SqlError;
use crate::storage::sql::directory::{self, Cells, Fault, Part};
use crate::storage::sql::fields::{Key, TokenUse};
use crate::storage::sql::plan::{Plan, Rows};
use crate::storage::sql::template::Template;
use crate::storage::sql::write::{render_one, step_of};
use crate::storage::{Change, EventKind, EventRow, Global};

/// Nobody's passkey, nobody's client.
const NAME: &[u8] = b"chihaya-storage-check";
/// The writer of a position that is made up.
const WRITER: &str = "chihaya storage check";

/// A statement that loads, and those that are made of it.
pub(super) struct Load {
    pub(super) name: &'static str,
    pub(super) all: String,
    pub(super) reads: Reads,
    /// By what something is looked for, and how.
    pub(super) lookups: Vec<(&'static str, String)>,
}

/// What the rows of a statement mean.
#[derive(Clone, Copy)]
pub(super) enum Reads {
    Part(&'static Part),
    Options,
    Changes,
}

impl Reads {
    /// Columns, and how many of the first must be there.
    pub(super) fn columns(self) -> (&'static [&'static str], usize) {
        match self {
            Reads::Part(part) => (part.columns, part.needed),
            Reads::Options => (&directory::OPTIONS, directory::OPTIONS.len()),
            Reads::Changes => (&directory::CHANGES, directory::CHANGES.len()),
        }
    }

    /// What a row says, or why it cannot be used.
    pub(super) fn read(self, cells: &Cells<'_>) -> Result<Option<Change>, Fault> {
        match self {
            Reads::Part(part) => (part.read)(cells).map(Some),
            Reads::Options => directory::set_option(&mut Global::default(), cells).map(|()| None),
            Reads::Changes => directory::changed(cells).map(|_| None),
        }
    }
}

/// The statements that load, with what the tracker looks for by them; those of changes ask from
/// this cursor on.
pub(super) fn loads(plan: &Plan, cursor: u64) -> Result<Vec<Load>, SqlError> {
    let load = &plan.load;
    let (number, name, hash) = (Key::Number(0), Key::Text(NAME.into()), Key::Bytes([0; 20]));
    let has_changes = load.changes.is_some();
    let mut found = Vec::new();
    let mut add = |part: &'static Part, statement, rows: &Option<Rows>, by: &[By<'_>]| {
        let Some(rows) = rows else { return Ok(()) };
        let mut lookups = Vec::new();
        for (what, key, is_by_name) in by {
            let template = if *is_by_name {
                &rows.by_name
            } else {
                &rows.by_number
            };
            lookups.push((*what, one(template, *key)?));
        }
        found.push(Load {
            name: statement,
            all: rows.all.clone(),
            reads: Reads::Part(part),
            lookups,
        });
        Ok::<_, SqlError>(())
    };
    // What has changed is looked for by its number.
    let only = |with: &[By<'_>]| with.len() - usize::from(!has_changes);
    let users: &[By<'_>] = &[("passkey", &name, true), ("id", &number, false)];
    let torrents: &[By<'_>] = &[("info_hash", &hash, true), ("id", &number, false)];
    let clients: &[By<'_>] = &[("prefix", &name, false)];
    let tokens: &[By<'_>] = &[("user", &number, false), ("torrent", &number, true)];
    add(
        &directory::USERS,
        "load.users",
        &load.users,
        &users[..only(users)],
    )?;
    add(
        &directory::TORRENTS,
        "load.torrents",
        &load.torrents,
        &torrents[..only(torrents)],
    )?;
    add(
        &directory::CLIENTS,
        "load.clients",
        &load.clients,
        &clients[..only(clients)],
    )?;
    add(&directory::TOKENS, "load.tokens", &load.tokens, tokens)?;
    if let Some(rows) = &load.options {
        found.push(Load {
            name: "load.options",
            all: rows.all.clone(),
            reads: Reads::Options,
            lookups: Vec::new(),
        });
    }
    if let Some(changes) = &load.changes {
        found.push(Load {
            name: "load.changes",
            all: one(&changes.since, &cursor)?,
            reads: Reads::Changes,
            lookups: vec![("last cursor", one(&changes.last, &cursor)?)],
        });
    }
    Ok(found)
}

/// What something is looked for by: its column, a key, and whether clients say it.
type By<'k> = (&'static str, &'k Key, bool);

/// A statement that writes.
pub(super) struct Write {
    pub(super) name: &'static str,
    /// With two rows, and with the first of them alone.
    pub(super) both: String,
    pub(super) first: String,
    /// How many of the rows must be found, where it is an update and has to find them.
    pub(super) finds: Option<usize>,
    pub(super) is_update: bool,
}

/// The statements that write, with rows that are made up.
pub(super) fn writes(plan: &Plan, sample: &Sample) -> Vec<Write> {
    let write = &plan.write;
    let batch = sample.batch();
    let snatches = batch.events.iter().map(|event| EventRow {
        kind: EventKind::Completed,
        ..event.clone()
    });
    let snatches: Vec<EventRow> = snatches.collect();
    let tokens = sample.keys().map(|key| TokenUse {
        key,
        raw_down: 0,
        used: false,
        time: TIME,
    });
    let users = Some(sample.known_users());
    let torrents = Some(sample.known_torrents());
    [
        rows("write.users", &write.users, &batch.users, users),
        rows("write.history", &write.history, &batch.history, None),
        rows("write.torrents", &write.torrents, &batch.torrents, torrents),
        rows("write.peers", &write.peers, &batch.peers, None),
        rows("write.forgotten", &write.forgotten, &batch.forgotten, None),
        rows("write.events", &write.events, &batch.events, None),
        rows("write.snatches", &write.snatches, &snatches, None),
        rows("write.tokens", &write.tokens, &tokens, None),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn rows<R>(
    name: &'static str,
    template: &Option<Template<R>>,
    rows: &[R],
    finds: Option<usize>,
) -> Option<Write> {
    let template = template.as_ref()?;
    let (mut both, mut first) = (String::new(), String::new());
    template.render(rows, &mut both).ok()?;
    template.render(rows.get(..1)?, &mut first).ok()?;
    let is_update = template.is_update();
    Some(Write {
        name,
        both,
        first,
        finds: finds.filter(|_| is_update),
        is_update,
    })
}

/// The steps of a position that is made up: its writer is made, it moves, it is read.
pub(super) struct Position {
    pub(super) new_writer: String,
    pub(super) step: String,
    pub(super) read: String,
}

pub(super) fn position(plan: &Plan) -> Result<Position, SqlError> {
    let (write, step) = (&plan.write, step_of(WRITER, 0, 1));
    Ok(Position {
        new_writer: one(&write.new_writer, &step)?,
        step: one(&write.position, &step)?,
        read: one(&write.position_of, &step)?,
    })
}

fn one<R>(template: &Template<R>, row: &R) -> Result<String, SqlError> {
    let mut sql = String::new();
    render_one(template, row, &mut sql).map(|()| sql)
}
