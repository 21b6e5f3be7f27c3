//! Those who may not announce any more leave at once.

use crate::client::{Announce, BOTH, leech, seed};
use crate::common::{Tracker, addr, eventually, udp};
use crate::pushes::{one, passkey, push, torrent_of, user};
use crate::site::Site;
use chihaya::model::{InfoHash, TorrentId, UserId};
use chihaya::storage::{Edit, TorrentEdit, TorrentName, TorrentStatus, UserEdit, UserName};
use std::net::SocketAddr;

/// What another client is told of a swarm.
fn seen(tracker: &Tracker, torrent: char) -> ([i128; 2], Vec<SocketAddr>) {
    let other = leech("watcher", 999).on(torrent);
    let served = other.clone().event("started").served(tracker);
    other.event("stopped").served(tracker);
    ([served.seeders, served.leechers - 1], served.peers)
}

fn site(name: &str) -> Site {
    let site = Site::new(name);
    for user in ["alice", "bob", "watcher"] {
        site.user(user);
    }
    site.torrent('a');
    site.torrent('b');
    site
}

fn enabled(id: u64, enabled: bool) -> Edit {
    Edit::User(UserEdit {
        enabled: Some(enabled),
        ..UserEdit::of(UserName::Id(UserId(id)))
    })
}

fn with_status(letter: char, status: TorrentStatus) -> Edit {
    Edit::Torrent(TorrentEdit {
        status: Some(status),
        ..TorrentEdit::of(torrent_of(letter))
    })
}

#[test]
fn who_is_disabled_leaves_all_swarms_at_once() {
    for (name, edit) in [
        ("disabled", enabled(1, false)),
        (
            "removed",
            Edit::UserGone(UserName::Passkey(passkey("alice"))),
        ),
    ] {
        let site = site(&format!("leaving-{name}"));
        let tracker = site.start();
        for way in BOTH {
            let port = if way.is_udp() { 11 } else { 1 };
            seed("alice", port)
                .by(way)
                .event("started")
                .served(&tracker);
            leech("alice", port + 1).on('b').by(way).served(&tracker);
            seed("alice", port).from("::1").by(way).served(&tracker);
            leech("bob", port)
                .from("127.0.0.9")
                .by(way)
                .served(&tracker);
        }
        assert_eq!(seen(&tracker, 'a').0, [4, 2], "{name}");
        assert_eq!(
            tracker.authority().user_sessions(UserId(1)).len(),
            4,
            "{name}"
        );
        assert!(one(&tracker, edit).is_ok());
        let bobs = vec![addr("127.0.0.9:1"), addr("127.0.0.9:11")];
        assert_eq!(seen(&tracker, 'a'), ([0, 2], bobs), "{name}");
        assert_eq!(seen(&tracker, 'b'), ([0, 0], vec![]), "{name}");
        assert_eq!(tracker.authority().user_sessions(UserId(1)), [], "{name}");
        let left = "SELECT count(*) FROM tracker_peers WHERE user_id = 1 AND active = 1";
        site.wait_for(left, 0);
        site.wait_for(
            "SELECT seeders * 10 + leechers FROM tracker_torrents WHERE id = 1",
            2,
        );
        site.wait_for(
            "SELECT sum(active + seeder) FROM tracker_history WHERE user_id = 1",
            0,
        );
    }
}

#[test]
fn nothing_that_was_moved_is_lost_by_it() {
    let site = site("leaving-credit");
    let tracker = site.start();
    let alice = |up| seed("alice", 1).moved(up, 0);
    alice(0).event("started").served(&tracker);
    alice(100).served(&tracker);
    assert!(one(&tracker, enabled(1, false)).is_ok());
    alice(150).refused(&tracker, "account disabled", "60");
    assert!(one(&tracker, enabled(1, true)).is_ok());
    alice(175).served(&tracker);
    tracker.stop();
    assert_eq!(site.totals(1), [175, 0, 175, 0]);
    assert_eq!(
        site.numbers("SELECT active, seeder FROM tracker_history"),
        [1, 1]
    );
    // A replay says the same.
    let tracker = site.start();
    alice(180).served(&tracker);
    tracker.stop();
    assert_eq!(site.totals(1), [180, 0, 180, 0]);
}

#[test]
fn slots_are_free_again() {
    let site = site("leaving-slots");
    site.sql("UPDATE tracker_users SET slots = 1 WHERE id = 1");
    let tracker = site.start();
    let full = "all download slots are in use";
    leech("alice", 1).served(&tracker);
    leech("alice", 1).on('b').refused(&tracker, full, "10");
    let gone = with_status('a', TorrentStatus::Unapproved);
    assert!(one(&tracker, gone).is_ok());
    leech("alice", 1).on('b').served(&tracker);
    // Not the other one when the first is back.
    assert!(one(&tracker, with_status('a', TorrentStatus::Registered)).is_ok());
    leech("alice", 1).refused(&tracker, full, "10");
}

#[test]
fn a_torrent_that_is_gone_has_no_swarm() {
    let moved = InfoHash(udp::hash('z'));
    for (name, edits) in [
        (
            "deleted",
            vec![with_status('a', TorrentStatus::Deleted("dupe".into()))],
        ),
        (
            "unapproved",
            vec![with_status('a', TorrentStatus::Unapproved)],
        ),
        ("removed", vec![Edit::TorrentGone(torrent_of('a'))]),
        (
            "another",
            vec![Edit::Torrent(TorrentEdit {
                info_hash: Some(moved),
                ..TorrentEdit::of(TorrentName::Id(TorrentId(1)))
            })],
        ),
        // With those who announced it, at once.
        (
            "with its users",
            vec![
                Edit::TorrentGone(torrent_of('a')),
                enabled(1, false),
                enabled(2, false),
            ],
        ),
    ] {
        let site = site(&format!("leaving-torrent-{name}"));
        let tracker = site.start();
        seed("alice", 1).served(&tracker);
        leech("bob", 2).served(&tracker);
        seed("bob", 3).on('b').served(&tracker);
        assert_eq!(tracker.authority().torrent_sessions(TorrentId(1)).len(), 2);
        assert!(push(&tracker, edits).iter().all(Result::is_ok), "{name}");
        assert_eq!(
            tracker.authority().torrent_sessions(TorrentId(1)),
            [],
            "{name}"
        );
        // As it was before, it would be seen who is still there.
        let back = Edit::Torrent(TorrentEdit {
            create: true,
            id: Some(TorrentId(1)).filter(|_| name != "another"),
            info_hash: Some(InfoHash(udp::hash('a'))),
            status: Some(TorrentStatus::Registered),
            ..TorrentEdit::of(match name {
                "another" => TorrentName::Id(TorrentId(1)),
                _ => torrent_of('a'),
            })
        });
        assert!(one(&tracker, back).is_ok(), "{name}");
        assert_eq!(seen(&tracker, 'a'), ([0, 0], vec![]), "{name}");
        if name != "with its users" {
            assert_eq!(seen(&tracker, 'b').0, [1, 0], "{name}");
        }
        site.wait_for(
            "SELECT sum(active) FROM tracker_peers WHERE torrent_id = 1 AND user_id < 3",
            0,
        );
    }
}

#[test]
fn what_the_web_application_changes_has_the_same_effect() {
    let site = site("leaving-loads");
    let storage = format!(
        r#""storage": {{"path": {:?}, "flush_interval": 1, "changes_interval": 1, "reload_interval": 1}}"#,
        site.database()
    );
    let site = site.with(&storage);
    let tracker = site.start();
    seed("alice", 1).served(&tracker);
    seed("alice", 2).on('b').served(&tracker);
    seed("bob", 3).on('b').served(&tracker);
    site.sql(
        "UPDATE tracker_users SET enabled = 0 WHERE id = 1;
         DELETE FROM tracker_torrents WHERE id = 1;",
    );
    eventually("alice has left", || {
        seen(&tracker, 'b') == ([1, 0], vec![addr("127.0.0.1:3")])
    });
    site.wait_for("SELECT sum(active) FROM tracker_peers WHERE user_id = 1", 0);
    // So has one who is found to be gone when everything is loaded anew.
    site.sql(
        "UPDATE tracker_users SET enabled = 0 WHERE id = 2;
         DELETE FROM tracker_changes;
         UPDATE sqlite_sequence SET seq = 0 WHERE name = 'tracker_changes';",
    );
    let other: Announce = leech("watcher", 999).on('b');
    eventually("bob has left", || {
        std::thread::sleep(std::time::Duration::from_millis(20));
        other.served(&tracker).seeders == 0
    });
    assert_eq!(tracker.authority().sessions(), 1);
}

#[test]
fn many_at_once() {
    let site = site("leaving-many");
    let tracker = site.start();
    let users = || (100..400).map(|id| (id, format!("user{id}")));
    let pushed = push(
        &tracker,
        users().map(|(id, name)| user(id, &name)).collect(),
    );
    assert!(pushed.iter().all(Result::is_ok));
    for (id, name) in users() {
        seed(&name, id as u16).served(&tracker);
    }
    assert_eq!(seen(&tracker, 'a').0, [300, 0]);
    let odd = users().filter(|(id, _)| id % 2 == 1);
    let answers: Vec<_> = odd
        .map(|(id, _)| {
            let (sender, answer) = std::sync::mpsc::channel();
            let done = move |told| sender.send(told).expect("waited for");
            tracker.authority().push(vec![enabled(id, false)], done);
            answer
        })
        .collect();
    for answer in answers {
        assert!(answer.recv().expect("an answer")[0].is_ok());
    }
    assert_eq!(seen(&tracker, 'a').0, [150, 0]);
}
