//! The thread that owns the storage: it writes what has been accounted, loads what the web
//! application has changed, and looks up what is unknown. It may block for as long as the storage
//! does.

use super::authority::Authority;
use super::exchange::Exchange;
use super::lookups::Lookups;
use super::progress::Progress;
use crate::account::committer::{Committer, Note, Outcome};
use crate::config::Config;
use crate::drivers::OpenStorage;
use crate::server::clock::{Clock, wall_secs};
use crate::server::files;
use crate::storage::{
    Change, Commit, Cursor, Edit, EditError, Placed, Storage, StorageError, Wanted,
};
use crate::tracker::misses::Misses;
use crate::tracker::registry::{Loading, Published};
use log::{error, info, warn};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// The last directory that was loaded, in the folder of the journal.
pub(super) const DIRECTORY_FILE: &str = "directory";
/// Rows that a storage has refused, in the same folder.
const REJECTED_FILE: &str = "rejected.jsonl";
/// How often lookups and batches are looked for when nobody wakes the thread.
const TURN: Duration = Duration::from_millis(500);
/// Unknown passkeys and torrents that are looked up at once.
const LOOKUPS_A_TURN: usize = 256;
/// Pushed edits that are written in one transaction at most: some tenths of a second of a slow disk.
const PUSHES_A_TURN: usize = 1 << 14;
/// How long after a failure it is tried again, at first and at most.
const RETRY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// How often a directory that has changed is written to its file.
const DIRECTORY_INTERVAL: Duration = Duration::from_secs(300);
/// Entries of a load between two lines in the log.
const PROGRESS_ENTRIES: usize = 500_000;

/// How the first load ended, for the start of the tracker.
pub(super) enum First {
    /// The directory is loaded.
    Loaded,
    /// The storage is away; the tracker goes on with what it knows.
    Away,
    /// The operator must act.
    Failed(StorageError),
}

pub(super) struct Work {
    pub(super) config: Config,
    pub(super) clock: Clock,
    pub(super) open: Arc<OpenStorage>,
    pub(super) authority: Arc<Authority>,
    pub(super) published: Arc<Published>,
    pub(super) misses: Arc<Misses>,
    pub(super) lookups: Arc<Lookups>,
    pub(super) exchange: Arc<Exchange>,
    pub(super) progress: Arc<Progress>,
    pub(super) writer: String,
    /// Others commit under the same name.
    pub(super) shared: bool,
    pub(super) stopping: Arc<AtomicBool>,
    /// Wakes the workers, so that none holds on to an old directory.
    pub(super) wake: Box<dyn Fn() + Send>,
}

struct Duties {
    storage: Option<Box<dyn Storage>>,
    committer: Committer,
    cursor: Option<Cursor>,
    /// When the changes were last looked at, and everything was last loaded.
    looked: Option<Instant>,
    loaded: Option<Instant>,
    /// More is to be written than one transaction takes.
    more: bool,
    /// When the directory was last written to its file.
    saved: Option<Instant>,
    down_since: Option<Instant>,
    retry_at: Instant,
    pause: Duration,
}

impl Work {
    pub(super) fn run(mut self, first: &Sender<First>) {
        let now = Instant::now();
        let mut duties = Duties {
            storage: None,
            committer: Committer::default(),
            cursor: None,
            looked: None,
            loaded: None,
            more: false,
            saved: None,
            down_since: None,
            retry_at: now,
            pause: RETRY[0],
        };
        let mut first = Some(first);
        while !self.stopping.load(Ordering::Acquire) {
            if Instant::now() >= duties.retry_at {
                let result = self.turn(&mut duties);
                self.authority.storage_ends(result.is_err());
                if result.is_err() {
                    self.lookups.storage_is_away();
                }
                let ends_start = first.take().is_some_and(|first| report(first, &result));
                if !ends_start {
                    self.tell(&mut duties, result);
                }
            }
            self.save_directory(&mut duties, DIRECTORY_INTERVAL);
            self.published.retire();
            if !std::mem::take(&mut duties.more) {
                std::thread::park_timeout(TURN);
            }
        }
        self.lookups.storage_is_away();
        self.save_directory(&mut duties, Duration::ZERO);
    }

    fn turn(&mut self, duties: &mut Duties) -> Result<(), StorageError> {
        if duties.storage.is_none() {
            let mut storage = (self.open)(&self.config)?;
            let writable = storage.directory().is_some();
            self.authority.storage_is_open(writable);
            duties.storage = Some(storage);
        }
        let Some(mut storage) = duties.storage.take() else {
            return Ok(());
        };
        let result = self
            .flush(duties, &mut *storage)
            .and_then(|()| self.say_position(&mut *storage));
        // A batch that cannot be written does not keep the directory from being read.
        let read = self
            .write_pushes(duties, &mut *storage)
            .and_then(|()| self.read_changes(duties, &mut *storage))
            .and_then(|()| self.look_up(&mut *storage))
            .and_then(|()| self.lookups.answer(&mut *storage));
        duties.storage = Some(storage);
        result.and(read)
    }

    fn say_position(&self, storage: &mut dyn Storage) -> Result<(), StorageError> {
        if self.exchange.wants_position() {
            self.exchange.say_position(storage.position(&self.writer)?);
        }
        Ok(())
    }

    /// Writes what was pushed into the directory, where it can be written.
    fn write_pushes(
        &self,
        duties: &mut Duties,
        storage: &mut dyn Storage,
    ) -> Result<(), StorageError> {
        let Some(directory) = storage.directory() else {
            return Ok(());
        };
        let tickets = self.authority.to_write(PUSHES_A_TURN);
        if tickets.is_empty() {
            return Ok(());
        }
        duties.more = tickets.len() == PUSHES_A_TURN;
        let (tickets, edits): (Vec<_>, Vec<Edit>) = tickets.into_iter().unzip();
        let mut results = directory.edit(&edits)?;
        let mut changes = Vec::new();
        for (edit, result) in edits.iter().zip(&mut results) {
            match result {
                Ok(_) => {}
                // As it is to be.
                Err(EditError::NotFound) if edit.is_removal() => *result = Ok(Placed::default()),
                Err(_) => directory.stands(edit, &mut |change| changes.push(change))?,
            }
        }
        let answers = tickets.into_iter().zip(edits).zip(results);
        let answers = answers.map(|((ticket, edit), result)| (ticket, edit, result));
        self.authority.written(answers.collect(), changes);
        Ok(())
    }

    /// Commits the batch that is offered.
    fn flush(
        &mut self,
        duties: &mut Duties,
        storage: &mut dyn Storage,
    ) -> Result<(), StorageError> {
        let Some(batch) = self.exchange.offered() else {
            return Ok(());
        };
        let mut note = |note: Note<'_>| self.note(&batch, &note);
        let writer = &self.writer;
        match duties.committer.commit(storage, writer, &batch, &mut note) {
            Outcome::Committed => {
                self.exchange.committed(batch.to);
                storage.tidy();
                self.read_snatches(storage, &batch)
            }
            Outcome::Later(error) => Err(error),
            Outcome::Stuck(StorageError::Moved(_)) if self.shared => {
                self.exchange.refuse(batch.to);
                Ok(())
            }
            Outcome::Stuck(error) => Err(match error {
                StorageError::Moved(position) => StorageError::Fatal(format!(
                    "position {position} of {writer} is beyond {}: another tracker uses a copy of \
                     this journal, or the journal is older than the storage",
                    batch.to
                )),
                error => error,
            }),
        }
    }

    /// Reads again how often the torrents of a batch have been downloaded: what the tracker adds
    /// itself is no change of the web application's.
    fn read_snatches(&self, storage: &mut dyn Storage, batch: &Commit) -> Result<(), StorageError> {
        let registry = self.authority.registry();
        let finished = batch.torrents.iter().filter(|row| row.snatches > 0);
        let known = finished.filter_map(|row| registry.torrent_by_id(row.torrent));
        let info_hashes: Vec<_> = known.map(|(info_hash, _)| info_hash).collect();
        info_hashes
            .chunks(LOOKUPS_A_TURN)
            .try_for_each(|info_hashes| {
                let wanted = Wanted {
                    passkeys: Vec::new(),
                    info_hashes: info_hashes.to_vec(),
                };
                self.find(storage, &wanted)
            })
    }

    fn note(&self, batch: &Commit, note: &Note<'_>) {
        match note {
            Note::Rejected(row, values) => {
                let line = json!({
                    "table": row.table,
                    "message": row.message,
                    "row": values,
                    "from": batch.from,
                    "to": batch.to,
                });
                let path = self.config.journal.path.join(REJECTED_FILE);
                warn!(
                    "storage: a row of {:?} is refused: {}; it is kept in {}",
                    row.table,
                    row.message,
                    path.display()
                );
                if let Err(error) = files::append_line(&path, &line.to_string()) {
                    error!("storage: cannot write {}: {error}: {line}", path.display());
                }
            }
            Note::PutBack { found, expected } => warn!(
                "storage: it was put back to an earlier state (position {found} instead of \
                 {expected}); what was committed since is not there any more"
            ),
        }
    }

    /// Loads what has changed, or everything.
    fn read_changes(
        &mut self,
        duties: &mut Duties,
        storage: &mut dyn Storage,
    ) -> Result<(), StorageError> {
        let settings = &self.config.storage;
        let is_due = |last: Option<Instant>, interval: u32| {
            last.is_none_or(|last| last.elapsed() >= Duration::from_secs(interval.into()))
        };
        if !is_due(duties.looked, settings.changes_interval.0) {
            return Ok(());
        }
        let reload_is_due = is_due(duties.loaded, settings.reload_interval.0);
        if let Some(cursor) = duties.cursor.filter(|_| !self.authority.wants_load()) {
            let mark = self.authority.mark();
            let mut changes = Vec::new();
            match storage.load(Some(cursor), &mut |change| changes.push(change)) {
                Ok(cursor) => {
                    duties.cursor = Some(cursor);
                    duties.looked = Some(Instant::now());
                    self.authority.loaded(mark, changes);
                    return Ok(());
                }
                Err(StorageError::CursorGone) if !reload_is_due => {
                    duties.looked = Some(Instant::now());
                    return Ok(());
                }
                Err(StorageError::CursorGone) => {}
                Err(error) => return Err(error),
            }
        }
        self.load_all(duties, storage)
    }

    fn load_all(&self, duties: &mut Duties, storage: &mut dyn Storage) -> Result<(), StorageError> {
        let started = Instant::now();
        let mark = self.authority.mark();
        let mut loading = Loading::like(&self.authority.registry());
        let mut entries = 0;
        let cursor = storage.load(None, &mut |change: Change| {
            loading.take(change);
            entries += 1;
            if entries % PROGRESS_ENTRIES == 0 {
                info!("storage: {entries} users, torrents and others loaded so far");
            }
        })?;
        let next = loading.finish();
        let totals = next.totals();
        if duties.loaded.is_none() {
            info!(
                "storage: {} users, {} torrents, {} clients, {} tokens loaded in {:.1} s",
                totals.users,
                totals.torrents,
                totals.clients,
                totals.tokens,
                started.elapsed().as_secs_f32()
            );
        }
        duties.cursor = Some(cursor);
        duties.looked = Some(Instant::now());
        duties.loaded = duties.looked;
        self.authority.loaded_all(mark, next);
        (self.wake)();
        Ok(())
    }

    fn look_up(&self, storage: &mut dyn Storage) -> Result<(), StorageError> {
        let wanted = self.misses.take(LOOKUPS_A_TURN, self.clock.now());
        if wanted.is_empty() {
            return Ok(());
        }
        self.find(storage, &wanted)
    }

    fn find(&self, storage: &mut dyn Storage, wanted: &Wanted) -> Result<(), StorageError> {
        let mark = self.authority.mark();
        let mut changes = Vec::new();
        storage.find(wanted, &mut |change| changes.push(change))?;
        self.authority.loaded(mark, changes);
        Ok(())
    }

    /// Writes the directory to its file, with which the tracker can start while its storage is
    /// away.
    fn save_directory(&self, duties: &mut Duties, interval: Duration) {
        let is_early = duties.saved.is_some_and(|saved| saved.elapsed() < interval);
        if is_early {
            return;
        }
        let Some(registry) = self.authority.take_unsaved() else {
            return;
        };
        duties.saved = Some(Instant::now());
        let path = self.config.journal.path.join(DIRECTORY_FILE);
        let written = files::replace(&path, &mut |to| registry.save(to));
        if let Err(error) = written {
            error!("journal: cannot write {}: {error}", path.display());
        }
    }

    /// Tells the operator when the storage goes away, and when it is back.
    fn tell(&self, duties: &mut Duties, result: Result<(), StorageError>) {
        let now = Instant::now();
        match result {
            Ok(()) => {
                if let Some(since) = duties.down_since.take() {
                    self.progress.set_away(None);
                    info!("storage: back after {} s", (now - since).as_secs());
                }
                duties.pause = RETRY[0];
            }
            Err(error) => {
                if duties.down_since.is_none() {
                    error!("{error}; announces go on, totals are kept until it works again");
                    duties.down_since = Some(now);
                    self.progress.set_away(Some(wall_secs()));
                }
                duties.retry_at = now + duties.pause;
                duties.pause = (duties.pause * 2).min(RETRY[1]);
            }
        }
    }
}

/// Tells the start of the tracker how the first turn went; returns whether it ends by that, and
/// says so itself.
fn report(first: &Sender<First>, result: &Result<(), StorageError>) -> bool {
    // Nobody listens any more when it took too long.
    match result {
        Ok(()) => drop(first.send(First::Loaded)),
        Err(StorageError::Fatal(message)) => {
            let error = StorageError::Fatal(message.clone());
            return first.send(First::Failed(error)).is_ok();
        }
        Err(_) => drop(first.send(First::Away)),
    }
    false
}
