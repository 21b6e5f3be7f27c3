//! Every action of Ocelot's dialect, and what announces get then.

use crate::client::{Announce, leech, seed};
use crate::common::http::Connection;
use crate::common::{Tracker, V4};
use crate::gazelle::{Gazelle, info_hash, passkey, rawurlencode, site};

/// A site's user, who downloads torrent `a` with a client on this port.
fn user(letter: char, port: u16) -> Announce {
    leech(&passkey(letter), port)
}

/// Has a user 7 of letter `u` and a torrent 9 of letter `a`.
fn populate(gazelle: Gazelle) {
    gazelle.update(
        "add_user",
        &[("passkey", &passkey('u')), ("id", "7"), ("visible", "1")],
    );
    add_torrent(gazelle, 'a', "9");
}

fn add_torrent(gazelle: Gazelle, letter: char, id: &str) {
    let hash = info_hash(letter);
    gazelle.update(
        "add_torrent",
        &[("info_hash", &hash), ("id", id), ("freetorrent", "0")],
    );
}

#[test]
fn users_come_change_and_go() {
    let site = site("users", "both", "");
    let tracker = site.start();
    for gazelle in [Gazelle::of(&tracker), Gazelle(tracker.admin[V4])] {
        add_torrent(gazelle, 'a', "9");
        let (key, new) = (passkey('u'), passkey('n'));
        user('u', 1).refused(&tracker, "unknown passkey", "1");
        gazelle.update(
            "add_user",
            &[("passkey", &key), ("id", "7"), ("visible", "0")],
        );
        user('u', 1).served(&tracker);
        let hides = || site.numbers("SELECT id, hide_ip FROM tracker_users");
        assert_eq!(hides(), [7, 1]);

        gazelle.update(
            "update_user",
            &[("passkey", &key), ("can_leech", "0"), ("visible", "1")],
        );
        assert_eq!(hides(), [7, 0]);
        let refusal = "downloading is disabled for this account";
        user('u', 1).refused(&tracker, refusal, "60");
        seed(&key, 2).served(&tracker);
        // Older sites say less; what is not said stays.
        gazelle.update("update_user", &[("passkey", &key), ("visible", "0")]);
        user('u', 1).refused(&tracker, refusal, "60");
        gazelle.update("update_user", &[("passkey", &key), ("can_leech", "1")]);
        user('u', 1).served(&tracker);
        assert_eq!(hides(), [7, 1]);

        gazelle.update(
            "change_passkey",
            &[("oldpasskey", &key), ("newpasskey", &new)],
        );
        user('u', 1).refused(&tracker, "unknown passkey", "1");
        user('n', 1).served(&tracker);
        // A change that was missed is made up for.
        gazelle.update("add_user", &[("passkey", &key), ("id", "7")]);
        user('n', 1).refused(&tracker, "unknown passkey", "1");
        user('u', 1).served(&tracker);

        gazelle.update("remove_user", &[("passkey", &key)]);
        user('u', 1).refused(&tracker, "account disabled", "60");
        gazelle.update("add_user", &[("passkey", &key), ("id", "7")]);
        user('u', 1).served(&tracker);
        gazelle.update("add_user", &[("passkey", &passkey('v')), ("id", "8")]);
        user('v', 3).served(&tracker);
        let both = [passkey('u'), passkey('x'), passkey('v')].concat();
        gazelle.update("remove_users", &[("passkeys", &both)]);
        for letter in ['u', 'v'] {
            user(letter, 1).refused(&tracker, "account disabled", "60");
        }
        site.sql("DELETE FROM tracker_users; DELETE FROM tracker_torrents;");
        user('u', 1).eventually_refused(&tracker, "unknown passkey");
        user('v', 1).eventually_refused(&tracker, "unknown passkey");
    }
}

#[test]
fn torrents_come_and_go() {
    let site = site("torrents", "tracker", "");
    let tracker = site.start();
    let gazelle = Gazelle::of(&tracker);
    gazelle.update("add_user", &[("passkey", &passkey('u')), ("id", "7")]);
    user('u', 1).refused(&tracker, "torrent not registered", "1");
    add_torrent(gazelle, 'a', "9");
    user('u', 1).served(&tracker);
    for (code, text) in [
        ("0", "torrent deleted: Dupe"),
        ("1", "torrent deleted: Trump"),
        ("14", "torrent deleted: Specifically Banned"),
        ("22", "torrent deleted: Audience Recording"),
        ("23", "torrent deleted"),
        ("-1", "torrent deleted"),
        ("", "torrent deleted"),
    ] {
        gazelle.update(
            "delete_torrent",
            &[
                ("info_hash", &info_hash('a')),
                ("id", "9"),
                ("reason", code),
            ],
        );
        user('u', 1).refused(&tracker, text, "never");
        add_torrent(gazelle, 'a', "9");
        user('u', 1).served(&tracker);
    }
    gazelle.update("delete_torrent", &[("info_hash", &info_hash('a'))]);
    user('u', 1).refused(&tracker, "torrent deleted", "never");
    // It is uploaded again, and has another number then.
    add_torrent(gazelle, 'a', "10");
    user('u', 1).served(&tracker);
    let ids = site.numbers("SELECT count(*), max(id) FROM tracker_torrents");
    assert_eq!(ids, [1, 10]);
}

/// Info-hashes are any bytes, those among them that mean something in a URL.
#[test]
fn info_hashes_of_all_bytes() {
    let site = site("bytes", "tracker", "");
    let tracker = site.start();
    let gazelle = Gazelle::of(&tracker);
    let bytes: Vec<u8> = (0..=255).chain(0..4).collect();
    let hashes: Vec<&[u8]> = bytes.chunks(20).collect();
    for (id, hash) in (1..).zip(&hashes) {
        let (hash, id) = (rawurlencode(hash), i32::to_string(&id));
        gazelle.update(
            "add_torrent",
            &[("info_hash", &hash), ("id", &id), ("freetorrent", "0")],
        );
    }
    let all: String = hashes.iter().map(|hash| rawurlencode(hash)).collect();
    gazelle.update(
        "update_torrents",
        &[("info_hashes", &all), ("freetorrent", "1")],
    );
    let count = "SELECT count(*), sum(down_percent) FROM tracker_torrents WHERE info_hash = x'";
    for hash in hashes {
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(site.numbers(&format!("{count}{hex}'")), [1, 0], "{hex}");
    }
}

#[test]
fn transfer_is_credited_as_the_site_says() {
    let site = site("credit", "tracker", "");
    let tracker = site.start();
    let gazelle = Gazelle::of(&tracker);
    populate(gazelle);
    add_torrent(gazelle, 'b', "10");
    let both = [info_hash('a'), info_hash('b')].concat();
    let mut moved = 0;
    let mut announce = || {
        user('u', 1).moved(moved, moved).served(&tracker);
        moved += 100;
    };
    announce();
    let free = |free: &str| {
        let hash = info_hash('a');
        gazelle.update(
            "update_torrent",
            &[("info_hash", &hash), ("freetorrent", free)],
        );
    };
    let token = |action: &str| {
        gazelle.update(action, &[("info_hash", &info_hash('a')), ("userid", "7")]);
    };
    announce(); // 100 and 100
    free("1");
    announce(); // 100 and 0
    free("2");
    announce(); // nothing
    free("0");
    token("add_token");
    announce(); // 100 and 0
    token("remove_token");
    announce(); // 100 and 100
    gazelle.update(
        "update_torrents",
        &[("info_hashes", &both), ("freetorrent", "2")],
    );
    announce(); // nothing
    // A torrent that is added again is as it is said to be.
    add_torrent(gazelle, 'a', "9");
    announce(); // 100 and 100
    let raw = "SELECT raw_uploaded FROM tracker_users WHERE id = 7";
    site.wait_for(raw, 700);
    assert_eq!(site.totals(7), [500, 300, 700, 700]);
}

#[test]
fn clients_are_approved_one_by_one() {
    let site = site("whitelist", "tracker", "");
    let tracker = site.start();
    let gazelle = Gazelle::of(&tracker);
    populate(gazelle);
    let refusal = "client not approved";
    user('u', 1).served(&tracker);
    gazelle.update("add_whitelist", &[("peer_id", "-TR")]);
    user('u', 1).refused(&tracker, refusal, "never");
    gazelle.update(
        "edit_whitelist",
        &[("old_peer_id", "-TR"), ("new_peer_id", "-XX")],
    );
    user('u', 1).served(&tracker);
    gazelle.update(
        "edit_whitelist",
        &[("old_peer_id", "-XX"), ("new_peer_id", "-XX")],
    );
    user('u', 1).served(&tracker);
    gazelle.update("add_whitelist", &[("peer_id", "-TR")]);
    gazelle.update("remove_whitelist", &[("peer_id", "-XX")]);
    user('u', 1).refused(&tracker, refusal, "never");
    gazelle.update("remove_whitelist", &[("peer_id", "-TR")]);
    user('u', 1).served(&tracker);
}

/// The interval that is told.
fn interval(tracker: &Tracker) -> i128 {
    let mut connection = Connection::open(tracker.http[V4]);
    connection.get(&user('u', 1).target()).announced().interval
}

#[test]
fn clients_are_told_another_interval() {
    let site = site("interval", "tracker", r#", "announce": {"jitter": 0}"#);
    let tracker = site.start();
    let gazelle = Gazelle::of(&tracker);
    populate(gazelle);
    assert_eq!(interval(&tracker), 1800);
    gazelle.update(
        "update_announce_interval",
        &[("new_announce_interval", "1234")],
    );
    assert_eq!(interval(&tracker), 1234);
    gazelle.update("update_announce_jitter", &[("new_announce_jitter", "600")]);
    let spread: Vec<i128> = (0..32).map(|_| interval(&tracker)).collect();
    assert!(
        spread.iter().all(|secs| (1234..=1834).contains(secs)),
        "{spread:?}"
    );
    assert!(spread.iter().any(|secs| *secs != spread[0]), "{spread:?}");
    gazelle.update("update_announce_jitter", &[("new_announce_jitter", "0")]);
    assert_eq!(interval(&tracker), 1234);
    // Nothing can be made of these.
    for bad in ["0", "-5", "soon", "86401", ""] {
        gazelle.update(
            "update_announce_interval",
            &[("new_announce_interval", bad)],
        );
    }
    assert_eq!(interval(&tracker), 1234);
}

#[test]
fn all_that_can_be_read_is_a_success() {
    let site = site("success", "tracker", "");
    let tracker = site.start();
    let gazelle = Gazelle::of(&tracker);
    populate(gazelle);
    let hash = info_hash('a');
    let (known, unknown) = (passkey('u'), passkey('x'));
    let nothing = info_hash('x');
    for (action, parameters) in [
        ("info_torrent", vec![("info_hash", &*hash)]),
        ("info_torrent", vec![("info_hash", &*nothing)]),
        (
            "update_torrent",
            vec![("info_hash", &*nothing), ("freetorrent", "1")],
        ),
        (
            "delete_torrent",
            vec![("info_hash", &*nothing), ("reason", "0")],
        ),
        ("add_token", vec![("info_hash", &*nothing), ("userid", "7")]),
        ("remove_token", vec![("info_hash", &*hash), ("userid", "8")]),
        (
            "update_user",
            vec![("passkey", &*unknown), ("can_leech", "0")],
        ),
        ("remove_user", vec![("passkey", &*unknown)]),
        (
            "change_passkey",
            vec![("oldpasskey", &*unknown), ("newpasskey", &*known)],
        ),
        ("remove_whitelist", vec![("peer_id", "-ZZ")]),
        // Somebody else's passkey.
        ("add_user", vec![("passkey", &*known), ("id", "8")]),
        ("add_torrent", vec![("info_hash", "%00%zz"), ("id", "1")]),
        ("add_torrent", vec![("info_hash", &*hash), ("id", "0")]),
        ("add_torrent", vec![("info_hash", "short"), ("id", "1")]),
        ("add_user", vec![("passkey", ""), ("id", "1")]),
        ("remove_users", vec![("passkeys", "")]),
        (
            "update_torrents",
            vec![("info_hashes", ""), ("freetorrent", "1")],
        ),
        (
            "add_whitelist",
            vec![("peer_id", "longer-than-any-peer-id-is")],
        ),
        ("dance", vec![]),
        ("", vec![]),
    ] {
        gazelle.update(action, &parameters);
    }
    user('u', 1).served(&tracker);
    let counts = site.numbers(
        "SELECT (SELECT count(*) FROM tracker_users), (SELECT count(*) FROM tracker_torrents),
                (SELECT count(*) FROM tracker_clients), (SELECT count(*) FROM tracker_tokens)",
    );
    assert_eq!(counts, [1, 1, 0, 0]);
}
