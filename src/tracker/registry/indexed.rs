//! Entries with two keys: what clients call them, and the web application's number.

use super::map::{Entry, Map};
use super::secret::Secret;

/// An entry that has a number of its own, too.
pub(super) trait Numbered: Entry + PartialEq {
    fn number(&self) -> u64;
}

/// Where the entry with a number is: twelve bytes, not the whole of its other key.
#[derive(Clone, Copy)]
struct ByNumber {
    number: [u8; 8],
    place: [u8; 4],
}

impl ByNumber {
    fn of<T: Numbered>(entry: &T, secret: &Secret) -> ByNumber {
        ByNumber {
            number: entry.number().to_le_bytes(),
            place: T::place(&entry.key(), secret).to_le_bytes(),
        }
    }
}

impl Entry for ByNumber {
    type Key = [u8; 8];

    fn key(&self) -> [u8; 8] {
        self.number
    }

    fn place(key: &[u8; 8], secret: &Secret) -> u32 {
        secret.place(key)
    }
}

/// Entries by their key and by their number: one a key, and one a number.
pub(super) struct Indexed<T> {
    entries: Map<T>,
    numbers: Map<ByNumber>,
}

impl<T> Clone for Indexed<T> {
    fn clone(&self) -> Indexed<T> {
        Indexed {
            entries: self.entries.clone(),
            numbers: self.numbers.clone(),
        }
    }
}

impl<T> Default for Indexed<T> {
    fn default() -> Indexed<T> {
        Indexed {
            entries: Map::default(),
            numbers: Map::default(),
        }
    }
}

impl<T: Numbered> Indexed<T> {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, key: &T::Key, secret: &Secret) -> Option<&T> {
        self.entries.get(key, secret)
    }

    /// See [`Map::get_all`].
    pub(super) fn get_all<'m>(
        &'m self,
        keys: impl Iterator<Item = T::Key> + Clone,
        secret: &Secret,
        show: impl FnMut(Option<&'m T>),
    ) {
        self.entries.get_all(keys, secret, show);
    }

    pub(super) fn get_by_number(&self, number: u64, secret: &Secret) -> Option<&T> {
        let found = self.numbers.get(&number.to_le_bytes(), secret)?;
        let place = u32::from_le_bytes(found.place);
        self.entries.find(place, |entry| entry.number() == number)
    }

    /// All these, much faster than one by one; `None` where two have a key or a number in common.
    pub(super) fn of(entries: &[T], secret: &Secret) -> Option<Indexed<T>> {
        let numbers = entries.iter().map(|entry| ByNumber::of(entry, secret));
        let numbers = Map::of(numbers, secret)?;
        let entries = Map::of(entries.iter().cloned(), secret)?;
        Some(Indexed { entries, numbers })
    }

    /// Puts an entry in, in place of the one with its number and the one with its key. Returns the
    /// latter where it had another number: that number is known no more.
    pub(super) fn insert(&mut self, entry: T, secret: &Secret) -> Option<T> {
        let (key, number) = (entry.key(), entry.number());
        if let Some(old) = self.entries.get(&key, secret)
            && old.number() == number
        {
            // Only what is known of it has changed, which is the usual case.
            self.entries.insert(entry, secret);
            return None;
        }
        if let Some(old) = self.get_by_number(number, secret) {
            let old_key = old.key();
            self.entries.remove(&old_key, secret);
        }
        self.numbers.insert(ByNumber::of(&entry, secret), secret);
        let displaced = self.entries.insert(entry, secret);
        if let Some(displaced) = &displaced {
            let number = displaced.number().to_le_bytes();
            self.numbers.remove(&number, secret);
        }
        displaced
    }

    pub(super) fn remove(&mut self, number: u64, secret: &Secret) -> Option<T> {
        let key = self.get_by_number(number, secret)?.key();
        self.numbers.remove(&number.to_le_bytes(), secret);
        self.entries.remove(&key, secret)
    }

    /// Shows every entry until one fails.
    pub(super) fn try_each<E>(&self, show: &mut dyn FnMut(&T) -> Result<(), E>) -> Result<(), E> {
        self.entries.try_each(show)
    }
}
