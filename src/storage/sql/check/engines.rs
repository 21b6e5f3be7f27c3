//! Tables of MySQL whose engine knows no transactions, such as MyISAM: what is written there stays,
//! whatever becomes of the transaction. Nothing could be counted exactly; and no row that is made
//! up may be written there.

use super::{rows, words};
use crate::storage::Finding;
use crate::storage::sql::connection::{Connection, Dialect, SqlError};

/// Base tables without transactions.
const WITHOUT: &str = "SELECT t.TABLE_SCHEMA, t.TABLE_NAME, t.ENGINE, DATABASE() \
    FROM information_schema.TABLES t \
    LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
    WHERE t.TABLE_TYPE = 'BASE TABLE' AND COALESCE(e.TRANSACTIONS, 'NO') <> 'YES' \
    AND t.TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')";
/// What may write to other tables than the one that is named; not the tracker's own triggers.
const INDIRECT: &str = "SELECT TABLE_SCHEMA, TABLE_NAME, 'is a view', DATABASE() \
    FROM information_schema.VIEWS WHERE TABLE_SCHEMA NOT IN ('mysql', 'information_schema', \
    'performance_schema', 'sys') \
    UNION ALL SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, 'has a trigger', DATABASE() \
    FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA NOT IN ('mysql', 'sys') \
    AND NOT (TRIGGER_NAME LIKE 'tracker_%' AND ACTION_STATEMENT LIKE '%INSERT INTO tracker_changes %')";

/// How statements begin that never end a transaction of MySQL, as those that define or call
/// something may.
const TAKEN_BACK: &[&str] = &["INSERT", "UPDATE", "DELETE", "REPLACE", "SELECT", "WITH"];

/// A table, and what is the matter with it.
struct Table {
    schema: String,
    name: String,
    what: String,
    /// Whether it stands in the database that statements mean.
    is_here: bool,
}

impl Table {
    /// Names are compared as if letters of either case were the same, as they are on some systems.
    fn is_named_in(&self, sql: &str) -> bool {
        let is_named = |name: &str| words(sql).any(|word| word.to_lowercase() == name);
        is_named(&self.name) && (self.is_here || is_named(&self.schema))
    }
}

/// Where a row that is made up might stay.
pub(super) struct Engines {
    is_mysql: bool,
    without: Vec<Table>,
    indirect: Vec<Table>,
}

impl Engines {
    pub(super) fn find(connection: &mut dyn Connection) -> Result<Engines, SqlError> {
        let (mut without, mut indirect) = (Vec::new(), Vec::new());
        let is_mysql = connection.dialect() == Dialect::Mysql;
        if is_mysql {
            without = tables(connection, WITHOUT)?;
            if !without.is_empty() {
                indirect = tables(connection, INDIRECT)?;
            }
        }
        Ok(Engines {
            is_mysql,
            without,
            indirect,
        })
    }

    /// Why a statement must not be tried. Any table that it names counts, also one that it only
    /// reads: which is which is not told apart.
    pub(super) fn finding(&self, sql: &str) -> Option<Finding> {
        let verb = words(sql).next().unwrap_or_default().to_uppercase();
        if self.is_mysql && !TAKEN_BACK.contains(&verb.as_str()) {
            return Some(Finding::warning(format!(
                "{verb} might end the transaction, so that nothing could be taken back"
            )));
        }
        let mut without = self.without.iter();
        if let Some(table) = without.find(|table| table.is_named_in(sql)) {
            let Table { name, what, .. } = table;
            return Some(Finding::error(format!(
                "the table {name} is kept by {what}, which has no transactions: what is written \
                 there cannot be counted exactly once (ALTER TABLE {name} ENGINE = InnoDB)"
            )));
        }
        let mut indirect = self.indirect.iter();
        let table = indirect.find(|table| table.is_named_in(sql))?;
        let Table { name, what, .. } = table;
        Some(Finding::warning(format!(
            "{name} {what}, and there are tables without transactions, which it may write to"
        )))
    }
}

fn tables(connection: &mut dyn Connection, sql: &str) -> Result<Vec<Table>, SqlError> {
    let rows = rows(connection, sql)?.into_iter();
    let tables = rows.filter_map(|row| {
        let [schema, name, what, here] = <[String; 4]>::try_from(row).ok()?;
        Some(Table {
            is_here: schema == here,
            schema: schema.to_lowercase(),
            name: name.to_lowercase(),
            what,
        })
    });
    Ok(tables.collect())
}
