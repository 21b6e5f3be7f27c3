//! The thread that makes what is pushed.
//!
//! A turn takes all that has come and makes it together: one registry is published for all of it,
//! one wait tells that every worker goes by it, and what the storage must have waits there to be
//! written in one transaction. The more comes, the more is gathered.

mod keeping;

use super::file::HeldFile;
use super::held::{Object, Ticket};
use super::leaving::{Ender, Gathered};
use super::making::Made;
use super::pacing::Pacing;
use super::pushing::Push;
use super::{Authority, Inbox, PushError, Pushed, State, Stored, lock};
use crate::account::note::Note;
use crate::model::UnixTime;
use crate::server::clock::wall_secs;
use crate::storage::{Edit, EditError, Placed};
use crate::tracker::registry::Edited;
use log::warn;
use slab::Slab;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long a push waits for the storage before it is answered without.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same of a new user or torrent that only the storage can give a number: it cannot be held, and
/// a transaction of many others may come before it.
const BIRTH_PATIENCE: Duration = Duration::from_secs(10);
/// Held edits beyond which a further one does not wait to be written: a transaction's worth. Whoever
/// tells of a whole directory at once need not wait for each of many transactions.
const BACKLOG_WAITED_FOR: usize = 1 << 14;
/// How long the thread sleeps when nobody wakes it.
const IDLE: Duration = Duration::from_millis(500);
/// Looks at the workers before the thread sleeps between them, and how long it sleeps then: a tick
/// takes some tens of microseconds, one that waits for a disk takes longer.
const LOOKS: u32 = 32;
const BETWEEN_LOOKS: Duration = Duration::from_micros(100);

/// What the storage says of an edit.
pub(super) struct Written {
    pub(super) ticket: Ticket,
    pub(super) result: Result<Placed, EditError>,
    /// The edit, where it is no longer held.
    pub(super) settled: Option<Edit>,
}

/// What the thread works with.
pub(in crate::server::private) struct Work {
    authority: Arc<Authority>,
    pushes: Slab<Push>,
    /// Pushes with edits to be made, in their order.
    ready: VecDeque<usize>,
    /// Edits of which the storage has said nothing yet, by their numbers.
    waiting: HashMap<u64, Waiting>,
    /// Until when they wait: those that have a number, and those that have none yet.
    deadlines: [VecDeque<(Instant, u64)>; 2],
    /// Those that wait no longer.
    expired: Vec<u64>,
    /// Pushes that may be done.
    touched: Vec<usize>,
    /// Whose sessions are to end, for which pushes, and not before when.
    leaving: Gathered,
    ending: Vec<usize>,
    end_at: Instant,
    ender: Ender,
    pacing: Pacing,
    file: HeldFile,
    /// Where nothing is held any more, which must be noted in the file.
    settled: Vec<u64>,
    file_failing: bool,
}

/// An edit that waits for the storage.
struct Waiting {
    push: usize,
    place: usize,
    placed: Placed,
    /// Where it is held; `None` of what has no number yet.
    position: Option<u64>,
    /// The edit in whose place it stands, which waits as well.
    before: Option<u64>,
}

impl Work {
    pub(in crate::server::private) fn new(
        authority: Arc<Authority>,
        ender: Ender,
        pacing: Pacing,
        file: HeldFile,
    ) -> Work {
        Work {
            authority,
            leaving: Gathered::default(),
            ending: Vec::new(),
            end_at: Instant::now(),
            ender,
            pacing,
            file,
            settled: Vec::new(),
            file_failing: false,
            pushes: Slab::new(),
            ready: VecDeque::new(),
            waiting: HashMap::new(),
            deadlines: Default::default(),
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
        while self.turn() || !self.waiting.is_empty() || !self.leaving.is_empty() {
            std::thread::park_timeout(self.sleep());
        }
        self.pushes.drain().for_each(Push::finish);
    }

    fn sleep(&self) -> Duration {
        let now = Instant::now();
        let fronts = self.deadlines.iter().filter_map(VecDeque::front);
        let written = fronts.map(|(deadline, _)| *deadline).min();
        let ended = (!self.leaving.is_empty()).then_some(self.end_at);
        let next = written.into_iter().chain(ended).min();
        next.map_or(IDLE, |next| next.saturating_duration_since(now).min(IDLE))
    }

    /// Does what is to be done; returns whether anything has come.
    fn turn(&mut self) -> bool {
        let inbox = self.take_inbox();
        let came = !inbox.pushes.is_empty() || !inbox.written.is_empty();
        for push in inbox.pushes {
            let key = self.pushes.insert(push);
            self.ready.push_back(key);
        }
        for leaving in inbox.leaving {
            self.leaving.add(leaving);
        }
        if let Some(before) = inbox.before {
            self.leaving.add_all(before);
        }
        self.settled.extend(inbox.settled);
        for written in inbox.written {
            self.take_written(written);
        }
        self.make_all();
        if !self.touched.is_empty() {
            self.wait_for_effect();
        }
        self.end_sessions();
        self.tell_pace();
        self.expire();
        self.note_settled();
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

    /// Makes what can be made of all pushes.
    fn make_all(&mut self) {
        if self.ready.is_empty() {
            return;
        }
        let authority = Arc::clone(&self.authority);
        let mut state = authority.state();
        let mut changed = false;
        let before = state.truth.held.mark();
        while let Some(key) = self.ready.pop_front() {
            if let Some(mut push) = self.pushes.get_mut(key).map(Push::take_out) {
                changed |= self.make(key, &mut push, &mut state);
                if let Some(place) = self.pushes.get_mut(key) {
                    *place = push;
                }
                self.touched.push(key);
            }
        }
        if changed {
            authority.publish(&mut state);
        }
        let is_to_be_written = state.truth.held.mark() > before;
        drop(state);
        if is_to_be_written {
            authority.wake_storage();
        }
    }

    /// Makes the edits of a push until one must wait; returns whether the registry has changed.
    fn make(&mut self, key: usize, push: &mut Push, state: &mut State) -> bool {
        let mut changed = false;
        while let Some(edit) = push.next() {
            let resolved = state.truth.registry.by_number(edit.clone());
            let made = state.make(edit, push.births > 0);
            if matches!(made, Made::Later) {
                break;
            }
            let Some((edit, place)) = push.take() else {
                break;
            };
            match made {
                Made::Done(edited) => {
                    changed |= edited.changed;
                    if let Some(leaving) = edited.leaving {
                        self.leaving.add(leaving);
                        self.ending.push(key);
                        push.is_ending = true;
                    }
                    let kept = self.keep((key, place), resolved, &edited, state);
                    if let Some(stored) = kept {
                        push.answer(place, Ok(pushed(edited.placed, stored)));
                    }
                }
                Made::Born => {
                    push.births += 1;
                    let number = state.truth.held.number();
                    state.births.insert(number, edit);
                    let nothing = Placed::default();
                    self.wait(number, (key, place), nothing, None, None);
                    let [_, births] = &mut self.deadlines;
                    births.push_back((Instant::now() + BIRTH_PATIENCE, number));
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
        let is_held = object
            .as_ref()
            .is_some_and(|it| state.truth.held.contains(it));
        if state.storage.writable == Some(false) && !edited.changed && !is_held {
            // The storage has said so itself.
            return Some(Stored::Written);
        }
        let now = self.authority.clock.now();
        let Some((ticket, before)) = state.truth.held.hold(edit, edited.moved, now) else {
            return Some(Stored::Held);
        };
        let position = Some(ticket.position);
        self.wait(ticket.number, at, edited.placed, position, before);
        let is_behind = state.truth.held.len() > BACKLOG_WAITED_FOR;
        match state.storage.is_expected() && !is_behind {
            true => {
                let [edits, _] = &mut self.deadlines;
                edits.push_back((Instant::now() + PATIENCE, ticket.number));
            }
            false => self.expired.push(ticket.number),
        }
        None
    }

    fn wait(
        &mut self,
        number: u64,
        (push, place): (usize, usize),
        placed: Placed,
        position: Option<u64>,
        before: Option<u64>,
    ) {
        let waiting = Waiting {
            push,
            place,
            placed,
            position,
            before,
        };
        self.waiting.insert(number, waiting);
    }

    /// Takes in what the storage says.
    fn take_written(&mut self, written: Written) {
        let Written {
            ticket,
            result,
            settled,
        } = written;
        if let (Some(edit), Err(error)) = (&settled, &result)
            && !self.waiting.contains_key(&ticket.number)
        {
            warn!("storage: it refuses what was pushed and held: {error:?}: {edit:?}");
        }
        self.settled.extend(settled.map(|_| ticket.position));
        let mut number = Some(ticket.number);
        while let Some(waiting) = number.and_then(|number| self.waiting.remove(&number)) {
            number = waiting.before;
            let answer = result
                .map_err(PushError::from)
                .map(|placed| match waiting.position {
                    None => pushed(placed, Stored::Written),
                    Some(_) => pushed(waiting.placed, Stored::Written),
                });
            self.answer(&waiting, answer);
        }
    }

    fn answer(&mut self, waiting: &Waiting, answer: Result<Pushed, PushError>) {
        let Some(push) = self.pushes.get_mut(waiting.push) else {
            return;
        };
        push.answer(waiting.place, answer);
        if waiting.position.is_none() {
            push.births -= 1;
            if push.births == 0 && push.next().is_some() {
                self.ready.push_back(waiting.push);
            }
        }
        self.touched.push(waiting.push);
    }

    /// Waits until no worker goes by an older registry than the newest: a tick at most.
    fn wait_for_effect(&self) {
        let published = &self.authority.published;
        let generation = published.generation();
        let mut looks = 0;
        while !published.is_in_effect(generation) {
            looks += 1;
            match looks < LOOKS {
                true => std::thread::yield_now(),
                false => std::thread::sleep(BETWEEN_LOOKS),
            }
        }
    }

    /// Ends the sessions of those who have nothing to announce any more, unless sessions have been
    /// looked at a moment ago.
    fn end_sessions(&mut self) {
        if self.leaving.is_empty() || Instant::now() < self.end_at {
            return;
        }
        // What a load has changed must be in effect, too.
        self.wait_for_effect();
        let leaving = std::mem::take(&mut self.leaving);
        let registry = self.authority.registry();
        let (now, time) = (self.authority.clock.now(), UnixTime(wall_secs() as u32));
        self.end_at = Instant::now() + self.ender.end(&leaving, &registry, now, time);
        for key in std::mem::take(&mut self.ending) {
            if let Some(push) = self.pushes.get_mut(key) {
                push.is_ending = false;
                self.touched.push(key);
            }
        }
    }

    /// Tells the books at what pace clients announce, when that changes.
    fn tell_pace(&mut self) {
        let pace = {
            let state = self.authority.state();
            let registry = &state.truth.registry;
            if !registry.is_loaded() {
                return;
            }
            state.pace.with(registry.global())
        };
        if let Some(news) = self.pacing.next(&pace, Instant::now())
            && self.ender.tell(&[Note::Pace(news)])
        {
            self.pacing.told(news);
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

fn pushed(placed: Placed, stored: Stored) -> Pushed {
    Pushed {
        id: placed.id,
        created: placed.created,
        stored,
    }
}
