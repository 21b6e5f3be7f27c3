//! A web application: its own way to its database.

use crate::servers::{Kind, Server, Shell};
use chihaya::storage::sql::Dialect;
use std::fmt::Write;

pub struct Web {
    dialect: Dialect,
    way: Way,
}

enum Way {
    Shell(Shell),
    #[cfg(feature = "sqlite")]
    File(crate::files::File),
}

impl Web {
    pub fn of_server(server: &Server, database: &str) -> Web {
        Web {
            dialect: match server.kind() {
                Kind::Mariadb => Dialect::Mysql,
                Kind::Postgres => Dialect::Postgres,
            },
            way: Way::Shell(server.shell(database)),
        }
    }

    #[cfg(feature = "sqlite")]
    pub fn of_file(path: &std::path::Path) -> Web {
        Web {
            dialect: Dialect::Sqlite,
            way: Way::File(crate::files::File::open(path)),
        }
    }

    pub fn run(&mut self, sql: &str) {
        match &mut self.way {
            Way::Shell(shell) => shell.run(sql),
            #[cfg(feature = "sqlite")]
            Way::File(file) => file.run(sql),
        }
    }

    pub fn rows(&mut self, sql: &str) -> Vec<Vec<String>> {
        match &mut self.way {
            Way::Shell(shell) => shell.rows(sql),
            #[cfg(feature = "sqlite")]
            Way::File(file) => file.rows(sql),
        }
    }

    /// The one value of a query.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub fn value(&mut self, sql: &str) -> String {
        let rows = self.rows(sql);
        let [row] = &rows[..] else {
            panic!("{sql}: {} rows", rows.len());
        };
        row.join("\t")
    }

    /// The first row of a query.
    pub fn row(&mut self, sql: &str) -> Option<Values> {
        self.rows(sql).into_iter().next().map(Values::new)
    }

    /// Puts a row in, or makes the one with these keys equal to it.
    pub fn put(&mut self, table: &str, keys: &[&str], columns: &[(&str, String)]) {
        let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
        let values: Vec<_> = columns.iter().map(|(_, value)| &**value).collect();
        let set = |name: &&str| match self.dialect {
            Dialect::Mysql => format!("{name} = VALUES({name})"),
            Dialect::Sqlite | Dialect::Postgres => format!("{name} = excluded.{name}"),
        };
        let set: Vec<_> = names.iter().map(set).collect();
        let conflict = match self.dialect {
            Dialect::Mysql => "ON DUPLICATE KEY UPDATE".to_owned(),
            Dialect::Sqlite | Dialect::Postgres => {
                format!("ON CONFLICT ({}) DO UPDATE SET", keys.join(", "))
            }
        };
        let (names, values, set) = (names.join(", "), values.join(", "), set.join(", "));
        self.run(&format!(
            "INSERT INTO {table} ({names}) VALUES ({values}) {conflict} {set}"
        ));
    }

    /// Bytes as a literal.
    pub fn bytes(&self, bytes: &[u8]) -> String {
        match self.dialect {
            Dialect::Sqlite | Dialect::Mysql => format!("X'{}'", hex(bytes)),
            Dialect::Postgres => format!("'\\x{}'::bytea", hex(bytes)),
        }
    }

    /// A text as a literal.
    pub fn text(&self, text: &[u8]) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("CAST(X'{}' AS TEXT)", hex(text)),
            Dialect::Mysql => format!("_utf8mb4 X'{}'", hex(text)),
            Dialect::Postgres => format!("convert_from('\\x{}', 'UTF8')", hex(text)),
        }
    }

    /// What shows bytes in hexadecimal.
    pub fn shown(&self, column: &str) -> String {
        match self.dialect {
            Dialect::Sqlite | Dialect::Mysql => format!("LOWER(HEX({column}))"),
            Dialect::Postgres => format!("encode({column}, 'hex')"),
        }
    }

    /// What shows a text in hexadecimal.
    pub fn shown_text(&self, column: &str) -> String {
        match self.dialect {
            Dialect::Sqlite | Dialect::Mysql => self.shown(column),
            Dialect::Postgres => self.shown(&format!("convert_to({column}, 'UTF8')")),
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
