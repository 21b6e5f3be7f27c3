//! How connections come in, and which go when there is no room for another.

use super::connection::{Connection, Phase};
use super::tcp::{Http, after};
use crate::model::Seconds;
use crate::tracker::Tracker;
use log::{debug, warn};
use mio::net::{TcpListener, TcpStream};
use std::io;
use std::net::IpAddr;

/// Connections accepted from one listener a tick, so that those that are open get their turn.
const ACCEPTS_PER_TICK: usize = 256;
/// Connections looked at for the one to give up when there is no room for another.
const EVICTION_SAMPLE: usize = 8;

pub(super) struct Listener {
    pub(super) socket: TcpListener,
    /// Connections may be waiting; readiness is told only once.
    pub(super) waiting: bool,
    /// The last accept failed for want of descriptors or memory: trying again needs time.
    pub(super) starved: bool,
}

/// A time in which connections cannot be accepted as they come; the operator is told once.
#[derive(Clone, Copy)]
pub(super) struct Shortage {
    pub(super) since: Seconds,
    pub(super) last: Seconds,
}

impl Http {
    /// Accepts connections, and reads what they bring.
    pub(super) fn accept_waiting(&mut self, tracker: &mut Tracker, now: Seconds) {
        for listener in 0..self.listeners.len() {
            self.accept(tracker, listener, now);
        }
    }

    fn accept(&mut self, tracker: &mut Tracker, listener: usize, now: Seconds) {
        let mut made_room = false;
        for accepted in 0..ACCEPTS_PER_TICK {
            let crowded = accepted > 0 && self.is_crowded();
            let Some(listener) = self.listeners.get_mut(listener) else {
                return;
            };
            if !listener.waiting || listener.starved || crowded {
                return;
            }
            match listener.socket.accept() {
                Ok((stream, peer)) => {
                    made_room = false;
                    self.add(tracker, stream, peer.ip().to_canonical(), now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => listener.waiting = false,
                Err(error) if is_starved(&error) => {
                    // Where giving up a connection does not help, time may.
                    listener.starved = made_room;
                    made_room = true;
                    self.note_shortage(&error, now);
                    self.evict();
                }
                // The client has gone again, or was never let through.
                Err(error) => debug!("http: a connection failed before it was accepted: {error}"),
            }
        }
    }

    fn note_shortage(&mut self, error: &io::Error, now: Seconds) {
        let since = self.shortage.map_or(now, |shortage| shortage.since);
        if self
            .shortage
            .replace(Shortage { since, last: now })
            .is_none()
        {
            warn!("http: cannot accept: {error}; the connections that stand longest make room");
        }
    }

    fn add(&mut self, tracker: &mut Tracker, stream: TcpStream, client: IpAddr, now: Seconds) {
        let network = &self.shared.network;
        let proxied = network.proxy_protocol && self.shared.settings.is_trusted_proxy(client);
        let phase = if proxied { Phase::Proxy } else { Phase::Open };
        let deadline = after(now, network.head_timeout.0);
        let connection = Connection::new(stream, client, phase, deadline);
        self.welcome(tracker, connection, now);
    }

    /// Makes room for a connection, and reads what it brings.
    pub(super) fn welcome(
        &mut self,
        tracker: &mut Tracker,
        mut connection: Connection,
        now: Seconds,
    ) {
        if self.connections.len() >= self.shared.max_connections {
            self.evict();
        }
        // The request is usually there already: one that is answered at once is never polled.
        connection.more_to_read = true;
        let key = self.connections.insert(connection);
        self.read(tracker, key, now);
    }

    /// Makes room: of some connections picked at random, the one that would time out first goes,
    /// rather one of which this tick has heard nothing.
    /// Those who hold many connections open lose most; a client that asks and goes is served.
    fn evict(&mut self) {
        let keys = self.connections.capacity();
        let sample = (0..EVICTION_SAMPLE).map(|_| self.dice.usize(..keys.max(1)));
        let candidates = sample.filter_map(|key| {
            let connection = self.connections.get(key)?;
            Some((connection.touched, connection.deadline, key))
        });
        let first = candidates.min().map(|(_, _, key)| key);
        let first = first.or_else(|| Some(self.connections.iter().next()?.0));
        if let Some(key) = first {
            self.give_up(key);
        }
    }

    /// Whether another connection would push out one that may be about to be answered.
    fn is_crowded(&self) -> bool {
        self.connections.len() >= self.shared.max_connections
            && self.touched.len() >= self.connections.len()
    }
}

fn is_starved(error: &io::Error) -> bool {
    let codes = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    error
        .raw_os_error()
        .is_some_and(|code| codes.contains(&code))
}
