//! What the thread that keeps the books does for the others, and what it wants of them.

use super::{Common, Order, Standing, lock};
use crate::account::Books;
use crate::account::checkpoint;
use crate::account::journal::{Entry, Journal};
use crate::account::shared::{Cut, Place, Said};
use crate::model::UnixTime;
use crate::server::clock::wall_secs;
use crate::server::private::{Attended, Role};
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// After which the end of a batch that has not come by in the log is put there again.
const CUT_AGAIN: Duration = Duration::from_secs(3);

pub(super) struct Member {
    common: Arc<Common>,
    /// The batch that was ended last: its position, and how far the own journal is in it.
    last_cut: Option<(u64, u64)>,
    /// Up to which offset the own journal is committed.
    safe: u64,
    /// Up to which position everything was committed when it was last looked.
    committed: u64,
    /// When the end of a batch was put into the log that has not come by.
    cutting: Option<Instant>,
    /// The number of the order for which the books are to be written.
    writing: Option<u64>,
}

impl Member {
    pub(super) fn new(common: Arc<Common>) -> Member {
        Member {
            common,
            last_cut: None,
            safe: 0,
            committed: 0,
            cutting: None,
            writing: None,
        }
    }

    /// Looks what has been committed.
    fn settle(&mut self, books: &Books) {
        let committed = books.committed_to();
        if let Some((_, offset)) = self.last_cut.take_if(|(to, _)| *to <= committed) {
            self.safe = self.safe.max(offset);
        }
        if std::mem::replace(&mut self.committed, committed) != committed && self.common.leads() {
            self.common.proven.store(true, Ordering::Release);
        }
    }

    fn publish(&self, books: &Books) -> Standing {
        let standing = Standing::of(books, self.common.producer, self.safe);
        *lock(&self.common.standing) = standing;
        standing
    }

    fn say_done(&self, order: u64, done: Result<Standing, String>) {
        lock(&self.common.desk).done = Some((order, done));
    }

    /// What can be done now. Before a generation begins, the batch that is on its way comes first,
    /// and all that is known of the log.
    fn next_order(&self, journal: &Journal, books: &Books) -> Option<(u64, Order)> {
        let is_early = books.in_flight().is_some() || books.applied() < journal.end();
        let order = &mut lock(&self.common.desk).order;
        order.take_if(|(_, order)| !(is_early && matches!(order, Order::Begin)))
    }

    fn join(&mut self, path: &Path, journal: &Journal, books: &mut Books) -> Result<(), String> {
        let rules = books.ledger().configured();
        let seed = crate::server::random().map_err(|error| error.to_string())?;
        let file = File::open(path).map_err(|error| error.to_string())?;
        let seed = u64::from_le_bytes(seed);
        let joined = checkpoint::load(&mut BufReader::new(file), rules, seed);
        *books = joined.map_err(|error| format!("the copy of the books: {error}"))?;
        // What the copy holds of the log so far is in these books, or in no log any more.
        books.move_to(journal.end());
        (self.last_cut, self.cutting) = (None, None);
        self.committed = books.committed_to();
        Ok(())
    }

    /// Ends a batch here and now, with which a generation begins.
    fn begin(&self, journal: &Journal, books: &Books) -> io::Result<()> {
        let begin = Said::Begin(self.next_cut(books)?).value();
        journal.append(&mut Entry::of_shared(Place::default(), &begin))?;
        Ok(())
    }

    fn next_cut(&self, books: &Books) -> io::Result<Cut> {
        let random = crate::server::random().map_err(io::Error::other)?;
        Ok(Cut::after(books.from(), now(), u64::from_le_bytes(random)))
    }
}

fn now() -> UnixTime {
    UnixTime(wall_secs() as u32)
}

impl Role for Member {
    fn commits(&self) -> bool {
        self.common.leads()
    }

    fn attend(&mut self, journal: &Journal, books: &mut Books) -> io::Result<Attended> {
        self.settle(books);
        let standing = self.publish(books);
        if self.writing.is_some() {
            return Ok(Attended::Wanted);
        }
        let Some((number, order)) = self.next_order(journal, books) else {
            return Ok(Attended::Same);
        };
        match order {
            Order::Write => {
                self.writing = Some(number);
                Ok(Attended::Wanted)
            }
            Order::Join(path) => match self.join(&path, journal, books) {
                Ok(()) => {
                    self.writing = Some(number);
                    Ok(Attended::Replaced)
                }
                Err(error) => {
                    self.say_done(number, Err(error));
                    Ok(Attended::Same)
                }
            },
            Order::Begin => {
                self.begin(journal, books)?;
                self.say_done(number, Ok(standing));
                Ok(Attended::Same)
            }
        }
    }

    fn written(&mut self, books: &Books) {
        let standing = self.publish(books);
        if let Some(number) = self.writing.take() {
            self.say_done(number, Ok(standing));
        }
    }

    fn batch_begins(&mut self, books: &Books) {
        self.settle(books);
        let offset = books.course().offset(self.common.producer);
        (self.last_cut, self.cutting) = (Some((books.from(), offset)), None);
    }

    fn cut(&mut self, _: &Journal, books: &Books) -> io::Result<()> {
        let waits = self
            .cutting
            .is_some_and(|since| since.elapsed() < CUT_AGAIN);
        if waits || !self.commits() || !books.wants_shared_cut(now()) {
            return Ok(());
        }
        let cut = self.next_cut(books)?;
        lock(&self.common.desk).cut = Some(cut);
        self.cutting = Some(Instant::now());
        Ok(())
    }

    fn is_cutting(&self) -> bool {
        self.cutting.is_some()
    }

    fn progress(&self, books: &Books) -> (u64, u64) {
        (books.course().offset(self.common.producer), self.safe)
    }

    /// All who follow the log look through the sessions at the same places of it.
    fn sweep(&mut self, _: &mut Books) {}
}
