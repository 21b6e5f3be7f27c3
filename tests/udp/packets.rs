//! Packets: who is answered, who is refused, who hears nothing, and from where an answer comes.

use crate::common::udp::{Announce, Client, MAGIC, hash, packet};
use crate::common::{Tracker, V4, V6, addr, ip};
use std::collections::BTreeSet;

#[test]
fn ids_are_given_to_addresses() {
    let tracker = Tracker::start("{}");
    for family in [V4, V6] {
        let mut client = Client::new(tracker.udp[family]);
        assert_ne!(client.connection_id, 0);
        // Clients may send more than the 16 bytes; the answer has just them all the same.
        let (action, body) = client.ask(MAGIC, 0, b"more");
        assert_eq!((action, body.len()), (0, 8));
        // An id is its address's, whichever port it is used from: libtorrent shares them between
        // its sockets.
        let mut neighbour = Client::unproven(tracker.udp[family].ip(), tracker.udp[family]);
        neighbour.connection_id = client.connection_id;
        neighbour.announce(&Announce::new('a', 2001, 5));
    }
}

#[test]
fn what_is_refused_gets_an_error_packet() {
    let tracker = Tracker::start("{}");
    let announce = Announce::new('a', 2001, 5);
    let with_options = |options: &[u8]| {
        let options = options.to_vec();
        Announce {
            options,
            ..announce.clone()
        }
        .body()
    };
    for family in [V4, V6] {
        let mut client = Client::new(tracker.udp[family]);
        for (name, action, body, reason) in [
            ("a connect with an id", 0, vec![], "unknown action"),
            ("an error", 3, vec![], "unknown action"),
            (
                "the old dual-stack announce",
                4,
                announce.body(),
                "unknown action",
            ),
            ("an action of nobody", 77, vec![], "unknown action"),
            (
                "an announce cut short",
                1,
                announce.body()[..81].to_vec(),
                "malformed request",
            ),
            ("an announce of its head", 1, vec![], "malformed request"),
            (
                "an option cut short",
                1,
                with_options(b"\x02\x0a/announce"),
                "malformed request",
            ),
            (
                "an option without length",
                1,
                with_options(b"\x01\x02"),
                "malformed request",
            ),
            ("a scrape of nothing", 2, vec![], "malformed request"),
            (
                "a scrape of half a hash",
                2,
                vec![b'a'; 10],
                "malformed request",
            ),
            (
                "a scrape of 75",
                2,
                vec![b'a'; 75 * 20],
                "too many info_hash in one scrape",
            ),
        ] {
            assert_eq!(
                client.refused(action, &body),
                reason,
                "{name}, family {family}"
            );
        }
        assert_eq!(
            client.scrape(&[hash('a')]),
            [[0, 0, 0]],
            "who is refused does not join"
        );
    }
}

#[test]
fn a_full_tracker_says_so() {
    let tracker = Tracker::start(r#"{"limits": {"torrents": 1}}"#);
    let mut client = Client::new(tracker.udp[V4]);
    client.announce(&Announce::new('a', 2001, 5));
    let stranger = Announce::new('b', 2001, 5);
    assert_eq!(client.refused(1, &stranger.body()), "tracker is full");
    client.announce(&Announce::new('a', 2001, 5));
}

#[test]
fn who_has_not_proved_the_address_hears_nothing() {
    let tracker = Tracker::start("{}");
    for family in [V4, V6] {
        let address = tracker.udp[family];
        let mut client = Client::unproven(address.ip(), address);
        let id = Client::new(address).connection_id;
        let announce = Announce::new('a', 2001, 5).body();
        for (name, sent) in [
            ("an announce with id 0", packet(0, 1, 1, &announce)),
            (
                "an announce with the constant for an id",
                packet(MAGIC, 1, 1, &announce),
            ),
            (
                "an announce with a bit of the id changed",
                packet(id ^ 1, 1, 1, &announce),
            ),
            (
                "an announce with the id's time changed",
                packet(id ^ (1 << 48), 1, 1, &announce),
            ),
            ("a scrape", packet(0, 2, 1, &hash('a'))),
            ("an unknown action", packet(0, 9, 1, &[])),
            ("a connect without the constant", packet(0, 0, 1, &[])),
            (
                "the constant, written backwards",
                packet(MAGIC.swap_bytes(), 0, 1, &[]),
            ),
            ("nothing", vec![]),
            (
                "15 bytes of a connect",
                packet(MAGIC, 0, 1, &[])[..15].to_vec(),
            ),
            (
                "text",
                b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe".to_vec(),
            ),
            ("zeros", vec![0; 1500]),
            ("more than any request", packet(id, 1, 1, &[0; 4000])),
        ] {
            client.expect_silence(&format!("{name}, family {family}"), &sent);
        }
        client.connect();
        assert_eq!(
            client.scrape(&[hash('a')]),
            [[0, 0, 0]],
            "none of them took effect"
        );
    }
}

#[test]
fn an_id_is_of_no_use_elsewhere() {
    let tracker = Tracker::start("{}");
    let address = tracker.udp[V4];
    let id = Client::new(address).connection_id;
    let mut stranger = Client::unproven(ip("127.0.0.2"), address);
    let announce = packet(id, 1, 1, &Announce::new('a', 2001, 5).body());
    stranger.expect_silence("an id of 127.0.0.1 from 127.0.0.2", &announce);
    assert_ne!(stranger.connect(), id);
    stranger.announce(&Announce::new('a', 2001, 5));
}

#[test]
fn the_answer_comes_from_the_address_that_was_asked() {
    let tracker = Tracker::start(r#"{"network": {"udp": ["0.0.0.0:0", "[::]:0"]}}"#);
    for (from, asked, family) in [
        ("127.0.0.1", "127.0.0.1:0", V4),
        ("127.0.0.1", "127.0.0.5:0", V4),
        ("127.0.0.6", "127.0.0.7:0", V4),
        ("::1", "[::1]:0", V6),
    ] {
        let mut asked = addr(asked);
        asked.set_port(tracker.udp[family].port());
        // Its socket is connected: it hears nobody else.
        let mut client = Client::unproven(ip(from), asked);
        client.connect();
        client.announce(&Announce::new('a', 2001, 5));
        client.scrape(&[hash('a')]);
        assert_eq!(client.refused(9, &[]), "unknown action", "{from} {asked}");
    }
}

#[test]
fn many_questions_at_once_are_all_answered() {
    let tracker = Tracker::start(r#"{"network": {"workers": 1}}"#);
    let client = Client::new(tracker.udp[V4]);
    // More than a tick takes, fewer than the client's own buffer holds.
    let questions: BTreeSet<u32> = (1..=150).collect();
    for transaction_id in &questions {
        client.send(&packet(
            client.connection_id,
            2,
            *transaction_id,
            &hash('a'),
        ));
    }
    let answered: BTreeSet<u32> = questions
        .iter()
        .map(|_| {
            let answer = client.receive();
            assert_eq!((answer.len(), &answer[..4]), (20, &[0, 0, 0, 2][..]));
            u32::from_be_bytes([answer[4], answer[5], answer[6], answer[7]])
        })
        .collect();
    assert_eq!(answered, questions);
}
