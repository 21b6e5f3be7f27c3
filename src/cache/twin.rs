//! The stupid twin of the memory cache: a list of peers that is searched from end to end.

use super::testing::{COUNTS_LIFETIME_SECS, LIFETIME_SECS};
use super::{Announce, Families};
use crate::model::{Counts, Endpoint, Event, InfoHash, PeerId, Role};

pub(super) struct Peer {
    pub(super) info_hash: InfoHash,
    pub(super) endpoint: Endpoint,
    pub(super) peer_id: PeerId,
    pub(super) role: Role,
    pub(super) completed: bool,
    pub(super) seen: u32,
}

pub(super) struct Torrent {
    pub(super) info_hash: InfoHash,
    pub(super) downloaded: u32,
    pub(super) empty_since: u32,
}

#[derive(Default)]
pub(super) struct Twin {
    pub(super) peers: Vec<Peer>,
    pub(super) torrents: Vec<Torrent>,
    /// Seconds of a unit of age: lifetimes are multiples of it.
    pub(super) unit_secs: u32,
}

/// What an announce must be answered: so many of each family, each of them one of the candidates.
#[derive(Default)]
pub(super) struct Expected<'t> {
    pub(super) counts: Counts,
    pub(super) own: (usize, Vec<&'t Peer>),
    pub(super) other: (usize, Vec<&'t Peer>),
}

fn same_family(a: &Endpoint, b: &Endpoint) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

impl Twin {
    fn torrent(&mut self, info_hash: InfoHash) -> Option<&mut Torrent> {
        self.torrents
            .iter_mut()
            .find(|torrent| torrent.info_hash == info_hash)
    }

    fn swarm(&self, info_hash: InfoHash) -> impl Iterator<Item = &Peer> {
        self.peers
            .iter()
            .filter(move |peer| peer.info_hash == info_hash)
    }

    pub(super) fn counts(&self, info_hash: InfoHash) -> Counts {
        let count = |role| {
            self.swarm(info_hash)
                .filter(|peer| peer.role == role)
                .count() as u32
        };
        let known = self
            .torrents
            .iter()
            .find(|torrent| torrent.info_hash == info_hash);
        Counts {
            seeders: count(Role::Seeder),
            leechers: count(Role::Leecher) + count(Role::PartialSeed),
            partial_seeds: count(Role::PartialSeed),
            downloaded: known.map_or(0, |torrent| torrent.downloaded),
        }
    }

    pub(super) fn announce(&mut self, announce: &Announce, now: u32) -> Expected<'_> {
        let both = [Some(announce.peer), announce.other];
        if announce.event == Event::Stopped {
            both.into_iter()
                .flatten()
                .for_each(|peer| self.leave(announce.info_hash, peer, now));
            return Expected {
                counts: self.counts(announce.info_hash),
                ..Expected::default()
            };
        }
        for endpoint in both.into_iter().flatten().filter(Endpoint::is_reachable) {
            self.join(announce, endpoint, now);
        }
        self.expected(announce)
    }

    fn leave(&mut self, info_hash: InfoHash, endpoint: Endpoint, now: u32) {
        let before = self.peers.len();
        self.peers
            .retain(|peer| peer.info_hash != info_hash || peer.endpoint != endpoint);
        if self.peers.len() < before && self.swarm(info_hash).next().is_none() {
            self.torrent(info_hash)
                .expect("a torrent that had peers")
                .empty_since = now;
        }
    }

    fn join(&mut self, announce: &Announce, endpoint: Endpoint, now: u32) {
        let Announce {
            info_hash,
            peer_id,
            role,
            event,
            ..
        } = *announce;
        let completed = event == Event::Completed;
        let same = |peer: &&mut Peer| peer.info_hash == info_hash && peer.endpoint == endpoint;
        let known = self.peers.iter_mut().find(same);
        let before = known.as_ref().is_some_and(|peer| peer.completed);
        let completed_ever = before || completed;
        let entry = Peer {
            info_hash,
            endpoint,
            peer_id,
            role,
            completed: completed_ever,
            seen: now,
        };
        match known {
            Some(peer) => *peer = entry,
            None => self.peers.push(entry),
        }
        if self.torrent(info_hash).is_none() {
            self.torrents.push(Torrent {
                info_hash,
                downloaded: 0,
                empty_since: now,
            });
        }
        if completed && !before && endpoint == announce.peer {
            self.torrent(info_hash).expect("a torrent").downloaded += 1;
        }
    }

    fn expected(&self, announce: &Announce) -> Expected<'_> {
        let is_asker =
            |peer: &Peer| Some(peer.endpoint) == announce.other || peer.endpoint == announce.peer;
        let useful = |peer: &Peer| announce.role == Role::Leecher || peer.role != Role::Seeder;
        let (own, other): (Vec<_>, Vec<_>) = self
            .swarm(announce.info_hash)
            .filter(|peer| useful(peer) && !is_asker(peer))
            .partition(|peer| same_family(&peer.endpoint, &announce.peer));
        let want = usize::from(announce.want);
        let owns = want.min(own.len());
        let others = match announce.families {
            Families::Own => 0,
            Families::OwnFirst => (want - owns).min(other.len()),
        };
        let counts = self.counts(announce.info_hash);
        Expected {
            counts,
            own: (owns, own),
            other: (others, other),
        }
    }

    pub(super) fn sweep(&mut self, now: u32) {
        let lifetime_secs = LIFETIME_SECS * self.unit_secs;
        let live = |peer: &Peer| now - peer.seen <= lifetime_secs;
        let (live, gone): (Vec<_>, Vec<_>) = self.peers.drain(..).partition(live);
        self.peers = live;
        for peer in gone {
            if self.swarm(peer.info_hash).next().is_none() {
                self.torrent(peer.info_hash)
                    .expect("a torrent that had peers")
                    .empty_since = now;
            }
        }
        let Twin {
            peers, torrents, ..
        } = self;
        torrents.retain(|torrent| {
            let remembered = now - torrent.empty_since < COUNTS_LIFETIME_SECS * self.unit_secs;
            let has_peers = peers.iter().any(|peer| peer.info_hash == torrent.info_hash);
            has_peers || torrent.downloaded > 0 && remembered
        });
    }
}
