//! Where the newest registry stands for the workers.
//!
//! A worker holds the registry it has seen last and looks at a counter before it reads: one atomic
//! load while nothing has changed. Giving up the last reference to a registry of a million entries
//! takes long, so that is left to the one who publishes: old ones are kept until no worker has them.
//!
//! Who must know when a change is in effect asks [`Published::is_in_effect`]. Each worker tells with
//! two stores a tick: that it goes by some registry from here on, and that it goes by none, because
//! it is about to sleep. One that sleeps need not be woken: whatever it does next, it does by the
//! newest registry.

use super::Registry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// What a reader goes by that goes by none.
const RESTING: u64 = u64::MAX;

/// The newest registry, and older ones that workers may still hold.
#[derive(Debug)]
pub struct Published {
    /// Grows whenever `current` is replaced.
    generation: AtomicU64,
    current: Mutex<Arc<Registry>>,
    retired: Mutex<Vec<Arc<Registry>>>,
    readers: Mutex<Vec<Weak<Going>>>,
}

/// The generation that a reader goes by, on a line of the processor's cache of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Going(AtomicU64);

impl Published {
    /// The first one.
    pub fn new(registry: Registry) -> Arc<Published> {
        Arc::new(Published {
            generation: AtomicU64::new(0),
            current: Mutex::new(Arc::new(registry)),
            retired: Mutex::default(),
            readers: Mutex::default(),
        })
    }

    /// Replaces the registry for everybody, and drops older ones that nobody has any more. Returns
    /// its generation, for [`Published::is_in_effect`].
    ///
    /// For one thread at a time, which clones [`Published::current`], changes the clone and
    /// publishes it; or keeps one of its own, and publishes clones of that.
    pub fn publish(&self, registry: Registry) -> u64 {
        let newest = Arc::new(registry);
        let (old, generation) = {
            let mut current = lock(&self.current);
            let old = std::mem::replace(&mut *current, newest);
            // Under the lock, so that a reader takes a registry and its generation together.
            (old, self.generation.fetch_add(1, Ordering::SeqCst) + 1)
        };
        lock(&self.retired).push(old);
        self.retire();
        generation
    }

    /// The generation of the newest registry.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Whether no reader goes by a registry that is older than this generation.
    pub fn is_in_effect(&self, generation: u64) -> bool {
        let mut in_effect = true;
        lock(&self.readers).retain(|reader| {
            let Some(reader) = reader.upgrade() else {
                return false;
            };
            // Either this sees that the reader has begun, or the reader sees the generation that
            // was published before: both store first and load then, in one order of all of them.
            in_effect &= reader.0.load(Ordering::SeqCst) >= generation;
            true
        });
        in_effect
    }

    /// The newest registry: for those who ask now and then.
    pub fn current(&self) -> Arc<Registry> {
        Arc::clone(&lock(&self.current))
    }

    /// A worker's way to it.
    pub fn reader(self: &Arc<Published>) -> Reader {
        let (registry, generation) = self.newest();
        let going = Arc::new(Going(AtomicU64::new(RESTING)));
        lock(&self.readers).push(Arc::downgrade(&going));
        Reader {
            published: Arc::clone(self),
            generation,
            registry,
            going,
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
    going: Arc<Going>,
}

impl Reader {
    /// Takes the newest registry, and goes by it until it rests. To be called once a tick, idle
    /// ones included: until then the one of before stays in memory.
    pub fn refresh(&mut self) {
        self.going.0.store(self.generation, Ordering::SeqCst);
        if self.published.generation.load(Ordering::SeqCst) != self.generation {
            // The old one is on the list of the retired: this is not its last reference.
            (self.registry, self.generation) = self.published.newest();
            self.going.0.store(self.generation, Ordering::Release);
        }
    }

    /// Says that nothing is done by the registry any more until it is refreshed.
    pub fn rest(&self) {
        self.going.0.store(RESTING, Ordering::Release);
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
    fn who_rests_is_not_waited_for() {
        let published = Published::new(registry(0));
        let mut reader = published.reader();
        let first = published.publish(registry(1));
        assert!(published.is_in_effect(first), "it has not begun");
        reader.refresh();
        let second = published.publish(registry(2));
        assert!(published.is_in_effect(first));
        assert!(!published.is_in_effect(second), "it goes by the first");
        reader.rest();
        assert!(published.is_in_effect(second), "it goes by none");
        reader.refresh();
        assert!(published.is_in_effect(second), "it goes by the newest");
        published.publish(registry(3));
        reader.refresh();
        let fourth = published.publish(registry(4));
        assert!(!published.is_in_effect(fourth));
        drop(reader);
        assert!(published.is_in_effect(fourth), "it is gone");
    }

    #[test]
    fn nobody_goes_by_what_is_no_longer_in_effect() {
        const LAST: u64 = 2000;
        let published = Published::new(registry(0));
        // What every reader has been seen to go by at least.
        let in_effect = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let (mut reader, in_effect) = (published.reader(), &in_effect);
                scope.spawn(move || {
                    let mut tokens = 0;
                    while tokens < LAST {
                        tokens = newest(&mut reader).totals().tokens as u64;
                        for _ in 0..4 {
                            let floor = in_effect.load(Ordering::SeqCst);
                            assert!(tokens >= floor, "{tokens} though {floor} is in effect");
                        }
                        reader.rest();
                    }
                });
            }
            let mut own = registry(0);
            for torrent in 0..LAST {
                own.apply(Change::Token(crate::storage::Token {
                    user: None,
                    torrent: Some(TorrentId(torrent)),
                    multipliers: Default::default(),
                    until: None,
                }));
                let generation = published.publish(own.clone());
                while !published.is_in_effect(generation) {
                    std::hint::spin_loop();
                }
                in_effect.store(torrent + 1, Ordering::SeqCst);
            }
        });
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
