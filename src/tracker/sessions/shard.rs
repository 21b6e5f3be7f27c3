//! The sessions of some users: packed rows, found by user and torrent.
//!
//! Rows stand without gaps, the last one taking the place of one that goes; the index holds their
//! numbers. Sessions of one user on one torrent have one hash and are told apart by looking at all
//! of them: there are few. Each user has a count of sessions and of torrents with a downloading
//! one, so nothing takes longer for a user of thousands of torrents.

use super::session::{Client, Session, family_of};
use super::{Admitted, Arrival, Denied, Left, SESSIONS_PER_USER_MOST, SessionEnd};
use crate::cache::hash::hash_bytes;
use crate::cache::pages::Pages;
use crate::model::{Endpoint, Event, Seconds, TorrentId, UserId};
use crate::sys;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;
use std::ops::Range;

/// A table that is less than one part in so many full gives memory back.
const SPARSE: usize = 8;

#[derive(Debug)]
pub(super) struct Shard {
    sessions: Pages<Session>,
    /// Rows by user and torrent.
    index: HashTable<u32>,
    users: HashTable<Usage>,
    hasher: FixedState,
}

/// What a user has in all.
#[derive(Clone, Copy, Debug)]
struct Usage {
    user: UserId,
    sessions: u32,
    /// Torrents with a session that downloads.
    downloads: u32,
}

/// What there is of a user on a torrent, seen by an announce.
#[derive(Default)]
struct Found {
    /// The row of the session that announces.
    own: Option<usize>,
    sessions: usize,
    /// Whether any of them downloads.
    downloads: bool,
    /// The row of the session at the same address, not the own one, that was silent for longest.
    ghost: Option<usize>,
}

/// A user and a torrent, and their hash.
#[derive(Clone, Copy)]
struct Pair {
    user: UserId,
    torrent: TorrentId,
    hash: u64,
}

/// Where to look for the session of an announce.
#[derive(Clone, Copy)]
pub(super) struct Place {
    hash: u64,
    client: Client,
    /// Where it is most likely: the first row of its hash, when it was last looked at.
    row: u32,
}

impl Default for Place {
    fn default() -> Place {
        Place {
            hash: 0,
            client: Client(0),
            row: u32::MAX,
        }
    }
}

impl Place {
    pub(super) fn new(arrival: &Arrival, hasher: &FixedState) -> Place {
        Place {
            hash: hasher.hash_one((arrival.user, arrival.torrent)),
            client: Client(hash_bytes(&arrival.peer_id.0, hasher)),
            row: u32::MAX,
        }
    }

    fn pair(&self, arrival: &Arrival) -> Pair {
        Pair {
            user: arrival.user,
            torrent: arrival.torrent,
            hash: self.hash,
        }
    }
}

impl Shard {
    pub(super) fn new(hasher: FixedState) -> Shard {
        Shard {
            sessions: Pages::default(),
            index: HashTable::new(),
            users: HashTable::new(),
            hasher,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Looks up where a session is most likely.
    pub(super) fn guess(&self, place: &mut Place) {
        if let Some(row) = self.index.iter_hash(place.hash).next() {
            place.row = *row;
        }
    }

    /// Brings what is there into the processor's cache.
    pub(super) fn fetch(&self, place: &Place) {
        let session = self.sessions.find(place.row as usize);
        session.map(sys::prefetch);
    }

    pub(super) fn stop(&mut self, place: Place, arrival: &Arrival) -> Admitted {
        let pair = place.pair(arrival);
        let found = self.find(pair, place.client, &arrival.endpoint);
        let Some(row) = found.own else {
            return Admitted::default();
        };
        let session = self.sessions.get_mut(row);
        let left = session.leave(family_of(&arrival.endpoint));
        if session.is_gone() {
            self.remove(row);
        }
        self.count_downloads(pair, found.downloads);
        self.admitted(pair, arrival, [left, None])
    }

    #[inline]
    pub(super) fn arrive(
        &mut self,
        place: Place,
        arrival: &Arrival,
        now: Seconds,
        min_interval_secs: u32,
        most_per_torrent: usize,
    ) -> Result<Admitted, Denied> {
        // Most announces say what the one before has said: then nothing else must be looked at. A
        // row that has moved since belongs to somebody else, or is no longer there.
        if let Some(session) = self.sessions.find_mut(place.row as usize)
            && (session.user, session.torrent) == (arrival.user, arrival.torrent)
            && session.client == place.client
            && session.leeching == arrival.leeching
            && session.has(&arrival.endpoint)
        {
            let too_soon = is_too_soon(session, arrival, now, min_interval_secs);
            session.hear(&arrival.endpoint, now, !too_soon);
            return Ok(Admitted {
                too_soon,
                ..Admitted::default()
            });
        }
        self.arrive_changed(place, arrival, now, min_interval_secs, most_per_torrent)
    }

    /// The announce of a client that is new, or elsewhere, or no longer does what it did, or is one
    /// of several: it may be any of them.
    fn arrive_changed(
        &mut self,
        place: Place,
        arrival: &Arrival,
        now: Seconds,
        min_interval_secs: u32,
        most_per_torrent: usize,
    ) -> Result<Admitted, Denied> {
        let pair = place.pair(arrival);
        let found = self.find(pair, place.client, &arrival.endpoint);
        let wants_slot = arrival.leeching && !found.downloads && arrival.slots.is_some();
        if wants_slot && !has_slot(arrival.slots, self.usage(arrival.user)) {
            return Err(Denied::NoSlotFree);
        }
        let mut too_soon = false;
        let mut left = [None, None];
        if let Some(row) = found.own {
            let session = self.sessions.get_mut(row);
            too_soon = is_too_soon(session, arrival, now, min_interval_secs);
            session.leeching = arrival.leeching;
            session.hear(&arrival.endpoint, now, !too_soon);
            left = [session.move_to(&arrival.endpoint), None];
        } else {
            let ghost = match found.sessions >= most_per_torrent {
                true => Some(found.ghost.ok_or(Denied::TooManySessions)?),
                false => None,
            };
            let usage = self.usage(arrival.user);
            if ghost.is_none() && usage.sessions >= SESSIONS_PER_USER_MOST {
                return Err(Denied::TooManySessions);
            }
            // First in, then out: a user without any session would lose the count of downloads.
            self.insert(pair, Session::new(arrival, place.client, now));
            if let Some(ghost) = ghost {
                left = self.remove(ghost).endpoints();
            }
        }
        self.count_downloads(pair, found.downloads);
        let admitted = self.admitted(pair, arrival, left);
        Ok(Admitted {
            too_soon,
            ..admitted
        })
    }

    /// Sessions in some rows.
    pub(super) fn rows(&self, rows: Range<usize>) -> impl Iterator<Item = &Session> {
        rows.map(|row| self.sessions.get(row))
    }

    /// Forgets what is too old among some rows; returns how many went.
    pub(super) fn sweep(&mut self, rows: Range<usize>, now: Seconds, lifetime_secs: u32) -> usize {
        let before = self.len();
        // From the last to the first: what takes the place of a row that goes stood behind it.
        for row in rows.rev() {
            let session = self.sessions.get_mut(row);
            session.forget(now, lifetime_secs);
            if session.is_gone() {
                let pair = self.pair_of(row);
                let downloads = self.downloads(pair);
                self.remove(row);
                self.count_downloads(pair, downloads);
            }
        }
        before - self.len()
    }

    /// Ends sessions among some rows, and shows them.
    pub(super) fn end(
        &mut self,
        rows: Range<usize>,
        is: &dyn Fn(UserId, TorrentId) -> bool,
        show: &mut dyn FnMut(SessionEnd),
    ) {
        for row in rows.rev() {
            let session = self.sessions.get(row);
            if !is(session.user, session.torrent) {
                continue;
            }
            let pair = self.pair_of(row);
            let downloads = self.downloads(pair);
            let session = self.remove(row);
            self.count_downloads(pair, downloads);
            show(SessionEnd {
                user: session.user,
                torrent: session.torrent,
                left: Left {
                    endpoints: session.endpoints(),
                },
            });
        }
    }

    /// Sessions of a user, and torrents that the user downloads.
    #[cfg(test)]
    pub(super) fn counts(&self, user: UserId) -> (usize, usize) {
        let usage = self.usage(user);
        (usage.sessions as usize, usage.downloads as usize)
    }

    fn pair_of(&self, row: usize) -> Pair {
        let session = self.sessions.get(row);
        Pair {
            user: session.user,
            torrent: session.torrent,
            hash: self.hasher.hash_one((session.user, session.torrent)),
        }
    }

    /// The sessions of a user on a torrent, with their rows.
    fn of(&self, pair: Pair) -> impl Iterator<Item = (usize, &Session)> {
        let rows = self.index.iter_hash(pair.hash);
        let sessions = rows.map(|row| (*row as usize, self.sessions.get(*row as usize)));
        sessions.filter(move |(_, session)| {
            session.user == pair.user && session.torrent == pair.torrent
        })
    }

    fn find(&self, pair: Pair, client: Client, endpoint: &Endpoint) -> Found {
        let mut found = Found::default();
        let mut silent = None;
        for (row, session) in self.of(pair) {
            found.sessions += 1;
            found.downloads |= session.leeching;
            if session.client == client {
                found.own = Some(row);
            } else if session.has_ip_of(endpoint) {
                // Of two that are equally old the hash decides, for the sake of the tests.
                let age = (session.last_heard(), session.client);
                if silent.is_none_or(|oldest| age < oldest) {
                    silent = Some(age);
                    found.ghost = Some(row);
                }
            }
        }
        found
    }

    /// Whether any session of a user on a torrent downloads.
    fn downloads(&self, pair: Pair) -> bool {
        self.of(pair).any(|(_, session)| session.leeching)
    }

    /// Counts the torrent among the user's downloads if it has become one, or no longer is.
    fn count_downloads(&mut self, pair: Pair, before: bool) {
        let after = self.downloads(pair);
        if after == before {
            return;
        }
        let hash = self.hasher.hash_one(pair.user);
        let usage = self.users.find_mut(hash, |usage| usage.user == pair.user);
        if let Some(usage) = usage {
            usage.downloads = match after {
                true => usage.downloads.saturating_add(1),
                false => usage.downloads.saturating_sub(1),
            };
        }
    }

    fn usage(&self, user: UserId) -> Usage {
        let hash = self.hasher.hash_one(user);
        let usage = self.users.find(hash, |usage| usage.user == user);
        usage.copied().unwrap_or(Usage {
            user,
            sessions: 0,
            downloads: 0,
        })
    }

    /// What is to be told: addresses that a session had, if they are no other's on the torrent.
    fn admitted(&self, pair: Pair, arrival: &Arrival, left: [Option<Endpoint>; 2]) -> Admitted {
        let is_free = |endpoint: &Endpoint| {
            *endpoint != arrival.endpoint && !self.of(pair).any(|(_, other)| other.has(endpoint))
        };
        Admitted {
            too_soon: false,
            left: Left {
                endpoints: left.map(|endpoint| endpoint.filter(is_free)),
            },
        }
    }

    fn insert(&mut self, pair: Pair, session: Session) {
        let (hasher, sessions) = (&self.hasher, &mut self.sessions);
        let row = sessions.push(session) as u32;
        self.index
            .insert_unique(pair.hash, row, |row| hash_of(hasher, sessions, *row));
        let hash = hasher.hash_one(pair.user);
        let entry = self.users.entry(
            hash,
            |usage| usage.user == pair.user,
            |usage| hasher.hash_one(usage.user),
        );
        let mut usage = entry.or_insert(Usage {
            user: pair.user,
            sessions: 0,
            downloads: 0,
        });
        let usage = usage.get_mut();
        usage.sessions = usage.sessions.saturating_add(1);
    }

    /// Takes a row out of everything but the count of downloads.
    fn remove(&mut self, row: usize) -> Session {
        let session = *self.sessions.get(row);
        let last = self.sessions.len() - 1;
        let (hash, last_hash) = (self.pair_of(row).hash, self.pair_of(last).hash);
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == row as u32) {
            entry.remove();
        }
        if let Some(moved) = self
            .index
            .find_mut(last_hash, |other| *other == last as u32)
        {
            *moved = row as u32;
        }
        self.sessions.swap_remove(row);
        self.discount(session.user);
        self.give_back();
        session
    }

    fn discount(&mut self, user: UserId) {
        let hash = self.hasher.hash_one(user);
        if let Ok(mut entry) = self.users.find_entry(hash, |usage| usage.user == user) {
            let usage = entry.get_mut();
            usage.sessions = usage.sessions.saturating_sub(1);
            if usage.sessions == 0 {
                entry.remove();
            }
        }
    }

    fn give_back(&mut self) {
        let (hasher, sessions) = (&self.hasher, &self.sessions);
        if self.index.len() < self.index.capacity() / SPARSE {
            self.index
                .shrink_to(self.index.len() * 2, |row| hash_of(hasher, sessions, *row));
        }
        if self.users.len() < self.users.capacity() / SPARSE {
            self.users
                .shrink_to(self.users.len() * 2, |usage| hasher.hash_one(usage.user));
        }
    }
}

fn hash_of(hasher: &FixedState, sessions: &Pages<Session>, row: u32) -> u64 {
    let session = sessions.get(row as usize);
    hasher.hash_one((session.user, session.torrent))
}

fn has_slot(slots: Option<u16>, usage: Usage) -> bool {
    slots.is_none_or(|slots| usage.downloads < u32::from(slots))
}

/// Whether a known session says nothing new, earlier than it should.
fn is_too_soon(session: &Session, arrival: &Arrival, now: Seconds, min_interval_secs: u32) -> bool {
    matches!(arrival.event, Event::Regular | Event::Paused)
        && session.has(&arrival.endpoint)
        && session.leeching == arrival.leeching
        && session.counted_ago(&arrival.endpoint, now) < min_interval_secs
}
