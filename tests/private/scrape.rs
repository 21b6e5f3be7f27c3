//! Scrapes of a private tracker.

use crate::client::{Told, leech, seed};
use crate::common::http::{get, hash, scrape};
use crate::common::{Tracker, V4, V6, eventually, udp};
use crate::site::Site;
use std::time::Duration;

#[test]
fn need_a_passkey() {
    let site = Site::new("scrape");
    for user in ["alice", "banned"] {
        site.user(user);
    }
    site.torrent('a');
    site.sql("UPDATE tracker_users SET enabled = 0 WHERE name = 'banned'");
    let tracker = site.start();
    seed("alice", 1).served(&tracker);
    leech("alice", 2).served(&tracker);
    let query = scrape('a').split_off("/scrape?".len());
    let refused = |text: &str, retry: &str| Told::Refused(text.to_owned(), retry.to_owned());
    for to in [tracker.http[V4], tracker.http[V6]] {
        for (target, expected) in [
            (
                format!("/scrape?{query}"),
                refused("passkey required", "never"),
            ),
            ("/scrape".to_owned(), refused("passkey required", "never")),
            (
                format!("/mallory/scrape?{query}"),
                refused("unknown passkey", "1"),
            ),
            (
                format!("/banned/scrape?{query}"),
                refused("account disabled", "60"),
            ),
            (
                format!("/scrape?passkey=mallory&{query}"),
                refused("unknown passkey", "1"),
            ),
            (
                "/alice/scrape".to_owned(),
                refused("full scrape is not served", ""),
            ),
        ] {
            assert_eq!(Told::of(&get(to, &target)), expected, "{target}");
        }
        for target in [
            format!("/alice/scrape?{query}"),
            format!("/scrape/alice?{query}"),
            format!("/scrape?passkey=alice&{query}"),
            format!("/scrape?{query}&passkey=alice"),
        ] {
            assert_eq!(get(to, &target).scraped('a'), [1, 1, 0, 1], "{target}");
        }
        // One that is not there has nobody, as with any tracker.
        let target = format!("/alice/scrape?info_hash={}", hash('x'));
        assert_eq!(get(to, &target).scraped('x'), [0; 4]);
    }
}

#[test]
fn udp_has_no_room_for_a_passkey() {
    let site = Site::new("scrape-udp");
    site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    for to in [tracker.udp[V4], tracker.udp[V6]] {
        let mut client = udp::Client::new(to);
        let said = client.refused(2, &udp::hash('a'));
        assert_eq!(said, "passkey required");
        // An option behind a hash looks like the beginning of another.
        let with_option = [&udp::hash('a')[..], b"\x02\x0f/alice/announce"].concat();
        assert_eq!(client.refused(2, &with_option), "passkey required");
    }
}

#[test]
fn all_torrents_only_with_a_passkey() {
    let site = Site::new("scrape-full").with(r#""scrape": {"full": true}"#);
    site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    seed("alice", 1).served(&tracker);
    let to = tracker.http[V4];
    let refused = Told::Refused("passkey required".to_owned(), "never".to_owned());
    assert_eq!(Told::of(&get(to, "/scrape")), refused);
    assert!(get(to, "/alice/scrape").good().get("files").is_some());
}

#[test]
fn finished_downloads_are_remembered_by_the_database() {
    let site = Site::new("scrape-downloaded");
    let user = site.user("alice");
    site.torrent('a');
    site.torrent('b');
    site.sql("UPDATE tracker_torrents SET snatches = 41 WHERE name = 'b'");
    let scraped = |tracker: &Tracker, torrent: char| {
        let target = format!("/alice{}", scrape(torrent));
        get(tracker.http[V4], &target).scraped(torrent)
    };
    let tracker = site.start();
    assert_eq!(scraped(&tracker, 'b'), [0, 0, 41, 0]);
    leech("alice", 1).served(&tracker);
    seed("alice", 1).event("completed").served(&tracker);
    assert_eq!(scraped(&tracker, 'a'), [1, 0, 1, 0]);
    tracker.stop();
    let tracker = site.start();
    assert_eq!(scraped(&tracker, 'a'), [0, 0, 1, 0]);
    let answer = get(tracker.http[V4], &seed("alice", 1).target());
    assert_eq!(answer.announced().downloaded, 1);
    // One more is told as soon as the database knows it, and not only after the next start.
    leech("alice", 1).on('b').served(&tracker);
    seed("alice", 1).on('b').event("completed").served(&tracker);
    eventually("one more", || {
        std::thread::sleep(Duration::from_millis(20));
        scraped(&tracker, 'b') == [1, 0, 42, 0]
    });
    tracker.stop();
    let tracker = site.start();
    assert_eq!(scraped(&tracker, 'b'), [0, 0, 42, 0]);
    tracker.stop();
    let sql =
        format!("SELECT snatches FROM tracker_history WHERE user_id = {user} AND torrent_id = 1");
    assert_eq!(site.value::<i64>(&sql), 1);
}
