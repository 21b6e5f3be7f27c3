//! The few things of SQL that a template must know: what is quoted, and what is not.

use super::connection::Dialect;

/// Stands for a value where only the words around it matter; no statement holds this character.
pub(super) const VALUE: char = '\u{1}';

/// A part of a template.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token<'t> {
    /// SQL, quoted or not.
    Text(&'t str),
    /// `:name`.
    Name(&'t str),
    /// `[[`.
    Open,
    /// A single `|`.
    Bar,
    /// `]]`.
    Close,
}

/// The parts of a statement. What has no place in a template is a fault: what cannot be written
/// without, can be written otherwise.
pub(super) fn tokens(dialect: Dialect, text: &str) -> Result<Vec<Token<'_>>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (token, length) = token(dialect, rest, first).map_err(|fault| {
            let place = text.len() - rest.len();
            let near: String = text[place..].chars().take(20).collect();
            format!("at {near:?}: {fault}")
        })?;
        found.push(token);
        rest = &rest[length..];
    }
    Ok(found)
}

/// The first part of a text, and its length.
fn token(dialect: Dialect, text: &str, first: char) -> Result<(Token<'_>, usize), &'static str> {
    let as_text = |length| Ok((Token::Text(&text[..length]), length));
    match first {
        '\'' | '"' | '`' => as_text(quoted(dialect, text, first)?),
        ':' => match text.as_bytes().get(1) {
            Some(b':' | b'=') => as_text(2),
            Some(byte) if is_letter(*byte) => {
                let length = word(&text[1..]);
                Ok((Token::Name(&text[1..=length]), length + 1))
            }
            _ => as_text(1),
        },
        '|' if text.starts_with("||") => as_text(2),
        '|' => Ok((Token::Bar, 1)),
        '[' if text.starts_with("[[") => Ok((Token::Open, 2)),
        ']' if text.starts_with("]]") => Ok((Token::Close, 2)),
        _ => {
            refuse(dialect, text, first)?;
            as_text(first.len_utf8())
        }
    }
}

/// Refuses what would give words that follow another meaning.
fn refuse(dialect: Dialect, text: &str, first: char) -> Result<(), &'static str> {
    if text.starts_with("--")
        || text.starts_with("/*")
        || (dialect == Dialect::Mysql && first == '#')
    {
        return Err("a statement has no comments");
    }
    match first {
        ';' => Err("there is more than one statement"),
        '$' if dialect == Dialect::Postgres => Err("$ has no place in a statement"),
        '?' | '@' | '$' | '#' if dialect == Dialect::Sqlite => {
            Err("a statement has no parameters but :names")
        }
        _ if first.is_control() && !first.is_ascii_whitespace() => {
            Err("a control character has no place in a statement")
        }
        _ => Ok(()),
    }
}

/// The length of what is quoted at the start of a text.
fn quoted(dialect: Dialect, text: &str, quote: char) -> Result<usize, &'static str> {
    // Where a backslash takes away the meaning of a quote depends on settings, and on a letter
    // before the string: E'\'' is one, '\' is one, too.
    let mut characters = text.char_indices().skip(1);
    loop {
        match characters.next() {
            None => return Err("a quote is not closed"),
            Some((_, '\\')) if quote != '`' && dialect != Dialect::Sqlite => {
                match characters.next() {
                    Some((_, next)) if next != quote && next != '\\' => {}
                    _ => return Err("a backslash before a quote or a backslash; write '' for '"),
                }
            }
            Some((_, VALUE)) => return Err("a control character has no place in a statement"),
            Some((place, character)) if character == quote => return Ok(place + 1),
            Some(_) => {}
        }
    }
}

/// Checks that nothing touches a value that could become one word with it, in a statement with
/// [`VALUE`] for each; and that pieces put together make nothing that is refused.
pub(super) fn check_neighbours(dialect: Dialect, text: &str) -> Result<(), String> {
    let values = text.replace(VALUE, " ");
    tokens(dialect, &values)?;
    let mut before = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == VALUE {
            let parts = before.is_none_or(parts_before);
            let after = characters.peek().copied();
            if !parts || !after.is_none_or(parts_after) {
                return Err("a :name touches a word, a quote or another :name".to_owned());
            }
        }
        before = Some(character);
    }
    Ok(())
}

fn parts_before(character: char) -> bool {
    character.is_ascii_whitespace() || "(,=<>+-*/%|&^!~[".contains(character)
}

fn parts_after(character: char) -> bool {
    character.is_ascii_whitespace() || "),=<>+-*/%|&^!~:]".contains(character)
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

/// The length of a name at the start of a text.
fn word(text: &str) -> usize {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    end.unwrap_or(text.len())
}
