//! Where the shards of the memory cache leave what they have accepted.

use super::log_of;
use super::record::{MAX_RECORD_BYTES, write_record};
use crate::cache::Announce;

/// Bytes that may wait in one shard for one log: whoever empties it comes every few milliseconds,
/// and may be held up for a second or two.
const MOST_BYTES: usize = 1 << 20;

/// What one shard has accepted since it was last emptied. It is filled under the shard's lock, so
/// its order is that in which announces took effect.
pub(in crate::cache) struct Tap {
    logs: Box<[Vec<u8>]>,
    peer_ids: bool,
    missed: u64,
}

impl Tap {
    pub(in crate::cache) fn new(logs: usize, peer_ids: bool) -> Tap {
        Tap {
            logs: vec![Vec::new(); logs].into(),
            peer_ids,
            missed: 0,
        }
    }

    /// Keeps an announce for others; returns its log.
    pub(in crate::cache) fn take(&mut self, announce: &Announce) -> usize {
        let log = log_of(&announce.info_hash, self.logs.len());
        let records = &mut self.logs[log];
        if records.len() + MAX_RECORD_BYTES > MOST_BYTES {
            self.missed += 1;
        } else {
            write_record(announce, self.peer_ids, records);
        }
        log
    }

    /// Exchanges the records of a log for an empty buffer; returns how many announces found no room.
    pub(in crate::cache) fn empty(&mut self, log: usize, records: &mut Vec<u8>) -> u64 {
        std::mem::swap(&mut self.logs[log], records);
        std::mem::take(&mut self.missed)
    }
}
