//! Edits that are in effect and not known to be in the storage.
//!
//! They stand in their order. An edit of what an earlier one is about is merged into that, unless it
//! gives up a passkey, an info-hash or a number, or takes one: others may have taken or given up the
//! same in between. All of them are made again over whatever a load brings, until the storage has
//! them. A storage that the tracker can write is given them; of one that it cannot, the loads tell.

use crate::model::{Seconds, TorrentId, UserId};
use crate::storage::{Change, Edit, EditError, TorrentName, UserName};
use crate::tracker::registry::{Registry, Unedited};
use std::collections::{BTreeMap, HashMap};

/// Edits at most: a web application that tells of a whole directory at once, some 300 MB.
pub(super) const HELD_MOST: usize = 1 << 20;
/// Loads that must say otherwise before an edit is given up: the first may have been under way in
/// the web application as well.
const OTHERWISE_MOST: u8 = 2;
/// Seconds after which one load is enough, and is asked for.
pub(super) const HOLD_SECS: u32 = 300;

/// What an edit is about.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Object {
    User(UserId),
    Torrent(TorrentId),
    Client(Box<[u8]>),
    Token(Option<UserId>, Option<TorrentId>),
    Options,
}

impl Object {
    /// `None` of what is not named by number.
    pub(super) fn of(edit: &Edit) -> Option<Object> {
        let user = |who: UserName| match who {
            UserName::Id(id) => Some(Object::User(id)),
            UserName::Passkey(_) => None,
        };
        let torrent = |which: TorrentName| match which {
            TorrentName::Id(id) => Some(Object::Torrent(id)),
            TorrentName::InfoHash(_) => None,
        };
        match edit {
            Edit::User(edit) => user(edit.who),
            Edit::UserGone(who) => user(*who),
            Edit::Torrent(edit) => torrent(edit.which),
            Edit::TorrentGone(which) => torrent(*which),
            Edit::Client(client) => Some(Object::Client(client.prefix.clone())),
            Edit::ClientGone(prefix) => Some(Object::Client(prefix.clone())),
            Edit::Token(token) => Some(Object::Token(token.user, token.torrent)),
            Edit::TokenGone { user, torrent } => Some(Object::Token(*user, *torrent)),
            Edit::Options(_) => Some(Object::Options),
        }
    }

    /// What a change is about.
    pub(super) fn changed_by(change: &Change) -> Object {
        match change {
            Change::User(user) => Object::User(user.id),
            Change::UserGone(id) => Object::User(*id),
            Change::Torrent(torrent) => Object::Torrent(torrent.id),
            Change::TorrentGone(id) => Object::Torrent(*id),
            Change::Client(client) => Object::Client(client.prefix.clone()),
            Change::ClientGone(prefix) => Object::Client(prefix.clone()),
            Change::Token(token) => Object::Token(token.user, token.torrent),
            Change::TokenGone { user, torrent } => Object::Token(*user, *torrent),
            Change::Global(_) => Object::Options,
        }
    }
}

/// Both edits of one object at once.
fn merged(before: Edit, later: Edit) -> Edit {
    match (before, later) {
        (Edit::User(mut before), Edit::User(later)) => {
            before.then(later);
            Edit::User(before)
        }
        (Edit::Torrent(mut before), Edit::Torrent(later)) => {
            before.then(later);
            Edit::Torrent(before)
        }
        (Edit::Options(mut before), Edit::Options(later)) => {
            before.then(&later);
            Edit::Options(before)
        }
        // One that is added after it was removed has nothing of the one before.
        (Edit::UserGone(_), Edit::User(mut later)) => {
            later.or_defaults();
            Edit::User(later)
        }
        (Edit::TorrentGone(_), Edit::Torrent(mut later)) => {
            later.or_defaults();
            Edit::Torrent(later)
        }
        (_, later) => later,
    }
}

#[derive(Debug)]
struct Entry {
    object: Object,
    edit: Edit,
    /// The number of the latest edit in it.
    number: u64,
    since: Seconds,
    /// Loads that said otherwise.
    otherwise: u8,
}

/// Where an edit is held, and its number, by which it is told from one that is merged into it later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::server::private) struct Ticket {
    pub(super) position: u64,
    pub(super) number: u64,
}

/// The edits, by their positions.
#[derive(Debug, Default)]
pub(in crate::server::private) struct Held {
    entries: BTreeMap<u64, Entry>,
    /// Where the edits of each object are, in their order.
    of: HashMap<Object, Vec<u64>>,
    last: u64,
}

impl Held {
    pub(in crate::server::private) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= HELD_MOST
    }

    /// The number of the latest edit.
    pub(super) fn mark(&self) -> u64 {
        self.last
    }

    /// A number for an edit that is not held yet, because it has none of its own.
    pub(super) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn contains(&self, object: &Object) -> bool {
        self.of.contains_key(object)
    }

    /// The edit at a position.
    pub(super) fn get(&self, position: u64) -> Option<&Edit> {
        self.entries.get(&position).map(|entry| &entry.edit)
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Ticket, &Edit)> {
        self.entries.iter().map(|(position, entry)| {
            let ticket = Ticket {
                position: *position,
                number: entry.number,
            };
            (ticket, &entry.edit)
        })
    }

    /// Holds an edit that is in effect; `None` where it names nothing by number. `moved` tells
    /// whether a passkey, an info-hash or a number has been taken or given up by it. Also returns
    /// the number of the one into which it is merged.
    pub(super) fn hold(
        &mut self,
        edit: Edit,
        moved: bool,
        now: Seconds,
    ) -> Option<(Ticket, Option<u64>)> {
        let object = Object::of(&edit)?;
        let number = self.number();
        let positions = self.of.get(&object);
        let latest = positions.and_then(|positions| positions.last().copied());
        if let Some(position) = latest.filter(|_| !moved)
            && let Some(entry) = self.entries.get_mut(&position)
        {
            entry.edit = merged(entry.edit.clone(), edit);
            (entry.since, entry.otherwise) = (now, 0);
            let before = std::mem::replace(&mut entry.number, number);
            return Some((Ticket { position, number }, Some(before)));
        }
        self.put(number, object, edit, now);
        let position = number;
        Some((Ticket { position, number }, None))
    }

    fn put(&mut self, position: u64, object: Object, edit: Edit, now: Seconds) {
        self.of.entry(object.clone()).or_default().push(position);
        let entry = Entry {
            object,
            edit,
            number: position,
            since: now,
            otherwise: 0,
        };
        self.entries.insert(position, entry);
    }

    /// Holds an edit of an earlier run, in place of what is held at its position. Positions come in
    /// their order but for that.
    pub(super) fn restore(&mut self, position: u64, edit: Edit, now: Seconds) {
        if let Some(entry) = self.entries.get_mut(&position) {
            entry.edit = edit;
        } else if let Some(object) = Object::of(&edit) {
            self.put(position, object, edit, now);
        }
        self.last = self.last.max(position);
    }

    /// Gives up what is held at a position.
    pub(super) fn forget(&mut self, position: u64) -> Option<Edit> {
        let entry = self.entries.remove(&position)?;
        if let Some(positions) = self.of.get_mut(&entry.object) {
            positions.retain(|other| *other != position);
            if positions.is_empty() {
                self.of.remove(&entry.object);
            }
        }
        Some(entry.edit)
    }

    /// The storage has an edit, or will not have it. Returns it, unless another was merged into it
    /// meanwhile, which the storage does not have.
    pub(super) fn settle(&mut self, ticket: Ticket) -> Option<Edit> {
        let entry = self.entries.get(&ticket.position)?;
        match entry.number == ticket.number {
            true => self.forget(ticket.position),
            false => None,
        }
    }

    /// Makes what is held of an object again; returns whether all of it could be made.
    pub(super) fn make_again(&self, object: &Object, registry: &mut Registry) -> bool {
        let positions = self.of.get(object).into_iter().flatten();
        let mut edits = positions.filter_map(|position| self.get(*position));
        edits.all(|edit| registry.edit(edit).is_ok())
    }

    /// Makes all of them again.
    pub(super) fn make_all_again(&self, registry: &mut Registry) {
        for entry in self.entries.values() {
            // What a load has made impossible, the storage will say.
            let _ = registry.edit(&entry.edit);
        }
    }

    /// Whether any waits for a load to judge it for longer than it should.
    pub(super) fn wants_load(&self, now: Seconds) -> bool {
        let mut oldest = self.entries.values().take(1);
        oldest.any(|entry| is_old(entry, now))
    }

    /// What a load that began at a mark says of an object: it confirms what is held, or it says
    /// otherwise, in the end for good. Returns the positions that are given up.
    pub(super) fn judge(
        &mut self,
        object: &Object,
        mark: u64,
        stored: &Registry,
        now: Seconds,
    ) -> Vec<u64> {
        let positions = self.of.get(object).cloned().unwrap_or_default();
        let entries = positions.iter().filter_map(|at| self.entries.get(at));
        let edits = entries.map(|entry| entry.edit.clone());
        let Some(edit) = edits.reduce(merged) else {
            return Vec::new();
        };
        let latest = positions.last().and_then(|at| self.entries.get_mut(at));
        let Some(latest) = latest.filter(|latest| latest.number <= mark) else {
            return Vec::new();
        };
        let confirmed = match stored.clone().edit(&edit) {
            Ok(edited) => !edited.changed,
            Err(Unedited::Refused(EditError::NotFound)) => edit.is_removal(),
            Err(_) => false,
        };
        latest.otherwise = latest.otherwise.saturating_add(u8::from(!confirmed));
        if !confirmed && !is_old(latest, now) && latest.otherwise < OTHERWISE_MOST {
            return Vec::new();
        }
        for position in &positions {
            self.forget(*position);
        }
        positions
    }

    /// Lets a load of everything judge all of them.
    pub(super) fn judge_all(&mut self, mark: u64, stored: &Registry, now: Seconds) -> Vec<u64> {
        let objects: Vec<Object> = self.of.keys().cloned().collect();
        let judged = objects.iter();
        judged
            .flat_map(|object| self.judge(object, mark, stored, now))
            .collect()
    }
}

fn is_old(entry: &Entry, now: Seconds) -> bool {
    now.0.saturating_sub(entry.since.0) > HOLD_SECS
}
