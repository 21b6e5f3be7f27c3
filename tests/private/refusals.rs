//! Who is not served, and what they are told.

use crate::client::{Announce, Told, WAYS, Way, leech, seed};
use crate::common::http::{get, hash};
use crate::common::{V4, udp};
use crate::site::Site;

/// Users and torrents of all kinds; names are passkeys.
fn site(name: &str) -> Site {
    let site = Site::new(name);
    for user in ["alice", "banned", "seedonly"] {
        site.user(user);
    }
    for torrent in ['a', 'b', 'c', 'd'] {
        site.torrent(torrent);
    }
    site.sql(
        "UPDATE tracker_users SET enabled = 0 WHERE name = 'banned';
         UPDATE tracker_users SET can_leech = 0 WHERE name = 'seedonly';
         UPDATE tracker_torrents SET status = 1 WHERE name = 'b';
         UPDATE tracker_torrents SET status = 2 WHERE name = 'c';
         UPDATE tracker_torrents SET status = 2, reason = 'Duplikat, schöner' WHERE name = 'd';",
    );
    site
}

fn nobody() -> Announce {
    Announce {
        passkey: None,
        ..leech("", 1)
    }
}

#[test]
fn each_has_its_text() {
    let site = site("refusals");
    let tracker = site.start();
    let too_long = "p".repeat(65);
    let longest = "p".repeat(64);
    let no_downloading = "downloading is disabled for this account";
    let rows = [
        ("no passkey", nobody(), "passkey required", "never"),
        ("unknown", leech("mallory", 1), "unknown passkey", "1"),
        ("other case", leech("Alice", 1), "unknown passkey", "1"),
        ("a part of one", leech("alic", 1), "unknown passkey", "1"),
        ("longest", leech(&longest, 1), "unknown passkey", "1"),
        ("too long", leech(&too_long, 1), "unknown passkey", "1"),
        ("disabled", leech("banned", 1), "account disabled", "60"),
        (
            "disabled, on nothing",
            leech("banned", 1).on('x'),
            "account disabled",
            "60",
        ),
        (
            "disabled, stops",
            leech("banned", 1).event("stopped"),
            "account disabled",
            "60",
        ),
        (
            "unregistered",
            leech("alice", 1).on('x'),
            "torrent not registered",
            "1",
        ),
        (
            "unapproved",
            seed("alice", 1).on('b'),
            "torrent not approved yet",
            "10",
        ),
        (
            "deleted",
            leech("alice", 1).on('c'),
            "torrent deleted",
            "never",
        ),
        (
            "deleted for a reason",
            leech("alice", 1).on('d'),
            "torrent deleted: Duplikat, schöner",
            "never",
        ),
        ("downloads", leech("seedonly", 1), no_downloading, "60"),
        (
            "starts to",
            leech("seedonly", 1).event("started"),
            no_downloading,
            "60",
        ),
        (
            "partial seed",
            leech("seedonly", 1).event("paused"),
            no_downloading,
            "60",
        ),
    ];
    for way in WAYS {
        for (name, announce, text, retry) in &rows {
            println!("{name} by {way:?}");
            announce.clone().by(way).refused(&tracker, text, retry);
        }
        // None of them has become a peer.
        let alone = leech("alice", 9).by(way).served(&tracker);
        assert_eq!((alone.counts(), alone.peers.len()), ([0, 1], 0), "{way:?}");
        leech("alice", 9).by(way).event("stopped").served(&tracker);
    }
}

#[test]
fn who_may_not_download_may_seed_and_leave() {
    let site = site("refusals-seeding");
    let tracker = site.start();
    for way in WAYS {
        let rows = [
            ("seeds", seed("seedonly", 1), [1, 0]),
            (
                "left something, and completes",
                leech("seedonly", 1).event("completed"),
                [1, 0],
            ),
            ("leaves", seed("seedonly", 1).event("stopped"), [0, 0]),
            (
                "leaves half way",
                leech("seedonly", 1).event("stopped"),
                [0, 0],
            ),
        ];
        for (name, announce, counts) in rows {
            let served = announce.by(way).served(&tracker);
            assert_eq!(served.counts(), counts, "{name} by {way:?}");
        }
    }
}

#[test]
fn udp_without_any_passkey() {
    let site = site("refusals-udp");
    let tracker = site.start();
    let mut client = udp::Client::new(tracker.udp[V4]);
    let url = |text: &str| [&[2, text.len() as u8], text.as_bytes()].concat();
    for (name, options, text) in [
        ("no options", vec![], "passkey required"),
        ("an end", vec![0], "passkey required"),
        ("fillers", vec![1, 1, 1], "passkey required"),
        ("a bare path", url("/announce"), "passkey required"),
        (
            "an empty parameter",
            url("/announce?passkey="),
            "passkey required",
        ),
        (
            "another parameter",
            url("/announce?pass=alice"),
            "passkey required",
        ),
        (
            "another path",
            url("/tracker/alice/announce"),
            "passkey required",
        ),
        (
            "behind the end",
            [&[0][..], &url("/alice/announce")].concat(),
            "passkey required",
        ),
        ("cut short", vec![2, 200, b'/', b'a'], "malformed request"),
        (
            "pieces without end",
            [url("/alice"), url(&"x".repeat(255))].concat(),
            "passkey required",
        ),
    ] {
        let announce = udp::Announce {
            options,
            ..udp::Announce::new('a', 1, 1)
        };
        assert_eq!(client.refused(1, &announce.body()), text, "{name}");
    }
}

#[test]
fn other_requests_are_answered_as_ever() {
    let site = site("refusals-others");
    let tracker = site.start();
    let to = tracker.http[V4];
    let passkeyed = leech("alice", 1).target();
    let path = passkeyed.split('?').next().expect("a path");
    for target in [
        "/",
        "/alice",
        "/alice/",
        "/alice/stats",
        "//announce",
        "/a/alice/announce",
    ] {
        assert_eq!(get(to, target).status, 404, "{target}");
    }
    for (target, text) in [
        (path.to_owned(), "info_hash must be 20 bytes"),
        (format!("{path}?info_hash=%zz"), "bad percent-encoding"),
        (
            format!("{path}?info_hash={}", hash('a')),
            "peer_id must be 20 bytes",
        ),
        (format!("{passkeyed}&port=65536"), "port is not valid"),
        (
            format!("{passkeyed}&info_hash={}", hash('b')),
            "more than one info_hash",
        ),
    ] {
        let refused = Told::Refused(text.to_owned(), String::new());
        assert_eq!(Told::of(&get(to, &target)), refused, "{target}");
    }
    let parameter = leech("alice", 1).by(Way::HttpParameter).target();
    let first_counts = format!("{parameter}&passkey=mallory");
    assert!(matches!(Told::of(&get(to, &first_counts)), Told::Served(_)));
}
