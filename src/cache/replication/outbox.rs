//! What others are still to be told: entries that wait, and those that have not come by in the log.

use super::entry::{HEAD_BYTES, Head};
use super::record::read_record;
use std::collections::VecDeque;

/// Bytes of an entry's records at most: large enough that the log does little work a record, small
/// enough that it never stands still for one.
const ENTRY_BYTES: usize = 64 * 1024;
/// Milliseconds within which what waits joins one entry: its records share their age.
const JOIN_MS: u64 = 1000;
/// Bytes that an entry takes beside its records.
const OVERHEAD_BYTES: usize = HEAD_BYTES + 64;

/// The entries of one producer in one log.
pub struct Outbox {
    producer: u64,
    peer_ids: bool,
    most_bytes: usize,
    /// In the order of their sequences.
    entries: VecDeque<Owed>,
    bytes: usize,
    next_sequence: u64,
    /// Up to this sequence they have been appended.
    appended: u64,
    /// Up to this sequence they have been handed out, and others may know them as they are.
    closed: u64,
    lost: u64,
}

/// An entry that is owed to the others.
#[derive(Clone, Debug)]
pub struct Owed {
    /// Counts the entries, from 1.
    pub sequence: u64,
    /// When the first of its records was collected, in milliseconds.
    pub collected_ms: u64,
    /// How much of the log had taken effect before any of its records did.
    pub applied_before: u64,
    /// Announces in it.
    pub count: u32,
    records: Vec<u8>,
}

/// An entry on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HandedOut {
    /// Counts the entries, from 1.
    pub sequence: u64,
    /// Announces in it.
    pub count: u32,
    /// What is appended.
    pub bytes: Vec<u8>,
}

impl Outbox {
    /// An empty one, for `most_bytes` at most.
    pub fn new(producer: u64, peer_ids: bool, most_bytes: usize) -> Outbox {
        Outbox {
            producer,
            peer_ids,
            most_bytes,
            entries: VecDeque::new(),
            bytes: 0,
            next_sequence: 1,
            appended: 0,
            closed: 0,
            lost: 0,
        }
    }

    /// Adds records that were collected at `now_ms`; when the records before them were,
    /// `applied_before` of the log had taken effect. Where there is no room, the oldest go.
    pub fn add(&mut self, mut records: &[u8], now_ms: u64, applied_before: u64) {
        while !records.is_empty() {
            let room = self.open(now_ms, applied_before);
            let Some(entry) = self.entries.back_mut() else {
                return;
            };
            let (bytes, count) = whole_records(records, room, self.peer_ids);
            if bytes == 0 {
                return;
            }
            let (now, rest) = records.split_at(bytes);
            entry.records.extend_from_slice(now);
            entry.count += count;
            self.bytes += bytes;
            records = rest;
        }
        while self.bytes > self.most_bytes {
            self.drop_oldest();
        }
    }

    /// Sees to it that the last entry has room; returns how much.
    fn open(&mut self, now_ms: u64, applied_before: u64) -> usize {
        let waiting = self.entries.back().filter(|last| {
            last.sequence > self.closed && now_ms.saturating_sub(last.collected_ms) < JOIN_MS
        });
        let room = waiting.map_or(0, |last| ENTRY_BYTES.saturating_sub(last.records.len()));
        if room >= super::MAX_RECORD_BYTES {
            return room;
        }
        self.entries.push_back(Owed {
            sequence: self.next_sequence,
            collected_ms: now_ms,
            applied_before,
            count: 0,
            records: Vec::new(),
        });
        self.next_sequence += 1;
        self.bytes += OVERHEAD_BYTES;
        ENTRY_BYTES
    }

    fn drop_oldest(&mut self) {
        let Some(oldest) = self.entries.pop_front() else {
            return;
        };
        self.bytes -= OVERHEAD_BYTES + oldest.records.len();
        if oldest.sequence > self.appended {
            self.lost += u64::from(oldest.count);
        }
    }

    /// The first of those that are not appended yet, `most` at most, as of this moment. They take
    /// no more records.
    pub fn hand_out(&mut self, most: usize, now_ms: u64) -> Vec<HandedOut> {
        let from = self.place(self.appended + 1);
        let waiting = self.entries.range(from..).take(most);
        let handed_out: Vec<HandedOut> = waiting
            .map(|entry| {
                let delay = now_ms.saturating_sub(entry.collected_ms);
                let head = Head {
                    peer_ids: self.peer_ids,
                    producer: self.producer,
                    sequence: entry.sequence,
                    delay_ms: u32::try_from(delay).unwrap_or(u32::MAX),
                };
                HandedOut {
                    sequence: entry.sequence,
                    count: entry.count,
                    bytes: [&head.bytes()[..], &entry.records].concat(),
                }
            })
            .collect();
        let last = handed_out.last().map_or(0, |last| last.sequence);
        self.closed = self.closed.max(last);
        handed_out
    }

    /// The place of the first entry of this sequence or a later one.
    fn place(&self, sequence: u64) -> usize {
        self.entries
            .partition_point(|entry| entry.sequence < sequence)
    }

    /// Entries up to this one have been appended.
    pub fn set_appended(&mut self, sequence: u64) {
        self.appended = self.appended.max(sequence);
    }

    /// What has been appended may be lost: all that has not come by is to be appended again.
    pub fn append_again(&mut self) {
        self.appended = 0;
    }

    /// An entry has come by in the log, and is no longer owed. `None` where it was not.
    pub fn come_by(&mut self, sequence: u64) -> Option<Owed> {
        let place = self.place(sequence);
        self.entries
            .get(place)
            .filter(|entry| entry.sequence == sequence)?;
        let entry = self.entries.remove(place)?;
        self.bytes -= OVERHEAD_BYTES + entry.records.len();
        Some(entry)
    }

    /// An entry without records, which tells nothing but that somebody is there.
    pub fn greeting(&mut self) -> Vec<u8> {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let head = Head {
            peer_ids: self.peer_ids,
            producer: self.producer,
            sequence,
            delay_ms: 0,
        };
        head.bytes().to_vec()
    }

    /// Bytes of all entries.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Announces that others were never told of: there was no room for them.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Announces that are not appended yet.
    pub fn waiting_count(&self) -> u64 {
        let from = self.place(self.appended + 1);
        let waiting = self.entries.range(from..);
        waiting.map(|entry| u64::from(entry.count)).sum()
    }
}

/// How many bytes, and records, from the front of some records fit into the room.
fn whole_records(records: &[u8], room: usize, peer_ids: bool) -> (usize, u32) {
    let (mut rest, mut bytes, mut count) = (records, 0, 0);
    while read_record(&mut rest, peer_ids).is_some() {
        let end = records.len() - rest.len();
        if end > room {
            break;
        }
        (bytes, count) = (end, count + 1);
    }
    (bytes, count)
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
