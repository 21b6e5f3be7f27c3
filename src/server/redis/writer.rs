//! Appends what this process accepts to a log.

use super::link::{Link, text};
use super::state::Told;
use super::{Common, RETRY};
use redis::{Cmd, RedisResult};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long the first announce waits for others to share its entry.
const LINGER: Duration = Duration::from_millis(10);
/// How often it looks without having been woken.
const IDLE: Duration = Duration::from_secs(1);
/// While entries cannot be appended, they are collected this often: shards have little room.
const COLLECT: Duration = Duration::from_millis(50);
/// Entries on their way at once: fewer than the 64 that others tell apart when they come again.
const ENTRIES_A_TURN: usize = 16;

pub(super) struct Writer {
    common: Arc<Common>,
    log: usize,
    link: Link,
    /// How much of the log has taken effect.
    applied: Arc<AtomicU64>,
    /// How much of it had when the workers' announces were collected last.
    looked: u64,
    spare: Vec<u8>,
}

impl Writer {
    pub(super) fn new(common: Arc<Common>, log: usize) -> Writer {
        let applied = common.logs[log].following().follower.applied();
        Writer {
            common,
            log,
            link: Link::new(),
            applied,
            looked: 0,
            spare: Vec::new(),
        }
    }

    pub(super) fn run(mut self) {
        let common = Arc::clone(&self.common);
        let what = format!("append to {}", common.key(self.log, "log"));
        let follows = "what others should know is kept";
        let mut told = Told::new(what, follows, &common.state.failing);
        let mut away: Option<Instant> = None;
        while !common.stopping() {
            std::thread::park_timeout(if away.is_some() { COLLECT } else { IDLE });
            let since_ms = common.now_ms();
            std::thread::sleep(LINGER);
            self.collect(since_ms);
            if away.is_some_and(|last| last.elapsed() < RETRY) {
                continue;
            }
            let waiting = common.logs[self.log].outbox().waiting_count();
            let appended = self.append();
            away = appended.is_err().then(Instant::now);
            match appended {
                Err(error) => told.fails(&text(&error)),
                Ok(()) => told.works(|| format!(", {waiting} announces were kept")),
            }
        }
        self.collect(common.now_ms());
        // What cannot be appended now is lost to the others until these peers announce again.
        if self.append().is_ok() {
            let _ = self.greet();
        }
    }

    /// Takes what the workers have accepted.
    fn collect(&mut self, since_ms: u64) {
        let Writer {
            common,
            log,
            spare,
            looked,
            applied,
            ..
        } = self;
        let before = std::mem::replace(looked, applied.load(Ordering::Acquire));
        let outbox = &common.logs[*log];
        let missed = common.memory.drain(*log, spare, &mut |records| {
            outbox.outbox().add(records, since_ms, before);
        });
        common.state.miss(missed);
    }

    /// Appends all that waits.
    fn append(&mut self) -> RedisResult<()> {
        let common = Arc::clone(&self.common);
        let log = &common.logs[self.log];
        if !self.link.is_open() {
            // The server may have lost what it had taken, or its answers.
            log.outbox().append_again();
        }
        loop {
            let entries = log.outbox().hand_out(ENTRIES_A_TURN, common.now_ms());
            if entries.is_empty() {
                return Ok(());
            }
            let key = common.key(self.log, "log");
            let lifetime_ms = u64::from(common.lifetime_secs) * 1000;
            let result = self.link.call(&common.servers, |open| {
                let oldest = open.now_ms().saturating_sub(lifetime_ms);
                let commands = entries
                    .iter()
                    .map(|entry| append_command(&key, oldest, &entry.bytes));
                let commands: Vec<Cmd> = commands.collect();
                open.ask_all(&commands, |place| {
                    let entry = &entries[place];
                    log.outbox().set_appended(entry.sequence);
                    let appended = &common.state.appended;
                    appended.fetch_add(entry.count.into(), Ordering::Relaxed);
                })
            });
            if let Err(error) = result {
                if error.code() == Some("OOM") {
                    self.trim();
                }
                return Err(error);
            }
        }
    }

    /// Takes from the log what no peer outlives: a server that is full refuses to append, and with
    /// that to trim.
    fn trim(&mut self) {
        let common = &self.common;
        let key = common.key(self.log, "log");
        let lifetime_ms = u64::from(common.lifetime_secs) * 1000;
        // If it cannot, the next attempt to append says why.
        let _ = self.link.call(&common.servers, |open| {
            let oldest = open.now_ms().saturating_sub(lifetime_ms);
            let mut trim = redis::cmd("XTRIM");
            open.ask(trim.arg(&key).arg("MINID").arg(oldest))
        });
    }

    /// Appends an entry that wakes this process's own reader, which waits for one.
    fn greet(&mut self) -> RedisResult<()> {
        let common = Arc::clone(&self.common);
        let greeting = common.logs[self.log].outbox().greeting();
        let key = common.key(self.log, "log");
        let command = append_command(&key, 0, &greeting);
        self.link
            .call(&common.servers, |open| open.ask(&command))
            .map(|_| ())
    }
}

/// Appends an entry, and takes from the log what is older than `oldest`, by and by.
fn append_command(key: &str, oldest: u64, entry: &[u8]) -> Cmd {
    let mut command = redis::cmd("XADD");
    command.arg(key).arg("MINID").arg("~").arg(oldest);
    command.arg("*").arg("e").arg(entry);
    command
}
