//! The timer thread: what must be done now and then, and may take a while.

use super::StartError;
use super::clock::{Clock, wall_secs};
use super::files;
use super::worker::FullScrape;
use crate::cache::{Driver, SnapshotError};
use crate::config::Config;
use crate::tracker::sessions::Sessions;
use crate::wire::http;
use log::{error, info, warn};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Seconds in which every torrent is looked at once, unless peers live shorter.
const SWEEP_SECS: u32 = 120;
/// Torrents a sweep looks at in a second at least: small trackers are swept often.
const SWEEP_LEAST: usize = 1024;

/// The thread and what it has to do.
pub(super) struct Timer {
    work: Option<Work>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Work {
    cache: Arc<dyn Driver>,
    sessions: Option<Arc<Sessions>>,
    clock: Clock,
    sweep_secs: u32,
    full_scrape: Option<(FullScrape, u32)>,
    snapshot: Option<Snapshot>,
    stopping: Arc<AtomicBool>,
}

struct Snapshot {
    path: PathBuf,
    interval_secs: u32,
    failing: bool,
}

impl Timer {
    /// Reads the snapshot, if there is one, and readies what the thread will do.
    pub(super) fn prepare(
        config: &Config,
        clock: Clock,
        cache: Arc<dyn Driver>,
        full_scrape: FullScrape,
    ) -> Result<Timer, StartError> {
        let snapshot = config.cache.snapshot.clone().map(|path| Snapshot {
            path,
            interval_secs: config.cache.snapshot_interval.0,
            failing: false,
        });
        if let Some(Snapshot { path, .. }) = &snapshot {
            restore(path, &*cache, clock).map_err(|error| StartError::Snapshot {
                path: path.clone(),
                error,
            })?;
        }
        let stopping = Arc::default();
        let work = Work {
            cache,
            sessions: None,
            clock,
            sweep_secs: SWEEP_SECS.min(config.announce.peer_lifetime.0 / 4).max(1),
            full_scrape: config
                .scrape
                .full
                .then_some((full_scrape, config.scrape.full_interval.0)),
            snapshot,
            stopping: Arc::clone(&stopping),
        };
        // The first request may come before the thread has its first turn.
        work.write_full_scrape(0);
        Ok(Timer {
            work: Some(work),
            stopping,
            thread: None,
        })
    }

    /// Gives it the sessions of a private tracker to sweep, too.
    pub(super) fn sweep_sessions(&mut self, sessions: Arc<Sessions>) {
        if let Some(work) = &mut self.work {
            work.sessions = Some(sessions);
        }
    }

    pub(super) fn start(&mut self) -> Result<(), StartError> {
        if let Some(work) = self.work.take() {
            let thread = std::thread::Builder::new().name("timer".to_owned());
            let thread = thread.spawn(move || work.run());
            self.thread = Some(thread.map_err(super::system("start the timer thread"))?);
        }
        Ok(())
    }

    /// Ends the thread; it saves what is to be kept first.
    pub(super) fn stop(self) {
        self.stopping.store(true, Ordering::Release);
        if let Some(thread) = self.thread {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl Work {
    fn run(mut self) {
        let mut second = 0;
        while !self.stopping.load(Ordering::Acquire) {
            std::thread::park_timeout(Duration::from_secs(1));
            second += 1;
            self.sweep();
            self.write_full_scrape(second);
            if let Some(snapshot) = &mut self.snapshot
                && second % snapshot.interval_secs == 0
            {
                snapshot.write(&*self.cache, self.clock);
            }
        }
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.write(&*self.cache, self.clock);
        }
    }

    fn sweep(&self) {
        let torrents = self.cache.totals().torrents as usize;
        let most = torrents / self.sweep_secs as usize + SWEEP_LEAST;
        self.cache.sweep(self.clock.now(), most);
        if let Some(sessions) = &self.sessions {
            let most = sessions.len() / self.sweep_secs as usize + SWEEP_LEAST;
            sessions.sweep(self.clock.now(), most);
        }
    }

    fn write_full_scrape(&self, second: u32) {
        let Some((full_scrape, interval_secs)) = &self.full_scrape else {
            return;
        };
        if !second.is_multiple_of(*interval_secs) {
            return;
        }
        let mut torrents = BTreeMap::new();
        self.cache.torrents(&mut |info_hash, counts| {
            torrents.insert(info_hash, counts);
        });
        let mut body = http::SCRAPE_START.to_vec();
        for (info_hash, counts) in &torrents {
            http::scrape_entry(&mut body, &info_hash.0, counts);
        }
        body.extend_from_slice(http::SCRAPE_END);
        *full_scrape.write().unwrap_or_else(PoisonError::into_inner) = body.into();
    }
}

/// Reads a snapshot that is there; one that is damaged is told of, and kept from being replaced.
fn restore(path: &Path, cache: &dyn Driver, clock: Clock) -> io::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let restored = cache.restore(&mut BufReader::new(file), clock.now(), wall_secs());
    let totals = cache.totals();
    let path = path.display();
    match restored {
        Ok(()) => {
            info!(
                "cache: {} torrents, {} peers from {path}",
                totals.torrents, totals.peers
            );
            Ok(())
        }
        Err(SnapshotError::Io(error)) => Err(error),
        Err(error) => {
            warn!(
                "cache: {path}: {error}; going on with {} torrents",
                totals.torrents
            );
            Ok(())
        }
    }
}

impl Snapshot {
    fn write(&mut self, cache: &dyn Driver, clock: Clock) {
        match (self.replace(cache, clock), self.failing) {
            (Ok(()), true) => info!("cache: snapshots are written again"),
            (Err(error), false) => {
                let path = self.path.display();
                error!("cache: cannot write {path}: {error}; a restart would forget the swarms");
                self.failing = true;
                return;
            }
            _ => {}
        }
        self.failing = false;
    }

    fn replace(&self, cache: &dyn Driver, clock: Clock) -> Result<(), SnapshotError> {
        files::replace(&self.path, &mut |to| {
            cache.save(to, clock.now(), wall_secs())
        })?;
        Ok(())
    }
}
