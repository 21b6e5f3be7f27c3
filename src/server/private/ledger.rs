//! The thread that follows the journal and keeps the books.

use super::exchange::Exchange;
use super::progress::Progress;
use super::role::{Attended, Role};
use crate::account::books::Books;
use crate::account::checkpoint;
use crate::account::journal::{Journal, Reader};
use crate::server::files;
use log::{error, info, warn};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The books, in the folder of the journal.
pub(in crate::server) const CHECKPOINT_FILE: &str = "checkpoint";
/// How long the thread sleeps when nothing has been appended.
const IDLE: Duration = Duration::from_millis(100);
/// Entries accounted for before it looks at its other duties.
const ENTRIES_A_TURN: usize = 256;
/// Seconds the last batches may take into the storage when the tracker stops. What is not in by
/// then is in the checkpoint.
const STOP_SECS: u64 = 5;

pub(super) struct Work {
    /// What is followed: the journal, or the copy of a log that is shared.
    pub(super) journal: Arc<Journal>,
    pub(super) books: Books,
    pub(super) role: Box<dyn Role>,
    pub(super) exchange: Arc<Exchange>,
    pub(super) progress: Arc<Progress>,
    pub(super) stopping: Arc<AtomicBool>,
    pub(super) flush_interval: Duration,
    pub(super) sync_interval: Duration,
    /// Bytes of the journal after which a checkpoint is made.
    pub(super) checkpoint_bytes: u64,
}

/// What is to be done when.
struct Duties {
    reader: Reader,
    /// Batches are committed by this process.
    commits: bool,
    flushed: Instant,
    synced: Instant,
    synced_to: u64,
    swept: Instant,
    /// Bytes that were damaged and have been told of.
    lost: u64,
    checkpoint_at: u64,
    failing: bool,
}

impl Work {
    pub(super) fn run(mut self) {
        let now = Instant::now();
        let mut duties = Duties {
            reader: self.journal.read(self.books.applied()),
            commits: false,
            flushed: now,
            synced: now,
            synced_to: self.journal.end(),
            swept: now,
            lost: 0,
            checkpoint_at: self.books.applied() + self.checkpoint_bytes,
            failing: false,
        };
        while !self.stopping.load(Ordering::Acquire) {
            let result = self.turn(&mut duties);
            let idle = !matches!(result, Ok(true));
            duties.tell(result.map(drop));
            if idle {
                std::thread::park_timeout(IDLE);
            }
        }
        let result = self.finish(&mut duties);
        duties.tell(result);
    }

    /// Does what is due; returns whether there is more to follow.
    fn turn(&mut self, duties: &mut Duties) -> io::Result<bool> {
        let more = self.follow(duties)?;
        self.take_committed();
        self.attend(duties)?;
        let (accounted, committed) = self.role.progress(&self.books);
        self.progress.set_positions(accounted, committed);
        let now = Instant::now();
        if now - duties.synced >= self.sync_interval {
            duties.synced = now;
            self.sync(duties)?;
        }
        if now - duties.flushed >= self.flush_interval {
            duties.flushed = now;
            self.cut()?;
        }
        if now - duties.swept >= Duration::from_secs(1) {
            duties.swept = now;
            self.role.sweep(&mut self.books);
        }
        if self.books.applied() >= duties.checkpoint_at {
            self.checkpoint(duties)?;
        }
        Ok(more)
    }

    fn take_committed(&mut self) {
        if let Some(to) = self.exchange.take_committed() {
            self.books.committed(to);
        }
    }

    /// Does what others want of the books, and looks who commits.
    fn attend(&mut self, duties: &mut Duties) -> io::Result<()> {
        let attended = self.role.attend(&self.journal, &mut self.books)?;
        if attended == Attended::Replaced {
            self.exchange.withdraw();
            duties.reader = self.journal.read(self.books.applied());
            duties.commits = false;
        }
        if attended != Attended::Same {
            self.checkpoint(duties)?;
            self.role.written(&self.books);
        }
        let commits = self.role.commits();
        match (std::mem::replace(&mut duties.commits, commits), commits) {
            (false, true) => self.offer(),
            (true, false) => self.exchange.withdraw(),
            _ => {}
        }
        Ok(())
    }

    fn offer(&self) {
        if let Some(batch) = self.books.in_flight() {
            self.exchange.offer(Arc::clone(batch));
        }
    }

    /// Accounts for entries; returns whether there may be more.
    fn follow(&mut self, duties: &mut Duties) -> io::Result<bool> {
        for _ in 0..ENTRIES_A_TURN {
            let end = self.journal.end();
            let before = self.books.in_flight().map(|batch| batch.to);
            let books = &mut self.books;
            if !duties
                .reader
                .next(end, &mut |body, end| books.follow(body, end))?
            {
                return Ok(false);
            }
            let batch = self.books.in_flight();
            if batch.is_some_and(|batch| Some(batch.to) != before) {
                // What a batch says must not be forgotten by a power cut after it is committed.
                self.journal.sync()?;
                self.role.batch_begins(&self.books);
                if duties.commits {
                    self.offer();
                }
            }
        }
        Ok(true)
    }

    fn sync(&self, duties: &mut Duties) -> io::Result<()> {
        let end = self.journal.end();
        if end != duties.synced_to {
            self.journal.sync()?;
            duties.synced_to = end;
        }
        Ok(())
    }

    /// Ends the batch that is being gathered, unless one is on its way.
    fn cut(&mut self) -> io::Result<()> {
        self.role.cut(&self.journal, &self.books)
    }

    /// Writes the books beside the old ones, puts them in their place, and lets go of what is no
    /// longer needed of the journal.
    fn checkpoint(&self, duties: &mut Duties) -> io::Result<()> {
        // After a power cut the journal must not end before the books do.
        self.journal.sync()?;
        let path = self.journal.folder().join(CHECKPOINT_FILE);
        let bytes = files::replace(&path, &mut |to| checkpoint::save(&self.books, to))?;
        // Books that take long to write are written less often.
        duties.checkpoint_at = self.books.applied() + self.checkpoint_bytes.max(2 * bytes);
        self.journal.forget_before(self.books.applied())
    }

    /// Takes the last records in, waits a little for the storage to take the last batches, and
    /// writes the books.
    fn finish(&mut self, duties: &mut Duties) -> io::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(STOP_SECS);
        loop {
            while self.follow(duties)? {}
            self.take_committed();
            self.attend(duties)?;
            if !self.role.commits() {
                // Those who go on do it.
                return self.checkpoint(duties);
            }
            self.cut()?;
            let done = self.books.in_flight().is_none() && !self.role.is_cutting();
            if done || Instant::now() >= deadline {
                break;
            }
            if !self.role.is_cutting() {
                std::thread::park_timeout(IDLE);
            }
        }
        if let Some(batch) = self.books.in_flight() {
            info!(
                "storage: {} rows wait in the checkpoint for the next start",
                batch.rows()
            );
        }
        self.checkpoint(duties)
    }
}

impl Duties {
    /// Tells the operator when something goes wrong, and when it goes well again.
    fn tell(&mut self, result: io::Result<()>) {
        let lost = self.reader.lost();
        if lost > self.lost {
            warn!(
                "journal: {} bytes are damaged and passed over",
                lost - self.lost
            );
            self.lost = lost;
        }
        match result {
            Err(error) if !self.failing => {
                error!("journal: {error}; totals wait until it can be read and written again");
                self.failing = true;
            }
            Ok(()) if self.failing => {
                info!("journal: read and written again");
                self.failing = false;
            }
            _ => {}
        }
    }
}
