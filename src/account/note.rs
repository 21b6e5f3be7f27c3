//! What the books must know beside announces, in the order of things: so it stands in the journal
//! with them, and a replay says the same.

use crate::model::{TorrentId, UnixTime, UserId};
use serde::{Deserialize, Serialize};

/// Something that has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Note {
    /// The sessions of a user with a torrent were ended by the site, at this time.
    Gone(UnixTime, UserId, TorrentId),
    /// Clients announce at this pace from here on; `None`: as configured.
    Pace(Option<Pace>),
}

/// What a pace means for what is credited.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pace {
    /// As in [`Rules::longest_gap_secs`](super::ledger::Rules::longest_gap_secs).
    pub longest_gap_secs: u32,
    /// As in [`Rules::min_interval_secs`](super::ledger::Rules::min_interval_secs).
    pub min_interval_secs: u32,
}

const GONE: u8 = 1;
const PACE: u8 = 2;
const PACE_AS_CONFIGURED: u8 = 3;

impl Note {
    /// Appends its bytes, numbers in little-endian order.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Note::Gone(time, user, torrent) => {
                out.push(GONE);
                out.extend(time.0.to_le_bytes());
                out.extend(user.0.to_le_bytes());
                out.extend(torrent.0.to_le_bytes());
            }
            Note::Pace(Some(pace)) => {
                out.push(PACE);
                out.extend(pace.longest_gap_secs.to_le_bytes());
                out.extend(pace.min_interval_secs.to_le_bytes());
            }
            Note::Pace(None) => out.push(PACE_AS_CONFIGURED),
        }
    }

    /// Reads the note at the front of some bytes, and what follows it.
    fn read(bytes: &[u8]) -> Option<(Note, &[u8])> {
        let (kind, rest) = bytes.split_first()?;
        match *kind {
            GONE => {
                let (time, rest) = rest.split_first_chunk()?;
                let (user, rest) = rest.split_first_chunk()?;
                let (torrent, rest) = rest.split_first_chunk()?;
                let time = UnixTime(u32::from_le_bytes(*time));
                let user = UserId(u64::from_le_bytes(*user));
                let torrent = TorrentId(u64::from_le_bytes(*torrent));
                Some((Note::Gone(time, user, torrent), rest))
            }
            PACE => {
                let (gap, rest) = rest.split_first_chunk()?;
                let (min_interval, rest) = rest.split_first_chunk()?;
                let pace = Pace {
                    longest_gap_secs: u32::from_le_bytes(*gap),
                    min_interval_secs: u32::from_le_bytes(*min_interval),
                };
                Some((Note::Pace(Some(pace)), rest))
            }
            PACE_AS_CONFIGURED => Some((Note::Pace(None), rest)),
            _ => None,
        }
    }
}

/// The notes of an entry of the journal, in order; what cannot be read ends them.
pub fn notes(mut body: &[u8]) -> impl Iterator<Item = Note> {
    std::iter::from_fn(move || {
        let (note, rest) = Note::read(body)?;
        body = rest;
        Some(note)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let pace = Pace {
            longest_gap_secs: u32::MAX,
            min_interval_secs: 1,
        };
        let written = [
            Note::Gone(UnixTime(7), UserId(u64::MAX), TorrentId(1 << 40)),
            Note::Pace(None),
            Note::Pace(Some(pace)),
            Note::Gone(UnixTime(u32::MAX), UserId(1), TorrentId(2)),
        ];
        let mut bytes = Vec::new();
        written.iter().for_each(|note| note.write(&mut bytes));
        assert!(notes(&bytes).eq(written));
        for end in 0..bytes.len() {
            let read: Vec<Note> = notes(&bytes[..end]).collect();
            assert!(read.len() < written.len(), "{end} bytes");
            assert_eq!(read, written[..read.len()], "{end} bytes");
        }
        bytes.insert(0, 9);
        assert_eq!(notes(&bytes).count(), 0, "a kind that is none");
    }
}
