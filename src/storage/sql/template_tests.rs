use super::super::words::{Word, words};
use super::*;
use proptest::prelude::*;

#[derive(Debug)]
struct Thing {
    number: i64,
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
const DIALECTS: [Dialect; 3] = [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql];

fn thing(number: i64, text: &str) -> Thing {
    Thing {
        number,
        sum: 7,
        text: text.to_owned(),
        bytes: vec![0, 0x27, 0xff],
    }
}

fn rows(text: &str) -> Result<Template<Thing>, String> {
    Template::rows(Dialect::Sqlite, text, FIELDS)
}

fn rendered(template: &Template<Thing>, rows: &[Thing]) -> String {
    let mut text = String::new();
    assert_eq!(template.render(rows, &mut text), Ok(rows.len()));
    text
}

#[test]
fn a_row_is_repeated() {
    let two = [thing(1, "a"), thing(-2, "b")];
    for (text, one, both) in [
        (
            "INSERT INTO t VALUES [[(:number)|, ]];",
            "INSERT INTO t VALUES (1)",
            "INSERT INTO t VALUES (1), ((-2))",
        ),
        (
            "UPDATE t JOIN ([[SELECT :number n| UNION ALL ]]) d SET t.a = d.n",
            "UPDATE t JOIN (SELECT 1 n) d SET t.a = d.n",
            "UPDATE t JOIN (SELECT 1 n UNION ALL SELECT (-2) n) d SET t.a = d.n",
        ),
        (
            "x [[a || :number | b|, ]] | y || ':text ]] it''s' ::z := a[1:2]",
            "x a || 1 | b | y || ':text ]] it''s' ::z := a[1:2]",
            "x a || 1 | b, a || (-2) | b | y || ':text ]] it''s' ::z := a[1:2]",
        ),
        ("[[:sum|,]]", "7", "7,7"),
    ] {
        let template = rows(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(rendered(&template, &two[..1]), one);
        assert_eq!(rendered(&template, &two), both);
    }
}

#[test]
fn values_are_literals_of_the_dialect() {
    let row = thing(i64::MIN, "é\0'");
    let text = "[[(:number, :text, :bytes)|, ]]";
    for (dialect, expected) in [
        (
            Dialect::Sqlite,
            "((-9223372036854775808), CAST(X'c3a90027' AS TEXT), X'0027ff')",
        ),
        (
            Dialect::Postgres,
            "((-9223372036854775808), TEXT U&'\\00e9\\0027', BYTEA '\\x0027ff')",
        ),
        (
            Dialect::Mysql,
            "((-9223372036854775808), _utf8mb4 X'c3a90027', X'0027ff')",
        ),
    ] {
        let template = Template::rows(dialect, text, FIELDS).expect("a template");
        assert_eq!(rendered(&template, std::slice::from_ref(&row)), expected);
    }
}

#[test]
fn faults() {
    for (text, said) in [
        ("", "no statement"),
        (" ; ", "no statement"),
        ("SELECT 1", "no row"),
        ("[[:number]]", "nothing stands between"),
        ("[[:number| ]]", "nothing stands between"),
        ("[[:number|,", "[[ without ]]"),
        (":number|,]]", "]] without [["),
        ("[[:number|,]] [[:number|,]]", "more than one [["),
        ("[[:number|,]] :text", ":text stands outside"),
        (":sum [[:number|,]]", ":sum stands outside"),
        ("[[:number|,:text]]", "nothing stands between"),
        ("[[:user|,]]", "no :user here; there are :number, :sum"),
        (
            "[[:number|,]] -- c",
            "at \"-- c\": a statement has no comments",
        ),
        ("[[:number /* c */|,]]", "no comments"),
        ("-[[-:number|,]]", "no comments"),
        ("[[:number|,]]; DROP TABLE t", "more than one statement"),
        ("[[(:number, ?)|,]]", "no parameters"),
        ("[['a:number|,]]", "a quote is not closed"),
        ("[[\"a:number|,]]", "a quote is not closed"),
        ("[[`a:number|,]]", "a quote is not closed"),
        ("[[:number\u{0}|,]]", "control character"),
        ("[['\u{1}' + :number|,]]", "control character"),
        ("[[a:number|,]]", "touches"),
        ("[[1.:number|,]]", "touches"),
        ("[[:number'a'|,]]", "touches"),
        ("[['a':number|,]]", "touches"),
        ("[[:number:text|,]]", "touches"),
        ("[[:number.5|,]]", "touches"),
        ("'a'[[:number|,]]", "touches"),
        ("[[:number|,]]'a'", "touches"),
        ("[[:number|, é]]", "touches"),
    ] {
        match rows(text) {
            Ok(template) => panic!("{text} is taken: {template:?}"),
            Err(fault) => assert!(fault.contains(said), "{text}: {fault}"),
        }
    }
    for (dialect, text) in [
        (Dialect::Mysql, "[[:number|,]] # c"),
        (Dialect::Mysql, r"[['\':number|,]]"),
        (Dialect::Mysql, r"[['\\', :number|,]]"),
        (Dialect::Postgres, "[[$$:number$$|,]]"),
        (Dialect::Postgres, r"[[E'\':number'|,]]"),
    ] {
        let read = Template::rows(dialect, text, FIELDS);
        assert!(read.is_err(), "{text} is taken");
    }
    let one = Template::one(Dialect::Sqlite, "SELECT [[:number|,]]", FIELDS);
    assert!(one.is_err(), "a row where there is only one");
}

#[test]
fn statements_have_an_end() {
    let template = rows("[[(:text)|,]]").expect("a template");
    let mut text = String::new();
    let many: Vec<Thing> = (0..2000).map(|number| thing(number, "")).collect();
    assert_eq!(template.render(&many, &mut text), Ok(STATEMENT_MAX_ROWS));
    assert_eq!(template.render(&many[1700..], &mut text), Ok(300));
    assert_eq!(template.render(&[], &mut text), Ok(0));
    let long = "x".repeat(STATEMENT_MAX_BYTES / 5);
    let large: Vec<Thing> = (0..9).map(|number| thing(number, &long)).collect();
    assert_eq!(template.render(&large, &mut text), Ok(2));
    assert!(text.ends_with(" AS TEXT))"), "cut between rows");
    let longest = "x".repeat(STATEMENT_MAX_BYTES);
    let huge = [thing(0, &longest), thing(1, "")];
    assert_eq!(template.render(&huge, &mut text), Ok(1));
}

#[test]
fn a_value_that_cannot_be_kept() {
    let template = rows("[[(:sum)|,]]").expect("a template");
    let mut things = [thing(0, ""), thing(0, ""), thing(0, "")];
    things[1].sum = u64::MAX;
    let mut text = String::new();
    assert_eq!(template.render(&things, &mut text), Err(Unfit(1)));
    assert_eq!(template.render(&things[..1], &mut text), Ok(1));
    assert!(!template.values(&things[1], &mut |_| {}));
}

#[test]
fn parameters_instead_of_values() {
    let text = "INSERT INTO t VALUES [[(:text, :number, :text)|, ]] ON CONFLICT DO NOTHING";
    let template = rows(text).expect("a template");
    let expected = "INSERT INTO t VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    assert_eq!(template.with_parameters(), expected);
    let mut values = Vec::new();
    let row = thing(5, "a");
    let kept = template.values(&row, &mut |value| values.push(format!("{value:?}")));
    assert!(kept);
    assert_eq!(values, ["Text(\"a\")", "Integer(5)", "Text(\"a\")"]);
    assert!(!template.is_update());
    assert!(
        rows("update t [[:number|,]]")
            .expect("a template")
            .is_update()
    );
}

#[test]
fn one_row_without_brackets() {
    let text = "UPDATE t SET a = :number WHERE b = :text";
    let template = Template::one(Dialect::Mysql, text, FIELDS).expect("a template");
    let expected = "UPDATE t SET a = 3 WHERE b = _utf8mb4 X'78'";
    assert_eq!(rendered(&template, &[thing(3, "x")]), expected);
}

/// What a literal holds.
fn held(literal: &str) -> Vec<u8> {
    let hex = literal.split('\'').nth(1).expect("a quoted part");
    let hex = hex.trim_start_matches("\\x");
    let byte = |place| u8::from_str_radix(&hex[place..place + 2], 16).expect("a byte");
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// The same of a text that is escaped.
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
    text
}

proptest! {
    /// Whatever the values, the statement has the same words, and the literals hold them.
    #[test]
    fn no_value_leaves_its_literal(
        number: i64,
        text in "(?s).{0,40}",
        hostile in prop::sample::select(vec!["'", "\\'", "'; --", "\\", "]]", ":text", "*/", "\0"]),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let statement = "UPDATE t SET a = 1 WHERE [[b - -:number = c/:number AND d = :text AND e = \
            :bytes::x AND f =:text| OR ]]";
        let text = format!("{text}{hostile}{text}");
        for dialect in DIALECTS {
            let template = Template::rows(dialect, statement, FIELDS).expect("a template");
            let plain = rendered(&template, &[thing(1, "a"), thing(2, "b")]);
            let odd = || Thing { number, sum: 0, text: text.clone(), bytes: bytes.clone() };
            let odd = rendered(&template, &[odd(), odd()]);
            prop_assert_eq!(words(&odd), words(&plain));
            prop_assert!(!words(&odd).contains(&Word::Comment));
            let mut literal = String::new();
            literal::write(&mut literal, dialect, &Datum::Bytes(&bytes));
            prop_assert_eq!(&held(&literal), &bytes);
            literal.clear();
            literal::write(&mut literal, dialect, &Datum::Text((&*text).into()));
            match dialect {
                Dialect::Postgres => prop_assert_eq!(unescaped(&literal), text.replace('\0', "")),
                _ => prop_assert_eq!(held(&literal), text.as_bytes()),
            }
        }
    }
}
