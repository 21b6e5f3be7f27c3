//! Copies of the books beside the log, with which a process begins.
//!
//! A copy is the file of a checkpoint, which knows whether it is whole. Its
//! [head](crate::server::redis::head) also says where the last two cuts are: `u64 u64`.

use super::{Common, Standing, position};
use crate::account::shared::Place;
use crate::server::files;
use crate::server::redis::Position;
use crate::server::redis::head::{self, PIECE_BYTES};
use crate::server::redis::link::{Link, Open, text};
use crate::server::redis::reader::entries;
use redis::RedisResult;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Where a copy is, and what it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    copy: head::Head,
    /// As in [`Standing::cuts`].
    cuts: [u64; 2],
}

impl Head {
    /// The place of the last entry of the log that is in the books.
    pub(super) fn place(&self) -> Place {
        let Position(ms, number) = self.copy.position;
        Place(ms, number)
    }

    /// Whether the books hold all that a storage of this position has.
    pub(super) fn holds(&self, position: u64) -> bool {
        self.cuts.contains(&position)
    }

    fn bytes(&self) -> Vec<u8> {
        self.copy
            .bytes(self.cuts.map(u64::to_le_bytes).as_flattened())
    }

    fn read(bytes: &[u8]) -> Option<Head> {
        let (copy, bytes) = head::Head::read(bytes)?;
        let (from, bytes) = bytes.split_first_chunk()?;
        let (committed, _) = bytes.split_first_chunk()?;
        Some(Head {
            copy,
            cuts: [from, committed].map(|cut| u64::from_le_bytes(*cut)),
        })
    }
}

fn piece_key(common: &Common, id: u64, piece: u32) -> String {
    format!("{{{}:0}}:books:{id:016x}:{piece}", common.key)
}

/// The newest copy of a generation.
pub(super) fn head(common: &Common, link: &mut Link, generation: u64) -> RedisResult<Option<Head>> {
    let key = common.books_key(generation);
    link.call(&common.servers, |open| {
        Ok(open.get(&key)?.as_deref().and_then(Head::read))
    })
}

/// Writes a copy that was found into a file. One that is gone meanwhile is cut short, which is seen
/// when it is read.
pub(super) fn fetch(
    common: &Common,
    link: &mut Link,
    head: &Head,
    path: &Path,
) -> Result<(), String> {
    let written = files::replace(path, &mut |to| {
        for piece in 0..head.copy.pieces {
            let key = piece_key(common, head.copy.id, piece);
            let bytes = link.call(&common.servers, |open| open.get(&key));
            let bytes = bytes.map_err(|error| io::Error::other(text(&error)))?;
            to.write_all(&bytes.unwrap_or_default())?;
        }
        Ok(())
    });
    written
        .map(drop)
        .map_err(|error: io::Error| error.to_string())
}

/// Puts the books of a file beside the log, names them as the newest of their generation, and takes
/// the copy before away, with what the log needs no more.
pub(super) fn put(
    common: &Common,
    link: &mut Link,
    of: &Standing,
    id: u64,
    file: &mut File,
) -> Result<(), String> {
    let redis = |error| text(&error);
    let Standing {
        generation,
        place,
        cuts,
        ..
    } = *of;
    let before = head(common, link, generation).map_err(redis)?;
    let mut pieces = 0;
    let mut bytes = Vec::with_capacity(PIECE_BYTES);
    loop {
        bytes.clear();
        let most = PIECE_BYTES as u64;
        let read = file.take(most).read_to_end(&mut bytes);
        if read.map_err(|error| error.to_string())? == 0 {
            break;
        }
        let mut set = redis::cmd("SET");
        set.arg(piece_key(common, id, pieces)).arg(&bytes);
        let set = link.call(&common.servers, |open| open.ask(&set));
        set.map_err(redis)?;
        pieces += 1;
    }
    let position = position(place);
    let copy = head::Head {
        id,
        pieces,
        position,
    };
    let head = Head { copy, cuts };
    let named = link.call(&common.servers, |open| {
        name(common, generation, &head, open)
    });
    if !named.map_err(redis)? {
        return Err("the log has lost its end".to_owned());
    }
    remove_pieces(common, link, before)
}

fn remove_pieces(common: &Common, link: &mut Link, of: Option<Head>) -> Result<(), String> {
    let Some(of) = of else { return Ok(()) };
    for piece in 0..of.copy.pieces {
        let mut unlink = redis::cmd("UNLINK");
        unlink.arg(piece_key(common, of.copy.id, piece));
        let gone = link.call(&common.servers, |open| open.ask(&unlink));
        gone.map_err(|error| text(&error))?;
    }
    Ok(())
}

/// Takes the copy of a generation away that does not count any more.
pub(super) fn remove(common: &Common, link: &mut Link, generation: u64) -> Result<(), String> {
    let redis = |error| text(&error);
    let last = head(common, link, generation).map_err(redis)?;
    let mut unlink = redis::cmd("UNLINK");
    unlink.arg(common.books_key(generation));
    let gone = link.call(&common.servers, |open| open.ask(&unlink));
    gone.map_err(redis)?;
    remove_pieces(common, link, last)
}

/// Names a copy as the newest and trims the log, over one connection: books that have come to a
/// place that the log has lost are no beginning for others. Returns whether it has it.
fn name(common: &Common, generation: u64, head: &Head, open: &mut Open) -> RedisResult<bool> {
    let log = common.log_key(generation);
    let place = head.copy.position.to_string();
    if head.place() != Place::default() {
        let mut range = redis::cmd("XRANGE");
        let found = open.ask(range.arg(&log).arg(&place).arg(&place))?;
        if entries(found).is_empty() {
            return Ok(false);
        }
    }
    let mut set = redis::cmd("SET");
    open.ask(set.arg(common.books_key(generation)).arg(head.bytes()))?;
    let mut trim = redis::cmd("XTRIM");
    open.ask(trim.arg(&log).arg("MINID").arg("~").arg(&place))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_as_they_are_written() {
        let copy = head::Head {
            id: 5,
            pieces: 9,
            position: Position(1_700_000_000_000, 2),
        };
        let head = Head { copy, cuts: [8, 7] };
        let bytes = head.bytes();
        assert_eq!(Head::read(&bytes), Some(head));
        for short in 0..bytes.len() {
            assert_eq!(Head::read(&bytes[..short]), None, "{short} bytes");
        }
    }
}
