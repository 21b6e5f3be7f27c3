//! What becomes of the tracker and of its database while clients announce.

use super::client::Client;
use super::process::Tracker;
use super::site::Site;
use super::tracker::{WELL, any_mood};
use super::wait;
use fastrand::Rng;
use std::thread::JoinHandle;
use std::time::Duration;

/// What happens to the tracker and its storage, until the clients are done.
pub struct Fate<'f> {
    pub site: &'f mut Site,
    pub tracker: &'f mut Tracker,
    pub dice: &'f mut Rng,
    /// Milliseconds that a process lives at most.
    pub most_ms: u64,
    pub server_kills: u64,
}

impl Fate<'_> {
    /// One life of the tracker, to its end.
    pub fn live(&mut self, crowds: &mut Vec<JoinHandle<Vec<Client>>>, done: &mut Vec<Client>) {
        let mood = self.mood();
        self.tracker.set_mood(mood);
        self.tracker.spawn();
        if self.dice.u8(..6) == 0 {
            // It does not even come to serve.
            let time = Duration::from_millis(self.dice.u64(..150));
            std::thread::sleep(time);
            return self.tracker.kill();
        }
        self.tracker.serve();
        let time = match self.dice.u8(..3) {
            0 => self.dice.u64(..400),
            // Long enough for a batch to be on its way.
            _ => self.dice.u64(1000..self.most_ms),
        };
        let time = Duration::from_millis(time);
        if self.dice.u8(..8) == 0 {
            self.keep_busy(time.min(Duration::from_secs(4)), crowds, done);
        }
        wait(time / 2, crowds, done);
        let mood = self.mood();
        self.tracker.set_mood(mood);
        let is_down = self.dice.u8(..3) == 0 && self.kill_server();
        wait(time / 2, crowds, done);
        let is_down = match (is_down, self.dice.u8(..3)) {
            // The tracker sees it come back.
            (true, 0) => {
                self.site.database.restart();
                wait(time / 2, crowds, done);
                false
            }
            // Both at the same moment.
            (false, 0) => self.kill_server(),
            (is_down, _) => is_down,
        };
        match self.dice.u8(..12) {
            0 => drop(self.tracker.stop()),
            _ => self.tracker.kill(),
        }
        if is_down {
            self.site.database.restart();
        }
        if self.dice.u8(..4) == 0 {
            wait(Duration::from_millis(self.dice.u64(..500)), crowds, done);
        }
    }

    /// Kills the server of the database, whatever it does; false where there is none.
    fn kill_server(&mut self) -> bool {
        let killed = self.site.database.kill();
        self.server_kills += u64::from(killed);
        killed
    }

    pub fn mood(&mut self) -> &'static str {
        // The first load makes the directory it can start with.
        match self.tracker.knows_its_directory() {
            true => any_mood(self.dice),
            false => WELL,
        }
    }

    /// A web application that writes for a long time.
    fn keep_busy(
        &mut self,
        time: Duration,
        crowds: &mut Vec<JoinHandle<Vec<Client>>>,
        done: &mut Vec<Client>,
    ) {
        let mut db = self.site.connect();
        if db.lock(self.site.kind.sums) {
            wait(time, crowds, done);
        }
    }
}
