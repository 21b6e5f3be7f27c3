//! The thread that makes what is pushed.
//!
//! A turn takes all that has come and makes it together: one registry is published for all of it,
//! one wait tells that every worker goes by it, and what the storage must have waits there to be
//! written in one transaction. The more comes, the more is gathered.

use super::held::Object;
use super::pushing::Push;
use super::{Authority, Inbox, PushError, Pushed, State, Stored, lock};
use crate::model::{TorrentId, UserId};
use crate::storage::{Edit, EditError, Placed, TorrentName, UserName};
use crate::tracker::registry::{Edited, Registry, Unedited};
use slab::Slab;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long a push waits for the storage before it is answered without.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the thread sleeps when nobody wakes it.
const IDLE: Duration = Duration::from_millis(500);
/// Looks at the workers before the thread sleeps between them, and how long it sleeps then: a tick
/// takes some tens of microseconds, one that waits for a disk takes longer.
const LOOKS: u32 = 32;
const BETWEEN_LOOKS: Duration = Duration::from_micros(100);

/// What the storage says of an edit.
pub(super) struct Written {
    pub(super) number: u64,
    pub(super) result: Result<Placed, EditError>,
    /// The edit, where it adds what had no number.
    pub(super) birth: Option<Edit>,
}

pub(in crate::server::private) struct Work {
    authority: Arc<Authority>,
    pushes: Slab<Push>,
    /// Pushes with edits to be made, in their order.
    ready: VecDeque<usize>,
    /// Edits of which the storage has said nothing yet, by their numbers.
    waiting: HashMap<u64, Waiting>,
    /// Until when they wait.
    deadlines: VecDeque<(Instant, u64)>,
    /// Those that wait no longer.
    expired: Vec<u64>,
    /// Pushes that may be done.
    touched: Vec<usize>,
}

/// An edit that waits for the storage.
struct Waiting {
    push: usize,
    place: usize,
    placed: Placed,
    /// What it is about; `None` of what has no number yet.
    object: Option<Object>,
    /// The edit in whose place it stands, which waits as well.
    before: Option<u64>,
}

/// What has become of the next edit of a push.
enum Made {
    Done(Edited),
    Refused(PushError),
    /// It adds what the storage must give a number.
    Born,
    /// It may be about something that has no number yet.
    Later,
}

impl State {
    /// Makes an edit in the registry.
    fn make(&self, edit: &Edit, is_behind_birth: bool, next: &mut Registry) -> Made {
        if self.held.is_full() {
            return Made::Refused(PushError::Busy);
        }
        let made = match is_behind_birth {
            false => next.edit(edit),
            true => match next.clone().edit(edit) {
                Err(Unedited::NeedsNumber) => Err(Unedited::NeedsNumber),
                _ => return Made::Later,
            },
        };
        let error = match made {
            Ok(edited) => return Made::Done(edited),
            Err(Unedited::NeedsNumber) if self.storage.is_expected() => return Made::Born,
            Err(Unedited::NeedsNumber) if self.storage.writable == Some(false) => {
                PushError::Invalid("it needs a number: the storage gives none")
            }
            Err(Unedited::NeedsNumber) => PushError::Busy,
            // Who knows, before anything is loaded?
            Err(Unedited::Refused(EditError::NotFound)) if !next.is_loaded() => PushError::Busy,
            Err(Unedited::Refused(error)) => error.into(),
        };
        Made::Refused(error)
    }
}

impl Work {
    pub(in crate::server::private) fn new(authority: Arc<Authority>) -> Work {
        Work {
            authority,
            pushes: Slab::new(),
            ready: VecDeque::new(),
            waiting: HashMap::new(),
            deadlines: VecDeque::new(),
            expired: Vec::new(),
            touched: Vec::new(),
        }
    }

    pub(in crate::server::private) fn run(mut self) {
        while !self.authority.stopping.load(Ordering::Acquire) {
            if !self.turn() {
                std::thread::park_timeout(self.sleep());
            }
        }
        // What is waited for is answered without before long.
        lock(&self.authority.inbox).closed = true;
        while self.turn() || !self.waiting.is_empty() {
            std::thread::park_timeout(self.sleep());
        }
        self.pushes.drain().for_each(Push::finish);
    }

    fn sleep(&self) -> Duration {
        let next = self.deadlines.front();
        next.map_or(IDLE, |(deadline, _)| {
            deadline.saturating_duration_since(Instant::now()).min(IDLE)
        })
    }

    /// Does what is to be done; returns whether anything was.
    fn turn(&mut self) -> bool {
        let Inbox {
            pushes, written, ..
        } = self.take_inbox();
        let came = !pushes.is_empty() || !written.is_empty();
        for push in pushes {
            let key = self.pushes.insert(push);
            self.ready.push_back(key);
        }
        let authority = Arc::clone(&self.authority);
        let made = {
            let mut state = authority.state();
            let mut next = state.registry.clone();
            let mut changed = false;
            for written in written {
                changed |= self.take_written(written, &mut next);
            }
            let before = self.waiting.len();
            changed |= self.make_all(&mut state, &mut next);
            let generation = changed.then(|| state.publish(&authority.published, next));
            (generation, self.waiting.len() > before)
        };
        let (generation, writes) = made;
        if writes {
            authority.wake_storage();
        }
        if let Some(generation) = generation {
            self.wait_for_effect(generation);
        }
        self.expire();
        self.finish();
        came
    }

    fn take_inbox(&self) -> Inbox {
        let mut inbox = lock(&self.authority.inbox);
        let closed = inbox.closed;
        let taken = std::mem::take(&mut *inbox);
        inbox.closed = closed;
        taken
    }

    /// Makes what can be made of all pushes; returns whether the registry has changed.
    fn make_all(&mut self, state: &mut State, next: &mut Registry) -> bool {
        let mut changed = false;
        while let Some(key) = self.ready.pop_front() {
            let Some(mut push) = self.pushes.get_mut(key).map(|push| {
                let nothing = Push::new(Vec::new(), Box::new(drop));
                std::mem::replace(push, nothing)
            }) else {
                continue;
            };
            changed |= self.make(key, &mut push, state, next);
            if let Some(place) = self.pushes.get_mut(key) {
                *place = push;
            }
            self.touched.push(key);
        }
        changed
    }

    /// Makes the edits of a push until one must wait; returns whether the registry has changed.
    fn make(
        &mut self,
        key: usize,
        push: &mut Push,
        state: &mut State,
        next: &mut Registry,
    ) -> bool {
        let mut changed = false;
        while let Some(edit) = push.next() {
            let resolved = next.by_number(edit.clone());
            let made = state.make(edit, push.births > 0, next);
            if matches!(made, Made::Later) {
                break;
            }
            let Some((edit, place)) = push.take() else {
                break;
            };
            match made {
                Made::Done(edited) => {
                    changed |= edited.changed;
                    let at = (key, place);
                    let kept = self.keep(at, resolved, &edited, state);
                    if let Some(stored) = kept {
                        push.answer(place, Ok(pushed(edited.placed, stored)));
                    }
                }
                Made::Born => {
                    push.births += 1;
                    let number = state.held.number();
                    state.births.insert(number, edit);
                    self.wait(number, (key, place), NOWHERE, None, None);
                    self.deadlines
                        .push_back((Instant::now() + PATIENCE, number));
                }
                Made::Refused(error) => push.answer(place, Err(error)),
                Made::Later => {}
            }
        }
        changed
    }

    /// Holds an edit that is made until the storage has it; says where it is kept if that is known.
    fn keep(
        &mut self,
        at: (usize, usize),
        edit: Edit,
        edited: &Edited,
        state: &mut State,
    ) -> Option<Stored> {
        let object = Object::of(&edit);
        let is_held = object.as_ref().is_some_and(|it| state.held.contains(it));
        if state.storage.writable == Some(false) && !edited.changed && !is_held {
            // The storage has said so itself.
            return Some(Stored::Written);
        }
        let Some(numbered) = state.held.hold(edit, self.authority.clock.now()) else {
            return Some(Stored::Held);
        };
        let number = numbered.number;
        self.wait(number, at, edited.placed, object, numbered.before);
        match state.storage.is_expected() {
            true => self
                .deadlines
                .push_back((Instant::now() + PATIENCE, number)),
            false => self.expired.push(number),
        }
        None
    }

    fn wait(
        &mut self,
        number: u64,
        (push, place): (usize, usize),
        placed: Placed,
        object: Option<Object>,
        before: Option<u64>,
    ) {
        let waiting = Waiting {
            push,
            place,
            placed,
            object,
            before,
        };
        self.waiting.insert(number, waiting);
    }

    /// Takes in what the storage says; returns whether the registry has changed.
    fn take_written(&mut self, written: Written, next: &mut Registry) -> bool {
        let Written {
            number,
            result,
            birth,
        } = written;
        let mut changed = false;
        if let (Some(edit), Ok(placed)) = (birth, &result) {
            let edited = next.edit(&with_number(edit, placed.id));
            changed = edited.is_ok_and(|edited| edited.changed);
        }
        let mut number = Some(number);
        while let Some(waiting) = number.and_then(|number| self.waiting.remove(&number)) {
            number = waiting.before;
            let answer = result
                .map_err(PushError::from)
                .map(|placed| match waiting.object {
                    None => pushed(placed, Stored::Written),
                    Some(_) => pushed(waiting.placed, Stored::Written),
                });
            self.answer(&waiting, answer);
        }
        changed
    }

    fn answer(&mut self, waiting: &Waiting, answer: Result<Pushed, PushError>) {
        let Some(push) = self.pushes.get_mut(waiting.push) else {
            return;
        };
        push.answer(waiting.place, answer);
        if waiting.object.is_none() {
            push.births -= 1;
            if push.births == 0 && push.next().is_some() {
                self.ready.push_back(waiting.push);
            }
        }
        self.touched.push(waiting.push);
    }

    /// Waits until no worker goes by an older registry: a tick at most.
    fn wait_for_effect(&self, generation: u64) {
        let mut looks = 0;
        while !self.authority.published.is_in_effect(generation) {
            looks += 1;
            match looks < LOOKS {
                true => std::thread::yield_now(),
                false => std::thread::sleep(BETWEEN_LOOKS),
            }
        }
    }

    /// Answers those that wait no longer for the storage.
    fn expire(&mut self) {
        let now = Instant::now();
        while let Some((deadline, number)) = self.deadlines.front().copied() {
            if deadline > now {
                break;
            }
            self.deadlines.pop_front();
            self.expired.push(number);
        }
        let authority = Arc::clone(&self.authority);
        for number in std::mem::take(&mut self.expired) {
            let Some(waiting) = self.waiting.remove(&number) else {
                continue;
            };
            let answer = match waiting.object {
                Some(_) => Ok(pushed(waiting.placed, Stored::Held)),
                None => {
                    authority.state().births.remove(&number);
                    Err(PushError::Busy)
                }
            };
            self.answer(&waiting, answer);
        }
    }

    fn finish(&mut self) {
        for key in std::mem::take(&mut self.touched) {
            if self.pushes.get(key).is_some_and(Push::is_done)
                && let Some(push) = self.pushes.try_remove(key)
            {
                push.finish();
            }
        }
    }
}

const NOWHERE: Placed = Placed {
    id: None,
    created: false,
};

fn pushed(placed: Placed, stored: Stored) -> Pushed {
    Pushed {
        id: placed.id,
        created: placed.created,
        stored,
    }
}

/// A new user or torrent with the number that the storage has given it.
fn with_number(mut edit: Edit, number: Option<u64>) -> Edit {
    match (&mut edit, number) {
        (Edit::User(user), Some(number)) => {
            user.passkey = user.said_passkey();
            user.who = UserName::Id(UserId(number));
        }
        (Edit::Torrent(torrent), Some(number)) => {
            torrent.info_hash = torrent.said_info_hash();
            torrent.which = TorrentName::Id(TorrentId(number));
        }
        _ => {}
    }
    edit
}
