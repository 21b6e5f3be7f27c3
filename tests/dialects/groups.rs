//! UNIT3D's groups: what one allows reaches its users, now, later, and after a restart.

use crate::client::leech;
use crate::unit3d_site::{Unit3d, group, site, torrent, user, with};
use serde_json::json;

const NO_SLOT: &str = "all download slots are in use";

#[test]
fn what_a_group_allows_is_allowed_to_its_users() {
    let site = site("groups", "tracker", "");
    let tracker = site.start();
    let unit3d = Unit3d::of(&tracker);
    for (id, letter) in [(1, 'a'), (2, 'b'), (3, 'c')] {
        unit3d.put("torrents", torrent(id, letter));
    }
    unit3d.put("groups", with(group(3, "user"), "download_slots", 1));
    unit3d.put("users", user(7, 3, "alice"));
    // The group of this one is told later.
    unit3d.put("users", user(8, 4, "bob"));
    unit3d.put("users", user(9, 3, "carol"));
    leech("alice", 1).served(&tracker);
    leech("alice", 1).on('b').refused(&tracker, NO_SLOT, "10");
    for letter in ['a', 'b', 'c'] {
        leech("bob", 2).on(letter).served(&tracker);
    }
    unit3d.put("groups", with(group(3, "user"), "download_slots", 2));
    leech("alice", 1).on('b').served(&tracker);
    leech("alice", 1).on('c').refused(&tracker, NO_SLOT, "10");
    unit3d.put("groups", group(3, "user"));
    leech("alice", 1).on('c').served(&tracker);
    unit3d.put("groups", group(4, "banned"));
    leech("bob", 2).refused(&tracker, "account disabled", "60");
    leech("carol", 3).served(&tracker);
    unit3d.put("groups", group(4, "veteran"));
    leech("bob", 2).served(&tracker);
    // The user goes to another group.
    unit3d.put("groups", with(group(5, "leech"), "download_slots", 0));
    unit3d.put("users", user(9, 5, "carol"));
    leech("carol", 3).on('b').refused(&tracker, NO_SLOT, "10");
    unit3d.put("groups", with(group(3, "user"), "download_slots", 0));
    unit3d.put("groups", group(5, "leech"));
    leech("carol", 3).on('b').served(&tracker);
    for _ in 0..2 {
        unit3d.delete("groups", json!({"id": 5}));
    }
    leech("carol", 3).on('c').served(&tracker);
}

#[test]
fn groups_are_known_after_a_restart() {
    let site = site("restart", "tracker", "");
    let tracker = site.start();
    let unit3d = Unit3d::of(&tracker);
    unit3d.put("torrents", torrent(1, 'a'));
    unit3d.put("groups", group(3, "user"));
    unit3d.put("users", user(7, 3, "alice"));
    unit3d.put("users", with(user(8, 3, "bob"), "is_donor", true));
    unit3d.put("users", user(9, 3, "carol"));
    unit3d.delete("users", json!({"id": 9, "passkey": "carol"}));
    tracker.stop();

    let tracker = site.start();
    let unit3d = Unit3d::of(&tracker);
    leech("alice", 1).served(&tracker);
    leech("bob", 2).served(&tracker);
    let double = with(group(3, "user"), "is_double_upload", true);
    unit3d.put("groups", double.clone());
    leech("alice", 1).moved(100, 100).served(&tracker);
    leech("bob", 2).moved(100, 100).served(&tracker);
    unit3d.put("groups", with(double, "is_freeleech", true));
    leech("alice", 1).moved(200, 200).served(&tracker);
    leech("bob", 2).moved(200, 200).served(&tracker);
    unit3d.put("groups", group(3, "user"));
    leech("alice", 1).moved(300, 300).served(&tracker);
    leech("bob", 2).moved(300, 300).served(&tracker);
    let raw = "SELECT min(raw_uploaded) FROM tracker_users";
    site.wait_for(raw, 300);
    assert_eq!(site.totals(7), [500, 200, 300, 300]);
    assert_eq!(site.totals(8), [500, 0, 300, 300]);
    leech("carol", 3).refused(&tracker, "unknown passkey", "1");
    assert_eq!(unit3d.get("users/8")["group_id"], 3);
}

/// Double upload of a group and of a torrent is double, as UNIT3D has it, unless the operator says
/// otherwise.
#[test]
fn what_is_doubled_twice_is_doubled_once() {
    for (settings, credited) in [
        ("", 200),
        (r#", "accounts": {"multipliers": "product"}"#, 400),
    ] {
        let site = site("twice", "tracker", settings);
        let tracker = site.start();
        let unit3d = Unit3d::of(&tracker);
        unit3d.put("torrents", with(torrent(1, 'a'), "upload_factor", 200));
        unit3d.put("groups", with(group(3, "user"), "is_double_upload", true));
        unit3d.put("users", user(7, 3, "alice"));
        leech("alice", 1).served(&tracker);
        leech("alice", 1).moved(100, 100).served(&tracker);
        site.wait_for("SELECT min(raw_uploaded) FROM tracker_users", 100);
        assert_eq!(site.totals(7), [credited, 100, 100, 100]);
    }
}

/// More users than are told at once.
#[test]
fn a_group_of_many_changes_for_all_of_them() {
    const USERS: u64 = 2500;
    let site = site("many", "tracker", "");
    let tracker = site.start();
    let unit3d = Unit3d::of(&tracker);
    unit3d.put("groups", group(3, "user"));
    let mut connection = crate::common::http::Connection::open(unit3d.0);
    for some in (1..=USERS).collect::<Vec<_>>().chunks(50) {
        for id in some {
            let body = user(*id, 3, &format!("user-{id}"));
            connection.send(crate::unit3d_site::request("PUT", "users", &body));
        }
        for _ in some {
            assert_eq!(connection.answer().status, 200);
        }
    }
    unit3d.put("groups", with(group(3, "user"), "download_slots", 5));
    let told = site.numbers("SELECT count(*), sum(slots) FROM tracker_users");
    assert_eq!(told, [USERS as i64, 5 * USERS as i64]);
}
