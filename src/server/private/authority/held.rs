//! Edits that are in effect and not known to be in the storage.
//!
//! There is one for each user, torrent, prefix or token: a later edit is merged into it and takes
//! its place in the order of things. All of them are made again over whatever a load brings, until
//! the storage has them. A storage that the tracker can write is given them; of one that it cannot,
//! the loads tell.

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
    edit: Edit,
    /// The number of its latest edit.
    number: u64,
    since: Seconds,
    /// Loads that said otherwise.
    otherwise: u8,
}

/// The edits, in the order of their latest ones.
#[derive(Debug, Default)]
pub(super) struct Held {
    entries: HashMap<Object, Entry>,
    order: BTreeMap<u64, Object>,
    last: u64,
}

/// The number of an edit, and that of the one it was merged into its place, if any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) before: Option<u64>,
}

impl Held {
    pub(super) fn len(&self) -> usize {
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
        self.entries.contains_key(object)
    }

    /// The edit of an object as it is now.
    pub(super) fn get(&self, object: &Object) -> Option<&Edit> {
        self.entries.get(object).map(|entry| &entry.edit)
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Edit)> {
        let entries = self.order.iter();
        entries.filter_map(|(number, object)| Some((*number, self.get(object)?)))
    }

    /// Holds an edit that is in effect; `None` where it names nothing by number.
    pub(super) fn hold(&mut self, edit: Edit, now: Seconds) -> Option<Numbered> {
        let object = Object::of(&edit)?;
        let number = self.number();
        let before = self.entries.remove(&object);
        let before_number = before.as_ref().map(|before| before.number);
        if let Some(before) = before_number {
            self.order.remove(&before);
        }
        let edit = match before {
            Some(before) => merged(before.edit, edit),
            None => edit,
        };
        self.order.insert(number, object.clone());
        let entry = Entry {
            edit,
            number,
            since: now,
            otherwise: 0,
        };
        self.entries.insert(object, entry);
        Some(Numbered {
            number,
            before: before_number,
        })
    }

    /// The storage has the edit of this number, or will not have it. Returns what it was about,
    /// unless there is a later one that it does not have.
    pub(super) fn settle(&mut self, number: u64) -> Option<Object> {
        let object = self.order.remove(&number)?;
        self.entries.remove(&object);
        Some(object)
    }

    /// Makes those again that a load has touched, as far as it cannot know them.
    pub(super) fn make_again(&self, object: &Object, registry: &mut Registry) {
        if let Some(entry) = self.entries.get(object) {
            // What the load has made impossible, the storage will say.
            let _ = registry.edit(&entry.edit);
        }
    }

    /// Makes all of them again.
    pub(super) fn make_all_again(&self, registry: &mut Registry) {
        for object in self.order.values() {
            self.make_again(object, registry);
        }
    }

    /// Whether any waits for a load to judge it for longer than it should.
    pub(super) fn wants_load(&self, now: Seconds) -> bool {
        let mut oldest = self.order.values().take(1);
        oldest.any(|object| {
            let entry = self.entries.get(object);
            entry.is_some_and(|entry| now.0.saturating_sub(entry.since.0) > HOLD_SECS)
        })
    }

    /// What a load that began at a mark says of an object, in the registry as it loaded it: it
    /// confirms the edit, or it says otherwise, in the end for good. What cannot be told yet is made
    /// again. Returns whether the edit is held no longer.
    pub(super) fn judge(
        &mut self,
        object: &Object,
        mark: u64,
        registry: &mut Registry,
        now: Seconds,
    ) -> bool {
        let Some(entry) = self.entries.get_mut(object) else {
            return false;
        };
        let mut again = registry.clone();
        let made = again.edit(&entry.edit);
        if entry.number > mark {
            *registry = again;
            return false;
        }
        let is_removal = matches!(
            entry.edit,
            Edit::UserGone(_) | Edit::TorrentGone(_) | Edit::ClientGone(_) | Edit::TokenGone { .. }
        );
        let confirmed = match made {
            Ok(edited) => !edited.changed,
            Err(Unedited::Refused(EditError::NotFound)) => is_removal,
            Err(_) => false,
        };
        entry.otherwise = entry.otherwise.saturating_add(u8::from(!confirmed));
        let is_old = now.0.saturating_sub(entry.since.0) > HOLD_SECS;
        if confirmed || is_old || entry.otherwise >= OTHERWISE_MOST {
            let number = entry.number;
            self.settle(number);
            return true;
        }
        *registry = again;
        false
    }

    /// Lets a load of everything judge all of them; returns those that are held no longer.
    pub(super) fn judge_all(
        &mut self,
        mark: u64,
        registry: &mut Registry,
        now: Seconds,
    ) -> Vec<Object> {
        let objects: Vec<Object> = self.order.values().cloned().collect();
        let judged = objects.into_iter();
        judged
            .filter(|object| self.judge(object, mark, registry, now))
            .collect()
    }
}
