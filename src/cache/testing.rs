//! What the tests of the cache ask, and how they read the answers.

use super::{Announce, Answer, Batch, Cache, Driver, Families, Memory, MemorySettings, Query};
use crate::model::{Counts, Endpoint, Event, InfoHash, PeerId, Role, Seconds, V4_BYTES, V6_BYTES};
use std::net::{Ipv4Addr, Ipv6Addr};

/// With this lifetime a unit of age is one second, so that the tests know who has expired.
pub(super) const LIFETIME_SECS: u32 = 24;
pub(super) const COUNTS_LIFETIME_SECS: u32 = 120;

pub(super) const SETTINGS: MemorySettings = MemorySettings {
    workers: 1,
    peer_lifetime_secs: LIFETIME_SECS,
    counts_lifetime_secs: COUNTS_LIFETIME_SECS,
    max_torrents: 1 << 20,
    max_peers: 1 << 24,
    peer_ids: true,
    seed: 7,
};

pub(super) fn torrent(number: u32) -> InfoHash {
    let mut bytes = [0x5a; 20];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    InfoHash(bytes)
}

pub(super) fn v4(number: u32) -> Endpoint {
    Endpoint::new(Ipv4Addr::from(0x0a00_0000 + number).into(), 6881)
}

pub(super) fn v6(number: u32) -> Endpoint {
    let net = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0);
    Endpoint::new(
        Ipv6Addr::from(net.to_bits() + u128::from(number)).into(),
        6881,
    )
}

/// A peer id that tells whose it is.
pub(super) fn id_of(peer: Endpoint) -> PeerId {
    let mut id = [b'-'; 20];
    match peer {
        Endpoint::V4(bytes) => id[..V4_BYTES].copy_from_slice(&bytes),
        Endpoint::V6(bytes) => id[..V6_BYTES].copy_from_slice(&bytes),
    }
    PeerId(id)
}

/// A leecher that wants no peers.
pub(super) fn leecher(number: u32, peer: Endpoint) -> Announce {
    Announce {
        info_hash: torrent(number),
        peer,
        other: None,
        peer_id: id_of(peer),
        role: Role::Leecher,
        event: Event::Regular,
        want: 0,
        families: Families::OwnFirst,
        peer_ids: true,
    }
}

pub(super) fn seeder(number: u32, peer: Endpoint) -> Announce {
    Announce {
        role: Role::Seeder,
        ..leecher(number, peer)
    }
}

pub(super) fn completed(number: u32, peer: Endpoint) -> Announce {
    Announce {
        event: Event::Completed,
        ..seeder(number, peer)
    }
}

pub(super) fn stopped(number: u32, peer: Endpoint) -> Announce {
    Announce {
        event: Event::Stopped,
        ..leecher(number, peer)
    }
}

/// An answer, in pieces that outlive the batch.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) counts: Counts,
    pub(super) refused: bool,
    pub(super) v4: Vec<Endpoint>,
    pub(super) v6: Vec<Endpoint>,
    pub(super) peer_ids: Vec<PeerId>,
}

impl Asked {
    fn read(batch: &Batch, answer: &Answer) -> Asked {
        let v4 = batch.v4(answer).as_chunks();
        let v6 = batch.v6(answer).as_chunks();
        let peer_ids = batch.peer_ids(answer).as_chunks();
        assert!(
            v4.1.is_empty() && v6.1.is_empty() && peer_ids.1.is_empty(),
            "half a peer"
        );
        Asked {
            counts: answer.counts,
            refused: answer.refused,
            v4: v4.0.iter().copied().map(Endpoint::V4).collect(),
            v6: v6.0.iter().copied().map(Endpoint::V6).collect(),
            peer_ids: peer_ids.0.iter().copied().map(PeerId).collect(),
        }
    }

    /// The peers of both families, in the order of their ids.
    pub(super) fn peers(&self) -> Vec<Endpoint> {
        [&*self.v4, &*self.v6].concat()
    }
}

/// A handle and its batch.
pub(super) struct Client {
    handle: Box<dyn Cache>,
    batch: Batch,
}

impl Client {
    pub(super) fn new(driver: &Memory, seed: u64) -> Client {
        Client {
            handle: driver.open(seed).expect("a handle"),
            batch: Batch::default(),
        }
    }

    /// The answers to a batch.
    pub(super) fn ask(&mut self, queries: &[Query], now: u32) -> Vec<Asked> {
        self.batch.clear();
        for (place, query) in queries.iter().enumerate() {
            assert_eq!(self.batch.push(*query), place);
        }
        self.handle
            .run(&mut self.batch, Seconds(now))
            .expect("a memory that answers");
        let read = |place| Asked::read(&self.batch, self.batch.answer(place));
        (0..queries.len()).map(read).collect()
    }

    pub(super) fn announce(&mut self, announce: Announce, now: u32) -> Asked {
        self.ask(&[Query::Announce(announce)], now).remove(0)
    }

    pub(super) fn scrape(&mut self, info_hash: InfoHash) -> Counts {
        self.ask(&[Query::Scrape(info_hash)], 0).remove(0).counts
    }

    /// Announces that come in one tick; the answers are not looked at.
    pub(super) fn announce_all(&mut self, all: impl IntoIterator<Item = Announce>, now: u32) {
        let queries: Vec<Query> = all.into_iter().map(Query::Announce).collect();
        self.ask(&queries, now);
    }
}

/// Sweeps until every shard has been gone through from its end to its beginning.
pub(super) fn sweep_all(driver: &Memory, now: u32) {
    // A shard may be in the middle of an earlier sweep: the second round is a whole one.
    for _ in 0..2 {
        driver.sweep(Seconds(now), usize::MAX);
    }
}
