//! What processes that share their swarms tell each other.
//!
//! Each process answers from its own memory, and what it accepts is appended to an ordered log that
//! all of them follow. What leaves here are entries ([`Entry`]), what comes in are entries of
//! others; who carries them is a driver's affair. The log may be split by info-hash into several,
//! each of which stands for itself.
//!
//! The order of the log is the order of things: a process that has followed it to its end lists the
//! same swarms as any other, whatever it had heard from its own clients in between. Its own
//! announces take effect at once, long before it finds them in the log; where somebody else's
//! announce of the same peer stands before one of them, it takes effect again when it comes by
//! ([`Follower`]).
//!
//! Entries may come twice, and out of their producer's order: each has a producer and a sequence,
//! and the second copy is ignored ([`Seen`]).

mod entry;
mod follower;
#[cfg(test)]
mod model_tests;
mod outbox;
mod record;
mod seen;
mod tap;

pub use entry::{Entry, HEAD_BYTES, Head, Unreadable};
pub use follower::{Applied, Follower};
pub use outbox::{HandedOut, Outbox, Owed};
pub use record::{MAX_RECORD_BYTES, read_record, write_record};
pub use seen::{Producers, Seen};
pub(super) use tap::Tap;

use crate::model::InfoHash;

/// Logs at most: what a worker has touched in a tick is remembered in the bits of one number.
pub const MOST_LOGS: usize = 64;

/// The log of a torrent, the same in every process.
pub fn log_of(info_hash: &InfoHash, logs: usize) -> usize {
    let [a, b, c, d, ..] = info_hash.0;
    u32::from_be_bytes([a, b, c, d]) as usize % logs
}
