//! A shard: torrents in packed pages, a hash table of their places, and the rows of their peers.

use super::batch::{Announce, Answer, OpenAnswer};
use super::block::{Handle, Row};
use super::hash::hash_bytes;
use super::mark::{Ages, Mark, Moment};
use super::pages::Pages;
use super::pick::Asker;
use super::table::{Place, Tables};
use super::{MemorySettings, Totals};
use crate::model::{Counts, Endpoint, Event, InfoHash, Role, Seconds};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rows looked at under one lock: about a hundred microseconds.
const ROWS_A_SLICE: usize = 16 * 1024;
/// Rows that a torrent counts as even when it has fewer: it must be fetched, too.
const ROWS_A_TORRENT: usize = 4;
/// A torrent that has been without peers for longer has been so for as long as this: 68 years.
const LONG_AGO_SECS: u32 = u32::MAX / 2;

/// What all shards together may hold, and do.
#[derive(Debug)]
pub(super) struct Limits {
    max_torrents: u64,
    max_peers: u64,
    torrents: AtomicU64,
    peers: AtomicU64,
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

    fn peers_left(&self) -> bool {
        self.peers.load(Ordering::Relaxed) < self.max_peers
    }

    /// Torrents without peers are a courtesy while there is plenty of room.
    fn crowded(&self) -> bool {
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

/// How far a slice of a sweep came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Swept {
    pub(super) looked_at: usize,
    /// The shard has been gone through once.
    pub(super) whole: bool,
}

/// Where a sweep goes on: torrents before this one, rows of that torrent before these.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    torrents: usize,
    rows: Option<(usize, usize)>,
}

pub(super) struct Shard {
    pub(super) torrents: Pages<Torrent>,
    places: HashTable<u32>,
    pub(super) v4: Tables<6>,
    pub(super) v6: Tables<18>,
    ages: Ages,
    counts_lifetime_secs: u32,
    hasher: FixedState,
    cursor: Cursor,
}

impl Shard {
    pub(super) fn new(settings: &MemorySettings, ages: Ages, hasher: &FixedState) -> Shard {
        Shard {
            torrents: Pages::default(),
            places: HashTable::new(),
            v4: Tables::new(settings.peer_ids, hasher),
            v6: Tables::new(settings.peer_ids, hasher),
            ages,
            counts_lifetime_secs: settings.counts_lifetime_secs,
            hasher: hasher.clone(),
            cursor: Cursor::default(),
        }
    }

    /// The place of a torrent. It stays there until a sweep.
    pub(super) fn find(&self, hash: u64, info_hash: &InfoHash) -> Option<u32> {
        let same = |place: &u32| self.torrents.get(*place as usize).info_hash == *info_hash;
        self.places.find(hash, same).copied()
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
                join(v4, &mut torrent.v4, place, address, announce, now, limits)?
            }
            Endpoint::V6(address) => {
                join(v6, &mut torrent.v6, place, address, announce, now, limits)?
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
            Endpoint::V4(address) => leave(v4, &mut torrent.v4, place, address, limits),
            Endpoint::V6(address) => leave(v6, &mut torrent.v6, place, address, limits),
        }
        if torrent.is_empty() && !was_empty {
            torrent.v4.set_note(now.0);
        }
        self.tell_moved();
    }

    /// Tells torrents whose blocks the last change has moved.
    fn tell_moved(&mut self) {
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

    /// Removes what has expired, in a slice of about `most` torrents.
    pub(super) fn sweep(&mut self, now: Seconds, most: usize, limits: &Limits) -> Swept {
        let mut looked_at = 0;
        if self.cursor.torrents == 0 {
            self.cursor = Cursor {
                torrents: self.torrents.len(),
                rows: None,
            };
        }
        self.cursor.torrents = self.cursor.torrents.min(self.torrents.len());
        let mut rows_left = ROWS_A_SLICE;
        while self.cursor.torrents > 0 && looked_at < most && rows_left > 0 {
            let place = self.cursor.torrents - 1;
            let rows = self.sweep_torrent(place, now, rows_left, limits);
            rows_left = rows_left.saturating_sub(rows);
            if self.cursor.rows.is_none() {
                looked_at += 1;
                self.cursor.torrents = place;
                self.drop_if_empty(place, now, limits);
            }
        }
        let whole = self.cursor.torrents == 0;
        if whole {
            self.give_back();
        }
        Swept {
            looked_at: looked_at.max(1),
            whole,
        }
    }

    /// Goes on with one torrent, `most` rows at most; returns the rows it counts as.
    fn sweep_torrent(&mut self, place: usize, now: Seconds, most: usize, limits: &Limits) -> usize {
        let moment = (self.ages, self.ages.moment(now.0));
        let (v4_end, v6_end) = self.cursor.rows.unwrap_or((usize::MAX, usize::MAX));
        let Shard {
            torrents, v4, v6, ..
        } = self;
        let torrent = torrents.get_mut(place);
        let was_empty = torrent.is_empty();
        let swept_v4 = v4.expire(&mut torrent.v4, moment, v4_end, most);
        let left = most.saturating_sub(swept_v4.looked_at);
        let swept_v6 = v6.expire(&mut torrent.v6, moment, v6_end, left);
        if swept_v4.gone > 0 {
            v4.shrink(&mut torrent.v4, place as u32);
        }
        if swept_v6.gone > 0 {
            v6.shrink(&mut torrent.v6, place as u32);
        }
        if torrent.is_empty() && !was_empty {
            torrent.v4.set_note(now.0);
        }
        let gone = (swept_v4.gone + swept_v6.gone) as u64;
        limits.peers.fetch_sub(gone, Ordering::Relaxed);
        self.tell_moved();
        let ends = (swept_v4.end, swept_v6.end);
        self.cursor.rows = (ends != (0, 0)).then_some(ends);
        ROWS_A_TORRENT.max(swept_v4.looked_at + swept_v6.looked_at)
    }

    /// Forgets a torrent without peers, unless its `downloaded` count is still of interest.
    fn drop_if_empty(&mut self, place: usize, now: Seconds, limits: &Limits) {
        let torrent = *self.torrents.get(place);
        let kept = torrent.downloaded > 0
            && now.0.wrapping_sub(torrent.v4.note()) < self.counts_lifetime_secs
            && !limits.crowded();
        if !torrent.is_empty() || kept {
            return;
        }
        let hash = hash_bytes(&torrent.info_hash.0, &self.hasher);
        if let Ok(entry) = self
            .places
            .find_entry(hash, |other| *other as usize == place)
        {
            entry.remove();
        }
        limits.torrents.fetch_sub(1, Ordering::Relaxed);
        let last = self.torrents.len() - 1;
        self.torrents.swap_remove(place);
        if place == last {
            return;
        }
        let moved = *self.torrents.get(place);
        let hash = hash_bytes(&moved.info_hash.0, &self.hasher);
        if let Some(other) = self.places.find_mut(hash, |other| *other as usize == last) {
            *other = place as u32;
        }
        self.v4.set_owner(&moved.v4, place as u32);
        self.v6.set_owner(&moved.v6, place as u32);
    }

    /// Shrinks the hash table once it is far larger than what is in it.
    fn give_back(&mut self) {
        if self.places.capacity() > 4 * self.places.len() {
            let Shard {
                places,
                torrents,
                hasher,
                ..
            } = self;
            places.shrink_to_fit(|place| {
                hash_bytes(&torrents.get(*place as usize).info_hash.0, hasher)
            });
        }
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
                put_back(v4, &mut torrent.v4, place, address, restored, limits);
            }
            Endpoint::V6(address) => {
                put_back(v6, &mut torrent.v6, place, address, restored, limits);
            }
        }
        self.tell_moved();
    }
}

/// There is no place for one more peer.
#[derive(Clone, Copy, Debug)]
struct NoRoom;

struct Joined {
    place: Place,
    completed_now: bool,
}

fn join<const N: usize>(
    tables: &mut Tables<N>,
    handle: &mut Handle,
    owner: usize,
    address: &[u8; N],
    announce: &Announce,
    now: Moment,
    limits: &Limits,
) -> Result<Joined, NoRoom> {
    let seeder = announce.role == Role::Seeder;
    let partial_seed = announce.role == Role::PartialSeed;
    let completed = announce.event == Event::Completed;
    let row = |completed| Row {
        address: *address,
        mark: Mark::new(now, completed, partial_seed),
        peer_id: announce.peer_id,
    };
    if let Some((place, mark)) = tables.find(handle, address, seeder) {
        let before = mark.completed();
        let row = row(before || completed);
        let Some(place) = tables.refresh(handle, owner as u32, place, &row, seeder) else {
            limits.peers.fetch_sub(1, Ordering::Relaxed);
            return Err(NoRoom);
        };
        return Ok(Joined {
            place,
            completed_now: completed && !before,
        });
    }
    if !limits.peers_left() {
        return Err(NoRoom);
    }
    let place = tables
        .insert(handle, owner as u32, &row(completed), seeder)
        .ok_or(NoRoom)?;
    limits.peers.fetch_add(1, Ordering::Relaxed);
    Ok(Joined {
        place,
        completed_now: completed,
    })
}

fn leave<const N: usize>(
    tables: &mut Tables<N>,
    handle: &mut Handle,
    owner: usize,
    address: &[u8; N],
    limits: &Limits,
) {
    // Most peers that leave have finished.
    if let Some((place, _)) = tables.find(handle, address, true) {
        tables.remove(handle, owner as u32, place);
        limits.peers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A peer as a snapshot remembers it, address aside.
#[derive(Clone, Copy, Debug)]
pub(super) struct RestoredPeer {
    pub(super) mark: Mark,
    pub(super) peer_id: crate::model::PeerId,
    pub(super) seeder: bool,
}

fn put_back<const N: usize>(
    tables: &mut Tables<N>,
    handle: &mut Handle,
    owner: usize,
    address: &[u8; N],
    restored: &RestoredPeer,
    limits: &Limits,
) {
    let RestoredPeer {
        mark,
        peer_id,
        seeder,
    } = *restored;
    if !limits.peers_left() || tables.find(handle, address, seeder).is_some() {
        return;
    }
    let row = Row {
        address: *address,
        mark,
        peer_id,
    };
    if tables.insert(handle, owner as u32, &row, seeder).is_some() {
        limits.peers.fetch_add(1, Ordering::Relaxed);
    }
}
