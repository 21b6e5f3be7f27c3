//! Writes copies of the books beside the log now and then, while this process leads.

use super::{Common, Order, bases, lock};
use crate::server::private::CHECKPOINT_FILE;
use crate::server::redis::link::Link;
use crate::server::redis::state::Told;
use log::debug;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often it looks whether it is to write one.
const LOOK: Duration = Duration::from_millis(200);

pub(super) struct Saver {
    common: Arc<Common>,
    link: Link,
    /// Never the same twice, nor that of another process.
    next_id: u64,
}

impl Saver {
    pub(super) fn new(common: Arc<Common>, token: u64) -> Saver {
        Saver {
            common,
            link: Link::new(),
            next_id: token.wrapping_add(1),
        }
    }

    pub(super) fn run(mut self) {
        let common = Arc::clone(&self.common);
        let what = format!("write the books beside {}", common.pointer_key());
        let mut told = Told::new(what, "the log grows meanwhile", &common.watch.failing);
        let mut last = Instant::now();
        while !common.stopping() {
            std::thread::park_timeout(LOOK);
            let leads = common.leads() && common.proven.load(Ordering::Acquire);
            if !leads {
                told.is_left();
            }
            if !leads || last.elapsed() < common.copy_interval {
                continue;
            }
            last = Instant::now();
            match self.save() {
                Ok(()) => told.works(String::new),
                Err(error) => told.fails(&error),
            }
        }
    }

    fn save(&mut self) -> Result<(), String> {
        let started = Instant::now();
        let common = Arc::clone(&self.common);
        let ordering = lock(&common.ordering);
        let written = common.order(Order::Write, &mut || common.leads())?;
        let path = common.copy.folder().join(CHECKPOINT_FILE);
        // From here on it is this file, whatever becomes of its name.
        let mut file = File::open(path).map_err(|error| error.to_string())?;
        drop(ordering);
        self.next_id = self.next_id.wrapping_add(1);
        bases::put(&common, &mut self.link, &written, self.next_id, &mut file)?;
        debug!(
            "cache: redis: a copy of the books in {:.1} s",
            started.elapsed().as_secs_f32()
        );
        Ok(())
    }
}
