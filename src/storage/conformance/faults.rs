//! Drivers that fail, and how nothing is lost or counted twice by them.

use super::{Suite, batch, history_delta, position, user_delta};
use crate::storage::{
    Change, Commit, Cursor, Directory, HistoryDelta, Storage, StorageError, UserDelta, Wanted,
};
use fastrand::Rng;

/// Batches written by way of a failing driver.
const BATCHES: u64 = 300;
/// Of a hundred calls, how many fail.
const PERCENT: u32 = 30;
/// Tries after which a batch counts as one that will never be taken.
const TRIES: u32 = 1_000;
/// The dice are loaded the same way in each run.
const SEED: u64 = 0x5eed;

/// A driver that fails now and then, before it has done anything.
pub struct Faulty {
    inner: Box<dyn Storage>,
    percent: u32,
    dice: Rng,
}

impl Faulty {
    /// Fails so many of a hundred calls to `inner`.
    pub fn new(inner: Box<dyn Storage>, percent: u32, seed: u64) -> Faulty {
        let dice = Rng::with_seed(seed);
        Faulty {
            inner,
            percent,
            dice,
        }
    }

    fn fail(&mut self) -> Result<(), StorageError> {
        match self.dice.u32(0..100) < self.percent {
            true => Err(StorageError::Retry("a fault, as planned".to_owned())),
            false => Ok(()),
        }
    }
}

impl Storage for Faulty {
    fn load(
        &mut self,
        since: Option<Cursor>,
        to: &mut dyn FnMut(Change),
    ) -> Result<Cursor, StorageError> {
        self.fail()?;
        self.inner.load(since, to)
    }

    fn find(&mut self, wanted: &Wanted, to: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        self.fail()?;
        self.inner.find(wanted, to)
    }

    fn position(&mut self, writer: &str) -> Result<u64, StorageError> {
        self.fail()?;
        self.inner.position(writer)
    }

    fn commit(&mut self, writer: &str, batch: &Commit) -> Result<(), StorageError> {
        self.fail()?;
        self.inner.commit(writer, batch)
    }

    fn tidy(&mut self) {
        self.inner.tidy();
    }

    fn directory(&mut self) -> Option<&mut dyn Directory> {
        self.inner.directory()
    }
}

/// A driver that makes a commit and then loses the answer now and then, as a connection that
/// breaks does.
pub struct LostAnswer {
    inner: Box<dyn Storage>,
    percent: u32,
    dice: Rng,
}

impl LostAnswer {
    /// Loses the answers of so many of a hundred commits of `inner`.
    pub fn new(inner: Box<dyn Storage>, percent: u32, seed: u64) -> LostAnswer {
        let dice = Rng::with_seed(seed);
        LostAnswer {
            inner,
            percent,
            dice,
        }
    }
}

impl Storage for LostAnswer {
    fn load(
        &mut self,
        since: Option<Cursor>,
        to: &mut dyn FnMut(Change),
    ) -> Result<Cursor, StorageError> {
        self.inner.load(since, to)
    }

    fn find(&mut self, wanted: &Wanted, to: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        self.inner.find(wanted, to)
    }

    fn position(&mut self, writer: &str) -> Result<u64, StorageError> {
        self.inner.position(writer)
    }

    fn commit(&mut self, writer: &str, batch: &Commit) -> Result<(), StorageError> {
        let answer = self.inner.commit(writer, batch);
        match self.dice.u32(0..100) < self.percent {
            true => Err(StorageError::Retry(
                "the answer is lost, as planned".to_owned(),
            )),
            false => answer,
        }
    }

    fn tidy(&mut self) {
        self.inner.tidy();
    }

    fn directory(&mut self) -> Option<&mut dyn Directory> {
        self.inner.directory()
    }
}

/// Writes a batch exactly once, however often the driver fails or loses its answer, within a
/// number of tries. The batch must move the position: that tells whether it was written.
///
/// # Panics
///
/// When `batch.from` is `batch.to`.
pub fn commit_surely(
    storage: &mut dyn Storage,
    writer: &str,
    batch: &Commit,
    tries: u32,
) -> Result<(), StorageError> {
    assert!(
        batch.from != batch.to,
        "a batch that does not move the position"
    );
    let mut last = StorageError::Retry("not tried".to_owned());
    for _ in 0..tries {
        match storage.commit(writer, batch) {
            Err(err @ StorageError::Retry(_)) => last = err,
            // A try before was taken, and its answer was lost.
            Err(StorageError::Moved(position)) if position == batch.to => return Ok(()),
            answer => return answer,
        }
        match storage.position(writer) {
            Ok(position) if position == batch.to => return Ok(()),
            Ok(position) if position != batch.from => return Err(StorageError::Moved(position)),
            Ok(_) | Err(StorageError::Retry(_)) => {}
            Err(err) => return Err(err),
        }
    }
    Err(last)
}

const USERS: &[u64] = &[4_001, 4_002, 4_003];
const TORRENTS: &[u64] = &[4_001, 4_002];

/// Hundreds of batches by way of a driver that fails both ways: the sums are exact.
pub(super) fn check(suite: &mut Suite<'_>) {
    let what = "a driver that fails";
    let registered = suite.register(USERS, TORRENTS);
    let mut dice = Rng::with_seed(SEED);
    let mut storage = failing(suite, &mut dice);
    let mut users: Vec<UserDelta> = USERS.iter().map(|user| user_delta(*user, 0)).collect();
    let mut history: Vec<HistoryDelta> = Vec::new();
    for step in 0..BATCHES {
        let mut next = batch(step * 10, step * 10 + 10);
        if registered {
            (next.users, next.history) = random_rows(&mut dice);
            add(&mut users, &mut history, &next);
        }
        let done = commit_surely(&mut *storage, "faults", &next, TRIES);
        assert!(done.is_ok(), "{what}: batch {step}: {done:?}");
        // Now and then the tracker is started anew.
        if suite.site.lasts() && dice.u32(0..20) == 0 {
            drop(storage);
            storage = failing(suite, &mut dice);
        }
    }
    drop(storage);
    if suite.site.lasts() {
        let at = position(what, &mut *suite.site.open(), "faults");
        assert_eq!(at, BATCHES * 10, "{what}: position");
    }
    if registered {
        users
            .into_iter()
            .for_each(|row| suite.expect_user(what, row));
        history
            .into_iter()
            .for_each(|row| suite.expect_history(what, row));
    }
}

fn failing(suite: &mut Suite<'_>, dice: &mut Rng) -> Box<dyn Storage> {
    let faulty = Faulty::new(suite.site.open(), PERCENT, dice.u64(..));
    Box::new(LostAnswer::new(Box::new(faulty), PERCENT, dice.u64(..)))
}

fn random_rows(dice: &mut Rng) -> (Vec<UserDelta>, Vec<HistoryDelta>) {
    let (mut users, mut history) = (Vec::new(), Vec::new());
    for user in USERS {
        if dice.bool() {
            continue;
        }
        users.push(user_delta(*user, dice.u64(1..1_000)));
        for torrent in TORRENTS {
            history.push(history_delta(*user, *torrent, dice.u64(1..1_000)));
        }
    }
    (users, history)
}

/// The stupid twin of a data store.
fn add(users: &mut [UserDelta], history: &mut Vec<HistoryDelta>, batch: &Commit) {
    for row in &batch.users {
        let mut of_user = users.iter_mut().filter(|sum| sum.user == row.user);
        let sum = of_user.next().expect("a user of the check");
        sum.credited = sum.credited.plus(row.credited);
        sum.raw = sum.raw.plus(row.raw);
    }
    for row in &batch.history {
        let same = |sum: &&mut HistoryDelta| (sum.user, sum.torrent) == (row.user, row.torrent);
        let Some(sum) = history.iter_mut().find(same) else {
            history.push(row.clone());
            continue;
        };
        sum.credited = sum.credited.plus(row.credited);
        sum.raw = sum.raw.plus(row.raw);
        sum.seed_seconds += row.seed_seconds;
        sum.leech_seconds += row.leech_seconds;
        sum.announces += row.announces;
    }
}

#[cfg(test)]
mod tests {
    use super::{Faulty, LostAnswer, batch, commit_surely};
    use crate::storage::{NoStorage, Storage, StorageError};

    #[test]
    fn a_fault_comes_before_anything_is_done() {
        let mut storage = Faulty::new(Box::new(NoStorage::default()), 100, 1);
        let failed = storage.commit("w", &batch(0, 1));
        assert!(matches!(failed, Err(StorageError::Retry(_))), "{failed:?}");
        assert_eq!(storage.inner.position("w").expect("a position"), 0);
    }

    #[test]
    fn an_answer_is_lost_after_all_is_done() {
        let mut storage = LostAnswer::new(Box::new(NoStorage::default()), 100, 1);
        let failed = storage.commit("w", &batch(0, 1));
        assert!(matches!(failed, Err(StorageError::Retry(_))), "{failed:?}");
        assert_eq!(storage.position("w").expect("a position"), 1);
    }

    #[test]
    fn a_batch_of_another_is_not_taken_for_ours() {
        let mut storage = NoStorage::default();
        storage.commit("w", &batch(0, 5)).expect("written");
        let moved = commit_surely(&mut storage, "w", &batch(0, 7), 3);
        assert!(matches!(moved, Err(StorageError::Moved(5))), "{moved:?}");
    }
}
