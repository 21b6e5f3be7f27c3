//! The cache driver `redis`: several processes, one swarm.
//!
//! Answers come from the memory cache. For each log ([`crate::cache::replication`]) a *writer*
//! thread appends what the workers have accepted to a stream, and a *reader* thread follows that
//! stream and lets the announces of other processes take effect here. A *saver* thread writes a
//! copy of the swarms beside the log now and then, from which a new process starts.
//!
//! ```text
//! {chihaya:0}:log               a stream, one packed entry every few milliseconds and process
//! {chihaya:0}:swarms            where the newest copy is, and what of the log it holds
//! {chihaya:0}:swarms:ID:PIECE   the copy, in pieces of 64 KiB
//! {chihaya:0}:saver             whoever wrote the last copy; it ends when the next one is due
//! ```
//!
//! No answer ever waits for Redis. While it is away everybody goes on with their own memory; what
//! others should know is kept, and appended when it is back.

mod copy;
mod head;
mod journal;
mod link;
mod reader;
mod saver;
mod state;
mod writer;

pub(super) use journal::SharedJournal;

use super::clock::Clock;
use crate::cache::replication::{Follower, Outbox};
use crate::cache::{
    Cache, CacheError, Driver, Memory, MemorySettings, Sharing, SnapshotError, Totals,
};
use crate::config::{self, Config};
use crate::model::{Counts, InfoHash, Seconds};
use link::Servers;
use log::info;
use reader::Reader;
use saver::Saver;
use state::State;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};
use writer::Writer;

/// Between two attempts to reach a server that is away or refuses.
const RETRY: Duration = Duration::from_millis(500);

/// What the threads of the driver share.
struct Common {
    memory: Memory,
    servers: Arc<Servers>,
    settings: config::Redis,
    lifetime_secs: u32,
    clock: Clock,
    start: Instant,
    logs: Vec<Log>,
    state: State,
    stopping: AtomicBool,
}

/// One log, as its writer, its reader and the saver see it.
struct Log {
    number: usize,
    outbox: Mutex<Outbox>,
    following: Mutex<Following>,
}

/// How far a log has been followed.
struct Following {
    follower: Follower,
    position: Position,
    /// Whether its end has been reached once.
    warm: bool,
}

/// An entry of a stream: milliseconds, and a number within one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
struct Position(u64, u64);

impl Position {
    fn parse(text: &[u8]) -> Option<Position> {
        let (ms, number) = std::str::from_utf8(text).ok()?.split_once('-')?;
        Some(Position(ms.parse().ok()?, number.parse().ok()?))
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

impl Common {
    /// A key of a log. What stands in braces decides about its place in a cluster: all keys of one
    /// log are together.
    fn key(&self, log: usize, name: &str) -> String {
        format!("{{{}:{log}}}:{name}", self.settings.key)
    }

    fn now_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

impl Log {
    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn following(&self) -> MutexGuard<'_, Following> {
        self.following
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The driver.
pub(crate) struct Redis {
    common: Arc<Common>,
    threads: Vec<JoinHandle<()>>,
}

impl Redis {
    /// Starts it. Servers that cannot be reached are no reason not to: they may come.
    pub(crate) fn open(config: &Config, memory: &MemorySettings) -> Result<Redis, CacheError> {
        let settings = config.redis.clone();
        // Nobody else's, and not that of this process's next start.
        let producer = super::random().map(u64::from_le_bytes);
        let producer = producer.map_err(|error| CacheError(error.to_string()))?;
        let count = usize::from(settings.logs);
        let writers: Arc<OnceLock<Vec<Thread>>> = Arc::default();
        let sleeping = Arc::clone(&writers);
        let wake = move |log: usize| {
            if let Some(writer) = sleeping.get().and_then(|writers| writers.get(log)) {
                writer.unpark();
            }
        };
        let sharing = Sharing {
            logs: count,
            wake: Box::new(wake),
        };
        let memory_cache = Memory::shared(memory, sharing);
        let log = |number| Log {
            number,
            outbox: Mutex::new(Outbox::new(
                producer,
                memory.peer_ids,
                settings.backlog.0 as usize / count,
            )),
            following: Mutex::new(Following {
                follower: memory_cache.follow(producer),
                position: Position::default(),
                warm: false,
            }),
        };
        let common = Arc::new(Common {
            servers: Arc::new(Servers::new(&settings)?),
            logs: (0..count).map(log).collect(),
            memory: memory_cache,
            lifetime_secs: memory.peer_lifetime_secs,
            clock: Clock::start(),
            start: Instant::now(),
            state: State::default(),
            stopping: AtomicBool::new(false),
            settings,
        });
        let mut redis = Redis {
            common,
            threads: Vec::new(),
        };
        redis.start(producer, &writers)?;
        Ok(redis)
    }

    fn start(&mut self, producer: u64, writers: &OnceLock<Vec<Thread>>) -> Result<(), CacheError> {
        let common = Arc::clone(&self.common);
        for log in 0..common.logs.len() {
            let writer = Writer::new(Arc::clone(&common), log);
            self.spawn(format!("redis writer {log}"), move || writer.run())?;
        }
        let threads = self.threads.iter();
        let _ = writers.set(threads.map(|thread| thread.thread().clone()).collect());
        for log in 0..common.logs.len() {
            let reader = Reader::new(Arc::clone(&common), log);
            self.spawn(format!("redis reader {log}"), move || reader.run())?;
        }
        let saver = Saver::new(common, producer);
        self.spawn("redis saver".to_owned(), move || saver.run())
    }

    fn spawn(
        &mut self,
        name: String,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<(), CacheError> {
        let thread = std::thread::Builder::new().name(name).spawn(run);
        let thread =
            thread.map_err(|error| CacheError(format!("redis: cannot start a thread: {error}")))?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for Redis {
    /// Tells the others what they should still know, and ends the threads.
    fn drop(&mut self) {
        self.common.stopping.store(true, Ordering::Release);
        for thread in &self.threads {
            thread.thread().unpark();
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        info!("cache: redis: {}", self.common.state.summary());
    }
}

impl Driver for Redis {
    fn open(&self, seed: u64) -> Result<Box<dyn Cache>, CacheError> {
        self.common.memory.open(seed)
    }

    fn sweep(&self, now: Seconds, most: usize) -> usize {
        self.common.memory.sweep(now, most)
    }

    fn totals(&self) -> Totals {
        self.common.memory.totals()
    }

    fn torrents(&self, show: &mut dyn FnMut(InfoHash, Counts)) {
        self.common.memory.torrents(show);
    }

    fn save(&self, to: &mut dyn Write, now: Seconds, wall_secs: u64) -> Result<(), SnapshotError> {
        self.common.memory.save(to, now, wall_secs)
    }

    fn restore(
        &self,
        from: &mut dyn Read,
        now: Seconds,
        wall_secs: u64,
    ) -> Result<(), SnapshotError> {
        self.common.memory.restore(from, now, wall_secs)
    }

    fn gauges(&self, tell: &mut dyn FnMut(&'static str, u64)) {
        let Common { state, logs, .. } = &*self.common;
        state.gauges(tell);
        let sum = |of: &dyn Fn(&Outbox) -> u64| logs.iter().map(|log| of(&log.outbox())).sum();
        tell("redis_backlog_announces", sum(&Outbox::waiting_count));
        tell("redis_backlog_bytes", sum(&|outbox| outbox.bytes() as u64));
        let lost: u64 = sum(&Outbox::lost);
        tell("redis_lost_announces", lost + state.missed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_streams() {
        for (text, position) in [
            ("0-0", Some(Position(0, 0))),
            ("1700000000000-7", Some(Position(1_700_000_000_000, 7))),
            (
                "18446744073709551615-18446744073709551615",
                Some(Position(u64::MAX, u64::MAX)),
            ),
            ("18446744073709551616-0", None),
            ("1700000000000", None),
            ("a-b", None),
            ("", None),
        ] {
            let parsed = Position::parse(text.as_bytes());
            assert_eq!(parsed, position, "{text}");
            assert!(parsed.is_none_or(|parsed| parsed.to_string() == text));
        }
        assert!(Position(2, 0) > Position(1, 9));
    }
}
