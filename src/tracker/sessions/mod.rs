//! Who announces what at this moment: what a worker of a private tracker must know at once.
//!
//! A session is one client of a user on one torrent: a peer id, with an address of each family at
//! most, because a client with both announces over both. From the sessions follow the limits on
//! clients and on downloads, which addresses of a client are no longer its own, and whether it asks
//! too often. What is credited is none of their business: that is decided from the journal.
//!
//! A user's sessions are in one shard, so an announce takes one lock, for some hundred nanoseconds.

#[cfg(test)]
mod model_tests;
mod session;
mod shard;
mod turns;

use crate::config::SESSIONS_PER_TORRENT_MOST;
use crate::model::{Counts, Endpoint, Event, PeerId, Seconds, TorrentId, UserId};
use foldhash::fast::FixedState;
use session::{LONGEST_MIN_INTERVAL_SECS, Session};
use shard::{Place, Shard};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use turns::Turns;

/// Shards for each worker: enough that two seldom want the same one, few enough that each has
/// several of the announces of a tick, which then wait for memory together.
const SHARDS_PER_WORKER: usize = 4;
/// Shards at most, so that the announces of a tick can be told apart by a byte.
const SHARDS_MOST: usize = 256;
/// Announces that are taken at once at most.
pub const ARRIVALS: usize = super::registry::LOOKUPS;
/// Sessions that a sweep looks at under one lock: some tens of microseconds.
const SWEEP_SLICE: usize = 256;
/// Sessions of one user at most, so that no member can fill the memory: more torrents than the
/// largest seedboxes hold.
pub const SESSIONS_PER_USER_MOST: u32 = 1 << 17;

/// An announce of a user's client.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Whose client.
    pub user: UserId,
    /// Torrents that the user may download at the same time; `None`: any number.
    pub slots: Option<u16>,
    /// What it announces.
    pub torrent: TorrentId,
    /// What the client calls itself.
    pub peer_id: PeerId,
    /// Where it is reached, over the family in which it announces.
    pub endpoint: Endpoint,
    /// Whether it downloads.
    pub leeching: bool,
    /// Why it announces.
    pub event: Event,
}

/// Why an announce is refused; nothing has changed by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denied {
    /// The user downloads as many torrents as allowed.
    NoSlotFree,
    /// The user has as many clients on the torrent as allowed, none of them at this address.
    TooManySessions,
}

/// What follows from an announce.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Admitted {
    /// It says nothing new, and comes earlier than it should.
    pub too_soon: bool,
    /// Addresses on the torrent that are no session's any more: to be taken out of the swarm.
    /// Never the one it came from.
    pub left: Left,
}

/// A few addresses; a session has two at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Left {
    endpoints: [Option<Endpoint>; session::FAMILIES],
}

impl Left {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Endpoint> {
        self.endpoints.into_iter().flatten()
    }
}

/// A session, for those who look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Whose.
    pub user: UserId,
    /// Of what.
    pub torrent: TorrentId,
    /// Its address over IPv4, and over IPv6.
    pub endpoints: [Option<Endpoint>; session::FAMILIES],
    /// Whether it downloads.
    pub leeching: bool,
    /// Seconds since it last announced.
    pub silent_secs: u32,
}

impl Listed {
    fn of(session: &Session, now: Seconds) -> Listed {
        Listed {
            user: session.user,
            torrent: session.torrent,
            endpoints: session.endpoints(),
            leeching: session.leeching,
            silent_secs: now.0.saturating_sub(session.last_heard().0),
        }
    }
}

/// A session that has been ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionEnd {
    /// Whose.
    pub user: UserId,
    /// Of what.
    pub torrent: TorrentId,
    /// Its addresses, to be taken out of the swarm.
    pub left: Left,
}

/// What sessions are measured by.
#[derive(Clone, Copy, Debug)]
pub struct SessionSettings {
    /// Workers that will share them.
    pub workers: usize,
    /// Clients that one user may have on one torrent; 0: any number, within
    /// [`SESSIONS_PER_TORRENT_MOST`].
    pub sessions_per_torrent: u16,
    /// Seconds between two announces of a client; 0: none is too soon. More than 18 hours are taken
    /// for 18 hours.
    pub min_interval_secs: u32,
    /// Seconds after which a client that has not announced is forgotten.
    pub peer_lifetime_secs: u32,
    /// Where entries are kept depends on it.
    pub seed: u64,
}

/// The sessions of all users, shared by the workers.
#[derive(Debug)]
pub struct Sessions {
    shards: Vec<Mutex<Shard>>,
    hasher: FixedState,
    swept: Mutex<Swept>,
    min_interval_secs: AtomicU32,
    most_per_torrent: usize,
    lifetime_secs: u32,
}

/// Where a sweep goes on.
#[derive(Debug, Default)]
struct Swept {
    shard: usize,
    /// Rows of that shard yet to be looked at, from the last to the first; `None`: all of them.
    rows: Option<usize>,
}

impl Sessions {
    /// None yet.
    pub fn new(settings: &SessionSettings) -> Sessions {
        let most_per_torrent = match usize::from(settings.sessions_per_torrent) {
            0 => SESSIONS_PER_TORRENT_MOST.into(),
            most => most.min(SESSIONS_PER_TORRENT_MOST.into()),
        };
        let hasher = FixedState::with_seed(settings.seed);
        let shards = settings.workers.saturating_mul(SHARDS_PER_WORKER);
        let shards = shards.clamp(1, SHARDS_MOST).next_power_of_two();
        Sessions {
            shards: (0..shards)
                .map(|_| Mutex::new(Shard::new(hasher.clone())))
                .collect(),
            hasher,
            swept: Mutex::default(),
            min_interval_secs: AtomicU32::new(
                settings.min_interval_secs.min(LONGEST_MIN_INTERVAL_SECS),
            ),
            most_per_torrent,
            lifetime_secs: settings.peer_lifetime_secs,
        }
    }

    /// A client has announced.
    ///
    /// A download slot belongs to the torrent: as long as one session of the user downloads it,
    /// others may join, though slots have become fewer meanwhile. A new client beyond the number
    /// allowed takes the place of the one at the same address that was silent for longest, which
    /// is most likely the same client before it was restarted.
    pub fn arrive(&self, arrival: &Arrival, now: Seconds) -> Result<Admitted, Denied> {
        let mut shard = lock(&self.shards[self.shard_of(arrival.user)]);
        let mut place = Place::new(arrival, &self.hasher);
        shard.guess(&mut place);
        self.arrive_at(&mut shard, place, arrival, now)
    }

    /// So many clients have announced, [`ARRIVALS`] at most: `arrival` says what, and `tell` is told
    /// what follows. Those of one user are taken in their order. The lock of each shard is taken
    /// twice: all are looked up before any arrives, so that what is not in the processor's cache
    /// comes from memory for many at once.
    pub fn arrive_all(
        &self,
        count: usize,
        arrival: impl Fn(usize) -> Arrival,
        now: Seconds,
        mut tell: impl FnMut(usize, Result<Admitted, Denied>),
    ) {
        let count = count.min(ARRIVALS);
        let mut places = [Place::default(); ARRIVALS];
        let mut turns = Turns::default();
        // From the last to the first, as each is put before those that are there.
        for at in (0..count).rev() {
            let arrival = arrival(at);
            places[at] = Place::new(&arrival, &self.hasher);
            turns.put(at, self.shard_of(arrival.user));
        }
        for first in 0..count {
            if let Some(shard) = turns.begins(first) {
                let shard = lock(&self.shards[shard]);
                let turns = || turns.from(first);
                turns().for_each(|at| shard.guess(&mut places[at]));
                turns().for_each(|at| shard.fetch(&places[at]));
            }
        }
        for first in 0..count {
            let Some(shard) = turns.begins(first) else {
                continue;
            };
            let mut shard = lock(&self.shards[shard]);
            for at in turns.from(first) {
                tell(
                    at,
                    self.arrive_at(&mut shard, places[at], &arrival(at), now),
                );
            }
        }
    }

    #[inline]
    fn arrive_at(
        &self,
        shard: &mut Shard,
        place: Place,
        arrival: &Arrival,
        now: Seconds,
    ) -> Result<Admitted, Denied> {
        match arrival.event {
            Event::Stopped => Ok(shard.stop(place, arrival)),
            _ => shard.arrive(
                place,
                arrival,
                now,
                self.min_interval_secs.load(Ordering::Relaxed),
                self.most_per_torrent,
            ),
        }
    }

    /// Sets the seconds between two announces of a client, from now on.
    pub fn set_min_interval(&self, secs: u32) {
        let secs = secs.min(LONGEST_MIN_INTERVAL_SECS);
        self.min_interval_secs.store(secs, Ordering::Relaxed);
    }

    /// Ends the sessions of which this is true, and shows them. Looks at all there are; to be called
    /// when no worker can begin such a session any more.
    pub fn end(&self, is: &dyn Fn(UserId, TorrentId) -> bool, show: &mut dyn FnMut(SessionEnd)) {
        for shard in &self.shards {
            let mut left = usize::MAX;
            // From the last row to the first, like a sweep: what takes the place of one that goes
            // has been looked at.
            while left > 0 {
                let mut shard = lock(shard);
                left = left.min(shard.len());
                let rows = left.saturating_sub(SWEEP_SLICE)..left;
                left = rows.start;
                shard.end(rows, is, show);
            }
        }
    }

    /// Forgets clients that have not announced for their lifetime, and addresses over which they
    /// have not; looks at so many at most and goes on where it left off. Returns how many clients
    /// are forgotten.
    pub fn sweep(&self, now: Seconds, most: usize) -> usize {
        let mut swept = lock(&self.swept);
        let (mut left, mut forgotten, mut shards) = (most, 0, 0);
        while left > 0 && shards < self.shards.len() {
            let Some(shard) = self.shards.get(swept.shard) else {
                swept.shard = 0;
                continue;
            };
            let mut shard = lock(shard);
            let rows = swept.rows.unwrap_or(usize::MAX).min(shard.len());
            let slice = rows.min(left).min(SWEEP_SLICE);
            forgotten += shard.sweep(rows - slice..rows, now, self.lifetime_secs);
            left -= slice;
            swept.rows = Some(rows - slice);
            if rows == slice {
                swept.shard = (swept.shard + 1) % self.shards.len();
                swept.rows = None;
                shards += 1;
            }
        }
        forgotten
    }

    /// Sessions of a user as they are at this moment, so many at most.
    pub fn of_user(&self, user: UserId, now: Seconds, most: usize) -> Vec<Listed> {
        let mut listed = Vec::new();
        if let Some(shard) = self.shards.get(self.shard_of(user)) {
            list(
                shard,
                &|session| session.user == user,
                now,
                most,
                &mut listed,
            );
        }
        listed
    }

    /// Sessions with a torrent in the same way. Looks at all there are.
    pub fn of_torrent(&self, torrent: TorrentId, now: Seconds, most: usize) -> Vec<Listed> {
        let mut listed = Vec::new();
        for shard in &self.shards {
            let is = |session: &Session| session.torrent == torrent;
            list(shard, &is, now, most, &mut listed);
        }
        listed
    }

    /// How many sessions of a user, or of everybody, have all of their torrents, and how many do not.
    /// Looks at all there are, slice by slice.
    pub fn counts(&self, user: Option<UserId>) -> Counts {
        let mut counts = Counts::default();
        let only = user.map(|user| self.shard_of(user));
        for (place, shard) in self.shards.iter().enumerate() {
            if only.is_some_and(|only| only != place) {
                continue;
            }
            each(shard, &mut |session| {
                if user.is_none_or(|user| user == session.user) {
                    counts.seeders += u32::from(!session.leeching);
                    counts.leechers += u32::from(session.leeching);
                }
            });
        }
        counts
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Other bits than those that choose a place within the tables of a shard.
    fn shard_of(&self, user: UserId) -> usize {
        (self.hasher.hash_one(user) >> 32) as usize & (self.shards.len() - 1)
    }
}

/// Shows the sessions of a shard, slice by slice: one that takes another's place meanwhile may be
/// missed.
fn each(shard: &Mutex<Shard>, show: &mut dyn FnMut(&Session)) {
    let mut from = 0;
    loop {
        let shard = lock(shard);
        let rows = from..shard.len().min(from + SWEEP_SLICE);
        if rows.is_empty() {
            break;
        }
        from = rows.end;
        shard.rows(rows).for_each(&mut *show);
    }
}

/// Lists sessions of a shard, slice by slice: one that takes another's place meanwhile may be missed.
fn list(
    shard: &Mutex<Shard>,
    is: &dyn Fn(&Session) -> bool,
    now: Seconds,
    most: usize,
    listed: &mut Vec<Listed>,
) {
    let mut from = 0;
    while listed.len() < most {
        let shard = lock(shard);
        let rows = from..shard.len().min(from + SWEEP_SLICE);
        if rows.is_empty() {
            break;
        }
        from = rows.end;
        let found = shard.rows(rows).filter(|session| is(session));
        let left = most - listed.len();
        listed.extend(found.take(left).map(|session| Listed::of(session, now)));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
