//! Users, torrents, clients, tokens and options: what is changed is so at once, for whoever
//! announces next.

use crate::call::{Manager, hex, managed, torrent};
use crate::client::{BOTH, leech, seed};
use serde_json::json;

#[test]
fn torrents() {
    let site = managed("torrents");
    site.user("alice");
    let tracker = site.start();
    let mut manager = Manager::of(&tracker);
    let path = torrent('a');
    leech("alice", 1).refused(&tracker, "torrent not registered", "1");
    manager.get(&path).error(404);
    manager.delete(&path).error(404);
    let made = manager.put(&path, r#"{"id": 7, "name": "something"}"#);
    assert_eq!(made.status, 201);
    assert_eq!(
        made.json,
        json!({ "id": 7, "created": true, "stored": "written" })
    );
    for way in BOTH {
        leech("alice", 1).by(way).served(&tracker);
    }
    let shown = json!({
        "info_hash": hex('a'), "id": 7, "status": "registered", "up_percent": 100,
        "down_percent": 100, "snatches": 0, "seeders": 0, "leechers": 1,
    });
    assert_eq!(manager.get(&path).good(), shown);
    assert_eq!(
        site.value::<String>("SELECT name FROM tracker_torrents WHERE id = 7"),
        "something"
    );

    // Twice is as once, and what is not said is as of a new one.
    let again = manager.put(&path, r#"{"down_percent": 0}"#);
    assert_eq!((again.status, &again.json["created"]), (200, &json!(false)));
    assert_eq!(again, manager.put(&path, r#"{"down_percent": 0}"#));
    assert_eq!(manager.get(&path).good()["down_percent"], 0);
    assert_eq!(
        site.value::<String>("SELECT name FROM tracker_torrents WHERE id = 7"),
        ""
    );

    manager.put(&path, r#"{"status": "unapproved"}"#).good();
    leech("alice", 1).refused(&tracker, "torrent not approved yet", "10");
    manager
        .put(&path, r#"{"status": "deleted", "reason": "dupe"}"#)
        .good();
    leech("alice", 1).refused(&tracker, "torrent deleted: dupe", "never");
    manager.put(&path, "{}").good();
    seed("alice", 1).served(&tracker);
    let told = manager.delete(&format!("{path}?reason=worse%20than%20another"));
    assert_eq!(told.good()["id"], 7);
    leech("alice", 1).refused(&tracker, "torrent deleted: worse than another", "never");
    let shown = manager.get(&path).good();
    assert_eq!(
        [&shown["status"], &shown["reason"]],
        ["deleted", "worse than another"]
    );
    manager.delete(&path).good();
    leech("alice", 1).refused(&tracker, "torrent not registered", "1");
    manager.get(&path).error(404);
}

#[test]
fn users() {
    let site = managed("users");
    site.torrent('a');
    site.torrent('b');
    let tracker = site.start();
    let mut manager = Manager::of(&tracker);
    let made = manager.put("/users/alice", "{}");
    assert_eq!(made.status, 201);
    let id = made.json["id"].as_u64().expect("a number");
    leech("alice", 1).served(&tracker);
    let by_id = format!("/users/{id}");
    let shown = json!({
        "id": id, "enabled": true, "can_leech": true, "hide_ip": false, "slots": null,
        "up_percent": 100, "down_percent": 100,
    });
    for path in ["/users/alice", &by_id, "/users/passkey:alice"] {
        assert_eq!(manager.get(path).good(), shown, "{path}");
    }
    manager.put(&by_id, r#"{"can_leech": false}"#).good();
    leech("alice", 1).refused(&tracker, "downloading is disabled for this account", "60");
    // A passkey is changed by number: the old one is nobody's.
    manager
        .put(&by_id, r#"{"passkey": "bob", "slots": 0}"#)
        .good();
    leech("alice", 1).refused(&tracker, "unknown passkey", "1");
    leech("bob", 1)
        .on('b')
        .refused(&tracker, "all download slots are in use", "10");
    seed("bob", 1).served(&tracker);
    manager.put("/users/bob", r#"{"enabled": false}"#).good();
    seed("bob", 1).refused(&tracker, "account disabled", "60");
    manager.get("/users/alice").error(404);

    manager.put("/users/5000", r#"{"passkey": "123"}"#).good();
    assert_eq!(manager.get("/users/passkey:123").good()["id"], 5000);
    manager.get("/users/123").error(404);
    seed("123", 2).served(&tracker);
    let taken = manager.put("/users/6000", r#"{"passkey": "123"}"#);
    taken.error(409);
    manager.put("/users/7000", "{}").error(409);
    manager.delete("/users/passkey:123").good();
    seed("123", 2).refused(&tracker, "unknown passkey", "1");
    manager.delete("/users/5000").error(404);
    assert_eq!(site.value::<i64>("SELECT count(*) FROM tracker_users"), 1);
}

#[test]
fn clients() {
    let site = managed("clients");
    site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    let mut manager = Manager::of(&tracker);
    seed("alice", 1).served(&tracker);
    manager.put("/clients/-XX", r#"{"allow": false}"#).good();
    seed("alice", 1).refused(&tracker, "client not approved", "never");
    let shown = json!({ "prefix": "-XX", "allow": false });
    assert_eq!(manager.get("/clients/%2dXX").good(), shown);
    manager.put("/clients/-XX", "{}").good();
    seed("alice", 1).served(&tracker);
    manager.delete("/clients/-XX").good();
    manager.delete("/clients/-XX").error(404);
    let odd = "/clients/%00%ff%2f";
    manager.put(odd, "{}").good();
    assert_eq!(manager.get(odd).good()["prefix"], "%00%FF%2F");
    // Where any is approved, others are not.
    seed("alice", 1).refused(&tracker, "client not approved", "never");
}

#[test]
fn tokens_and_options() {
    let site = managed("tokens");
    let (alice, a) = (site.user("alice"), site.torrent('a'));
    let tracker = site.start();
    let mut manager = Manager::of(&tracker);
    let path = format!("/tokens/{alice}/{a}");
    manager.get(&path).error(404);
    manager
        .put(&path, r#"{"down_percent": 0, "until": 4000000000}"#)
        .good();
    let shown = json!({
        "user_id": alice, "torrent_id": a, "up_percent": 100, "down_percent": 0,
        "until": 4_000_000_000_u64,
    });
    assert_eq!(manager.get(&path).good(), shown);
    manager
        .put("/tokens/all/0", r#"{"up_percent": 200}"#)
        .good();
    assert_eq!(manager.get("/tokens/0/all").good()["user_id"], 0);
    let options = manager.get("/options").good();
    assert_eq!(
        options,
        json!({
            "up_percent": 100, "down_percent": 100, "until": null, "interval_secs": 1800,
            "min_interval_secs": 900, "jitter_secs": 60,
        })
    );
    manager
        .ask("PATCH /options", r#"{"up_percent": 300}"#)
        .good();
    manager
        .ask("PATCH /options", r#"{"until": 4000000000}"#)
        .good();
    let options = manager.get("/options").good();
    assert_eq!(
        [&options["up_percent"], &options["until"]],
        [300, 4_000_000_000_u64]
    );

    // What they come to is seen in the sums: all of them times 2 and 3, and nothing down.
    leech("alice", 1).event("started").served(&tracker);
    leech("alice", 1)
        .moved(10, 100)
        .event("stopped")
        .served(&tracker);
    manager.delete(&path).good();
    manager.delete("/tokens/0/0").good();
    manager.get("/tokens/0/0").error(404);
    manager
        .ask("PATCH /options", r#"{"until": null, "up_percent": 100}"#)
        .good();
    assert_eq!(manager.get("/options").good()["until"], json!(null));
    leech("alice", 2).event("started").served(&tracker);
    leech("alice", 2)
        .moved(1, 1)
        .event("stopped")
        .served(&tracker);
    tracker.stop();
    assert_eq!(site.totals(alice), [10 * 2 * 3 + 1, 1, 11, 101]);
}

#[test]
fn the_interval_is_changed_on_every_worker() {
    let site = managed("interval");
    site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    let mut manager = Manager::of(&tracker);
    let patch = r#"{"interval_secs": 600, "min_interval_secs": 60, "jitter_secs": 7}"#;
    manager.ask("PATCH /options", patch).good();
    for port in 1..20 {
        let target = seed("alice", port).target();
        let told = crate::common::http::get(tracker.http[0], &target).announced();
        assert!((600..=607).contains(&told.interval), "{told:?}");
        assert_eq!(told.min_interval, 60);
    }
    let shown = manager.get("/options").good();
    assert_eq!(
        ["interval_secs", "min_interval_secs", "jitter_secs"].map(|name| &shown[name]),
        [600, 60, 7]
    );
    let patch = r#"{"interval_secs": null, "min_interval_secs": null, "jitter_secs": null}"#;
    manager.ask("PATCH /options", patch).good();
    assert_eq!(manager.get("/options").good()["interval_secs"], 1800);
}

#[test]
fn who_announces() {
    let site = managed("peers");
    let (alice, bob) = (site.user("alice"), site.user("bob"));
    let (a, b) = (site.torrent('a'), site.torrent('b'));
    site.sql("UPDATE tracker_users SET hide_ip = 1 WHERE name = 'bob'");
    let tracker = site.start();
    let mut manager = Manager::of(&tracker);
    leech("alice", 1).served(&tracker);
    seed("alice", 2).on('b').from("::1").served(&tracker);
    seed("bob", 3).served(&tracker);
    let of_a = manager.get(&format!("{}/peers", torrent('a'))).good();
    let mut peers: Vec<_> = of_a["peers"].as_array().expect("peers").clone();
    peers.sort_by_key(|peer| peer["user_id"].as_u64());
    for peer in &mut peers {
        assert!(peer["silent_secs"].as_u64().expect("seconds") < 60);
        peer["silent_secs"] = json!(0);
    }
    let shown = |user, torrent, leeching, addresses| {
        json!({
            "user_id": user, "torrent_id": torrent, "leeching": leeching, "silent_secs": 0,
            "addresses": addresses,
        })
    };
    let hidden: Vec<&str> = Vec::new();
    assert_eq!(
        peers,
        [
            shown(alice, a, true, vec!["127.0.0.1:1"]),
            shown(bob, a, false, hidden),
        ]
    );
    let of_alice = manager.get("/users/alice/peers").good();
    let of_alice = of_alice["peers"].as_array().expect("peers");
    assert_eq!(of_alice.len(), 2);
    let on_b = of_alice.iter().find(|peer| peer["torrent_id"] == b);
    assert_eq!(on_b.expect("there")["addresses"], json!(["[::1]:2"]));
    manager.get(&format!("{}/peers", torrent('x'))).error(404);
    manager.get("/users/nobody/peers").error(404);
    // Who is no longer welcome is gone when the answer is there.
    manager.put("/users/alice", r#"{"enabled": false}"#).good();
    let path = format!("{}/peers", torrent('a'));
    let left = manager.get(&path).good();
    assert_eq!(left["peers"].as_array().expect("peers").len(), 1);
    assert_eq!(seed("bob", 3).served(&tracker).counts(), [1, 0]);
    manager
        .delete(&format!("{}?reason=dupe", torrent('a')))
        .good();
    assert_eq!(manager.get(&path).good(), json!({ "peers": [] }));
}

#[test]
fn passkeys_are_not_told() {
    let site = managed("secrets");
    let passkey = "s3cr3t0000000000000000000000abcd";
    site.torrent('a');
    let tracker = site.start();
    let mut manager = Manager::of(&tracker);
    let made = manager.put(&format!("/users/{passkey}"), r#"{"name": "alice"}"#);
    let id = made.json["id"].clone();
    seed(passkey, 1).served(&tracker);
    let taken = manager.put("/users/999", &format!(r#"{{"passkey": "{passkey}"}}"#));
    for told in [
        made,
        taken,
        manager.get(&format!("/users/{passkey}")),
        manager.get(&format!("/users/{id}")),
        manager.get(&format!("/users/{id}/peers")),
        manager.get(&format!("{}/peers", torrent('a'))),
        manager.get("/stats"),
        manager.delete(&format!("/users/{passkey}")),
        manager.get(&format!("/users/{passkey}")),
    ] {
        assert!(!told.json.to_string().contains("s3cr3t"), "{told:?}");
    }
}
