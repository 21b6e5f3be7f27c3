//! A map that is cloned in no time and changed by copying little.
//!
//! A trie over keyed hashes of 32 bits, highest bits first. A branch has eight ways; a leaf is a row
//! of at most [`LEAF_MAX`] entries without room to spare, sorted by hash: a guess by the hash is off
//! by a few entries only, so that a search touches little memory. Nodes are
//! counted references: a clone shares all of them, and a change copies those it passes that others
//! hold too, so that older clones stay as they are. An unshared map is changed in place.
//!
//! Few ways cost a level or two more, but a branch that is copied touches the counters of its
//! children, which are cold: eight of them are cheaper than thirty-two. A leaf is an eighth full on
//! average when it has just been split, and fuller at any other size, so what surrounds an entry
//! is one to seven bytes.

use super::secret::Secret;
use crate::sys;
use std::sync::Arc;

/// Bits of the hash that choose a way.
const BITS: u32 = 3;
/// Ways of a branch.
const WAYS: usize = 1 << BITS;
/// Branches above a leaf at most: then no bits are left, and a leaf grows instead.
const MAX_DEPTH: u32 = u32::BITS / BITS;
/// Entries of a leaf at most, while it can be split: two kilobytes, copied by every change.
const LEAF_MAX: usize = 64;
/// Leaves under one branch that hold so few together become one: half of the most, so that entries
/// that come and go do not split and join each time.
const JOIN_MAX: usize = LEAF_MAX / 2;

/// How far off a guess within a leaf is, more or less: that much to both sides of it is fetched.
const NEAR: usize = 2;

/// Keys that are looked up at once at most: as many announces as a socket gives at once.
pub const LOOKUPS: usize = 64;

/// What a map holds: a value with its key inside.
pub(super) trait Entry: Clone {
    /// What it is found by.
    type Key: Copy + PartialEq;

    fn key(&self) -> Self::Key;

    /// The hash of a key: the entry's place in the trie.
    fn place(key: &Self::Key, secret: &Secret) -> u32;
}

/// Entries by their key.
pub(super) struct Map<T> {
    root: Node<T>,
    len: usize,
}

enum Node<T> {
    Leaf(Arc<[T]>),
    Branch(Arc<[Node<T>; WAYS]>),
}

impl<T> Clone for Map<T> {
    fn clone(&self) -> Map<T> {
        Map {
            root: self.root.clone(),
            len: self.len,
        }
    }
}

impl<T> Clone for Node<T> {
    fn clone(&self) -> Node<T> {
        match self {
            Node::Leaf(entries) => Node::Leaf(Arc::clone(entries)),
            Node::Branch(children) => Node::Branch(Arc::clone(children)),
        }
    }
}

impl<T> Default for Map<T> {
    fn default() -> Map<T> {
        Map {
            root: Node::Leaf(Arc::new([])),
            len: 0,
        }
    }
}

/// A search that goes on with others.
struct Walk<'m, T> {
    place: u32,
    /// Where in the leaf the entry is, more or less.
    guessed: usize,
    node: &'m Node<T>,
}

impl<T> Clone for Walk<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Walk<'_, T> {}

impl<T: Entry> Map<T> {
    /// A map of all these, much faster than one by one; `None` where two have the same key.
    pub(super) fn of(entries: impl Iterator<Item = T>, secret: &Secret) -> Option<Map<T>> {
        let place = |entry: T| (T::place(&entry.key(), secret), entry);
        let mut placed: Vec<(u32, T)> = entries.map(place).collect();
        placed.sort_unstable_by_key(|(place, _)| *place);
        // Equal keys have equal places, so they stand together, among few others.
        let mut runs = placed.chunk_by(|(place, _), (next, _)| place == next);
        let twice = runs.any(|run| {
            run.iter().enumerate().any(|(at, (_, entry))| {
                let mut others = run.iter().skip(at + 1);
                others.any(|(_, other)| other.key() == entry.key())
            })
        });
        (!twice).then(|| Map {
            root: Node::of(&placed, 0),
            len: placed.len(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, key: &T::Key, secret: &Secret) -> Option<&T> {
        self.find(T::place(key, secret), |entry| entry.key() == *key)
    }

    /// The entry of which this is true, among those near a place.
    pub(super) fn find(&self, place: u32, is: impl Fn(&T) -> bool) -> Option<&T> {
        let mut node = &self.root;
        let mut depth = 0;
        loop {
            match node {
                Node::Branch(children) => node = &children[way(place, depth)],
                Node::Leaf(entries) => {
                    return entries.get(search(entries, guess(place, depth, entries), is)?);
                }
            }
            depth += 1;
        }
    }

    /// Looks up several keys at once, [`LOOKUPS`] at most, a level of the trie after the other: what
    /// is not in the processor's cache comes from memory for all of them together.
    pub(super) fn get_all<'m>(
        &'m self,
        keys: impl Iterator<Item = T::Key> + Clone,
        secret: &Secret,
        mut show: impl FnMut(Option<&'m T>),
    ) {
        let mut walks = [Walk {
            place: 0,
            guessed: 0,
            node: &self.root,
        }; LOOKUPS];
        let mut count = 0;
        for (walk, key) in walks.iter_mut().zip(keys.clone()) {
            walk.place = T::place(&key, secret);
            count += 1;
        }
        let walks = &mut walks[..count];
        for depth in 0..=MAX_DEPTH {
            let mut deeper = false;
            for walk in &mut *walks {
                if let Node::Branch(children) = walk.node {
                    walk.node = &children[way(walk.place, depth)];
                    deeper = true;
                    if let Node::Leaf(entries) = walk.node {
                        walk.guessed = guess(walk.place, depth + 1, entries);
                        for at in [
                            walk.guessed.wrapping_sub(NEAR),
                            walk.guessed,
                            walk.guessed + NEAR,
                        ] {
                            entries.get(at).map(sys::prefetch);
                        }
                    }
                }
            }
            if !deeper {
                break;
            }
        }
        for (walk, key) in walks.iter().zip(keys) {
            show(match walk.node {
                Node::Leaf(entries) => search(entries, walk.guessed, |entry| entry.key() == key)
                    .and_then(|at| entries.get(at)),
                Node::Branch(_) => None,
            });
        }
    }

    /// Puts an entry in; returns the one it replaces.
    pub(super) fn insert(&mut self, entry: T, secret: &Secret) -> Option<T> {
        let place = T::place(&entry.key(), secret);
        let replaced = self.root.insert(entry, place, 0, secret);
        self.len += usize::from(replaced.is_none());
        replaced
    }

    /// Takes an entry out. Nothing is copied when it is not there.
    pub(super) fn remove(&mut self, key: &T::Key, secret: &Secret) -> Option<T> {
        self.get(key, secret)?;
        let removed = self.root.remove(key, T::place(key, secret), 0);
        self.len -= usize::from(removed.is_some());
        removed
    }

    /// Shows every entry, by place, until one fails.
    pub(super) fn try_each<E>(&self, show: &mut dyn FnMut(&T) -> Result<(), E>) -> Result<(), E> {
        self.root.try_each(show)
    }
}

/// Where in a leaf so deep an entry stands, more or less: entries are sorted by place, and places
/// are spread evenly.
fn guess<T>(place: u32, depth: u32, entries: &[T]) -> usize {
    let below = place.checked_shl(BITS * depth).unwrap_or_default();
    ((u64::from(below) * entries.len() as u64) >> u32::BITS) as usize
}

/// Where an entry stands of which this is true: looked for from a guess on, to both sides.
fn search<T>(entries: &[T], guessed: usize, is: impl Fn(&T) -> bool) -> Option<usize> {
    for away in 0..entries.len() {
        let (below, above) = (guessed.wrapping_sub(away), guessed + away);
        if entries.get(above).is_some_and(&is) {
            return Some(above);
        }
        if entries.get(below).is_some_and(&is) {
            return Some(below);
        }
    }
    None
}

/// The way that a place takes at a branch so deep.
fn way(place: u32, depth: u32) -> usize {
    let shift = u32::BITS.saturating_sub(BITS * (depth + 1));
    (place >> shift) as usize % WAYS
}

impl<T: Entry> Node<T> {
    fn insert(&mut self, entry: T, place: u32, depth: u32, secret: &Secret) -> Option<T> {
        let entries = match self {
            Node::Branch(children) => {
                let child = &mut Arc::make_mut(children)[way(place, depth)];
                return child.insert(entry, place, depth + 1, secret);
            }
            Node::Leaf(entries) => entries,
        };
        let key = entry.key();
        let guessed = guess(place, depth, entries);
        if let Some(at) = search(entries, guessed, |entry| entry.key() == key) {
            let old = Arc::make_mut(entries).get_mut(at)?;
            return Some(std::mem::replace(old, entry));
        }
        let before = |other: &T| T::place(&other.key(), secret) < place;
        let (front, back) = entries.split_at(entries.partition_point(before));
        let all = front.iter().cloned().chain([entry]);
        let all = all.chain(back.iter().cloned());
        if entries.len() < LEAF_MAX || depth == MAX_DEPTH {
            *entries = all.collect();
            return None;
        }
        let placed: Vec<(u32, T)> = all
            .map(|entry| (T::place(&entry.key(), secret), entry))
            .collect();
        *self = Node::of(&placed, depth);
        None
    }

    /// A node that holds these entries, which are sorted by place and have it in common above.
    fn of(placed: &[(u32, T)], depth: u32) -> Node<T> {
        if placed.len() <= LEAF_MAX || depth == MAX_DEPTH {
            return Node::Leaf(placed.iter().map(|(_, entry)| entry.clone()).collect());
        }
        let mut rest = placed;
        let children = std::array::from_fn(|child| {
            let end = rest.partition_point(|(place, _)| way(*place, depth) <= child);
            let (part, others) = rest.split_at(end);
            rest = others;
            Node::of(part, depth + 1)
        });
        Node::Branch(Arc::new(children))
    }

    fn remove(&mut self, key: &T::Key, place: u32, depth: u32) -> Option<T> {
        match self {
            Node::Branch(children) => {
                let children = Arc::make_mut(children);
                let removed = children[way(place, depth)].remove(key, place, depth + 1);
                if let Some(joined) = joined(children) {
                    *self = joined;
                }
                removed
            }
            Node::Leaf(entries) => {
                let at = entries.iter().position(|entry| entry.key() == *key)?;
                let removed = entries.get(at).cloned();
                let (before, after) = (entries.iter().take(at), entries.iter().skip(at + 1));
                let left: Vec<T> = before.chain(after).cloned().collect();
                *entries = left.into();
                removed
            }
        }
    }

    fn try_each<E>(&self, show: &mut dyn FnMut(&T) -> Result<(), E>) -> Result<(), E> {
        match self {
            Node::Leaf(entries) => entries.iter().try_for_each(show),
            Node::Branch(children) => children.iter().try_for_each(|child| child.try_each(show)),
        }
    }
}

/// One leaf instead of these children, where they hold little.
fn joined<T: Clone>(children: &[Node<T>; WAYS]) -> Option<Node<T>> {
    let mut total = 0;
    for child in children {
        match child {
            Node::Leaf(entries) => total += entries.len(),
            Node::Branch(_) => return None,
        }
    }
    if total > JOIN_MAX {
        return None;
    }
    let mut all = Vec::with_capacity(total);
    for child in children {
        if let Node::Leaf(entries) = child {
            all.extend_from_slice(entries);
        }
    }
    Some(Node::Leaf(all.into()))
}

#[cfg(test)]
#[path = "map_tests.rs"]
mod tests;
