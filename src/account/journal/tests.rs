//! The journal on the disk: what is appended is read back, whatever happens to the rest.

use super::*;
use crate::account::Record;
use crate::account::testing::{Folder, leecher, of_user, seeder};

const NAME: u128 = 0x0123_4567_89ab_cdef;
/// No segment is ever full.
const ENDLESS: u64 = u64::MAX;

fn begin(folder: &Folder, max_segment_bytes: u64) -> Journal {
    Journal::open(folder.path(), max_segment_bytes, NAME).expect("a journal")
}

/// An entry of one record of a user.
fn entry(user: u64) -> Entry {
    let mut entry = Entry::default();
    entry.push(&of_user(user, seeder(0, 5, 5)));
    entry
}

fn append(journal: &Journal, user: u64) -> u64 {
    journal.append(&mut entry(user)).expect("appended")
}

/// The users of the entries that can be read, how many bytes were passed over, and the position.
fn read(journal: &Journal, from: u64) -> (Vec<u64>, u64, u64) {
    let (mut users, mut reader) = (Vec::new(), journal.read(from));
    let end = journal.end();
    let show = &mut |body: Body<'_>, _| match body {
        Body::Records(body) => users.extend(records(body).map(|record| record.user.0)),
        Body::Cut => users.push(0),
        Body::Notes(_) | Body::Shared(_) => users.push(u64::MAX),
    };
    while reader.next(end, show).expect("a readable file") {}
    (users, reader.lost(), reader.position())
}

fn first_segment(folder: &Folder) -> PathBuf {
    folder.path().join("00000000000000000000.journal")
}

fn files(folder: &Folder) -> usize {
    segments::list(folder.path()).expect("a folder").len()
}

#[test]
fn what_is_appended_is_read() {
    let folder = Folder::new();
    let journal = begin(&folder, ENDLESS);
    let both = [leecher(1, 2, 3), seeder(4, 5, 6)];
    let named = Record {
        agent: b"qBittorrent/4.6.5",
        ..leecher(7, 8, u64::MAX)
    };
    let mut entry = Entry::default();
    both.iter().for_each(|record| entry.push(record));
    let first = journal.append(&mut entry).expect("appended");
    let cut = journal.append(&mut Entry::cut()).expect("appended");
    entry.clear();
    entry.push(&named);
    let mark = entry.mark();
    entry.push(&both[0]);
    entry.remove(mark, entry.mark());
    let last = journal.append(&mut entry).expect("appended");
    assert!(first < cut && cut < last && last == journal.end());
    let mut reader = journal.read(0);
    let (mut found, mut cuts) = (Vec::new(), Vec::new());
    while reader
        .next(last, &mut |body, end| match body {
            Body::Records(body) => {
                let all: Vec<_> = records(body).collect();
                assert!(all == both && end == first || all == [named] && end == last);
                found.push(all.len());
            }
            Body::Cut => cuts.push(end),
            Body::Notes(_) | Body::Shared(_) => {}
        })
        .expect("readable")
    {}
    assert_eq!((found, cuts), (vec![2, 1], vec![cut]));
    assert_eq!(reader.position(), last);
    drop(journal);
    let journal = Journal::open(folder.path(), ENDLESS, 1).expect("the same again");
    assert_eq!(journal.writer(), format!("{NAME:032x}"));
    assert_eq!((journal.end(), journal.cut_off()), (last, 0));
}

#[test]
fn nothing_behind_the_end_asked_for_is_read() {
    let folder = Folder::new();
    let journal = begin(&folder, ENDLESS);
    let first = append(&journal, 1);
    append(&journal, 2);
    let mut reader = journal.read(0);
    for (end, more) in [
        (0, false),
        (first - 1, false),
        (first, true),
        (first, false),
    ] {
        assert_eq!(reader.next(end, &mut |_, _| {}).expect("readable"), more);
    }
    assert!(
        reader
            .next(journal.end(), &mut |_, _| {})
            .expect("readable")
    );
    assert_eq!(reader.lost(), 0);
}

#[test]
fn many_append_while_one_follows() {
    const THREADS: u64 = 4;
    const EACH: u64 = 200;
    let folder = Folder::new();
    let journal = begin(&folder, 4096);
    let mut found = Vec::new();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let journal = &journal;
            scope.spawn(move || {
                for number in 0..EACH {
                    append(journal, thread * EACH + number);
                }
            });
        }
        let mut reader = journal.read(0);
        while found.len() < (THREADS * EACH) as usize {
            let show = &mut |body: Body<'_>, _| {
                if let Body::Records(body) = body {
                    found.extend(records(body).map(|record| record.user.0));
                }
            };
            if !reader.next(journal.end(), show).expect("readable") {
                std::thread::yield_now();
            }
        }
        assert_eq!(reader.lost(), 0);
    });
    for thread in 0..THREADS {
        let of_thread = |user: &u64| *user / EACH == thread;
        let in_order: Vec<u64> = found.iter().copied().filter(of_thread).collect();
        assert!(in_order.into_iter().eq(thread * EACH..(thread + 1) * EACH));
    }
    assert!(files(&folder) > 2);
}

#[test]
fn segments_roll_and_go() {
    let folder = Folder::new();
    let journal = begin(&folder, 100);
    let ends: Vec<u64> = (1..=9).map(|user| append(&journal, user)).collect();
    assert!(files(&folder) > 3, "{} files", files(&folder));
    journal.sync().expect("synced");
    journal.sync().expect("synced again");
    for (kept, end) in ends.iter().enumerate() {
        journal.forget_before(*end).expect("removed");
        let (users, lost, position) = read(&journal, *end);
        let behind: Vec<u64> = (kept as u64 + 2..=9).collect();
        assert_eq!((users, lost, position), (behind, 0, journal.end()));
    }
    assert_eq!(files(&folder), 1, "what is appended to stays");
    let (users, lost, _) = read(&journal, 0);
    assert_eq!(users.last(), Some(&9));
    assert!(lost >= ends[5], "what is gone is told: {lost}");
    drop(journal);
    let journal = begin(&folder, 100);
    assert_eq!(journal.end(), ends[8]);
    append(&journal, 10);
    assert_eq!(read(&journal, ends[8]).0, [10]);
}

#[test]
fn a_torn_entry_is_cut_off() {
    let folder = Folder::new();
    let journal = begin(&folder, ENDLESS);
    let whole = append(&journal, 1);
    let end = append(&journal, 2);
    drop(journal);
    let good = std::fs::read(first_segment(&folder)).expect("a file");
    for length in whole..end {
        std::fs::write(first_segment(&folder), &good[..length as usize]).expect("written");
        let journal = begin(&folder, ENDLESS);
        assert_eq!((journal.end(), journal.cut_off()), (whole, length - whole));
        append(&journal, 3);
        assert_eq!(
            read(&journal, 0),
            (vec![1, 3], 0, journal.end()),
            "{length}"
        );
    }
}

#[test]
fn a_long_end_without_entries_is_cut_off() {
    let folder = Folder::new();
    let journal = begin(&folder, ENDLESS);
    let whole = append(&journal, 1);
    drop(journal);
    let zeros = 3 * MAX_ENTRY_BYTES as u64;
    let file = open(&first_segment(&folder)).expect("a file");
    file.set_len(whole + zeros).expect("longer");
    let journal = begin(&folder, ENDLESS);
    assert_eq!((journal.end(), journal.cut_off()), (whole, zeros));
    append(&journal, 2);
    assert_eq!(read(&journal, 0), (vec![1, 2], 0, journal.end()));
}

#[test]
fn every_flipped_byte_is_found() {
    let folder = Folder::new();
    let journal = begin(&folder, 100);
    let mut starts = vec![0];
    starts.extend((1..=3).map(|user| append(&journal, user)));
    assert_eq!(files(&folder), 2);
    for segment in segments::list(folder.path()).expect("a folder") {
        let good = std::fs::read(&segment.path).expect("a file");
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(&segment.path, &bytes).expect("written");
            let at = segment.start + at as u64;
            let damaged = starts.iter().rposition(|start| *start <= at).expect("one") + 1;
            let others: Vec<u64> = (1..=3).filter(|user| *user != damaged as u64).collect();
            let (users, lost, position) = read(&journal, 0);
            assert_eq!(users, others, "byte {at}");
            let length = starts[damaged] - starts[damaged - 1];
            // Of the last it is not known yet where the next begins.
            let expected = if damaged == 3 {
                (0, starts[2])
            } else {
                (length, starts[3])
            };
            assert_eq!((lost, position), expected, "byte {at}");
        }
        std::fs::write(&segment.path, &good).expect("written");
    }
    assert_eq!(read(&journal, 0).0, [1, 2, 3]);
}

#[test]
fn damage_longer_than_any_entry_is_passed_over() {
    let folder = Folder::new();
    let journal = begin(&folder, ENDLESS);
    let before = append(&journal, 1);
    drop(journal);
    let mut bytes = std::fs::read(first_segment(&folder)).expect("a file");
    bytes.resize(bytes.len() + 3 * MAX_ENTRY_BYTES + 12345, 0);
    let seed = crc32fast::hash(format!("{NAME:032x}").as_bytes());
    let behind = bytes.len() as u64;
    bytes.extend(entry(2).seal(seed));
    std::fs::write(first_segment(&folder), &bytes).expect("written");
    let journal = begin(&folder, ENDLESS);
    assert_eq!((journal.end(), journal.cut_off()), (bytes.len() as u64, 0));
    append(&journal, 3);
    assert_eq!(
        read(&journal, 0),
        (vec![1, 2, 3], behind - before, journal.end())
    );
}

#[test]
fn one_tracker_at_a_time() {
    let folder = Folder::new();
    let journal = begin(&folder, ENDLESS);
    assert!(Journal::open(folder.path(), ENDLESS, NAME).is_err());
    drop(journal);
    begin(&folder, ENDLESS);
}

#[test]
fn a_journal_without_its_name_is_not_opened() {
    let good = format!("{NAME:032x}\n");
    for (name, text, opens) in [
        ("as it was", Some(good.as_str()), true),
        ("missing", None, false),
        ("empty", Some(""), false),
        ("too short", Some(&good[1..]), false),
        ("no digits", Some("0123456789abcdef0123456789abcdeg"), false),
    ] {
        let folder = Folder::new();
        append(&begin(&folder, ENDLESS), 1);
        let path = folder.path().join(WRITER_FILE);
        match text {
            Some(text) => std::fs::write(&path, text).expect("written"),
            None => std::fs::remove_file(&path).expect("removed"),
        }
        let result = Journal::open(folder.path(), ENDLESS, 1);
        assert_eq!(result.map(|journal| journal.end()).is_ok(), opens, "{name}");
    }
}

#[test]
fn clients_cannot_announce_entries() {
    let folder = Folder::new();
    let journal = begin(&folder, ENDLESS);
    let seed = crc32fast::hash(format!("{NAME:032x}").as_bytes());
    for (name, seed, users) in [
        ("another seed", 0, vec![0, 3]),
        // So that the test could fail.
        ("the seed, if it were known", seed, vec![0, 0, 3]),
    ] {
        let start = journal.end();
        let mut forged = Entry::cut();
        let agent = [&[b'x'; 8], forged.seal(seed), &[b'x'; 8]].concat();
        let mut entry = Entry::default();
        entry.push(&Record {
            agent: &agent,
            ..of_user(2, leecher(0, 0, 0))
        });
        journal.append(&mut Entry::cut()).expect("appended");
        let damaged = journal.end();
        journal.append(&mut entry).expect("appended");
        append(&journal, 3);
        let file = open(&first_segment(&folder)).expect("a file");
        file.write_all_at(&[0xff], damaged).expect("written");
        assert_eq!(read(&journal, start).0, users, "{name}");
    }
}

#[test]
fn an_entry_that_is_too_long_is_not_appended() {
    let folder = Folder::new();
    let journal = begin(&folder, ENDLESS);
    append(&journal, 1);
    let mut long = Entry::default();
    while long.mark() <= MAX_ENTRY_BYTES {
        long.push(&leecher(0, u64::MAX, u64::MAX));
    }
    let end = journal.end();
    assert!(journal.append(&mut long).is_err());
    assert_eq!(journal.end(), end);
    long.clear();
    assert!(long.is_empty());
    append(&journal, 2);
    assert_eq!(read(&journal, 0), (vec![1, 2], 0, journal.end()));
}

#[test]
fn what_a_failed_write_has_left_is_written_over() {
    let folder = Folder::new();
    let journal = begin(&folder, 150);
    for user in 1..=4 {
        // The front of a longer entry, and all of an older one.
        let end = append(&journal, user);
        let last = segments::list(folder.path())
            .expect("a folder")
            .pop()
            .expect("one");
        let file = open(&last.path).expect("a file");
        file.write_all_at(&[0xaa; 300], end - last.start)
            .expect("written");
        let expected: Vec<u64> = (1..=user).collect();
        assert_eq!(read(&journal, 0), (expected, 0, end));
    }
    drop(journal);
    let journal = begin(&folder, 150);
    assert_eq!(journal.cut_off(), 300);
    assert_eq!(read(&journal, 0), (vec![1, 2, 3, 4], 0, journal.end()));
}
