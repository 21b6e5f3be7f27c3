//! Who ends and commits batches: a tracker by itself does, of several that share a log the one that
//! leads.

use crate::account::books::Books;
use crate::account::journal::{Entry, Journal};
use crate::model::UnixTime;
use crate::server::clock::wall_secs;
use std::io;

/// Seconds in which every session is looked at once.
const SWEEP_SECS: usize = 120;
/// Sessions a sweep looks at in a second at least.
const SWEEP_LEAST: usize = 1024;

/// The part that this process has in keeping the books; called by the thread that keeps them.
pub(in crate::server) trait Role: Send {
    /// Whether it commits batches at this moment.
    fn commits(&self) -> bool;

    /// The books have come so far; what others want of them is done.
    fn attend(&mut self, journal: &Journal, books: &mut Books) -> io::Result<Attended>;

    /// The books have been written as they are.
    fn written(&mut self, books: &Books);

    /// A batch has ended.
    fn batch_begins(&mut self, books: &Books);

    /// Ends the batch that is being gathered, unless one is on its way; the journal, when it is
    /// followed, says when it has ended.
    fn cut(&mut self, journal: &Journal, books: &Books) -> io::Result<()>;

    /// Whether the end of a batch is still to be followed.
    fn is_cutting(&self) -> bool;

    /// How far the journal has been accounted for, and how far it is in the storage.
    fn progress(&self, books: &Books) -> (u64, u64);

    /// A second has passed.
    fn sweep(&mut self, books: &mut Books);
}

/// What has become of the books.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::server) enum Attended {
    /// Nothing.
    Same,
    /// They are to be written.
    #[cfg(feature = "redis")]
    Wanted,
    /// They are others, and are to be written.
    Replaced,
}

/// A tracker by itself.
#[derive(Default)]
pub(super) struct Alone {
    /// A batch has been ended in the journal, and not yet been seen there.
    cutting: bool,
}

impl Role for Alone {
    fn commits(&self) -> bool {
        true
    }

    fn attend(&mut self, _: &Journal, _: &mut Books) -> io::Result<Attended> {
        Ok(Attended::Same)
    }

    fn written(&mut self, _: &Books) {}

    fn batch_begins(&mut self, _: &Books) {
        self.cutting = false;
    }

    fn cut(&mut self, journal: &Journal, books: &Books) -> io::Result<()> {
        if books.wants_cut() && !self.cutting {
            journal.append(&mut Entry::cut())?;
            self.cutting = true;
        }
        Ok(())
    }

    fn is_cutting(&self) -> bool {
        self.cutting
    }

    fn progress(&self, books: &Books) -> (u64, u64) {
        (books.applied(), books.committed_to())
    }

    fn sweep(&mut self, books: &mut Books) {
        let sessions = books.ledger().sessions().len();
        let most = sessions / SWEEP_SECS + SWEEP_LEAST;
        books.sweep(UnixTime(wall_secs() as u32), most);
    }
}
