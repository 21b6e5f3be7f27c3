//! A site whose storage hangs, is away, or cannot be written by the tracker, as a test wants it.

use crate::common::{Tracker, eventually};
use crate::site::Site;
use chihaya::Drivers;
use chihaya::storage::{
    Change, Commit, Cursor, Directory, Edit, EditError, Entry, Listing, Placed, Sqlite, Storage,
    StorageError, Wanted,
};
use std::sync::{Arc, Condvar, Mutex};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// As good as any.
    Open,
    /// Every call fails at once.
    Away,
    /// No call returns.
    Hangs,
    /// A load has read all there is, and shows it when this is over.
    HangsInLoads,
}

#[derive(Clone)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

struct State {
    way: Way,
    /// Loads of everything and of changes that have read.
    loads: usize,
    /// One of them hangs.
    hanging: bool,
}

impl Gate {
    pub fn new(way: Way) -> Gate {
        let state = State {
            way,
            loads: 0,
            hanging: false,
        };
        Gate(Arc::new((Mutex::new(state), Condvar::new())))
    }

    pub fn set(&self, way: Way) {
        self.0.0.lock().expect("a state").way = way;
        self.0.1.notify_all();
    }

    /// Waits until one more load has read what is there.
    pub fn wait_for_load(&self) {
        let before = self.loads();
        eventually("a load", || {
            std::thread::sleep(std::time::Duration::from_millis(5));
            self.loads() > before
        });
    }

    /// Waits until a load that has read hangs.
    pub fn wait_for_load_to_hang(&self) {
        eventually("a load hangs", || {
            std::thread::sleep(std::time::Duration::from_millis(5));
            self.0.0.lock().expect("a state").hanging
        });
    }

    fn loads(&self) -> usize {
        self.0.0.lock().expect("a state").loads
    }

    fn pass(&self) -> Result<(), StorageError> {
        let state = self.0.0.lock().expect("a state");
        let hangs = |state: &mut State| state.way == Way::Hangs;
        let state = self.0.1.wait_while(state, hangs).expect("a state");
        match state.way {
            Way::Away => Err(StorageError::Retry("away, as planned".to_owned())),
            _ => Ok(()),
        }
    }

    fn pass_load(&self) {
        let mut state = self.0.0.lock().expect("a state");
        state.loads += 1;
        state.hanging = state.way == Way::HangsInLoads;
        let hangs = |state: &mut State| state.way == Way::HangsInLoads;
        let mut state = self.0.1.wait_while(state, hangs).expect("a state");
        state.hanging = false;
    }

    /// Starts a tracker of a site behind this gate; `writable` tells whether it may write the
    /// directory.
    pub fn start(&self, site: &Site, writable: bool) -> Tracker {
        let gate = self.clone();
        let drivers = Drivers::builtin().with_storage("sqlite", move |config| {
            gate.pass()?;
            Ok(Box::new(Gated {
                inner: Sqlite::open(&config.storage.path)?,
                gate: gate.clone(),
                writable,
            }))
        });
        Tracker::start_with(&site.settings(), &drivers)
    }
}

struct Gated {
    inner: Sqlite,
    gate: Gate,
    writable: bool,
}

impl Storage for Gated {
    fn load(
        &mut self,
        since: Option<Cursor>,
        to: &mut dyn FnMut(Change),
    ) -> Result<Cursor, StorageError> {
        self.gate.pass()?;
        let mut changes = Vec::new();
        let cursor = self.inner.load(since, &mut |change| changes.push(change))?;
        self.gate.pass_load();
        changes.into_iter().for_each(to);
        Ok(cursor)
    }

    fn find(&mut self, wanted: &Wanted, to: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        self.gate.pass()?;
        self.inner.find(wanted, to)
    }

    fn position(&mut self, writer: &str) -> Result<u64, StorageError> {
        self.gate.pass()?;
        self.inner.position(writer)
    }

    fn commit(&mut self, writer: &str, batch: &Commit) -> Result<(), StorageError> {
        self.gate.pass()?;
        self.inner.commit(writer, batch)
    }

    fn directory(&mut self) -> Option<&mut dyn Directory> {
        self.writable.then_some(self)
    }
}

impl Directory for Gated {
    fn edit(&mut self, edits: &[Edit]) -> Result<Vec<Result<Placed, EditError>>, StorageError> {
        self.gate.pass()?;
        self.inner.edit(edits)
    }

    fn stands(&mut self, edit: &Edit, to: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        self.gate.pass()?;
        self.inner.stands(edit, to)
    }

    fn list(
        &mut self,
        listing: &Listing,
        most: usize,
        to: &mut dyn FnMut(Entry),
    ) -> Result<(), StorageError> {
        self.gate.pass()?;
        self.inner.list(listing, most, to)
    }
}
