//! What a site changes while the tracker runs.

use crate::client::{BOTH, WAYS, leech, seed};
use crate::site::Site;

#[test]
fn who_is_new_is_looked_up() {
    // Nobody looks for changes: only who asks is looked up.
    let site = Site::new("changes-new").with_rare_visits();
    let tracker = site.start();
    for (way, torrent) in WAYS.into_iter().zip('a'..) {
        let passkey = format!("new{way:?}");
        site.sql(&format!(
            "INSERT INTO tracker_users (passkey) VALUES ('{passkey}');
             INSERT INTO tracker_torrents (info_hash) VALUES (CAST('{}' AS BLOB));",
            torrent.to_string().repeat(20)
        ));
        let client = leech(&passkey, 1).on(torrent).by(way);
        client.refused(&tracker, "unknown passkey", "1");
        client.eventually_refused(&tracker, "torrent not registered");
        client.eventually_served(&tracker);
    }
}

#[test]
fn what_is_looked_up_is_there_with_all_that_is_said_of_it() {
    let site = Site::new("changes-lookup").with_rare_visits();
    site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    site.sql(
        "INSERT INTO tracker_users (id, passkey, enabled) VALUES (20, 'banned', 0);
         INSERT INTO tracker_users (id, passkey, can_leech) VALUES (21, 'seedonly', 0);
         INSERT INTO tracker_users (id, passkey, slots) VALUES (22, 'slotless', 0);
         INSERT INTO tracker_users (id, passkey, up_percent) VALUES (23, 'double', 200);
         INSERT INTO tracker_users (id, passkey) VALUES (24, 'free');
         INSERT INTO tracker_tokens (user_id, down_percent) VALUES (24, 0);",
    );
    for (passkey, text) in [
        ("banned", "account disabled"),
        ("seedonly", "downloading is disabled for this account"),
        ("slotless", "all download slots are in use"),
    ] {
        leech(passkey, 1).eventually_refused(&tracker, text);
    }
    for passkey in ["double", "free"] {
        leech(passkey, 1).eventually_served(&tracker);
        leech(passkey, 1).moved(100, 100).served(&tracker);
    }
    tracker.stop();
    assert_eq!(site.totals(23), [200, 100, 100, 100]);
    assert_eq!(site.totals(24), [100, 0, 100, 100]);
}

/// A change, and what the client is told from then on; empty: it is served.
struct Row {
    name: &'static str,
    /// `:user` and `:torrent` stand for the numbers.
    sql: &'static str,
    before: &'static str,
    after: &'static str,
}

const ROWS: &[Row] = &[
    Row {
        name: "disabled",
        sql: "UPDATE tracker_users SET enabled = 0 WHERE id = :user",
        before: "",
        after: "account disabled",
    },
    Row {
        name: "enabled again",
        sql: "UPDATE tracker_users SET enabled = 1 WHERE id = :user",
        before: "account disabled",
        after: "",
    },
    Row {
        name: "seeding only",
        sql: "UPDATE tracker_users SET can_leech = 0 WHERE id = :user",
        before: "",
        after: "downloading is disabled for this account",
    },
    Row {
        name: "removed",
        sql: "DELETE FROM tracker_users WHERE id = :user",
        before: "",
        after: "unknown passkey",
    },
    Row {
        name: "another passkey",
        sql: "UPDATE tracker_users SET passkey = 'changed:user' WHERE id = :user",
        before: "",
        after: "unknown passkey",
    },
    Row {
        name: "the torrent is removed",
        sql: "DELETE FROM tracker_torrents WHERE id = :torrent",
        before: "",
        after: "torrent not registered",
    },
    Row {
        name: "the torrent is deleted",
        sql: "UPDATE tracker_torrents SET status = 2, reason = 'spam' WHERE id = :torrent",
        before: "",
        after: "torrent deleted: spam",
    },
    Row {
        name: "the torrent is approved",
        sql: "UPDATE tracker_torrents SET status = 0 WHERE id = :torrent",
        before: "torrent not approved yet",
        after: "",
    },
    Row {
        name: "the torrent is another",
        sql: "UPDATE tracker_torrents SET info_hash = zeroblob(20 - :torrent) \
              || zeroblob(:torrent) WHERE id = :torrent",
        before: "",
        after: "torrent not registered",
    },
];

#[test]
fn changes_take_effect() {
    let site = Site::new("changes");
    let mut clients = Vec::new();
    for (number, row) in ROWS.iter().enumerate() {
        let passkey = format!("user{number}");
        let torrent = char::from(b'a' + number as u8);
        let (user, id) = (site.user(&passkey), site.torrent(torrent));
        site.sql(
            match row.before {
                "account disabled" => "UPDATE tracker_users SET enabled = 0 WHERE id = :user",
                "torrent not approved yet" => {
                    "UPDATE tracker_torrents SET status = 1 WHERE id = :torrent"
                }
                _ => "",
            }
            .replace(":user", &user.to_string())
            .replace(":torrent", &id.to_string())
            .as_str(),
        );
        clients.push((user, id, leech(&passkey, 1).on(torrent)));
    }
    let tracker = site.start();
    for (row, (.., client)) in ROWS.iter().zip(&clients) {
        println!("before: {}", row.name);
        match row.before {
            "" => drop(client.served(&tracker)),
            text => client.eventually_refused(&tracker, text),
        }
    }
    for (row, (user, torrent, _)) in ROWS.iter().zip(&clients) {
        let sql = row.sql.replace(":user", &user.to_string());
        site.sql(&sql.replace(":torrent", &torrent.to_string()));
    }
    for way in BOTH {
        for (row, (.., client)) in ROWS.iter().zip(&clients) {
            println!("after: {} by {way:?}", row.name);
            let client = client.clone().by(way);
            match row.after {
                "" => client.eventually_served(&tracker),
                text => client.eventually_refused(&tracker, text),
            }
        }
    }
    let changed = ROWS.iter().position(|row| row.name == "another passkey");
    let (user, _, client) = &clients[changed.expect("a row")];
    let mut client = client.clone();
    client.passkey = Some(format!("changed{user}"));
    client.eventually_served(&tracker);
}

#[test]
fn a_changed_passkey_is_the_same_user() {
    let site = Site::new("changes-passkey");
    let alice = site.user("before");
    site.torrent('a');
    let tracker = site.start();
    leech("before", 1).served(&tracker);
    site.sql("UPDATE tracker_users SET passkey = 'after'");
    leech("after", 1).moved(10, 1).eventually_served(&tracker);
    leech("before", 1)
        .moved(99, 9)
        .eventually_refused(&tracker, "unknown passkey");
    // One that takes the old passkey is somebody else.
    site.sql("INSERT INTO tracker_users (id, passkey) VALUES (77, 'before')");
    leech("before", 2).eventually_served(&tracker);
    leech("before", 2).moved(5, 5).served(&tracker);
    tracker.stop();
    assert_eq!(site.totals(alice), [10, 1, 10, 1]);
    assert_eq!(site.totals(77), [5, 5, 5, 5]);
}

#[test]
fn clients_tokens_and_options() {
    let site = Site::new("changes-others");
    let alice = site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    let client = |up, down| leech("alice", 1).moved(up, down);
    client(0, 0).served(&tracker);
    let credited = |column: &str| format!("SELECT {column} FROM tracker_users");
    // A client of no other user tells when a change has come.
    site.sql(
        "INSERT INTO tracker_tokens (user_id, down_percent) VALUES (1, 0);
         INSERT INTO tracker_clients (prefix, allow) VALUES ('-XX0000-000000000002', 0);",
    );
    leech("alice", 2).eventually_refused(&tracker, "client not approved");
    client(10, 10).served(&tracker);
    site.wait_for(&credited("uploaded"), 10);
    assert_eq!(site.totals(alice), [10, 0, 10, 10], "a token");
    site.sql(
        "DELETE FROM tracker_tokens;
         INSERT INTO tracker_options VALUES ('up_percent', 500);
         DELETE FROM tracker_clients;",
    );
    leech("alice", 2).eventually_served(&tracker);
    client(20, 20).served(&tracker);
    site.wait_for(&credited("uploaded"), 60);
    assert_eq!(site.totals(alice), [60, 10, 20, 20], "an option");
    site.sql(
        "DELETE FROM tracker_options;
         INSERT INTO tracker_clients (prefix, allow) VALUES ('-XX0000-000000000001', 1);",
    );
    seed("alice", 3).eventually_refused(&tracker, "client not approved");
    client(30, 30).served(&tracker);
    tracker.stop();
    assert_eq!(site.totals(alice), [70, 20, 30, 30], "as it was");
}
