//! Loading the directory: everything, what has changed, or what somebody has asked for.

use super::connection::{Connection, Dialect, Row, SqlError};
use super::directory::{self, Changed, Columns, Fault, Part};
use super::fields::Key;
use super::plan::{Changes, Plan, Rows};
use super::template::{Template, Unfit};
use crate::storage::{Change, Cursor, Global, Wanted};
use std::collections::BTreeSet;
use std::mem::discriminant;

/// Rows that cannot be used are told one by one up to so many, then counted.
const SKIPPED_TOLD: u32 = 10;

/// Reads the directory by the statements of a plan, within one transaction, and shows it.
pub(super) struct Loading<'a> {
    connection: &'a mut dyn Connection,
    plan: &'a Plan,
    to: &'a mut dyn FnMut(Change),
    skipped: u32,
    statement: String,
}

impl<'a> Loading<'a> {
    pub(super) fn new(
        connection: &'a mut dyn Connection,
        plan: &'a Plan,
        to: &'a mut dyn FnMut(Change),
    ) -> Loading<'a> {
        Loading {
            connection,
            plan,
            to,
            skipped: 0,
            statement: String::new(),
        }
    }

    /// Shows everything; returns the cursor to go on from, where changes can be told.
    pub(super) fn all(&mut self, changes: Option<&Changes>) -> Result<Option<Cursor>, SqlError> {
        begin(self.connection)?;
        let load = &self.plan.load;
        // Before the rows: what changes meanwhile is told twice rather than never.
        let cursor = match changes {
            Some(changes) => Some(self.last(changes)?),
            None => None,
        };
        let parts = [
            (&load.users, &directory::USERS),
            (&load.torrents, &directory::TORRENTS),
            (&load.clients, &directory::CLIENTS),
            (&load.tokens, &directory::TOKENS),
        ];
        for (rows, part) in parts {
            if let Some(rows) = rows {
                self.show(part, &rows.all, |_| true)?;
            }
        }
        self.global()?;
        self.end()?;
        Ok(cursor)
    }

    /// Shows what changed rows hold now, each once; `None` where what has changed is not known row
    /// by row, and nothing is shown.
    pub(super) fn since(
        &mut self,
        changes: &Changes,
        since: Cursor,
    ) -> Result<Option<Cursor>, SqlError> {
        begin(self.connection)?;
        let (cursor, changed) = self.changed(changes, since)?;
        let is_known = !changed.contains(&Changed::All);
        if is_known {
            let is_alike = |one: &Changed, next: &Changed| discriminant(one) == discriminant(next);
            for run in changed.chunk_by(is_alike) {
                self.look_at(run)?;
            }
        }
        self.end()?;
        Ok(is_known.then_some(cursor))
    }

    /// Shows those of the wanted that are there, with their tokens.
    pub(super) fn find(&mut self, wanted: &Wanted) -> Result<(), SqlError> {
        self.begin()?;
        let load = &self.plan.load;
        for passkey in &wanted.passkeys {
            let key = Key::Text(passkey.as_bytes().into());
            self.find_one(&load.users, &directory::USERS, &key)?;
        }
        for info_hash in &wanted.info_hashes {
            let key = Key::Bytes(info_hash.0);
            self.find_one(&load.torrents, &directory::TORRENTS, &key)?;
        }
        self.end()
    }

    pub(super) fn begin(&mut self) -> Result<(), SqlError> {
        begin(self.connection)
    }

    pub(super) fn end(&mut self) -> Result<(), SqlError> {
        if self.skipped > SKIPPED_TOLD {
            log::warn!("storage: {} rows are skipped in all", self.skipped);
        }
        self.connection.execute("COMMIT").map(drop)
    }

    /// Shows the rows of a statement that are wanted; returns how many.
    fn show(
        &mut self,
        part: &'static Part,
        sql: &str,
        wants: impl Fn(&Change) -> bool,
    ) -> Result<Vec<Change>, SqlError> {
        let Loading {
            connection,
            to,
            skipped,
            ..
        } = self;
        let mut columns = None;
        let mut found = Vec::new();
        connection.query(sql, &mut |row| {
            let columns = known(&mut columns, part, row)?;
            match (part.read)(&columns.of(row)) {
                Ok(change) if wants(&change) => {
                    // Tokens of what was looked for are looked for by its number.
                    if matches!(change, Change::User(_) | Change::Torrent(_)) && found.is_empty() {
                        found.push(change.clone());
                    }
                    to(change);
                }
                Ok(_) => {}
                Err(fault) => skip(skipped, part.name, fault),
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn find_one(
        &mut self,
        rows: &'a Option<Rows>,
        part: &'static Part,
        key: &Key,
    ) -> Result<(), SqlError> {
        let Some(rows) = rows else { return Ok(()) };
        let Some(sql) = self.fill(&rows.by_name, key) else {
            return Ok(());
        };
        let found = self.show(part, &sql, |change| is_exactly(change, key))?;
        let Some(tokens) = &self.plan.load.tokens else {
            return Ok(());
        };
        for change in found {
            let (template, id) = match change {
                Change::User(user) => (&tokens.by_number, user.id.0),
                Change::Torrent(torrent) => (&tokens.by_name, torrent.id.0),
                _ => continue,
            };
            if let Some(sql) = self.fill(template, &Key::Number(id)) {
                self.show(&directory::TOKENS, &sql, |_| true)?;
            }
        }
        Ok(())
    }

    /// The statement for a key; `None` for one that no row can have.
    fn fill(&mut self, template: &Template<Key>, key: &Key) -> Option<String> {
        let done = template.render(std::slice::from_ref(key), &mut self.statement);
        done.ok().map(|_| self.statement.clone())
    }

    /// Shows what holds for everybody; what the options leave out is as if nothing were said.
    fn global(&mut self) -> Result<(), SqlError> {
        let mut global = Global::default();
        if let Some(rows) = &self.plan.load.options {
            let skipped = &mut self.skipped;
            let mut columns = None;
            self.connection.query(&rows.all, &mut |row| {
                let found = Columns::find(&directory::OPTIONS, 2, names(row));
                let columns = once(&mut columns, "options", found)?;
                if let Err(fault) = directory::set_option(&mut global, &columns.of(row)) {
                    skip(skipped, "options", fault);
                }
                Ok(())
            })?;
        }
        (self.to)(Change::Global(global));
        Ok(())
    }

    fn last(&mut self, changes: &Changes) -> Result<Cursor, SqlError> {
        let mut last = 0;
        let mut statement = String::new();
        if changes.last.render(&[0], &mut statement).is_ok() {
            self.connection.query(&statement, &mut |row| {
                if let super::connection::Value::Integer(cursor) = row.value(0) {
                    last = u64::try_from(cursor).unwrap_or_default();
                }
                Ok(())
            })?;
        }
        Ok(Cursor(last))
    }

    /// What has changed since, each once, and how far that goes.
    fn changed(
        &mut self,
        changes: &Changes,
        since: Cursor,
    ) -> Result<(Cursor, Vec<Changed>), SqlError> {
        let mut last = since.0;
        let mut all: Vec<Changed> = Vec::new();
        let mut statement = String::new();
        if changes.since.render(&[since.0], &mut statement).is_err() {
            return Ok((since, all));
        }
        let skipped = &mut self.skipped;
        let mut columns = None;
        self.connection.query(&statement, &mut |row| {
            let found = Columns::find(&directory::CHANGES, 3, names(row));
            let columns = once(&mut columns, "changes", found)?;
            match directory::changed(&columns.of(row)) {
                Ok((cursor, changed)) => {
                    last = last.max(cursor);
                    all.push(changed);
                }
                Err(fault) => skip(skipped, "changes", fault),
            }
            Ok(())
        })?;
        all.sort();
        all.dedup();
        Ok((Cursor(last), all))
    }

    /// Shows what changed rows of one kind hold now, or that they are gone.
    pub(super) fn look_at(&mut self, changed: &[Changed]) -> Result<(), SqlError> {
        let load = &self.plan.load;
        let (rows, part) = match changed.first() {
            Some(Changed::User(_)) => (&load.users, &directory::USERS),
            Some(Changed::Torrent(_)) => (&load.torrents, &directory::TORRENTS),
            Some(Changed::Client(_)) => (&load.clients, &directory::CLIENTS),
            Some(Changed::Token { .. }) => (&load.tokens, &directory::TOKENS),
            Some(Changed::Options) => return self.global(),
            Some(Changed::All) | None => return Ok(()),
        };
        let Some(rows) = rows else { return Ok(()) };
        let mut missing: BTreeSet<&Changed> = changed.iter().collect();
        let mut keys: Vec<Key> = changed.iter().filter_map(directory::key).collect();
        // Several tokens have the same.
        keys.dedup();
        while !keys.is_empty() {
            match rows.by_number.render(&keys, &mut self.statement) {
                Ok(asked) => {
                    keys.drain(..asked);
                    self.show_those(part, &mut missing)?;
                }
                // No row can have it.
                Err(Unfit(place)) => drop(keys.remove(place)),
            }
        }
        missing
            .into_iter()
            .filter_map(directory::gone)
            .for_each(&mut *self.to);
        Ok(())
    }

    /// Shows those rows of the statement that are looked for.
    fn show_those(
        &mut self,
        part: &'static Part,
        missing: &mut BTreeSet<&Changed>,
    ) -> Result<(), SqlError> {
        let (to, skipped) = (&mut *self.to, &mut self.skipped);
        let mut columns = None;
        self.connection.query(&self.statement, &mut |row| {
            let columns = known(&mut columns, part, row)?;
            match (part.read)(&columns.of(row)) {
                Ok(change) => {
                    if directory::whose(&change).is_some_and(|it| missing.remove(&it)) {
                        to(change);
                    }
                }
                Err(fault) => skip(skipped, part.name, fault),
            }
            Ok(())
        })
    }
}

/// Begins to read: one state of the database, which is not changed.
pub(super) fn begin(connection: &mut dyn Connection) -> Result<(), SqlError> {
    let statements: &[&str] = match connection.dialect() {
        Dialect::Sqlite => &["BEGIN"],
        Dialect::Postgres => &["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"],
        Dialect::Mysql => &[
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        ],
    };
    for statement in statements {
        connection.execute(statement)?;
    }
    Ok(())
}

/// The columns of a part in this result, found at its first row.
fn known<'c>(
    columns: &'c mut Option<Columns>,
    part: &'static Part,
    row: &dyn Row,
) -> Result<&'c Columns, SqlError> {
    if columns.is_none() {
        let found = Columns::find(part.columns, part.needed, names(row));
        return once(columns, part.name, found);
    }
    columns
        .as_ref()
        .ok_or_else(|| directory::wrong(part.name, "no columns"))
}

fn once<'c>(
    columns: &'c mut Option<Columns>,
    statement: &str,
    found: Result<Columns, String>,
) -> Result<&'c Columns, SqlError> {
    let found = found.map_err(|message| directory::wrong(statement, &message))?;
    Ok(columns.insert(found))
}

pub(super) fn names(row: &dyn Row) -> impl Iterator<Item = &str> + Clone {
    (0..row.len()).map(|column| row.name(column))
}

fn skip(skipped: &mut u32, statement: &str, fault: Fault) {
    *skipped += 1;
    if *skipped <= SKIPPED_TOLD {
        log::warn!("storage: {statement}: a row is skipped: {fault}");
    }
}

/// Whether it is what was looked for: to some databases, letters of either case are the same.
fn is_exactly(change: &Change, key: &Key) -> bool {
    match (change, key) {
        (Change::User(user), Key::Text(passkey)) => user.passkey.as_bytes() == &**passkey,
        (Change::Torrent(torrent), Key::Bytes(hash)) => torrent.info_hash.0 == *hash,
        _ => true,
    }
}
