//! Starting and ending a private tracker: what the last run has left is taken up first.

use super::authority::{self, Authority, Ender, Held, HeldFile, Pacing};
use super::exchange::Exchange;
use super::ledger::{self, CHECKPOINT_FILE};
use super::lookups::Lookups;
use super::progress::Progress;
use super::several::{self, Several};
use super::storage::{self, DIRECTORY_FILE, First};
use crate::account::blocks::BlockError;
use crate::account::books::Books;
use crate::account::checkpoint;
use crate::account::journal::{Body, Journal};
use crate::account::ledger::Rules;
use crate::account::note;
use crate::cache::Driver;
use crate::config::{Config, Mode};
use crate::drivers::Drivers;
use crate::server::admin::PrivateView;
use crate::server::clock::Clock;
use crate::server::{StartError, random, system};
use crate::tracker::PrivateShared;
use crate::tracker::misses::Misses;
use crate::tracker::pace::Pace;
use crate::tracker::registry::{Published, Registry};
use crate::tracker::sessions::{SessionSettings, Sessions};
use log::{info, warn};
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What was pushed and the storage does not have, in the folder of the journal.
const HELD_FILE: &str = "held";
/// How long the start waits for the directory; then the tracker answers with what it knows.
const LOAD_PATIENCE: Duration = Duration::from_secs(10);
/// How long the end waits for a storage that does not answer. What it has not taken is in the
/// checkpoint.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// The threads of a private tracker.
pub(in crate::server) struct Private {
    shared: PrivateShared,
    authority: Arc<Authority>,
    progress: Arc<Progress>,
    lookups: Arc<Lookups>,
    stop_ledger: Arc<AtomicBool>,
    stop_storage: Arc<AtomicBool>,
    ledger: JoinHandle<()>,
    storage: JoinHandle<()>,
    pushes: JoinHandle<()>,
    several: Several,
    /// The workers, once there are any.
    wakers: Arc<OnceLock<Vec<Arc<mio::Waker>>>>,
}

impl Private {
    /// Takes up what the last run has left, starts the threads, and waits for the directory. A
    /// public tracker has none of it.
    pub(in crate::server) fn start(
        config: &Config,
        drivers: &Drivers,
        cache: &dyn Driver,
        workers: usize,
        clock: Clock,
    ) -> Result<Option<Private>, StartError> {
        if config.tracker == Mode::Public {
            return Ok(None);
        }
        let open = drivers.storage(config)?;
        let folder = &config.journal.path;
        let at_folder = |error| StartError::Journal {
            path: folder.clone(),
            error,
        };
        let name = u128::from_le_bytes(random()?);
        let journal = Journal::open(folder, config.journal.max.0.into(), name);
        let journal = Arc::new(journal.map_err(at_folder)?);
        let name = u128::from_le_bytes(random()?);
        let followed = several::followed(config, &journal, name).map_err(at_folder)?;
        let books = books(config, &followed)?;
        let shared = shared(config, workers, &journal)?;
        let pace = books.ledger().pace();
        let (authority, pushes) = authority(config, cache, clock, &shared, pace)?;
        let lookups = Arc::<Lookups>::default();
        let exchange = Arc::<Exchange>::default();
        let progress = Arc::<Progress>::default();
        let wakers = Arc::<OnceLock<Vec<Arc<mio::Waker>>>>::default();
        let [stop_ledger, stop_storage] = <[Arc<AtomicBool>; 2]>::default();
        let journals = [&journal, &followed];
        let (mut several, role) = Several::prepare(config, journals, &books, &exchange)?;
        let ledger = ledger::Work {
            journal: followed,
            books,
            role,
            exchange: Arc::clone(&exchange),
            progress: Arc::clone(&progress),
            stopping: Arc::clone(&stop_ledger),
            flush_interval: seconds(config.storage.flush_interval.0),
            sync_interval: seconds(config.journal.sync_interval.0),
            checkpoint_bytes: config.journal.max.0.into(),
        };
        let woken = Arc::clone(&wakers);
        let storage = storage::Work {
            config: config.clone(),
            clock,
            open,
            authority: Arc::clone(&authority),
            published: Arc::clone(&shared.registry),
            misses: Arc::clone(&shared.misses),
            lookups: Arc::clone(&lookups),
            exchange: Arc::clone(&exchange),
            progress: Arc::clone(&progress),
            writer: several::writer(config, &journal),
            shared: several::is_one(config),
            stopping: Arc::clone(&stop_storage),
            wake: Box::new(move || {
                let wakers = woken.get().into_iter().flatten();
                wakers.for_each(|waker| drop(waker.wake()));
            }),
        };
        let (first, loaded) = channel();
        let storage = spawn("storage", move || storage.run(&first))?;
        let ledger = spawn("ledger", move || ledger.run())?;
        let pushes = spawn("authority", move || pushes.run())?;
        exchange.set_threads(ledger.thread(), storage.thread());
        lookups.set_thread(storage.thread());
        authority.set_threads(pushes.thread(), storage.thread());
        several.start()?;
        let private = Private {
            shared,
            authority,
            progress,
            lookups,
            stop_ledger,
            stop_storage,
            ledger,
            storage,
            pushes,
            several,
            wakers,
        };
        match wait(&loaded) {
            First::Loaded => {}
            First::Away => private.use_last_directory(&folder.join(DIRECTORY_FILE)),
            First::Failed(error) => {
                private.stop();
                return Err(StartError::Storage(error));
            }
        }
        Ok(Some(private))
    }

    /// Lets the tracker go by the directory as it was last loaded, until the storage has its say.
    fn use_last_directory(&self, path: &Path) {
        let restored = match File::open(path) {
            Ok(file) => Registry::restore(&mut BufReader::new(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => Err(error.into()),
        };
        match restored {
            Ok(registry) => {
                let totals = registry.totals();
                info!(
                    "journal: going on with {} users and {} torrents from {}",
                    totals.users,
                    totals.torrents,
                    path.display()
                );
                self.authority.restored(registry);
            }
            Err(error) => warn!("journal: {}: {error}; going on without it", path.display()),
        }
    }

    /// What workers share.
    pub(in crate::server) fn shared(&self) -> &PrivateShared {
        &self.shared
    }

    /// What can be looked at.
    pub(in crate::server) fn view(&self) -> PrivateView {
        PrivateView {
            authority: Arc::clone(&self.authority),
            journal: Arc::clone(&self.shared.journal),
            progress: Arc::clone(&self.progress),
            lookups: Arc::clone(&self.lookups),
            gauges: self.several.gauges(),
        }
    }

    /// Who decides what the directory is.
    pub(in crate::server) fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    /// Who is to be woken when the directory has been replaced.
    pub(in crate::server) fn set_wakers(&self, wakers: Vec<Arc<mio::Waker>>) {
        // Set once, at the start.
        let _ = self.wakers.set(wakers);
    }

    /// Ends the threads, once no worker appends any more: the last batches go into the storage if
    /// it takes them, and the books are written.
    pub(in crate::server) fn stop(self) {
        self.authority.stop();
        let _ = self.pushes.join();
        self.several.drain();
        self.stop_ledger.store(true, Ordering::Release);
        self.ledger.thread().unpark();
        let _ = self.ledger.join();
        self.several.stop();
        self.stop_storage.store(true, Ordering::Release);
        self.storage.thread().unpark();
        let deadline = Instant::now() + STOP_PATIENCE;
        while !self.storage.is_finished() {
            if Instant::now() >= deadline {
                warn!("storage: it does not answer; not waiting for it any longer");
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.storage.join();
    }
}

/// What workers share.
fn shared(
    config: &Config,
    workers: usize,
    journal: &Arc<Journal>,
) -> Result<PrivateShared, StartError> {
    Ok(PrivateShared {
        registry: Published::new(Registry::new(random()?)),
        sessions: Arc::new(Sessions::new(&SessionSettings {
            workers,
            sessions_per_torrent: config.accounts.sessions_per_torrent,
            peer_lifetime_secs: config.announce.peer_lifetime.0,
            min_interval_secs: config.announce.min_interval.0,
            seed: u64::from_le_bytes(random()?),
        })),
        misses: Arc::new(Misses::new(random()?)),
        journal: Arc::clone(journal),
        combination: config.combination(),
    })
}

/// Who decides what the directory is, with what the last run has held, and its thread's work.
fn authority(
    config: &Config,
    cache: &dyn Driver,
    clock: Clock,
    shared: &PrivateShared,
    known_pace: Option<note::Pace>,
) -> Result<(Arc<Authority>, authority::Work), StartError> {
    let path = shared.journal.folder().join(HELD_FILE);
    let mut held = Held::default();
    let file = HeldFile::open(path.clone(), &mut held, clock.now());
    let file = file.map_err(|error| StartError::Journal { path, error })?;
    if held.len() > 0 {
        let held = held.len();
        info!("journal: {held} pushed changes wait for the storage");
    }
    let pace = Pace::new(config);
    let pacing = Pacing::new(pace, config.accounts.grace.0, known_pace);
    let cache = cache.open(u64::from_le_bytes(random()?));
    let ender = Ender {
        sessions: Arc::clone(&shared.sessions),
        cache: cache.map_err(StartError::Cache)?,
        journal: Arc::clone(&shared.journal),
    };
    let (published, sessions) = (Arc::clone(&shared.registry), Arc::clone(&shared.sessions));
    let authority = Authority::new(published, sessions, held, pace, clock);
    let authority = Arc::new(authority);
    let work = authority::Work::new(Arc::clone(&authority), ender, pacing, file);
    Ok((authority, work))
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

fn spawn(
    name: &'static str,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StartError> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(run).map_err(system("start a thread"))
}

/// Waits for the first load of the directory, for a while.
fn wait(loaded: &Receiver<First>) -> First {
    loaded.recv_timeout(LOAD_PATIENCE).unwrap_or_else(|_| {
        info!("storage: still loading; users that are not known yet are refused");
        First::Away
    })
}

/// The books as the last run left them: its checkpoint, and what the journal holds beyond.
fn books(config: &Config, journal: &Journal) -> Result<Books, StartError> {
    let announce = &config.announce;
    let gap = [announce.interval, announce.jitter, config.accounts.grace];
    let rules = Rules {
        peer_lifetime_secs: announce.peer_lifetime.0,
        session_lifetime_secs: config.accounts.session_lifetime.0,
        longest_gap_secs: gap.iter().fold(0, |sum, span| span.0.saturating_add(sum)),
        min_interval_secs: announce.min_interval.0,
        plausible_speed: config.accounts.plausible_speed.0.into(),
    };
    let seed = u64::from_le_bytes(random()?);
    let path = journal.folder().join(CHECKPOINT_FILE);
    let mut books = match File::open(&path) {
        Ok(file) => checkpoint::load(&mut BufReader::new(file), rules, seed).map_err(|error| {
            StartError::Journal {
                path,
                error: match error {
                    BlockError::Io(error) => error,
                    error => io::Error::other(error),
                },
            }
        })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Books::new(rules, seed),
        Err(error) => return Err(StartError::Journal { path, error }),
    };
    let from = books.applied();
    let at_folder = |error| StartError::Journal {
        path: journal.folder().to_owned(),
        error,
    };
    if journal.end() < from {
        warn!(
            "journal: it ends {} bytes before its checkpoint",
            from - journal.end()
        );
        journal.begin_at(from).map_err(at_folder)?;
    }
    let mut reader = journal.read(from);
    let end = journal.end();
    let follow = &mut |body: Body<'_>, end| books.follow(body, end);
    while reader.next(end, follow).map_err(at_folder)? {}
    tell(journal, from, reader.lost(), &books);
    Ok(books)
}

fn tell(journal: &Journal, from: u64, lost: u64, books: &Books) {
    if journal.cut_off() > 0 {
        info!(
            "journal: {} bytes at its end had not been answered, and are cut off",
            journal.cut_off()
        );
    }
    if lost > 0 {
        warn!("journal: {lost} bytes are damaged or missing, and passed over");
    }
    let replayed = books.applied().saturating_sub(from);
    let sessions = books.ledger().sessions().len();
    if sessions > 0 || replayed > 0 {
        info!("journal: {sessions} sessions known, {replayed} bytes replayed");
    }
}
