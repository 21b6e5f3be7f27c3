//! What all crowds of a process share, and clients on their way to another one.

use super::client::Client;
use super::process::Address;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long clients of a process that is down wait before they try another.
const MOVE: Duration = Duration::from_secs(3);

/// Clients on their way from one process to another, and when they arrive.
#[derive(Default)]
pub struct Moving(Mutex<Vec<(Instant, Client)>>);

impl Moving {
    pub fn leave(&self, client: Client) {
        let arrives = Instant::now() + MOVE;
        self.0.lock().expect("whole").push((arrives, client));
    }

    /// Some that arrive now, or whoever there is.
    pub fn arrive(&self, most: usize) -> Vec<Client> {
        let mut moving = self.0.lock().expect("whole");
        let now = Instant::now();
        let arrived = moving.extract_if(.., |(arrives, _)| *arrives <= now);
        arrived.take(most).map(|(_, client)| client).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().expect("whole").is_empty()
    }
}

/// What all crowds share.
pub struct Shared {
    pub address: Arc<Address>,
    /// Where clients go when the process is down, if there are others.
    pub moving: Option<Arc<Moving>>,
    /// Clients say their last words.
    pub finishing: AtomicBool,
    pub sent: AtomicU64,
    pub answered: AtomicU64,
    /// Announces that were told that the tracker is unavailable.
    pub unavailable: AtomicU64,
    /// Rounds not all of which was answered although the tracker was there.
    pub missed: AtomicU64,
    /// Microseconds from the first question of a round to its last answer, and such rounds.
    pub round_micros: AtomicU64,
    pub rounds: AtomicU64,
}

impl Shared {
    pub fn new(address: Arc<Address>) -> Arc<Shared> {
        Shared::of_several(address, None)
    }

    /// Those of one of several processes.
    pub fn of_several(address: Arc<Address>, moving: Option<Arc<Moving>>) -> Arc<Shared> {
        Arc::new(Shared {
            address,
            moving,
            finishing: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            unavailable: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            round_micros: AtomicU64::new(0),
            rounds: AtomicU64::new(0),
        })
    }
}
