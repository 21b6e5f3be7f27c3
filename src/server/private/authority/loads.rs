//! What the thread that owns the storage tells: what it has loaded, and what it has written.

use super::held::Object;
use super::work::Written;
use super::{Authority, Condition, lock};
use crate::storage::{Change, Edit, EditError, Placed};
use crate::tracker::registry::Registry;
use std::time::{Duration, Instant};

/// How long a storage may be silent before nothing is expected of it.
const SILENCE: Duration = Duration::from_secs(1);

impl Condition {
    /// Whether what is to be written will be before long.
    pub(super) fn is_expected(&self) -> bool {
        let is_silent = self
            .busy_since
            .is_some_and(|since| since.elapsed() > SILENCE);
        self.writable == Some(true) && !self.is_away && !is_silent
    }
}

impl Authority {
    /// The storage is open, and its directory can be written, or not.
    pub(in crate::server::private) fn storage_is_open(&self, writable: bool) {
        self.state().storage.writable = Some(writable);
    }

    /// The storage is asked for something.
    pub(in crate::server::private) fn storage_begins(&self) {
        self.state().storage.busy_since = Some(Instant::now());
    }

    /// It has answered, or failed.
    pub(in crate::server::private) fn storage_ends(&self, failed: bool) {
        let mut state = self.state();
        state.storage.busy_since = None;
        state.storage.is_away = failed;
    }

    /// Where pushes have come to: to be asked before a load begins.
    pub(in crate::server::private) fn mark(&self) -> u64 {
        self.state().held.mark()
    }

    /// Whether a load of everything must tell what has become of what is held.
    pub(in crate::server::private) fn wants_load(&self) -> bool {
        let state = self.state();
        state.storage.writable == Some(false) && state.held.wants_load(self.clock.now())
    }

    /// Everything has been loaded, beginning at a mark.
    pub(in crate::server::private) fn loaded_all(&self, mark: u64, mut registry: Registry) {
        let mut state = self.state();
        match state.storage.writable {
            Some(false) => {
                let now = self.clock.now();
                state.held.judge_all(mark, &mut registry, now);
            }
            _ => state.held.make_all_again(&mut registry),
        }
        state.publish(&self.published, registry);
    }

    /// Some changes have been loaded, beginning at a mark.
    pub(in crate::server::private) fn loaded(&self, mark: u64, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let mut state = self.state();
        let mut next = state.registry.clone();
        let mut changed = false;
        let now = self.clock.now();
        for change in changes {
            let object = Object::changed_by(&change);
            changed |= next.apply(change);
            match state.storage.writable {
                Some(false) => drop(state.held.judge(&object, mark, &mut next, now)),
                _ => state.held.make_again(&object, &mut next),
            }
        }
        if changed {
            state.publish(&self.published, next);
        }
    }

    /// What is known from earlier, unless something has been loaded already.
    pub(in crate::server::private) fn restored(&self, mut registry: Registry) {
        let mut state = self.state();
        if !state.registry.is_loaded() {
            state.held.make_all_again(&mut registry);
            state.publish(&self.published, registry);
        }
    }

    /// What is to be written, in its order, so many edits at most.
    pub(in crate::server::private) fn to_write(&self, most: usize) -> Vec<(u64, Edit)> {
        let state = self.state();
        let births = state.births.iter().map(|(number, edit)| (*number, edit));
        let mut births = births.peekable();
        let mut held = state.held.iter().peekable();
        let mut edits = Vec::new();
        while edits.len() < most {
            let birth_is_first = match (births.peek(), held.peek()) {
                (Some((birth, _)), Some((number, _))) => birth < number,
                (birth, _) => birth.is_some(),
            };
            let next = if birth_is_first {
                births.next()
            } else {
                held.next()
            };
            let Some((number, edit)) = next else {
                break;
            };
            edits.push((number, edit.clone()));
        }
        edits
    }

    /// What has become of what was to be written. Of those that the storage refuses, `changes` say
    /// how they are there.
    pub(in crate::server::private) fn written(
        &self,
        results: Vec<(u64, Result<Placed, EditError>)>,
        changes: Vec<Change>,
    ) {
        let mut written = Vec::with_capacity(results.len());
        {
            let mut state = self.state();
            for (number, result) in results {
                state.held.settle(number);
                let birth = state.births.remove(&number);
                written.push(Written {
                    number,
                    result,
                    birth,
                });
            }
        }
        self.loaded(u64::MAX, changes);
        lock(&self.inbox).written.extend(written);
        self.wake_authority();
    }

    /// The directory, if it has changed since it was last taken.
    pub(in crate::server::private) fn take_unsaved(&self) -> Option<Registry> {
        let mut state = self.state();
        std::mem::take(&mut state.unsaved).then(|| state.registry.clone())
    }
}
