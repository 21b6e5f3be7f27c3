//! Redis says no to a private tracker: announces are answered all the while, what changes is told once,
//! and afterwards the database has everything.

use super::{Members, NO_DISK};
use crate::cluster::Cluster;
use crate::common::eventually;
use crate::server::{A_WHILE, Server, free_ports};
use std::time::{Duration, Instant};

/// Between two looks at what processes say.
const LOOK: Duration = Duration::from_millis(20);
/// What the processes do with the log, as they tell of it.
const WORK: [&str; 3] = [
    "follow {chihaya:0}:journal",
    "append to {chihaya:0}:journal",
    "write the books beside {chihaya:0}:journal",
];
const FOLLOW: &str = WORK[0];
const WRITE: &str = WORK[2];

impl Members {
    /// Announces go on at all processes until as many as must have told of what is wrong, and a while
    /// longer.
    fn serve_through(&mut self, tellers: usize, what: &str, text: &str) {
        let all: Vec<usize> = (0..self.processes.len()).collect();
        let end = Instant::now() + Duration::from_secs(20);
        let mut until = None;
        while until.is_none_or(|until| Instant::now() < until) {
            self.announce(&all);
            let told = |said: &[String]| said.iter().any(|line| tells(line, what, text));
            let processes = self.processes.iter_mut();
            let telling =
                processes.filter_map(|process| Some(told(process.running.as_mut()?.said())));
            let telling = telling.filter(|told| *told).count();
            assert!(Instant::now() < end, "{telling} tell of {what}: {text}");
            if telling >= tellers && until.is_none() {
                until = Some(Instant::now() + A_WHILE);
            }
        }
    }

    /// A key is taken for something else for a while.
    fn has_something_else(&mut self, key: &str, tellers: usize, what: &str) {
        self.redis.done(&format!("DEL {key}"));
        self.redis.done(&format!("RPUSH {key} 7"));
        self.serve_through(tellers, what, "WRONGTYPE");
        self.redis.done(&format!("DEL {key}"));
        self.announce(&[0, 1]);
        self.expect_exact(key);
    }

    /// Each process has told once at most that it cannot do a work, and that it can again, or that
    /// others do it now.
    fn expect_told_once(&mut self) {
        for process in &mut self.processes {
            let said = process.running.as_mut().expect("it runs");
            for what in WORK {
                let mut counts = [0; 3];
                eventually(what, || {
                    std::thread::sleep(LOOK);
                    let hows = ["cannot WORK:", "can WORK again", " WORK: left to others"];
                    let lines = hows.map(|how| how.replace("WORK", what));
                    counts = lines.map(|line| {
                        let said = said.said().iter();
                        said.filter(|said| said.contains(&line)).count()
                    });
                    let [failed, again, left] = counts;
                    failed <= again + left
                });
                assert!(counts[0] <= 1, "{what}: {:?}", said.said());
            }
        }
    }
}

/// Whether a line of the log says that this cannot be done for such a reason, be it the first or not.
fn tells(line: &str, what: &str, text: &str) -> bool {
    line.contains(what) && line.contains(text) && !line.contains("again after")
}

/// Processes that have committed something.
fn begun(name: &str, arguments: &[&str]) -> Option<Members> {
    let mut members = Members::start(name, 2, 8, arguments)?;
    members.begin();
    members.announce(&[0, 1]);
    members.expect_exact("before");
    Some(members)
}

/// Something goes wrong and is put right again.
fn wrong_and_right(members: &mut Members, text: &str, wrong: &str, right: &str) {
    members.redis.done(wrong);
    members.serve_through(2, FOLLOW, text);
    members.redis.done(right);
    members.announce(&[0, 1]);
    members.expect_exact("it is right again");
    members.announce(&[1, 0]);
    members.expect_exact("and goes on");
    members.expect_told_once();
}

#[test]
fn full() {
    if let Some(mut members) = begun("full", &NO_DISK) {
        let (wrong, right) = ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0");
        wrong_and_right(&mut members, "OOM", wrong, right);
    }
}

#[test]
fn read_only() {
    if let Some(mut members) = begun("read-only", &NO_DISK) {
        let [nobody] = free_ports();
        let wrong = format!("REPLICAOF 127.0.0.1 {nobody}");
        wrong_and_right(
            &mut members,
            "read only replica",
            &wrong,
            "REPLICAOF NO ONE",
        );
    }
}

#[test]
fn something_else_under_the_key_of_the_log() {
    if let Some(mut members) = begun("type", &NO_DISK) {
        let log = members.log();
        let (wrong, right) = (format!("SET {log} 7"), format!("DEL {log}"));
        wrong_and_right(&mut members, "WRONGTYPE", &wrong, &right);
    }
}

#[test]
fn something_else_under_the_other_keys() {
    let Some(mut members) = begun("types", &NO_DISK) else {
        return;
    };
    for key in ["{chihaya:0}:journal", "{chihaya:0}:leader"] {
        members.has_something_else(key, 2, FOLLOW);
    }
    let books = members.log().replace(":journal:", ":books:");
    // Who leads writes them.
    members.has_something_else(&books, 1, WRITE);
}

#[test]
fn still_loading() {
    let Some(mut members) = begun("loading", &["--appendonly", "no"]) else {
        return;
    };
    members.redis.make_loading_slow();
    // What comes now it will not have.
    members.announce(&[0, 1]);
    members.redis.kill();
    members.redis.start_again_slowly();
    members.serve_through(2, FOLLOW, "loading the dataset");
    members.announce(&[0, 1]);
    members.expect_exact("it is loaded");
    members.announce(&[1, 0]);
    members.expect_exact("and goes on");
    members.expect_told_once();
}

#[test]
fn the_log_moves_to_another_server() {
    let Some(cluster) = Cluster::start("journal") else {
        return;
    };
    let slot = cluster.slot("{chihaya:0}:journal");
    let from = cluster.owner(slot);
    let to = (from + 1) % 3;
    // They know one that does not have it.
    let known = Server::prepare("known", cluster.port((from + 2) % 3), &[]);
    let mut members = Members::on(known, "moves", 2, 8);
    members.begin();
    members.announce(&[0, 1]);
    members.expect_exact("before");
    cluster.begin_move(slot, from, to);
    // Who asks for what has gone ahead must not take the rest for lost.
    cluster.move_key("{chihaya:0}:journal", from, to);
    members.announce(&[0, 1]);
    members.expect_exact("one key is there");
    // What the processes make meanwhile is made there.
    while let Some(key) = cluster.some_key(slot, from) {
        cluster.move_key(&key, from, to);
        members.announce(&[0, 1]);
    }
    members.expect_exact("all keys are there");
    members.announce(&[1, 0]);
    cluster.end_move(slot, to);
    members.announce(&[1, 0]);
    members.expect_exact("it has arrived");
    let begun = |process: &mut super::Process| {
        let said = process.running.as_mut().expect("it runs").said();
        said.iter()
            .filter(|line| line.contains("a new log is begun"))
            .count()
    };
    let begun: usize = members.processes.iter_mut().map(begun).sum();
    assert_eq!(begun, 1, "the log was never lost");
    members.expect_told_once();
}
