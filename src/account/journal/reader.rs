//! Following a journal: whole entries, one after the other, over all its segments.

use super::entry::{self, Body, MAX_ENTRY_BYTES, Next};
use super::segments::{self, Segment};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;

/// A place in a journal, and what has been read ahead of it.
pub struct Reader {
    folder: PathBuf,
    seed: u32,
    segment: Option<(Segment, File)>,
    position: u64,
    /// What has been read and not used; it begins at `position`.
    buffer: Vec<u8>,
    used: usize,
    /// Bytes that were damaged and passed over.
    lost: u64,
}

impl Reader {
    pub(super) fn new(folder: PathBuf, seed: u32, position: u64) -> Reader {
        Reader {
            folder,
            seed,
            segment: None,
            position,
            buffer: Vec::new(),
            used: 0,
            lost: 0,
        }
    }

    /// Where the next entry begins.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Bytes that were damaged or missing, and have been passed over.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Shows the next whole entry that ends at `end` or before, and where it ends; returns whether
    /// there was one.
    pub fn next(&mut self, end: u64, show: &mut dyn FnMut(Body<'_>, u64)) -> io::Result<bool> {
        while self.position < end {
            if self.segment.is_none() && !self.open_holding()? {
                return Ok(false);
            }
            let whole = match entry::next(&self.buffer[self.used..], self.seed) {
                Next::Entry(body, length) => {
                    self.used += length;
                    self.position += length as u64;
                    show(body, self.position);
                    return Ok(true);
                }
                // A damaged length may promise more than there is.
                Next::Partial => self.read_more(end)? > 0,
                Next::Damaged => false,
            };
            if !whole && !self.pass_over(end)? && !self.next_segment()? {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Reads on in this segment; returns the bytes read, 0 at its end.
    fn read_more(&mut self, end: u64) -> io::Result<usize> {
        let Some((segment, file)) = &self.segment else {
            return Ok(0);
        };
        self.buffer.drain(..self.used);
        self.used = 0;
        let have = self.buffer.len();
        let from = self.position + have as u64;
        let most = usize::try_from(end.saturating_sub(from)).unwrap_or(READ_BYTES);
        self.buffer.resize(have + most.min(READ_BYTES), 0);
        let read = file.read_at(&mut self.buffer[have..], from - segment.start);
        let length = read.as_ref().copied().unwrap_or_default();
        self.buffer.truncate(have + length);
        read
    }

    /// Passes over what is damaged, to the next whole entry of the segment; returns whether there
    /// is one.
    fn pass_over(&mut self, end: u64) -> io::Result<bool> {
        loop {
            while self.buffer.len() - self.used < 2 * MAX_ENTRY_BYTES && self.read_more(end)? > 0 {}
            let bytes = &self.buffer[self.used..];
            if let Some(skip) = entry::skip(bytes, self.seed) {
                self.give_up(skip);
                return Ok(true);
            }
            if bytes.len() < 2 * MAX_ENTRY_BYTES {
                return Ok(false);
            }
            // An entry that begins in the first half would be there to its end.
            self.give_up(MAX_ENTRY_BYTES);
        }
    }

    fn give_up(&mut self, bytes: usize) {
        self.used += bytes;
        self.position += bytes as u64;
        self.lost += bytes as u64;
    }

    /// Opens the segment in which the position lies, or the first one behind it.
    fn open_holding(&mut self) -> io::Result<bool> {
        let segments = segments::list(&self.folder)?;
        let holding = segments
            .iter()
            .rfind(|segment| segment.start <= self.position);
        match holding.or(segments.first()) {
            Some(segment) => self.open(segment),
            None => Ok(false),
        }
    }

    /// Opens the segment after this one, if there is one.
    fn next_segment(&mut self) -> io::Result<bool> {
        let Some((current, _)) = &self.segment else {
            return Ok(false);
        };
        let segments = segments::list(&self.folder)?;
        match segments
            .iter()
            .find(|segment| segment.start > current.start)
        {
            Some(next) => self.open(next),
            None => Ok(false),
        }
    }

    fn open(&mut self, segment: &Segment) -> io::Result<bool> {
        let missing = segment.start.saturating_sub(self.position);
        let file = File::open(&segment.path)?;
        self.lost += missing;
        self.position += missing;
        self.buffer.clear();
        self.used = 0;
        self.segment = Some((segment.clone(), file));
        Ok(true)
    }
}
