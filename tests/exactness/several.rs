//! Several processes that are one tracker, with one Redis and one database. Each of them is killed,
//! Redis is, and forgets; storages fail, each process's own. Clients of a process that is down go to
//! another. In the end the database must hold exactly what they have moved and finished.

use super::check::compare;
use super::client::Client;
use super::crowd::Crowd;
use super::database::Database;
#[cfg(feature = "postgres")]
use super::database::OfServer;
use super::process::Tracker;
use super::redis_server::Server;
#[cfg(feature = "postgres")]
use super::servers;
use super::shared::{Moving, Shared};
use super::site::{OWN, Site};
use super::tracker::{WELL, any_mood};
use super::{
    JOURNAL_MAX, Trial, clients, expect_equal, is_left_out, look_after, of_file, report, seed, wait,
};
use fastrand::Rng;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PROCESSES: usize = 3;
/// By how much slower clients announce than where there is one process: what is heard late must not
/// be older than what is remembered of a client.
const PACE: Duration = Duration::from_millis(30);
/// How long it may take until everything is in the database: a storage that has failed is tried
/// again after half a minute at most.
const PATIENCE: Duration = Duration::from_secs(90);

struct Members {
    trackers: Vec<Tracker>,
    redis: Server,
    dice: Rng,
    redis_kills: u64,
    flushes: u64,
    server_kills: u64,
}

impl Members {
    fn new(site: &Site, redis: Server, dice: Rng) -> Members {
        let more = json!({
            "cache": {"driver": "redis"},
            "redis": {"servers": [redis.url()], "copy_interval": 2},
        });
        let tracker = |number| {
            let folder = site.folder.join(format!("member-{number}"));
            Tracker::with(site, folder, JOURNAL_MAX, more.clone())
        };
        Members {
            trackers: (0..PROCESSES).map(tracker).collect(),
            redis,
            dice,
            redis_kills: 0,
            flushes: 0,
            server_kills: 0,
        }
    }

    /// Something happens to one of them, or to Redis.
    fn suffer(
        &mut self,
        site: &mut Site,
        crowds: &mut Vec<JoinHandle<Vec<Client>>>,
        done: &mut Vec<Client>,
    ) {
        let (mood, number) = (any_mood(&mut self.dice), self.dice.usize(..PROCESSES));
        let tracker = &mut self.trackers[number];
        if tracker.knows_its_directory() {
            tracker.set_mood(mood);
        }
        let pause = Duration::from_millis(self.dice.u64(..1500));
        match self.dice.u8(..12) {
            10.. if site.database.kill() => {
                wait(pause, crowds, done);
                site.database.restart();
                self.server_kills += 1;
            }
            ..=5 | 10.. => {
                tracker.kill();
                wait(pause, crowds, done);
                self.trackers[number].start();
            }
            6 => {
                tracker.stop();
                self.trackers[number].start();
            }
            7..=8 => {
                self.redis.kill();
                // Everybody serves on.
                wait(pause, crowds, done);
                self.redis.run();
                self.redis.wait_until_loaded();
                self.redis_kills += 1;
            }
            _ => {
                self.redis.done("FLUSHALL");
                self.flushes += 1;
            }
        }
        wait(Duration::from_millis(self.dice.u64(..2000)), crowds, done);
    }

    fn be_well(&mut self) {
        self.trackers
            .iter()
            .for_each(|tracker| tracker.set_mood(WELL));
    }

    /// Waits until the database has it all.
    fn settle(&mut self, site: &Site, done: &[Client]) {
        let end = Instant::now() + PATIENCE;
        while compare(site, done).differences().is_some() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

#[test]
fn totals_of_several_processes_are_exact() {
    if !is_left_out("several") {
        run("exactness-several", of_file);
    }
}

#[cfg(feature = "postgres")]
#[test]
fn totals_of_several_processes_are_exact_in_postgres() {
    if is_left_out("several-postgres") {
        return;
    }
    if let Some(server) = servers::Server::start(servers::Kind::Postgres) {
        let database = |_: &Path| -> Box<dyn Database> { Box::new(OfServer(server)) };
        run("exactness-several-postgres", database);
    }
}

/// Lets processes and servers suffer for as long as the trial says; then lets the clients say their
/// last words, and compares.
fn run(name: &str, database: impl FnOnce(&Path) -> Box<dyn Database>) {
    let Some(redis) = Server::start_with(name, &["--save", "", "--appendonly", "yes"]) else {
        return;
    };
    let (seed, trial) = (seed(), Trial::new());
    println!("{name}: seed {seed}");
    let mut dice = Rng::with_seed(seed);
    let count = trial.clients;
    let mut site = Site::new(name, &OWN, database, count / 6, count / 10, &mut dice);
    site.several = true;
    let all = clients(&site, count, seed, &mut dice);
    let mut members = Members::new(&site, redis, dice);
    let moving = Arc::<Moving>::default();
    let of_tracker = |tracker: &Tracker| {
        Shared::of_several(Arc::clone(&tracker.address), Some(Arc::clone(&moving)))
    };
    let shared: Vec<Arc<Shared>> = members.trackers.iter().map(of_tracker).collect();
    members.trackers.iter_mut().for_each(Tracker::start);
    let mut of_each = vec![Vec::new(); PROCESSES];
    for (place, client) in all.into_iter().enumerate() {
        of_each[place % PROCESSES].push(client);
    }
    let set_off = |(clients, shared): (Vec<Client>, &Arc<Shared>)| {
        let crowd = Crowd::new(Arc::clone(shared), clients, trial.pace + PACE);
        std::thread::spawn(move || crowd.run())
    };
    let mut crowds: Vec<_> = of_each.into_iter().zip(&shared).map(set_off).collect();
    let mut done = Vec::new();
    wait(Duration::from_secs(1), &mut crowds, &mut done);
    let end = Instant::now() + trial.time;
    while Instant::now() < end {
        members.suffer(&mut site, &mut crowds, &mut done);
        look_after(&mut crowds, &mut done);
    }
    for shared in &shared {
        shared.finishing.store(true, Ordering::Release);
    }
    wait(Duration::from_secs(120), &mut crowds, &mut done);
    assert!(crowds.is_empty(), "seed {seed}: some are not answered");
    assert_eq!(done.len() as u64, count);
    // Everything has been answered; nothing may be lost from here on.
    members.trackers.iter_mut().for_each(Tracker::kill);
    members.be_well();
    members.redis.kill();
    members.redis.run();
    members.redis.wait_until_loaded();
    members.trackers.iter_mut().for_each(Tracker::start);
    members.settle(&site, &done);
    let check = expect_equal(
        "after the last kill",
        seed,
        &site,
        &members.trackers[0],
        &done,
    );
    members.redis.done("FLUSHALL");
    members.trackers.iter_mut().for_each(Tracker::kill);
    members.trackers.iter_mut().for_each(Tracker::start);
    std::thread::sleep(Duration::from_secs(3));
    for tracker in &members.trackers {
        expect_equal("after another kill", seed, &site, tracker, &done);
    }
    for (tracker, shared) in members.trackers.iter().zip(&shared) {
        report(name, tracker, shared, &check);
    }
    let moved = done.iter().filter(|client| client.moved).count();
    let Members {
        redis_kills,
        flushes,
        server_kills,
        ..
    } = members;
    println!(
        "{name}: {redis_kills} kills of Redis, {flushes} flushes, {server_kills} kills of the \
         database server, {moved} clients moved"
    );
}
