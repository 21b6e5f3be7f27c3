//! The sessions the ledger knows: what each last said, and until when its time is credited.

use super::ledger::Trail;
use crate::model::{Endpoint, TorrentId, Transfer, UnixTime, UserId};
use crate::storage::{PeerRow, SessionKey};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use slab::Slab;
use std::hash::BuildHasher;
use std::sync::Arc;

/// What a session does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum State {
    /// It has everything.
    Seeding,
    /// It does not.
    Leeching,
    /// It has stopped, or not been heard of for too long; only its totals are remembered.
    Gone,
}

/// A user's client with a torrent, however many addresses it has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Which.
    pub key: SessionKey,
    /// The address it last announced from.
    pub endpoint: Endpoint,
    /// Whether that is kept out of the storage.
    pub hide_ip: bool,
    /// The totals it last reported: what it reports next is credited as far as it is more.
    pub baseline: Transfer,
    /// Bytes it lacks.
    pub left: u64,
    /// What it does.
    pub state: State,
    /// What it did as it last announced: time is credited by what was announced alone, not by when
    /// a sweep found it gone.
    pub said: State,
    /// A download it has finished has been counted, or there was nothing to download.
    pub completed: bool,
    /// The first announce.
    pub started: UnixTime,
    /// The last announce.
    pub last: UnixTime,
    /// Until when seeding has been credited; 0: never.
    pub seeded_until: UnixTime,
    /// Until when downloading has been credited; 0: never.
    pub leeched_until: UnixTime,
    /// Announces in all.
    pub announces: u64,
    /// Bytes a second between the last two announces.
    pub rates: Transfer,
    /// The program's name for itself; empty over UDP.
    #[serde(with = "agent")]
    pub agent: Arc<str>,
    /// It has changed since the last batch.
    pub dirty: bool,
    /// What it said before, where records may come late; a checkpoint has it beside the sessions.
    #[serde(skip)]
    pub trail: Option<Box<Trail>>,
}

impl Session {
    /// What it said last: when, what it lacks, its totals, its name.
    pub(super) fn latest(&self) -> (UnixTime, u64, Transfer, Arc<str>) {
        (self.last, self.left, self.baseline, Arc::clone(&self.agent))
    }

    /// How the storage is told of it.
    pub fn row(&self) -> PeerRow {
        let (ip, port) = self.endpoint.mapped();
        PeerRow {
            key: self.key,
            ip: if self.hide_ip { [0; 16] } else { ip },
            port,
            totals: self.baseline,
            left: self.left,
            seeder: self.state == State::Seeding,
            active: self.state != State::Gone,
            agent: (*self.agent).into(),
            started: self.started,
            last: self.last,
            announces: self.announces,
            rates: self.rates,
        }
    }
}

/// Written as a string; read ones are not shared.
mod agent {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::sync::Arc;

    pub(super) fn serialize<S: Serializer>(agent: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(agent)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<str>, D::Error> {
        String::deserialize(from).map(Arc::from)
    }
}

/// All sessions, found by user and torrent.
pub struct Sessions {
    rows: Slab<Session>,
    places: HashTable<u32>,
    hasher: FixedState,
    /// The row the next sweep goes on with.
    cursor: usize,
}

impl Sessions {
    /// None yet. Users choose peer ids, sites the rest: `seed` keeps them from choosing hashes.
    pub fn new(seed: u64) -> Sessions {
        Sessions {
            rows: Slab::new(),
            places: HashTable::new(),
            hasher: FixedState::with_seed(seed),
            cursor: 0,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The place of a session.
    pub fn find(&self, key: &SessionKey) -> Option<u32> {
        let same = |place: &u32| self.get(*place).is_some_and(|session| session.key == *key);
        let hash = pair_hash(&self.hasher, key.user, key.torrent);
        self.places.find(hash, same).copied()
    }

    /// The session at a place.
    pub fn get(&self, place: u32) -> Option<&Session> {
        self.rows.get(place as usize)
    }

    /// The session at a place, to be changed; its key may not.
    pub fn get_mut(&mut self, place: u32) -> Option<&mut Session> {
        self.rows.get_mut(place as usize)
    }

    /// All sessions of a user with a torrent.
    pub fn of_pair(&self, user: UserId, torrent: TorrentId) -> impl Iterator<Item = &Session> {
        let hash = pair_hash(&self.hasher, user, torrent);
        self.places
            .iter_hash(hash)
            .filter_map(|place| self.get(*place))
            .filter(move |session| session.key.user == user && session.key.torrent == torrent)
    }

    /// Adds a session that is not there; returns its place.
    pub fn insert(&mut self, session: Session) -> u32 {
        let Sessions {
            rows,
            places,
            hasher,
            ..
        } = self;
        let hash = pair_hash(hasher, session.key.user, session.key.torrent);
        let place = rows.insert(session) as u32;
        let rehash = |place: &u32| {
            rows.get(*place as usize).map_or(0, |session| {
                pair_hash(hasher, session.key.user, session.key.torrent)
            })
        };
        places.insert_unique(hash, place, rehash);
        place
    }

    /// Removes the session at a place.
    pub fn remove(&mut self, place: u32) -> Option<Session> {
        let session = self.rows.try_remove(place as usize)?;
        let hash = pair_hash(&self.hasher, session.key.user, session.key.torrent);
        if let Ok(entry) = self.places.find_entry(hash, |other| *other == place) {
            entry.remove();
        }
        Some(session)
    }

    /// All sessions.
    pub fn iter(&self) -> impl Iterator<Item = &Session> {
        self.rows.iter().map(|(_, session)| session)
    }

    /// The places of the next `most` rows, going on where the last call ended; once around at most.
    pub fn slice(&mut self, most: usize) -> std::ops::Range<u32> {
        let start = if self.cursor < self.rows.capacity() {
            self.cursor
        } else {
            0
        };
        let end = self.rows.capacity().min(start.saturating_add(most));
        self.cursor = end;
        start as u32..end as u32
    }

    /// Gives memory back when most of it is free.
    pub fn shrink(&mut self) {
        if self.rows.capacity() > 1024 && self.rows.len() < self.rows.capacity() / 4 {
            self.rows.shrink_to_fit();
            let Sessions {
                rows,
                places,
                hasher,
                ..
            } = self;
            places.shrink_to(0, |place| {
                rows.get(*place as usize).map_or(0, |session| {
                    pair_hash(hasher, session.key.user, session.key.torrent)
                })
            });
        }
    }
}

fn pair_hash(hasher: &FixedState, user: UserId, torrent: TorrentId) -> u64 {
    hasher.hash_one((user.0, torrent.0))
}
