//! Any bytes as an entry of the log by which processes share their swarms: what is read is written
//! the same, takes effect once, and lists no more peers than there are records.

#![no_main]

use chihaya::cache::replication::{Applied, Entry, HEAD_BYTES, Head, write_record};
use chihaya::cache::{Announce, Driver, Memory, MemorySettings, Sharing};
use chihaya::model::Seconds;
use libfuzzer_sys::fuzz_target;

const NOW: Seconds = Seconds(1_000_000);
const PRODUCER: u64 = 1;
const LIFETIME_SECS: u32 = 3600;

fuzz_target!(|bytes: &[u8]| {
    let memory = memory();
    let mut follower = memory.follow(PRODUCER);
    let mut apply = || follower.apply(bytes, (5, 0), NOW, |_| None);
    let Ok(entry) = Entry::parse(bytes) else {
        assert!(apply().is_err());
        assert_eq!(memory.totals().peers, 0);
        return;
    };
    assert_eq!(bytes[2..HEAD_BYTES], entry.head.bytes()[2..]);
    let records: Vec<Announce> = entry.records().collect();
    written_and_read(&entry.head, &records);
    let expected = match entry.head {
        Head { delay_ms, .. } if delay_ms / 1000 > LIFETIME_SECS => Applied::Expired,
        // Nothing has overtaken what is its own.
        Head { producer, .. } if producer == PRODUCER => Applied::Own(0),
        _ => Applied::Others(records.len()),
    };
    assert_eq!(apply(), Ok(expected));
    assert_eq!(apply(), Ok(Applied::Twice));
    assert!(memory.totals().peers <= 2 * records.len() as u64);
});

fn memory() -> Memory {
    let settings = MemorySettings {
        workers: 1,
        peer_lifetime_secs: LIFETIME_SECS,
        counts_lifetime_secs: 0,
        max_torrents: 1000,
        max_peers: 1000,
        peer_ids: true,
        seed: 7,
    };
    let wake = Box::new(|_| ());
    Memory::shared(&settings, Sharing { logs: 1, wake })
}

fn written_and_read(head: &Head, records: &[Announce]) {
    let mut bytes = head.bytes().to_vec();
    for record in records {
        write_record(record, head.peer_ids, &mut bytes);
    }
    let entry = Entry::parse(&bytes).expect("an entry");
    assert_eq!(entry.head, *head);
    let again = entry.records().map(|record| format!("{record:?}"));
    assert!(again.eq(records.iter().map(|record| format!("{record:?}"))));
}
