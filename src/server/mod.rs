//! Threads, sockets and time: the only floor that has them.

mod accept;
mod admin;
mod bind;
mod clock;
mod connection;
mod crossing;
mod files;
mod private;
#[cfg(feature = "redis")]
mod redis;
mod tcp;
mod timer;
mod turn;
mod udp;
mod worker;

pub use bind::Protocol;
pub use private::{Answers, Authority, LISTED_MOST, PushError, Pushed, Stored};
#[cfg(feature = "redis")]
pub(crate) use redis::Redis;

use crate::cache::{CacheError, Driver};
use crate::config::Config;
use crate::drivers::Drivers;
use crate::storage::StorageError;
use crate::sys;
use crate::tracker::Settings;
use crate::tracker::connection_id::ConnectionIds;
use admin::{Admin, Inquiry, WorkerCounters};
use bind::Bound;
use clock::Clock;
use log::info;
use mio::net::TcpListener;
use private::Private;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use timer::Timer;
use worker::{Shared, Worker};

/// Descriptors kept back from connections: sockets, polls and files of the process.
const DESCRIPTORS_PER_WORKER: u64 = 32;
/// Bytes of a worker's stack: the deepest call needs a few KiB of buffers.
const WORKER_STACK_BYTES: usize = 256 * 1024;

/// Why the tracker does not run; the text names the address, path or setting.
#[derive(Debug)]
pub enum StartError {
    /// An address cannot be had.
    Bind {
        /// What would have listened.
        protocol: Protocol,
        /// Where.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// The configuration names a driver that is not there.
    UnknownDriver {
        /// The setting that names it.
        setting: &'static str,
        /// As configured.
        name: String,
        /// Those that are there.
        known: Vec<String>,
    },
    /// The cache does not open.
    Cache(CacheError),
    /// The storage does not open.
    Storage(StorageError),
    /// A snapshot that is there cannot be read.
    Snapshot {
        /// The file.
        path: std::path::PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The journal, or what else is kept in its folder, cannot be used.
    Journal {
        /// The folder or file.
        path: std::path::PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A token of the management API cannot be had, or is none.
    Token {
        /// Whose it is.
        name: String,
        /// Why.
        error: String,
    },
    /// A secret of a dialect cannot be had, or is none.
    Secret {
        /// Of which.
        dialect: &'static str,
        /// The setting.
        name: &'static str,
        /// Why.
        error: String,
    },
    /// The system refuses something every tracker needs.
    System {
        /// What was asked of it.
        what: &'static str,
        /// What it says.
        error: std::io::Error,
    },
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::Bind {
                protocol,
                address,
                error,
            } => {
                write!(
                    f,
                    "network: cannot listen on {address} ({protocol}): {error}"
                )
            }
            StartError::UnknownDriver {
                setting,
                name,
                known,
            } => {
                write!(
                    f,
                    "{setting}: no driver {name:?}; there are: {}",
                    known.join(", ")
                )
            }
            StartError::Cache(error) => error.fmt(f),
            StartError::Snapshot { path, error } => {
                write!(f, "cache.snapshot: cannot open {}: {error}", path.display())
            }
            StartError::Journal { path, error } => {
                write!(f, "journal: cannot use {}: {error}", path.display())
            }
            StartError::Storage(error) => error.fmt(f),
            StartError::Token { name, error } => {
                write!(f, "admin.tokens: the token of {name:?}: {error}")
            }
            StartError::Secret {
                dialect,
                name,
                error,
            } => write!(f, "admin.dialects.{dialect}.{name}: {error}"),
            StartError::System { what, error } => write!(f, "cannot {what}: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// Names what was asked of the system in its error.
fn system(what: &'static str) -> impl Fn(std::io::Error) -> StartError {
    move |error| StartError::System { what, error }
}

/// Runs the tracker until SIGTERM or SIGINT, then sends what is owed and returns.
pub fn run(config: &Config, drivers: &Drivers) -> Result<(), StartError> {
    // Before the first thread, so that no signal is missed.
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(system("watch signals"))?;
    let server = Server::start(config, drivers)?;
    signals.forever().next();
    server.stop();
    Ok(())
}

/// A running tracker, for programs that do more than run one.
pub struct Server {
    addresses: Vec<(Protocol, SocketAddr)>,
    shared: Arc<Shared>,
    wakers: Vec<Arc<mio::Waker>>,
    workers: Vec<JoinHandle<worker::Served>>,
    timer: Timer,
    private: Option<Private>,
    admin: Option<Admin>,
}

impl Server {
    /// Binds the configured addresses and starts the threads.
    pub fn start(config: &Config, drivers: &Drivers) -> Result<Server, StartError> {
        let workers = workers(config);
        let clock = Clock::start();
        let mut bound = bind::all(&config.network, workers)?;
        let admin = bind_admin(config)?;
        let cache: Arc<dyn Driver> = Arc::from(drivers.open_cache(config, workers, random()?)?);
        let full_scrape = Arc::default();
        let mut timer =
            Timer::prepare(config, clock, Arc::clone(&cache), Arc::clone(&full_scrape))?;
        let private = Private::start(config, drivers, &*cache, workers, clock)?;
        if let Some(private) = &private {
            timer.sweep_sessions(Arc::clone(&private.shared().sessions));
        }
        let shared = Arc::new(Shared {
            stopping: AtomicBool::new(false),
            clock,
            ids: ConnectionIds::new(random()?, config.announce.connection_id_lifetime.0),
            settings: Settings::new(config),
            network: config.network.clone(),
            full_scrape,
            max_connections: max_connections(config, workers),
            counters: (0..workers).map(|_| WorkerCounters::default()).collect(),
            crossing: config.admin.dialects.is_at_tracker().then(Arc::default),
        });
        let addresses = bound.iter().map(|bound| (bound.protocol, bound.address));
        let of_admin = admin.iter().map(|(_, address)| (Protocol::Admin, *address));
        let addresses = addresses.chain(of_admin).collect();
        let mut server = Server {
            addresses,
            shared,
            wakers: Vec::new(),
            workers: Vec::new(),
            timer,
            private,
            admin: None,
        };
        let started = (0..workers).try_for_each(|_| server.start_worker(&*cache, &mut bound));
        let started = started.and_then(|()| server.timer.start());
        let started = started.and_then(|()| server.start_admin(config, &cache, admin));
        if let Err(error) = started {
            server.stop();
            return Err(error);
        }
        if let Some(private) = &server.private {
            private.set_wakers(server.wakers.clone());
        }
        for (protocol, address) in &server.addresses {
            info!("listening on {address} ({protocol})");
        }
        Ok(server)
    }

    fn start_worker(&mut self, cache: &dyn Driver, bound: &mut [Bound]) -> Result<(), StartError> {
        let cache = cache
            .open(u64::from_le_bytes(random()?))
            .map_err(StartError::Cache)?;
        let sockets = bound
            .iter_mut()
            .filter_map(|bound| bound.sockets.pop())
            .flatten()
            .collect();
        let seed = u64::from_le_bytes(random()?);
        let shared = Arc::clone(&self.shared);
        let private = self.private.as_ref().map(Private::shared);
        let number = self.workers.len();
        let (worker, waker) = Worker::new(shared, cache, private, sockets, (number, seed))
            .map_err(system("poll sockets"))?;
        let thread = std::thread::Builder::new()
            .name(format!("worker {number}"))
            .stack_size(WORKER_STACK_BYTES)
            .spawn(move || worker.run())
            .map_err(system("start a worker thread"))?;
        self.wakers.push(Arc::new(waker));
        self.workers.push(thread);
        Ok(())
    }

    /// Starts the thread of the listener for management, if there is anything for it to do.
    fn start_admin(
        &mut self,
        config: &Config,
        cache: &Arc<dyn Driver>,
        listeners: Vec<(TcpListener, SocketAddr)>,
    ) -> Result<(), StartError> {
        if !config.admin.is_on() {
            return Ok(());
        }
        let handle = cache.open(u64::from_le_bytes(random()?));
        let handle = handle.map_err(StartError::Cache)?;
        let inquiry = Inquiry::new(
            config,
            self.shared.clock,
            (Arc::clone(cache), handle),
            Arc::clone(&self.shared.counters),
            self.private.as_ref().map(Private::view),
        );
        let listeners = listeners.into_iter().map(|(listener, _)| listener);
        let crossing = self.shared.crossing.clone();
        if let (Some(crossing), Some(worker)) = (&crossing, self.wakers.first()) {
            crossing.to_workers.set_taker(Arc::clone(worker));
        }
        let listeners = listeners.collect();
        self.admin = Some(Admin::start(config, listeners, crossing, inquiry)?);
        Ok(())
    }

    /// Where it listens; ports given as 0 are the real ones here.
    pub fn addresses(&self) -> &[(Protocol, SocketAddr)] {
        &self.addresses
    }

    /// Who decides what the directory of a private tracker is: to push changes to it, and to look
    /// into it. A public tracker has none.
    pub fn authority(&self) -> Option<&Arc<Authority>> {
        self.private.as_ref().map(Private::authority)
    }

    /// Takes no more requests, sends what is owed, saves what is to be kept, and ends the threads.
    pub fn stop(self) {
        // What has been pushed is answered while there is somebody to make it.
        if let Some(admin) = self.admin {
            admin.stop();
        }
        self.shared.stopping.store(true, Ordering::Release);
        for waker in &self.wakers {
            // A worker that cannot be woken wakes within a second by itself.
            let _ = waker.wake();
        }
        let mut served = worker::Served::default();
        for worker in self.workers {
            served.add(&worker.join().unwrap_or_default());
        }
        if let Some(private) = self.private {
            private.stop();
        }
        self.timer.stop();
        info!("stopped after {served}");
    }
}

/// Sockets of the listener for management; none where there is to be none.
fn bind_admin(config: &Config) -> Result<Vec<(TcpListener, SocketAddr)>, StartError> {
    let listen = config
        .admin
        .listen
        .iter()
        .filter(|_| config.admin.listens());
    listen.map(|address| bind::admin(*address)).collect()
}

fn workers(config: &Config) -> usize {
    match config.network.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers.into(),
    }
}

/// HTTP connections each worker may have.
fn max_connections(config: &Config, workers: usize) -> usize {
    let descriptors = sys::raise_descriptor_limit();
    let of_admin = match config.admin.is_on() {
        true => u64::from(config.admin.max_connections),
        false => 0,
    };
    let reserved = DESCRIPTORS_PER_WORKER * workers as u64 + of_admin + 16;
    let possible = descriptors.saturating_sub(reserved).max(1);
    let wanted = match config.network.max_connections {
        0 => possible,
        wanted => possible.min(wanted.into()),
    };
    (wanted as usize).div_ceil(workers)
}

/// Random bytes from the system: keys that strangers must not guess.
fn random<const N: usize>() -> Result<[u8; N], StartError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| system("get random bytes")(std::io::Error::other(error)))?;
    Ok(bytes)
}
