//! How connections cross: from a worker, which finds a request that is not for it, to the thread of
//! the listener for management, and back when a request comes that is for workers.

use super::connection::{Connection, Interest, Phase};
use super::tcp::{Http, READ_BYTES, after};
use crate::model::Seconds;
use crate::tracker::Tracker;
use log::debug;
use mio::net::TcpStream;
use mio::{Registry, Waker};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Connections that wait to be taken at most: beyond it they are closed, as whoever should take
/// them has enough to do.
const WAITING_MOST: usize = 1024;

/// A connection on its way: all before `unread` is answered.
pub(super) struct Crossed {
    pub(super) stream: TcpStream,
    pub(super) ip: IpAddr,
    /// What has been read of it.
    pub(super) unread: Vec<u8>,
}

/// Both ways.
#[derive(Default)]
pub(super) struct Crossing {
    pub(super) to_admin: Way,
    pub(super) to_workers: Way,
}

/// One way.
#[derive(Default)]
pub(super) struct Way {
    waiting: Mutex<Vec<Crossed>>,
    /// There is something in it: so that nobody takes the lock for nothing.
    is_used: AtomicBool,
    /// Who is to take them, once there is anybody.
    taker: OnceLock<Arc<Waker>>,
}

impl Way {
    /// Names who is to take them.
    pub(super) fn set_taker(&self, taker: Arc<Waker>) {
        // Set once, at the start; what waits already is told of.
        let _ = self.taker.set(taker);
        self.wake();
    }

    /// Hands a connection over; it is closed where too many wait.
    pub(super) fn put(&self, crossed: Crossed) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MOST {
            waiting.push(crossed);
            self.is_used.store(true, Ordering::Release);
            drop(waiting);
            self.wake();
        }
    }

    /// What waits.
    pub(super) fn take(&self) -> Vec<Crossed> {
        if !self.is_used.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_used.store(false, Ordering::Release);
        std::mem::take(&mut *waiting)
    }

    fn wake(&self) {
        // Without the word they are taken when something else happens.
        self.taker
            .get()
            .into_iter()
            .for_each(|taker| drop(taker.wake()));
    }
}

impl Http {
    /// Hands a connection over to where its requests are served.
    pub(super) fn cross(&mut self, registry: &Registry, key: usize) {
        let (Some(mut connection), Some(crossing)) =
            (self.connections.try_remove(key), &self.shared.crossing)
        else {
            return;
        };
        if connection.interest != Interest::Nothing
            && let Err(error) = registry.deregister(connection.stream_mut())
        {
            return debug!("http: a connection cannot be handed over: {error}");
        }
        let (stream, ip, unread) = connection.into_parts();
        crossing.to_admin.put(Crossed { stream, ip, unread });
    }

    /// Takes connections back whose next requests are for a worker.
    pub(super) fn take_back(&mut self, tracker: &mut Tracker, now: Seconds) {
        let Some(crossing) = &self.shared.crossing else {
            return;
        };
        for Crossed { stream, ip, unread } in crossing.to_workers.take() {
            let deadline = after(now, self.shared.network.head_timeout.0);
            let mut connection = Connection::new(stream, ip, Phase::Open, deadline);
            if unread.len() > READ_BYTES {
                continue;
            }
            connection.keep_unread(&unread);
            self.welcome(tracker, connection, now);
        }
    }
}
