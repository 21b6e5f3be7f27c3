//! Where questions are answered from: the directory, the swarms, what the threads count.

use super::counters::{Served, WorkerCounters};
use super::reports::Reported;
use crate::account::journal::Journal;
use crate::cache::{Announce, Batch, Cache, Driver, Families, Query};
use crate::config::Config;
use crate::model::{Counts, Endpoint, Event, InfoHash, PeerId, Role};
use crate::server::clock::{Clock, wall_secs};
use crate::server::private::{Authority, Gauges, Lookups, Progress};
use crate::storage::UserName;
use crate::tracker::api::{Answer, Question, Shown, ShownPeer, document, peers, user};
use crate::tracker::pace::Pace;
use crate::tracker::registry::Registry;
use crate::tracker::sessions::Listed;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Instant;

/// A private tracker's own, for those who look.
pub(in crate::server) struct PrivateView {
    pub(in crate::server) authority: Arc<Authority>,
    pub(in crate::server) journal: Arc<Journal>,
    pub(in crate::server) progress: Arc<Progress>,
    pub(in crate::server) lookups: Arc<Lookups>,
    pub(in crate::server) gauges: Gauges,
}

/// All that can be asked.
pub(in crate::server) struct Inquiry {
    clock: Clock,
    start: Instant,
    driver: Arc<dyn Driver>,
    cache: Box<dyn Cache>,
    batch: Batch,
    pub(super) workers: Arc<[WorkerCounters]>,
    pub(super) private: Option<PrivateView>,
    /// How often clients announce, as configured.
    pub(super) pace: Pace,
    peers_most: u16,
    document: Answer,
    pub(super) reported: Reported,
}

impl Inquiry {
    pub(in crate::server) fn new(
        config: &Config,
        clock: Clock,
        (driver, cache): (Arc<dyn Driver>, Box<dyn Cache>),
        workers: Arc<[WorkerCounters]>,
        private: Option<PrivateView>,
    ) -> Inquiry {
        Inquiry {
            clock,
            start: Instant::now(),
            driver,
            cache,
            batch: Batch::default(),
            workers,
            private,
            pace: Pace::new(config),
            peers_most: config.announce.peers_max,
            document: document(),
            reported: Reported::new(),
        }
    }

    /// Who changes the directory; a public tracker has none.
    pub(super) fn authority(&self) -> Option<&Arc<Authority>> {
        self.private.as_ref().map(|private| &private.authority)
    }

    /// Who asks the storage; a public tracker has none.
    pub(super) fn lookups(&self) -> Option<&Lookups> {
        self.private.as_ref().map(|private| &*private.lookups)
    }

    /// What is told to a question.
    pub(super) fn answer(&mut self, question: &Question, served: &Served) -> Answer {
        match question {
            Question::Document => self.document.clone(),
            Question::Stats => Answer::new(200, &self.stats(served)),
            Question::TorrentPeers(info_hash) => self.torrent_peers(*info_hash),
            Question::UserPeers(who) => self.user_peers(who),
            Question::Torrent(info_hash) => {
                let counts = self.counts(*info_hash);
                self.of_directory(question, counts)
            }
            _ => self.of_directory(question, Counts::default()),
        }
    }

    fn of_directory(&self, question: &Question, counts: Counts) -> Answer {
        let Some(private) = &self.private else {
            return no_directory();
        };
        let registry = private.authority.registry();
        if !registry.is_loaded() {
            return not_found(&registry);
        }
        let shown = Shown {
            registry: &registry,
            counts,
            pace: self.pace,
        };
        shown.answer(question).unwrap_or_else(Answer::not_found)
    }

    pub(super) fn counts(&mut self, info_hash: InfoHash) -> Counts {
        self.ask_cache(Query::Scrape(info_hash)).unwrap_or_default()
    }

    /// Has the cache answer one query; `None` when it does not.
    fn ask_cache(&mut self, query: Query) -> Option<Counts> {
        self.batch.clear();
        let place = self.batch.push(query);
        let result = self.cache.run(&mut self.batch, self.clock.now());
        result.ok().map(|()| self.batch.answer(place).counts)
    }

    fn torrent_peers(&mut self, info_hash: InfoHash) -> Answer {
        let Some(private) = &self.private else {
            return self.swarm(info_hash);
        };
        let registry = private.authority.registry();
        let Some(torrent) = registry.torrent(&info_hash) else {
            return not_found(&registry);
        };
        let sessions = private.authority.torrent_sessions(torrent.id);
        peers(&shown(&registry, &sessions))
    }

    /// Some peers of a swarm: what an announce would be told of one that is not listed itself.
    fn swarm(&mut self, info_hash: InfoHash) -> Answer {
        let asked = self.ask_cache(Query::Announce(Announce {
            info_hash,
            peer: Endpoint::V4([0; 6]),
            other: None,
            peer_id: PeerId([0; 20]),
            role: Role::Leecher,
            event: Event::Regular,
            want: self.peers_most,
            families: Families::OwnFirst,
            peer_ids: false,
        }));
        if asked.is_none() {
            return Answer::fault(503, "the swarms do not answer");
        }
        let answer = self.batch.answer(0);
        let v4 = self.batch.v4(answer).as_chunks().0.iter();
        let v6 = self.batch.v6(answer).as_chunks().0.iter();
        let v4 = v4.map(|bytes| Endpoint::V4(*bytes));
        let all = v4.chain(v6.map(|bytes| Endpoint::V6(*bytes)));
        let shown: Vec<ShownPeer> = all.map(ShownPeer::of_public).collect();
        peers(&shown)
    }

    fn user_peers(&self, who: &UserName) -> Answer {
        let Some(private) = &self.private else {
            return no_directory();
        };
        let registry = private.authority.registry();
        let Some(user) = user(&registry, who) else {
            return not_found(&registry);
        };
        let sessions = private.authority.user_sessions(user.id);
        peers(&shown(&registry, &sessions))
    }

    fn stats(&self, served: &Served) -> Value {
        let swarms = self.driver.totals();
        let workers: Vec<Value> = self
            .workers
            .iter()
            .map(|worker| {
                let worked = worker.get();
                json!({
                    "udp_answers": worked.udp_answers,
                    "http_answers": worked.http_answers,
                    "http_connections": worked.http_connections,
                })
            })
            .collect();
        let mut cache = Map::new();
        let mut tell = |name: &'static str, value: u64| {
            cache.insert(name.to_owned(), value.into());
        };
        self.driver.gauges(&mut tell);
        if let Some(private) = &self.private {
            (private.gauges)(&mut tell);
        }
        let mut stats = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "tracker": if self.private.is_some() { "private" } else { "public" },
            "uptime_secs": self.start.elapsed().as_secs(),
            "workers": workers,
            "swarms": { "torrents": swarms.torrents, "peers": swarms.peers },
            "cache": cache,
            "admin": {
                "connections": served.connections,
                "requests": served.requests,
                "wrong_tokens": served.wrong_tokens,
                "lines": served.lines,
            },
        });
        if let Some(private) = &self.private {
            stats["private"] = private.stats();
        }
        stats
    }
}

/// What is not in a directory that has not been loaded may well be there.
pub(super) fn not_found(registry: &Registry) -> Answer {
    match registry.is_loaded() {
        true => Answer::not_found(),
        false => Answer::fault(503, "the directory is not loaded yet"),
    }
}

/// What is told where there is no directory.
pub(super) fn no_directory() -> Answer {
    Answer::fault(409, "a public tracker has no directory")
}

/// Clients as they are shown: the addresses of those who hide them are not.
fn shown(registry: &Registry, sessions: &[Listed]) -> Vec<ShownPeer> {
    let is_hidden = |session: &Listed| {
        let user = registry.user_by_id(session.user);
        user.is_some_and(|user| user.hide_ip)
    };
    let sessions = sessions.iter();
    sessions
        .map(|session| ShownPeer::of_session(session, is_hidden(session)))
        .collect()
}

impl PrivateView {
    fn stats(&self) -> Value {
        let registry = self.authority.registry();
        let totals = registry.totals();
        let (unaccounted, uncommitted) = self.progress.behind(self.journal.end());
        json!({
            "sessions": self.authority.sessions(),
            "directory_loaded": registry.is_loaded(),
            "users": totals.users,
            "torrents": totals.torrents,
            "clients": totals.clients,
            "tokens": totals.tokens,
            "held_edits": self.authority.held(),
            "journal_unaccounted_bytes": unaccounted,
            "journal_uncommitted_bytes": uncommitted,
            "storage_away_secs": self.progress.away_secs(wall_secs()),
        })
    }
}
