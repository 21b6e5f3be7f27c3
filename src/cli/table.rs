//! Columns of text for people and `awk`.

use std::fmt::{Display, Formatter, Write as _};

/// Text of strangers, in which nothing steers the terminal.
pub struct Printable<'t>(pub &'t str);

impl Display for Printable<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|letter| {
            if is_unprintable(letter) {
                write!(f, "{}", letter.escape_unicode())
            } else {
                f.write_char(letter)
            }
        })
    }
}

/// Control characters, and those that change lines or the direction of what follows.
pub fn is_unprintable(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// A heading, and how what stands under it is aligned.
pub enum Column {
    /// Text, at the left.
    Text(&'static str),
    /// Numbers, at the right.
    Number(&'static str),
}

/// Rows of cells. Names come last: letters of other widths than one move nothing there.
pub struct Table {
    columns: Vec<Column>,
    /// Of the widest cell of each column so far.
    widths: Vec<usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(columns: Vec<Column>) -> Table {
        let mut table = Table {
            widths: vec![0; columns.len()],
            columns,
            rows: Vec::new(),
        };
        let headings: Vec<String> = table.columns.iter().map(Column::heading).collect();
        table.push(headings);
        table
    }

    /// Adds a row, of as many cells as there are columns.
    pub fn row(&mut self, cells: &[&dyn Display]) {
        let printable = |cell: &&dyn Display| Printable(&cell.to_string()).to_string();
        self.push(cells.iter().map(printable).collect());
    }

    fn push(&mut self, row: Vec<String>) {
        for (width, cell) in self.widths.iter_mut().zip(&row) {
            *width = cell.chars().count().max(*width);
        }
        self.rows.push(row);
    }

    /// The rows that have been added since this was last asked, the headings before the first; as
    /// wide as all of them need, and those before.
    pub fn take(&mut self) -> String {
        let mut text = String::new();
        for row in self.rows.drain(..) {
            let mut line = String::new();
            for ((cell, width), column) in row.iter().zip(&self.widths).zip(&self.columns) {
                line += &match column {
                    Column::Text(_) => format!("{cell:<width$}  "),
                    Column::Number(_) => format!("{cell:>width$}  "),
                };
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

impl Column {
    fn heading(&self) -> String {
        let (Column::Text(name) | Column::Number(name)) = self;
        (*name).to_owned()
    }
}

/// A size as the configuration writes sizes, with one decimal, rounded down.
pub fn in_units(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let Some(unit) = (bytes.max(1).ilog2() / 10).checked_sub(1) else {
        return format!("{bytes}B");
    };
    let shift = 10 * (unit + 1);
    // Below 2^60, so that ten times as much is a number, too.
    let rest = bytes & ((1 << shift) - 1);
    let (whole, tenth) = (bytes >> shift, (rest * 10) >> shift);
    format!("{whole}.{tenth}{}", UNITS[unit as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let columns = || {
            vec![
                Column::Number("ID"),
                Column::Text("KEY"),
                Column::Text("NAME"),
            ]
        };
        assert_eq!(Table::new(columns()).take(), "ID  KEY  NAME\n");
        let mut table = Table::new(columns());
        table.row(&[&7, &"abcde", &"Zoë 日本"]);
        table.row(&[&1234, &"é", &"\u{1b}[2Ja\nb\u{202e}c"]);
        table.row(&[&8, &"x", &""]);
        let expected = "  ID  KEY    NAME\n   7  abcde  Zoë 日本\n1234  é      \
            \\u{1b}[2Ja\\u{a}b\\u{202e}c\n   8  x\n";
        assert_eq!(table.take(), expected);
        // More of them, wherever the first ones have gone.
        table.row(&[&9, &"y", &"z"]);
        table.row(&[&12345, &"y", &""]);
        assert_eq!(table.take(), "    9  y      z\n12345  y\n");
        assert_eq!(table.take(), "");
    }

    #[test]
    fn sizes_in_units() {
        for (bytes, text) in [
            (0, "0B"),
            (1, "1B"),
            (1023, "1023B"),
            (1024, "1.0KiB"),
            (1536, "1.5KiB"),
            ((1 << 20) - 1, "1023.9KiB"),
            (1 << 20, "1.0MiB"),
            (3 << 29, "1.5GiB"),
            (5 << 40, "5.0TiB"),
            (u64::MAX, "15.9EiB"),
        ] {
            assert_eq!(in_units(bytes), text, "{bytes}");
        }
    }
}
