//! Users and torrents as they are pushed, many at once: those that are named are read, the edits are
//! made on what was read, and what is new or other than before is written. What was read is locked
//! until then.

use super::connection::{Dialect, Row, SqlError};
use super::edit::{Done, Editing, number, placed};
use super::edit_wish::{Cell, TORRENTS, Table, USERS, Who, Wish, wish};
use crate::storage::{Edit, EditError, Placed};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Whether two edits can go together.
pub(super) fn are_alike(one: &Edit, next: &Edit) -> bool {
    matches!(
        (one, next),
        (Edit::User(_), Edit::User(_)) | (Edit::Torrent(_), Edit::Torrent(_))
    )
}

/// Makes edits of users, or of torrents, in their order.
pub(super) fn edit(editing: &mut Editing<'_>, edits: &[Edit]) -> Result<Vec<Done>, SqlError> {
    let table = match edits {
        [Edit::User(_), ..] => &USERS,
        _ => &TORRENTS,
    };
    let wishes: Vec<_> = edits.iter().map(wish).collect();
    let known = Known::read(editing, table, wishes.iter().flatten())?;
    let mut making = Making {
        editing,
        table,
        known,
        added: Vec::new(),
        newborn: BTreeSet::new(),
        done: Vec::with_capacity(edits.len()),
    };
    for wish in wishes {
        let done = match wish {
            Ok(wish) => making.make(&wish)?,
            Err(error) => Err(error),
        };
        making.done.push(done);
    }
    making.add_all()?;
    Ok(making.done)
}

/// Rows as they stand by now.
#[derive(Default)]
struct Known {
    rows: BTreeMap<i64, Vec<Cell>>,
    ids: BTreeMap<Cell, i64>,
}

impl Known {
    /// Reads and locks those that are named.
    fn read<'w>(
        editing: &mut Editing<'_>,
        table: &Table,
        wishes: impl Iterator<Item = &'w Wish> + Clone,
    ) -> Result<Known, SqlError> {
        let ids: BTreeSet<Cell> = wishes
            .clone()
            .flat_map(Wish::ids)
            .map(Cell::Number)
            .collect();
        let keys: BTreeSet<Cell> = wishes.flat_map(Wish::keys).cloned().collect();
        let mut known = Known::default();
        known.look_for(editing, table, "id", &ids)?;
        known.look_for(editing, table, table.key(), &keys)?;
        Ok(known)
    }

    fn look_for(
        &mut self,
        editing: &mut Editing<'_>,
        table: &Table,
        column: &str,
        values: &BTreeSet<Cell>,
    ) -> Result<(), SqlError> {
        // Bytes where there can be none but texts would be no statement.
        let is_text = table.key() == "passkey";
        let values = values.iter();
        let mut values = values
            .filter(|it| !is_text || !matches!(it, Cell::Bytes(_)))
            .peekable();
        if values.peek().is_none() {
            return Ok(());
        }
        let mut sql = format!(
            "SELECT id, {} FROM {} WHERE {column} IN (",
            table.columns.join(", "),
            table.name
        );
        put_list(editing, values, &mut sql);
        sql.push_str(") ORDER BY id FOR UPDATE");
        editing.query(&sql, &mut |row| self.see(table, row))
    }

    fn see(&mut self, table: &Table, row: &dyn Row) {
        let cells = (1..=table.columns.len()).map(|column| Cell::of(row.value(column)));
        if let Some(id) = number(row.value(0)) {
            self.put(id, cells.collect());
        }
    }

    /// Nobody has what clients said of it before.
    fn replace(&mut self, id: i64, cells: Vec<Cell>) {
        let before = self.rows.get(&id).and_then(|cells| cells.first());
        if let Some(key) = before {
            self.ids.remove(key);
        }
        self.put(id, cells);
    }

    fn put(&mut self, id: i64, cells: Vec<Cell>) {
        if let Some(key) = cells.first() {
            self.ids.insert(key.clone(), id);
        }
        self.rows.insert(id, cells);
    }
}

fn put_list<'c>(editing: &Editing<'_>, cells: impl Iterator<Item = &'c Cell>, to: &mut String) {
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            to.push_str(", ");
        }
        cell.put(editing, to);
    }
}

/// A row on its way into the table.
struct Added {
    /// The place of its edit.
    place: usize,
    id: Option<i64>,
    cells: Vec<Cell>,
}

/// Edits of one table on their way.
struct Making<'e, 'c> {
    editing: &'e mut Editing<'c>,
    table: &'static Table,
    known: Known,
    /// Rows that are not written yet.
    added: Vec<Added>,
    /// What clients say of those among them that have no number yet.
    newborn: BTreeSet<Cell>,
    done: Vec<Done>,
}

impl Making<'_, '_> {
    fn make(&mut self, wish: &Wish) -> Result<Done, SqlError> {
        if wish.keys().any(|key| self.newborn.contains(key)) {
            self.add_all()?;
        }
        let there = match &wish.who {
            Who::Id(id) => id.filter(|id| self.known.rows.contains_key(id)),
            Who::Key(key) => self.known.ids.get(key).copied(),
        };
        let Some(id) = there else {
            return Ok(match wish.create {
                true => self.add(wish),
                false => Err(EditError::NotFound),
            });
        };
        let new_key = wish.said.first().and_then(Option::as_ref);
        let holder = new_key.and_then(|key| self.known.ids.get(key));
        if wish.id.is_some_and(|said| said != id) || holder.is_some_and(|holder| *holder != id) {
            return Ok(Err(self.table.key_is_taken));
        }
        self.change(id, wish)?;
        Ok(Ok(placed(id.cast_unsigned(), false)))
    }

    fn add(&mut self, wish: &Wish) -> Done {
        let Some(key) = &wish.key else {
            return Err(self.table.no_key);
        };
        if self.known.ids.contains_key(key) {
            return Err(self.table.key_is_taken);
        }
        if wish.id.is_some_and(|id| self.known.rows.contains_key(&id)) {
            return Err(self.table.id_is_taken);
        }
        let said = wish.said.iter().zip(&wish.defaults);
        let said = said.map(|(said, default)| said.as_ref().unwrap_or(default).clone());
        let mut cells: Vec<Cell> = said.collect();
        if let Some(first) = cells.first_mut() {
            first.clone_from(key);
        }
        match wish.id {
            Some(id) => self.known.put(id, cells.clone()),
            None => drop(self.newborn.insert(key.clone())),
        }
        self.added.push(Added {
            place: self.done.len(),
            id: wish.id,
            cells,
        });
        Ok(Placed {
            id: wish.id.map(i64::cast_unsigned),
            created: true,
        })
    }

    /// Writes what becomes another.
    fn change(&mut self, id: i64, wish: &Wish) -> Result<(), SqlError> {
        let Some(cells) = self.known.rows.get(&id) else {
            return Ok(());
        };
        let mut cells = cells.clone();
        let mut set = String::new();
        for ((cell, said), column) in cells.iter_mut().zip(&wish.said).zip(self.table.columns) {
            let Some(said) = said else { continue };
            if cell != said {
                let comma = if set.is_empty() { "" } else { ", " };
                // Into a text, nothing can fail to be written.
                let _ = write!(set, "{comma}{column} = ");
                said.put(self.editing, &mut set);
                cell.clone_from(said);
            }
        }
        if set.is_empty() {
            return Ok(());
        }
        self.add_all()?;
        let name = self.table.name;
        self.editing
            .run(&format!("UPDATE {name} SET {set} WHERE id = {id}"))?;
        self.known.replace(id, cells);
        Ok(())
    }

    /// Writes the rows that are new: those with numbers, then those that get them.
    fn add_all(&mut self) -> Result<(), SqlError> {
        let added = std::mem::take(&mut self.added);
        let (numbered, newborn): (Vec<_>, Vec<_>) =
            added.into_iter().partition(|added| added.id.is_some());
        if let Some(last) = numbered.iter().filter_map(|added| added.id).max() {
            self.insert(&numbered)?;
            self.advance(&last.to_string())?;
        }
        if newborn.is_empty() {
            return Ok(());
        }
        let table = self.table;
        self.advance(&format!(
            "(SELECT COALESCE(MAX(id), 0) FROM {})",
            table.name
        ))?;
        self.insert(&newborn)?;
        let keys = newborn.iter().filter_map(|added| added.cells.first());
        let keys = keys.cloned().collect();
        self.known
            .look_for(self.editing, table, table.key(), &keys)?;
        for added in &newborn {
            let id = added.cells.first().and_then(|key| self.known.ids.get(key));
            if let (Some(Ok(placed)), Some(id)) = (self.done.get_mut(added.place), id) {
                placed.id = Some(id.cast_unsigned());
            }
        }
        self.newborn.clear();
        Ok(())
    }

    fn insert(&mut self, rows: &[Added]) -> Result<(), SqlError> {
        let has_id = rows.first().is_some_and(|row| row.id.is_some());
        let id = if has_id { "id, " } else { "" };
        let columns = self.table.columns.join(", ");
        let mut sql = format!("INSERT INTO {} ({id}{columns}) VALUES ", self.table.name);
        for (place, row) in rows.iter().enumerate() {
            sql.push_str(if place > 0 { ", (" } else { "(" });
            if let Some(id) = row.id {
                let _ = write!(sql, "{id}, ");
            }
            put_list(self.editing, row.cells.iter(), &mut sql);
            sql.push(')');
        }
        self.editing.run(&sql).map(drop)
    }

    /// Numbers that are given come after this one, as MySQL has it by itself. Who may not set
    /// PostgreSQL's sequence gets what it has.
    fn advance(&mut self, to: &str) -> Result<(), SqlError> {
        if self.editing.dialect != Dialect::Postgres {
            return Ok(());
        }
        let name = self.table.name;
        let sql = format!(
            "SELECT CASE WHEN has_sequence_privilege(s.id, 'UPDATE') THEN \
             CASE WHEN COALESCE(pg_sequence_last_value(s.id), 0) < l.last \
             THEN setval(s.id, l.last) END END \
             FROM (SELECT pg_get_serial_sequence('{name}', 'id')::regclass AS id) s, \
             (SELECT {to}::BIGINT AS last) l WHERE l.last > 0"
        );
        self.editing.query(&sql, &mut |_| {})
    }
}
