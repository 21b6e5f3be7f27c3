//! Announces and scrapes: what is in an answer, and what it does to the swarm.

use crate::common::udp::{Announce, Client, hash};
use crate::common::{Tracker, V4, V6, addrs, http};
use std::collections::BTreeSet;

const COMPLETED: u32 = 1;
const STARTED: u32 = 2;
const STOPPED: u32 = 3;
const PAUSED: u32 = 4;

fn with_event(announce: Announce, event: u32) -> Announce {
    Announce { event, ..announce }
}

#[test]
fn an_announce_is_answered_over_both_families() {
    let tracker =
        Tracker::start(r#"{"announce": {"interval": 600, "min_interval": 300, "jitter": 60}}"#);
    for family in [V4, V6] {
        let torrent = ['a', 'b'][family];
        let mut client = Client::new(tracker.udp[family]);
        let first = client.announce(&with_event(Announce::new(torrent, 2001, 5), STARTED));
        assert_eq!(
            (first.seeders, first.leechers),
            (0, 1),
            "the asker included"
        );
        assert!((600..=660).contains(&first.interval), "{first:?}");
        assert_eq!(first.bytes, 20, "no peers");
        let second = client.announce(&Announce::new(torrent, 2002, 0));
        assert_eq!((second.seeders, second.leechers), (1, 1));
        assert_eq!(second.peers, [(tracker.udp[family].ip(), 2001).into()]);
    }
}

#[test]
fn events() {
    let tracker = Tracker::start("{}");
    for (name, event, left, expected) in [
        ("none", 0, 5, [0, 1]),
        ("completed", COMPLETED, 0, [1, 0]),
        ("completed with the old left", COMPLETED, 5, [1, 0]),
        ("started", STARTED, 5, [0, 1]),
        ("stopped", STOPPED, 5, [0, 0]),
        ("paused", PAUSED, 5, [0, 1]),
        ("paused, complete", PAUSED, 0, [1, 0]),
        ("one that nobody knows", 5, 5, [0, 1]),
        ("the last number", u32::MAX, 5, [0, 1]),
        ("2^32 left", 0, 1 << 32, [0, 1]),
        ("2^63 - 1 left", 0, (1 << 63) - 1, [0, 1]),
        ("2^64 - 1 left", 0, u64::MAX, [0, 1]),
    ] {
        for family in [V4, V6] {
            let mut client = Client::new(tracker.udp[family]);
            let announce = Announce::new('a', 2001, left);
            let answer = client.announce(&with_event(announce.clone(), event));
            assert_eq!([answer.seeders, answer.leechers], expected, "{name}");
            client.announce(&with_event(announce, STOPPED));
        }
    }
}

#[test]
fn partial_seeds_get_leechers_and_are_no_downloaders() {
    let tracker = Tracker::start("{}");
    let mut client = Client::new(tracker.udp[V4]);
    client.announce(&Announce::new('a', 2001, 0));
    client.announce(&Announce::new('a', 2002, 5));
    let answer = client.announce(&with_event(Announce::new('a', 2003, 5), PAUSED));
    assert_eq!(answer.peers, addrs(&["127.0.0.1:2002"]));
    let scraped = http::get(tracker.http[V4], &http::scrape('a')).scraped('a');
    assert_eq!(scraped, [1, 2, 0, 1]);
}

#[test]
fn a_scrape_is_answered_in_the_order_asked() {
    for family in [V4, V6] {
        let tracker = Tracker::start("{}");
        let mut client = Client::new(tracker.udp[family]);
        client.announce(&with_event(Announce::new('a', 2001, 0), COMPLETED));
        client.announce(&Announce::new('b', 2002, 5));
        client.announce(&Announce::new('b', 2003, 5));
        let (a, b, none) = ([1, 1, 0], [0, 0, 2], [0, 0, 0]);
        for (name, asked, expected) in [
            ("one", "b", vec![b]),
            ("out of order, one twice", "bxab", vec![b, none, a, b]),
            ("unknown", "xy", vec![none, none]),
        ] {
            let hashes: Vec<_> = asked.chars().map(hash).collect();
            assert_eq!(client.scrape(&hashes), expected, "{name}, family {family}");
        }
        for hashes in [73, 74] {
            let answer = client.scrape(&vec![hash('b'); hashes]);
            assert_eq!(answer, vec![b; hashes], "{hashes} hashes");
        }
    }
}

#[test]
fn options_after_an_announce() {
    let tracker = Tracker::start("{}");
    let mut client = Client::new(tracker.udp[V4]);
    let long = [b"\x02\xff".as_slice(), &[b'a'; 255]].concat();
    for (name, options) in [
        ("none", b"".as_slice()),
        ("the usual path", b"\x02\x09/announce"),
        (
            "a path with a passkey and a query",
            b"\x02\x14/s3cret/announce?a=1",
        ),
        ("in pieces", b"\x02\x04/s3c\x02\x04ret/\x02\x08announce"),
        (
            "in pieces with padding",
            b"\x01\x02\x04/s3c\x01\x01\x02\x0cret/announce\x00",
        ),
        ("an empty piece", b"\x02\x00\x02\x09/announce\x02\x00"),
        ("padding only", b"\x01\x01\x01"),
        ("the end at once", b"\x00"),
        ("bytes after the end", b"\x00\x02\xff\xff\xff"),
        ("an unknown option", b"\x7f\x03abc\x02\x09/announce"),
        ("as long as it can be", &long),
        ("no path", b"\x02\x05\xff\xfe\x00??"),
    ] {
        let options = options.to_vec();
        let answer = client.announce(&Announce {
            options,
            ..Announce::new('a', 2001, 5)
        });
        assert_eq!((answer.seeders, answer.leechers), (0, 1), "{name}");
    }
}

#[test]
fn an_answer_fits_one_packet() {
    let tracker = Tracker::start(r#"{"announce": {"peers_default": 2, "peers_max": 2000}}"#);
    for (family, most, bytes) in [(V4, 242, 1472), (V6, 79, 1442)] {
        let mut client = Client::new(tracker.udp[family]);
        for port in 2001..=2300 {
            client.announce(&Announce {
                num_want: 0,
                ..Announce::new('a', port, 5)
            });
        }
        for (num_want, peers) in [
            (-1, 2),
            (i32::MIN, 2),
            (0, 0),
            (1, 1),
            (79, 79),
            (300, most),
            (i32::MAX, most),
        ] {
            let announce = Announce {
                num_want,
                ..Announce::new('a', 3000, 5)
            };
            let answer = client.announce(&announce);
            let different: BTreeSet<_> = answer.peers.iter().collect();
            assert_eq!(
                answer.peers.len(),
                peers,
                "{num_want} wanted, family {family}"
            );
            assert_eq!(different.len(), peers, "{num_want} wanted: a peer twice");
            if peers == most {
                assert_eq!(answer.bytes, bytes, "family {family}");
            }
        }
        let stopped = with_event(
            Announce {
                num_want: 50,
                ..Announce::new('a', 3000, 5)
            },
            STOPPED,
        );
        assert_eq!(client.announce(&stopped).peers, [], "who stops wants none");
    }
    let tracker = Tracker::start(r#"{"announce": {"peers_default": 2, "peers_max": 3}}"#);
    let mut client = Client::new(tracker.udp[V4]);
    for port in 2001..=2010 {
        client.announce(&Announce::new('a', port, 5));
    }
    let announce = Announce {
        num_want: 200,
        ..Announce::new('a', 3000, 5)
    };
    assert_eq!(
        client.announce(&announce).peers.len(),
        3,
        "the cap of the configuration"
    );
}

#[test]
fn addresses_are_those_of_the_packets() {
    // Port 0 is not handed out, and claimed addresses count only from where they are believed.
    for (settings, believed) in [
        ("{}", false),
        (r#"{"announce": {"address_from": ["127.0.0.0/8"]}}"#, true),
    ] {
        let tracker = Tracker::start(settings);
        let mut client = Client::new(tracker.udp[V4]);
        client.announce(&Announce {
            ip: 0xc000_0207,
            ..Announce::new('a', 2001, 5)
        });
        client.announce(&Announce::new('a', 0, 5));
        let listed = client.announce(&Announce::new('a', 3000, 5)).peers;
        let expected = if believed {
            "192.0.2.7:2001"
        } else {
            "127.0.0.1:2001"
        };
        assert_eq!(listed, addrs(&[expected]), "{settings}");
    }
}

#[test]
fn one_swarm_whichever_way_it_is_asked() {
    let tracker = Tracker::start("{}");
    let mut v4 = Client::new(tracker.udp[V4]);
    let mut v6 = Client::new(tracker.udp[V6]);
    v4.announce(&Announce::new('a', 2001, 0));
    v6.announce(&Announce::new('a', 2002, 5));
    http::get(tracker.http[V4], &http::announce('a', 2003, 5)).announced();
    http::get(
        tracker.http[V6],
        &(http::announce('a', 2004, 0) + "&event=completed"),
    )
    .announced();

    // Counts are of the whole swarm, peers over UDP of the asker's family.
    let answer = v4.announce(&Announce::new('a', 2005, 5));
    assert_eq!((answer.seeders, answer.leechers), (2, 3));
    assert_eq!(answer.peers, addrs(&["127.0.0.1:2001", "127.0.0.1:2003"]));
    let answer = v6.announce(&Announce::new('a', 2006, 5));
    assert_eq!((answer.seeders, answer.leechers), (2, 4));
    assert_eq!(answer.peers, addrs(&["[::1]:2002", "[::1]:2004"]));

    let answer = http::get(tracker.http[V4], &http::announce('a', 2007, 5)).announced();
    assert_eq!(
        (answer.complete, answer.incomplete, answer.downloaded),
        (2, 5, 1)
    );
    let peers = ["127.0.0.1:2001", "127.0.0.1:2003", "127.0.0.1:2005"];
    assert_eq!(answer.peers, addrs(&peers));
    let peers = addrs(&["[::1]:2002", "[::1]:2004", "[::1]:2006"]);
    assert_eq!(answer.peers6, Some(peers));

    assert_eq!(v6.scrape(&[hash('a')]), [[2, 1, 5]]);
    // The same peer, the same place: whichever way it came, it can leave the other.
    http::get(
        tracker.http[V4],
        &(http::announce('a', 2001, 0) + "&event=stopped"),
    )
    .announced();
    v6.announce(&with_event(Announce::new('a', 2004, 0), STOPPED));
    assert_eq!(v4.scrape(&[hash('a')]), [[0, 1, 5]]);
}
