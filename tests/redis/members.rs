//! Private trackers that are one: what any of several processes accepts counts once, whatever
//! happens to them and to Redis.

mod faults;
mod pair;

use crate::common::http::{Connection, announce};
use crate::common::program::Running;
use crate::common::{PATIENCE, eventually};
use crate::server::{Server, free_ports};
use crate::site::Site;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Longer than a leader leads without saying so again.
const BEYOND_THE_LEASE: Duration = Duration::from_secs(7);

/// After which the clients of a process that is gone try another: what it accepted is older then.
const CLIENTS_MOVE: Duration = Duration::from_millis(2100);

/// Several processes on one Redis and one database.
struct Members {
    site: Site,
    redis: Server,
    processes: Vec<Process>,
    /// Bytes that each user's client says it has uploaded.
    uploaded: Vec<i64>,
}

struct Process {
    config: String,
    address: SocketAddr,
    running: Option<Running>,
}

impl Members {
    /// So many, with so many users; Redis keeps what the arguments say.
    fn start(name: &str, count: usize, users: usize, arguments: &[&str]) -> Option<Members> {
        let redis = Server::start_with(name, arguments)?;
        Some(Members::on(redis, name, count, users))
    }

    /// So many on this Redis.
    fn on(redis: Server, name: &str, count: usize, users: usize) -> Members {
        let site = Site::new(&format!("members-{name}"));
        for user in 0..users {
            site.user(&passkey(user));
        }
        site.torrent('a');
        let processes = (0..count).map(|number| Process::new(&site, &redis, number));
        let mut members = Members {
            processes: processes.collect(),
            site,
            redis,
            uploaded: vec![0; users],
        };
        members.processes.iter_mut().for_each(Process::start);
        members
    }

    /// All users' clients say that they have uploaded some more, each to the next of these
    /// processes; every announce is answered.
    fn announce(&mut self, to: &[usize]) {
        for (user, uploaded) in self.uploaded.iter_mut().enumerate() {
            *uploaded += 1000 + user as i64;
            self.processes[to[user % to.len()]].announce(user, *uploaded);
        }
    }

    /// The clients are known, with nothing uploaded yet.
    fn begin(&mut self) {
        for user in 0..self.uploaded.len() {
            let process = user % self.processes.len();
            self.processes[process].announce(user, 0);
        }
    }

    fn totals(&self) -> Vec<i64> {
        let db = self.site.connect();
        let mut select = db
            .prepare("SELECT raw_uploaded FROM tracker_users ORDER BY id")
            .expect("a statement");
        let rows = select.query_map((), |row| row.get(0)).expect("rows");
        rows.map(|row| row.expect("a number")).collect()
    }

    /// Waits until the database has it all, and sees that it stays so.
    fn expect_exact(&self, when: &str) {
        let until = Instant::now() + 2 * PATIENCE;
        while self.totals() != self.uploaded && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(self.totals(), self.uploaded, "{when}");
    }

    /// The process that leads, once one does: each time it begins to, it says so.
    fn leader(&mut self) -> usize {
        let mut leader = None;
        eventually("one leads", || {
            std::thread::sleep(Duration::from_millis(20));
            leader = self.processes.iter_mut().position(Process::leads);
            leader.is_some()
        });
        leader.expect("one leads")
    }

    /// The key of the log.
    fn log(&self) -> String {
        let mut redis = self.redis.connect();
        let named: String = redis::cmd("GET")
            .arg("{chihaya:0}:journal")
            .query(&mut redis)
            .expect("a log is named");
        let generation: u64 = named.parse().expect("a number");
        format!("{{chihaya:0}}:journal:{generation:016x}")
    }

    /// The place of the first entry of a log.
    fn first_of(&self, log: &str) -> redis::Value {
        let mut range = redis::cmd("XRANGE");
        range.arg(log).arg("-").arg("+").arg("COUNT").arg(1);
        range.query(&mut self.redis.connect()).expect("entries")
    }
}

fn passkey(user: usize) -> String {
    format!("{user:032}")
}

impl Process {
    fn new(site: &Site, redis: &Server, number: usize) -> Process {
        let [port] = free_ports();
        let journal = site.folder().join(format!("journal-{number}"));
        let (database, url) = (site.database(), redis.url());
        let config = format!(
            r#"{{"tracker": "private", "network": {{"udp": [], "http": ["127.0.0.1:{port}"],
            "workers": 1}}, "journal": {{"path": {journal:?}, "max": "64KiB"}}, "storage":
            {{"path": {database:?}, "flush_interval": 1, "changes_interval": 1}}, "cache":
            {{"driver": "redis"}}, "redis": {{"servers": ["{url}"], "copy_interval": 1}}}}"#
        );
        let path: PathBuf = site.folder().join(format!("config-{number}.json"));
        std::fs::write(&path, config).expect("written");
        Process {
            config: path.to_str().expect("UTF-8").to_owned(),
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            running: None,
        }
    }

    fn start(&mut self) {
        let mut running = Running::start(&self.config);
        running.listening(1);
        self.running = Some(running);
    }

    fn end_by(&mut self, signal: &str) -> Vec<String> {
        let running = self.running.take().expect("it runs");
        running.end_by(signal).1
    }

    fn announce(&self, user: usize, uploaded: i64) {
        let target = announce('a', 2000 + user as u16, 5);
        let target = format!("/{}{target}&uploaded={uploaded}", passkey(user));
        Connection::open(self.address).get(&target).announced();
    }

    fn says(&mut self, what: &str) -> bool {
        let said = self.running.as_mut().map(Running::said);
        said.is_some_and(|said| said.iter().any(|line| line.contains(what)))
    }

    /// Whether the last that it said of who leads is that it does.
    fn leads(&mut self) -> bool {
        let said = self.running.as_mut().map(Running::said).unwrap_or_default();
        let mut lines = said.iter().rev();
        let last = lines.find(|line| line.contains("process leads"));
        last.is_some_and(|line| line.contains("this process leads"))
    }
}

#[test]
fn what_any_process_accepts_counts_once() {
    let Some(mut members) = Members::start("counts", 3, 12, &["--save", ""]) else {
        return;
    };
    members.begin();
    for turn in 0..4 {
        // Each client at another process every time.
        members.announce(&[turn % 3, (turn + 1) % 3, (turn + 2) % 3]);
        members.expect_exact("a round");
    }
    for process in &mut members.processes {
        process.end_by("-TERM");
    }
    members.expect_exact("after the end");
}

const NO_DISK: [&str; 2] = ["--save", ""];
const ON_DISK: [&str; 4] = ["--save", "", "--appendonly", "yes"];

#[test]
fn a_leader_is_killed_in_the_middle() {
    let Some(mut members) = Members::start("leader", 3, 12, &NO_DISK) else {
        return;
    };
    members.begin();
    for _ in 0..3 {
        let leader = members.leader();
        let others: Vec<usize> = (0..3).filter(|number| *number != leader).collect();
        // Records of the leader itself are on their way, and those of others.
        members.announce(&[0, 1, 2]);
        members.processes[leader].end_by("-KILL");
        std::thread::sleep(CLIENTS_MOVE);
        members.announce(&others);
        members.processes[leader].start();
        members.announce(&[0, 1, 2]);
        members.expect_exact("another leads");
    }
}

#[test]
fn redis_is_killed_and_keeps_its_log() {
    redis_is_killed("kept", &ON_DISK);
}

#[test]
fn redis_is_killed_and_forgets_everything() {
    redis_is_killed("forgotten", &NO_DISK);
}

fn redis_is_killed(name: &str, arguments: &[&str]) {
    let Some(mut members) = Members::start(name, 2, 8, arguments) else {
        return;
    };
    members.begin();
    for turn in 0..3 {
        members.announce(&[turn % 2, 1 - turn % 2]);
        members.redis.kill();
        // Everybody stays where it is as long as the processes do not hear of each other.
        members.announce(&[turn % 2, 1 - turn % 2]);
        members.redis.run();
        members.redis.wait_until_loaded();
        members.announce(&[turn % 2, 1 - turn % 2]);
        members.expect_exact("Redis is back");
    }
    members.processes[0].end_by("-KILL");
    members.redis.kill();
    members.redis.run();
    members.redis.wait_until_loaded();
    members.processes[0].start();
    members.announce(&[0, 1]);
    members.expect_exact("both were killed");
}

#[test]
fn a_log_that_is_flushed_is_begun_anew() {
    let Some(mut members) = Members::start("flushed", 2, 8, &NO_DISK) else {
        return;
    };
    members.begin();
    for _ in 0..3 {
        members.announce(&[0, 1]);
        members.redis.done("FLUSHALL");
        members.announce(&[0, 1]);
        members.expect_exact("it was flushed");
    }
}

#[test]
fn the_end_of_the_log_is_lost() {
    let Some(mut members) = Members::start("end", 2, 8, &ON_DISK) else {
        return;
    };
    members.begin();
    members.announce(&[0, 1]);
    members.expect_exact("before");
    for turn in 0..3 {
        // What a server has that takes over from one that was ahead of it.
        let copy = members.redis.copy_of_files();
        members.announce(&[0, 1]);
        if turn > 0 {
            // The storage has what Redis is about to lose.
            members.expect_exact("committed");
        }
        members.redis.kill();
        members.redis.put_back(&copy);
        members.redis.run();
        members.redis.wait_until_loaded();
        members.announce(&[0, 1]);
        members.expect_exact("the end is lost");
    }
}

#[test]
fn a_leader_that_stood_still_is_fenced_off() {
    let Some(mut members) = Members::start("frozen", 2, 8, &NO_DISK) else {
        return;
    };
    members.begin();
    members.announce(&[0, 1]);
    let leader = members.leader();
    members.announce(&[leader]);
    let frozen = members.processes[leader].running.as_ref().expect("it runs");
    frozen.signal("-STOP");
    std::thread::sleep(BEYOND_THE_LEASE);
    members.announce(&[1 - leader]);
    eventually("the other commits", || {
        std::thread::sleep(Duration::from_millis(50));
        members.processes[1 - leader].says("this process leads")
    });
    std::thread::sleep(Duration::from_secs(2));
    let thawed = members.processes[leader].running.as_ref().expect("it runs");
    thawed.signal("-CONT");
    members.announce(&[0, 1]);
    members.expect_exact("two believed to lead");
    members.announce(&[leader]);
    members.expect_exact("and went on");
}

#[test]
fn one_comes_back_to_a_log_that_was_trimmed() {
    let Some(mut members) = Members::start("trimmed", 2, 8, &NO_DISK) else {
        return;
    };
    members.begin();
    members.announce(&[0, 1]);
    // What comes later than so many announces as follow is older than what is remembered.
    members.expect_exact("before");
    let leader = members.leader();
    members.processes[1 - leader].end_by("-KILL");
    std::thread::sleep(CLIENTS_MOVE);
    let log = members.log();
    let first = members.first_of(&log);
    let until = Instant::now() + 3 * PATIENCE;
    while members.first_of(&log) == first {
        assert!(Instant::now() < until, "the log is not trimmed");
        members.announce(&[leader]);
    }
    members.processes[1 - leader].start();
    members.announce(&[0, 1]);
    members.expect_exact("it is back");
    // It has the books, too.
    members.processes[leader].end_by("-KILL");
    std::thread::sleep(CLIENTS_MOVE);
    members.announce(&[1 - leader]);
    members.processes[leader].start();
    members.expect_exact("it leads");
}
