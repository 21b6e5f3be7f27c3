//! What is held is found again, whatever has become of the end of the file.

use super::*;
use crate::model::UserId;
use crate::storage::{UserEdit, UserName};
use std::sync::atomic::{AtomicU32, Ordering};

/// A file of its own for each test, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("chihaya-held-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a folder");
        Folder(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("held")
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.file()).expect("a file")
    }

    /// What the next run would find: it opens a copy.
    fn look(&self) -> Held {
        let copy = self.0.join("copy");
        std::fs::copy(self.file(), &copy).expect("copied");
        let mut held = Held::default();
        HeldFile::open(copy, &mut held, Seconds(0)).expect("it opens");
        held
    }

    /// What is held by the file, and the file itself.
    fn open(&self) -> (HeldFile, Held) {
        let mut held = Held::default();
        let file = HeldFile::open(self.file(), &mut held, Seconds(0)).expect("it opens");
        (file, held)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("the folder goes");
    }
}

fn edit(id: u64, up_percent: u16) -> Edit {
    Edit::User(UserEdit {
        up_percent: Some(up_percent),
        passkey: crate::model::Passkey::new(b"secret"),
        ..UserEdit::of(UserName::Id(UserId(id)))
    })
}

/// Holds an edit in both; returns its position.
fn hold(file: &mut HeldFile, held: &mut Held, edit: Edit) -> u64 {
    let (ticket, _) = held.hold(edit, false, Seconds(0)).expect("a number");
    file.hold(&[ticket.position], held).expect("written");
    ticket.position
}

fn shown(held: &Held) -> Vec<(u64, Edit)> {
    let held = held.iter();
    held.map(|(ticket, edit)| (ticket.position, edit.clone()))
        .collect()
}

#[test]
fn what_is_held_is_found_again() {
    let folder = Folder::new();
    let (mut file, mut held) = folder.open();
    assert_eq!(held.len(), 0);
    let first = hold(&mut file, &mut held, edit(1, 1));
    let second = hold(&mut file, &mut held, edit(2, 2));
    // Merged into the first.
    assert_eq!(hold(&mut file, &mut held, edit(1, 3)), first);
    let third = hold(&mut file, &mut held, edit(3, 3));
    let again = folder.look();
    assert_eq!(shown(&again), shown(&held));
    assert_eq!(again.mark(), third);
    held.forget(second);
    file.settle(&[second, 99]).expect("written");
    let (mut file, mut again) = folder.open();
    assert_eq!(shown(&again), shown(&held));
    // It goes on from there.
    hold(&mut file, &mut again, edit(4, 4));
    assert_eq!(folder.look().len(), 3);
    let positions: Vec<u64> = again.iter().map(|(ticket, _)| ticket.position).collect();
    for position in &positions {
        again.forget(*position);
    }
    file.settle(&positions).expect("written");
    assert!(!folder.file().exists(), "nothing is held");
    hold(&mut file, &mut again, edit(5, 5));
    assert_eq!(folder.look().len(), 1);
}

#[test]
fn an_end_that_is_torn_or_damaged_is_left_out() {
    let folder = Folder::new();
    let (mut file, mut held) = folder.open();
    let mut ends = Vec::new();
    for id in 1..=3 {
        hold(&mut file, &mut held, edit(id, 1));
        ends.push(folder.bytes().len());
    }
    let whole = folder.bytes();
    for end in 0..=whole.len() {
        std::fs::write(folder.file(), &whole[..end]).expect("written");
        let expected = ends.iter().filter(|whole| **whole <= end).count();
        let (mut file, mut held) = folder.open();
        assert_eq!(held.len(), expected, "{end} bytes");
        // What comes next is found behind what is whole.
        hold(&mut file, &mut held, edit(9, 9));
        assert_eq!(folder.look().len(), expected + 1, "{end} bytes");
    }
    for at in MAGIC.len()..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x20;
        std::fs::write(folder.file(), &bytes).expect("written");
        let expected = ends.iter().filter(|whole| **whole <= at).count();
        assert_eq!(folder.look().len(), expected, "byte {at}");
    }
    let mut other = whole;
    other[0] ^= 1;
    std::fs::write(folder.file(), other).expect("written");
    let opened = HeldFile::open(folder.file(), &mut Held::default(), Seconds(0));
    assert!(opened.is_err(), "another file is not replaced");
}

#[test]
fn a_file_of_what_is_no_longer_true_is_written_anew() {
    let folder = Folder::new();
    let (mut file, mut held) = folder.open();
    for round in 0..STALE_LEAST as u16 + 500 {
        hold(&mut file, &mut held, edit(round.into(), round));
        hold(&mut file, &mut held, edit(1, round));
        if round > 10 {
            let position = held.iter().last().expect("one").0.position;
            held.forget(position);
            file.settle(&[position]).expect("written");
        }
    }
    let most = 200 * (STALE_LEAST + 2 * held.len());
    assert!(
        folder.bytes().len() < most,
        "{} bytes",
        folder.bytes().len()
    );
    assert_eq!(shown(&folder.look()), shown(&held));
}
