//! The one who decides what the directory is: what is pushed and what the storage says become one
//! registry, which all workers go by.
//!
//! A push is made in the registry and published; it is answered when no worker goes by an older one
//! any more, and when the storage has it. A storage that takes too long, or is away, does not keep
//! it from being answered: then it is *held*. What is not in the storage is made again over all that
//! is loaded, so that nothing pushed is undone by a load that began before it.

mod file;
mod held;
mod leaving;
mod loads;
mod making;
mod pacing;
mod pushing;
mod truth;
mod work;

pub(super) use file::HeldFile;
pub(super) use held::Held;
pub(super) use leaving::Ender;
pub(super) use pacing::Pacing;
pub(super) use work::Work;

use super::super::clock::Clock;
use crate::model::{Counts, TorrentId, UserId};
use crate::storage::{Edit, EditError};
use crate::tracker::pace::Pace;
use crate::tracker::registry::{Leaving, Published, Registry};
use crate::tracker::sessions::{Listed, Sessions};
use pushing::Push;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use truth::Truth;

/// Edits that wait to be made at most: what is made in some tenths of a second.
const WAITING_MOST: usize = 1 << 16;

/// Clients that are listed at once at most: the largest swarms of private sites, a megabyte.
pub const LISTED_MOST: usize = 10_000;

/// What has become of an edit that was pushed: it is in effect on every worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pushed {
    /// The number of the user or torrent; `None` of all else.
    pub id: Option<u64>,
    /// Whether it was not there before.
    pub created: bool,
    /// Whether the storage has it.
    pub stored: Stored,
}

/// Where an edit is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stored {
    /// In the storage.
    Written,
    /// In the tracker's own files, until the storage has it, or says otherwise.
    Held,
}

/// Why an edit was not made. Texts are fixed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PushError {
    /// There is no such user, torrent, prefix or token.
    NotFound,
    /// It would take what belongs to another.
    Conflict(&'static str),
    /// It says something that cannot be.
    Invalid(&'static str),
    /// Not now: too much is held or waiting, or the storage, which must give a number, is away.
    Busy,
}

impl From<EditError> for PushError {
    fn from(error: EditError) -> PushError {
        match error {
            EditError::NotFound => PushError::NotFound,
            EditError::Conflict(text) => PushError::Conflict(text),
            EditError::Invalid(text) => PushError::Invalid(text),
        }
    }
}

/// What is told of a push: an answer for each of its edits.
pub type Answers = Vec<Result<Pushed, PushError>>;

/// The directory of a running private tracker, for those who change it and look into it.
pub struct Authority {
    published: Arc<Published>,
    sessions: Arc<Sessions>,
    clock: Clock,
    state: Mutex<State>,
    inbox: Mutex<Inbox>,
    threads: Mutex<Threads>,
    stopping: AtomicBool,
}

/// The directory and what is to come into it; changed under one lock, by the thread that makes
/// pushes and the one that owns the storage.
struct State {
    truth: Truth,
    /// As configured.
    pace: Pace,
    /// New users and torrents that the storage must give a number, by the numbers of their edits.
    births: BTreeMap<u64, Edit>,
    /// The directory has changed since it was written to its file.
    unsaved: bool,
    storage: Condition,
}

/// What is known of the storage.
#[derive(Clone, Copy, Default)]
struct Condition {
    /// Whether its directory can be written; `None` until it is open.
    writable: Option<bool>,
    is_away: bool,
    /// It has kept somebody waiting for too long, and still does.
    is_overdue: bool,
}

/// What has come for the thread that makes pushes.
#[derive(Default)]
struct Inbox {
    pushes: Vec<Push>,
    /// Edits of these.
    edits: usize,
    /// Nothing more is taken.
    closed: bool,
    written: Vec<work::Written>,
    /// What loads have changed: whose sessions end, or that all must be judged anew by what was
    /// before, and where nothing is held any more.
    leaving: Vec<Leaving>,
    before: Option<Registry>,
    settled: Vec<u64>,
}

#[derive(Default)]
struct Threads {
    authority: Option<Thread>,
    storage: Option<Thread>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

impl Authority {
    /// Begins with what is held from an earlier run, over a registry that knows nobody.
    pub(super) fn new(
        published: Arc<Published>,
        sessions: Arc<Sessions>,
        held: Held,
        pace: Pace,
        clock: Clock,
    ) -> Authority {
        let truth = Truth::new(Registry::clone(&published.current()), held);
        published.publish(truth.registry.clone());
        Authority {
            published,
            sessions,
            clock,
            state: Mutex::new(State {
                truth,
                pace,
                births: BTreeMap::new(),
                unsaved: false,
                storage: Condition::default(),
            }),
            inbox: Mutex::default(),
            threads: Mutex::default(),
            stopping: AtomicBool::new(false),
        }
    }

    /// The directory as it is now.
    pub fn registry(&self) -> Arc<Registry> {
        self.published.current()
    }

    /// Makes edits, in their order, and returns at once. `done` is called with an answer for each
    /// of them, when all are in effect on every worker, and in the storage or held; by another
    /// thread, which it must not keep waiting, or by this one, when too many edits wait already.
    pub fn push(&self, edits: Vec<Edit>, done: impl FnOnce(Answers) + Send + 'static) {
        let mut inbox = lock(&self.inbox);
        let is_full = inbox.edits > 0 && inbox.edits.saturating_add(edits.len()) > WAITING_MOST;
        if inbox.closed || is_full {
            drop(inbox);
            return done(edits.iter().map(|_| Err(PushError::Busy)).collect());
        }
        inbox.edits += edits.len();
        inbox.pushes.push(Push::new(edits, Box::new(done)));
        drop(inbox);
        self.wake_authority();
    }

    /// Clients of a user that announce now, [`LISTED_MOST`] at most.
    pub fn user_sessions(&self, user: UserId) -> Vec<Listed> {
        self.sessions.of_user(user, self.clock.now(), LISTED_MOST)
    }

    /// Clients with a torrent that announce now, [`LISTED_MOST`] at most. Looks at all clients there
    /// are, some nanoseconds each.
    pub fn torrent_sessions(&self, torrent: TorrentId) -> Vec<Listed> {
        let now = self.clock.now();
        self.sessions.of_torrent(torrent, now, LISTED_MOST)
    }

    /// How many clients of a user, or of everybody, have all of their torrents, and how many do not.
    /// Looks at all clients there are, some nanoseconds each.
    pub fn counts(&self, user: Option<UserId>) -> Counts {
        self.sessions.counts(user)
    }

    /// How many clients announce.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// How many users, torrents and others are not as the storage has them yet.
    pub fn held(&self) -> usize {
        self.state().truth.held.len()
    }

    /// Names the threads, so that they can be woken.
    pub(super) fn set_threads(&self, authority: &Thread, storage: &Thread) {
        *lock(&self.threads) = Threads {
            authority: Some(authority.clone()),
            storage: Some(storage.clone()),
        };
    }

    /// Takes no more pushes.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake_authority();
    }

    /// Makes the registry the one that everybody goes by.
    fn publish(&self, state: &mut State) {
        let registry = &state.truth.registry;
        let pace = state.pace.with(registry.global());
        self.sessions.set_min_interval(pace.min_interval_secs);
        self.published.publish(registry.clone());
        state.unsaved = true;
    }

    fn wake_authority(&self) {
        lock(&self.threads)
            .authority
            .iter()
            .for_each(Thread::unpark);
    }

    fn wake_storage(&self) {
        lock(&self.threads).storage.iter().for_each(Thread::unpark);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What it guards is whole at every moment: a panic elsewhere does not spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
