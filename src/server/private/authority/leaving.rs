//! Sessions of those who have nothing to announce any more: their peers leave the swarms, their slots
//! are free, and the books are told.
//!
//! All sessions must be looked at to find those of some users and torrents. So they are gathered:
//! one look ends the sessions of all that have come up, and no more than a part of the time is spent
//! on looking.

use crate::account::journal::{Entry, Journal};
use crate::account::note::Note;
use crate::cache::{Batch, Cache, Query};
use crate::model::{InfoHash, Seconds, TorrentId, UnixTime, UserId};
use crate::tracker::registry::{Leaving, Registry, Standing};
use crate::tracker::sessions::{SessionEnd, Sessions};
use log::error;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Of the time, one part in so many is spent on looking at sessions at most.
const SHARE: u32 = 5;
/// Peers that are taken out of the swarms under one lock of a shard.
const STOPS_A_BATCH: usize = 256;
/// Notes in one entry of the journal: a third of what it may hold.
const NOTES_AN_ENTRY: usize = 1 << 15;

/// Who has come up since the last look.
#[derive(Default)]
pub(super) struct Gathered {
    users: HashSet<UserId>,
    torrents: HashMap<TorrentId, InfoHash>,
    /// The registry before everything was loaded anew: all sessions must be judged again.
    before: Option<Registry>,
}

impl Gathered {
    pub(super) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.torrents.is_empty() && self.before.is_none()
    }

    pub(super) fn add(&mut self, leaving: Leaving) {
        match leaving {
            Leaving::User(user) => {
                self.users.insert(user);
            }
            Leaving::Torrent(torrent, info_hash) => {
                self.torrents.insert(torrent, info_hash);
            }
        }
    }

    /// Everything was loaded anew.
    pub(super) fn add_all(&mut self, before: Registry) {
        // The one before the first of several loads knows what has gone by any of them.
        self.before.get_or_insert(before);
    }

    /// Whether a session is to end.
    fn ends(&self, user: UserId, torrent: TorrentId, registry: &Registry) -> bool {
        self.users.contains(&user)
            || self.torrents.contains_key(&torrent)
            || (self.before.is_some() && !may_announce(user, torrent, registry))
    }

    /// What clients called a torrent.
    fn info_hash(&self, torrent: TorrentId, registry: &Registry) -> Option<InfoHash> {
        let known = self.torrents.get(&torrent).copied();
        let of = |registry: &Registry| registry.torrent_by_id(torrent);
        known
            .or_else(|| of(self.before.as_ref()?).map(|(info_hash, _)| info_hash))
            .or_else(|| of(registry).map(|(info_hash, _)| info_hash))
    }
}

fn may_announce(user: UserId, torrent: TorrentId, registry: &Registry) -> bool {
    let torrent = registry.torrent_by_id(torrent);
    registry.user_by_id(user).is_some_and(|user| user.enabled)
        && torrent.is_some_and(|(_, torrent)| torrent.standing == Standing::Registered)
}

/// What ends sessions.
pub(in crate::server::private) struct Ender {
    pub(in crate::server::private) sessions: Arc<Sessions>,
    pub(in crate::server::private) cache: Box<dyn Cache>,
    pub(in crate::server::private) journal: Arc<Journal>,
}

impl Ender {
    /// Ends the sessions of those who are gathered; when no worker admits any of them any more.
    /// Returns how long it is to be before the next look.
    pub(super) fn end(
        &mut self,
        gathered: &Gathered,
        registry: &Registry,
        now: Seconds,
        time: UnixTime,
    ) -> Duration {
        let started = Instant::now();
        let mut ended = Vec::new();
        let ends = |user, torrent| gathered.ends(user, torrent, registry);
        self.sessions.end(&ends, &mut |session| ended.push(session));
        let pause = started.elapsed() * (SHARE - 1);
        self.stop(&ended, gathered, registry, now);
        self.note(&ended, time);
        pause
    }

    /// Takes their peers out of the swarms.
    fn stop(
        &mut self,
        ended: &[SessionEnd],
        gathered: &Gathered,
        registry: &Registry,
        now: Seconds,
    ) {
        let mut batch = Batch::default();
        for ended in ended.chunks(STOPS_A_BATCH) {
            batch.clear();
            for session in ended {
                if let Some(info_hash) = gathered.info_hash(session.torrent, registry) {
                    for peer in session.left.iter() {
                        batch.push(Query::stop(info_hash, peer));
                    }
                }
            }
            if let Err(error) = self.cache.run(&mut batch, now) {
                error!("{error}; peers that should leave are listed until they expire");
            }
        }
    }

    /// Tells the books.
    fn note(&self, ended: &[SessionEnd], time: UnixTime) {
        let pairs = ended.iter().map(|session| (session.user, session.torrent));
        let mut pairs: Vec<(UserId, TorrentId)> = pairs.collect();
        pairs.sort_unstable();
        pairs.dedup();
        for pairs in pairs.chunks(NOTES_AN_ENTRY) {
            let notes = pairs.iter();
            let notes = notes.map(|(user, torrent)| Note::Gone(time, *user, *torrent));
            self.tell(&notes.collect::<Vec<_>>());
        }
    }

    /// Appends notes to the journal; returns whether they are there.
    pub(super) fn tell(&self, notes: &[Note]) -> bool {
        let appended = self.journal.append(&mut Entry::of_notes(notes));
        if let Err(error) = &appended {
            error!("journal: {error}; what the site has ended is counted until it expires");
        }
        appended.is_ok()
    }
}
