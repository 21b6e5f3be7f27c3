//! A naive reader of SQL, for tests and fuzzing: it knows nothing of templates, and says what a
//! database would take for words, numbers, and quoted text.

/// A word of a statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Word {
    /// A name, a keyword, or a sign.
    Sign(String),
    /// A number; which one does not matter.
    Number,
    /// Quoted with this; the length and what is in it do not matter.
    Quoted(char),
    /// From here on nothing is read.
    Comment,
}

/// The words of a statement. Negative numbers in parentheses count as numbers.
pub fn words(sql: &str) -> Vec<Word> {
    let mut found = Vec::new();
    let characters: Vec<char> = sql.chars().collect();
    let mut at = 0;
    while at < characters.len() {
        let (word, length) = word(&characters[at..]);
        found.extend(word);
        at += length;
    }
    without_signs(found)
}

fn word(text: &[char]) -> (Option<Word>, usize) {
    let is_name = |c: char| c.is_alphanumeric() || "_$@".contains(c);
    let while_is = |is: &dyn Fn(char) -> bool| text.iter().take_while(|c| is(**c)).count();
    match text[0] {
        c if c.is_whitespace() => (None, 1),
        c if c.is_ascii_digit() => {
            // What a number touches is a part of it.
            let length = while_is(&|c| is_name(c) || c == '.');
            let digits = while_is(&|c| c.is_ascii_digit());
            let word = match digits == length {
                true => Word::Number,
                false => Word::Sign(text[..length].iter().collect()),
            };
            (Some(word), length)
        }
        c if is_name(c) => {
            let length = while_is(&is_name);
            (Some(Word::Sign(text[..length].iter().collect())), length)
        }
        quote @ ('\'' | '"' | '`') => (Some(Word::Quoted(quote)), quoted(text, quote)),
        '-' if text.get(1) == Some(&'-') => (Some(Word::Comment), text.len()),
        '/' if text.get(1) == Some(&'*') => (Some(Word::Comment), text.len()),
        c => (Some(Word::Sign(c.to_string())), 1),
    }
}

/// Up to the next quote; two of them are one that does not end.
fn quoted(text: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text[at] == quote {
            true if text.get(at + 1) == Some(&quote) => at += 2,
            true => return at + 1,
            false => at += 1,
        }
    }
    at
}

fn without_signs(words: Vec<Word>) -> Vec<Word> {
    let is = |word: &Word, sign: &str| *word == Word::Sign(sign.to_owned());
    let mut found: Vec<Word> = Vec::new();
    for word in words {
        found.push(word);
        if let [.., open, minus, Word::Number, close] = &found[..]
            && is(open, "(")
            && is(minus, "-")
            && is(close, ")")
        {
            found.truncate(found.len() - 4);
            found.push(Word::Number);
        }
    }
    found
}
