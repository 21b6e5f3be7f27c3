//! What a web application has written, as the tracker reads it.

use super::site::{loaded, new, of_user};
use crate::model::{InfoHash, Multipliers, Passkey, TorrentId, UnixTime, UserId};
use crate::storage::{
    Change, Client, Commit, Cursor, Global, Storage, StorageError, Token, Torrent, TorrentDelta,
    TorrentStatus, User, Wanted,
};

fn user(number: u64, passkey: &str) -> User {
    User {
        id: UserId(number),
        passkey: Passkey::new(passkey.as_bytes()).expect("a passkey"),
        enabled: true,
        can_leech: true,
        hide_ip: false,
        slots: None,
        multipliers: Multipliers::default(),
    }
}

#[test]
fn what_a_web_application_does_is_told_as_changes() {
    let (_folder, mut storage, web) = new();
    web.run("INSERT INTO tracker_users (id, passkey) VALUES (1, 'one'), (2, 'two')");
    let (_, mut cursor) = loaded(&mut storage, None);
    let disabled = User {
        enabled: false,
        ..user(1, "one")
    };
    let gone = |number| Change::UserGone(UserId(number));
    let is = |number, passkey| Change::User(user(number, passkey));
    for (name, sql, expected) in [
        (
            "a column that matters",
            "UPDATE tracker_users SET enabled = 0 WHERE id = 1",
            vec![Change::User(disabled)],
        ),
        (
            "and back",
            "UPDATE tracker_users SET enabled = 1 WHERE id = 1",
            vec![is(1, "one")],
        ),
        (
            "the same value",
            "UPDATE tracker_users SET enabled = 1, passkey = passkey",
            vec![],
        ),
        (
            "sums",
            "UPDATE tracker_users SET uploaded = 5, name = 'x'",
            vec![],
        ),
        (
            "replaced by number",
            "REPLACE INTO tracker_users (id, passkey) VALUES (1, 'three')",
            vec![is(1, "three")],
        ),
        (
            "replaced by passkey",
            "REPLACE INTO tracker_users (id, passkey) VALUES (3, 'three')",
            vec![gone(1), is(3, "three")],
        ),
        (
            "renumbered",
            "UPDATE tracker_users SET id = 4 WHERE id = 3",
            vec![gone(3), is(4, "three")],
        ),
        (
            "replaced by an update",
            "UPDATE OR REPLACE tracker_users SET passkey = 'two' WHERE id = 4",
            vec![gone(2), is(4, "two")],
        ),
        (
            "becomes unusable",
            "UPDATE tracker_users SET up_percent = -1 WHERE id = 4",
            vec![gone(4)],
        ),
        (
            "an application that gives no number",
            "INSERT INTO tracker_users (passkey) VALUES ('new')",
            vec![is(5, "new")],
        ),
        (
            "rolled back",
            "BEGIN; DELETE FROM tracker_users; ROLLBACK",
            vec![],
        ),
    ] {
        web.run(sql);
        let (changes, next) = loaded(&mut storage, Some(cursor));
        assert_eq!(changes, expected, "{name}");
        cursor = next;
    }
}

#[test]
fn what_else_a_web_application_does() {
    let (_folder, mut storage, web) = new();
    web.run("INSERT INTO tracker_torrents (id, info_hash) VALUES (1, zeroblob(20))");
    let (_, mut cursor) = loaded(&mut storage, None);
    let torrent = |id, byte| Torrent {
        id: TorrentId(id),
        info_hash: InfoHash([byte; 20]),
        status: TorrentStatus::Registered,
        multipliers: Multipliers::default(),
        snatches: 0,
    };
    let is = |id, byte| Change::Torrent(torrent(id, byte));
    let gone = |id| Change::TorrentGone(TorrentId(id));
    let ones = "X'0101010101010101010101010101010101010101'";
    let replace = format!("REPLACE INTO tracker_torrents (id, info_hash) VALUES (2, {ones})");
    let displace =
        format!("UPDATE OR REPLACE tracker_torrents SET info_hash = {ones} WHERE id = 3");
    let client = |prefix: &[u8], allow| {
        Change::Client(Client {
            prefix: prefix.into(),
            allow,
        })
    };
    let token = |user, torrent, until| {
        Change::Token(Token {
            user,
            torrent,
            multipliers: Multipliers::default(),
            until,
        })
    };
    let token_gone = |user, torrent| Change::TokenGone { user, torrent };
    let global = Global {
        multipliers: Multipliers {
            up_percent: 300,
            down_percent: 100,
        },
        ..Global::default()
    };
    for (name, sql, expected) in [
        (
            "counts",
            "UPDATE tracker_torrents SET snatches = 3, seeders = 2, reason = NULL",
            vec![],
        ),
        (
            "a hash",
            &format!("UPDATE tracker_torrents SET snatches = 0, info_hash = {ones}"),
            vec![is(1, 1)],
        ),
        ("replaced by hash", &replace, vec![gone(1), is(2, 1)]),
        (
            "renumbered",
            "UPDATE tracker_torrents SET id = 4",
            vec![gone(2), is(4, 1)],
        ),
        (
            "no blob",
            "UPDATE tracker_torrents SET info_hash = '01234567890123456789'",
            vec![gone(4)],
        ),
        (
            "another",
            "REPLACE INTO tracker_torrents (id, info_hash) VALUES (3, zeroblob(20))",
            vec![is(3, 0)],
        ),
        (
            "the first again",
            &format!("UPDATE tracker_torrents SET info_hash = {ones} WHERE id = 4"),
            vec![is(4, 1)],
        ),
        ("replaced by an update", &displace, vec![gone(4), is(3, 1)]),
        (
            "a prefix as text",
            "INSERT INTO tracker_clients (prefix) VALUES ('-A')",
            vec![client(b"-A", true)],
        ),
        (
            "a prefix changes",
            "UPDATE tracker_clients SET prefix = '-B', allow = 0",
            vec![Change::ClientGone((*b"-A").into()), client(b"-B", false)],
        ),
        (
            "a prefix as a blob",
            "INSERT INTO tracker_clients (prefix) VALUES (X'2dff')",
            vec![client(b"-\xff", true)],
        ),
        (
            "too long",
            "INSERT INTO tracker_clients (prefix) VALUES ('123456789012345678901')",
            vec![Change::ClientGone((*b"123456789012345678901").into())],
        ),
        (
            "a token for a user",
            "INSERT INTO tracker_tokens (user_id) VALUES (7)",
            vec![token(Some(UserId(7)), None, None)],
        ),
        (
            "a token moves",
            "UPDATE tracker_tokens SET user_id = 0, torrent_id = 8, until = 9",
            vec![
                token_gone(Some(UserId(7)), None),
                token(None, Some(TorrentId(8)), Some(UnixTime(9))),
            ],
        ),
        (
            "no token",
            "DELETE FROM tracker_tokens",
            vec![token_gone(None, Some(TorrentId(8)))],
        ),
        (
            "an option",
            "INSERT INTO tracker_options VALUES ('up_percent', 300)",
            vec![Change::Global(global)],
        ),
        (
            "no option",
            "DELETE FROM tracker_options",
            vec![Change::Global(Global::default())],
        ),
    ] {
        web.run(sql);
        let (changes, next) = loaded(&mut storage, Some(cursor));
        assert_eq!(changes, expected, "{name}");
        cursor = next;
    }
}

#[test]
fn cursors_that_reach_no_longer() {
    let (_folder, mut storage, web) = new();
    let (_, start) = loaded(&mut storage, None);
    web.run("INSERT INTO tracker_users (passkey) VALUES ('a'), ('b'), ('c')");
    let (_, last) = loaded(&mut storage, Some(start));
    let mut gone = |name: &str, cursor: Cursor, expected: bool| {
        let answer = storage.load(Some(cursor), &mut |_| {});
        let is = matches!(answer, Err(StorageError::CursorGone));
        assert_eq!(is, expected, "{name}: {answer:?}");
    };
    gone("nothing trimmed", start, false);
    gone("from the future", Cursor(last.0 + 1), true);
    gone("far from it", Cursor(u64::MAX), true);
    web.run("DELETE FROM tracker_changes WHERE seq = 1");
    gone("just trimmed", start, true);
    gone("just not trimmed", Cursor(1), false);
    web.run("DELETE FROM tracker_changes");
    gone("all trimmed", Cursor(1), true);
    gone("nothing to know", last, false);
}

#[test]
fn the_list_of_changes_trims_itself() {
    let (_folder, mut storage, web) = new();
    web.run("INSERT INTO tracker_users (id, passkey) VALUES (1, 'a')");
    let (_, cursor) = loaded(&mut storage, None);
    let many = "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 120000) \
        INSERT INTO tracker_users (id, passkey) SELECT i, 'key' || i FROM n";
    web.run(many);
    let kept = web.number("SELECT count(*) FROM tracker_changes");
    assert!(
        (100_000..101_000).contains(&kept),
        "{kept} changes are kept"
    );
    let answer = storage.load(Some(cursor), &mut |_| {});
    assert!(
        matches!(answer, Err(StorageError::CursorGone)),
        "{answer:?}"
    );
    assert_eq!(loaded(&mut storage, None).0.len(), 120_001);
}

#[test]
fn rows_that_cannot_be_used_are_skipped() {
    let hash = "zeroblob(20)";
    for (name, sql) in [
        ("an empty passkey", "users (passkey) VALUES ('')"),
        (
            "too long a passkey",
            "users (passkey) VALUES (printf('%065d', 1))",
        ),
        ("a negative number", "users (id, passkey) VALUES (-1, 'a')"),
        (
            "a percentage below 0",
            "users (passkey, up_percent) VALUES ('a', -1)",
        ),
        (
            "a percentage too large",
            "users (passkey, down_percent) VALUES ('a', 65536)",
        ),
        (
            "a flag that is none",
            "users (passkey, enabled) VALUES ('a', 'yes')",
        ),
        ("slots below 0", "users (passkey, slots) VALUES ('a', -1)"),
        ("19 bytes", "torrents (info_hash) VALUES (zeroblob(19))"),
        ("21 bytes", "torrents (info_hash) VALUES (zeroblob(21))"),
        (
            "a status",
            &format!("torrents (info_hash, status) VALUES ({hash}, 3)"),
        ),
        (
            "snatches",
            &format!("torrents (info_hash, snatches) VALUES ({hash}, 'x')"),
        ),
        ("an empty prefix", "clients (prefix) VALUES ('')"),
        (
            "too long a prefix",
            "clients (prefix) VALUES (printf('%021d', 1))",
        ),
        ("a token of nobody", "tokens (user_id) VALUES (-1)"),
        (
            "a token that ended before 1970",
            "tokens (until) VALUES (-1)",
        ),
        ("a token's percentage", "tokens (up_percent) VALUES (1e9)"),
        ("an unknown option", "options VALUES ('x', 1)"),
        (
            "an option's percentage",
            "options VALUES ('up_percent', 70000)",
        ),
        ("an option of text", "options VALUES ('until', 'tomorrow')"),
    ] {
        let (_folder, mut storage, web) = new();
        let (_, cursor) = loaded(&mut storage, None);
        web.run(&format!("INSERT INTO tracker_{sql}"));
        let nothing = [Change::Global(Global::default())];
        assert_eq!(loaded(&mut storage, None).0, nothing, "{name}");
        let told = |change: &Change| {
            matches!(
                change,
                Change::User(_) | Change::Torrent(_) | Change::Client(_) | Change::Token(_)
            )
        };
        let (changes, _) = loaded(&mut storage, Some(cursor));
        assert!(!changes.iter().any(told), "{name}: {changes:?}");
    }
}

#[test]
fn a_token_is_found_with_its_user_and_its_torrent() {
    let (_folder, mut storage, web) = new();
    web.run("INSERT INTO tracker_users (id, passkey) VALUES (1, 'a')");
    web.run("INSERT INTO tracker_torrents (id, info_hash) VALUES (2, zeroblob(20))");
    web.run("INSERT INTO tracker_tokens (user_id, torrent_id) VALUES (1, 9), (9, 2), (8, 8)");
    let wanted = Wanted {
        passkeys: vec![user(1, "a").passkey],
        info_hashes: vec![InfoHash([0; 20])],
    };
    let mut tokens = Vec::new();
    let found = storage.find(&wanted, &mut |change| {
        if let Change::Token(token) = change {
            tokens.push((token.user, token.torrent));
        }
    });
    found.expect("a look");
    let pair = |user, torrent| (Some(UserId(user)), Some(TorrentId(torrent)));
    assert_eq!(tokens, [pair(1, 9), pair(9, 2)]);
}

#[test]
fn commits_are_no_changes() {
    let (_folder, mut storage, web) = new();
    web.run("INSERT INTO tracker_users (id, passkey) VALUES (1, 'a')");
    web.run("INSERT INTO tracker_torrents (id, info_hash) VALUES (1, zeroblob(20))");
    let (_, cursor) = loaded(&mut storage, None);
    let batch = Commit {
        to: 1,
        users: vec![of_user(1, 5)],
        torrents: vec![TorrentDelta {
            torrent: TorrentId(1),
            seeders: 3,
            snatches: 4,
            ..TorrentDelta::default()
        }],
        ..Commit::default()
    };
    storage.commit("w", &batch).expect("written");
    assert_eq!(loaded(&mut storage, Some(cursor)), (vec![], cursor));
}
