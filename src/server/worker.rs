//! A worker: one poll, and a tick of phases. Events mark what is ready; the tick decides what
//! happens, in one order:
//!
//! ```text
//! receive, collect   packets and requests become queries in the batch, a pending reply for each
//! run                the cache answers the batch
//! record             what a private tracker has accepted is appended to the journal
//! answer, send       replies are written and sent
//! settle             connections are closed, or polled for what they wait for
//! ```

use super::admin::{Worked, WorkerCounters};
use super::bind::Bind;
use super::clock::{Clock, wall_secs};
use super::crossing::Crossing;
use super::tcp::Http;
use super::udp::UdpPort;
use crate::cache::Cache;
use crate::config::Network;
use crate::model::{Seconds, UnixTime};
use crate::tracker::connection_id::ConnectionIds;
use crate::tracker::{PrivateShared, Settings, Tracker};
use log::error;
use mio::{Events, Interest, Poll, Token, Waker};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

/// Events taken from one poll.
const EVENTS_PER_TICK: usize = 256;
/// Seconds in which connections must take what they are owed once the tracker stops.
const STOP_SECS: u32 = 5;
const WAKER: Token = Token(0);
const FIRST_PORT: usize = 1;

/// What the workers of a tracker share.
pub(super) struct Shared {
    pub(super) stopping: AtomicBool,
    pub(super) clock: Clock,
    pub(super) ids: ConnectionIds,
    pub(super) settings: Settings,
    pub(super) network: Network,
    /// The body that holds all torrents, made anew by the timer.
    pub(super) full_scrape: FullScrape,
    /// HTTP connections of one worker.
    pub(super) max_connections: usize,
    /// What each worker has done, for those who look.
    pub(super) counters: Arc<[WorkerCounters]>,
    /// Where connections go with requests that no worker serves; `None`: there are none.
    pub(super) crossing: Option<Arc<Crossing>>,
}

/// A body that connections go on sending while the next one is made.
pub(super) type FullScrape = Arc<RwLock<Arc<[u8]>>>;

/// What workers have done, for the log.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Served {
    udp: u64,
    http: u64,
}

impl Served {
    pub(super) fn add(&mut self, other: &Served) {
        self.udp += other.udp;
        self.http += other.http;
    }
}

impl std::fmt::Display for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} UDP and {} HTTP answers", self.udp, self.http)
    }
}

pub(super) struct Worker {
    shared: Arc<Shared>,
    poll: Poll,
    tracker: Tracker,
    ports: Vec<UdpPort>,
    /// UDP ports that may hold more than one tick takes, or have not been looked at.
    ready_ports: Vec<bool>,
    listeners: usize,
    http: Http,
    served: Served,
    /// Its place among the workers.
    number: usize,
    cache_down: bool,
    journal_down: bool,
}

impl Worker {
    /// A worker for these sockets, and the means to wake it.
    pub(super) fn new(
        shared: Arc<Shared>,
        cache: Box<dyn Cache>,
        private: Option<&PrivateShared>,
        sockets: Vec<Bind>,
        (number, seed): (usize, u64),
    ) -> io::Result<(Worker, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let mut ports = Vec::new();
        let mut listeners = Vec::new();
        for socket in sockets {
            match socket {
                Bind::Udp { socket, wildcard } => {
                    ports.push(UdpPort::new(socket, wildcard, shared.ids.clone()));
                }
                Bind::Http(listener) => listeners.push(listener),
            }
        }
        let (ports_len, listeners_len) = (ports.len(), listeners.len());
        let first_connection = FIRST_PORT + ports_len + listeners_len;
        let mut http = Http::new(Arc::clone(&shared), listeners, first_connection, seed);
        let mut tokens = (FIRST_PORT..).map(Token);
        let mut register = |source: &mut dyn mio::event::Source| {
            let token = tokens.next().unwrap_or(WAKER);
            poll.registry().register(source, token, Interest::READABLE)
        };
        ports
            .iter_mut()
            .try_for_each(|port| register(port.socket_mut()))?;
        http.listeners_mut()
            .try_for_each(|listener| register(listener))?;
        let tracker = Tracker::new(shared.settings.clone(), cache, private, seed);
        let worker = Worker {
            shared,
            poll,
            tracker,
            ready_ports: vec![false; ports.len()],
            ports,
            listeners: listeners_len,
            http,
            served: Served::default(),
            number,
            cache_down: false,
            journal_down: false,
        };
        Ok((worker, waker))
    }

    /// Serves until the tracker stops.
    pub(super) fn run(mut self) -> Served {
        let mut events = Events::with_capacity(EVENTS_PER_TICK);
        while !self.shared.stopping.load(Ordering::Acquire) {
            self.tick(&mut events);
        }
        let now = self.shared.clock.now();
        self.ports.clear();
        self.ready_ports.clear();
        self.http.stop_taking(now, STOP_SECS);
        while self.http.owes() {
            self.tick(&mut events);
        }
        self.served
    }

    fn tick(&mut self, events: &mut Events) {
        self.tracker.rest();
        if let Err(error) = self.poll.poll(events, self.patience())
            && error.kind() != io::ErrorKind::Interrupted
        {
            error!("worker: cannot poll: {error}");
        }
        let now = self.shared.clock.now();
        self.tracker.begin(now, UnixTime(wall_secs() as u32));
        self.http.begin();
        self.collect(events, now);
        self.run_cache(now);
        self.record();
        self.answer(now);
        self.http.settle(self.poll.registry(), now);
        self.http.check_deadlines(now);
        self.count();
    }

    /// Tells those who look how far it has come.
    fn count(&self) {
        if let Some(counters) = self.shared.counters.get(self.number) {
            counters.set(Worked {
                udp_answers: self.served.udp,
                http_answers: self.served.http,
                http_connections: self.http.connections.len() as u64,
            });
        }
    }

    /// How long the poll may sleep: not while something is left over, not past the next second
    /// while time matters, else until something happens.
    fn patience(&self) -> Option<Duration> {
        if self.http.has_unfinished() || self.ready_ports.contains(&true) {
            return Some(Duration::ZERO);
        }
        self.http
            .needs_time()
            .then(|| self.shared.clock.until_next_second())
    }

    fn collect(&mut self, events: &Events, now: Seconds) {
        self.http.resume(&mut self.tracker, now);
        self.http.take_back(&mut self.tracker, now);
        for event in events {
            let Some(place) = event.token().0.checked_sub(FIRST_PORT) else {
                continue;
            };
            if let Some(ready) = self.ready_ports.get_mut(place) {
                *ready = true;
            } else if place < self.ports.len() + self.listeners {
                self.http.listener_ready(place - self.ports.len());
            } else {
                self.http.connection_ready(&mut self.tracker, event, now);
            }
        }
        for (port, ready) in self.ports.iter_mut().zip(&mut self.ready_ports) {
            port.begin();
            if *ready {
                *ready = port.collect(&mut self.tracker, now);
            }
        }
        self.http.accept_waiting(&mut self.tracker, now);
    }

    fn run_cache(&mut self, now: Seconds) {
        match self.tracker.run(now) {
            Ok(()) if self.cache_down => {
                self.cache_down = false;
                log::info!("cache: answers again");
            }
            Err(error) if !self.cache_down => {
                self.cache_down = true;
                error!("{error}; announces are refused until it answers again");
            }
            _ => {}
        }
    }

    fn record(&mut self) {
        match self.tracker.record() {
            Ok(()) if self.journal_down => {
                self.journal_down = false;
                log::info!("journal: announces are recorded again");
            }
            Err(error) if !self.journal_down => {
                self.journal_down = true;
                error!("journal: {error}; announces are refused until they can be recorded");
            }
            _ => {}
        }
    }

    fn answer(&mut self, now: Seconds) {
        for port in &mut self.ports {
            self.served.udp += port.answer(&mut self.tracker);
        }
        self.served.http += self.http.answer(&mut self.tracker, now);
    }
}
