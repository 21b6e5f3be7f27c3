//! A shard: torrents in packed pages, a hash table of their places, and the rows of their peers.

use super::batch::{Announce, Answer, OpenAnswer};
use super::block::Handle;
use super::hash::hash_bytes;
use super::mark::Ages;
use super::member::{self, NoRoom, RestoredPeer};
use super::pages::Pages;
use super::pick::Asker;
use super::replication::Tap;
use super::sweep::Cursor;
use super::table::{Place, Tables};
use super::{MemorySettings, Totals};
use crate::model::{Counts, Endpoint, Event, InfoHash, Role, Seconds};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::sync::atomic::{AtomicU64, Ordering};

/// A torrent that has been without peers for longer has been so for as long as this: 68 years.
const LONG_AGO_SECS: u32 = u32::MAX / 2;

/// What all shards together may hold, and do.
#[derive(Debug)]
pub(super) struct Limits {
    max_torrents: u64,
    max_peers: u64,
    pub(super) torrents: AtomicU64,
    pub(super) peers: AtomicU64,
}

impl Limits {
    pub(super) fn new(max_torrents: u64, max_peers: u64) -> Limits {
        Limits {
            max_torrents,
            max_peers,
            torrents: AtomicU64::new(0),
            peers: AtomicU64::new(0),
        }
    }

    pub(super) fn totals(&self) -> Totals {
        Totals {
            torrents: self.torrents.load(Ordering::Relaxed),
            peers: self.peers.load(Ordering::Relaxed),
        }
    }

    fn torrents_left(&self) -> bool {
        self.torrents.load(Ordering::Relaxed) < self.max_torrents
    }

    pub(super) fn peers_left(&self) -> bool {
        self.peers.load(Ordering::Relaxed) < self.max_peers
    }

    /// Torrents without peers are a courtesy while there is plenty of room.
    pub(super) fn crowded(&self) -> bool {
        self.torrents.load(Ordering::Relaxed) > self.max_torrents / 2
    }
}

/// A torrent: 40 bytes, and its rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Torrent {
    pub(super) info_hash: InfoHash,
    pub(super) downloaded: u32,
    /// While neither family has rows, its note is the second at which the last peer left.
    pub(super) v4: Handle,
    pub(super) v6: Handle,
}

impl Torrent {
    pub(super) fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}

pub(super) struct Shard {
    pub(super) torrents: Pages<Torrent>,
    pub(super) places: HashTable<u32>,
    pub(super) v4: Tables<6>,
    pub(super) v6: Tables<18>,
    pub(super) ages: Ages,
    pub(super) counts_lifetime_secs: u32,
    pub(super) hasher: FixedState,
    pub(super) cursor: Cursor,
    /// What others are to be told, where there are others.
    pub(super) tap: Tap,
}

impl Shard {
    pub(super) fn new(
        settings: &MemorySettings,
        ages: Ages,
        hasher: &FixedState,
        logs: usize,
    ) -> Shard {
        Shard {
            torrents: Pages::default(),
            places: HashTable::new(),
            v4: Tables::new(settings.peer_ids, hasher),
            v6: Tables::new(settings.peer_ids, hasher),
            ages,
            counts_lifetime_secs: settings.counts_lifetime_secs,
            hasher: hasher.clone(),
            cursor: Cursor::default(),
            tap: Tap::new(logs, settings.peer_ids),
        }
    }

    /// The place of a torrent. It stays there until a sweep.
    pub(super) fn find(&self, hash: u64, info_hash: &InfoHash) -> Option<u32> {
        let same = |place: &u32| self.torrents.get(*place as usize).info_hash == *info_hash;
        self.places.find(hash, same).copied()
    }

    /// Brings the rows that an announce will look at first into the processor's cache.
    pub(super) fn fetch(&self, place: u32, announce: &Announce) {
        let torrent = self.torrents.get(place as usize);
        let likely_seeder = announce.role == Role::Seeder;
        match &announce.peer {
            Endpoint::V4(address) => self.v4.fetch(&torrent.v4, address, likely_seeder),
            Endpoint::V6(address) => self.v6.fetch(&torrent.v6, address, likely_seeder),
        }
    }

    /// Adds a torrent that is not there; returns its place.
    pub(super) fn add(&mut self, hash: u64, info_hash: InfoHash, limits: &Limits) -> usize {
        let (v4, v6) = Default::default();
        let place = self.torrents.push(Torrent {
            info_hash,
            downloaded: 0,
            v4,
            v6,
        });
        let Shard {
            torrents,
            hasher,
            places,
            ..
        } = self;
        let rehash = |place: &u32| hash_bytes(&torrents.get(*place as usize).info_hash.0, hasher);
        places.insert_unique(hash, place as u32, rehash);
        limits.torrents.fetch_add(1, Ordering::Relaxed);
        place
    }

    /// What the swarm of a torrent amounts to.
    pub(super) fn counts(&self, place: Option<u32>) -> Counts {
        place.map_or_else(Counts::default, |place| self.counts_at(place as usize))
    }

    fn counts_at(&self, place: usize) -> Counts {
        let torrent = self.torrents.get(place);
        let [v4, v6] = [self.v4.counts(&torrent.v4), self.v6.counts(&torrent.v6)];
        Counts {
            seeders: v4[0] + v6[0],
            leechers: v4[1] + v6[1],
            partial_seeds: v4[2] + v6[2],
            downloaded: torrent.downloaded,
        }
    }

    pub(super) fn copy_counts(&self, from: usize, most: usize, to: &mut Vec<(InfoHash, Counts)>) {
        let end = self.torrents.len().min(from + most);
        for place in from..end {
            to.push((self.torrents.get(place).info_hash, self.counts_at(place)));
        }
    }

    /// Lets an announce take effect and copies the peers it gets. `torrent` holds the hash of its
    /// info-hash and where it has been found, if it has been.
    pub(super) fn announce(
        &mut self,
        (hash, torrent): (u64, Option<u32>),
        announce: &Announce,
        now: Seconds,
        limits: &Limits,
        dice: &mut fastrand::Rng,
        answer: OpenAnswer<'_>,
    ) -> Answer {
        let listed = announce.peer.is_reachable() && announce.event != Event::Stopped;
        // It may have been added in this batch.
        let place = match torrent.or_else(|| self.find(hash, &announce.info_hash)) {
            Some(place) => place as usize,
            None if !listed => return answer.finish(Counts::default()),
            None if limits.torrents_left() && limits.peers_left() => {
                self.add(hash, announce.info_hash, limits)
            }
            None => return answer.refuse(Counts::default()),
        };
        if announce.event == Event::Stopped {
            self.leave(place, announce.peer, now, limits);
            announce
                .other
                .inspect(|other| self.leave(place, *other, now, limits));
            return answer.finish(self.counts_at(place));
        }
        let row = if listed {
            self.join(place, announce, announce.peer, now, limits)
        } else {
            Ok(None)
        };
        let other_row = match (announce.other, row) {
            // Its own address got a place; that the second found none is no reason to refuse it.
            (Some(other), Ok(_)) => self
                .join(place, announce, other, now, limits)
                .unwrap_or(None),
            _ => None,
        };
        match row {
            Ok(row) => self.answer(place, announce, (row, other_row), dice, answer),
            Err(NoRoom) => answer.refuse(self.counts_at(place)),
        }
    }

    /// Enters or refreshes a peer; returns where it stands.
    fn join(
        &mut self,
        place: usize,
        announce: &Announce,
        peer: Endpoint,
        now: Seconds,
        limits: &Limits,
    ) -> Result<Option<Place>, NoRoom> {
        if !peer.is_reachable() {
            return Ok(None);
        }
        let now = self.ages.moment(now.0);
        let Shard {
            torrents, v4, v6, ..
        } = self;
        let torrent = torrents.get_mut(place);
        let joined = match &peer {
            Endpoint::V4(address) => {
                member::join(v4, &mut torrent.v4, place, address, announce, now, limits)?
            }
            Endpoint::V6(address) => {
                member::join(v6, &mut torrent.v6, place, address, announce, now, limits)?
            }
        };
        // A client that is known by both its addresses has finished once.
        if joined.completed_now && peer == announce.peer {
            torrent.downloaded = torrent.downloaded.saturating_add(1);
        }
        self.tell_moved();
        Ok(Some(joined.place))
    }

    /// Removes a peer, if it is there.
    fn leave(&mut self, place: usize, peer: Endpoint, now: Seconds, limits: &Limits) {
        let Shard {
            torrents, v4, v6, ..
        } = self;
        let torrent = torrents.get_mut(place);
        let was_empty = torrent.is_empty();
        match &peer {
            Endpoint::V4(address) => member::leave(v4, &mut torrent.v4, place, address, limits),
            Endpoint::V6(address) => member::leave(v6, &mut torrent.v6, place, address, limits),
        }
        if torrent.is_empty() && !was_empty {
            torrent.v4.set_note(now.0);
        }
        self.tell_moved();
    }

    /// Tells torrents whose blocks the last change has moved.
    pub(super) fn tell_moved(&mut self) {
        let Shard {
            torrents, v4, v6, ..
        } = self;
        v4.tell_moved(|moved| {
            torrents.get_mut(moved.owner() as usize).v4.follow(&moved);
        });
        v6.tell_moved(|moved| {
            torrents.get_mut(moved.owner() as usize).v6.follow(&moved);
        });
    }

    fn answer(
        &mut self,
        place: usize,
        announce: &Announce,
        (own, other): (Option<Place>, Option<Place>),
        dice: &mut fastrand::Rng,
        mut answer: OpenAnswer<'_>,
    ) -> Answer {
        let counts = self.counts_at(place);
        let Shard {
            torrents, v4, v6, ..
        } = self;
        let torrent = torrents.get_mut(place);
        let is_v4 = matches!(announce.peer, Endpoint::V4(_));
        let (own_v4, own_v6) = if is_v4 { (own, other) } else { (other, own) };
        let v4_asker = Asker::new(announce.role, own_v4);
        let v6_asker = Asker::new(announce.role, own_v6);
        let want = usize::from(announce.want);
        let (want_v4, want_v6) = if is_v4 {
            let own = want.min(v4.candidates(&torrent.v4, v4_asker));
            (own, announce.families.others(want - own))
        } else {
            let own = want.min(v6.candidates(&torrent.v6, v6_asker));
            (announce.families.others(want - own), own)
        };
        v4.pick(&mut torrent.v4, v4_asker, dice, &mut answer.window(want_v4));
        answer.end_v4();
        v6.pick(&mut torrent.v6, v6_asker, dice, &mut answer.window(want_v6));
        answer.finish(counts)
    }

    pub(super) fn ages(&self) -> Ages {
        self.ages
    }

    /// Puts back a torrent of a snapshot; `None` when there are as many as there may be.
    pub(super) fn restore_torrent(
        &mut self,
        hash: u64,
        info_hash: InfoHash,
        downloaded: u32,
        limits: &Limits,
    ) -> Option<usize> {
        let place = match self.find(hash, &info_hash) {
            Some(place) => place as usize,
            None if limits.torrents_left() => self.add(hash, info_hash, limits),
            None => return None,
        };
        let torrent = self.torrents.get_mut(place);
        torrent.downloaded = torrent.downloaded.max(downloaded);
        Some(place)
    }

    /// Notes of a torrent without peers how long it has been without them.
    pub(super) fn note_empty(&mut self, place: usize, now: Seconds, secs: u32) {
        let torrent = self.torrents.get_mut(place);
        if torrent.is_empty() {
            // It may be longer than this process runs: notes wrap around.
            torrent
                .v4
                .set_note(now.0.wrapping_sub(secs.min(LONG_AGO_SECS)));
        }
    }

    /// Puts back what a snapshot held of a torrent's peers of one family.
    pub(super) fn restore_peer(
        &mut self,
        place: usize,
        peer: &Endpoint,
        restored: &RestoredPeer,
        limits: &Limits,
    ) {
        let Shard {
            torrents, v4, v6, ..
        } = self;
        let torrent = torrents.get_mut(place);
        match peer {
            Endpoint::V4(address) => {
                member::put_back(v4, &mut torrent.v4, place, address, restored, limits);
            }
            Endpoint::V6(address) => {
                member::put_back(v6, &mut torrent.v6, place, address, restored, limits);
            }
        }
        self.tell_moved();
    }
}
