//! Bytes and texts as literals that need no quoting: what is written is what is read.

use super::values::rows;
use super::{on_each, run};
use chihaya::storage::sql::{Datum, write_literal};
use std::borrow::Cow;

#[test]
fn bytes_and_texts_arrive_as_they_are() {
    let all: Vec<u8> = (0..=255).collect();
    let bytes: [&[u8]; 5] = [&all, b"", b"\0", b"'; DROP TABLE t; --", b"\\x41\\"];
    let texts = [
        "",
        "qB/5 ' \\ \"; DROP é",
        "Клиент/1.0 \u{1f980} 客户端",
        ":user ?1 $1 %s [[x|,]] /* -- */ `x`",
        "tab\tline\r\nend\u{7f}\u{1}",
        "\u{feff}\u{fffd}\u{10ffff}",
    ];
    on_each("literals", |site| {
        let mut db = site.connect();
        run(
            &mut *db,
            &[site.either(
                "CREATE TABLE t (b BLOB, s TEXT)",
                "CREATE TABLE t (b BYTEA, s TEXT)",
            )],
        );
        for bytes in bytes {
            let mut literal = String::new();
            write_literal(&mut literal, db.dialect(), &Datum::Bytes(bytes));
            run(
                &mut *db,
                &[
                    "DELETE FROM t",
                    &format!("INSERT INTO t (b) VALUES ({literal})"),
                ],
            );
            for sql in ["SELECT b FROM t", &format!("SELECT {literal}")] {
                assert_eq!(
                    rows(&mut *db, sql),
                    [[format!("Bytes({bytes:?})")]],
                    "{sql}"
                );
            }
        }
        for text in texts {
            let mut literal = String::new();
            let value = Datum::Text(Cow::Borrowed(text));
            write_literal(&mut literal, db.dialect(), &value);
            run(
                &mut *db,
                &[
                    "DELETE FROM t",
                    &format!("INSERT INTO t (s) VALUES ({literal})"),
                ],
            );
            for sql in ["SELECT s FROM t", &format!("SELECT {literal}")] {
                assert_eq!(rows(&mut *db, sql), [[format!("Text({text:?})")]], "{sql}");
            }
        }
    });
}
