//! Any bytes as a checkpoint, and any blocks whose checks fit: an error, or books that can be
//! written and read again. And a good one with bits flipped or its end cut off: always an error.

#![no_main]

use arbitrary::Arbitrary;
use chihaya::account::blocks::BlockWriter;
use chihaya::account::books::Books;
use chihaya::account::checkpoint;
use chihaya::account::journal::{Body, Entry};
use chihaya::account::ledger::Rules;
use chihaya::model::UnixTime;
use chihaya_fuzz::announced::{Announced, Clients, follow};
use libfuzzer_sys::fuzz_target;
use serde::ser::{Serialize, SerializeTuple, Serializer};

const RULES: Rules = Rules {
    peer_lifetime_secs: 100,
    session_lifetime_secs: 400,
    longest_gap_secs: 60,
    min_interval_secs: 20,
    plausible_speed: 3_000_000,
};
const NOW_SECS: u32 = 1_000_000;

#[derive(Arbitrary, Debug)]
struct Input {
    /// Announces of a batch that is on its way, and of the next.
    in_flight: Vec<Announced>,
    gathered: Vec<Announced>,
    /// Where, and which bits.
    flips: Vec<(u16, u8)>,
    cut_off: u16,
    blocks: Vec<Vec<u8>>,
    any: Vec<u8>,
}

fuzz_target!(|input: Input| {
    let books = books(&input);
    let saved = save(&books);
    again(&saved, &books);
    let mut bytes = saved.clone();
    for (at, bits) in &input.flips {
        let at = usize::from(*at) % bytes.len();
        bytes[at] ^= bits;
    }
    let cut_off = usize::from(input.cut_off) % bytes.len();
    bytes.truncate(saved.len() - cut_off);
    if bytes != saved {
        assert!(load(&bytes).is_none(), "damaged, and read all the same");
    }
    any(&input.any);
    any(&blocks(&input.blocks, &saved));
});

fn books(input: &Input) -> Books {
    let mut books = Books::new(RULES, 0);
    let (mut clients, mut end) = (Clients::default(), 0);
    let mut append = |entry: &mut Entry| {
        follow(entry, |body, length| {
            end += length as u64;
            books.follow(body, end);
        });
    };
    for (announced, cuts) in [(&input.in_flight, true), (&input.gathered, false)] {
        for one in announced {
            let mut entry = Entry::default();
            entry.push(&clients.record(one, NOW_SECS));
            append(&mut entry);
        }
        if cuts {
            append(&mut Entry::cut());
        }
    }
    books
}

fn save(books: &Books) -> Vec<u8> {
    let mut bytes = Vec::new();
    checkpoint::save(books, &mut bytes).expect("a vector takes it");
    bytes
}

fn load(mut bytes: &[u8]) -> Option<Books> {
    checkpoint::load(&mut bytes, RULES, 1).ok()
}

/// What has been saved says the same as what is there.
fn again(saved: &[u8], books: &Books) {
    let mut again = load(saved).expect("whole");
    assert_eq!(again.in_flight(), books.in_flight());
    assert_eq!(again.applied(), books.applied());
    assert_eq!(again.wants_cut(), books.wants_cut());
    assert_eq!(sorted(&again), sorted(books));
    // Whatever the file says, going on from there does no harm.
    again.sweep(UnixTime(u32::MAX), usize::MAX);
    again.follow(Body::Cut, again.applied());
}

fn sorted(books: &Books) -> Vec<String> {
    let sessions = books.ledger().sessions().iter();
    let mut rows: Vec<_> = sessions.map(|session| format!("{session:?}")).collect();
    let sums = books.ledger().gathered().sums();
    for part in sums.into_parts(1) {
        rows.push(format!("{part:?}"));
    }
    rows.sort_unstable();
    rows
}

fn any(bytes: &[u8]) {
    if let Some(books) = load(bytes) {
        again(&save(&books), &books);
    }
}

/// Blocks as they are, behind the magic of a good file.
fn blocks(blocks: &[Vec<u8>], good: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let magic = good.first_chunk().expect("a magic");
    let mut to = BlockWriter::new(&mut file, magic).expect("a vector takes it");
    for block in blocks {
        to.write(&Plain(block)).expect("a vector takes it");
    }
    file
}

/// Bytes that are written as they are.
struct Plain<'b>(&'b [u8]);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut tuple = to.serialize_tuple(self.0.len())?;
        self.0
            .iter()
            .try_for_each(|byte| tuple.serialize_element(byte))?;
        tuple.end()
    }
}
