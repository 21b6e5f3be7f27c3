//! What the fuzz targets share.

pub mod accounts;
pub mod announced;
pub mod bencode;
pub mod model;
/// The tracker's own reader of SQL, which knows nothing of templates.
#[path = "../../src/storage/sql/words.rs"]
pub mod words;

use chihaya::cache::{Batch, Driver, Memory, MemorySettings, Query};
use chihaya::model::{Seconds, UnixTime};
use chihaya::tracker::{Settings, Tracker};
use std::fmt::Debug;

/// Bytes after a decision at each of which it must stand: more than are read at once.
const BYTES_AFTER: usize = 70;

/// Reads longer and longer prefixes of `bytes`, and asserts that the first decision stands,
/// whatever follows it. `read` says `None` while it waits for more.
pub fn decides_once<'b, T>(bytes: &'b [u8], read: impl Fn(&'b [u8]) -> Option<T>)
where
    T: PartialEq + Debug,
{
    let prefix = |end: usize| read(&bytes[..end]);
    let Some(decided) = (0..=bytes.len()).find(|end| prefix(*end).is_some()) else {
        return;
    };
    let decision = prefix(decided);
    let near = bytes.len().min(decided + BYTES_AFTER);
    for end in (decided..near).chain([bytes.len()]) {
        assert_eq!(prefix(end), decision, "{end} bytes, decided at {decided}");
    }
}

/// A tracker over a cache with room for `max_peers` that holds what these queries leave there. Each
/// run begins with its own, so that it can be repeated.
pub fn tracker(settings: &Settings, max_peers: u64, queries: &[Query]) -> Tracker {
    let cache = Memory::new(&MemorySettings {
        workers: 1,
        peer_lifetime_secs: 3600,
        counts_lifetime_secs: 3600,
        max_torrents: 1000,
        max_peers,
        peer_ids: true,
        seed: 0,
    });
    let open = || cache.open(0).expect("memory is always there");
    let mut batch = Batch::default();
    for query in queries {
        batch.push(*query);
    }
    open().run(&mut batch, NOW).expect("memory is always there");
    Tracker::new(settings.clone(), open(), None, 0)
}

/// When every run of a tracker takes place.
pub const NOW: Seconds = Seconds(70_000);
/// The same as the time of day.
pub const TIME: UnixTime = UnixTime(1_800_000_000);
