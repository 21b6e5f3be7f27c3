//! The file of what is held, so that a restart forgets none of it.
//!
//! ```text
//! magic    16 bytes, with the version of the format
//! entries  length u32, check u32 (CRC-32, begun with that of the magic), that many bytes (postcard)
//! ```
//!
//! What is held, and what no longer is, is appended, and lasts through a power cut before it is
//! answered. When most of it is no longer true the file is written anew; when all of it is, it is
//! emptied. It holds passkeys: it is for nobody else.

use super::held::Held;
use crate::model::Seconds;
use crate::server::files;
use crate::storage::Edit;
use crc32fast::Hasher;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

const MAGIC: &[u8; 16] = b"chihaya held 01\n";
/// Edits of an entry at most: some hundred kilobytes, if all say as much as they can.
const EDITS_AN_ENTRY: usize = 256;
/// Bytes of an entry at most, whatever the file promises.
const MAX_ENTRY_BYTES: usize = 4 << 20;
/// Edits that are no longer true in a file that is written anew.
const STALE_LEAST: usize = 4096;

#[derive(Serialize, Deserialize)]
enum Entry {
    /// These are held at their positions, in place of what was.
    Held(Vec<(u64, Edit)>),
    /// Nothing is held there any more.
    Settled(Vec<u64>),
}

pub(in crate::server::private) struct HeldFile {
    path: PathBuf,
    /// Open for appending, once anything is held.
    file: Option<File>,
    bytes: u64,
    /// Where the file says that something is held.
    positions: HashSet<u64>,
    /// Edits and positions in the file.
    written: usize,
}

impl HeldFile {
    /// Reads the file, if there is one, and puts what it holds where it belongs. What follows its
    /// last whole entry has not been answered.
    pub(in crate::server::private) fn open(
        path: PathBuf,
        held: &mut Held,
        now: Seconds,
    ) -> io::Result<HeldFile> {
        let mut read = HeldFile {
            path,
            file: None,
            bytes: 0,
            positions: HashSet::new(),
            written: 0,
        };
        let bytes = match std::fs::read(&read.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(read),
            Err(error) => return Err(error),
        };
        let Some(mut rest) = bytes.strip_prefix(MAGIC) else {
            // Emptied, or cut off before anything was held.
            return match MAGIC.starts_with(&bytes) {
                true => Ok(read),
                false => Err(io::Error::other("not a file of this kind and version")),
            };
        };
        while let Some((entry, behind)) = next(rest) {
            rest = behind;
            match entry {
                Entry::Held(edits) => {
                    for (position, edit) in edits {
                        held.restore(position, edit, now);
                    }
                }
                Entry::Settled(positions) => {
                    positions
                        .into_iter()
                        .for_each(|position| drop(held.forget(position)));
                }
            }
        }
        if held.len() > 0 {
            read.rewrite(held)?;
        } else {
            read.clear()?;
        }
        Ok(read)
    }

    /// Appends what is held at these positions. What no longer is, is left out.
    pub(super) fn hold(&mut self, positions: &[u64], held: &Held) -> io::Result<()> {
        let stale = (self.written + positions.len()).saturating_sub(held.len());
        if self.file.is_none() || stale > held.len() + STALE_LEAST {
            return self.rewrite(held);
        }
        let edits = positions
            .iter()
            .filter_map(|at| Some((*at, held.get(*at)?)));
        let edits: Vec<(u64, &Edit)> = edits.collect();
        let mut bytes = Vec::new();
        write_held(&edits, &mut bytes)?;
        self.append(&bytes)?;
        self.written += edits.len();
        self.positions
            .extend(edits.iter().map(|(position, _)| *position));
        Ok(())
    }

    /// Notes that nothing is held there any more.
    pub(super) fn settle(&mut self, positions: &[u64]) -> io::Result<()> {
        let there = |position: &u64| self.positions.remove(position);
        let gone: Vec<u64> = positions.iter().copied().filter(there).collect();
        if gone.is_empty() {
            return Ok(());
        }
        if self.positions.is_empty() {
            return self.clear();
        }
        let mut bytes = Vec::new();
        self.written += gone.len();
        write(&Entry::Settled(gone), &mut bytes)?;
        self.append(&bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        // At its place: what a failed write has left is written over by the next.
        file.write_all_at(bytes, self.bytes)?;
        file.sync_data()?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.file = None;
        (self.bytes, self.written) = (0, 0);
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes all that is held into a new file.
    fn rewrite(&mut self, held: &Held) -> io::Result<()> {
        let edits = held.iter().map(|(ticket, edit)| (ticket.position, edit));
        let edits: Vec<(u64, &Edit)> = edits.collect();
        let mut write_all = |to: &mut dyn Write| -> io::Result<()> {
            to.write_all(MAGIC)?;
            let mut bytes = Vec::new();
            for edits in edits.chunks(EDITS_AN_ENTRY) {
                bytes.clear();
                write_held(edits, &mut bytes)?;
                to.write_all(&bytes)?;
            }
            Ok(())
        };
        self.bytes = files::replace(&self.path, &mut write_all)?;
        self.file = Some(File::options().write(true).open(&self.path)?);
        self.written = edits.len();
        self.positions = edits.into_iter().map(|(position, _)| position).collect();
        Ok(())
    }
}

fn write_held(edits: &[(u64, &Edit)], to: &mut Vec<u8>) -> io::Result<()> {
    for edits in edits.chunks(EDITS_AN_ENTRY) {
        let edits = edits
            .iter()
            .map(|(position, edit)| (*position, Edit::clone(edit)));
        write(&Entry::Held(edits.collect()), to)?;
    }
    Ok(())
}

fn check(bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(crc32fast::hash(MAGIC));
    hasher.update(&(bytes.len() as u32).to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

fn write(entry: &Entry, to: &mut Vec<u8>) -> io::Result<()> {
    let bytes = postcard::to_allocvec(entry).map_err(io::Error::other)?;
    to.extend((bytes.len() as u32).to_le_bytes());
    to.extend(check(&bytes).to_le_bytes());
    to.extend(bytes);
    Ok(())
}

/// The entry at the front of some bytes, and what follows it; `None` where there is no whole one.
fn next(bytes: &[u8]) -> Option<(Entry, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (found, rest) = rest.split_first_chunk()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX_ENTRY_BYTES {
        return None;
    }
    let (entry, rest) = rest.split_at_checked(length)?;
    if check(entry) != u32::from_le_bytes(*found) {
        return None;
    }
    Some((postcard::from_bytes(entry).ok()?, rest))
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
