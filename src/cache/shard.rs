//! A shard: torrents in packed pages, a hash table of their places, and the rows of their peers.

use super::arena::Moved;
use super::batch::{Announce, Answer, OpenAnswer};
use super::index::hash_bytes;
use super::pages::Pages;
use super::swarm::{self, Ages, Asker, Mark, Moment, Rows};
use super::table::{Handle, Tables};
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

    fn find(&self, hash: u64, info_hash: &InfoHash) -> Option<usize> {
        let same = |place: &u32| self.torrents.get(*place as usize).info_hash == *info_hash;
        self.places.find(hash, same).map(|place| *place as usize)
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
    pub(super) fn counts(&self, hash: u64, info_hash: &InfoHash) -> Counts {
        self.find(hash, info_hash)
            .map_or_else(Counts::default, |place| self.counts_at(place))
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

    /// Lets an announce take effect and copies the peers it gets.
    pub(super) fn announce(
        &mut self,
        hash: u64,
        announce: &Announce,
        now: Seconds,
        limits: &Limits,
        dice: &mut fastrand::Rng,
        answer: OpenAnswer<'_>,
    ) -> Answer {
        let listed = announce.peer.is_reachable() && announce.event != Event::Stopped;
        let place = match self.find(hash, &announce.info_hash) {
            Some(place) => place,
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

    /// Enters or refreshes a peer; returns its row.
    fn join(
        &mut self,
        place: usize,
        announce: &Announce,
        peer: Endpoint,
        now: Seconds,
        limits: &Limits,
    ) -> Result<Option<usize>, NoRoom> {
        if !peer.is_reachable() {
            return Ok(None);
        }
        let now = self.ages.moment(now.0);
        let torrent = self.torrents.get_mut(place);
        let joined = match &peer {
            Endpoint::V4(address) => join(
                &mut self.v4,
                &mut torrent.v4,
                place,
                address,
                announce,
                now,
                limits,
            )?,
            Endpoint::V6(address) => join(
                &mut self.v6,
                &mut torrent.v6,
                place,
                address,
                announce,
                now,
                limits,
            )?,
        };
        // A client that is known by both its addresses has finished once.
        if joined.completed_now && peer == announce.peer {
            torrent.downloaded = torrent.downloaded.saturating_add(1);
        }
        self.follow(&peer, joined.moved);
        Ok(Some(joined.row))
    }

    /// Removes a peer, if it is there.
    fn leave(&mut self, place: usize, peer: Endpoint, now: Seconds, limits: &Limits) {
        let torrent = self.torrents.get_mut(place);
        let was_empty = torrent.is_empty();
        let moved = match &peer {
            Endpoint::V4(address) => leave(&mut self.v4, &mut torrent.v4, place, address, limits),
            Endpoint::V6(address) => leave(&mut self.v6, &mut torrent.v6, place, address, limits),
        };
        if torrent.is_empty() && !was_empty {
            torrent.v4.set_note(now.0);
        }
        self.follow(&peer, moved);
    }

    /// Tells the owner of a block where it is now.
    fn follow(&mut self, family: &Endpoint, moved: Option<Moved>) {
        let Some(Moved { owner, slot }) = moved else {
            return;
        };
        let torrent = self.torrents.get_mut(owner as usize);
        match family {
            Endpoint::V4(_) => torrent.v4.follow(slot),
            Endpoint::V6(_) => torrent.v6.follow(slot),
        }
    }

    fn answer(
        &mut self,
        place: usize,
        announce: &Announce,
        (own_row, other_row): (Option<usize>, Option<usize>),
        dice: &mut fastrand::Rng,
        mut answer: OpenAnswer<'_>,
    ) -> Answer {
        let counts = self.counts_at(place);
        let torrent = self.torrents.get_mut(place);
        let (v4, v6) = (self.v4.rows(&mut torrent.v4), self.v6.rows(&mut torrent.v6));
        let is_v4 = matches!(announce.peer, Endpoint::V4(_));
        let (v4_row, v6_row) = if is_v4 {
            (own_row, other_row)
        } else {
            (other_row, own_row)
        };
        let v4_asker = Asker::new(announce.role, v4_row);
        let v6_asker = Asker::new(announce.role, v6_row);
        let want = usize::from(announce.want);
        let (want_v4, want_v6) = if is_v4 {
            let own = want.min(swarm::candidates(&v4, v4_asker));
            (own, announce.families.others(want - own))
        } else {
            let own = want.min(swarm::candidates(&v6, v6_asker));
            (announce.families.others(want - own), own)
        };
        answer.copy(&v4, v4_asker, want_v4, dice);
        answer.end_v4();
        answer.copy(&v6, v6_asker, want_v6, dice);
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
        let torrent = self.torrents.get_mut(place);
        let was_empty = torrent.is_empty();
        let (v4, v6) = (&mut torrent.v4, &mut torrent.v6);
        let swept_v4 = self.v4.expire(v4, moment, v4_end, most);
        let swept_v6 = self
            .v6
            .expire(v6, moment, v6_end, most - swept_v4.looked_at);
        let mut moved = (None, None);
        if swept_v4.gone > 0 {
            moved.0 = self.v4.shrink(v4, place as u32);
        }
        if swept_v6.gone > 0 {
            moved.1 = self.v6.shrink(v6, place as u32);
        }
        if torrent.is_empty() && !was_empty {
            torrent.v4.set_note(now.0);
        }
        limits
            .peers
            .fetch_sub((swept_v4.gone + swept_v6.gone) as u64, Ordering::Relaxed);
        self.follow(&Endpoint::V4([0; 6]), moved.0);
        self.follow(&Endpoint::V6([0; 18]), moved.1);
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
            Some(place) => place,
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
        let torrent = self.torrents.get_mut(place);
        let moved = match peer {
            Endpoint::V4(address) => put_back(
                &mut self.v4,
                &mut torrent.v4,
                place,
                address,
                restored,
                limits,
            ),
            Endpoint::V6(address) => put_back(
                &mut self.v6,
                &mut torrent.v6,
                place,
                address,
                restored,
                limits,
            ),
        };
        self.follow(peer, moved);
    }
}

/// There is no place for one more peer.
#[derive(Clone, Copy, Debug)]
struct NoRoom;

struct Joined {
    row: usize,
    completed_now: bool,
    moved: Option<Moved>,
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
    let mut rows = tables.rows(handle);
    if let Some(row) = rows.find(address) {
        let before = Mark(rows.marks()[row]).completed();
        rows.set_mark(row, Mark::new(now, before || completed, partial_seed));
        rows.set_peer_id(row, &announce.peer_id);
        let row = swarm::set_seeder(&mut rows, row, seeder);
        return Ok(Joined {
            row,
            completed_now: completed && !before,
            moved: None,
        });
    }
    if !limits.peers_left() || !tables.has_place(handle) {
        return Err(NoRoom);
    }
    let moved = tables.make_room(handle, owner as u32);
    let mark = Mark::new(now, completed, partial_seed);
    let mut rows = tables.rows(handle);
    let row = swarm::insert(&mut rows, address, mark, &announce.peer_id, seeder);
    limits.peers.fetch_add(1, Ordering::Relaxed);
    Ok(Joined {
        row,
        completed_now: completed,
        moved,
    })
}

fn leave<const N: usize>(
    tables: &mut Tables<N>,
    handle: &mut Handle,
    owner: usize,
    address: &[u8; N],
    limits: &Limits,
) -> Option<Moved> {
    let mut rows = tables.rows(handle);
    let row = rows.find(address)?;
    swarm::remove(&mut rows, row);
    limits.peers.fetch_sub(1, Ordering::Relaxed);
    tables.shrink(handle, owner as u32)
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
) -> Option<Moved> {
    let known = tables.rows(handle).find(address).is_some();
    if known || !limits.peers_left() || !tables.has_place(handle) {
        return None;
    }
    let moved = tables.make_room(handle, owner as u32);
    let mut rows = tables.rows(handle);
    swarm::insert(
        &mut rows,
        address,
        restored.mark,
        &restored.peer_id,
        restored.seeder,
    );
    limits.peers.fetch_add(1, Ordering::Relaxed);
    moved
}
