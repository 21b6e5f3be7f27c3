//! Writing a batch: everything or nothing, in one transaction with the step of the position.
//!
//! Rows go out many in a statement. Where a statement is refused for what is in it, or finds fewer
//! rows than it should, it is tried again in halves, until it is known which rows it was. To a
//! database that is in this process they go out one by one, see [`OneByOne`].

use super::connection::{Connection, Dialect, Fault, SqlError};
use super::fields::{Step, TokenUse};
use super::one_by_one::OneByOne;
use super::plan::Plan;
use super::template::{Template, Unfit};
use crate::storage::{Commit, EventKind, RejectedRow, Table};
use std::collections::BTreeMap;

/// How often a batch is begun anew after a deadlock or the like, before it is left for later.
pub(super) const ATTEMPTS: u32 = 3;
/// Rows refused in one batch that are looked for at most: then the batch is written without those,
/// and the next attempt looks for more. Each costs some tens of statements.
const REJECTED_MOST: usize = 100;
pub(super) const TOO_LARGE: &str = "a number is too large";

/// Why a batch was not written.
#[derive(Debug)]
pub(super) enum Failed {
    Sql(SqlError),
    Rows(Vec<RejectedRow>),
    Moved(u64),
}

impl From<SqlError> for Failed {
    fn from(err: SqlError) -> Failed {
        Failed::Sql(err)
    }
}

/// Writes a batch; begins anew a few times where the database could not do it just then.
pub(super) fn commit(
    connection: &mut dyn Connection,
    plan: &Plan,
    writer: &str,
    batch: &Commit,
) -> Result<(), Failed> {
    let mut attempt = 1;
    loop {
        let result = Writing {
            connection: &mut *connection,
            plan,
            rejected: Vec::new(),
            statement: String::new(),
        }
        .commit(writer, batch);
        match result {
            Err(Failed::Sql(err)) if err.kind == Fault::Busy && attempt < ATTEMPTS => {
                attempt += 1;
            }
            other => return other,
        }
    }
}

/// The position of a writer; `None` of a new one.
pub(super) fn position(
    connection: &mut dyn Connection,
    plan: &Plan,
    writer: &str,
) -> Result<Option<u64>, SqlError> {
    let step = step_of(writer, 0, 0);
    let mut sql = String::new();
    render_one(&plan.write.position_of, &step, &mut sql)?;
    let mut position = None;
    connection.query(&sql, &mut |row| {
        if let super::connection::Value::Integer(value) = row.value(0) {
            position = u64::try_from(value).ok();
        }
        Ok(())
    })?;
    Ok(position)
}

/// Begins to write.
pub(super) fn begin(connection: &mut dyn Connection) -> Result<(), SqlError> {
    let statements: &[&str] = match connection.dialect() {
        Dialect::Sqlite => &["BEGIN IMMEDIATE"],
        // What is checked at the end, as Django has it, does not tell which row is wrong.
        Dialect::Postgres => &["BEGIN", "SET CONSTRAINTS ALL IMMEDIATE"],
        // Locks of what is not there, which the default would take, only make deadlocks.
        Dialect::Mysql => &[
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
            "START TRANSACTION",
        ],
    };
    for statement in statements {
        connection.execute(statement)?;
    }
    Ok(())
}

pub(super) fn step_of(writer: &str, from: u64, to: u64) -> Step {
    Step {
        writer: writer.to_owned(),
        from,
        to,
    }
}

pub(super) fn render_one<R>(
    template: &Template<R>,
    row: &R,
    sql: &mut String,
) -> Result<(), SqlError> {
    let done = template.render(std::slice::from_ref(row), sql);
    done.map(drop)
        .map_err(|Unfit(_)| SqlError::new(Fault::Wrong, TOO_LARGE))
}

struct Writing<'a> {
    connection: &'a mut dyn Connection,
    plan: &'a Plan,
    rejected: Vec<RejectedRow>,
    statement: String,
}

/// A part of a batch on its way: which, by which statement, and what a row means that finds none.
pub(super) struct Part<'p, R: 'static> {
    pub(super) table: Table,
    pub(super) template: &'p Template<R>,
    /// Says so where a row must find one of the database's, and why it matters.
    pub(super) must_find: fn(&R) -> Option<&'static str>,
}

impl Writing<'_> {
    fn commit(mut self, writer: &str, batch: &Commit) -> Result<(), Failed> {
        let begun = begin(self.connection).map_err(Failed::from);
        let result = begun.and_then(|()| self.write(writer, batch));
        match result {
            Ok(()) => Ok(self.connection.execute("COMMIT").map(drop)?),
            Err(failed) => {
                // A connection that is gone has rolled back by itself.
                let is_lost = matches!(&failed, Failed::Sql(err) if err.kind == Fault::Lost);
                if !is_lost && !self.connection.is_idle() {
                    self.connection.execute("ROLLBACK")?;
                }
                Err(failed)
            }
        }
    }

    fn write(&mut self, writer: &str, batch: &Commit) -> Result<(), Failed> {
        self.step(writer, batch)?;
        match self.parts(batch) {
            // A row that is refused has ended the transaction; what comes after it is not tried.
            Err(err) if err.kind == Fault::Data && !self.rejected.is_empty() => {}
            parts => parts?,
        }
        match self.rejected.is_empty() {
            true => Ok(()),
            false => Err(Failed::Rows(std::mem::take(&mut self.rejected))),
        }
    }

    fn parts(&mut self, batch: &Commit) -> Result<(), SqlError> {
        let write = &self.plan.write;
        let nothing = |_: &_| None;
        self.part(&write.users, Table::Users, &batch.users, |_| {
            Some("no such user")
        })?;
        self.part(&write.history, Table::History, &batch.history, |_| None)?;
        self.part(&write.torrents, Table::Torrents, &batch.torrents, |row| {
            // Who is there need not be told of a torrent that is not; sums that got lost must be.
            (row.snatches != 0 || row.balance != 0).then_some("no such torrent")
        })?;
        self.part(&write.peers, Table::Peers, &batch.peers, |_| None)?;
        self.part(&write.forgotten, Table::Forgotten, &batch.forgotten, |_| {
            None
        })?;
        self.part(&write.events, Table::Events, &batch.events, nothing)?;
        self.snatches(batch)?;
        self.tokens(batch)
    }

    /// Moves the writer's position, if it is where the batch begins.
    fn step(&mut self, writer: &str, batch: &Commit) -> Result<(), Failed> {
        let step = step_of(writer, batch.from, batch.to);
        let plan = self.plan;
        if self.step_by(&plan.write.position, &step)? {
            return Ok(());
        }
        match position(&mut *self.connection, plan, writer)? {
            Some(found) => Err(Failed::Moved(found)),
            None if batch.from != 0 => Err(Failed::Moved(0)),
            None => {
                render_one(&plan.write.new_writer, &step, &mut self.statement)?;
                self.connection.execute(&self.statement)?;
                match self.step_by(&plan.write.position, &step)? {
                    true => Ok(()),
                    false => Err(Failed::Moved(0)),
                }
            }
        }
    }

    fn step_by(&mut self, template: &Template<Step>, step: &Step) -> Result<bool, SqlError> {
        render_one(template, step, &mut self.statement)?;
        Ok(self.connection.execute(&self.statement)? == 1)
    }

    fn part<R: 'static>(
        &mut self,
        template: &Option<Template<R>>,
        table: Table,
        rows: &[R],
        must_find: fn(&R) -> Option<&'static str>,
    ) -> Result<(), SqlError> {
        let Some(template) = template else {
            return Ok(());
        };
        let part = Part {
            table,
            template,
            must_find,
        };
        self.rows(&part, rows, 0)
    }

    /// Finished downloads are events; a row that is refused is refused as one.
    fn snatches(&mut self, batch: &Commit) -> Result<(), SqlError> {
        let Some(template) = &self.plan.write.snatches else {
            return Ok(());
        };
        let part = Part {
            table: Table::Events,
            template,
            must_find: |_| None,
        };
        for (place, event) in batch.events.iter().enumerate() {
            if event.kind == EventKind::Completed && !self.is_rejected(Table::Events, place) {
                self.rows(&part, std::slice::from_ref(event), place)?;
            }
        }
        Ok(())
    }

    fn is_rejected(&self, table: Table, place: usize) -> bool {
        let mut rejected = self.rejected.iter();
        rejected.any(|row| row.table == table && row.place == place)
    }

    /// What became of tokens is told by events, too; a row that is refused is left out.
    fn tokens(&mut self, batch: &Commit) -> Result<(), SqlError> {
        let Some(template) = &self.plan.write.tokens else {
            return Ok(());
        };
        let uses = token_uses(batch);
        let part = Part {
            table: Table::Events,
            template,
            must_find: |_| None,
        };
        let before = self.rejected.len();
        let rows: Vec<TokenUse> = uses.iter().map(|(token_use, _)| *token_use).collect();
        self.rows(&part, &rows, 0)?;
        // Places are those of the events that they came from.
        for row in self.rejected.iter_mut().skip(before) {
            row.place = uses.get(row.place).map_or(row.place, |(_, place)| *place);
        }
        Ok(())
    }

    /// Writes rows, in as few statements as they take; `first` is the place of the first.
    fn rows<R>(&mut self, part: &Part<'_, R>, rows: &[R], first: usize) -> Result<(), SqlError> {
        if let Some(row_by_row) = self.connection.row_by_row() {
            let sql = part.template.with_parameters();
            let mut rows = OneByOne::new(part, rows, first, &mut self.rejected);
            return row_by_row.execute_each(&sql, &mut rows);
        }
        let mut done = 0;
        while let Some(rest) = rows.get(done..).filter(|rest| !rest.is_empty()) {
            match part.template.render(rest, &mut self.statement) {
                Ok(count) => {
                    let chunk = rest.get(..count).unwrap_or(rest);
                    self.chunk(part, chunk, first + done)?;
                    done += chunk.len().max(1);
                }
                // What is before it goes first.
                Err(Unfit(0)) => {
                    self.reject(part.table, first + done, TOO_LARGE);
                    done += 1;
                }
                Err(Unfit(place)) => {
                    let before = rest.get(..place).unwrap_or(rest);
                    self.rows(part, before, first + done)?;
                    done += place;
                }
            }
        }
        Ok(())
    }

    /// Runs the statement that has been rendered of these rows; in halves if it does not do.
    fn chunk<R>(&mut self, part: &Part<'_, R>, rows: &[R], first: usize) -> Result<(), SqlError> {
        if self.rejected.len() >= REJECTED_MOST {
            return Ok(());
        }
        self.connection.execute("SAVEPOINT part")?;
        let result = self.connection.execute(&self.statement);
        let message = match result {
            Ok(found) if self.finds_enough(part, rows, found) => {
                return self.connection.execute("RELEASE SAVEPOINT part").map(drop);
            }
            Ok(_) => None,
            Err(err) if err.kind == Fault::Data => Some(err.message),
            Err(err) => return Err(err),
        };
        self.connection.execute("ROLLBACK TO SAVEPOINT part")?;
        self.connection.execute("RELEASE SAVEPOINT part")?;
        if let [row] = rows {
            let missing = (part.must_find)(row);
            // One that finds nothing, and need not, is left out in silence.
            if let Some(message) = message.as_deref().or(missing) {
                self.reject(part.table, first, message);
            }
            return Ok(());
        }
        let middle = rows.len() / 2;
        for (half, place) in [(&rows[..middle], first), (&rows[middle..], first + middle)] {
            self.rows(part, half, place)?;
        }
        Ok(())
    }

    /// Whether all rows have found theirs that must.
    fn finds_enough<R>(&self, part: &Part<'_, R>, rows: &[R], found: u64) -> bool {
        if !part.template.is_update() || found >= rows.len() as u64 {
            return true;
        }
        !rows.iter().any(|row| (part.must_find)(row).is_some())
    }

    fn reject(&mut self, table: Table, place: usize, message: &str) {
        self.rejected.push(RejectedRow {
            table,
            place,
            message: message.to_owned(),
        });
    }
}

/// Uses of tokens in a batch, by user and torrent, each with the place of an event it comes from.
fn token_uses(batch: &Commit) -> Vec<(TokenUse, usize)> {
    let mut uses = BTreeMap::new();
    for (place, event) in batch.events.iter().enumerate() {
        let (raw_down, used) = match event.kind {
            EventKind::TokenUsed => (event.amount, false),
            EventKind::Completed => (0, true),
            EventKind::ImplausibleSpeed | EventKind::ClientMismatch => continue,
        };
        let entry = uses.entry((event.key.user, event.key.torrent));
        let (token_use, _) = entry.or_insert((
            TokenUse {
                key: event.key,
                raw_down: 0,
                used: false,
                time: event.time,
            },
            place,
        ));
        token_use.raw_down = token_use.raw_down.saturating_add(raw_down);
        token_use.used |= used;
        token_use.time = token_use.time.max(event.time);
    }
    uses.into_values().collect()
}
