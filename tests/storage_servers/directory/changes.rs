//! Changes that others make in the tables.

use super::{age, edit, made, new_torrent, new_user, servers, users_since, whole};
use crate::common::eventually;
use crate::servers::Kind;
use chihaya::model::{TorrentId, Transfer, UserId};
use chihaya::storage::{Commit, Cursor, Storage, TorrentDelta, UserDelta};

fn insert(number: u64) -> String {
    format!("INSERT INTO tracker_users (id, passkey) VALUES ({number}, 'key {number}')")
}

/// Transactions of other tests hold PostgreSQL's back, too.
fn told_no_more(storage: &mut dyn Storage, cursor: &mut Cursor) {
    eventually("told no more", || {
        users_since(storage, cursor) == Some(vec![])
    });
}

/// Who takes a number first may be seen last.
#[test]
fn transactions_that_end_in_another_order() {
    for server in servers() {
        let what = format!("{:?}", server.kind());
        let (place, mut storage) = made(server, "changes_order");
        let mut cursor = whole(&mut *storage);
        let (mut slow, mut fast) = (place.web(), place.web());
        slow.run("BEGIN");
        slow.run(&insert(1));
        fast.run(&insert(2));
        age(&place, server);
        let seen = users_since(&mut *storage, &mut cursor);
        assert_eq!(seen, Some(vec![2]), "{what}: what is committed");
        fast.run(&insert(3));
        age(&place, server);
        // One that begins to look now must not miss it either.
        let mut another = crate::suite::open(&place.settings("own"));
        let mut its_cursor = whole(&mut *another);
        for _ in 0..3 {
            let seen = users_since(&mut *storage, &mut cursor).expect("changes");
            assert!(seen.contains(&3) && !seen.contains(&1), "{what}: {seen:?}");
        }
        slow.run("COMMIT");
        age(&place, server);
        let seen = users_since(&mut *storage, &mut cursor).expect("changes");
        assert!(seen.contains(&1), "{what}: missed: {seen:?}");
        let seen = users_since(&mut *another, &mut its_cursor).expect("changes");
        assert!(seen.contains(&1), "{what}: missed by another: {seen:?}");
        told_no_more(&mut *storage, &mut cursor);
    }
}

/// Numbers that are taken and never used keep nothing from going on.
#[test]
fn transactions_that_are_rolled_back() {
    for server in servers() {
        let what = format!("{:?}", server.kind());
        let (place, mut storage) = made(server, "changes_back");
        let mut cursor = whole(&mut *storage);
        let (mut one, mut other) = (place.web(), place.web());
        one.run("BEGIN");
        one.run(&insert(1));
        other.run(&insert(2));
        one.run("ROLLBACK");
        other.run(&insert(3));
        age(&place, server);
        let seen = users_since(&mut *storage, &mut cursor);
        assert_eq!(seen, Some(vec![2, 3]), "{what}");
        told_no_more(&mut *storage, &mut cursor);
    }
}

#[test]
fn only_what_is_read_is_a_change() {
    for server in servers() {
        let what = format!("{:?}", server.kind());
        let (place, mut storage) = made(server, "changes_sums");
        edit(&mut *storage, &[new_user(1, "a"), new_torrent(1, true)]);
        let count = |place: &crate::place::Place<'_>| {
            place.web().value("SELECT COUNT(*) FROM tracker_changes")
        };
        let before = count(&place);
        let batch = Commit {
            to: 1,
            users: vec![UserDelta {
                user: UserId(1),
                credited: Transfer {
                    uploaded: 1,
                    downloaded: 1,
                },
                ..UserDelta::default()
            }],
            torrents: vec![TorrentDelta {
                torrent: TorrentId(1),
                seeders: 7,
                snatches: 1,
                ..TorrentDelta::default()
            }],
            ..Commit::default()
        };
        storage.commit("w", &batch).expect("a commit");
        place.web().run(
            "UPDATE tracker_users SET name = 'b', enabled = 1, passkey = passkey WHERE id = 1",
        );
        place.web().run("UPDATE tracker_torrents SET reason = NULL");
        assert_eq!(count(&place), before, "{what}: of sums, or of nothing");
        for sql in [
            "UPDATE tracker_users SET slots = 3",
            "UPDATE tracker_torrents SET reason = 'spam'",
            "UPDATE tracker_torrents SET reason = 'SPAM'",
        ] {
            let before: u64 = count(&place).parse().expect("a number");
            place.web().run(sql);
            assert_eq!(count(&place), (before + 1).to_string(), "{what}: {sql}");
        }
    }
}

/// The list stays bounded; who has not looked for long must load everything.
#[test]
fn old_changes_are_dropped() {
    for server in servers() {
        let what = format!("{:?}", server.kind());
        let (place, mut storage) = made(server, "changes_old");
        let mut early = whole(&mut *storage);
        let mut web = place.web();
        match server.kind() {
            Kind::Mariadb => web.run(
                "INSERT INTO tracker_changes (kind, row_key, at) \
                 SELECT 'user', seq, 0 FROM seq_1_to_100500",
            ),
            Kind::Postgres => web.run(
                "DO $$ BEGIN FOR i IN 1..100500 LOOP \
                 INSERT INTO tracker_changes (kind, row_key) VALUES ('user', i); COMMIT; \
                 END LOOP; END $$",
            ),
        }
        // Nothing is dropped but when all is loaded: all of it is still told.
        let seen = users_since(&mut *storage, &mut early.clone()).expect("changes");
        assert_eq!(seen.len(), 100_500, "{what}");
        let mut cursor = whole(&mut *storage);
        let left: u64 = web
            .value("SELECT COUNT(*) FROM tracker_changes")
            .parse()
            .expect("a number");
        assert!((100_000..100_400).contains(&left), "{what}: {left} left");
        assert_eq!(users_since(&mut *storage, &mut early), None, "{what}");
        web.run(&insert(7));
        let seen = users_since(&mut *storage, &mut cursor).expect("changes");
        assert!(seen.contains(&7), "{what}: {seen:?}");
        // A list that somebody has emptied tells nothing of what was.
        web.run("TRUNCATE TABLE tracker_changes");
        assert_eq!(users_since(&mut *storage, &mut cursor), None, "{what}");
    }
}
