//! Copies beside a log are kept in pieces, and found by a head.
//!
//! ```text
//! head    version u8  id u64  pieces u32  position u64 u64  what else there is to say of the copy
//! ```
//!
//! Numbers are little-endian.

use super::Position;

const VERSION: u8 = 1;
/// Bytes of a piece: large enough for few round trips, small enough that the server never stands
/// still for one.
pub(super) const PIECE_BYTES: usize = 64 * 1024;

/// Where a copy is, and how far the log was followed in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    pub(super) id: u64,
    pub(super) pieces: u32,
    pub(super) position: Position,
}

impl Head {
    pub(super) fn bytes(&self, more: &[u8]) -> Vec<u8> {
        let Position(ms, number) = self.position;
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.id.to_le_bytes());
        bytes.extend_from_slice(&self.pieces.to_le_bytes());
        bytes.extend_from_slice(&ms.to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(more);
        bytes
    }

    /// A head, and what else it says.
    pub(super) fn read(bytes: &[u8]) -> Option<(Head, &[u8])> {
        let (version, bytes) = bytes.split_first()?;
        let (id, bytes) = bytes.split_first_chunk()?;
        let (pieces, bytes) = bytes.split_first_chunk()?;
        let (ms, bytes) = bytes.split_first_chunk()?;
        let (number, more) = bytes.split_first_chunk()?;
        let head = Head {
            id: u64::from_le_bytes(*id),
            pieces: u32::from_le_bytes(*pieces),
            position: Position(u64::from_le_bytes(*ms), u64::from_le_bytes(*number)),
        };
        (*version == VERSION).then_some((head, more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_as_they_are_written() {
        let head = Head {
            id: 5,
            pieces: 9,
            position: Position(1_700_000_000_000, 2),
        };
        let bytes = head.bytes(b"more");
        assert_eq!(Head::read(&bytes), Some((head, &b"more"[..])));
        for short in 0..bytes.len() - b"more".len() {
            assert_eq!(Head::read(&bytes[..short]), None, "{short} bytes");
        }
        let mut foreign = bytes;
        foreign[0] = 2;
        assert_eq!(Head::read(&foreign), None);
    }
}
