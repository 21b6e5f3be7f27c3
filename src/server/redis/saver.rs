//! Writes copies of the swarms beside the logs, one process at a time.

use super::link::{Link, Open, text};
use super::state::Told;
use super::{Common, copy};
use log::debug;
use redis::{RedisResult, Value};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it looks whether it is to write one.
const TURN: Duration = Duration::from_millis(500);
/// Tries in the time of one copy: whoever finds that one is due first writes it.
const TRIES: u32 = 10;

pub(super) struct Saver {
    common: Arc<Common>,
    producer: u64,
    copies: u64,
}

impl Saver {
    pub(super) fn new(common: Arc<Common>, producer: u64) -> Saver {
        Saver {
            common,
            producer,
            copies: 0,
        }
    }

    pub(super) fn run(mut self) {
        let common = Arc::clone(&self.common);
        let between = Duration::from_secs(common.settings.copy_interval.0.into()) / TRIES;
        let mut logs: Vec<_> = common
            .logs
            .iter()
            .map(|log| {
                let what = format!("write a copy of {}", common.key(log.number, "swarms"));
                let follows = "a new process would have to read all of the log";
                let told = Told::new(what, follows, &common.state.failing);
                (log, told, Link::new(), None::<Instant>)
            })
            .collect();
        while !common.stopping() {
            std::thread::park_timeout(TURN);
            for (log, told, link, tried) in &mut logs {
                let waits = tried.is_some_and(|tried| tried.elapsed() < between);
                if waits || common.stopping() || !log.following().warm {
                    continue;
                }
                *tried = Some(Instant::now());
                let turn = link.call(&common.servers, |open| self.turn(log.number, open));
                match turn {
                    Ok(()) => told.works(String::new),
                    Err(error) => told.fails(&text(&error)),
                }
            }
        }
    }

    /// Writes a copy, if one is due and nobody else does.
    fn turn(&mut self, log: usize, open: &mut Open) -> RedisResult<()> {
        let common = &self.common;
        let mut due = redis::cmd("SET");
        due.arg(common.key(log, "saver")).arg(self.producer);
        due.arg("NX").arg("EX").arg(common.settings.copy_interval.0);
        if open.ask(&due)? == Value::Nil {
            return Ok(());
        }
        // Never the same twice, nor that of another process.
        self.copies += 1;
        let id = self.producer.wrapping_add(self.copies);
        let started = Instant::now();
        let pieces = copy::save(common, log, id, open)?;
        debug!(
            "cache: redis: {pieces} pieces of a copy in {:.1} s",
            started.elapsed().as_secs_f32()
        );
        Ok(())
    }
}
