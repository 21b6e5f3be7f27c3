//! Follows a log, and lets it take effect.

use super::link::{Link, Open, text};
use super::state::Told;
use super::{Common, Position, RETRY, copy};
use crate::cache::Driver;
use crate::cache::replication::Applied;
use log::{info, warn};
use redis::{RedisResult, Value};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Entries of one answer: 2 MiB at most.
const ENTRIES_A_READ: usize = 32;
/// How long the server waits for an entry before it says that there is none.
const BLOCK: Duration = Duration::from_secs(1);
/// Between two reads, so that one takes what several processes append.
const LINGER: Duration = Duration::from_millis(5);

pub(super) struct Reader {
    common: Arc<Common>,
    log: usize,
    link: Link,
    started: Instant,
    /// A copy of the swarms has been looked for.
    restored: bool,
    /// It has come to the end of the log once.
    warm: bool,
}

impl Reader {
    pub(super) fn new(common: Arc<Common>, log: usize) -> Reader {
        common.state.cold.fetch_add(1, Ordering::Relaxed);
        Reader {
            common,
            log,
            link: Link::new(),
            started: Instant::now(),
            restored: false,
            warm: false,
        }
    }

    pub(super) fn run(mut self) {
        let common = Arc::clone(&self.common);
        let what = format!("read {}", common.key(self.log, "log"));
        let follows = "peers of other processes are not known until it can";
        let mut told = Told::new(what, follows, &common.state.failing);
        while !common.stopping() {
            match self.turn() {
                Ok(()) => told.works(String::new),
                Err(error) => {
                    told.fails(&text(&error));
                    std::thread::park_timeout(RETRY);
                }
            }
        }
    }

    fn turn(&mut self) -> RedisResult<()> {
        if !self.link.is_open() {
            self.begin()?;
        }
        let entries = self.read()?;
        if entries > 0 {
            std::thread::sleep(LINGER);
        } else if !self.warm {
            self.become_warm();
        }
        Ok(())
    }

    /// Finds out where to go on.
    fn begin(&mut self) -> RedisResult<()> {
        let Reader {
            common,
            log,
            link,
            restored,
            ..
        } = self;
        let last = if *restored {
            let key = common.key(*log, "log");
            let last = link.call(&common.servers, |open| {
                let mut last = redis::cmd("XREVRANGE");
                open.ask(last.arg(&key).arg("+").arg("-").arg("COUNT").arg(1))
            })?;
            entries(last).last().map(|(position, _)| *position)
        } else {
            let from = link.call(&common.servers, |open| copy::restore(common, *log, open))?;
            *restored = true;
            Some(from)
        };
        let following = &mut common.logs[*log].following();
        if last.is_none_or(|last| last < following.position) {
            if following.position != Position::default() {
                warn!("cache: redis: the log is shorter than it was; it is read anew");
            }
            following.position = Position::default();
        }
        Ok(())
    }

    /// Lets the next entries take effect; returns how many there were.
    fn read(&mut self) -> RedisResult<usize> {
        let Reader {
            common,
            log,
            link,
            warm,
            ..
        } = self;
        let key = common.key(*log, "log");
        let log = &common.logs[*log];
        let position = log.following().position;
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(ENTRIES_A_READ);
        if *warm {
            command.arg("BLOCK").arg(BLOCK.as_millis() as u64);
        }
        command.arg("STREAMS").arg(&key).arg(position.to_string());
        link.call(&common.servers, |open| {
            let answer = open.wait(&command, BLOCK)?;
            let entries = entries_of_stream(answer);
            for (position, entry) in &entries {
                apply(common, log, *position, entry, open);
            }
            Ok(entries.len())
        })
    }

    fn become_warm(&mut self) {
        self.warm = true;
        let common = &self.common;
        common.logs[self.log].following().warm = true;
        common.state.cold.fetch_sub(1, Ordering::Relaxed);
        let totals = common.memory.totals();
        info!(
            "cache: redis: {} is followed: {} torrents, {} peers after {:.1} s",
            common.key(self.log, "log"),
            totals.torrents,
            totals.peers,
            self.started.elapsed().as_secs_f32()
        );
    }
}

fn apply(common: &Common, log: &super::Log, position: Position, entry: &[u8], open: &Open) {
    let state = &common.state;
    let come_by = |sequence| {
        let owed = log.outbox().come_by(sequence)?;
        state
            .lags
            .add(common.now_ms().saturating_sub(owed.collected_ms));
        Some(owed.applied_before)
    };
    let following = &mut log.following();
    let age_ms = open.now_ms().saturating_sub(position.0);
    let now = common.clock.now();
    let applied = following
        .follower
        .apply(entry, (position.0, age_ms), now, come_by);
    following.position = position;
    match applied {
        Ok(Applied::Others(count)) => state.applied.fetch_add(count as u64, Ordering::Relaxed),
        Ok(Applied::Own(count)) => state.overtaken.fetch_add(count as u64, Ordering::Relaxed),
        Ok(Applied::Twice | Applied::Expired) => 0,
        Err(error) => {
            if state.unreadable.fetch_add(1, Ordering::Relaxed) == 0 {
                warn!(
                    "cache: redis: the entry {position} cannot be read ({error}); is another version of chihaya at work? Such entries are passed over"
                );
            }
            0
        }
    };
}

/// The entries of the one stream in an answer to `XREAD`.
pub(super) fn entries_of_stream(answer: Value) -> Vec<(Position, Vec<u8>)> {
    let stream = items(answer).into_iter().next();
    let entries_of = stream.and_then(|stream| items(stream).into_iter().nth(1));
    entries_of.map(entries).unwrap_or_default()
}

/// Entries as Redis writes them: each a position, and fields with their values. Ours have one.
pub(super) fn entries(answer: Value) -> Vec<(Position, Vec<u8>)> {
    let entry = |entry: Value| {
        let mut parts = items(entry).into_iter();
        let position = Position::parse(&bytes(parts.next()?))?;
        let value = items(parts.next()?).into_iter().nth(1);
        Some((position, value.map(bytes).unwrap_or_default()))
    };
    items(answer).into_iter().filter_map(entry).collect()
}

fn items(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

fn bytes(value: Value) -> Vec<u8> {
    match value {
        Value::BulkString(bytes) => bytes,
        _ => Vec::new(),
    }
}
