//! What a tracker takes up again after it was stopped.

use crate::client::{BOTH, leech, seed};
use crate::site::Site;

#[test]
fn totals_go_on_from_where_they_were() {
    for way in BOTH {
        let site = Site::new(&format!("restart-{way:?}"));
        let alice = site.user("alice");
        site.torrent('a');
        let client = |up, down| leech("alice", 1).by(way).moved(up, down);
        let tracker = site.start();
        client(1000, 1000).served(&tracker);
        client(1100, 1000).served(&tracker);
        tracker.stop();
        assert_eq!(site.totals(alice), [100, 0, 100, 0], "{way:?}");
        // What has grown while nobody was there counts, too.
        let tracker = site.start();
        client(1500, 1050).served(&tracker);
        tracker.stop();
        assert_eq!(site.totals(alice), [500, 50, 500, 50], "{way:?}");
        // Nothing is counted again.
        for _ in 0..2 {
            site.start().stop();
            assert_eq!(site.totals(alice), [500, 50, 500, 50], "{way:?}");
        }
        let tracker = site.start();
        client(1501, 1051).event("stopped").served(&tracker);
        tracker.stop();
        assert_eq!(site.totals(alice), [501, 51, 501, 51], "{way:?}");
        let [announces, sessions] = site
            .numbers("SELECT announces, (SELECT count(*) FROM tracker_peers) FROM tracker_history");
        assert_eq!([announces, sessions], [4, 1], "{way:?}");
    }
}

#[test]
fn a_finished_download_is_not_finished_again() {
    let site = Site::new("restart-completed");
    site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    leech("alice", 1).served(&tracker);
    seed("alice", 1).event("completed").served(&tracker);
    tracker.stop();
    let tracker = site.start();
    seed("alice", 1).event("completed").served(&tracker);
    tracker.stop();
    let sums: [i64; 3] = site.numbers(
        "SELECT t.snatches, h.snatches, (SELECT count(*) FROM tracker_events) \
         FROM tracker_torrents t JOIN tracker_history h",
    );
    assert_eq!(sums, [1, 1, 1]);
}

#[test]
fn counts_in_the_database_are_of_sessions_that_are_still_there() {
    let site = Site::new("restart-counts");
    site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    seed("alice", 1).served(&tracker);
    leech("alice", 2).served(&tracker);
    tracker.stop();
    let counts = || site.numbers("SELECT seeders, leechers FROM tracker_torrents");
    assert_eq!(counts(), [1, 1]);
    let tracker = site.start();
    seed("alice", 2).event("completed").served(&tracker);
    tracker.stop();
    assert_eq!(counts(), [2, 0]);
    let tracker = site.start();
    seed("alice", 1).event("stopped").served(&tracker);
    tracker.stop();
    assert_eq!(counts(), [1, 0]);
}

#[test]
fn what_changed_meanwhile_holds() {
    let site = Site::new("restart-changes");
    for user in ["alice", "bob", "carol"] {
        site.user(user);
    }
    site.torrent('a');
    site.torrent('b');
    let tracker = site.start();
    for user in ["alice", "bob", "carol"] {
        leech(user, 1).served(&tracker);
    }
    tracker.stop();
    site.sql(
        "UPDATE tracker_users SET passkey = 'alice2' WHERE name = 'alice';
         DELETE FROM tracker_users WHERE name = 'bob';
         DELETE FROM tracker_torrents WHERE name = 'b';",
    );
    site.user("dave");
    let tracker = site.start();
    leech("alice", 1).refused(&tracker, "unknown passkey", "1");
    leech("bob", 1).refused(&tracker, "unknown passkey", "1");
    for user in ["alice2", "carol", "dave"] {
        leech(user, 1).served(&tracker);
        leech(user, 1)
            .on('b')
            .refused(&tracker, "torrent not registered", "1");
    }
}
