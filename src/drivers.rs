//! Drivers by name, as the configuration chooses them.

use crate::cache::{CacheError, Driver, Memory, MemorySettings};
use crate::config::Config;
use crate::server::StartError;

/// Opens a cache driver: the configuration, the number of workers, a secret key.
type OpenCache = dyn Fn(&Config, usize, [u8; 8]) -> Result<Box<dyn Driver>, CacheError>;

/// The drivers a configuration can name.
pub struct Drivers {
    caches: Vec<(String, Box<OpenCache>)>,
}

impl Drivers {
    /// Those that come with the tracker: the cache `memory`.
    pub fn builtin() -> Drivers {
        Drivers { caches: Vec::new() }.with_cache("memory", |config, workers, key| {
            Ok(Box::new(Memory::new(&MemorySettings {
                workers,
                peer_lifetime_secs: config.announce.peer_lifetime.0,
                counts_lifetime_secs: config.cache.downloaded_lifetime.0,
                max_torrents: config.limits.torrents,
                max_peers: config.limits.peers,
                peer_ids: config.announce.peer_ids,
                seed: u64::from_le_bytes(key),
            })))
        })
    }

    /// Adds a cache driver, or replaces the one of that name. `open` gets the configuration, the
    /// number of workers, and a key for hashes that strangers must not guess.
    pub fn with_cache(
        mut self,
        name: &str,
        open: impl Fn(&Config, usize, [u8; 8]) -> Result<Box<dyn Driver>, CacheError> + 'static,
    ) -> Drivers {
        self.caches.retain(|(known, _)| known != name);
        self.caches.push((name.to_owned(), Box::new(open)));
        self
    }

    pub(crate) fn open_cache(
        &self,
        config: &Config,
        workers: usize,
        key: [u8; 8],
    ) -> Result<Box<dyn Driver>, StartError> {
        let name = &config.cache.driver;
        let Some((_, open)) = self.caches.iter().find(|(known, _)| known == name) else {
            let known = self.caches.iter().map(|(known, _)| known.clone()).collect();
            return Err(StartError::UnknownCacheDriver {
                name: name.clone(),
                known,
            });
        };
        open(config, workers, key).map_err(StartError::Cache)
    }
}
