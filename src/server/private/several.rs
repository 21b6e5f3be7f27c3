//! Whether this process is a tracker by itself, or one of several that are one.

use super::exchange::Exchange;
use super::ledger::CHECKPOINT_FILE;
use super::role::{Alone, Role};
use crate::account::books::Books;
use crate::account::journal::Journal;
use crate::config::Config;
use crate::server::StartError;
#[cfg(feature = "redis")]
use crate::server::redis::SharedJournal;
use std::io;
use std::sync::Arc;

/// The copy of the log that is shared, in the folder of the journal.
const COPY_FOLDER: &str = "shared";

/// Whether it is one of several.
pub(super) fn is_one(config: &Config) -> bool {
    cfg!(feature = "redis") && config.cache.driver == "redis"
}

/// Under which name batches are committed.
pub(super) fn writer(config: &Config, journal: &Journal) -> String {
    match is_one(config) {
        true => format!("redis:{}", config.redis.key),
        false => journal.writer().to_owned(),
    }
}

/// What the books follow: the journal, or beside it the copy of a log that is shared.
pub(super) fn followed(
    config: &Config,
    journal: &Arc<Journal>,
    random: u128,
) -> io::Result<Arc<Journal>> {
    let folder = journal.folder().join(COPY_FOLDER);
    if is_one(config) {
        if journal.folder().join(CHECKPOINT_FILE).exists() {
            return Err(io::Error::other(
                "it holds the books of a tracker by itself: processes that share one begin with a \
                 folder that is empty",
            ));
        }
        let copy = Journal::open(&folder, config.journal.max.0.into(), random)?;
        return Ok(Arc::new(copy));
    }
    if folder.exists() {
        return Err(io::Error::other(
            "it belongs to one of several processes (cache.driver redis): a tracker by itself \
             begins with a folder that is empty",
        ));
    }
    Ok(Arc::clone(journal))
}

/// Tells names and values of what whoever watches should know of the log that is shared.
pub(in crate::server) type Gauges = Box<dyn Fn(&mut dyn FnMut(&'static str, u64)) + Send>;

/// The threads by which it is one of several, if it is.
pub(super) struct Several {
    #[cfg(feature = "redis")]
    shared: Option<SharedJournal>,
}

impl Several {
    /// Prepares them; returns what part this process has in keeping the books, too.
    #[cfg(feature = "redis")]
    pub(super) fn prepare(
        config: &Config,
        journals: [&Arc<Journal>; 2],
        books: &Books,
        exchange: &Arc<Exchange>,
    ) -> Result<(Several, Box<dyn Role>), StartError> {
        if !is_one(config) {
            return Ok((Several { shared: None }, Box::new(Alone::default())));
        }
        let shared = SharedJournal::new(config, journals, books, exchange);
        let shared = shared.map_err(StartError::Cache)?;
        let role = shared.role();
        let shared = Some(shared);
        Ok((Several { shared }, role))
    }

    #[cfg(not(feature = "redis"))]
    pub(super) fn prepare(
        _: &Config,
        _: [&Arc<Journal>; 2],
        _: &Books,
        _: &Arc<Exchange>,
    ) -> Result<(Several, Box<dyn Role>), StartError> {
        Ok((Several {}, Box::new(Alone::default())))
    }

    /// Starts them.
    pub(super) fn start(&mut self) -> Result<(), StartError> {
        #[cfg(feature = "redis")]
        if let Some(shared) = &mut self.shared {
            shared.start().map_err(StartError::Cache)?;
        }
        Ok(())
    }

    /// What is told of the log, if there is one.
    pub(super) fn gauges(&self) -> Gauges {
        #[cfg(feature = "redis")]
        if let Some(shared) = &self.shared {
            return shared.gauges();
        }
        Box::new(|_| {})
    }

    /// Waits a little until others know what was accepted.
    pub(super) fn drain(&self) {
        #[cfg(feature = "redis")]
        if let Some(shared) = &self.shared {
            shared.drain();
        }
    }

    /// Ends them.
    pub(super) fn stop(self) {
        #[cfg(feature = "redis")]
        if let Some(shared) = self.shared {
            shared.stop();
        }
    }
}
