//! What is to be looked up in the storage for those who ask over the management API. The thread that
//! owns the storage answers; nobody waits for it.

use crate::storage::{Entry, Listing, Storage, StorageError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

/// Lookups that wait at most: a storage that hangs must not gather them.
const WAITING_MOST: usize = 64;

/// Why nothing was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::server) enum LookupError {
    /// The storage is away, or has too much to do.
    Away,
    /// Its directory is the web application's alone.
    Unreadable,
}

/// What is told of a lookup.
pub(in crate::server) type Found = Result<Vec<Entry>, LookupError>;

struct Lookup {
    listing: Listing,
    most: usize,
    done: Box<dyn FnOnce(Found) + Send>,
}

/// Lookups that wait for the storage.
#[derive(Default)]
pub(in crate::server) struct Lookups {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Lookup>,
    /// The storage has failed, or is not open yet, or not any more.
    is_away: bool,
    storage: Option<Thread>,
}

impl Lookups {
    /// Asks for a part of the directory, and returns at once. `done` is called by the thread that
    /// owns the storage, which it must not keep waiting, or by this one.
    pub(in crate::server) fn ask(
        &self,
        listing: Listing,
        most: usize,
        done: impl FnOnce(Found) + Send + 'static,
    ) {
        let mut state = self.state();
        if state.is_away || state.waiting.len() >= WAITING_MOST {
            drop(state);
            return done(Err(LookupError::Away));
        }
        state.waiting.push(Lookup {
            listing,
            most,
            done: Box::new(done),
        });
        state.storage.iter().for_each(Thread::unpark);
    }

    /// Names the thread that owns the storage.
    pub(super) fn set_thread(&self, storage: &Thread) {
        self.state().storage = Some(storage.clone());
    }

    /// Answers what waits.
    pub(super) fn answer(&self, storage: &mut dyn Storage) -> Result<(), StorageError> {
        let mut waiting = {
            let mut state = self.state();
            state.is_away = false;
            std::mem::take(&mut state.waiting).into_iter()
        };
        while let Some(lookup) = waiting.next() {
            let mut entries = Vec::new();
            let Some(directory) = storage.directory() else {
                (lookup.done)(Err(LookupError::Unreadable));
                continue;
            };
            let listed = directory.list(&lookup.listing, lookup.most, &mut |entry| {
                entries.push(entry);
            });
            if let Err(error) = listed {
                std::iter::once(lookup)
                    .chain(waiting)
                    .for_each(|lookup| (lookup.done)(Err(LookupError::Away)));
                return Err(error);
            }
            (lookup.done)(Ok(entries));
        }
        Ok(())
    }

    /// The storage does not work, or no more: nothing waits for it until it answers again.
    pub(super) fn storage_is_away(&self) {
        let waiting = {
            let mut state = self.state();
            state.is_away = true;
            std::mem::take(&mut state.waiting)
        };
        let waiting = waiting.into_iter();
        waiting.for_each(|lookup| (lookup.done)(Err(LookupError::Away)));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What it guards is whole at every moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
