//! Follows the log, sees to who leads, and to it that there is a log.
//!
//! The generation that counts is the one that Redis names. Where that is the own one, the log must
//! go on where the copy of it ends. Where it is a later one, the storage has gone on with it, and
//! the own books are replaced by those with which it has begun. Where none is named, an earlier one,
//! or where the end of the log is gone, Redis has forgotten something: then a process that leads and
//! whose books hold all that the storage has begins a new one.

mod generations;
mod lead;

use super::bases::{self, Head};
use super::{Common, End, Standing, lock, position};
use crate::account::journal::Entry;
use crate::account::shared::{Place, Said};
use crate::server::redis::link::{Link, text};
use crate::server::redis::reader::{entries, entries_of_stream};
use crate::server::redis::state::Told;
use crate::server::redis::{Position, RETRY};
use redis::{Cmd, Value};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Entries of one answer: some megabytes at most.
const ENTRIES_A_READ: usize = 64;
/// How long the server waits for an entry before it says that there is none.
const BLOCK: Duration = Duration::from_millis(300);
/// Between two reads.
const LINGER: Duration = Duration::from_millis(5);

pub(super) struct Keeper {
    common: Arc<Common>,
    link: Link,
    /// Names this process to others.
    token: u64,
    generation: u64,
    /// The place of the last entry of the log that is in the copy.
    place: Place,
    /// On this connection, the log has been seen to go on where the copy ends.
    goes_on: bool,
    /// There was nothing more to read.
    at_end: bool,
    /// When it was last said who leads.
    said: Option<Instant>,
    stands_back: Option<Instant>,
    /// Up to where everything was committed when it was last looked, and since when.
    settled: (u64, Instant),
    copies: u64,
}

/// What the log has to do with the copy of it.
enum Continuity {
    GoesOn,
    /// What comes next has been trimmed; there are newer books.
    Trimmed(Head),
    /// The log has lost its end.
    Lost,
}

impl Keeper {
    pub(super) fn new(common: Arc<Common>, token: u64) -> Keeper {
        let Standing {
            generation, place, ..
        } = common.standing();
        Keeper {
            common,
            link: Link::new(),
            token,
            generation,
            place,
            goes_on: false,
            at_end: false,
            said: None,
            stands_back: None,
            settled: (0, Instant::now()),
            copies: 0,
        }
    }

    pub(super) fn run(mut self) {
        let common = Arc::clone(&self.common);
        let what = format!("follow {}", common.pointer_key());
        let follows = "totals wait in the journals until it can";
        let mut told = Told::new(what, follows, &common.watch.failing);
        while !common.stopping() {
            match self.turn() {
                Ok(()) => told.works(String::new),
                Err(error) => {
                    self.close();
                    // It works when that can be said again, too.
                    self.said = None;
                    told.fails(&error);
                    std::thread::park_timeout(RETRY);
                }
            }
        }
        self.give_up_lead();
    }

    fn close(&self) {
        self.common.open_generation.store(0, Ordering::Release);
    }

    fn ask(&mut self, command: &Cmd) -> Result<Value, String> {
        let asked = self
            .link
            .call(&self.common.servers, |open| open.ask(command));
        asked.map_err(|error| text(&error))
    }

    fn turn(&mut self) -> Result<(), String> {
        let standing = self.common.standing();
        if standing.generation != self.generation {
            // A generation that was begun and did not come to count.
            (self.generation, self.place) = (standing.generation, standing.place);
            self.goes_on = false;
        }
        if !self.link.is_open() {
            (self.goes_on, self.at_end) = (false, false);
        }
        let named = self.ask(redis::cmd("GET").arg(self.common.pointer_key()))?;
        let named = number(&named).unwrap_or(0);
        if named > self.generation {
            let head = bases::head(&self.common, &mut self.link, named);
            let head = head.map_err(|error| text(&error))?;
            let none = || format!("no copy of the books of generation {named}");
            return self.join(named, &head.ok_or_else(none)?);
        }
        if named < self.generation || named == 0 {
            return self.begin(named);
        }
        if !self.goes_on {
            match self.continuity()? {
                Continuity::GoesOn => self.goes_on = true,
                Continuity::Trimmed(head) => return self.catch_up(&head),
                Continuity::Lost => return self.begin(0),
            }
        }
        self.follow()
    }

    /// Whether the log goes on where the copy ends.
    fn continuity(&mut self) -> Result<Continuity, String> {
        let head = bases::head(&self.common, &mut self.link, self.generation);
        let head = head.map_err(|error| text(&error))?;
        let newer = head.filter(|head| head.place() > self.place);
        let is_there = self.place == Place::default() || self.has(self.place)?;
        Ok(match newer {
            // A log of which nothing has been read may have been trimmed.
            Some(head) if !is_there || self.place == Place::default() => Continuity::Trimmed(head),
            _ if is_there => Continuity::GoesOn,
            _ => Continuity::Lost,
        })
    }

    /// Copies what comes next in the log.
    fn follow(&mut self) -> Result<(), String> {
        let key = self.common.log_key(self.generation);
        let mut read = redis::cmd("XREAD");
        read.arg("COUNT").arg(ENTRIES_A_READ);
        if self.at_end {
            read.arg("BLOCK").arg(BLOCK.as_millis() as u64);
        }
        read.arg("STREAMS")
            .arg(&key)
            .arg(position(self.place).to_string());
        let answer = self
            .link
            .call(&self.common.servers, |open| open.wait(&read, BLOCK));
        let found = entries_of_stream(answer.map_err(|error| text(&error))?);
        if !found.is_empty() && !self.is_next(&found)? {
            // Something has been trimmed before it was read.
            self.goes_on = false;
            return Ok(());
        }
        for (at, value) in &found {
            self.copy(*at, value)?;
        }
        self.at_end = found.len() < ENTRIES_A_READ;
        if self.at_end {
            let end = &mut *lock(&self.common.end);
            *end = End {
                times: end.times + 1,
                position: self.common.copy.end(),
            };
        }
        if self.at_end {
            self.common
                .open_generation
                .store(self.generation, Ordering::Release);
            self.lead()?;
        }
        if self.at_end && !found.is_empty() {
            // So that one answer takes what several processes append.
            std::thread::sleep(LINGER);
        }
        Ok(())
    }

    /// Whether what was read is all that comes next: what was there after it was read had not been
    /// trimmed before.
    fn is_next(&mut self, found: &[(Position, Vec<u8>)]) -> Result<bool, String> {
        if self.place == Place::default() {
            let mark = Said::mark(self.generation).value();
            return Ok(found.first().is_some_and(|(_, value)| *value == mark));
        }
        self.has(self.place)
    }

    /// Whether this entry is in the log.
    fn has(&mut self, place: Place) -> Result<bool, String> {
        let place = position(place).to_string();
        let mut range = redis::cmd("XRANGE");
        range.arg(self.common.log_key(self.generation));
        let found = self.ask(range.arg(&place).arg(&place))?;
        Ok(!entries(found).is_empty())
    }

    fn copy(&mut self, at: Position, value: &[u8]) -> Result<(), String> {
        let Some(said) = Said::parse(value) else {
            // Passing over it, this process would have other books than the rest.
            return Err(format!(
                "the entry {at} is of another version of chihaya: this one must be replaced"
            ));
        };
        let place = Place(at.0, at.1);
        let copied = self.common.copy.append(&mut Entry::of_shared(place, value));
        copied.map_err(|error| error.to_string())?;
        self.place = place;
        let own = match said {
            Said::Accepted { producer, to, .. } if producer == self.common.producer => Some(to),
            _ => None,
        };
        self.common.watch.came_by(own);
        Ok(())
    }
}

/// A number as Redis keeps it.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        _ => None,
    }
}
