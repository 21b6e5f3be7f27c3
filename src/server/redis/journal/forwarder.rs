//! Puts what this process has accepted into the log, and where batches end.
//!
//! It goes on where the own books say that the log has come to with the own journal. What is on its
//! way is not waited for; when the server fails, or what was put there does not come by, it begins
//! again with what has. So entries may stand in the log twice, which does nothing, and never with
//! one missing before them.

use super::{Common, TURN, lock};
use crate::account::journal::{Body, Reader};
use crate::account::shared::{Accepted, Said};
use crate::server::redis::RETRY;
use crate::server::redis::link::{Link, text};
use crate::server::redis::state::Told;
use log::error;
use redis::Cmd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Bytes of records that share an entry of the log: little work for the server, and never long.
const ENTRY_BYTES: usize = 64 * 1024;
/// Bytes of records that share an entry at most: well below what the copy can hold.
const MOST_BYTES: usize = 1 << 20;
/// Entries that are appended at once.
const ENTRIES_A_TURN: usize = 16;
/// Bytes that are on their way at most: those who follow keep up, and little is sent twice.
const WINDOW_BYTES: u64 = 8 << 20;
/// After which what has not come by is put into the log again.
const STALL: Duration = Duration::from_secs(5);
/// How long what was accepted waits to be synced at most: so long it is not in the log either.
const LATEST_SYNC: Duration = Duration::from_secs(1);
/// How often parts of the journal that are committed go.
const FORGET: Duration = Duration::from_secs(1);

pub(super) struct Forwarder {
    common: Arc<Common>,
    link: Link,
    /// Where the journal is read; `None`: where is still to be found out.
    reading: Option<Reading>,
    /// How often the end of the log had been reached when it began to find that out.
    began_at: Option<u64>,
    synced: (Instant, u64),
    forgot: Instant,
}

struct Reading {
    generation: u64,
    reader: Reader,
    /// Up to which offset entries are in the log, or on their way.
    sent: u64,
    /// Up to which they have come by, and since when no more have.
    came_by: (u64, Instant),
}

/// A stretch of the journal.
struct Stretch {
    is_records: bool,
    from: u64,
    to: u64,
    body: Vec<u8>,
}

impl Stretch {
    fn value(&self, producer: u128) -> Vec<u8> {
        let accepted = match self.is_records {
            true => Accepted::Records(&self.body),
            false => Accepted::Notes(&self.body),
        };
        let said = Said::Accepted {
            producer,
            from: self.from,
            to: self.to,
            accepted,
        };
        said.value()
    }
}

impl Forwarder {
    pub(super) fn new(common: Arc<Common>) -> Forwarder {
        let now = Instant::now();
        Forwarder {
            common,
            link: Link::new(),
            reading: None,
            began_at: None,
            synced: (now, 0),
            forgot: now,
        }
    }

    pub(super) fn run(mut self) {
        let common = Arc::clone(&self.common);
        let what = format!("append to {}", common.pointer_key());
        let follows = "what was accepted is kept in the journal";
        let mut told = Told::new(what, follows, &common.watch.failing);
        while !common.stopping() {
            match self.turn() {
                Ok(true) => told.works(String::new),
                Ok(false) => std::thread::park_timeout(TURN),
                Err(error) => {
                    told.fails(&error);
                    (self.reading, self.began_at) = (None, None);
                    std::thread::park_timeout(RETRY);
                }
            }
        }
    }

    /// Does what is due; returns whether something was appended.
    fn turn(&mut self) -> Result<bool, String> {
        self.keep_journal().map_err(|error| error.to_string())?;
        let generation = self.common.open_generation.load(Ordering::Acquire);
        if generation == 0 || self.is_stalled(generation) {
            (self.reading, self.began_at) = (None, None);
        }
        if generation == 0 || (self.reading.is_none() && !self.begin(generation)?) {
            return Ok(false);
        }
        let values = self.collect()?;
        if values.is_empty() {
            return Ok(false);
        }
        self.append(generation, &values)?;
        Ok(true)
    }

    /// Syncs the journal, and lets go of what is committed.
    fn keep_journal(&mut self) -> std::io::Result<()> {
        let journal = &self.common.journal;
        let (synced, to) = self.synced;
        let end = journal.end();
        let is_due = synced.elapsed() >= self.common.sync_interval.min(LATEST_SYNC)
            || self.common.draining.load(Ordering::Acquire);
        if end != to && is_due {
            journal.sync()?;
            self.synced = (Instant::now(), end);
        }
        if self.forgot.elapsed() >= FORGET {
            self.forgot = Instant::now();
            journal.forget_before(self.common.standing().safe)?;
        }
        Ok(())
    }

    /// Whether what was put into the log has not come by for too long, or the log is another.
    fn is_stalled(&mut self, generation: u64) -> bool {
        let offset = self.common.standing().offset;
        let Some(reading) = &mut self.reading else {
            return false;
        };
        let (came_by, since) = reading.came_by;
        if offset != came_by || reading.sent <= offset {
            reading.came_by = (offset, Instant::now());
        }
        let waits = reading.sent > offset && offset == came_by;
        reading.generation != generation || (waits && since.elapsed() >= STALL)
    }

    /// Finds out where to go on: when the log has been followed to its end once more, nothing of
    /// this process is in it that has not come by. Returns whether it is known.
    fn begin(&mut self, generation: u64) -> Result<bool, String> {
        let end = *lock(&self.common.end);
        let began_at = *self.began_at.get_or_insert(end.times);
        let standing = self.common.standing();
        // The end that was reached next may have been asked for before.
        let is_followed = end.times >= began_at + 2 && standing.applied >= end.position;
        if !is_followed || standing.generation != generation {
            return Ok(false);
        }
        let start = self.common.journal.start();
        let start = start.map_err(|error| error.to_string())?;
        if start > standing.offset {
            // For a moment, while a new generation is being begun; else somebody has put something
            // back.
            return Err(format!(
                "the log has the journal of this process up to {}, and it begins at {start}",
                standing.offset
            ));
        }
        self.began_at = None;
        self.common.watch.begins(standing.offset);
        self.reading = Some(Reading {
            generation,
            reader: self.common.journal.read(standing.offset),
            sent: standing.offset,
            came_by: (standing.offset, Instant::now()),
        });
        Ok(true)
    }

    /// The next entries of the log.
    fn collect(&mut self) -> Result<Vec<Vec<u8>>, String> {
        let common = Arc::clone(&self.common);
        let mut values = Vec::new();
        while values.len() < ENTRIES_A_TURN {
            let Some(stretch) = self.next_stretch()? else {
                break;
            };
            common.watch.sets_out(stretch.to);
            values.push(stretch.value(common.producer));
        }
        let cut = lock(&common.desk).cut.take();
        values.extend(cut.map(|cut| Said::Cut(cut).value()));
        Ok(values)
    }

    /// The entries of the journal that come next, as many of one kind as share an entry.
    fn next_stretch(&mut self) -> Result<Option<Stretch>, String> {
        let Some(Reading {
            reader,
            sent,
            came_by,
            ..
        }) = &mut self.reading
        else {
            return Ok(None);
        };
        if sent.saturating_sub(came_by.0) > WINDOW_BYTES {
            return Ok(None);
        }
        let (_, end) = self.synced;
        let mut stretch: Option<Stretch> = None;
        let mut before = reader.lost();
        loop {
            let is_full =
                |stretch: &Stretch| !stretch.is_records || stretch.body.len() >= ENTRY_BYTES;
            if stretch.as_ref().is_some_and(is_full) {
                break;
            }
            // One that does not fit is read again.
            let place = reader.position();
            let mut fits = true;
            let mut take = |body: Body<'_>, to: u64| fits = add(&mut stretch, *sent, body, to);
            let read = reader.next(end, &mut take);
            if !read.map_err(|error| error.to_string())? {
                break;
            }
            if !fits {
                *reader = self.common.journal.read(place);
                break;
            }
            let lost = reader.lost();
            if lost > before {
                error!(
                    "journal: {} bytes are damaged and passed over",
                    lost - before
                );
                before = lost;
            }
        }
        if let Some(stretch) = &stretch {
            *sent = stretch.to;
        }
        Ok(stretch)
    }

    fn append(&mut self, generation: u64, values: &[Vec<u8>]) -> Result<(), String> {
        let key = self.common.log_key(generation);
        let append = |value: &Vec<u8>| {
            let mut append = redis::cmd("XADD");
            append.arg(&key).arg("*").arg("e").arg(value);
            append
        };
        let commands: Vec<Cmd> = values.iter().map(append).collect();
        let appended = self
            .link
            .call(&self.common.servers, |open| open.ask_all(&commands, |_| {}));
        appended.map_err(|error| text(&error))?;
        let sent = self.reading.as_ref().map_or(0, |reading| reading.sent);
        self.common.watch.arrived(commands.len() as u64, sent);
        Ok(())
    }
}

/// Adds an entry of the journal, which ends at `to`, to a stretch that begins at `from`, or goes
/// on; returns whether it has its place there.
fn add(stretch: &mut Option<Stretch>, from: u64, body: Body<'_>, to: u64) -> bool {
    let (is_records, body) = match body {
        Body::Records(body) => (true, body),
        Body::Notes(body) => (false, body),
        // Those of a time when the tracker was by itself.
        Body::Cut | Body::Shared(_) => (true, &[][..]),
    };
    match stretch {
        None => {
            *stretch = Some(Stretch {
                is_records,
                from,
                to,
                body: body.to_vec(),
            });
            true
        }
        Some(stretch)
            if stretch.is_records
                && is_records
                && stretch.body.len() + body.len() <= MOST_BYTES =>
        {
            stretch.body.extend_from_slice(body);
            stretch.to = to;
            true
        }
        Some(_) => false,
    }
}
