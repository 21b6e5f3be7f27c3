//! Where the newest registry stands for the workers.
//!
//! A worker holds the registry it has seen last and looks at a counter before it reads: one atomic
//! load while nothing has changed. Giving up the last reference to a registry of a million entries
//! takes long, so that is left to the one who publishes: old ones are kept until no worker has them.

use super::Registry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The newest registry, and older ones that workers may still hold.
#[derive(Debug)]
pub struct Published {
    /// Grows whenever `current` is replaced.
    generation: AtomicU64,
    current: Mutex<Arc<Registry>>,
    retired: Mutex<Vec<Arc<Registry>>>,
}

impl Published {
    /// The first one.
    pub fn new(registry: Registry) -> Arc<Published> {
        Arc::new(Published {
            generation: AtomicU64::new(0),
            current: Mutex::new(Arc::new(registry)),
            retired: Mutex::default(),
        })
    }

    /// Replaces the registry for everybody, and drops older ones that nobody has any more.
    ///
    /// For one thread, which clones [`Published::current`], changes the clone and publishes it; or
    /// keeps one of its own, and publishes clones of that.
    pub fn publish(&self, registry: Registry) {
        self.replace(registry, |_| true);
    }

    /// Does the same unless one that is loaded stands there already: for what is known from
    /// earlier, by any thread.
    pub fn publish_for_now(&self, registry: Registry) {
        self.replace(registry, |current| !current.is_loaded());
    }

    fn replace(&self, registry: Registry, may: impl Fn(&Registry) -> bool) {
        let newest = Arc::new(registry);
        let old = {
            let mut current = lock(&self.current);
            if !may(&current) {
                return;
            }
            let old = std::mem::replace(&mut *current, newest);
            // Under the lock, so that a reader takes a registry and its generation together.
            self.generation.fetch_add(1, Ordering::Release);
            old
        };
        lock(&self.retired).push(old);
        self.retire();
    }

    /// The newest registry: for those who ask now and then.
    pub fn current(&self) -> Arc<Registry> {
        Arc::clone(&lock(&self.current))
    }

    /// A worker's way to it.
    pub fn reader(self: &Arc<Published>) -> Reader {
        let (registry, generation) = self.newest();
        Reader {
            published: Arc::clone(self),
            generation,
            registry,
        }
    }

    /// Drops older registries that nobody has any more; returns how many are left. To be called
    /// now and then by the thread that publishes, as a worker gives up the one it has only when it
    /// looks at the next.
    pub fn retire(&self) -> usize {
        let mut retired = lock(&self.retired);
        // Nobody can get a retired one but those who have it: a count of one does not grow again.
        let unheld: Vec<_> = retired
            .extract_if(.., |registry| Arc::strong_count(registry) == 1)
            .collect();
        let left = retired.len();
        drop(retired);
        drop(unheld);
        left
    }

    fn newest(&self) -> (Arc<Registry>, u64) {
        let current = lock(&self.current);
        let generation = self.generation.load(Ordering::Acquire);
        (Arc::clone(&current), generation)
    }
}

/// One worker's way to the newest registry.
#[derive(Debug)]
pub struct Reader {
    published: Arc<Published>,
    generation: u64,
    registry: Arc<Registry>,
}

impl Reader {
    /// Takes the newest registry. To be called once a tick, idle ones included: until then the one
    /// of before stays in memory.
    pub fn refresh(&mut self) {
        if self.published.generation.load(Ordering::Acquire) != self.generation {
            // The old one is on the list of the retired: this is not its last reference.
            (self.registry, self.generation) = self.published.newest();
        }
    }

    /// The registry that was taken last.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What it guards is whole at every moment: a panic elsewhere does not spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(reader: &mut Reader) -> &Registry {
        reader.refresh();
        reader.registry()
    }
    use crate::model::TorrentId;
    use crate::storage::Change;

    fn registry(tokens: u64) -> Registry {
        let mut registry = Registry::new([0; 16]);
        for torrent in 0..tokens {
            registry.apply(Change::Token(crate::storage::Token {
                user: None,
                torrent: Some(TorrentId(torrent)),
                multipliers: Default::default(),
                until: None,
            }));
        }
        registry
    }

    #[test]
    fn readers_see_the_newest_and_the_publisher_drops_the_rest() {
        let published = Published::new(registry(0));
        let (mut busy, mut idle) = (published.reader(), published.reader());
        for generation in 1..=5 {
            published.publish(registry(generation));
            assert_eq!(newest(&mut busy).totals().tokens as u64, generation);
        }
        // The idle one holds the first; the others are gone but for the one published last of all.
        assert_eq!(published.retire(), 1);
        let first = Arc::downgrade(&idle.registry);
        assert_eq!(newest(&mut idle).totals().tokens, 5);
        assert!(first.upgrade().is_some(), "the reader does not drop it");
        assert_eq!(published.retire(), 0);
        assert!(first.upgrade().is_none());
        assert_eq!(published.current().totals().tokens, 5);
    }

    #[test]
    fn what_is_known_from_earlier_gives_way_to_what_is_loaded() {
        let of = |loaded: bool| {
            let mut registry = Registry::new([loaded.into(); 16]);
            if loaded {
                registry.set_loaded();
            }
            registry
        };
        let published = Published::new(of(false));
        published.publish_for_now(of(true));
        let restored = published.current();
        assert!(restored.is_loaded());
        published.publish_for_now(of(true));
        assert!(Arc::ptr_eq(&restored, &published.current()));
        published.publish(of(true));
        assert!(!Arc::ptr_eq(&restored, &published.current()));
    }

    #[test]
    fn a_registry_and_its_generation_belong_together() {
        let published = Published::new(registry(0));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let mut reader = published.reader();
                scope.spawn(move || {
                    let mut last = 0;
                    while last < 200 {
                        let tokens = newest(&mut reader).totals().tokens;
                        assert!(tokens >= last, "{tokens} after {last}");
                        last = tokens;
                    }
                });
            }
            let mut own = registry(0);
            for torrent in 0..200 {
                own.apply(Change::Token(crate::storage::Token {
                    user: None,
                    torrent: Some(TorrentId(torrent)),
                    multipliers: Default::default(),
                    until: None,
                }));
                published.publish(own.clone());
            }
        });
        assert_eq!(published.retire(), 0);
    }
}
