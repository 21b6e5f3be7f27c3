//! The loop of the listener for management. Nothing in it waits for anybody: not for a client, not
//! for the storage, not for the workers.

use super::client::{Client, Stage};
use super::inquiry::Inquiry;
use super::memory::Memory;
use super::office::{EDITS_MOST, News, Office};
use crate::config::Admin as Settings;
use crate::server::crossing::{Crossed, Crossing};
use crate::tracker::api::{Access, Answer, Framing};
use log::{debug, error, warn};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Events taken from one poll.
const EVENTS_PER_TICK: usize = 256;
/// Connections accepted from one listener a tick, so that those that are open get their turn.
const ACCEPTS_PER_TICK: usize = 64;
/// How often deadlines are looked at.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// How long requests that are under way may take once the tracker stops.
const STOP_PATIENCE: Duration = Duration::from_secs(3);
const WAKER: Token = Token(0);
const FIRST_LISTENER: usize = 1;

pub(super) struct Desk {
    settings: Settings,
    poll: Poll,
    listeners: Vec<TcpListener>,
    /// Connections may be waiting at these; readiness is told only once.
    crowded: Vec<bool>,
    /// The last accept failed for want of something: trying again needs time.
    starved: bool,
    clients: Slab<Client>,
    next_id: u64,
    /// Connections that have a turn in this tick.
    turns: VecDeque<usize>,
    office: Office,
    checked: Instant,
    /// Where connections come from that speak dialects to workers.
    crossing: Option<Arc<Crossing>>,
    stopping: Arc<AtomicBool>,
}

impl Desk {
    pub(super) fn new(
        settings: Settings,
        access: Access,
        (mut listeners, crossing): (Vec<TcpListener>, Option<Arc<Crossing>>),
        (inquiry, memory): (Inquiry, Option<Memory>),
        stopping: Arc<AtomicBool>,
    ) -> io::Result<(Desk, Arc<Waker>)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        for (place, listener) in listeners.iter_mut().enumerate() {
            let token = Token(FIRST_LISTENER + place);
            poll.registry()
                .register(listener, token, Interest::READABLE)?;
        }
        let desk = Desk {
            settings,
            poll,
            crowded: vec![false; listeners.len()],
            listeners,
            starved: false,
            clients: Slab::new(),
            next_id: 0,
            turns: VecDeque::new(),
            office: Office::new(access, inquiry, memory, Arc::clone(&waker)),
            checked: Instant::now(),
            crossing,
            stopping,
        };
        if let Some(crossing) = &desk.crossing {
            crossing.to_admin.set_taker(Arc::clone(&waker));
        }
        Ok((desk, waker))
    }

    /// Serves until the tracker stops.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_PER_TICK);
        while !self.stopping.load(Ordering::Acquire) {
            self.tick(&mut events);
        }
        self.crowded.fill(false);
        let first_client = self.first_client();
        self.listeners.clear();
        for (_, client) in &mut self.clients {
            // Of a sync that goes on, what has come is done; the client is not told that it is all.
            client.conversation.end();
        }
        let deadline = Instant::now() + STOP_PATIENCE;
        while self.owes() && Instant::now() < deadline {
            self.tick_at(&mut events, first_client);
        }
    }

    fn owes(&self) -> bool {
        let mut clients = self.clients.iter();
        clients.any(|(_, client)| client.unsent() > 0 || client.waits_for_answers())
    }

    fn first_client(&self) -> usize {
        FIRST_LISTENER + self.listeners.len()
    }

    fn tick(&mut self, events: &mut Events) {
        self.tick_at(events, self.first_client());
    }

    fn tick_at(&mut self, events: &mut Events, first_client: usize) {
        if let Err(error) = self.poll.poll(events, self.patience())
            && error.kind() != io::ErrorKind::Interrupted
        {
            error!("admin: cannot poll: {error}");
        }
        let now = Instant::now();
        for event in &*events {
            let Some(place) = event.token().0.checked_sub(FIRST_LISTENER) else {
                continue;
            };
            if let Some(key) = event.token().0.checked_sub(first_client) {
                self.wake(key, event);
            } else if let Some(crowded) = self.crowded.get_mut(place) {
                *crowded = true;
            }
        }
        self.take_answers();
        self.call_late(now);
        self.take_crossed(first_client, now);
        self.accept(now);
        self.office.served.connections = self.clients.len() as u64;
        for _ in 0..self.turns.len() {
            if let Some(key) = self.turns.pop_front() {
                self.turn(key, first_client, now);
            }
        }
        self.check_deadlines(now);
    }

    /// How long the poll may sleep: not while somebody has a turn that gets it further.
    fn patience(&self) -> Option<Duration> {
        let is_free = self.office.open_edits < EDITS_MOST;
        let may_accept = !self.starved && self.crowded.contains(&true);
        if may_accept || (is_free && !self.turns.is_empty()) {
            return Some(Duration::ZERO);
        }
        let late = self.office.late.iter().map(|(at, _)| *at).min();
        let late = late.map(|at| at.saturating_duration_since(Instant::now()));
        let memory = self.office.memory.as_ref();
        let is_unsynced = memory.is_some_and(Memory::is_unsynced);
        let checks = !self.clients.is_empty() || self.starved || is_unsynced;
        let check = checks.then_some(CHECK_INTERVAL);
        // A millisecond more than asked for, as polls end early rather than late.
        let late = late.map(|late| late + Duration::from_millis(1));
        [late, check].into_iter().flatten().min()
    }

    fn wake(&mut self, key: usize, event: &mio::event::Event) {
        if let Some(client) = self.clients.get_mut(key) {
            client.more_to_read |=
                event.is_readable() || event.is_read_closed() || event.is_error();
            queue(&mut self.turns, key, client);
        }
    }

    /// Takes in what has become of edits, and gives those who asked for them a turn.
    fn take_answers(&mut self) {
        for (ticket, news) in self.office.answers.take() {
            if let News::Made(answers) = &news {
                let open = &mut self.office.open_edits;
                *open = open.saturating_sub(answers.len());
            }
            let Some(client) = self.clients.get_mut(ticket.key) else {
                continue;
            };
            if client.id == ticket.client
                && let Some(reply) = client.reply_mut(ticket.reply)
            {
                reply.done(&ticket, news);
                queue(&mut self.turns, ticket.key, client);
            }
        }
    }

    /// Gives those a turn whose answers are due at last.
    fn call_late(&mut self, now: Instant) {
        let Desk {
            office,
            clients,
            turns,
            ..
        } = self;
        office.late.retain(|(at, key)| {
            if *at <= now
                && let Some(client) = clients.get_mut(*key)
            {
                queue(turns, *key, client);
            }
            *at > now
        });
    }

    fn accept(&mut self, now: Instant) {
        for place in 0..self.listeners.len() {
            for _ in 0..ACCEPTS_PER_TICK {
                if !self.crowded[place] || self.starved {
                    break;
                }
                match self.listeners[place].accept() {
                    Ok((stream, peer)) => self.add(stream, peer.ip().to_canonical(), now),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.crowded[place] = false;
                    }
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    Err(error) => {
                        warn!("admin: cannot accept: {error}");
                        self.starved = true;
                    }
                }
            }
        }
    }

    /// Takes connections that workers have handed over. Each has its turn at once: there is a
    /// request in it, and one by which the site is known is not to make room for strangers'.
    fn take_crossed(&mut self, first_client: usize, now: Instant) {
        let Some(crossing) = &self.crossing else {
            return;
        };
        for crossed in crossing.to_admin.take() {
            let client = |id, deadline| Client::crossed(crossed, id, deadline);
            if let Some(key) = self.admit(client, first_client, now) {
                self.turn(key, first_client, now);
            }
        }
    }

    fn add(&mut self, stream: TcpStream, ip: IpAddr, now: Instant) {
        let client = |id, deadline| Client::new(stream, id, ip, deadline);
        self.admit(client, self.first_client(), now);
    }

    /// Adds a connection, if there is room for it, and gives it a turn.
    fn admit(
        &mut self,
        client: impl FnOnce(u64, Instant) -> Client,
        first_client: usize,
        now: Instant,
    ) -> Option<usize> {
        if self.clients.len() >= self.settings.max_connections.into() && !self.make_room() {
            return None;
        }
        let id = self.next_id;
        self.next_id += 1;
        let idle = Duration::from_secs(self.settings.head_timeout.0.into());
        let key = self.clients.insert(client(id, now + idle));
        let token = Token(first_client + key);
        let client = &mut self.clients[key];
        if let Err(error) =
            self.poll
                .registry()
                .register(client.stream_mut(), token, Interest::READABLE)
        {
            debug!("admin: a connection cannot be polled: {error}");
            self.clients.remove(key);
            return None;
        }
        queue(&mut self.turns, key, client);
        Some(key)
    }

    /// Closes the connection that is missed least: a stranger's rather than one that had a right
    /// token, one that stands idle rather than one that does something, of these the one that
    /// would be closed first. Returns false when all of them are at work.
    fn make_room(&mut self) -> bool {
        let rank = |client: &Client| (client.known, client.stage(), client.deadline);
        let least = self.clients.iter().min_by_key(|(_, client)| rank(client));
        let Some((key, _)) =
            least.filter(|(_, client)| !client.known || client.stage() < Stage::Body)
        else {
            return false;
        };
        self.clients.remove(key);
        true
    }

    /// A connection's turn: it is heard and answered, then left in a state in which the poll tells
    /// of it.
    fn turn(&mut self, key: usize, first_client: usize, now: Instant) {
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.queued = false;
        let office = &mut self.office;
        let mut is_done = false;
        if client.is_lingering() {
            is_done = office.linger(client);
        } else {
            let heard = office.hear(key, client, now);
            let took = heard.and_then(|heard| Ok(heard | office.reply(key, client, now)?));
            match took {
                Ok(progress) => {
                    if client.is_finished() {
                        is_done = client.ended || office.linger(client);
                    }
                    client.settle(&self.settings, now, progress);
                }
                Err(error) => {
                    debug!("admin: a connection failed: {error}");
                    is_done = true;
                }
            }
        }
        if !is_done && self.clients[key].may_leave() {
            return self.send_back(key);
        }
        let token = Token(first_client + key);
        if is_done || self.poll_for_room(key, token).is_err() {
            self.clients.remove(key);
        } else if let Some(client) = self.clients.get_mut(key)
            && client.has_more()
        {
            queue(&mut self.turns, key, client);
        }
    }

    /// Hands a connection to the workers, for whom its next request is.
    fn send_back(&mut self, key: usize) {
        let mut client = self.clients.remove(key);
        let left = self.poll.registry().deregister(client.stream_mut());
        match (&self.crossing, left) {
            (Some(crossing), Ok(())) => {
                let crossed: Crossed = client.into_crossed();
                crossing.to_workers.put(crossed);
            }
            (_, Err(error)) => debug!("admin: a connection cannot be handed back: {error}"),
            (None, Ok(())) => {}
        }
    }

    /// Has the poll tell of room for what is not sent yet.
    fn poll_for_room(&mut self, key: usize, token: Token) -> io::Result<()> {
        let client = &mut self.clients[key];
        if client.unsent() == 0 || client.polled_for_room {
            // A readiness too many costs less than a system call.
            return Ok(());
        }
        client.polled_for_room = true;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .reregister(client.stream_mut(), token, interest)
    }

    /// Ends what takes too long.
    fn check_deadlines(&mut self, now: Instant) {
        if now - self.checked < CHECK_INTERVAL {
            return;
        }
        self.checked = now;
        self.starved = false;
        if let Some(memory) = &mut self.office.memory {
            memory.sync(now);
        }
        let turns = &mut self.turns;
        let settings = &self.settings;
        self.clients.retain(|key, client| {
            if client.deadline > now {
                return true;
            }
            if !matches!(client.stage(), Stage::Head | Stage::Body | Stage::Lines) {
                return false;
            }
            let answer = Answer::fault(408, "the request did not come whole in time");
            client.break_off(Framing::LAST, answer);
            client.settle(settings, now, true);
            queue(turns, key, client);
            true
        });
        if self.clients.is_empty() {
            self.clients.shrink_to_fit();
        }
    }
}

fn queue(turns: &mut VecDeque<usize>, key: usize, client: &mut Client) {
    if !client.queued {
        client.queued = true;
        turns.push_back(key);
    }
}
