//! Who may, and what counts: requests become queries to the cache, answers become replies.
//!
//! [`Tracker`] is one worker's share of it, the same for both protocols; [`udp`] and [`http`] hold
//! what differs between question and answer. No sockets here: bytes in, bytes out, and the time as
//! an argument.

pub mod api;
pub mod connection_id;
pub mod http;
pub mod misses;
pub mod pace;
mod private;
pub mod registry;
pub mod sessions;
pub mod udp;

pub use private::Shared as PrivateShared;

use crate::cache::{Announce, Batch, Cache, CacheError, Families, Query};
use crate::config::Config;
use crate::model::{Counts, Endpoint, Event, InfoHash, Seconds, UnixTime};
use crate::wire::{self, AnnounceRequest, Refusal};
use api::dialects::Spoken;
use ipnet::IpNet;
use pace::Pace;
use private::{Place, Private, Refused};
use std::io;
use std::net::IpAddr;
use std::ops::Range;

/// What requests and replies depend on.
#[derive(Clone, Debug)]
pub struct Settings {
    pace: Pace,
    peers_default: u16,
    peers_max: u16,
    address_from: Vec<IpNet>,
    trusted_proxies: Vec<IpNet>,
    proxy_header: Option<String>,
    scrape_hashes: usize,
    full_scrape: bool,
    /// Dialects that are spoken beside announces, elsewhere than on a worker.
    dialects: Spoken,
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
            pace: Pace::new(config),
            peers_default: announce.peers_default,
            peers_max: announce.peers_max,
            address_from: announce.address_from.clone(),
            trusted_proxies: network.trusted_proxies.clone(),
            proxy_header: network.proxy_header.clone(),
            scrape_hashes: scrape.max_hashes.into(),
            full_scrape: scrape.full,
            dialects: Spoken::beside_announces(&config.admin.dialects),
        }
    }

    /// Whether a scrape without `info_hash` is answered with all torrents.
    pub fn serves_full_scrapes(&self) -> bool {
        self.full_scrape
    }

    /// Whether this is the head of a request in a dialect that is spoken here, though it is none
    /// that workers read.
    pub fn is_in_dialect(&self, bytes: &[u8]) -> bool {
        self.dialects.any()
            && matches!(
                wire::api::parse(bytes),
                Ok(wire::api::Status::Complete { head, .. })
                    if self.dialects.find(head.path).is_some()
            )
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
    private: Option<Private>,
    batch: Batch,
    dice: fastrand::Rng,
    /// The cache or the journal has failed: nothing of this tick is answered.
    failed: bool,
}

impl Tracker {
    /// A share with its own cache handle; of a private tracker if there is something to be shared.
    /// `seed` starts the choice of intervals.
    pub fn new(
        settings: Settings,
        cache: Box<dyn Cache>,
        private: Option<&PrivateShared>,
        seed: u64,
    ) -> Tracker {
        let dice = fastrand::Rng::with_seed(seed);
        Tracker {
            settings,
            cache,
            private: private.map(Private::new),
            batch: Batch::default(),
            dice,
            failed: false,
        }
    }

    /// What requests and replies depend on.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Forgets the last tick and begins one at this time.
    pub fn begin(&mut self, now: Seconds, time: UnixTime) {
        self.batch.clear();
        if let Some(private) = &mut self.private {
            private.begin(now, time);
        }
    }

    /// Says that the tick is over: nothing is decided any more until the next one begins.
    pub fn rest(&self) {
        if let Some(private) = &self.private {
            private.rest();
        }
    }

    /// Admits the announces of this tick and lets its queries take effect; an error means that
    /// none did.
    pub fn run(&mut self, now: Seconds) -> Result<(), CacheError> {
        self.failed = false;
        if let Some(private) = &mut self.private {
            private.admit(&mut self.batch);
        }
        if self.batch.is_empty() {
            return Ok(());
        }
        let result = self.cache.run(&mut self.batch, now);
        self.failed = result.is_err();
        result
    }

    /// Records the announces of this tick, where there is something to be accounted; before
    /// anything is answered. An error means that nothing will be.
    pub fn record(&mut self) -> io::Result<()> {
        let Some(private) = self.private.as_mut().filter(|_| !self.failed) else {
            return Ok(());
        };
        let batch = &self.batch;
        let result = private.record(|place| batch.answer(place).refused);
        self.failed = result.is_err();
        result
    }

    /// Takes an announce; returns its number in the tick, for [`Tracker::outcome`].
    fn announce(
        &mut self,
        request: &AnnounceRequest<'_>,
        client: IpAddr,
        room: Room,
    ) -> Result<usize, Refused> {
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
        let announce = Announce {
            info_hash: request.info_hash,
            peer,
            other,
            peer_id: request.peer_id,
            role: request.role,
            event: request.event,
            want: want.min(u16::try_from(most).unwrap_or(u16::MAX)),
            families: room.families,
            peer_ids: room.peer_ids,
        };
        match &mut self.private {
            Some(private) => private.gather(request, announce),
            None => Ok(self.batch.push(Query::Announce(announce))),
        }
    }

    /// Whether an announce was admitted: everybody's is by a public tracker.
    fn outcome(&self, number: usize) -> Result<Place, Refused> {
        match &self.private {
            Some(private) => private.outcome(number),
            None => Ok(Place {
                place: number,
                too_soon: false,
            }),
        }
    }

    /// Whether this passkey may scrape; a public tracker asks for none.
    fn admit_scrape(&self, passkey: Option<&[u8]>) -> Result<(), Refusal> {
        match &self.private {
            Some(private) => private.admit_scrape(passkey),
            None => Ok(()),
        }
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
        if self.failed {
            return Some(Refusal::Unavailable);
        }
        self.batch.answer(place).refused.then_some(Refusal::Full)
    }

    /// What the site has to say of a refusal; empty where it is nothing.
    fn reason(&self, refused: &Refused) -> &str {
        match (&self.private, refused.deleted) {
            (Some(private), Some(torrent)) => private.registry().reason(torrent),
            _ => "",
        }
    }

    /// What the swarm asked for at a place amounts to. The storage remembers more finished
    /// downloads than a cache does.
    fn counts(&self, place: usize) -> Counts {
        let mut counts = self.batch.answer(place).counts;
        if let Some(private) = &self.private {
            let info_hash = self.batch.query(place).info_hash();
            let torrent = private.registry().torrent(info_hash);
            let snatches = torrent.map_or(0, |torrent| torrent.snatches);
            counts.downloaded = counts.downloaded.max(snatches);
        }
        counts
    }

    /// Seconds until the next announce of some client.
    fn interval_secs(&mut self) -> u32 {
        let pace = self.pace();
        pace.interval_secs + self.dice.u32(..=pace.jitter_secs)
    }

    /// How often clients announce now.
    fn pace(&self) -> Pace {
        match &self.private {
            Some(private) => self.settings.pace.with(private.registry().global()),
            None => self.settings.pace,
        }
    }
}
