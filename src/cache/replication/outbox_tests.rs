use super::*;
use crate::cache::replication::{Entry, write_record};
use crate::cache::testing::{leecher, torrent, v4, v6};

#[test]
fn an_outbox_is_bounded_and_keeps_the_newest() {
    let mut outbox = Outbox::new(1, false, 100_000);
    let mut record = Vec::new();
    write_record(&leecher(1, v4(1)), false, &mut record);
    let mut now_ms = 0;
    for _ in 0..10 {
        // Each a second later: an entry of its own.
        now_ms += 1000;
        outbox.add(&record.repeat(1000), now_ms, 0);
        assert!(outbox.bytes() <= 100_000);
    }
    assert_eq!(outbox.waiting_count() + outbox.lost(), 10_000);
    let out = outbox.hand_out(usize::MAX, now_ms + 7);
    let head = Entry::parse(&out[0].bytes).expect("an entry").head;
    assert_eq!(out.last().map(|entry| entry.sequence), Some(10));
    assert_eq!(head.sequence, out[0].sequence);
    let age = 7 + 1000 * (10 - head.sequence) as u32;
    assert_eq!(head.delay_ms, age);
}

#[test]
fn what_is_on_its_way_takes_no_more_records() {
    let mut outbox = Outbox::new(1, false, 100_000);
    let mut record = Vec::new();
    write_record(&leecher(1, v4(1)), false, &mut record);
    outbox.add(&record, 5, 0);
    outbox.add(&record, 6, 0);
    let first = outbox.hand_out(9, 7);
    assert_eq!((first.len(), first[0].count), (1, 2));
    // Perhaps others have it already.
    outbox.append_again();
    outbox.add(&record, 8, 0);
    let second = outbox.hand_out(9, 7);
    assert_eq!((second.len(), &second[0]), (2, &first[0]));
    assert!(outbox.come_by(1).is_some() && outbox.come_by(1).is_none());
    assert_eq!(outbox.hand_out(9, 7), second[1..]);
}

#[test]
fn long_records_are_split_between_whole_ones() {
    let mut outbox = Outbox::new(1, true, 10 << 20);
    let mut records = Vec::new();
    for number in 0..10_000 {
        let peer = if number % 3 == 0 {
            v6(number)
        } else {
            v4(number)
        };
        write_record(&leecher(number, peer), true, &mut records);
    }
    outbox.add(&records, 1, 0);
    let out = outbox.hand_out(usize::MAX, 1);
    let mut found = 0;
    for entry in &out {
        assert!(entry.bytes.len() <= HEAD_BYTES + (64 << 10));
        for announce in Entry::parse(&entry.bytes).expect("whole").records() {
            assert_eq!(announce.info_hash, torrent(found));
            found += 1;
        }
    }
    assert_eq!(found, 10_000);
}
