//! What the thread that owns the storage tells: what it has loaded, and what it has written.

use super::held::Ticket;
use super::making::with_number;
use super::truth::{Loaded, Truth};
use super::work::Written;
use super::{Authority, Condition, lock};
use crate::storage::{Change, Edit, EditError, Placed};
use crate::tracker::registry::Registry;

impl Condition {
    /// Whether what is to be written will be before long.
    pub(super) fn is_expected(&self) -> bool {
        self.writable == Some(true) && !self.is_away && !self.is_overdue
    }
}

impl Authority {
    /// The storage is open, and its directory can be written, or not.
    pub(in crate::server::private) fn storage_is_open(&self, writable: bool) {
        let mut state = self.state();
        state.storage.writable = Some(writable);
        state.truth.loads_judge = !writable;
    }

    /// The storage has answered to all that was asked, or failed.
    pub(in crate::server::private) fn storage_ends(&self, failed: bool) {
        let mut state = self.state();
        state.storage.is_away = failed;
        state.storage.is_overdue = false;
    }

    /// Where pushes have come to: to be asked before a load begins.
    pub(in crate::server::private) fn mark(&self) -> u64 {
        self.state().truth.held.mark()
    }

    /// Whether a load of everything must tell what has become of what is held.
    pub(in crate::server::private) fn wants_load(&self) -> bool {
        let state = self.state();
        state.truth.loads_judge && state.truth.held.wants_load(self.clock.now())
    }

    /// Everything has been loaded, beginning at a mark.
    pub(in crate::server::private) fn loaded_all(&self, mark: u64, stored: Registry) {
        let now = self.clock.now();
        let (before, settled) = {
            let mut state = self.state();
            let before = state.truth.registry.clone();
            let settled = state.truth.load_all(mark, stored, now);
            self.publish(&mut state);
            (before, settled)
        };
        let mut inbox = lock(&self.inbox);
        inbox.settled.extend(settled);
        // The one before the first of several loads knows what has gone by any of them.
        inbox.before.get_or_insert(before);
        drop(inbox);
        self.wake_authority();
    }

    /// Some changes have been loaded, beginning at a mark.
    pub(in crate::server::private) fn loaded(&self, mark: u64, changes: Vec<Change>) {
        let now = self.clock.now();
        self.take(changes, |truth, changes| truth.load(mark, changes, now));
    }

    fn take(&self, changes: Vec<Change>, take: impl FnOnce(&mut Truth, Vec<Change>) -> Loaded) {
        if changes.is_empty() {
            return;
        }
        let loaded = {
            let mut state = self.state();
            let loaded = take(&mut state.truth, changes);
            if loaded.changed {
                self.publish(&mut state);
            }
            loaded
        };
        if loaded.leaving.is_empty() && loaded.settled.is_empty() {
            return;
        }
        let mut inbox = lock(&self.inbox);
        inbox.leaving.extend(loaded.leaving);
        inbox.settled.extend(loaded.settled);
        drop(inbox);
        self.wake_authority();
    }

    /// What is known from earlier, unless something has been loaded already.
    pub(in crate::server::private) fn restored(&self, stored: Registry) {
        let mut state = self.state();
        if !state.truth.registry.is_loaded() {
            // Nothing is judged by it: it is older than what is held.
            state.truth.load_all(0, stored, self.clock.now());
            self.publish(&mut state);
        }
    }

    /// What is to be written, in its order, so many edits at most.
    pub(in crate::server::private) fn to_write(&self, most: usize) -> Vec<(Ticket, Edit)> {
        let state = self.state();
        let births = state.births.iter().map(|(number, edit)| {
            let (position, number) = (*number, *number);
            (Ticket { position, number }, edit)
        });
        let mut births = births.peekable();
        let mut held = state.truth.held.iter().peekable();
        let mut edits = Vec::new();
        while edits.len() < most {
            let birth_is_first = match (births.peek(), held.peek()) {
                (Some((birth, _)), Some((ticket, _))) => birth.position < ticket.position,
                (birth, _) => birth.is_some(),
            };
            let next = match birth_is_first {
                true => births.next(),
                false => held.next(),
            };
            let Some((ticket, edit)) = next else {
                break;
            };
            edits.push((ticket, edit.clone()));
        }
        edits
    }

    /// What has become of what was to be written. Of those that the storage refuses, `changes` say
    /// how they are there.
    pub(in crate::server::private) fn written(
        &self,
        answers: Vec<(Ticket, Edit, Result<Placed, EditError>)>,
        changes: Vec<Change>,
    ) {
        let mut written = Vec::with_capacity(answers.len());
        {
            let mut state = self.state();
            let mut changed = false;
            for (ticket, edit, result) in answers {
                let is_birth = state.births.remove(&ticket.number).is_some();
                let settled = match (is_birth, result) {
                    (false, _) => state.truth.written(ticket, &edit, &result),
                    (true, Ok(placed)) => {
                        changed |= state.truth.born(&with_number(edit, placed.id));
                        None
                    }
                    (true, Err(_)) => None,
                };
                written.push(Written {
                    ticket,
                    result,
                    settled,
                });
            }
            if changed {
                self.publish(&mut state);
            }
        }
        let now = self.clock.now();
        self.take(changes, |truth, changes| truth.refused(changes, now));
        lock(&self.inbox).written.extend(written);
        self.wake_authority();
    }

    /// What the storage has said, if it has said anything since this was last asked.
    pub(in crate::server::private) fn take_unsaved(&self) -> Option<Registry> {
        let mut state = self.state();
        std::mem::take(&mut state.unsaved).then(|| state.truth.stored().clone())
    }
}
