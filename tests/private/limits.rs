//! Slots, clients on a torrent, and the minimum interval.

use crate::client::{Announce, BOTH, Served, Way, leech, peer_id, seed};
use crate::common::{Tracker, addr, addrs};
use crate::site::Site;
use std::net::SocketAddr;

const NO_SLOT: &str = "all download slots are in use";
const TOO_MANY: &str = "too many clients on this torrent";

/// Peers that somebody else is given.
fn peers_for_another(tracker: &Tracker) -> Vec<SocketAddr> {
    let other = leech("other", 999).event("started").served(tracker);
    leech("other", 999).event("stopped").served(tracker);
    other.peers
}

#[test]
fn slots_are_torrents() {
    for way in BOTH {
        let site = Site::new(&format!("slots-{way:?}"));
        site.user("alice");
        site.user("other");
        for torrent in 'a'..='f' {
            site.torrent(torrent);
        }
        site.sql("UPDATE tracker_users SET slots = 2 WHERE name = 'alice'");
        let tracker = site.start();
        let leech = |port, torrent| leech("alice", port).on(torrent).by(way);
        let seed = |port, torrent| seed("alice", port).on(torrent).by(way);
        leech(1, 'a').served(&tracker);
        leech(1, 'b').served(&tracker);
        leech(1, 'c').refused(&tracker, NO_SLOT, "10");
        leech(1, 'c')
            .event("paused")
            .refused(&tracker, NO_SLOT, "10");
        // What is seeded takes none, nor does another client on the same torrent.
        seed(1, 'd').served(&tracker);
        seed(1, 'e').served(&tracker);
        leech(2, 'a').served(&tracker);
        leech(2, 'c').refused(&tracker, NO_SLOT, "10");
        // What was refused is no peer.
        let alone = super::client::leech("other", 5).on('c').by(way);
        assert_eq!(alone.served(&tracker).counts(), [0, 1]);
        // The torrent is free when the last client has stopped.
        leech(1, 'a').event("stopped").served(&tracker);
        leech(1, 'c').refused(&tracker, NO_SLOT, "10");
        leech(2, 'a').event("stopped").served(&tracker);
        leech(1, 'c').served(&tracker);
        leech(1, 'f').refused(&tracker, NO_SLOT, "10");
        // A finished one is free, too; the one that lacks something again is not.
        seed(1, 'b').event("completed").served(&tracker);
        leech(1, 'f').served(&tracker);
        leech(1, 'b').refused(&tracker, NO_SLOT, "10");
        seed(1, 'f').served(&tracker);
        leech(1, 'b').served(&tracker);
    }
}

#[test]
fn no_slot_at_all() {
    let site = Site::new("slots-none");
    site.user("alice");
    site.torrent('a');
    site.sql("UPDATE tracker_users SET slots = 0");
    let tracker = site.start();
    for way in BOTH {
        leech("alice", 1).by(way).refused(&tracker, NO_SLOT, "10");
        seed("alice", 1).by(way).served(&tracker);
    }
}

#[test]
fn clients_on_a_torrent() {
    for way in BOTH {
        let site = Site::new(&format!("sessions-{way:?}"))
            .with(r#""accounts": {"sessions_per_torrent": 2}"#);
        site.user("alice");
        site.user("other");
        site.torrent('a');
        site.torrent('b');
        let tracker = site.start();
        let client = |port, from: &str| leech("alice", port).from(from).by(way);
        client(1, "127.0.0.1").served(&tracker);
        client(2, "127.0.0.2").served(&tracker);
        client(3, "127.0.0.3").refused(&tracker, TOO_MANY, "30");
        client(3, "::1").refused(&tracker, TOO_MANY, "30");
        let of_both = addrs(&["127.0.0.1:1", "127.0.0.2:2"]);
        assert_eq!(peers_for_another(&tracker), of_both, "{way:?}");
        // Other torrents have nothing to do with it, nor have other users.
        client(3, "127.0.0.3").on('b').served(&tracker);
        leech("other", 4).from("127.0.0.3").by(way).served(&tracker);
        leech("other", 4)
            .from("127.0.0.3")
            .by(way)
            .event("stopped")
            .served(&tracker);
        // A restarted client has a new id at the old address; what it was is gone.
        client(5, "127.0.0.2").served(&tracker);
        let of_both = addrs(&["127.0.0.1:1", "127.0.0.2:5"]);
        assert_eq!(peers_for_another(&tracker), of_both, "{way:?}");
        // Also at the same port.
        let again = Announce {
            peer_id: peer_id(6),
            ..client(5, "127.0.0.2")
        };
        again.served(&tracker);
        assert_eq!(peers_for_another(&tracker), of_both, "{way:?}");
        // Who stops makes room.
        client(1, "127.0.0.1").event("stopped").served(&tracker);
        client(3, "127.0.0.3").served(&tracker);
        let of_both = addrs(&["127.0.0.2:5", "127.0.0.3:3"]);
        assert_eq!(peers_for_another(&tracker), of_both, "{way:?}");
    }
}

#[test]
fn a_ghost_leaves_with_both_its_addresses() {
    let site = Site::new("sessions-ghost").with(r#""accounts": {"sessions_per_torrent": 1}"#);
    site.user("alice");
    site.user("other");
    site.torrent('a');
    let tracker = site.start();
    leech("alice", 1).served(&tracker);
    leech("alice", 1).from("::1").served(&tracker);
    assert_eq!(
        peers_for_another(&tracker),
        [addr("127.0.0.1:1"), addr("[::1]:1")]
    );
    leech("alice", 2).served(&tracker);
    assert_eq!(peers_for_another(&tracker), [addr("127.0.0.1:2")]);
}

/// What a client is told that may have come too soon.
fn outcome(served: &Served) -> (bool, bool) {
    (served.peers.is_empty(), served.warning.is_some())
}

#[test]
fn who_comes_too_soon_is_warned_and_gets_no_peers() {
    const WARNING: &str = "announced again too soon: no peers this time";
    for way in BOTH {
        let site = Site::new(&format!("too-soon-{way:?}"));
        let alice = site.user("alice");
        site.user("bob");
        site.torrent('a');
        let tracker = site.start();
        for (from, port) in [("127.0.0.1", 10), ("::1", 11)] {
            leech("bob", port).from(from).served(&tracker);
            seed("bob", port + 10).from(from).served(&tracker);
        }
        let good = (false, false);
        // Only HTTP has a place for a warning.
        let bad = (true, way == Way::Http);
        let steps = [
            ("starts", leech("alice", 1).event("started"), good),
            ("again", leech("alice", 1).moved(100, 50), bad),
            ("and again", leech("alice", 1).moved(250, 50), bad),
            (
                "as a partial seed",
                leech("alice", 1).event("paused").moved(250, 50),
                bad,
            ),
            (
                "over IPv6",
                leech("alice", 1).moved(250, 50).from("::1"),
                good,
            ),
            (
                "again over IPv6",
                leech("alice", 1).moved(260, 50).from("::1"),
                bad,
            ),
            (
                "starts again",
                leech("alice", 1).moved(300, 50).event("started"),
                good,
            ),
            ("has everything", seed("alice", 1).moved(300, 60), good),
            ("still has", seed("alice", 1).moved(300, 70), bad),
            (
                "completes",
                seed("alice", 1).moved(300, 80).event("completed"),
                good,
            ),
            ("another client", leech("alice", 2), good),
        ];
        for (name, announce, expected) in steps {
            println!("{name} by {way:?}");
            let seeds = announce.left == 0;
            let served = announce.by(way).served(&tracker);
            assert_eq!(outcome(&served), expected, "{served:?}");
            if expected.1 {
                assert_eq!(served.warning.as_deref(), Some(WARNING));
            }
            // The counts are the swarm's in any case: its addresses, of which it has one or two.
            let [seeders, leechers] = served.counts();
            assert!(
                seeders >= 2 && leechers >= 2 && seeders + leechers >= 5,
                "{served:?}"
            );
            assert!(!seeds || seeders >= 3, "{served:?}");
        }
        // Whoever stops asks for nothing.
        let stopped = seed("alice", 1).moved(400, 80).event("stopped").by(way);
        assert_eq!(outcome(&stopped.served(&tracker)), (true, false), "{way:?}");
        tracker.stop();
        // However soon, all of it counts.
        assert_eq!(site.totals(alice), [400, 80, 400, 80], "{way:?}");
    }
}

#[test]
fn no_minimum_at_all() {
    let site = Site::new("too-soon-never").with(r#""announce": {"min_interval": 0}"#);
    site.user("alice");
    site.user("bob");
    site.torrent('a');
    let tracker = site.start();
    seed("bob", 2).served(&tracker);
    for way in BOTH {
        for _ in 0..3 {
            let served = leech("alice", 1).by(way).served(&tracker);
            assert_eq!(outcome(&served), (false, false), "{way:?}");
        }
    }
}
