//! Entries as a journal has them, then cut short and with bits flipped: all that is whole is read,
//! nothing is read that was not written. And any bytes as a journal: nothing is read but what its
//! check fits.

#![no_main]

use arbitrary::Arbitrary;
use chihaya::account::journal::{Body, Entry, Next, next, records, skip};
use chihaya::account::note::notes;
use chihaya::account::record::MAX_AGENT_BYTES;
use chihaya::account::shared;
use chihaya_fuzz::announced::{Announced, Clients};
use libfuzzer_sys::fuzz_target;
use std::ops::Range;

const NOW_SECS: u32 = 1_000_000;
/// Bytes before a kind.
const HEAD_BYTES: usize = 8;

#[derive(Arbitrary, Debug)]
struct Input {
    seed: u32,
    /// One without records ends a batch.
    entries: Vec<Vec<Announced>>,
    /// Where, and which bits.
    flips: Vec<(u16, u8)>,
    cut_off: u16,
    any: Vec<u8>,
}

fuzz_target!(|input: Input| {
    damaged(&input);
    any(&input.any, input.seed);
    any(&sealed(&input.any, input.seed), input.seed);
});

fn damaged(input: &Input) {
    let mut clients = Clients::default();
    let (mut journal, mut written) = (Vec::new(), Vec::new());
    for announced in &input.entries {
        let mut entry = match announced.is_empty() {
            true => Entry::cut(),
            false => Entry::default(),
        };
        let records = announced.iter().map(|one| clients.record(one, NOW_SECS));
        let mut records: Vec<_> = records.collect();
        records.iter().for_each(|record| entry.push(record));
        // Longer names are cut.
        for record in &mut records {
            record.agent = record.agent.get(..MAX_AGENT_BYTES).unwrap_or(record.agent);
        }
        let start = journal.len();
        journal.extend(entry.seal(input.seed));
        written.push((start..journal.len(), records));
    }
    let mut bytes = journal.clone();
    for (at, bits) in &input.flips {
        if let Some(byte) = bytes.get_mut(usize::from(*at)) {
            *byte ^= bits;
        }
    }
    bytes.truncate(journal.len() - usize::from(input.cut_off).min(journal.len()));
    let is_whole = |at: &Range<usize>| bytes.get(at.clone()) == Some(&journal[at.clone()]);
    let mut whole = written.iter().filter(|(at, _)| is_whole(at));
    read(&bytes, input.seed, |at, body| {
        let (expected, written) = whole.next().expect("no more than was written");
        assert_eq!(at, *expected);
        match body {
            Body::Records(body) => assert!(records(body).eq(written.iter().copied())),
            Body::Cut => assert!(written.is_empty()),
            Body::Notes(_) | Body::Shared(_) => panic!("neither was written"),
        }
    });
    assert_eq!(whole.next(), None, "of {} bytes", bytes.len());
}

/// Reads all entries, as who follows a journal does.
fn read(bytes: &[u8], seed: u32, mut show: impl FnMut(Range<usize>, Body<'_>)) {
    let mut at = 0;
    while at < bytes.len() {
        match next(&bytes[at..], seed) {
            Next::Entry(body, length) => {
                show(at..at + length, body);
                at += length;
            }
            Next::Partial | Next::Damaged => match skip(&bytes[at..], seed) {
                Some(skip) => at += skip,
                None => return,
            },
        }
    }
}

fn any(bytes: &[u8], seed: u32) {
    read(bytes, seed, |at, body| {
        let entry = &bytes[at];
        let mut checked = entry[..4].to_vec();
        checked.extend(&entry[HEAD_BYTES..]);
        assert_eq!(entry[4..HEAD_BYTES], crc32(seed, &checked).to_le_bytes());
        assert_eq!(
            entry[..4],
            ((entry.len() - HEAD_BYTES) as u32).to_le_bytes()
        );
        match body {
            Body::Records(body) => records(body).for_each(drop),
            Body::Notes(body) => notes(body).for_each(drop),
            Body::Shared(body) => drop(shared::read(body)),
            Body::Cut => {}
        }
    });
}

/// The same bytes as what follows the check of an entry.
fn sealed(body: &[u8], seed: u32) -> Vec<u8> {
    let length = (body.len() as u32).to_le_bytes();
    let check = crc32(seed, &[&length, body].concat()).to_le_bytes();
    [&length, &check, body].concat()
}

/// The CRC of zlib, bit by bit.
fn crc32(before: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!before, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| match crc & 1 {
            0 => crc >> 1,
            _ => crc >> 1 ^ 0xedb8_8320,
        })
    })
}
