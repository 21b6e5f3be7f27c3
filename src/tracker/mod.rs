//! Who may, and what counts: requests become queries to the cache, answers become replies.
//!
//! [`Tracker`] is one worker's share of it, the same for both protocols; [`udp`] and [`http`] hold
//! what differs between question and answer. No sockets here: bytes in, bytes out, and the time as
//! an argument.

pub mod connection_id;
pub mod http;
pub mod registry;
pub mod udp;

use crate::cache::{Announce, Batch, Cache, CacheError, Families, Query};
use crate::config::Config;
use crate::model::{Endpoint, Event, InfoHash, Seconds};
use crate::wire::{AnnounceRequest, Refusal};
use ipnet::IpNet;
use std::net::IpAddr;
use std::ops::Range;

/// What requests and replies depend on.
#[derive(Clone, Debug)]
pub struct Settings {
    interval_secs: u32,
    min_interval_secs: u32,
    jitter_secs: u32,
    peers_default: u16,
    peers_max: u16,
    address_from: Vec<IpNet>,
    trusted_proxies: Vec<IpNet>,
    proxy_header: Option<String>,
    scrape_hashes: usize,
    full_scrape: bool,
}

impl Settings {
    /// The part of a configuration that concerns requests.
    pub fn new(config: &Config) -> Settings {
        let Config {
            network,
            announce,
            scrape,
            ..
        } = config;
        Settings {
            interval_secs: announce.interval.0,
            min_interval_secs: announce.min_interval.0,
            jitter_secs: announce.jitter.0,
            peers_default: announce.peers_default,
            peers_max: announce.peers_max,
            address_from: announce.address_from.clone(),
            trusted_proxies: network.trusted_proxies.clone(),
            proxy_header: network.proxy_header.clone(),
            scrape_hashes: scrape.max_hashes.into(),
            full_scrape: scrape.full,
        }
    }

    /// Whether a scrape without `info_hash` is answered with all torrents.
    pub fn serves_full_scrapes(&self) -> bool {
        self.full_scrape
    }

    /// Whether connections from this address are believed about the client they carry.
    pub fn is_trusted_proxy(&self, ip: IpAddr) -> bool {
        contains(&self.trusted_proxies, ip)
    }
}

fn contains(networks: &[IpNet], ip: IpAddr) -> bool {
    !networks.is_empty()
        && networks
            .iter()
            .any(|network| network.contains(&ip.to_canonical()))
}

/// What an answer can carry.
#[derive(Clone, Copy, Debug)]
struct Room {
    families: Families,
    peers_v4: usize,
    peers_v6: usize,
    peer_ids: bool,
}

/// One worker's share of the tracker: its settings, its way to the cache, and the batch of the
/// tick.
pub struct Tracker {
    settings: Settings,
    cache: Box<dyn Cache>,
    batch: Batch,
    dice: fastrand::Rng,
    cache_failed: bool,
}

impl Tracker {
    /// A share with its own cache handle. `seed` starts the choice of intervals.
    pub fn new(settings: Settings, cache: Box<dyn Cache>, seed: u64) -> Tracker {
        let dice = fastrand::Rng::with_seed(seed);
        Tracker {
            settings,
            cache,
            batch: Batch::default(),
            dice,
            cache_failed: false,
        }
    }

    /// What requests and replies depend on.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Forgets the last tick.
    pub fn begin(&mut self) {
        self.batch.clear();
    }

    /// Lets the queries of this tick take effect; an error means that none did.
    pub fn run(&mut self, now: Seconds) -> Result<(), CacheError> {
        self.cache_failed = false;
        if self.batch.is_empty() {
            return Ok(());
        }
        let result = self.cache.run(&mut self.batch, now);
        self.cache_failed = result.is_err();
        result
    }

    /// Admits an announce; returns the place of its answer.
    fn announce(&mut self, request: &AnnounceRequest<'_>, client: IpAddr, room: Room) -> usize {
        let (peer, other) = self.endpoints(request, client);
        let most = match peer {
            Endpoint::V4(_) => room.peers_v4,
            Endpoint::V6(_) => room.peers_v6,
        };
        let want = match request.event {
            Event::Stopped => 0,
            _ => request
                .num_want
                .map_or(self.settings.peers_default, |want| {
                    u16::try_from(want)
                        .unwrap_or(u16::MAX)
                        .min(self.settings.peers_max)
                }),
        };
        let want = want.min(u16::try_from(most).unwrap_or(u16::MAX));
        self.batch.push(Query::Announce(Announce {
            info_hash: request.info_hash,
            peer,
            other,
            peer_id: request.peer_id,
            role: request.role,
            event: request.event,
            want,
            families: room.families,
            peer_ids: room.peer_ids,
        }))
    }

    /// The address a client is listed under, and its other one. It is the address the request came
    /// from, unless the client is one of those that may say otherwise.
    fn endpoints(
        &self,
        request: &AnnounceRequest<'_>,
        client: IpAddr,
    ) -> (Endpoint, Option<Endpoint>) {
        let own = Endpoint::new(client, request.port);
        let claims = request.ipv4.is_some() || request.ipv6.is_some();
        if !claims || !contains(&self.settings.address_from, client) {
            return (own, None);
        }
        let v4 = request
            .ipv4
            .map(|ip| Endpoint::new(ip.into(), request.port));
        let v6 = request
            .ipv6
            .map(|ip| Endpoint::new(ip.into(), request.port));
        match own {
            Endpoint::V4(_) => (v4.unwrap_or(own), v6),
            Endpoint::V6(_) => (v6.unwrap_or(own), v4),
        }
    }

    /// Admits a scrape; returns the places of its answers.
    fn scrape(&mut self, hashes: &[[u8; 20]]) -> Range<usize> {
        let first = self.batch.len();
        for hash in hashes {
            self.batch.push(Query::Scrape(InfoHash(*hash)));
        }
        first..self.batch.len()
    }

    /// Why the answer at a place is none.
    fn refusal(&self, place: usize) -> Option<Refusal> {
        if self.cache_failed {
            return Some(Refusal::CacheUnavailable);
        }
        self.batch.answer(place).refused.then_some(Refusal::Full)
    }

    /// Seconds until the next announce of some client.
    fn interval_secs(&mut self) -> u32 {
        self.settings.interval_secs + self.dice.u32(..=self.settings.jitter_secs)
    }
}
