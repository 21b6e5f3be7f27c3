//! The HTTP side of a worker: listeners, connections, and the requests of a tick.

use super::accept::{Listener, Shortage};
use super::connection::{Connection, Interest, Phase};
use super::turn::Turn;
use super::worker::Shared;
use crate::model::Seconds;
use crate::tracker::Tracker;
use crate::tracker::http::{Requests, Rest};
use crate::wire::http;
use log::{debug, info};
use mio::net::TcpListener;
use mio::{Interest as Readiness, Registry, Token};
use slab::Slab;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError};

/// Bytes read at once, for all connections in turn: two of the longest request heads.
pub(super) const READ_BYTES: usize = 2 * http::MAX_HEAD_BYTES;
/// Requests of all connections in a tick, after which the others wait for the next: the answers of
/// a tick are all in memory at once, a few KiB each.
const REQUESTS_PER_TICK: usize = 1024;
/// Seconds without a failed accept after which a shortage is over.
const CALM_SECS: u32 = 10;
/// Seconds a connection that was refused may take to read its answer.
const LINGER_SECS: u32 = 2;

pub(super) struct Http {
    pub(super) shared: Arc<Shared>,
    pub(super) listeners: Vec<Listener>,
    pub(super) connections: Slab<Connection>,
    /// The token of connection 0.
    first_token: usize,
    requests: Requests,
    /// The body that holds all torrents, as it was when the tick began.
    full_scrape: Arc<[u8]>,
    buffer: Box<[u8]>,
    out: Vec<u8>,
    /// Connections this tick has to do with, each once.
    pub(super) touched: Vec<usize>,
    /// Connections that have more to read than one tick takes.
    unfinished: VecDeque<usize>,
    pub(super) dice: fastrand::Rng,
    /// When deadlines were last looked at.
    checked: Seconds,
    pub(super) shortage: Option<Shortage>,
}

impl Http {
    pub(super) fn new(
        shared: Arc<Shared>,
        listeners: Vec<TcpListener>,
        first_token: usize,
        seed: u64,
    ) -> Http {
        let listener = |socket| Listener {
            socket,
            waiting: false,
            starved: false,
        };
        Http {
            shared,
            listeners: listeners.into_iter().map(listener).collect(),
            connections: Slab::new(),
            first_token,
            requests: Requests::default(),
            full_scrape: Arc::default(),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            out: Vec::new(),
            touched: Vec::new(),
            unfinished: VecDeque::new(),
            dice: fastrand::Rng::with_seed(seed),
            checked: Seconds(0),
            shortage: None,
        }
    }

    pub(super) fn listeners_mut(&mut self) -> impl Iterator<Item = &mut TcpListener> {
        self.listeners
            .iter_mut()
            .map(|listener| &mut listener.socket)
    }

    /// Whether a tick must follow without waiting for an event.
    pub(super) fn has_unfinished(&self) -> bool {
        !self.unfinished.is_empty() || self.listeners.iter().any(|l| l.waiting && !l.starved)
    }

    /// Whether time matters: deadlines, or an accept to try again.
    pub(super) fn needs_time(&self) -> bool {
        !self.connections.is_empty() || self.shortage.is_some()
    }

    /// Whether a connection is still owed something.
    pub(super) fn owes(&self) -> bool {
        self.connections
            .iter()
            .any(|(_, connection)| connection.has_unsent())
    }

    /// Forgets the last tick.
    pub(super) fn begin(&mut self) {
        self.requests.begin();
        self.touched.clear();
        if self.shared.settings.serves_full_scrapes() {
            let latest = self
                .shared
                .full_scrape
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            self.full_scrape = Arc::clone(&latest);
        }
    }

    /// Notes that a listener has something.
    pub(super) fn listener_ready(&mut self, listener: usize) {
        if let Some(listener) = self.listeners.get_mut(listener) {
            listener.waiting = true;
        }
    }

    /// Acts on an event of a connection.
    pub(super) fn connection_ready(
        &mut self,
        tracker: &mut Tracker,
        event: &mio::event::Event,
        now: Seconds,
    ) {
        let Some(key) = event.token().0.checked_sub(self.first_token) else {
            return;
        };
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        if event.is_writable() && connection.has_unsent() {
            match connection.flush() {
                Ok(true) => connection.deadline = after(now, self.shared.network.write_timeout.0),
                Ok(false) => {}
                Err(_) => return self.give_up(key),
            }
        }
        connection.input_ends |= event.is_read_closed();
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            connection.more_to_read = true;
        }
        self.read(tracker, key, now);
    }

    /// Goes on where the last tick left off.
    pub(super) fn resume(&mut self, tracker: &mut Tracker, now: Seconds) {
        for _ in 0..self.unfinished.len() {
            let Some(key) = self.unfinished.pop_front() else {
                return;
            };
            if let Some(connection) = self.connections.get_mut(key) {
                connection.unfinished = false;
                self.read(tracker, key, now);
            }
        }
    }

    /// Closes a connection before its requests are answered: what takes its place must not get
    /// the answers.
    pub(super) fn give_up(&mut self, key: usize) {
        self.close(key);
        self.requests.forget(key);
    }

    fn close(&mut self, key: usize) {
        self.connections.try_remove(key);
    }

    /// Reads what there is, and collects the requests in it.
    pub(super) fn read(&mut self, tracker: &mut Tracker, key: usize, now: Seconds) {
        let Http {
            connections,
            requests,
            buffer,
            shared,
            ..
        } = self;
        let Some(connection) = connections.get_mut(key) else {
            return;
        };
        if !connection.touched {
            connection.touched = true;
            self.touched.push(key);
        }
        if let Phase::Lingering { .. } = connection.phase {
            if connection.throw_away(buffer) {
                self.close(key);
            }
            return;
        }
        if !connection.takes_requests() || !connection.more_to_read {
            return;
        }
        if requests.pending().len() >= REQUESTS_PER_TICK {
            return self.queue_unfinished(key);
        }
        let began = connection.has_unread();
        let turn = Turn {
            connection,
            requests,
            tracker,
            buffer,
            key,
        };
        match turn.run() {
            Err(error) => {
                debug!("http: a connection failed: {error}");
                return self.give_up(key);
            }
            Ok(taken) if taken > 0 => {
                connection.deadline = after(now, shared.network.idle_timeout.0)
            }
            Ok(_) => {}
        }
        if !began && connection.has_unread() {
            connection.deadline = after(now, shared.network.head_timeout.0);
        }
        self.queue_unfinished(key);
    }

    /// Gives a connection another turn in the next tick, if there may be more to read.
    fn queue_unfinished(&mut self, key: usize) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        if connection.more_to_read && connection.takes_requests() && !connection.unfinished {
            connection.unfinished = true;
            self.unfinished.push_back(key);
        }
    }

    /// Writes and sends the answers of this tick; returns how many there were.
    pub(super) fn answer(&mut self, tracker: &mut Tracker, now: Seconds) -> u64 {
        let mut place = 0;
        while let Some(pending) = self.requests.pending().get(place) {
            let key = pending.connection;
            place = self.answer_connection(tracker, key, place, now);
        }
        place as u64
    }

    /// Answers the requests of one connection from `place` on, in one write; returns where the
    /// next one's begin.
    fn answer_connection(
        &mut self,
        tracker: &mut Tracker,
        key: usize,
        mut place: usize,
        now: Seconds,
    ) -> usize {
        let Http {
            requests,
            out,
            shared,
            full_scrape,
            ..
        } = self;
        let mut rest = Rest::Nothing;
        out.clear();
        while requests
            .pending()
            .get(place)
            .is_some_and(|pending| pending.connection == key)
        {
            rest = requests.write(tracker, place, full_scrape.len(), out);
            place += 1;
        }
        let body = (rest == Rest::FullScrape).then(|| Arc::clone(full_scrape));
        let Some(connection) = self.connections.get_mut(key) else {
            return place;
        };
        match connection.send(out, body) {
            Ok(()) if connection.has_unsent() => {
                connection.deadline = after(now, shared.network.write_timeout.0);
            }
            Ok(()) => {}
            Err(_) => self.close(key),
        }
        place
    }

    /// Leaves every connection of this tick in a state in which the poll will tell of it.
    pub(super) fn settle(&mut self, registry: &Registry, now: Seconds) {
        for place in 0..self.touched.len() {
            let key = self.touched[place];
            let Some(connection) = self.connections.get_mut(key) else {
                continue;
            };
            connection.touched = false;
            if let Phase::Closing { linger } = connection.phase
                && !connection.has_unsent()
            {
                if !linger {
                    self.close(key);
                    continue;
                }
                connection.linger();
                connection.deadline = after(now, LINGER_SECS);
            }
            if connection.phase == Phase::Crossing && !connection.has_unsent() {
                self.cross(registry, key);
                continue;
            }
            let token = Token(self.first_token + key);
            if let Err(error) = poll_for(connection, registry, token) {
                debug!("http: a connection cannot be polled: {error}");
                self.close(key);
            } else {
                // It may have been waiting for its answers to be taken.
                self.queue_unfinished(key);
            }
        }
    }

    /// Once a second: closes what is overdue, and lets starved listeners try again.
    pub(super) fn check_deadlines(&mut self, now: Seconds) {
        if now == self.checked {
            return;
        }
        self.checked = now;
        self.connections
            .retain(|_, connection| connection.deadline >= now);
        for listener in &mut self.listeners {
            listener.starved = false;
        }
        let over = |shortage: &mut Shortage| now >= after(shortage.last, CALM_SECS);
        if let Some(Shortage { since, .. }) = self.shortage.take_if(over) {
            info!(
                "http: connections have room again, after {} s",
                now.0 - since.0
            );
        }
        if self.connections.is_empty() {
            self.connections.shrink_to_fit();
        }
    }

    /// Takes no more connections, and keeps only those that are owed something.
    pub(super) fn stop_taking(&mut self, now: Seconds, longest_secs: u32) {
        self.listeners.clear();
        self.unfinished.clear();
        self.connections
            .retain(|_, connection| connection.has_unsent());
        for (_, connection) in &mut self.connections {
            connection.phase = Phase::Closing { linger: false };
            connection.deadline = connection.deadline.min(after(now, longest_secs));
        }
    }
}

pub(super) fn after(now: Seconds, secs: u32) -> Seconds {
    Seconds(now.0.saturating_add(secs))
}

/// Asks the poll for what this connection waits for, if it has not been asked already.
fn poll_for(connection: &mut Connection, registry: &Registry, token: Token) -> io::Result<()> {
    let (interest, readiness) = match connection.has_unsent() {
        true => (
            Interest::InputAndRoom,
            Readiness::READABLE | Readiness::WRITABLE,
        ),
        false => (Interest::Input, Readiness::READABLE),
    };
    let before = connection.interest;
    if before == interest || (before, interest) == (Interest::InputAndRoom, Interest::Input) {
        // A readiness too many costs less than a system call.
        return Ok(());
    }
    connection.interest = interest;
    match before {
        Interest::Nothing => registry.register(connection.stream_mut(), token, readiness),
        _ => registry.reregister(connection.stream_mut(), token, readiness),
    }
}
