//! Answers to announces: what is in them, how peers are written, which peers they are.

use crate::common::http::{Connection, announce, get, scrape};
use crate::common::{Tracker, V4, V6, addr, addrs, ip};
use std::collections::BTreeSet;

#[test]
fn an_answer_has_what_clients_read() {
    let tracker =
        Tracker::start(r#"{"announce": {"interval": 600, "min_interval": 300, "jitter": 60}}"#);
    for (family, external_ip) in [(V4, "127.0.0.1"), (V6, "::1")] {
        let torrent = ['a', 'b'][family];
        let answer = get(tracker.http[family], &announce(torrent, 2001, 5));
        assert_eq!(answer.header("content-encoding"), None);
        let first = answer.announced();
        assert_eq!(
            (first.complete, first.incomplete, first.downloaded),
            (0, 1, 0)
        );
        assert_eq!(first.min_interval, 300);
        assert_eq!(first.external_ip, ip(external_ip));
        assert_eq!(first.warning, None);
        // `peers` is there even when it is empty, `peers6` only when it is not.
        assert_eq!((first.peers.len(), &first.peers6), (0, &None));
        let second = get(tracker.http[family], &announce(torrent, 2002, 0)).announced();
        assert_eq!(
            (second.complete, second.incomplete),
            (1, 1),
            "the asker included"
        );
        assert_eq!(second.ports(), [2001]);
    }
}

#[test]
fn intervals_are_spread() {
    let tracker =
        Tracker::start(r#"{"announce": {"interval": 600, "min_interval": 300, "jitter": 60}}"#);
    let mut client = Connection::open(tracker.http[V4]);
    let mut announce = || client.get(&announce('a', 2001, 5)).announced().interval;
    let intervals: BTreeSet<i128> = (0..50).map(|_| announce()).collect();
    assert!(
        intervals.iter().all(|secs| (600..=660).contains(secs)),
        "{intervals:?}"
    );
    assert!(intervals.len() > 5, "{intervals:?}");
}

#[test]
fn one_answer_holds_both_families() {
    let tracker = Tracker::start("{}");
    get(tracker.http[V4], &announce('a', 2001, 5));
    get(tracker.http[V6], &announce('a', 2002, 5));
    for (family, port) in [(V4, 2003), (V6, 2004)] {
        let answer = get(tracker.http[family], &announce('a', port, 5)).announced();
        assert_eq!(answer.incomplete, 3);
        assert_eq!(answer.peers, [addr("127.0.0.1:2001")]);
        assert_eq!(answer.peers6, Some(addrs(&["[::1]:2002"])));
        get(
            tracker.http[family],
            &(announce('a', port, 5) + "&event=stopped"),
        );
    }
}

#[test]
fn places_go_to_the_family_of_the_asker_first() {
    let tracker = Tracker::start("{}");
    for port in 2001..=2004 {
        get(tracker.http[V4], &announce('a', port, 5));
        get(tracker.http[V6], &announce('a', port, 5));
    }
    for (family, expected) in [(V4, (4, 2)), (V6, (2, 4))] {
        let target = announce('a', 3000, 0) + "&numwant=6";
        let answer = get(tracker.http[family], &target).announced();
        let found = (
            answer.peers.len(),
            answer.peers6.map_or(0, |peers| peers.len()),
        );
        assert_eq!(found, expected, "family {family}");
        get(tracker.http[family], &(target + "&event=stopped"));
    }
}

#[test]
fn peers_as_dictionaries() {
    for (name, settings, parameters, ids) in [
        (
            "ids are kept",
            r#"{"announce": {"peer_ids": true}}"#,
            "&compact=0",
            true,
        ),
        (
            "not wanted",
            r#"{"announce": {"peer_ids": true}}"#,
            "&compact=0&no_peer_id=1",
            false,
        ),
        (
            "wanted",
            r#"{"announce": {"peer_ids": true}}"#,
            "&no_peer_id=0&compact=0",
            true,
        ),
        ("ids are not kept", "{}", "&compact=0", false),
    ] {
        let tracker = Tracker::start(settings);
        get(tracker.http[V4], &announce('a', 2001, 5));
        get(tracker.http[V6], &announce('a', 2002, 5));
        let body = get(tracker.http[V4], &(announce('a', 2003, 0) + parameters)).good();
        assert_eq!(body.get("peers6"), None, "{name}");
        let mut peers: Vec<_> = body.get("peers").expect("peers").list().iter().collect();
        peers.sort_by_key(|peer| peer.int("port"));
        let ips: Vec<_> = peers
            .iter()
            .map(|peer| peer.get("ip").expect("ip").text())
            .collect();
        assert_eq!(ips, ["127.0.0.1", "::1"], "{name}");
        for (peer, port) in peers.iter().zip([2001, 2002]) {
            assert_eq!(peer.int("port"), port, "{name}");
            let id = peer.get("peer id").map(|id| id.text().to_owned());
            assert_eq!(id, ids.then(|| format!("-XX0000-{port:012}")), "{name}");
        }
    }
}

#[test]
fn an_empty_list_of_dictionaries_is_there() {
    let tracker = Tracker::start("{}");
    let body = get(tracker.http[V4], &(announce('a', 2001, 5) + "&compact=0")).good();
    assert_eq!(body.get("peers").map(|peers| peers.list().len()), Some(0));
}

#[test]
fn who_gets_whom() {
    // Two of each: seeders 2001 and 2002, leechers 2003 and 2004, partial seeds 2005 and 2006.
    for family in [V4, V6] {
        let tracker = Tracker::start("{}");
        let mut client = Connection::open(tracker.http[family]);
        let target = |port: u16| match port {
            2001 | 2002 => announce('a', port, 0),
            2003 | 2004 => announce('a', port, 5),
            _ => announce('a', port, 5) + "&event=paused",
        };
        for port in 2001..=2006 {
            client.get(&target(port));
        }
        for (name, asker, expected) in [
            (
                "a seeder gets who is not",
                2001,
                vec![2003, 2004, 2005, 2006],
            ),
            (
                "a leecher gets everybody else",
                2003,
                vec![2001, 2002, 2004, 2005, 2006],
            ),
            (
                "a partial seed gets who is no seeder",
                2005,
                vec![2003, 2004, 2006],
            ),
        ] {
            let answer = client.get(&target(asker)).announced();
            assert_eq!(answer.ports(), expected, "{name}, family {family}");
        }
        // The choice is random: what must never happen gets many chances.
        for round in 0..100 {
            let answer = client.get(&(target(2001) + "&numwant=2")).announced();
            assert!(
                answer.ports().iter().all(|port| *port > 2002),
                "{round}: {answer:?}"
            );
            let answer = client.get(&(target(2003) + "&numwant=3")).announced();
            assert_eq!(answer.ports().len(), 3);
            assert!(!answer.ports().contains(&2003), "{round}: {answer:?}");
        }
    }
}

#[test]
fn numwant() {
    let tracker = Tracker::start(r#"{"announce": {"peers_default": 5, "peers_max": 10}}"#);
    let mut client = Connection::open(tracker.http[V4]);
    for port in 2001..=2030 {
        client.get(&announce('a', port, 5));
    }
    for (name, parameters, peers) in [
        ("missing", "", 5),
        ("empty", "&numwant=", 5),
        ("none", "&numwant=0", 0),
        ("one", "&numwant=1", 1),
        ("negative", "&numwant=-1", 5),
        ("unreadable", "&numwant=many", 5),
        ("the most there is", "&numwant=10", 10),
        ("more than there is", "&numwant=11", 10),
        ("2^32", "&numwant=4294967296", 10),
        ("2^64 - 1", "&numwant=18446744073709551615", 10),
        ("stopped", "&numwant=10&event=stopped", 0),
    ] {
        let answer = client
            .get(&(announce('a', 3000, 5) + parameters))
            .announced();
        assert_eq!(answer.peers.len(), peers, "{name}");
        let different: BTreeSet<_> = answer.peers.iter().collect();
        assert_eq!(different.len(), peers, "{name}: a peer twice");
    }
}

#[test]
fn left_decides_who_is_a_seeder() {
    let tracker = Tracker::start("{}");
    let mut client = Connection::open(tracker.http[V4]);
    for (left, seeders) in [
        ("&left=0", 1),
        ("&left=1", 0),
        ("&left=4294967296", 0),
        ("&left=9223372036854775807", 0),
        ("&left=18446744073709551615", 0),
        ("&left=-1", 0),
        ("&left=much", 0),
        ("&left=", 0),
        ("", 0),
    ] {
        let target = announce('a', 2001, 7).replace("&left=7", left);
        let answer = client.get(&target).announced();
        assert_eq!(
            (answer.complete, answer.incomplete),
            (seeders, 1 - seeders),
            "{left:?}"
        );
    }
}

#[test]
fn a_peer_without_a_port_is_not_handed_out() {
    let tracker = Tracker::start("{}");
    for (name, port) in [("zero", "&port=0"), ("missing", "")] {
        for family in [V4, V6] {
            let mut client = Connection::open(tracker.http[family]);
            client.get(&announce('a', 2001, 5));
            let target = announce('a', 7, 5).replace("&port=7", port);
            for event in ["&event=started", "", "&event=completed", "&event=stopped"] {
                let answer = client.get(&format!("{target}{event}")).announced();
                assert!(answer.warning.is_some(), "{name}{event}");
                let stopped = event == "&event=stopped";
                assert_eq!(
                    answer.ports().is_empty(),
                    stopped,
                    "{name}{event}: it may connect"
                );
                let others = client
                    .get(&(announce('a', 2001, 5) + "&numwant=9"))
                    .announced();
                assert!(!others.ports().contains(&0), "{name}{event}: {others:?}");
            }
            client.get(&(announce('a', 2001, 5) + "&event=stopped"));
        }
    }
    assert_eq!(
        get(tracker.http[V4], &scrape('a')).scraped('a')[..2],
        [0, 0]
    );
}

#[test]
fn a_full_tracker_says_when_to_come_back() {
    for (name, settings, stranger) in [
        (
            "torrents",
            r#"{"limits": {"torrents": 1}}"#,
            announce('b', 2001, 5),
        ),
        (
            "peers",
            r#"{"limits": {"peers": 1}}"#,
            announce('a', 2002, 5),
        ),
    ] {
        let tracker = Tracker::start(settings);
        let mut client = Connection::open(tracker.http[V4]);
        client.get(&announce('a', 2001, 5)).announced();
        let refused = client.get(&stranger);
        assert_eq!(
            (refused.status, refused.failure().as_str()),
            (200, "tracker is full")
        );
        let body = crate::common::bencode::parse(&refused.body);
        assert!(body.int("retry in") > 0, "{name}");
        client.get(&announce('a', 2001, 5)).announced();
        client
            .get(&(announce('a', 2001, 5) + "&event=stopped"))
            .announced();
        if name == "peers" {
            client.get(&stranger).announced();
        }
    }
}
