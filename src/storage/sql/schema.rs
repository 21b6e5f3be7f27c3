//! The tables of a preset as a script, for an operator to run.

use super::connection::Dialect;
use super::presets::Preset;

/// The statements that make what the tracker needs beside the tables of a site.
pub fn text(preset: &Preset) -> String {
    let database = match preset.dialect {
        Dialect::Sqlite => "SQLite",
        Dialect::Postgres => "PostgreSQL",
        Dialect::Mysql => "MySQL or MariaDB",
    };
    let name = preset.name;
    let what = match preset.schema {
        [] => "There is nothing to make: the tables of the site are all it needs.",
        _ => "What the tracker needs beside the tables of the site, where there are any.",
    };
    let mut text = format!("-- Preset {name} in {database}. {what}\n");
    for statement in preset.schema {
        put(&mut text, statement);
    }
    if !preset.tracking.is_empty() {
        text.push_str("-- What notes changes of the directory; without it they are seen late.\n");
    }
    for statement in preset.tracking {
        match preset.dialect == Dialect::Mysql && statement.contains(';') {
            true => delimited(&mut text, statement),
            false => put(&mut text, statement),
        }
    }
    text
}

/// Puts a statement of several: to the client, a semicolon would end it.
fn delimited(text: &mut String, statement: &str) {
    text.push_str("DELIMITER //\n");
    text.push_str(statement);
    text.push_str(" //\nDELIMITER ;\n");
}

/// Puts a statement; the columns of a table on a line each. None of ours has a comma or a
/// parenthesis in quotes.
fn put(text: &mut String, statement: &str) {
    let is_table = statement.starts_with("CREATE TABLE");
    let mut depth = 0;
    let mut has_columns = false;
    let mut characters = statement.chars().peekable();
    while let Some(character) = characters.next() {
        text.push(character);
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        let begins = character == '(' && !has_columns;
        if is_table && depth == 1 && (begins || character == ',') {
            has_columns = true;
            characters.next_if_eq(&' ');
            text.push_str("\n    ");
        }
    }
    text.push_str(";\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_on_lines_of_their_own() {
        let preset = Preset {
            name: "of a test",
            dialect: Dialect::Mysql,
            load: &[],
            write: &[],
            schema: &[
                "CREATE TABLE a (b DECIMAL(3, 2), c CHAR(4) UNIQUE, PRIMARY KEY (b, c)) ENGINE = InnoDB",
                "CREATE INDEX d ON a (b, c)",
            ],
            tracking: &[],
        };
        let statements = "CREATE TABLE a (\n    b DECIMAL(3, 2),\n    c CHAR(4) UNIQUE,\n    \
            PRIMARY KEY (b, c)) ENGINE = InnoDB;\nCREATE INDEX d ON a (b, c);\n";
        let (comment, rest) = text(&preset)
            .split_once('\n')
            .map(|(comment, rest)| (comment.to_owned(), rest.to_owned()))
            .expect("a comment");
        assert!(comment.starts_with("-- Preset of a test in MySQL"));
        assert_eq!(rest, statements);
        let none = Preset {
            schema: &[],
            tracking: &[],
            ..preset
        };
        let text = text(&none);
        assert!(
            text.starts_with("-- ") && text.contains("nothing to make"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 1);
    }
}
