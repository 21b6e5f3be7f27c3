//! The stupid twin of the memory cache: swarms as lists that are searched from end to end.

use chihaya::cache::{Announce, Answer, Batch, Families};
use chihaya::model::{Counts, Endpoint, Event, PeerId, Role};

/// A torrent's peers, each its endpoint.
#[derive(Default)]
pub struct Swarm {
    peers: Vec<Peer>,
    downloaded: u32,
}

struct Peer {
    endpoint: Endpoint,
    peer_id: PeerId,
    role: Role,
    completed: bool,
    seen_secs: u32,
}

/// A peer as an answer carries it: its endpoint's bytes, filled up with zeros, and its id where ids
/// were asked for.
type Carried = ([u8; 18], Option<PeerId>);

/// What an answer must be like.
pub struct Expected {
    counts: Counts,
    v4: Choice,
    v6: Choice,
}

/// How many peers of one family, and from which.
#[derive(Default)]
struct Choice {
    from: Vec<Carried>,
    count: usize,
}

impl Swarm {
    /// Lets an announce take effect; says what its answer must be like.
    pub fn announce(&mut self, announce: &Announce, now_secs: u32) -> Expected {
        for endpoint in [Some(announce.peer), announce.other].into_iter().flatten() {
            if announce.event == Event::Stopped {
                self.peers.retain(|peer| peer.endpoint != endpoint);
            } else if endpoint.is_reachable() {
                self.enter(endpoint, announce, now_secs);
            }
        }
        let want = match announce.event {
            Event::Stopped => 0,
            _ => usize::from(announce.want),
        };
        let counts = self.counts();
        if want == 0 {
            let (v4, v6) = Default::default();
            return Expected { counts, v4, v6 };
        }
        let (mut v4, mut v6) = (self.choice(announce, true), self.choice(announce, false));
        let (own, others) = match announce.peer {
            Endpoint::V4(_) => (&mut v4, &mut v6),
            Endpoint::V6(_) => (&mut v6, &mut v4),
        };
        own.count = want.min(own.from.len());
        others.count = match announce.families {
            Families::Own => 0,
            Families::OwnFirst => (want - own.count).min(others.from.len()),
        };
        Expected { counts, v4, v6 }
    }

    fn enter(&mut self, endpoint: Endpoint, announce: &Announce, now_secs: u32) {
        let known = self.peers.iter().position(|peer| peer.endpoint == endpoint);
        let row = known.unwrap_or_else(|| {
            self.peers.push(Peer {
                endpoint,
                peer_id: announce.peer_id,
                role: announce.role,
                completed: false,
                seen_secs: now_secs,
            });
            self.peers.len() - 1
        });
        let peer = &mut self.peers[row];
        let completed = announce.event == Event::Completed;
        // Both addresses of a client finish together, and count as one.
        if completed && !peer.completed && endpoint == announce.peer {
            self.downloaded += 1;
        }
        peer.completed |= completed;
        peer.peer_id = announce.peer_id;
        peer.role = announce.role;
        peer.seen_secs = now_secs;
    }

    /// The peers of a family that an asker may get.
    fn choice(&self, announce: &Announce, v4: bool) -> Choice {
        let fits = |peer: &&Peer| {
            matches!(peer.endpoint, Endpoint::V4(_)) == v4
                && peer.endpoint != announce.peer
                && Some(peer.endpoint) != announce.other
                && (announce.role == Role::Leecher || peer.role != Role::Seeder)
        };
        let carried = |peer: &Peer| {
            (
                carried_bytes(&peer.endpoint),
                announce.peer_ids.then_some(peer.peer_id),
            )
        };
        let from = self.peers.iter().filter(fits).map(carried).collect();
        Choice { from, count: 0 }
    }

    /// What the swarm amounts to.
    pub fn counts(&self) -> Counts {
        let count = |fits: fn(&Role) -> bool| {
            self.peers.iter().filter(|peer| fits(&peer.role)).count() as u32
        };
        Counts {
            seeders: count(|role| *role == Role::Seeder),
            leechers: count(|role| *role != Role::Seeder),
            partial_seeds: count(|role| *role == Role::PartialSeed),
            downloaded: self.downloaded,
        }
    }

    /// How many peers there are.
    pub fn peers(&self) -> usize {
        self.peers.len()
    }

    /// When each peer announced last.
    pub fn seen_secs(&self) -> impl Iterator<Item = u32> {
        self.peers.iter().map(|peer| peer.seen_secs)
    }

    /// Removes the peers that have not announced since.
    pub fn expire(&mut self, since_secs: u32) {
        self.peers.retain(|peer| peer.seen_secs >= since_secs);
    }
}

impl Expected {
    /// Compares with an answer of the cache.
    pub fn check(self, batch: &Batch, answer: &Answer) {
        assert!(!answer.refused);
        assert_eq!(answer.counts, self.counts);
        let (v4, v6) = (
            batch.v4(answer).as_chunks::<6>(),
            batch.v6(answer).as_chunks::<18>(),
        );
        assert!(v4.1.is_empty() && v6.1.is_empty(), "a part of a peer");
        let (v4_ids, v6_ids) = match batch.peer_ids(answer).as_chunks::<20>() {
            ([], []) => ([].as_slice(), [].as_slice()),
            (ids, []) if ids.len() == v4.0.len() + v6.0.len() => ids.split_at(v4.0.len()),
            (ids, rest) => panic!("{} peer ids and {} bytes", ids.len(), rest.len()),
        };
        self.v4.check(v4.0, v4_ids);
        self.v6.check(v6.0, v6_ids);
    }
}

impl Choice {
    fn check<const N: usize>(mut self, peers: &[[u8; N]], ids: &[[u8; 20]]) {
        assert_eq!(peers.len(), self.count, "of {}", self.from.len());
        self.from.sort_unstable_by_key(|(bytes, _)| *bytes);
        let mut rows: Vec<usize> = Vec::new();
        for (place, peer) in peers.iter().enumerate() {
            let row = self
                .from
                .binary_search_by_key(&filled_up(peer), |(bytes, _)| *bytes);
            let row = row.unwrap_or_else(|_| panic!("not to be handed out: {peer:?}"));
            assert_eq!(ids.get(place).copied().map(PeerId), self.from[row].1);
            rows.push(row);
        }
        rows.sort_unstable();
        assert!(rows.is_sorted_by(|a, b| a < b), "a peer handed out twice");
    }
}

fn carried_bytes(endpoint: &Endpoint) -> [u8; 18] {
    match endpoint {
        Endpoint::V4(bytes) => filled_up(bytes),
        Endpoint::V6(bytes) => filled_up(bytes),
    }
}

fn filled_up(bytes: &[u8]) -> [u8; 18] {
    let mut whole = [0; 18];
    whole[..bytes.len()].copy_from_slice(bytes);
    whole
}
