//! The thread that follows the journal and keeps the books.

use super::exchange::Exchange;
use super::progress::Progress;
use crate::account::books::Books;
use crate::account::checkpoint;
use crate::account::journal::{Entry, Journal, Reader};
use crate::model::UnixTime;
use crate::server::clock::wall_secs;
use crate::server::files;
use log::{error, info, warn};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The books, in the folder of the journal.
pub(super) const CHECKPOINT_FILE: &str = "checkpoint";
/// How long the thread sleeps when nothing has been appended.
const IDLE: Duration = Duration::from_millis(100);
/// Entries accounted for before it looks at its other duties.
const ENTRIES_A_TURN: usize = 256;
/// Seconds in which every session is looked at once.
const SWEEP_SECS: usize = 120;
/// Sessions a sweep looks at in a second at least.
const SWEEP_LEAST: usize = 1024;
/// Seconds the last batches may take into the storage when the tracker stops. What is not in by
/// then is in the checkpoint.
const STOP_SECS: u64 = 5;

pub(super) struct Work {
    pub(super) journal: Arc<Journal>,
    pub(super) books: Books,
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
    /// A batch has been ended in the journal, and not yet been seen there.
    cutting: bool,
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
            cutting: false,
            flushed: now,
            synced: now,
            synced_to: self.journal.end(),
            swept: now,
            lost: 0,
            checkpoint_at: self.books.applied() + self.checkpoint_bytes,
            failing: false,
        };
        if let Some(batch) = self.books.in_flight() {
            self.exchange.offer(Arc::clone(batch));
        }
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
        if let Some(to) = self.exchange.take_committed() {
            self.books.committed(to);
        }
        let books = &self.books;
        self.progress
            .set_positions(books.applied(), books.committed_to());
        let now = Instant::now();
        if now - duties.synced >= self.sync_interval {
            duties.synced = now;
            self.sync(duties)?;
        }
        if now - duties.flushed >= self.flush_interval {
            duties.flushed = now;
            self.cut(duties)?;
        }
        if now - duties.swept >= Duration::from_secs(1) {
            duties.swept = now;
            let sessions = self.books.ledger().sessions().len();
            let most = sessions / SWEEP_SECS + SWEEP_LEAST;
            self.books.sweep(UnixTime(wall_secs() as u32), most);
        }
        if self.books.applied() >= duties.checkpoint_at {
            let bytes = self.checkpoint()?;
            // Books that take long to write are written less often.
            duties.checkpoint_at = self.books.applied() + self.checkpoint_bytes.max(2 * bytes);
        }
        Ok(more)
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
            let batch = self.books.in_flight().cloned();
            if let Some(batch) = batch.filter(|batch| Some(batch.to) != before) {
                // What a batch says must not be forgotten by a power cut after it is committed.
                self.journal.sync()?;
                duties.cutting = false;
                self.exchange.offer(batch);
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
    fn cut(&self, duties: &mut Duties) -> io::Result<()> {
        if self.books.wants_cut() && !duties.cutting {
            self.journal.append(&mut Entry::cut())?;
            duties.cutting = true;
        }
        Ok(())
    }

    /// Writes the books beside the old ones, puts them in their place, and lets go of what is no
    /// longer needed of the journal; returns the bytes written.
    fn checkpoint(&self) -> io::Result<u64> {
        // After a power cut the journal must not end before the books do.
        self.journal.sync()?;
        let path = self.journal.folder().join(CHECKPOINT_FILE);
        let bytes = files::replace(&path, &mut |to| checkpoint::save(&self.books, to))?;
        self.journal.forget_before(self.books.applied())?;
        Ok(bytes)
    }

    /// Takes the last records in, waits a little for the storage to take the last batches, and
    /// writes the books.
    fn finish(&mut self, duties: &mut Duties) -> io::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(STOP_SECS);
        loop {
            while self.follow(duties)? {}
            if let Some(to) = self.exchange.take_committed() {
                self.books.committed(to);
            }
            self.cut(duties)?;
            let done = self.books.in_flight().is_none() && !duties.cutting;
            if done || Instant::now() >= deadline {
                break;
            }
            if !duties.cutting {
                std::thread::park_timeout(IDLE);
            }
        }
        if let Some(batch) = self.books.in_flight() {
            info!(
                "storage: {} rows wait in the checkpoint for the next start",
                batch.rows()
            );
        }
        self.checkpoint().map(drop)
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
