//! Two private processes that the test itself runs: what whoever watches sees of their log.

use super::{NO_DISK, passkey};
use crate::common::http::{Connection, announce};
use crate::common::{PATIENCE, Tracker, V4, eventually};
use crate::server::Server;
use crate::site::Site;
use crate::{WATCHED, gauges};
use std::time::{Duration, Instant};

const USERS: usize = 8;

/// A process.
struct Member {
    tracker: Tracker,
}

impl Member {
    fn start(site: &Site, redis: &Server, number: usize) -> Member {
        let journal = site.folder().join(format!("journal-{number}"));
        let (database, url) = (site.database(), redis.url());
        let settings = format!(
            r#"{{{WATCHED}, "tracker": "private", "journal": {{"path": {journal:?}}}, "storage":
            {{"path": {database:?}, "flush_interval": 1, "changes_interval": 1}}, "cache":
            {{"driver": "redis"}}, "redis": {{"servers": ["{url}"]}}}}"#
        );
        Member {
            tracker: Tracker::start(&settings),
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
