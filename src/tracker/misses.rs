//! Passkeys and info-hashes that workers have met and the registry does not know.
//!
//! The web application may have made them a moment ago, so the storage is asked. Strangers can make
//! up as many as they like, and must neither keep the storage busy nor keep the real ones from
//! being asked for:
//!
//! - Those that wait are bounded. Where there is no room, a new one takes the place of any other:
//!   whoever floods pushes out mostly his own, and nobody can keep the room occupied. Passkeys and
//!   info-hashes have a room each, as only users with a passkey can make up the latter.
//! - What was asked for is not asked for again for some seconds. That memory is bounded, too;
//!   pushed out of it, something is asked for once more, which does no harm.

use crate::model::{InfoHash, Passkey, Seconds};
use crate::storage::Wanted;
use fastrand::Rng;
use hashbrown::HashTable;
use siphasher::sip::SipHasher13;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Passkeys that wait at most, and info-hashes: some seconds' work of a storage, 64 KiB.
const WAITING_MOST: usize = 1024;
/// Seconds after which the same may be asked for again.
const RETRY_SECS: u32 = 10;
/// Of each kind, what is remembered to have been asked for: 512 KiB, once anything has.
const REMEMBERED: usize = 1 << 16;
/// Places where one hash may be remembered.
const WAYS: usize = 4;
const SETS: usize = REMEMBERED / WAYS;

/// What is not known, shared by the workers, who note it, and by the thread that asks for it.
pub struct Misses {
    key: [u8; 16],
    passkeys: Mutex<Room<Passkey>>,
    info_hashes: Mutex<Room<InfoHash>>,
}

impl std::fmt::Debug for Misses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Misses")
    }
}

impl Misses {
    /// None yet. Nobody must know the key: 16 random bytes.
    pub fn new(key: [u8; 16]) -> Misses {
        let seed = SipHasher13::new_with_key(&key).hash(b"seed");
        Misses {
            key,
            passkeys: Mutex::new(Room::new(seed)),
            info_hashes: Mutex::new(Room::new(!seed)),
        }
    }

    /// A passkey is not known.
    pub fn note_passkey(&self, passkey: &Passkey, now: Seconds) {
        let hash = self.hash(passkey.as_bytes());
        lock(&self.passkeys).note(*passkey, hash, now);
    }

    /// An info-hash is not known. To be noted for users with a passkey only.
    pub fn note_torrent(&self, info_hash: &InfoHash, now: Seconds) {
        let hash = self.hash(&info_hash.0);
        lock(&self.info_hashes).note(*info_hash, hash, now);
    }

    /// Takes out some, so many at most, to ask the storage for.
    pub fn take(&self, most: usize, now: Seconds) -> Wanted {
        // Half of them each, and more of one kind if there are fewer of the other.
        let kept = lock(&self.info_hashes).len().min(most / 2);
        let passkeys = lock(&self.passkeys).take(most - kept, now);
        let info_hashes = lock(&self.info_hashes).take(most - passkeys.len(), now);
        Wanted {
            passkeys,
            info_hashes,
        }
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        SipHasher13::new_with_key(&self.key).hash(bytes)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Those of one kind that wait, and what was asked for lately.
struct Room<T> {
    waiting: Vec<(u64, T)>,
    /// The hashes of those that wait.
    hashes: HashTable<u64>,
    asked: Asked,
    rng: Rng,
}

impl<T> Room<T> {
    fn new(seed: u64) -> Room<T> {
        Room {
            waiting: Vec::new(),
            hashes: HashTable::new(),
            asked: Asked::default(),
            rng: Rng::with_seed(seed),
        }
    }

    fn len(&self) -> usize {
        self.waiting.len()
    }

    fn note(&mut self, missed: T, hash: u64, now: Seconds) {
        let waits = self.hashes.find(hash, |other| *other == hash).is_some();
        if waits || self.asked.lately(hash, now) {
            return;
        }
        if self.waiting.len() >= WAITING_MOST {
            self.take_any();
        }
        self.waiting.push((hash, missed));
        self.hashes.insert_unique(hash, hash, |hash| *hash);
    }

    fn take_any(&mut self) -> Option<(u64, T)> {
        if self.waiting.is_empty() {
            return None;
        }
        let place = self.rng.usize(..self.waiting.len());
        let (hash, missed) = self.waiting.swap_remove(place);
        if let Ok(entry) = self.hashes.find_entry(hash, |other| *other == hash) {
            entry.remove();
        }
        Some((hash, missed))
    }

    fn take(&mut self, most: usize, now: Seconds) -> Vec<T> {
        let count = most.min(self.waiting.len());
        let mut taken = Vec::with_capacity(count);
        while taken.len() < count {
            let Some((hash, missed)) = self.take_any() else {
                break;
            };
            self.asked.remember(hash, now, &mut self.rng);
            taken.push(missed);
        }
        taken
    }
}

/// What was asked for, and when: sets of a few places each, chosen by the hash.
#[derive(Default)]
struct Asked {
    /// None until something is asked for.
    sets: Vec<[Question; WAYS]>,
}

#[derive(Clone, Copy, Default)]
struct Question {
    /// The upper half of the hash. One that is mistaken for another waits some seconds longer.
    mark: u32,
    /// The second from which it may be asked for again; 0: nothing is here.
    again_at: u32,
}

impl Asked {
    fn lately(&self, hash: u64, now: Seconds) -> bool {
        let mark = mark_of(hash);
        let set = self.sets.get(set_of(hash));
        set.is_some_and(|set| {
            let mut questions = set.iter();
            questions.any(|question| question.mark == mark && now.0 < question.again_at)
        })
    }

    /// Takes the place of one that is no longer needed, or else of any.
    fn remember(&mut self, hash: u64, now: Seconds, rng: &mut Rng) {
        if self.sets.is_empty() {
            self.sets = vec![Default::default(); SETS];
        }
        let Some(set) = self.sets.get_mut(set_of(hash)) else {
            return;
        };
        let free = set.iter().position(|question| question.again_at <= now.0);
        let place = free.unwrap_or_else(|| rng.usize(..WAYS));
        set[place % WAYS] = Question {
            mark: mark_of(hash),
            again_at: now.0.saturating_add(RETRY_SECS),
        };
    }
}

fn mark_of(hash: u64) -> u32 {
    (hash >> 32) as u32
}

fn set_of(hash: u64) -> usize {
    hash as usize % SETS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passkey(number: u32) -> Passkey {
        Passkey::new(&number.to_le_bytes()).expect("a passkey")
    }

    fn info_hash(number: u32) -> InfoHash {
        let mut info_hash = InfoHash([0; 20]);
        info_hash.0[..4].copy_from_slice(&number.to_le_bytes());
        info_hash
    }

    fn misses() -> Misses {
        Misses::new([4; 16])
    }

    #[test]
    fn are_asked_for_once_in_a_while() {
        let misses = misses();
        let noted_and_taken = |at| {
            for _ in 0..3 {
                misses.note_passkey(&passkey(1), Seconds(at));
                misses.note_torrent(&info_hash(1), Seconds(at));
            }
            let wanted = misses.take(100, Seconds(at));
            (wanted.passkeys.len(), wanted.info_hashes.len())
        };
        for (at, count) in [(100, 1), (100, 0), (109, 0), (110, 1), (115, 0), (900, 1)] {
            assert_eq!(noted_and_taken(at), (count, count), "at {at}");
        }
        assert!(misses.take(100, Seconds(901)).is_empty());
    }

    #[test]
    fn those_that_wait_are_not_noted_twice() {
        let misses = misses();
        for at in 0..100 {
            misses.note_passkey(&passkey(7), Seconds(at));
        }
        assert_eq!(misses.take(100, Seconds(100)).passkeys, [passkey(7)]);
    }

    #[test]
    fn both_kinds_have_their_turn() {
        for (passkeys, info_hashes, most, taken) in [
            (50, 50, 10, (5, 5)),
            (50, 2, 10, (8, 2)),
            (2, 50, 10, (2, 8)),
            (50, 0, 10, (10, 0)),
            (0, 50, 11, (0, 11)),
            (50, 50, 0, (0, 0)),
            (3, 4, usize::MAX, (3, 4)),
        ] {
            let misses = misses();
            (0..passkeys).for_each(|number| misses.note_passkey(&passkey(number), Seconds(1)));
            (0..info_hashes).for_each(|number| misses.note_torrent(&info_hash(number), Seconds(1)));
            let wanted = misses.take(most, Seconds(1));
            assert_eq!((wanted.passkeys.len(), wanted.info_hashes.len()), taken);
        }
    }

    #[test]
    fn a_flood_is_bounded_and_keeps_nobody_out_for_ever() {
        let misses = misses();
        let mut made_up = 1000..;
        let mut found = 0;
        for second in 0..200 {
            // Four times the room, and the real one somewhere among them.
            for number in made_up.by_ref().take(2 * WAITING_MOST) {
                misses.note_passkey(&passkey(number), Seconds(second));
            }
            misses.note_passkey(&passkey(7), Seconds(second));
            for number in made_up.by_ref().take(2 * WAITING_MOST) {
                misses.note_passkey(&passkey(number), Seconds(second));
            }
            let room = lock(&misses.passkeys);
            assert_eq!(
                (room.waiting.len(), room.hashes.len()),
                (WAITING_MOST, WAITING_MOST)
            );
            drop(room);
            let wanted = misses.take(WAITING_MOST / 4, Seconds(second));
            found += usize::from(wanted.passkeys.contains(&passkey(7)));
        }
        // It stays for two rooms' worth of others in about an eighth of the seconds, and is then
        // taken one time in four, at most every ten seconds.
        assert!((1..=20).contains(&found), "{found} times");
        assert!(lock(&misses.passkeys).asked.sets.len() <= SETS);
    }

    #[test]
    fn a_flood_does_not_clear_what_is_remembered_at_once() {
        let misses = misses();
        misses.note_passkey(&passkey(7), Seconds(100));
        assert_eq!(misses.take(1, Seconds(100)).passkeys.len(), 1);
        for number in 1000..1000 + REMEMBERED as u32 / 4 {
            misses.note_passkey(&passkey(number), Seconds(101));
            misses.take(1, Seconds(101));
        }
        misses.note_passkey(&passkey(7), Seconds(102));
        assert!(misses.take(1, Seconds(102)).is_empty());
    }

    #[test]
    fn shows_nothing() {
        let misses = misses();
        misses.note_passkey(&Passkey::new(b"secret").expect("one"), Seconds(1));
        assert_eq!(format!("{misses:?}"), "Misses");
    }
}
