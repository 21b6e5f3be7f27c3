//! What a site may award or investigate, and the addresses it is not to see.

use crate::client::{Announce, BOTH, leech, seed};
use crate::common::ip;
use crate::site::Site;

#[test]
fn a_finished_download_counts_once() {
    for way in BOTH {
        let site = Site::new(&format!("completed-{way:?}"));
        let (alice, bob) = (site.user("alice"), site.user("bob"));
        let torrent = site.torrent('a');
        let tracker = site.start();
        leech("alice", 1).by(way).served(&tracker);
        for _ in 0..3 {
            seed("alice", 1).by(way).event("completed").served(&tracker);
        }
        // Over the other family, too.
        seed("alice", 1)
            .by(way)
            .event("completed")
            .from("::1")
            .served(&tracker);
        // Who had everything from the start has finished nothing.
        seed("bob", 2).by(way).event("started").served(&tracker);
        seed("bob", 2).by(way).served(&tracker);
        tracker.stop();
        let events: [i64; 4] = site.numbers(
            "SELECT count(*), max(user_id), max(torrent_id), max(amount) FROM tracker_events \
             WHERE kind = 'completed'",
        );
        assert_eq!(events, [1, alice as i64, torrent as i64, 1], "{way:?}");
        let snatches = |user: u64| {
            site.numbers(&format!(
                "SELECT snatches, completed_at <> 0 FROM tracker_history WHERE user_id = {user}"
            ))
        };
        assert_eq!(
            (snatches(alice), snatches(bob)),
            ([1, 1], [0, 0]),
            "{way:?}"
        );
        assert_eq!(
            site.value::<i64>("SELECT snatches FROM tracker_torrents"),
            1
        );
    }
}

#[test]
fn speeds_beyond_belief() {
    for way in BOTH {
        let site =
            Site::new(&format!("speed-{way:?}")).with(r#""accounts": {"plausible_speed": "1MiB"}"#);
        let (alice, bob) = (site.user("alice"), site.user("bob"));
        site.torrent('a');
        let tracker = site.start();
        for user in ["alice", "bob"] {
            leech(user, 1).by(way).served(&tracker);
        }
        // Nobody waits the hour that this takes at a mebibyte a second.
        let much = 4000 << 20;
        leech("alice", 1).by(way).moved(0, much).served(&tracker);
        leech("bob", 1)
            .by(way)
            .moved(1 << 19, 1 << 19)
            .served(&tracker);
        // As a first announce it says nothing: it may have been moved at any time.
        leech("bob", 2).by(way).moved(much, much).served(&tracker);
        tracker.stop();
        let sql = "SELECT count(*), max(user_id), min(amount) > 1048576 FROM tracker_events \
                   WHERE kind = 'implausible_speed'";
        assert_eq!(site.numbers(sql), [1, alice as i64, 1], "{way:?}");
        // It is told, not refused.
        assert_eq!(site.totals(alice)[1], much as i64, "{way:?}");
        assert_eq!(site.totals(bob)[1], 1 << 19, "{way:?}");
    }
}

#[test]
fn clients_that_are_not_what_they_say() {
    let site = Site::new("mismatch");
    let rows: [(&str, &[u8; 20], &[&str], i64); 6] = [
        (
            "honest",
            b"-TR3000-abcdefghijkl",
            &["Transmission/3.00"; 2],
            0,
        ),
        ("nameless", b"-TR3000-abcdefghijkl", &["", ""], 0),
        ("pretends", b"-TR3000-abcdefghijkl", &["Cheat/1.0"], 1),
        (
            "pretends-on",
            b"-TR3000-abcdefghijkl",
            &["Cheat/1.0", "Transmission/3.00"],
            2,
        ),
        (
            "updated",
            b"-XX3000-abcdefghijkl",
            &["Example/1.0", "Example/2.0"],
            0,
        ),
        (
            "changes",
            b"-XX3000-abcdefghijkl",
            &["Example/1.0", "Sample/2.0"],
            1,
        ),
    ];
    site.torrent('a');
    let users: Vec<u64> = rows.iter().map(|(name, ..)| site.user(name)).collect();
    let tracker = site.start();
    for (name, peer_id, agents, _) in rows {
        for &agent in agents {
            let client = Announce {
                peer_id: *peer_id,
                agent,
                ..leech(name, 1)
            };
            client.served(&tracker);
        }
    }
    tracker.stop();
    for ((name, .., expected), user) in rows.iter().zip(users) {
        let told: i64 = site.value(&format!(
            "SELECT coalesce(sum(amount), 0) FROM tracker_events \
             WHERE kind = 'client_mismatch' AND user_id = {user}"
        ));
        assert_eq!(told, *expected, "{name}");
    }
}

#[test]
fn addresses_that_are_to_be_hidden() {
    let v4_mapped = std::net::Ipv4Addr::new(127, 0, 0, 2)
        .to_ipv6_mapped()
        .octets();
    let v6 = match ip("::1") {
        std::net::IpAddr::V6(ip) => ip.octets(),
        std::net::IpAddr::V4(_) => [0; 16],
    };
    for (way, from, shown) in [
        (BOTH[0], "127.0.0.2", v4_mapped),
        (BOTH[1], "127.0.0.2", v4_mapped),
        (BOTH[0], "::1", v6),
        (BOTH[1], "::1", v6),
    ] {
        let site = Site::new("hidden");
        let users = [site.user("open"), site.user("hidden")];
        site.torrent('a');
        site.sql("UPDATE tracker_users SET hide_ip = 1 WHERE name = 'hidden'");
        let tracker = site.start();
        for name in ["open", "hidden"] {
            leech(name, 7).from(from).by(way).served(&tracker);
            seed(name, 7)
                .from(from)
                .by(way)
                .event("completed")
                .served(&tracker);
        }
        tracker.stop();
        for (user, expected) in users.into_iter().zip([shown, [0; 16]]) {
            for table in ["tracker_peers", "tracker_events"] {
                let sql = format!("SELECT ip FROM {table} WHERE user_id = {user}");
                let ip: Vec<u8> = site.value(&sql);
                assert_eq!(ip, expected, "{table} by {way:?} from {from}, user {user}");
            }
        }
    }
}
