//! Sessions and the swarm: who is listed, and where.

use crate::client::{Announce, BOTH, Way, leech, seed};
use crate::common::{Tracker, addr, addrs};
use crate::site::Site;
use std::net::SocketAddr;

fn site(name: &str) -> Site {
    let site = Site::new(name);
    site.user("alice");
    site.user("bob");
    site.torrent('a');
    site.torrent('b');
    site
}

/// Peers that another client is given, and how many of each kind it is told.
fn seen(tracker: &Tracker, torrent: char) -> ([i128; 2], Vec<SocketAddr>) {
    let other = leech("bob", 999).on(torrent);
    let served = other.clone().event("started").served(tracker);
    other.event("stopped").served(tracker);
    ([served.seeders, served.leechers - 1], served.peers)
}

#[test]
fn a_client_of_both_families_is_one_seeder_with_two_addresses() {
    for way in BOTH {
        let site = site(&format!("dual-{way:?}"));
        let tracker = site.start();
        for from in ["127.0.0.1", "::1"] {
            seed("alice", 7)
                .by(way)
                .from(from)
                .event("started")
                .served(&tracker);
        }
        let both = ([2, 0], vec![addr("127.0.0.1:7"), addr("[::1]:7")]);
        assert_eq!(seen(&tracker, 'a'), both, "{way:?}");
        site.wait_for("SELECT seeders FROM tracker_torrents WHERE name = 'a'", 1);
        let rows = "SELECT count(*) FROM tracker_peers WHERE active AND user_id = 1";
        assert_eq!(site.value::<i64>(rows), 1, "{way:?}");
        // Each address leaves by itself.
        seed("alice", 7).by(way).event("stopped").served(&tracker);
        assert_eq!(
            seen(&tracker, 'a'),
            ([1, 0], vec![addr("[::1]:7")]),
            "{way:?}"
        );
        seed("alice", 7)
            .by(way)
            .from("::1")
            .event("stopped")
            .served(&tracker);
        assert_eq!(seen(&tracker, 'a'), ([0, 0], vec![]), "{way:?}");
        tracker.stop();
        let seeders = "SELECT seeders FROM tracker_torrents WHERE name = 'a'";
        assert_eq!(site.value::<i64>(seeders), 0, "{way:?}");
    }
}

#[test]
fn a_client_that_moves_leaves_nothing_behind() {
    for way in BOTH {
        let site = site(&format!("moves-{way:?}"));
        let tracker = site.start();
        let alice = || leech("alice", 1).by(way);
        let steps: [(&str, Announce, &[&str]); 7] = [
            ("arrives", alice(), &["127.0.0.1:1"]),
            ("another port", alice().port(2), &["127.0.0.1:2"]),
            (
                "another address",
                alice().port(2).from("127.0.0.2"),
                &["127.0.0.2:2"],
            ),
            ("both", alice().port(3), &["127.0.0.1:3"]),
            (
                "IPv6 as well",
                alice().port(3).from("::1"),
                &["127.0.0.1:3", "[::1]:3"],
            ),
            (
                "moves over IPv6",
                alice().port(4).from("::1"),
                &["127.0.0.1:3", "[::1]:4"],
            ),
            (
                "moves and seeds",
                seed("alice", 1).by(way).port(4),
                &["127.0.0.1:4", "[::1]:4"],
            ),
        ];
        for (name, announce, expected) in steps {
            announce.served(&tracker);
            assert_eq!(seen(&tracker, 'a').1, addrs(expected), "{name} by {way:?}");
        }
        // It stops from where nobody knew it.
        alice().port(9).event("stopped").served(&tracker);
        assert_eq!(seen(&tracker, 'a').1, addrs(&["[::1]:4"]), "{way:?}");
    }
}

#[test]
fn nobody_moves_or_stops_another() {
    for way in BOTH {
        let site = site(&format!("others-{way:?}"));
        let tracker = site.start();
        let alice = leech("alice", 1).by(way);
        let client_of_bob = |announce: Announce| Announce {
            passkey: Some("bob".to_owned()),
            ..announce
        };
        alice.served(&tracker);
        leech("alice", 1).on('b').by(way).served(&tracker);
        // Peer ids are known to the whole swarm: another user's with the same is another client.
        client_of_bob(alice.clone())
            .port(2)
            .from("127.0.0.2")
            .served(&tracker);
        let both = addrs(&["127.0.0.1:1", "127.0.0.2:2"]);
        assert_eq!(seen(&tracker, 'a').1, both, "{way:?}");
        let stopped = client_of_bob(alice.clone())
            .port(2)
            .from("127.0.0.2")
            .event("stopped");
        stopped.served(&tracker);
        assert_eq!(seen(&tracker, 'a').1, addrs(&["127.0.0.1:1"]), "{way:?}");
        // What happens on one torrent happens on no other.
        alice.event("stopped").served(&tracker);
        assert_eq!(seen(&tracker, 'a').1, [], "{way:?}");
        assert_eq!(seen(&tracker, 'b').1, addrs(&["127.0.0.1:1"]), "{way:?}");
    }
}

#[test]
fn a_client_may_change_its_protocol() {
    let site = site("protocols");
    let tracker = site.start();
    leech("alice", 1).by(Way::Http).served(&tracker);
    leech("alice", 1).by(Way::Udp).moved(50, 5).served(&tracker);
    leech("alice", 2).by(Way::HttpParameter).served(&tracker);
    assert_eq!(
        seen(&tracker, 'a').1,
        addrs(&["127.0.0.1:1", "127.0.0.1:2"])
    );
    tracker.stop();
    assert_eq!(site.totals(1), [50, 5, 50, 5]);
}
