//! What the ledger has found since the last batch, merged by key: an outage of the storage is
//! bounded by what is different, not by its length.

use super::sessions::Sessions;
use crate::model::{TorrentId, Transfer, UnixTime, UserId};
use crate::storage::{
    Commit, EventKind, EventRow, HistoryDelta, SessionKey, TorrentDelta, UserDelta,
};
use std::collections::{HashMap, HashSet};

/// Seeders and leechers of a torrent, counted by session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Sessions that have everything.
    pub seeders: u32,
    /// Sessions that do not.
    pub leechers: u32,
}

/// Sums and states on their way into a batch.
#[derive(Debug, Default)]
pub struct Gathered {
    users: HashMap<UserId, UserDelta>,
    history: HashMap<(UserId, TorrentId), HistoryDelta>,
    torrents: HashMap<TorrentId, TorrentDelta>,
    /// Sessions whose rows have changed; each is marked as dirty, too.
    peers: Vec<SessionKey>,
    forgotten: HashSet<SessionKey>,
    events: HashMap<(EventKind, SessionKey), EventRow>,
}

impl Gathered {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
            && self.history.is_empty()
            && self.torrents.is_empty()
            && self.peers.is_empty()
            && self.forgotten.is_empty()
            && self.events.is_empty()
    }

    /// Adds to a user's sums.
    pub fn credit(&mut self, user: UserId, raw: Transfer, credited: Transfer) {
        let sums = self.users.entry(user).or_insert_with(|| UserDelta {
            user,
            ..UserDelta::default()
        });
        sums.raw = sums.raw.plus(raw);
        sums.credited = sums.credited.plus(credited);
    }

    /// The history of a user with a torrent, to be added to; a new one begins at `started`.
    pub fn history(
        &mut self,
        user: UserId,
        torrent: TorrentId,
        started: UnixTime,
    ) -> &mut HistoryDelta {
        let key = (user, torrent);
        self.history.entry(key).or_insert_with(|| HistoryDelta {
            user,
            torrent,
            started,
            last: started,
            ..HistoryDelta::default()
        })
    }

    /// A torrent's sums, to be added to.
    pub fn torrent(&mut self, torrent: TorrentId) -> &mut TorrentDelta {
        let new = || TorrentDelta {
            torrent,
            ..TorrentDelta::default()
        };
        self.torrents.entry(torrent).or_insert_with(new)
    }

    /// Notes that a session's row has changed; the session is not dirty yet.
    pub fn changed(&mut self, key: SessionKey) {
        self.peers.push(key);
        if !self.forgotten.is_empty() {
            self.forgotten.remove(&key);
        }
    }

    /// Notes that a session is forgotten.
    pub fn forgot(&mut self, key: SessionKey) {
        self.forgotten.insert(key);
    }

    /// Notes an event; its amount is added to that of one that is there already, or a higher speed
    /// replaces it.
    pub fn event(&mut self, event: EventRow) {
        let key = (event.kind, event.key);
        let merged = |before: u64| match event.kind {
            EventKind::ImplausibleSpeed => before.max(event.amount),
            _ => before.saturating_add(event.amount),
        };
        self.events
            .entry(key)
            .and_modify(|before| before.amount = merged(before.amount))
            .or_insert_with(|| event.clone());
    }

    /// Makes a batch of it: rows in the order of their keys, states as they are now.
    pub fn into_commit(
        self,
        from: u64,
        to: u64,
        sessions: &mut Sessions,
        counts: &HashMap<TorrentId, Counts>,
    ) -> Commit {
        let mut commit = Commit {
            from,
            to,
            users: self.users.into_values().collect(),
            history: self.history.into_values().collect(),
            torrents: self.torrents.into_values().collect(),
            peers: Vec::with_capacity(self.peers.len()),
            forgotten: self.forgotten.into_iter().collect(),
            events: self.events.into_values().collect(),
        };
        for torrent in &mut commit.torrents {
            let counts = counts.get(&torrent.torrent).copied().unwrap_or_default();
            torrent.seeders = counts.seeders;
            torrent.leechers = counts.leechers;
        }
        for key in self.peers {
            // One that is forgotten meanwhile has no row any more.
            let place = sessions.find(&key);
            if let Some(session) = place.and_then(|place| sessions.get_mut(place))
                && std::mem::take(&mut session.dirty)
            {
                commit.peers.push(session.row());
            }
        }
        commit.users.sort_unstable_by_key(|row| row.user);
        commit
            .history
            .sort_unstable_by_key(|row| (row.user, row.torrent));
        commit.torrents.sort_unstable_by_key(|row| row.torrent);
        commit.peers.sort_unstable_by_key(|row| row.key);
        commit.forgotten.sort_unstable();
        commit
            .events
            .sort_unstable_by_key(|row| (row.time, row.kind, row.key));
        commit
    }

    /// The sums as the rows of a batch, for a checkpoint; states and positions are not in it.
    pub fn sums(&self) -> Commit {
        Commit {
            users: self.users.values().cloned().collect(),
            history: self.history.values().cloned().collect(),
            torrents: self.torrents.values().cloned().collect(),
            forgotten: self.forgotten.iter().copied().collect(),
            events: self.events.values().cloned().collect(),
            ..Commit::default()
        }
    }

    /// Puts back what [`Gathered::sums`] gave, or a part of it; dirty sessions are noted by
    /// [`Gathered::changed`].
    pub fn put_back(&mut self, sums: Commit) {
        self.users
            .extend(sums.users.into_iter().map(|row| (row.user, row)));
        let history = sums.history.into_iter();
        self.history
            .extend(history.map(|row| ((row.user, row.torrent), row)));
        self.torrents
            .extend(sums.torrents.into_iter().map(|row| (row.torrent, row)));
        self.forgotten.extend(sums.forgotten);
        let events = sums.events.into_iter();
        self.events
            .extend(events.map(|row| ((row.kind, row.key), row)));
    }
}
