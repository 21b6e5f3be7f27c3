//! One tracker of several processes: what each accepts goes into one log, and one of them at a time
//! commits what it amounts to. What the log is and why it is exact: [`crate::account::shared`].
//!
//! ```text
//! {chihaya:0}:journal              the number of the generation that is followed
//! {chihaya:0}:journal:GENERATION   the log, a stream
//! {chihaya:0}:books:GENERATION     where the newest copy of the books is: with them a process begins
//! {chihaya:0}:books:ID:PIECE       the copy, in pieces of 64 KiB
//! {chihaya:0}:leader               who leads, for some seconds
//! ```
//!
//! Workers append to the journal of their process and know nothing of this. A *forwarder* thread
//! puts what stands there into the log; a *keeper* thread copies the log into a second journal, in
//! the folder `shared`, which the ledger thread follows as it would follow the only one of a tracker
//! by itself; a *saver* thread writes copies of the books beside the log while this process leads.
//! The keeper also sees to who leads, and begins a new generation where the log is lost.
//!
//! Redis away: announces are served and recorded as before. Nothing is accounted or committed until
//! it is back; what was accepted stays in the journals. Each keeps what it accepted until it is
//! committed, and all that it has seen of the log since its last checkpoint. So nothing is lost if
//! Redis forgets its last seconds, or everything, as long as one of the processes that hold all that
//! is committed comes back with its folder.

mod bases;
mod forwarder;
mod keeper;
mod member;
mod saver;
mod watch;

use super::Position;
use super::link::Servers;
use crate::account::Books;
use crate::account::journal::Journal;
use crate::account::shared::{Cut, Place};
use crate::cache::CacheError;
use crate::config::Config;
use crate::server::private::{Exchange, Gauges, Role};
use forwarder::Forwarder;
use keeper::Keeper;
use member::Member;
use saver::Saver;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use watch::Watch;

/// How long the end waits until what was accepted is in the log; what is not, is in the journal.
const DRAIN: Duration = Duration::from_secs(2);
/// How long others may take for what the keeper or the saver needs of them.
const PATIENCE: Duration = Duration::from_secs(60);
const TURN: Duration = Duration::from_millis(20);

/// What the threads share.
struct Common {
    servers: Arc<Servers>,
    key: String,
    copy_interval: Duration,
    /// How long a batch may wait for the storage until others are let try.
    hand_over: Duration,
    sync_interval: Duration,
    /// What the workers append to.
    journal: Arc<Journal>,
    /// What has been seen of the log.
    copy: Arc<Journal>,
    exchange: Arc<Exchange>,
    /// The name of the journal, as the log knows it.
    producer: u128,
    watch: Watch,
    standing: Mutex<Standing>,
    desk: Mutex<Desk>,
    /// Held by whoever wants something done with the books.
    ordering: Mutex<()>,
    /// Until when this process leads.
    leads_until: Mutex<Option<Instant>>,
    /// A batch has been committed since it leads: its books are those that count.
    proven: AtomicBool,
    /// The generation that is followed to its end and may be appended to; 0: none at this moment.
    open_generation: AtomicU64,
    end: Mutex<End>,
    draining: AtomicBool,
    stopping: AtomicBool,
}

/// How the books stand.
#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    generation: u64,
    place: Place,
    /// Up to which offset this process's journal has taken effect.
    offset: u64,
    /// Up to which offset it is committed.
    safe: u64,
    /// Where the batch that is being gathered begins, and the one that is on its way, if there is
    /// one.
    cuts: [u64; 2],
    /// The position in the copy.
    applied: u64,
}

impl Standing {
    fn of(books: &Books, producer: u128, safe: u64) -> Standing {
        let course = books.course();
        Standing {
            generation: course.generation,
            place: course.place,
            offset: course.offset(producer),
            safe,
            cuts: [books.from(), books.committed_to()],
            applied: books.applied(),
        }
    }

    /// Whether everything up to the last cut is known to be committed.
    fn is_settled(&self) -> bool {
        self.cuts[0] == self.cuts[1]
    }

    /// Whether the books hold all that a storage of this position has.
    fn holds(&self, position: u64) -> bool {
        self.cuts.contains(&position)
    }
}

/// What is to be done with the books.
#[derive(Debug)]
enum Order {
    /// They are replaced by those in a file.
    Join(PathBuf),
    /// They begin a generation.
    Begin,
    /// They are written to their file.
    Write,
}

/// What is to be done by the thread that keeps the books, what has been done, and what it wants.
#[derive(Default)]
struct Desk {
    /// With its number, as its answer.
    order: Option<(u64, Order)>,
    done: Option<(u64, Result<Standing, String>)>,
    orders: u64,
    cut: Option<Cut>,
}

/// When the end of the log was reached: how often, and where the copy ended the last time.
#[derive(Clone, Copy, Default)]
struct End {
    times: u64,
    position: u64,
}

impl Common {
    fn pointer_key(&self) -> String {
        format!("{{{}:0}}:journal", self.key)
    }

    fn log_key(&self, generation: u64) -> String {
        format!("{{{}:0}}:journal:{generation:016x}", self.key)
    }

    fn books_key(&self, generation: u64) -> String {
        format!("{{{}:0}}:books:{generation:016x}", self.key)
    }

    fn leader_key(&self) -> String {
        format!("{{{}:0}}:leader", self.key)
    }

    fn standing(&self) -> Standing {
        *lock(&self.standing)
    }

    fn leads(&self) -> bool {
        lock(&self.leads_until).is_some_and(|until| Instant::now() < until)
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Has something done with the books by the thread that keeps them; returns how they stand
    /// then. Whoever calls holds `ordering`.
    fn order(&self, order: Order, goes_on: &mut dyn FnMut() -> bool) -> Result<Standing, String> {
        let number = {
            let mut desk = lock(&self.desk);
            desk.orders += 1;
            desk.order = Some((desk.orders, order));
            desk.orders
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            // One that was given up may be answered late.
            let done = lock(&self.desk).done.take_if(|(of, _)| *of == number);
            if let Some((_, done)) = done {
                return done;
            }
            if self.stopping() || Instant::now() >= deadline || !goes_on() {
                lock(&self.desk).order = None;
                return Err("the books are not at hand".to_owned());
            }
            std::thread::park_timeout(TURN);
        }
    }
}

fn position(place: Place) -> Position {
    Position(place.0, place.1)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What they guard is whole at every moment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The part of this process in a tracker of several.
pub(in crate::server) struct SharedJournal {
    common: Arc<Common>,
    threads: Vec<JoinHandle<()>>,
}

impl SharedJournal {
    /// A process that has accepted what stands in `journal`, has seen of the log what stands in
    /// `copy`, and keeps these books. Servers that cannot be reached are no reason not to start.
    pub(in crate::server) fn new(
        config: &Config,
        [journal, copy]: [&Arc<Journal>; 2],
        books: &Books,
        exchange: &Arc<Exchange>,
    ) -> Result<SharedJournal, CacheError> {
        let settings = &config.redis;
        let producer = u128::from_str_radix(journal.writer(), 16);
        let producer = producer.map_err(|error| CacheError(format!("redis: {error}")))?;
        let common = Common {
            servers: Arc::new(Servers::new(settings)?),
            key: settings.key.clone(),
            copy_interval: Duration::from_secs(settings.copy_interval.0.into()),
            hand_over: Duration::from_secs(settings.hand_over.0.into()),
            sync_interval: Duration::from_secs(config.journal.sync_interval.0.into()),
            journal: Arc::clone(journal),
            copy: Arc::clone(copy),
            exchange: Arc::clone(exchange),
            producer,
            watch: Watch::default(),
            standing: Mutex::new(Standing::of(books, producer, 0)),
            desk: Mutex::default(),
            ordering: Mutex::default(),
            leads_until: Mutex::default(),
            proven: AtomicBool::new(false),
            open_generation: AtomicU64::new(0),
            end: Mutex::default(),
            draining: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        };
        Ok(SharedJournal {
            common: Arc::new(common),
            threads: Vec::new(),
        })
    }

    /// The part of the thread that keeps the books.
    pub(in crate::server) fn role(&self) -> Box<dyn Role> {
        Box::new(Member::new(Arc::clone(&self.common)))
    }

    /// What is told of the log to whoever watches.
    pub(in crate::server) fn gauges(&self) -> Gauges {
        let common = Arc::clone(&self.common);
        Box::new(move |tell| common.gauges(tell))
    }

    /// Starts the threads.
    pub(in crate::server) fn start(&mut self) -> Result<(), CacheError> {
        let token = crate::server::random().map(u64::from_le_bytes);
        let token = token.map_err(|error| CacheError(error.to_string()))?;
        let common = || Arc::clone(&self.common);
        let keeper = Keeper::new(common(), token);
        let (forwarder, saver) = (Forwarder::new(common()), Saver::new(common(), token));
        self.spawn("redis keeper", move || keeper.run())?;
        self.spawn("redis forwarder", move || forwarder.run())?;
        self.spawn("redis books", move || saver.run())
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), CacheError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
        let thread =
            thread.map_err(|error| CacheError(format!("redis: cannot start a thread: {error}")))?;
        self.threads.push(thread);
        Ok(())
    }

    /// Waits a little until what was accepted is in the log; nothing more is accepted.
    pub(in crate::server) fn drain(&self) {
        self.common.draining.store(true, Ordering::Release);
        let deadline = Instant::now() + DRAIN;
        while self.common.standing().offset < self.common.journal.end()
            && self.common.open_generation.load(Ordering::Acquire) != 0
            && Instant::now() < deadline
        {
            std::thread::sleep(TURN);
        }
    }

    /// Ends the threads.
    pub(in crate::server) fn stop(mut self) {
        self.common.stopping.store(true, Ordering::Release);
        for thread in &self.threads {
            thread.thread().unpark();
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
