//! The shared log: what several processes have accepted, in one order, and where batches end in it.
//!
//! Each process has a journal of its own, to which its workers append as if they were alone, and
//! puts what stands there into one log. All follow that log and keep the same books, but one of them
//! at a time, the leader, ends batches and commits them. The rest follows from the log alone:
//!
//! - An entry of a process takes effect where it goes on exactly at the offset up to which that
//!   process's journal has taken effect ([`Course`]). What comes twice, or after a gap, does nothing;
//!   the process that wrote it sees so in its own books, and puts it into the log again.
//! - A batch ends at a [`Cut`], which names the position at which the batch begins. It takes effect
//!   if that is where the books are: so of two leaders only one ends a batch, and whoever ends one
//!   has seen to it that the one before is in the storage.
//! - The position of a batch is a number that no two cuts share ([`Cut::after`]), whatever became of
//!   the log. The storage moves from one to the next in the transaction of the batch. So a leader
//!   that is none any more is fenced off, and books tell by the position whether they hold all that
//!   the storage has: if it is where one of their last two cuts is.
//! - The log may be lost, or its end may. Then one whose books hold all that the storage has begins a
//!   new *generation*: it ends a batch with what it has ([`Said::Begin`]), commits that, by which all
//!   others are fenced off, and gives its books to the others, which begin with them. What the log
//!   had lost stands in the journals of those who accepted it, which keep it until it is committed.
//!
//! ```text
//! value   version u8  kind u8  ...
//! accepted (1 records, 2 notes)   producer u128  from u64  to u64  records or notes
//! cut (3), begin (4)              from u64  to u64  time u32
//! ```
//!
//! Numbers are little-endian. In the copy that each process keeps of the log, the place in the log
//! stands before the value.

use crate::model::UnixTime;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const VERSION: u8 = 1;
const RECORDS: u8 = 1;
const NOTES: u8 = 2;
const CUT: u8 = 3;
const BEGIN: u8 = 4;

/// Bits of a position that are drawn by lot; above them stands the time in seconds. Both fit into
/// the signed numbers of databases.
const DRAWN_BITS: u32 = 30;

/// Where an entry stands in the log: milliseconds, and a number within one, as Redis gives them.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash, Serialize, Deserialize,
)]
pub struct Place(pub u64, pub u64);

impl Place {
    pub(super) fn write(self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.0.to_le_bytes());
        to.extend_from_slice(&self.1.to_le_bytes());
    }
}

/// Where a batch begins and ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The position at which the batch before it has ended.
    pub from: u64,
    /// Its own.
    pub to: u64,
    /// When: who has not been heard of for too long is gone by then.
    pub time: UnixTime,
}

impl Cut {
    /// The end of a batch that begins at a position, with a position that nobody else draws.
    pub fn after(from: u64, time: UnixTime, random: u64) -> Cut {
        let least = (u64::from(time.0) << DRAWN_BITS).max(from);
        let drawn = random & ((1 << DRAWN_BITS) - 1);
        Cut {
            from,
            to: least.saturating_add(drawn).saturating_add(1),
            time,
        }
    }
}

/// What a process says in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said<'b> {
    /// It has accepted this, between two offsets of its journal.
    Accepted {
        /// Whose journal.
        producer: u128,
        /// Where in the journal it begins.
        from: u64,
        /// Where it ends.
        to: u64,
        /// What stands there.
        accepted: Accepted<'b>,
    },
    /// A batch ends here.
    Cut(Cut),
    /// A batch ends here, and a new generation of the log begins, of the number that is the
    /// position. It stands in the copy of whoever begins it. The log itself begins with a mark of it
    /// ([`Said::mark`]).
    Begin(Cut),
}

/// What a process has accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accepted<'b> {
    /// Records, for [`records`](super::journal::records).
    Records(&'b [u8]),
    /// Notes, for [`notes`](super::note::notes).
    Notes(&'b [u8]),
}

impl<'b> Said<'b> {
    /// What stands first in the log of a generation, and does nothing: whoever begins to follow the
    /// log with something else has missed something.
    pub fn mark(generation: u64) -> Said<'b> {
        Said::Begin(Cut {
            from: generation,
            to: generation,
            time: UnixTime(0),
        })
    }

    /// Its value in the log.
    pub fn value(&self) -> Vec<u8> {
        let mut value = vec![VERSION];
        match self {
            Said::Accepted {
                producer,
                from,
                to,
                accepted,
            } => {
                let (kind, body) = match accepted {
                    Accepted::Records(body) => (RECORDS, body),
                    Accepted::Notes(body) => (NOTES, body),
                };
                value.push(kind);
                value.extend_from_slice(&producer.to_le_bytes());
                value.extend_from_slice(&from.to_le_bytes());
                value.extend_from_slice(&to.to_le_bytes());
                value.extend_from_slice(body);
            }
            Said::Cut(cut) => cut_value(CUT, cut, &mut value),
            Said::Begin(cut) => cut_value(BEGIN, cut, &mut value),
        }
        value
    }

    /// What a value says; `None` where another version wrote it, or it is torn.
    pub fn parse(value: &'b [u8]) -> Option<Said<'b>> {
        let [VERSION, kind, rest @ ..] = value else {
            return None;
        };
        match *kind {
            RECORDS | NOTES => {
                let (producer, rest) = rest.split_first_chunk()?;
                let (from, rest) = rest.split_first_chunk()?;
                let (to, body) = rest.split_first_chunk()?;
                Some(Said::Accepted {
                    producer: u128::from_le_bytes(*producer),
                    from: u64::from_le_bytes(*from),
                    to: u64::from_le_bytes(*to),
                    accepted: match *kind {
                        RECORDS => Accepted::Records(body),
                        _ => Accepted::Notes(body),
                    },
                })
            }
            CUT => Some(Said::Cut(cut(rest)?)),
            BEGIN => Some(Said::Begin(cut(rest)?)),
            _ => None,
        }
    }
}

fn cut_value(kind: u8, cut: &Cut, value: &mut Vec<u8>) {
    value.push(kind);
    value.extend_from_slice(&cut.from.to_le_bytes());
    value.extend_from_slice(&cut.to.to_le_bytes());
    value.extend_from_slice(&cut.time.0.to_le_bytes());
}

fn cut(bytes: &[u8]) -> Option<Cut> {
    let (from, rest) = bytes.split_first_chunk()?;
    let (to, rest) = rest.split_first_chunk()?;
    let (time, _) = rest.split_first_chunk()?;
    Some(Cut {
        from: u64::from_le_bytes(*from),
        to: u64::from_le_bytes(*to),
        time: UnixTime(u32::from_le_bytes(*time)),
    })
}

/// Reads an entry of a copy: its place in the log, and what it says.
pub fn read(bytes: &[u8]) -> Option<(Place, Said<'_>)> {
    let (ms, rest) = bytes.split_first_chunk()?;
    let (number, value) = rest.split_first_chunk()?;
    let place = Place(u64::from_le_bytes(*ms), u64::from_le_bytes(*number));
    Some((place, Said::parse(value)?))
}

/// How far a shared log has been followed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Course {
    /// The generation of the log; 0: none yet.
    pub generation: u64,
    /// The place of the last entry.
    pub place: Place,
    /// When sessions were last looked through for those that are gone.
    pub swept: UnixTime,
    /// Up to which offset the journal of each process has taken effect.
    producers: BTreeMap<u128, u64>,
}

impl Course {
    /// Up to which offset a journal has taken effect.
    pub fn offset(&self, producer: u128) -> u64 {
        self.producers.get(&producer).copied().unwrap_or(0)
    }

    /// Notes a stretch of a journal; returns whether it takes effect.
    pub(super) fn takes(&mut self, producer: u128, from: u64, to: u64) -> bool {
        let goes_on = from == self.offset(producer) && to > from;
        if goes_on {
            self.producers.insert(producer, to);
        }
        goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read() {
        let cut = Cut {
            from: 7,
            to: u64::MAX,
            time: UnixTime(9),
        };
        let accepted = |accepted| Said::Accepted {
            producer: u128::MAX - 1,
            from: 3,
            to: 5,
            accepted,
        };
        for said in [
            accepted(Accepted::Records(b"records")),
            accepted(Accepted::Notes(b"")),
            Said::Cut(cut),
            Said::Begin(cut),
        ] {
            let value = said.value();
            assert_eq!(Said::parse(&value), Some(said));
            for end in 0..2 + 8 + 8 + 4 {
                assert_eq!(Said::parse(&value[..end]), None, "{said:?}: {end} bytes");
            }
            let mut bytes = Vec::new();
            Place(1 << 40, 2).write(&mut bytes);
            bytes.extend_from_slice(&value);
            assert_eq!(read(&bytes), Some((Place(1 << 40, 2), said)));
            let mut foreign = value;
            foreign[0] = 2;
            assert_eq!(Said::parse(&foreign), None);
        }
    }

    #[test]
    fn positions_grow_and_are_drawn() {
        let now = UnixTime(1_800_000_000);
        let first = Cut::after(0, now, 5);
        assert!(first.to > 0 && i64::try_from(first.to).is_ok());
        // Another leader, the same second.
        assert_ne!(Cut::after(0, now, 6).to, first.to);
        let second = Cut::after(first.to, now, u64::MAX);
        assert!(second.to > first.to);
        // A clock that was put back.
        let third = Cut::after(second.to, UnixTime(1), 0);
        assert!(third.to > second.to);
        assert!(
            i64::try_from(Cut::after(0, UnixTime(u32::MAX), u64::MAX).to).is_ok_and(|to| to > 0)
        );
    }

    #[test]
    fn a_journal_takes_effect_without_gaps() {
        let mut course = Course::default();
        for (from, to, takes) in [
            (1, 5, false),
            (0, 5, true),
            (0, 5, false),
            (5, 5, false),
            (3, 9, false),
            (5, 9, true),
            (4, 5, false),
        ] {
            assert_eq!(course.takes(7, from, to), takes, "{from} to {to}");
        }
        assert_eq!([7, 8].map(|producer| course.offset(producer)), [9, 0]);
    }
}

#[cfg(test)]
#[path = "shared_tests.rs"]
mod model_tests;
