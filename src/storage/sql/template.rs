//! Statements with a row that is repeated: text between `[[` and `]]`, with what stands between two
//! rows behind its last `|`. `:name` stands for a value.
//!
//! ```text
//! INSERT INTO t (a, b) VALUES [[(:user, :agent)|, ]]
//! ```
//!
//! A template is read once. It must not give a value a meaning by what stands around it: comments,
//! several statements, and names that touch a quote or another word are faults. Then whatever
//! values are put in, the statement has the same words.

use super::connection::Dialect;
use super::lexer::{self, Token};
use super::literal::{self, Datum};

/// Bytes of one statement at most, unless a single row has more: well below what MySQL takes by
/// default in a packet (16 MiB; 1 MiB in old versions).
pub const STATEMENT_MAX_BYTES: usize = 512 << 10;
/// Rows of one statement at most. The cost is linear from here on, and a statement that waits for a
/// lock holds no more of them.
pub const STATEMENT_MAX_ROWS: usize = 500;

/// A value that a template may name, and where a row has it; `None` when no database can keep it.
pub type Field<R> = (&'static str, fn(&R) -> Option<Datum<'_>>);

/// A statement, read.
#[derive(Debug)]
pub struct Template<R: 'static> {
    dialect: Dialect,
    head: Vec<Piece<R>>,
    row: Option<Repeated<R>>,
    tail: Vec<Piece<R>>,
}

#[derive(Debug)]
struct Repeated<R: 'static> {
    row: Vec<Piece<R>>,
    separator: String,
}

#[derive(Debug)]
enum Piece<R: 'static> {
    Text(String),
    Value(&'static Field<R>),
}

/// This row, counted from the first, has a value that no database can keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unfit(pub usize);

impl<R> Template<R> {
    /// Reads a statement that must have a row.
    pub fn rows(
        dialect: Dialect,
        text: &str,
        fields: &'static [Field<R>],
    ) -> Result<Template<R>, String> {
        let template = Template::read(dialect, text, fields)?;
        let Some(repeated) = &template.row else {
            return Err("there is no row: [[…|, ]]".to_owned());
        };
        if repeated.separator.trim().is_empty() {
            return Err("nothing stands between two rows: [[…|, ]]".to_owned());
        }
        let outside = template.head.iter().chain(&template.tail);
        let named = outside.filter_map(Piece::name).next();
        match named {
            Some(name) => Err(format!(":{name} stands outside of the row")),
            None => template.checked(),
        }
    }

    /// Reads a statement of one row, without brackets.
    pub fn one(
        dialect: Dialect,
        text: &str,
        fields: &'static [Field<R>],
    ) -> Result<Template<R>, String> {
        let template = Template::read(dialect, text, fields)?;
        match template.row {
            Some(_) => Err("[[ has no meaning here".to_owned()),
            None => template.checked(),
        }
    }

    /// Checks what becomes of the pieces when they are put together.
    fn checked(self) -> Result<Template<R>, String> {
        lexer::check_neighbours(self.dialect, &self.twice())?;
        Ok(self)
    }

    fn read(
        dialect: Dialect,
        text: &str,
        fields: &'static [Field<R>],
    ) -> Result<Template<R>, String> {
        let mut reading = Reading {
            fields,
            template: Template {
                dialect,
                head: Vec::new(),
                row: None,
                tail: Vec::new(),
            },
            is_in_row: false,
            behind_bar: None,
        };
        let text = text.trim().trim_end_matches(';').trim_end();
        if text.is_empty() {
            return Err("there is no statement".to_owned());
        }
        for token in lexer::tokens(dialect, text)? {
            reading.take(token)?;
        }
        if reading.is_in_row {
            return Err("[[ without ]]".to_owned());
        }
        Ok(reading.template)
    }

    /// The statement with two rows, and [`lexer::VALUE`] for each value.
    fn twice(&self) -> String {
        let mut text = String::new();
        let mut put = |pieces: &[Piece<R>]| {
            for piece in pieces {
                match piece {
                    Piece::Text(words) => text.push_str(words),
                    Piece::Value(_) => text.push(lexer::VALUE),
                }
            }
        };
        put(&self.head);
        if let Some(repeated) = &self.row {
            put(&repeated.row);
            put(&[Piece::Text(repeated.separator.clone())]);
            put(&repeated.row);
        }
        put(&self.tail);
        text
    }

    /// Puts as many of the rows into a text as one statement takes, at least the first; of a
    /// statement without brackets, the first. Returns how many.
    pub fn render(&self, rows: &[R], to: &mut String) -> Result<usize, Unfit> {
        to.clear();
        let Some(first) = rows.first() else {
            return Ok(0);
        };
        self.put(&self.head, first, to).ok_or(Unfit(0))?;
        let rows = match &self.row {
            Some(repeated) => self.put_rows(repeated, rows, to)?,
            None => 1,
        };
        self.put(&self.tail, first, to).ok_or(Unfit(0))?;
        Ok(rows)
    }

    fn put_rows(
        &self,
        repeated: &Repeated<R>,
        rows: &[R],
        to: &mut String,
    ) -> Result<usize, Unfit> {
        let most = rows.len().min(STATEMENT_MAX_ROWS);
        for (place, row) in rows.iter().enumerate().take(most) {
            let before = to.len();
            if place > 0 {
                to.push_str(&repeated.separator);
            }
            self.put(&repeated.row, row, to).ok_or(Unfit(place))?;
            if place > 0 && to.len() > STATEMENT_MAX_BYTES {
                to.truncate(before);
                return Ok(place);
            }
        }
        Ok(most)
    }

    fn put(&self, pieces: &[Piece<R>], row: &R, to: &mut String) -> Option<()> {
        for piece in pieces {
            match piece {
                Piece::Text(text) => to.push_str(text),
                Piece::Value((_, value)) => literal::write(to, self.dialect, &value(row)?),
            }
        }
        Some(())
    }

    /// The statement for one row, with parameters `?1`, `?2`, … instead of values.
    pub fn with_parameters(&self) -> String {
        let mut text = String::new();
        let mut parameter = 0;
        for piece in self.pieces() {
            match piece {
                Piece::Text(words) => text.push_str(words),
                Piece::Value(_) => {
                    parameter += 1;
                    text.push('?');
                    text.push_str(itoa::Buffer::new().format(parameter));
                }
            }
        }
        text
    }

    /// Shows the values of a row in the order of those parameters; false when one cannot be kept.
    pub fn values(&self, row: &R, show: &mut dyn FnMut(Datum<'_>)) -> bool {
        self.pieces().all(|piece| match piece {
            Piece::Text(_) => true,
            Piece::Value((_, value)) => match value(row) {
                Some(value) => {
                    show(value);
                    true
                }
                None => false,
            },
        })
    }

    fn pieces(&self) -> impl Iterator<Item = &Piece<R>> {
        let row = self.row.iter().flat_map(|repeated| &repeated.row);
        self.head.iter().chain(row).chain(&self.tail)
    }

    /// Whether it changes rows that are there, and never makes one.
    pub fn is_update(&self) -> bool {
        let Some(Piece::Text(text)) = self.pieces().next() else {
            return false;
        };
        let word = text.get(.."UPDATE".len());
        word.is_some_and(|word| word.eq_ignore_ascii_case("UPDATE"))
    }
}

impl<R> Piece<R> {
    fn name(&self) -> Option<&'static str> {
        match self {
            Piece::Text(_) => None,
            Piece::Value((name, _)) => Some(name),
        }
    }
}

/// A template that is being read.
struct Reading<R: 'static> {
    fields: &'static [Field<R>],
    template: Template<R>,
    is_in_row: bool,
    /// What stands behind the last bar of the row: its separator, if nothing else follows.
    behind_bar: Option<String>,
}

impl<R> Reading<R> {
    fn take(&mut self, token: Token<'_>) -> Result<(), String> {
        match token {
            Token::Text(text) => self.text(text),
            Token::Name(name) => {
                let field = self.field(name)?;
                self.no_separator();
                self.pieces().push(Piece::Value(field));
            }
            Token::Open if self.template.row.is_some() => {
                return Err("there is more than one [[".to_owned());
            }
            Token::Open => {
                self.is_in_row = true;
                let (row, separator) = (Vec::new(), String::new());
                self.template.row = Some(Repeated { row, separator });
            }
            Token::Bar if self.is_in_row => {
                self.no_separator();
                self.behind_bar = Some(String::new());
            }
            Token::Bar => self.text("|"),
            Token::Close => self.close()?,
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(repeated) = self.template.row.as_mut().filter(|_| self.is_in_row) else {
            return Err("]] without [[".to_owned());
        };
        repeated.separator = self.behind_bar.take().unwrap_or_default();
        self.is_in_row = false;
        Ok(())
    }

    /// The last bar was an operator.
    fn no_separator(&mut self) {
        if let Some(text) = self.behind_bar.take() {
            self.text("|");
            self.text(&text);
        }
    }

    fn pieces(&mut self) -> &mut Vec<Piece<R>> {
        match &mut self.template.row {
            None => &mut self.template.head,
            Some(repeated) if self.is_in_row => &mut repeated.row,
            Some(_) => &mut self.template.tail,
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(separator) = &mut self.behind_bar {
            return separator.push_str(text);
        }
        let pieces = self.pieces();
        match pieces.last_mut() {
            Some(Piece::Text(before)) => before.push_str(text),
            _ => pieces.push(Piece::Text(text.to_owned())),
        }
    }

    fn field(&self, name: &str) -> Result<&'static Field<R>, String> {
        let found = self.fields.iter().find(|(known, _)| *known == name);
        found.ok_or_else(|| {
            let known = self.fields.iter().map(|(name, _)| format!(":{name}"));
            let known: Vec<String> = known.collect();
            match known.is_empty() {
                true => format!("there is no :{name} here"),
                false => format!("there is no :{name} here; there are {}", known.join(", ")),
            }
        })
    }
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
