//! What the storage says, what is held beside it, and what follows from both: the registry that
//! everybody goes by is always the one of the storage with all that is held made in it, in order.

use super::held::{Held, Object, Ticket};
use crate::model::Seconds;
use crate::storage::{Change, Edit, EditError, Placed};
use crate::tracker::registry::{Leaving, Registry, Standing};

pub(super) struct Truth {
    /// As far as is known.
    stored: Registry,
    pub(super) registry: Registry,
    pub(super) held: Held,
    /// Whether loads judge what is held: of a storage that cannot be written.
    pub(super) loads_judge: bool,
}

/// What a load of some changes has brought.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) changed: bool,
    /// Where nothing is held any more.
    pub(super) settled: Vec<u64>,
    /// Whose sessions end.
    pub(super) leaving: Vec<Leaving>,
}

impl Truth {
    /// Begins with what a storage is known to have said.
    pub(super) fn new(stored: Registry, held: Held) -> Truth {
        let mut truth = Truth {
            registry: stored.clone(),
            stored,
            held,
            loads_judge: false,
        };
        truth.make_all_again();
        truth
    }

    /// What the storage has said.
    pub(super) fn stored(&self) -> &Registry {
        &self.stored
    }

    fn make_all_again(&mut self) {
        self.registry = self.stored.clone();
        self.held.make_all_again(&mut self.registry);
    }

    /// A load of everything has ended, which began at a mark. Returns where nothing is held any
    /// more.
    pub(super) fn load_all(&mut self, mark: u64, stored: Registry, now: Seconds) -> Vec<u64> {
        self.stored = stored;
        let settled = match self.loads_judge {
            true => self.held.judge_all(mark, &self.stored, now),
            false => Vec::new(),
        };
        self.make_all_again();
        settled
    }

    /// A load of some changes has ended, which began at a mark.
    pub(super) fn load(&mut self, mark: u64, changes: Vec<Change>, now: Seconds) -> Loaded {
        self.take(mark, changes, now, false)
    }

    /// The storage has refused edits, which are held no longer; so stands what they were about.
    pub(super) fn refused(&mut self, changes: Vec<Change>, now: Seconds) -> Loaded {
        self.take(u64::MAX, changes, now, true)
    }

    fn take(&mut self, mark: u64, changes: Vec<Change>, now: Seconds, refused: bool) -> Loaded {
        let before = self.registry.clone();
        let mut loaded = Loaded::default();
        let mut touched = Vec::new();
        let mut in_order = true;
        for change in changes {
            let object = Object::changed_by(&change);
            let mut is_news = self.stored.apply(change.clone()) || refused;
            if self.loads_judge {
                let settled = self.held.judge(&object, mark, &self.stored, now);
                is_news |= !settled.is_empty();
                loaded.settled.extend(settled);
            }
            // What comes back after it was pushed is none.
            if !is_news {
                continue;
            }
            in_order &= !displaces(&change, &self.registry);
            loaded.changed |= self.registry.apply(change);
            in_order &= self.held.make_again(&object, &mut self.registry);
            touched.push(object);
        }
        // What belongs to one alone has gone from hand to hand: one after the other, then.
        if !in_order {
            self.make_all_again();
            loaded.changed = true;
        }
        let touched = touched.iter();
        let leaving = touched.filter_map(|object| ended(object, &before, &self.registry));
        loaded.leaving.extend(leaving);
        loaded
    }

    /// The storage has answered to an edit. Returns the edit that is held no longer.
    pub(super) fn written(
        &mut self,
        ticket: Ticket,
        edit: &Edit,
        result: &Result<Placed, EditError>,
    ) -> Option<Edit> {
        if result.is_ok() {
            // As the storage has it, there is no reason why it should not be made.
            let _ = self.stored.edit(edit);
        }
        self.held.settle(ticket)
    }

    /// The storage has added what has got a number by it. Returns whether that is news.
    pub(super) fn born(&mut self, edit: &Edit) -> bool {
        let _ = self.stored.edit(edit);
        let made = self.registry.edit(edit);
        made.is_ok_and(|edited| edited.changed)
    }
}

/// Whether a change takes its passkey or info-hash from another user or torrent, which may have been
/// given it by what is held.
fn displaces(change: &Change, registry: &Registry) -> bool {
    match change {
        Change::User(user) => {
            let holder = registry.user(&user.passkey);
            holder.is_some_and(|holder| holder.id != user.id)
        }
        Change::Torrent(torrent) => {
            let holder = registry.torrent(&torrent.info_hash);
            holder.is_some_and(|holder| holder.id != torrent.id)
        }
        _ => false,
    }
}

/// Whose sessions end, now that an object is another than it was.
fn ended(object: &Object, before: &Registry, now: &Registry) -> Option<Leaving> {
    match *object {
        Object::User(id) => {
            let is_enabled = |registry: &Registry| {
                let user = registry.user_by_id(id);
                user.is_some_and(|user| user.enabled)
            };
            (is_enabled(before) && !is_enabled(now)).then_some(Leaving::User(id))
        }
        Object::Torrent(id) => {
            let announced_as = |registry: &Registry| {
                let torrent = registry.torrent_by_id(id);
                let registered =
                    torrent.filter(|(_, torrent)| torrent.standing == Standing::Registered);
                registered.map(|(info_hash, _)| info_hash)
            };
            let before = announced_as(before)?;
            (announced_as(now) != Some(before)).then_some(Leaving::Torrent(id, before))
        }
        Object::Client(_) | Object::Token(..) | Object::Options => None,
    }
}

#[cfg(test)]
#[path = "truth_tests.rs"]
mod tests;
