//! Clients by the prefix of their peer ids.

use crate::client::{Announce, BOTH, leech};
use crate::site::Site;

fn client(peer_id: &str) -> Announce {
    Announce {
        peer_id: peer_id.as_bytes().try_into().expect("20 bytes"),
        ..leech("alice", 1)
    }
}

/// A name, prefixes and whether they are approved, peer ids and whether they are.
type Row = (
    &'static str,
    &'static [(&'static str, u8)],
    &'static [(&'static str, bool)],
);

#[test]
fn the_longest_prefix_decides() {
    const XX: &str = "-XX1234-abcdefghijkl";
    const XX2: &str = "-XX2000-abcdefghijkl";
    const YY: &str = "-YY1234-abcdefghijkl";
    let rows: [Row; 6] = [
        ("none is named", &[], &[(XX, true), (YY, true)]),
        (
            "one is banned",
            &[("-XX", 0)],
            &[(XX, false), (XX2, false), (YY, true)],
        ),
        (
            "one is approved",
            &[("-XX", 1)],
            &[(XX, true), (XX2, true), (YY, false)],
        ),
        (
            "approved, but for a version",
            &[("-XX", 1), ("-XX2", 0)],
            &[(XX, true), (XX2, false), (YY, false)],
        ),
        (
            "banned, but for a version",
            &[("-XX", 0), ("-XX2", 1)],
            &[(XX, false), (XX2, true), (YY, false)],
        ),
        (
            "in turns, up to the whole",
            &[("-", 1), ("-XX", 0), ("-XX1", 1), ("-XX1234-a", 0), (XX, 1)],
            &[
                (XX, true),
                ("-XX1234-abcdefghijkm", false),
                ("-XX1234-bbcdefghijkl", true),
                (XX2, false),
                (YY, true),
                ("M7-10-5--abcdefghijk", false),
            ],
        ),
    ];
    for (number, (name, prefixes, clients)) in rows.iter().enumerate() {
        let site = Site::new(&format!("prefixes-{number}"));
        site.user("alice");
        site.torrent('a');
        for (prefix, allow) in *prefixes {
            site.sql(&format!(
                "INSERT INTO tracker_clients (prefix, allow) VALUES ('{prefix}', {allow})"
            ));
        }
        let tracker = site.start();
        for (peer_id, is_good) in *clients {
            for way in BOTH {
                println!("{name}: {peer_id} by {way:?}");
                let client = client(peer_id).by(way);
                if *is_good {
                    assert_eq!(client.served(&tracker).counts(), [0, 1]);
                } else {
                    client.refused(&tracker, "client not approved", "never");
                    let seeds = Announce {
                        left: 0,
                        ..client.clone()
                    };
                    seeds.refused(&tracker, "client not approved", "never");
                }
                // Whoever leaves may leave.
                let left = client.event("stopped").served(&tracker);
                assert_eq!(left.counts(), [0, 0]);
            }
        }
    }
}

#[test]
fn a_client_that_is_no_longer_approved_can_leave_the_swarm() {
    let site = Site::new("prefixes-leave");
    site.user("alice");
    site.user("bob");
    site.torrent('a');
    let tracker = site.start();
    let old = client("-XX1234-abcdefghijkl").port(7);
    let other = Announce {
        passkey: Some("bob".to_owned()),
        ..client("-YY1234-abcdefghijkl")
    };
    assert_eq!(old.served(&tracker).counts(), [0, 1]);
    assert_eq!(other.served(&tracker).ports(), [7]);
    site.sql("INSERT INTO tracker_clients (prefix, allow) VALUES ('-XX', 0)");
    old.eventually_refused(&tracker, "client not approved");
    old.event("stopped").served(&tracker);
    let other = Announce {
        event: "started",
        ..other
    };
    assert_eq!(other.served(&tracker).ports(), [0u16; 0]);
}
