//! Sweeping a shard: expired peers and forgotten torrents, in slices.

use super::hash::hash_bytes;
use super::shard::{Limits, Shard};
use crate::model::Seconds;
use std::sync::atomic::Ordering;

/// Rows looked at under one lock: about a hundred microseconds.
const ROWS_A_SLICE: usize = 16 * 1024;
/// Rows that a torrent counts as even when it has fewer: it must be fetched, too.
const ROWS_A_TORRENT: usize = 4;

/// How far a slice of a sweep came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Swept {
    pub(super) looked_at: usize,
    /// The shard has been gone through once.
    pub(super) whole: bool,
}

/// Where a sweep goes on: torrents before this one, rows of that torrent before these.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    torrents: usize,
    rows: Option<(usize, usize)>,
}

impl Shard {
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
}
