//! Two private processes that the test itself runs: what whoever watches sees of their log, and who
//! leads when a storage does not take anything. The storages are real ones, each behind a gate.

use super::{NO_DISK, passkey};
use crate::common::http::{Connection, announce};
use crate::common::{PATIENCE, Tracker, V4, eventually};
use crate::server::Server;
use crate::site::Site;
use crate::{WATCHED, gauges};
use chihaya::Drivers;
use chihaya::storage::{Change, Commit, Cursor, Directory, Storage, StorageError, Wanted};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

const USERS: usize = 8;

/// What stands between a process and its storage.
#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    door: Door,
    /// A commit stands before it.
    waits: bool,
    /// It was refused for its position.
    is_fenced_off: Option<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Door {
    #[default]
    Open,
    /// Nothing gets through, and whoever tries is told.
    Away,
    /// The next commit waits.
    Held,
}

impl Gate {
    fn set(&self, door: Door) {
        self.lock().door = door;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("whole")
    }

    fn wait(&self, holds: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waits = |state: &mut State| !holds(state);
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), PATIENCE, waits);
        let (state, out) = waited.expect("whole");
        assert!(!out.timed_out(), "nothing has come to the gate");
        state
    }

    fn pass(&self) -> Result<(), StorageError> {
        match self.lock().door {
            Door::Away => Err(StorageError::Retry("the storage is away".to_owned())),
            Door::Open | Door::Held => Ok(()),
        }
    }

    fn commit(
        &self,
        commit: impl FnOnce() -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        self.pass()?;
        if self.lock().door != Door::Held {
            return commit();
        }
        self.lock().waits = true;
        self.changed.notify_all();
        drop(
            self.changed
                .wait_while(self.lock(), |state| state.door == Door::Held),
        );
        let result = commit();
        self.lock().is_fenced_off = Some(matches!(result, Err(StorageError::Moved(_))));
        self.changed.notify_all();
        result
    }
}

struct Gated {
    inner: Box<dyn Storage>,
    gate: Arc<Gate>,
}

impl Storage for Gated {
    fn load(
        &mut self,
        since: Option<Cursor>,
        to: &mut dyn FnMut(Change),
    ) -> Result<Cursor, StorageError> {
        self.gate.pass()?;
        self.inner.load(since, to)
    }

    fn find(&mut self, wanted: &Wanted, to: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        self.gate.pass()?;
        self.inner.find(wanted, to)
    }

    fn position(&mut self, writer: &str) -> Result<u64, StorageError> {
        self.gate.pass()?;
        self.inner.position(writer)
    }

    fn commit(&mut self, writer: &str, batch: &Commit) -> Result<(), StorageError> {
        self.gate.commit(|| self.inner.commit(writer, batch))
    }

    fn directory(&mut self) -> Option<&mut dyn Directory> {
        self.inner.directory()
    }
}

/// A process, and what is between it and its storage.
struct Member {
    tracker: Tracker,
    gate: Arc<Gate>,
}

impl Member {
    fn start(site: &Site, redis: &Server, number: usize) -> Member {
        let journal = site.folder().join(format!("journal-{number}"));
        let (database, url) = (site.database(), redis.url());
        let settings = format!(
            r#"{{{WATCHED}, "tracker": "private", "journal": {{"path": {journal:?}}}, "storage":
            {{"path": {database:?}, "flush_interval": 1, "changes_interval": 1}}, "cache":
            {{"driver": "redis"}}, "redis": {{"servers": ["{url}"], "hand_over": 2}}}}"#
        );
        let gate = Arc::<Gate>::default();
        let gated = Arc::clone(&gate);
        let drivers = Drivers::builtin().with_storage("sqlite", move |config| {
            let inner = Drivers::builtin().open_storage(config);
            let inner = inner.map_err(|error| StorageError::Fatal(error.to_string()))?;
            let gate = Arc::clone(&gated);
            Ok(Box::new(Gated { inner, gate }))
        });
        Member {
            tracker: Tracker::start_with(&settings, &drivers),
            gate,
        }
    }

    fn gauge(&self, name: &str) -> u64 {
        let gauges = gauges(&self.tracker);
        let value = gauges[&format!("redis_journal_{name}")].as_u64();
        value.unwrap_or_else(|| panic!("{name}: {gauges}"))
    }

    fn leads(&self) -> bool {
        self.gauge("leads") == 1
    }
}

/// Two processes that are one tracker.
struct Pair {
    site: Site,
    redis: Server,
    members: [Member; 2],
    uploaded: Vec<i64>,
}

impl Pair {
    /// All clients are known, and something is committed.
    fn start(name: &str) -> Option<Pair> {
        let redis = Server::start_with(name, &NO_DISK)?;
        let site = Site::new(&format!("pair-{name}"));
        for user in 0..USERS {
            site.user(&passkey(user));
        }
        site.torrent('a');
        let members = [0, 1].map(|number| Member::start(&site, &redis, number));
        let mut pair = Pair {
            site,
            redis,
            members,
            uploaded: vec![0; USERS],
        };
        for user in 0..USERS {
            pair.say(user);
        }
        pair.announce();
        pair.expect_exact("at first");
        Some(pair)
    }

    fn say(&self, user: usize) {
        let (target, uploaded) = (announce('a', 2000 + user as u16, 5), self.uploaded[user]);
        let target = format!("/{}{target}&uploaded={uploaded}", passkey(user));
        let tracker = &self.members[user % 2].tracker;
        Connection::open(tracker.http[V4]).get(&target).announced();
    }

    /// Each client has uploaded some more.
    fn announce(&mut self) {
        for user in 0..USERS {
            self.uploaded[user] += 1000 + user as i64;
            self.say(user);
        }
    }

    /// Waits until the database has it all.
    fn expect_exact(&self, when: &str) {
        let db = self.site.connect();
        let sql = "SELECT raw_uploaded FROM tracker_users ORDER BY id";
        let mut select = db.prepare(sql).expect("a statement");
        let mut totals = || -> Vec<i64> {
            let rows = select.query_map((), |row| row.get(0)).expect("rows");
            rows.map(|row| row.expect("a number")).collect()
        };
        let until = Instant::now() + 3 * PATIENCE;
        while totals() != self.uploaded && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(totals(), self.uploaded, "{when}");
    }

    /// The one that leads.
    fn leader(&self) -> usize {
        let mut leader = None;
        eventually("one leads", || {
            let leads = self.members.each_ref().map(Member::leads);
            leader = leads.iter().position(|leads| *leads);
            leads[0] != leads[1]
        });
        leader.expect("one leads")
    }
}

#[test]
fn whoever_watches_sees_the_log() {
    let Some(mut pair) = Pair::start("watched") else {
        return;
    };
    pair.leader();
    let all = |pair: &Pair, name: &str| pair.members.each_ref().map(|member| member.gauge(name));
    eventually("all is well", || {
        let good = ["failing", "cold", "backlog_bytes"];
        good.iter().all(|name| all(&pair, name) == [0, 0])
    });
    let (appended, read) = (all(&pair, "appended_entries"), all(&pair, "read_entries"));
    // Each has put its clients' announces there, and read those of the other.
    assert!(appended.iter().all(|own| *own > 0), "{appended:?}");
    let both: u64 = appended.iter().sum();
    assert!(read.iter().all(|read| *read >= both), "{read:?} of {both}");
    for member in &pair.members {
        let bounds = [
            "5ms", "10ms", "20ms", "50ms", "100ms", "200ms", "500ms", "1s",
        ];
        let counts = bounds.iter().chain(&["longer"]);
        let late: u64 = counts
            .map(|name| member.gauge(&format!("lag_{name}")))
            .sum();
        assert!(
            late > 0 && late <= member.gauge("appended_entries"),
            "{late}"
        );
        let last = member.gauge("lag_ms");
        assert!(last < PATIENCE.as_millis() as u64, "{last}");
    }
    pair.redis.kill();
    pair.announce();
    eventually("what waits is seen", || {
        let waits = all(&pair, "backlog_bytes").iter().all(|bytes| *bytes > 0);
        let failing = all(&pair, "failing").iter().all(|failing| *failing > 0);
        waits && failing && all(&pair, "cold") == [1, 1] && all(&pair, "leads") == [0, 0]
    });
    pair.redis.run();
    pair.expect_exact("it is back");
    eventually("all is well again", || {
        let good = ["failing", "cold", "backlog_bytes"];
        good.iter().all(|name| all(&pair, name) == [0, 0])
    });
    pair.leader();
}

#[test]
fn a_leader_whose_storage_is_away_lets_another_lead() {
    let Some(mut pair) = Pair::start("away") else {
        return;
    };
    let leader = pair.leader();
    pair.members[leader].gate.set(Door::Away);
    pair.announce();
    pair.expect_exact("the other commits");
    assert_eq!(pair.leader(), 1 - leader);
    // And back.
    pair.members[leader].gate.set(Door::Open);
    pair.members[1 - leader].gate.set(Door::Away);
    pair.announce();
    pair.expect_exact("the first commits again");
    assert_eq!(pair.leader(), leader);
}

#[test]
fn a_batch_of_a_leader_of_before_is_fenced_off() {
    let Some(mut pair) = Pair::start("fenced") else {
        return;
    };
    let leader = pair.leader();
    let gate = Arc::clone(&pair.members[leader].gate);
    gate.set(Door::Held);
    pair.announce();
    drop(gate.wait(|state| state.waits));
    pair.expect_exact("the other commits what waits");
    pair.announce();
    pair.expect_exact("and what comes after");
    // Now the first tries, as if it had led all the while.
    gate.set(Door::Open);
    let is_fenced_off = gate
        .wait(|state| state.is_fenced_off.is_some())
        .is_fenced_off;
    assert_eq!(is_fenced_off, Some(true), "the position is another");
    pair.expect_exact("it was fenced off");
    pair.announce();
    pair.expect_exact("and both go on");
}
