//! Any text as a template of statements, with any values, in each dialect: a template that is taken
//! gives the same words whatever the values are, no comment, and no statement that is too long.

#![no_main]

use chihaya::storage::sql::{
    Datum, Dialect, Field, STATEMENT_MAX_BYTES, STATEMENT_MAX_ROWS, Template, Unfit, write_literal,
};
use chihaya_fuzz::words::{Word, words};
use libfuzzer_sys::fuzz_target;

const DIALECTS: [Dialect; 3] = [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql];
/// Stands between a template and values; no text holds it.
const END_OF_TEMPLATE: u8 = 0xff;
/// Of so many numbers, one is of many rows, and one of long ones: those take long.
const RARE: i64 = 64;
const MANY_ROWS: usize = STATEMENT_MAX_ROWS + 100;
const LONG_BYTES: usize = STATEMENT_MAX_BYTES / 3;

/// What a row may say.
#[derive(Clone)]
struct Thing {
    number: i64,
    /// Not every one can be kept.
    sum: u64,
    text: String,
    bytes: Vec<u8>,
}

const FIELDS: &[Field<Thing>] = &[
    ("number", |thing| Some(Datum::Integer(thing.number))),
    ("sum", |thing| Datum::exact(thing.sum)),
    ("text", |thing| Some(Datum::Text((&*thing.text).into()))),
    ("bytes", |thing| Some(Datum::Bytes(&thing.bytes))),
];

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == END_OF_TEMPLATE);
    let text = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let odd = things(parts.next().unwrap_or_default());
    for dialect in DIALECTS {
        literals(dialect, &odd[0]);
        if let Ok(template) = Template::rows(dialect, &text, FIELDS) {
            statement(&template, &odd);
            sizes(&template, text.len(), &odd[0]);
            parameters(&template, dialect, &odd[0]);
        }
        if let Ok(template) = Template::one(dialect, &text, FIELDS) {
            statement(&template, &odd[..1]);
            parameters(&template, dialect, &odd[0]);
        }
    }
});

fn things(bytes: &[u8]) -> Vec<Thing> {
    let (number, rest) = bytes.split_at(bytes.len().min(8));
    let mut digits = [0; 8];
    digits[..number.len()].copy_from_slice(number);
    let number = u64::from_le_bytes(digits);
    let thing = Thing {
        number: number.cast_signed(),
        sum: number.rotate_left(7),
        text: String::from_utf8_lossy(rest).into_owned(),
        bytes: rest.to_vec(),
    };
    vec![thing; rest.len() % 3 + 1]
}

/// However many rows there are, and however long, a statement has an end, and rows before it.
fn sizes(template: &Template<Thing>, template_bytes: usize, thing: &Thing) {
    let long = Thing {
        text: "x".repeat(LONG_BYTES),
        ..thing.clone()
    };
    let rows = match thing.number % RARE {
        1 => vec![long; 4],
        2 => vec![thing.clone(); MANY_ROWS],
        _ => return,
    };
    let mut text = String::new();
    if let Ok(count) = template.render(&rows, &mut text) {
        assert!((1..=STATEMENT_MAX_ROWS).contains(&count));
        assert!(count == 1 || text.len() <= STATEMENT_MAX_BYTES + template_bytes);
    }
}

/// What is put in is what a database reads, and nothing before a literal can change it.
fn literals(dialect: Dialect, thing: &Thing) {
    for (name, value) in FIELDS {
        let Some(value) = value(thing) else { continue };
        let mut literal = String::new();
        write_literal(&mut literal, dialect, &value);
        let first = literal.chars().next().expect("a literal");
        assert!(
            first.is_ascii_alphanumeric() || "_(".contains(first),
            "{name}: {literal}"
        );
        let read = literal.split('\'').nth(1);
        let digits = read.map(|read| read.trim_start_matches("\\x").to_owned());
        let kept: Vec<u8> = match value {
            Datum::Integer(number) => {
                let plain = literal.trim_matches(['(', ')']);
                assert_eq!(plain.parse(), Ok(number));
                continue;
            }
            Datum::Bytes(bytes) => bytes.to_vec(),
            Datum::Text(text) if dialect == Dialect::Postgres => {
                // No text of PostgreSQL can hold a NUL.
                assert_eq!(unescaped(&literal), text.replace('\0', ""), "{name}");
                continue;
            }
            Datum::Text(text) => text.into_owned().into(),
        };
        let hex: String = kept.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digits.as_ref(), Some(&hex), "{name}: {literal}");
    }
}

/// What PostgreSQL reads in a text that is escaped.
fn unescaped(literal: &str) -> String {
    let quoted = literal.strip_prefix("TEXT U&'").expect("a quoted part");
    let mut parts = quoted.strip_suffix('\'').expect("an end").split('\\');
    let mut text = parts.next().expect("the first").to_owned();
    for part in parts {
        let (digits, rest) = match part.strip_prefix('+') {
            Some(long) => long.split_at(6),
            None => part.split_at(4),
        };
        let number = u32::from_str_radix(digits, 16).expect("digits");
        text.push(char::from_u32(number).expect("a character"));
        text += rest;
    }
    assert!(!quoted[..quoted.len() - 1].contains('\''), "{literal}");
    text
}

fn statement(template: &Template<Thing>, odd: &[Thing]) {
    let mut text = String::new();
    let rendered = template.render(odd, &mut text);
    let kept = template.values(&odd[0], &mut |_| {});
    let rows = match rendered {
        Ok(rows) => rows,
        Err(unfit) => {
            assert_eq!((unfit, kept), (Unfit(0), false), "all rows are the same");
            return;
        }
    };
    // Rows are left for the next statement where this one is long.
    let is_full = text.len() > STATEMENT_MAX_BYTES / 3;
    assert!(kept && (rows == odd.len() || is_full), "{rows} rows");
    let plain = Thing {
        number: 1,
        sum: 2,
        text: "a".to_owned(),
        bytes: vec![0],
    };
    let mut expected = String::new();
    let plain = vec![plain; rows];
    assert_eq!(template.render(&plain, &mut expected), Ok(rows));
    let found = words(&text);
    assert_eq!(found, words(&expected));
    assert!(!found.contains(&Word::Comment));
    assert!(!found.contains(&Word::Sign(";".to_owned())));
}

/// Where rows go out one by one, each value has a parameter.
fn parameters(template: &Template<Thing>, dialect: Dialect, thing: &Thing) {
    let mut shown = 0;
    if template.values(thing, &mut |_| shown += 1) && dialect == Dialect::Sqlite {
        let words = words(&template.with_parameters());
        let mark = Word::Sign("?".to_owned());
        assert_eq!(words.iter().filter(|word| **word == mark).count(), shown);
    }
}
