//! Generations of the log: joining one, and beginning one where Redis has lost the last.

use super::super::bases::{self, Head};
use super::super::{Order, PATIENCE, Standing, TURN, lock};
use super::Keeper;
use crate::account::shared::Said;
use crate::server::private::CHECKPOINT_FILE;
use crate::server::redis::RETRY;
use crate::server::redis::link::text;
use log::info;
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the log of a generation that does not count any more is kept, in seconds: some may
/// still append to it.
const OLD_LOG_SECS: u64 = 3600;
/// How long the storage may take to say its position before the log is looked at again.
const SAY: Duration = Duration::from_secs(2);
/// The books of another, until they are the own.
const JOINED_FILE: &str = "joined";

impl Keeper {
    /// Takes over the books of others.
    pub(super) fn join(&mut self, generation: u64, head: &Head) -> Result<(), String> {
        self.close();
        self.give_up_lead();
        let common = Arc::clone(&self.common);
        let path = common.copy.folder().join(JOINED_FILE);
        bases::fetch(&common, &mut self.link, head, &path)?;
        let _ordering = lock(&common.ordering);
        let joined = common.order(Order::Join(path.clone()), &mut || true)?;
        if joined.generation != generation {
            return Err(format!(
                "the copy of the books is not of generation {generation}"
            ));
        }
        (self.generation, self.place) = (joined.generation, joined.place);
        (self.goes_on, self.at_end) = (false, false);
        let _ = std::fs::remove_file(path);
        info!("cache: redis: the books of the other processes are taken over");
        Ok(())
    }

    /// Takes over newer books of the same generation. But if the own ones hold what the storage has,
    /// and those do not, then the log has lost what was committed.
    pub(super) fn catch_up(&mut self, head: &Head) -> Result<(), String> {
        self.close();
        if self.common.standing().applied < self.common.copy.end() {
            std::thread::park_timeout(TURN);
            return Ok(());
        }
        let position = self.position()?;
        match head.holds(position) || !self.common.standing().holds(position) {
            true => self.join(self.generation, head),
            false => self.begin(0),
        }
    }

    /// Redis has forgotten something; `named` is an earlier generation, or 0. Whoever leads begins
    /// a new one, if its books hold all that the storage has; else others have gone on, or must.
    pub(super) fn begin(&mut self, named: u64) -> Result<(), String> {
        self.close();
        if self.common.standing().applied < self.common.copy.end() {
            std::thread::park_timeout(TURN);
            return Ok(());
        }
        let position = self.position()?;
        if !self.common.standing().holds(position) {
            let known = match named {
                0 => self.generation,
                named => named,
            };
            let head = bases::head(&self.common, &mut self.link, known);
            return match head.map_err(|error| text(&error))? {
                Some(head) if known != 0 => self.join(known, &head),
                _ => Err(format!(
                    "Redis has lost the log, and the storage has more than the books of this process \
                     (position {position}): another that was there must come back"
                )),
            };
        }
        if !self.lead()? {
            std::thread::park_timeout(RETRY);
            return Ok(());
        }
        self.begin_generation()
    }

    /// The storage's position now.
    fn position(&mut self) -> Result<u64, String> {
        self.common.exchange.ask_position();
        let deadline = Instant::now() + SAY;
        while Instant::now() < deadline && !self.common.stopping() {
            if let Some(position) = self.common.exchange.position() {
                return Ok(position);
            }
            std::thread::park_timeout(TURN);
        }
        Err("the storage does not say what it has".to_owned())
    }

    fn begin_generation(&mut self) -> Result<(), String> {
        let common = Arc::clone(&self.common);
        let ordering = lock(&common.ordering);
        let before = common.standing().generation;
        common.order(Order::Begin, &mut || self.leads_on())?;
        let begun = self.wait(&|standing| standing.generation != before)?;
        (self.generation, self.place, self.goes_on) = (begun.generation, begun.place, false);
        let written = common.order(Order::Write, &mut || self.leads_on())?;
        let path = common.copy.folder().join(CHECKPOINT_FILE);
        let mut file = File::open(path).map_err(|error| error.to_string())?;
        drop(ordering);
        self.copies = self.copies.wrapping_add(1);
        let id = self.token.rotate_left(32).wrapping_add(self.copies);
        let generation = begun.generation;
        bases::put(&common, &mut self.link, &written, id, &mut file)?;
        // The storage decides whether it counts.
        self.wait(&Standing::is_settled)?;
        let mut mark = redis::cmd("XADD");
        mark.arg(common.log_key(generation)).arg("*").arg("e");
        self.ask(mark.arg(Said::mark(generation).value()))?;
        self.ask(redis::cmd("SET").arg(common.pointer_key()).arg(generation))?;
        if before != 0 {
            let mut expire = redis::cmd("EXPIRE");
            self.ask(expire.arg(common.log_key(before)).arg(OLD_LOG_SECS))?;
            bases::remove(&common, &mut self.link, before)?;
        }
        info!(
            "cache: redis: a new log is begun: {}",
            common.log_key(generation)
        );
        Ok(())
    }

    /// Leads on; false when it does not.
    fn leads_on(&mut self) -> bool {
        self.lead().unwrap_or(false)
    }

    /// Waits for the books to stand like this, while this process leads.
    fn wait(&mut self, is_so: &dyn Fn(&Standing) -> bool) -> Result<Standing, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let standing = self.common.standing();
            if is_so(&standing) {
                return Ok(standing);
            }
            let waits = !self.common.stopping() && Instant::now() < deadline;
            if !waits || !self.leads_on() {
                return Err("a new log could not be begun".to_owned());
            }
            std::thread::park_timeout(TURN);
        }
    }
}
