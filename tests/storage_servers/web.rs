//! A web application: its own way to its database.

use crate::servers::{Kind, Server, Shell};
use std::fmt::Write;

pub struct Web {
    kind: Kind,
    shell: Shell,
}

impl Web {
    pub fn new(server: &Server, database: &str) -> Web {
        Web {
            kind: server.kind(),
            shell: server.shell(database),
        }
    }

    pub fn run(&mut self, sql: &str) {
        self.shell.run(sql);
    }

    pub fn rows(&mut self, sql: &str) -> Vec<Vec<String>> {
        self.shell.rows(sql)
    }

    /// The one value of a query.
    pub fn value(&mut self, sql: &str) -> String {
        self.shell.value(sql)
    }

    /// The first row of a query.
    pub fn row(&mut self, sql: &str) -> Option<Values> {
        self.shell.rows(sql).into_iter().next().map(Values::new)
    }

    /// Puts a row in, or makes the one with these keys equal to it.
    pub fn put(&mut self, table: &str, keys: &[&str], columns: &[(&str, String)]) {
        let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
        let values: Vec<_> = columns.iter().map(|(_, value)| &**value).collect();
        let set = |name: &&str| match self.kind {
            Kind::Mariadb => format!("{name} = VALUES({name})"),
            Kind::Postgres => format!("{name} = excluded.{name}"),
        };
        let set: Vec<_> = names.iter().map(set).collect();
        let conflict = match self.kind {
            Kind::Mariadb => "ON DUPLICATE KEY UPDATE".to_owned(),
            Kind::Postgres => format!("ON CONFLICT ({}) DO UPDATE SET", keys.join(", ")),
        };
        let (names, values, set) = (names.join(", "), values.join(", "), set.join(", "));
        self.run(&format!(
            "INSERT INTO {table} ({names}) VALUES ({values}) {conflict} {set}"
        ));
    }

    /// Bytes as a literal.
    pub fn bytes(&self, bytes: &[u8]) -> String {
        match self.kind {
            Kind::Mariadb => format!("X'{}'", hex(bytes)),
            Kind::Postgres => format!("'\\x{}'::bytea", hex(bytes)),
        }
    }

    /// A text as a literal.
    pub fn text(&self, text: &[u8]) -> String {
        match self.kind {
            Kind::Mariadb => format!("_utf8mb4 X'{}'", hex(text)),
            Kind::Postgres => format!("convert_from('\\x{}', 'UTF8')", hex(text)),
        }
    }

    /// What shows bytes in hexadecimal.
    pub fn shown(&self, column: &str) -> String {
        match self.kind {
            Kind::Mariadb => format!("LOWER(HEX({column}))"),
            Kind::Postgres => format!("encode({column}, 'hex')"),
        }
    }

    /// What shows a text in hexadecimal.
    pub fn shown_text(&self, column: &str) -> String {
        match self.kind {
            Kind::Mariadb => self.shown(column),
            Kind::Postgres => self.shown(&format!("convert_to({column}, 'UTF8')")),
        }
    }
}

/// The values of a row, one after the other.
pub struct Values {
    values: Vec<String>,
    next: usize,
}

impl Values {
    pub fn new(values: Vec<String>) -> Values {
        Values { values, next: 0 }
    }

    pub fn text(&mut self) -> &str {
        self.next += 1;
        &self.values[self.next - 1]
    }

    pub fn number<T: std::str::FromStr>(&mut self) -> T {
        let text = self.text();
        text.parse()
            .unwrap_or_else(|_| panic!("{text:?} is no such number"))
    }

    pub fn flag(&mut self) -> bool {
        !matches!(self.text(), "0" | "f")
    }

    /// Bytes that are shown in hexadecimal.
    pub fn bytes(&mut self) -> Vec<u8> {
        let text = self.text().as_bytes();
        let digit = |digit: u8| char::from(digit).to_digit(16).expect("a digit") as u8;
        text.chunks(2)
            .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
            .collect()
    }

    /// A text that is shown in hexadecimal.
    pub fn unshown(&mut self) -> Box<str> {
        String::from_utf8(self.bytes()).expect("UTF-8").into()
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
