//! Rows of MySQL that are put in or changed, whichever there is (`ON DUPLICATE KEY`): without a key
//! that tells them apart they are put in each time. PostgreSQL refuses such a statement itself.

use super::{rows, words};
use crate::storage::Finding;
use crate::storage::sql::connection::{Connection, Dialect, SqlError};
use crate::storage::sql::literal::{self, Datum};
use std::borrow::Cow;

/// What is wrong with the keys of the table that a statement writes.
pub(super) fn finding(
    connection: &mut dyn Connection,
    sql: &str,
) -> Result<Option<Finding>, SqlError> {
    let table = table(sql).filter(|_| connection.dialect() == Dialect::Mysql);
    let Some(table) = table else { return Ok(None) };
    let mut name = String::new();
    let value = Datum::Text(Cow::Borrowed(table));
    literal::write(&mut name, Dialect::Mysql, &value);
    // A number that is given anew to each row tells nothing apart.
    let found = rows(
        connection,
        &format!(
            "SELECT COUNT(c.COLUMN_NAME) FROM information_schema.TABLES t \
             LEFT JOIN information_schema.STATISTICS s ON s.TABLE_SCHEMA = t.TABLE_SCHEMA \
             AND s.TABLE_NAME = t.TABLE_NAME AND s.NON_UNIQUE = 0 \
             LEFT JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA = s.TABLE_SCHEMA \
             AND c.TABLE_NAME = s.TABLE_NAME AND c.COLUMN_NAME = s.COLUMN_NAME \
             AND c.EXTRA NOT LIKE '%auto_increment%' \
             WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_NAME = {name} \
             AND t.TABLE_TYPE = 'BASE TABLE' GROUP BY t.TABLE_NAME"
        ),
    )?;
    let has_none = found.iter().flatten().any(|count| count == "0");
    Ok(has_none.then(|| {
        Finding::error(format!(
            "the table {table} has no unique key: ON DUPLICATE KEY never finds a row, and puts in \
             another each time"
        ))
    }))
}

/// The table of a statement that finds its rows by a unique key.
fn table(sql: &str) -> Option<&str> {
    let is = |word: &&str, other: &str| word.eq_ignore_ascii_case(other);
    let found: Vec<&str> = words(sql).collect();
    let expected = ["ON", "DUPLICATE", "KEY"];
    let mut threes = found.windows(expected.len());
    let finds = threes.any(|three| {
        three
            .iter()
            .zip(expected)
            .all(|(word, other)| is(word, other))
    });
    let mut rest = found.into_iter().filter(|_| finds);
    rest.find(|word| is(word, "INTO"))?;
    rest.next()
}
