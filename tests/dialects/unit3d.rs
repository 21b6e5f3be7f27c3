//! Every resource of UNIT3D's dialect, and what announces get then.

use crate::client::{leech, seed};
use crate::common::V4;
use crate::unit3d_site::{Unit3d, group, hex, site, torrent, user, with};
use serde_json::{Value, json};

#[test]
fn users_come_change_and_go() {
    let site = site("users", "both", "");
    let tracker = site.start();
    for unit3d in [Unit3d::of(&tracker), Unit3d(tracker.admin[V4])] {
        unit3d.put("torrents", torrent(9, 'a'));
        leech("alice", 1).refused(&tracker, "unknown passkey", "1");
        unit3d.put("users", user(7, 3, "alice"));
        leech("alice", 1).served(&tracker);
        unit3d.put("users", with(user(7, 3, "alice"), "can_download", false));
        leech("alice", 1).refused(&tracker, "downloading is disabled for this account", "60");
        seed("alice", 2).served(&tracker);
        unit3d.put("users", user(7, 3, "alice"));
        leech("alice", 1).served(&tracker);
        unit3d.put("users", with(user(7, 3, "alice"), "new_passkey", "alice2"));
        leech("alice", 1).refused(&tracker, "unknown passkey", "1");
        leech("alice2", 1).served(&tracker);
        // Somebody else's passkey.
        assert_eq!(unit3d.status("PUT", "users", &user(8, 3, "alice2")), 409);
        for _ in 0..2 {
            unit3d.delete("users", json!({"id": 7, "passkey": "alice2"}));
            leech("alice2", 1).refused(&tracker, "unknown passkey", "1");
        }
    }
}

#[test]
fn torrents_come_change_and_go() {
    let site = site("torrents", "tracker", "");
    let tracker = site.start();
    let unit3d = Unit3d::of(&tracker);
    unit3d.put("users", user(7, 3, "alice"));
    leech("alice", 1).refused(&tracker, "torrent not registered", "1");
    unit3d.put("torrents", torrent(9, 'a'));
    leech("alice", 1).served(&tracker);
    for status in [0, 2, 3, 4] {
        unit3d.put("torrents", with(torrent(9, 'a'), "status", status));
        leech("alice", 1).refused(&tracker, "torrent not approved yet", "10");
    }
    assert_eq!(unit3d.get("torrents/9")["status"], "Pending");
    unit3d.put("torrents", torrent(9, 'a'));
    leech("alice", 1).served(&tracker);
    unit3d.delete("torrents", json!({"id": 9, "info_hash": hex('a')}));
    leech("alice", 1).refused(&tracker, "torrent deleted", "never");
    assert_eq!(unit3d.get("torrents/9")["is_deleted"], true);
    // It is uploaded again; then the old one is told of once more.
    unit3d.put("torrents", torrent(10, 'a'));
    leech("alice", 1).served(&tracker);
    unit3d.put("torrents", with(torrent(9, 'a'), "is_deleted", true));
    leech("alice", 1).served(&tracker);
    unit3d.put("torrents", with(torrent(10, 'a'), "is_deleted", true));
    leech("alice", 1).refused(&tracker, "torrent deleted", "never");
    // There is nothing to be deleted, so all is well: the site would try again and again.
    unit3d.delete("torrents", json!({"id": 99, "info_hash": hex('x')}));
}

#[test]
fn clients_are_banned() {
    let site = site("agents", "tracker", "");
    let tracker = site.start();
    let unit3d = Unit3d::of(&tracker);
    unit3d.put("users", user(7, 3, "alice"));
    unit3d.put("torrents", torrent(9, 'a'));
    unit3d.put("blacklisted-agents", json!({"peer_id_prefix": "-YY"}));
    leech("alice", 1).served(&tracker);
    unit3d.put("blacklisted-agents", json!({"peer_id_prefix": "-XX"}));
    leech("alice", 1).refused(&tracker, "client not approved", "never");
    for _ in 0..2 {
        unit3d.delete("blacklisted-agents", json!({"peer_id_prefix": "-XX"}));
        leech("alice", 1).served(&tracker);
    }
}

#[test]
fn transfer_is_credited_as_the_site_says() {
    let site = site("credit", "tracker", "");
    let tracker = site.start();
    let unit3d = Unit3d::of(&tracker);
    unit3d.put("users", user(7, 3, "alice"));
    unit3d.put("torrents", torrent(9, 'a'));
    let mut moved = 0;
    let mut announce = || {
        leech("alice", 1).moved(moved, moved).served(&tracker);
        moved += 100;
    };
    announce();
    let percent = |up: u16, down: u16| {
        let body = with(torrent(9, 'a'), "upload_factor", up);
        unit3d.put("torrents", with(body, "download_factor", down));
    };
    percent(200, 25);
    announce(); // 200 and 25
    percent(100, 100);
    let token = json!({"user_id": 7, "torrent_id": 9});
    unit3d.put("freeleech-tokens", token.clone());
    announce(); // 100 and 0
    unit3d.delete("freeleech-tokens", token.clone());
    announce(); // 100 and 100
    unit3d.put("personal-freeleech", json!({"user_id": 7}));
    announce(); // 100 and 0
    unit3d.delete("personal-freeleech", json!({"user_id": 7}));
    announce(); // 100 and 100
    unit3d.put("featured-torrents", json!({"torrent_id": 9}));
    announce(); // 200 and 0
    unit3d.delete("featured-torrents", json!({"torrent_id": 9}));
    announce(); // 100 and 100
    unit3d.put("users", with(user(7, 3, "alice"), "is_donor", true));
    announce(); // 100 and 0
    // A group gives the user nothing it does not say.
    unit3d.put("groups", group(3, "user"));
    unit3d.put("users", user(7, 3, "alice"));
    announce(); // 100 and 100
    site.wait_for("SELECT raw_uploaded FROM tracker_users WHERE id = 7", 900);
    assert_eq!(site.totals(7), [1100, 425, 900, 900]);
    for gone in [
        "freeleech-tokens",
        "personal-freeleech",
        "featured-torrents",
    ] {
        unit3d.delete(gone, token.clone());
    }
}

#[test]
fn what_cannot_be_read_changes_nothing() {
    let site = site("faults", "tracker", "");
    let tracker = site.start();
    let unit3d = Unit3d::of(&tracker);
    let list = json!([1, 2]);
    let text = json!("text");
    for (method, path, body, status) in [
        ("PUT", "torrents", &list, 400),
        ("PUT", "torrents", &text, 400),
        ("PUT", "torrents", &json!({}), 400),
        (
            "PUT",
            "torrents",
            &with(torrent(9, 'a'), "info_hash", "short"),
            400,
        ),
        ("PUT", "torrents", &with(torrent(9, 'a'), "id", 0), 400),
        (
            "PUT",
            "torrents",
            &with(torrent(9, 'a'), "id", u64::MAX),
            400,
        ),
        (
            "PUT",
            "torrents",
            &with(torrent(9, 'a'), "upload_factor", 70_000),
            400,
        ),
        (
            "PUT",
            "torrents",
            &with(torrent(9, 'a'), "status", "1"),
            400,
        ),
        (
            "PUT",
            "users",
            &with(user(7, 3, "alice"), "passkey", "a b"),
            400,
        ),
        (
            "PUT",
            "users",
            &with(user(7, 3, "alice"), "new_passkey", ""),
            400,
        ),
        (
            "PUT",
            "users",
            &with(user(7, 3, "alice"), "group_id", Value::Null),
            400,
        ),
        (
            "PUT",
            "groups",
            &with(group(3, "user"), "download_slots", -1),
            400,
        ),
        (
            "PUT",
            "blacklisted-agents",
            &json!({"peer_id_prefix": ""}),
            400,
        ),
        (
            "PUT",
            "blacklisted-agents",
            &json!({"name": "Client/1.0"}),
            400,
        ),
        (
            "PUT",
            "freeleech-tokens",
            &json!({"user_id": 7, "torrent_id": 0}),
            400,
        ),
        ("PUT", "torrents", &Value::Null, 411),
        ("PUT", "stats", &json!({}), 405),
        ("PUT", "torrents/9", &json!({}), 405),
        ("DELETE", "users/7", &json!({}), 405),
        ("POST", "users", &json!({}), 405),
        ("GET", "users", &Value::Null, 405),
        ("PUT", "groups/3", &json!({}), 404),
    ] {
        assert_eq!(
            unit3d.status(method, path, body),
            status,
            "{method} {path} {body}"
        );
    }
    let empty = "SELECT (SELECT count(*) FROM tracker_users) + (SELECT count(*) FROM \
                 tracker_torrents) + (SELECT count(*) FROM tracker_clients), 0";
    assert_eq!(site.numbers(empty), [0, 0]);
}
