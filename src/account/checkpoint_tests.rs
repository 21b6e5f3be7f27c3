//! What is written is read back, whole or not at all.

use super::super::journal::{Entry, Next, next};
use super::super::note::Note;
use super::super::record::Record;
use super::super::testing::{
    RULES, completed, leecher, moment, of_user, other, seeder, stopped, v6,
};
use super::*;

fn append(books: &mut Books, entry: &mut Entry) {
    let Next::Entry(body, length) = next(entry.seal(0), 0) else {
        panic!("no entry")
    };
    let end = books.applied() + length as u64;
    books.follow(body, end);
}

fn announce(books: &mut Books, record: &Record<'_>) {
    let mut entry = Entry::default();
    entry.push(record);
    append(books, &mut entry);
}

fn saved(books: &Books) -> Vec<u8> {
    let mut bytes = Vec::new();
    save(books, &mut bytes).expect("a vector takes it");
    bytes
}

fn loaded(mut bytes: &[u8]) -> Result<Books, BlockError> {
    load(&mut bytes, RULES, 99)
}

/// Books with a batch on its way, and some of everything for the next.
fn books() -> Books {
    let mut books = Books::new(RULES, 1);
    let pace = Pace {
        longest_gap_secs: 2000,
        min_interval_secs: 7,
    };
    append(&mut books, &mut Entry::of_notes(&[Note::Pace(Some(pace))]));
    let token = Record {
        token: true,
        agent: b"RatioMaster",
        ..completed(leecher(1800, 500, 600))
    };
    for record in [leecher(0, 0, 0), of_user(2, seeder(0, 1, 2)), token] {
        announce(&mut books, &record);
    }
    append(&mut books, &mut Entry::cut());
    // What the next batch is to say: one that is forgotten, one that is gone, and new ones.
    let late = RULES.session_lifetime_secs + 3700;
    announce(&mut books, &of_user(3, seeder(late - 4000, 0, 0)));
    books.sweep(moment(late), usize::MAX);
    for record in [
        leecher(late, 7, 8),
        other(v6(seeder(late, 7, 8))),
        stopped(seeder(late, 9, 9)),
    ] {
        announce(&mut books, &record);
    }
    books
}

#[test]
fn what_is_written_is_read() {
    let mut books = books();
    let mut again = loaded(&saved(&books)).expect("whole");
    assert!(books.in_flight().is_some());
    for books in [&mut books, &mut again] {
        assert!(!books.wants_cut());
        let to = books.in_flight().expect("a batch").to;
        books.committed(to - 1);
        assert!(books.in_flight().is_some(), "another one");
    }
    assert_eq!(again.in_flight(), books.in_flight());
    for step in 0..3 {
        let both = [&mut books, &mut again].map(|books| {
            let secs = RULES.session_lifetime_secs + 3800 + step;
            announce(books, &leecher(secs, 20 + u64::from(step), 30));
            announce(books, &completed(of_user(3, leecher(secs, 5, 5))));
            books.sweep(moment(secs + 5000 * step), usize::MAX);
            append(books, &mut Entry::cut());
            books.in_flight().map(|batch| Commit::clone(batch))
        });
        assert_eq!(both[0], both[1], "batch {step}");
        assert!(both[0].as_ref().is_some_and(|batch| batch.rows() > 0));
        books = loaded(&saved(&books)).expect("whole");
    }
}

#[test]
fn what_is_empty_stays_so() {
    let mut books = loaded(&saved(&Books::new(RULES, 1))).expect("whole");
    assert_eq!((books.applied(), books.wants_cut()), (0, false));
    assert!(books.in_flight().is_none() && books.ledger().sessions().is_empty());
    // A batch without rows is a step of the position all the same.
    append(&mut books, &mut Entry::cut());
    let again = loaded(&saved(&books)).expect("whole");
    assert_eq!(again.in_flight(), books.in_flight());
    assert!(again.in_flight().is_some());
}

#[test]
fn more_rows_than_a_block_holds() {
    let mut books = Books::new(RULES, 1);
    for user in 0..2500 {
        announce(&mut books, &of_user(user, leecher(0, 0, 0)));
        announce(&mut books, &of_user(user, completed(leecher(9, user, 1))));
    }
    append(&mut books, &mut Entry::cut());
    for user in 0..2500 {
        announce(&mut books, &of_user(user, leecher(20, 5000, 1)));
    }
    let mut again = loaded(&saved(&books)).expect("whole");
    assert_eq!(again.in_flight(), books.in_flight());
    let both = [&mut books, &mut again].map(|books| {
        append(books, &mut Entry::cut());
        books.in_flight().cloned()
    });
    assert_eq!(both[0], both[1]);
    assert_eq!(both[0].as_ref().map(|batch| batch.users.len()), Some(2500));
}

#[test]
fn damage_is_an_error() {
    let good = saved(&books());
    for at in 0..good.len() {
        for bits in [1, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] ^= bits;
            assert!(loaded(&bytes).is_err(), "byte {at}, bits {bits:x}");
        }
        assert!(loaded(&good[..at]).is_err(), "{at} bytes");
    }
    assert!(loaded(&good).is_ok());
}

#[test]
fn blocks_in_another_order_are_an_error() {
    let mut file = Vec::new();
    let mut blocks = BlockWriter::new(&mut file, MAGIC).expect("a vector takes it");
    let head = || {
        BlockRef::Head(Head {
            applied: 9,
            from: 3,
            records: 1,
        })
    };
    for block in [head(), head(), BlockRef::End] {
        blocks.write(&block).expect("a vector takes it");
    }
    assert!(loaded(&file).is_err(), "two heads");
    let mut file = Vec::new();
    let mut blocks = BlockWriter::new(&mut file, MAGIC).expect("a vector takes it");
    blocks.write(&BlockRef::End).expect("a vector takes it");
    assert!(loaded(&file).is_err(), "no head");
    let mut other = saved(&books());
    other[8] ^= 1;
    assert!(matches!(loaded(&other), Err(BlockError::NotOurs)));
}
