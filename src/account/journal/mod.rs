//! The journal: an append-only log of accepted announces, and the order of things.
//!
//! Workers append a tick's records as one entry, in one write, before the replies of the tick
//! leave: what has been answered survives the end of the process at any instant. The ledger
//! follows like a reader of any log, and syncs it now and then, which is what a power cut takes.
//! A position is a byte offset from the beginning of the first segment there ever was; segments
//! that a checkpoint has made superfluous go.

mod entry;
mod reader;
mod segments;

pub use entry::{Body, Entry, MAX_ENTRY_BYTES, Next, next, records, skip};
pub use reader::Reader;

use segments::Segment;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file with the name under which this journal's batches are committed.
const WRITER_FILE: &str = "writer";
const LOCK_FILE: &str = "lock";
/// Hex digits of that name.
const WRITER_DIGITS: usize = 32;
/// The journal tells who transferred what: for its owner alone.
const FILE_MODE: u32 = 0o600;

/// A journal and its end, shared by those who append and the one who follows.
pub struct Journal {
    folder: PathBuf,
    writer: String,
    seed: u32,
    max_segment_bytes: u64,
    /// Bytes of a torn entry that were cut off when it was opened.
    cut_off: u64,
    /// Locked while the journal is open: two trackers would write over each other.
    _lock: File,
    appending: Mutex<Appending>,
    /// Everything before this position is whole, and may be read.
    end: AtomicU64,
}

struct Appending {
    file: File,
    /// The position of the file's first byte.
    start: u64,
    /// Segments that are full, and not known to be on the disk.
    full: Vec<File>,
}

impl Journal {
    /// Opens the journal of a folder, or begins one. `random` names a new one. A torn entry at its
    /// end, which nobody has been answered for, is cut off.
    pub fn open(folder: &Path, max_segment_bytes: u64, random: u128) -> io::Result<Journal> {
        std::fs::create_dir_all(folder)?;
        let lock = lock(folder)?;
        let segments = segments::list(folder)?;
        let writer = writer(folder, random, segments.is_empty())?;
        let seed = crc32fast::hash(writer.as_bytes());
        let end = end(folder, seed, segments.last())?;
        let segment = match segments.last() {
            Some(last) => last.clone(),
            None => Segment::at(folder, 0),
        };
        let file = open(&segment.path)?;
        let cut_off = file.metadata()?.len().saturating_sub(end - segment.start);
        file.set_len(end - segment.start)?;
        file.sync_all()?;
        segments::sync_folder(folder)?;
        Ok(Journal {
            folder: folder.to_owned(),
            writer,
            seed,
            max_segment_bytes,
            cut_off,
            _lock: lock,
            appending: Mutex::new(Appending {
                file,
                start: segment.start,
                full: Vec::new(),
            }),
            end: AtomicU64::new(end),
        })
    }

    /// The folder it is in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name under which its batches are committed: as long as the journal is the same, and
    /// only then, positions mean the same.
    pub fn writer(&self) -> &str {
        &self.writer
    }

    /// Bytes of a torn entry that were cut off when it was opened.
    pub fn cut_off(&self) -> u64 {
        self.cut_off
    }

    /// The position of the first entry that is still there.
    pub fn start(&self) -> io::Result<u64> {
        let segments = segments::list(&self.folder)?;
        Ok(segments.first().map_or(0, |first| first.start))
    }

    /// The position behind the last entry.
    pub fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Appends an entry in one write; returns the position behind it. On an error nothing has been
    /// appended.
    pub fn append(&self, entry: &mut Entry) -> io::Result<u64> {
        if entry.is_too_long() {
            return Err(io::Error::other("more records at once than an entry holds"));
        }
        let bytes = entry.seal(self.seed);
        // Held across the write, unlike any other lock: the kernel would let one writer of a file
        // in at a time anyhow, and so what a failed write has left is overwritten by the next.
        let mut appending = self.lock();
        let end = self.end();
        if end - appending.start >= self.max_segment_bytes {
            self.begin_segment(&mut appending, end)?;
        }
        appending.file.write_all_at(bytes, end - appending.start)?;
        let end = end + bytes.len() as u64;
        self.end.store(end, Ordering::Release);
        Ok(end)
    }

    /// Begins a segment at a position beyond the end: what lay between has been lost.
    pub fn begin_at(&self, position: u64) -> io::Result<()> {
        let mut appending = self.lock();
        if position > self.end() {
            self.begin_segment(&mut appending, position)?;
            self.end.store(position, Ordering::Release);
        }
        Ok(())
    }

    fn begin_segment(&self, appending: &mut Appending, start: u64) -> io::Result<()> {
        let segment = Segment::at(&self.folder, start);
        let file = open(&segment.path)?;
        appending.start = start;
        let full = std::mem::replace(&mut appending.file, file);
        appending.full.push(full);
        Ok(())
    }

    /// Makes everything appended so far last through a power cut.
    pub fn sync(&self) -> io::Result<()> {
        let (file, full) = {
            let mut appending = self.lock();
            (
                appending.file.try_clone()?,
                std::mem::take(&mut appending.full),
            )
        };
        if let Err(error) = self.sync_full(&full) {
            self.lock().full.extend(full);
            return Err(error);
        }
        file.sync_data()
    }

    fn sync_full(&self, full: &[File]) -> io::Result<()> {
        full.iter().try_for_each(File::sync_data)?;
        match full {
            [] => Ok(()),
            _ => segments::sync_folder(&self.folder),
        }
    }

    /// Removes the segments that end before a position.
    pub fn forget_before(&self, position: u64) -> io::Result<()> {
        let segments = segments::list(&self.folder)?;
        for pair in segments.windows(2) {
            if let [segment, next] = pair
                && next.start <= position
            {
                std::fs::remove_file(&segment.path)?;
            }
        }
        Ok(())
    }

    /// A reader that begins at a position.
    pub fn read(&self, position: u64) -> Reader {
        Reader::new(self.folder.clone(), self.seed, position)
    }

    fn lock(&self) -> MutexGuard<'_, Appending> {
        self.appending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    options.mode(FILE_MODE).open(path)
}

/// Keeps others out of a folder for as long as the file is open.
fn lock(folder: &Path) -> io::Result<File> {
    let file = open(&folder.join(LOCK_FILE))?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => io::Error::other("another tracker uses it"),
        TryLockError::Error(error) => error,
    })?;
    Ok(file)
}

/// Where the whole entries of the last segment end.
fn end(folder: &Path, seed: u32, last: Option<&Segment>) -> io::Result<u64> {
    let Some(last) = last else { return Ok(0) };
    let mut reader = Reader::new(folder.to_owned(), seed, last.start);
    // Not the reader's position: it may have given up a part of what follows.
    let mut whole = last.start;
    while reader.next(u64::MAX, &mut |_, end| whole = end)? {}
    Ok(whole)
}

/// The name of the journal in a folder; a new one gets one.
fn writer(folder: &Path, random: u128, is_new: bool) -> io::Result<String> {
    let path = folder.join(WRITER_FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let name = text.trim_end();
            let good =
                name.len() == WRITER_DIGITS && name.bytes().all(|byte| byte.is_ascii_hexdigit());
            if good {
                return Ok(name.to_owned());
            }
            let message = format!("{} does not hold a journal's name", path.display());
            Err(io::Error::new(io::ErrorKind::InvalidData, message))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_new => {
            let name = format!("{random:0WRITER_DIGITS$x}");
            let new = folder.join("writer.new");
            let mut file = open(&new)?;
            file.set_len(0)?;
            file.write_all(format!("{name}\n").as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, &path)?;
            segments::sync_folder(folder)?;
            Ok(name)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
