//! Edits that the database does not want, or not now; and how many it makes.

use super::{edit, made, new_torrent, new_user, servers};
use crate::servers::Kind;
use chihaya::model::UserId;
use chihaya::storage::{Client, Edit, EditError, StorageError, UserEdit, UserName};
use std::time::Instant;

#[test]
fn what_is_refused_takes_nothing_with_it() {
    for server in servers() {
        let what = format!("{:?}", server.kind());
        let (place, mut storage) = made(server, "edits_refused");
        let mut web = place.web();
        web.run("ALTER TABLE tracker_users ADD CHECK (name <> 'bad')");
        web.run("ALTER TABLE tracker_clients ADD CHECK (prefix <> 'bad')");
        let rename = Edit::User(UserEdit {
            name: Some("renamed".into()),
            ..UserEdit::of(UserName::Id(UserId(1)))
        });
        let no_text = Edit::Client(Client {
            prefix: (*b"\xff\xfe").into(),
            allow: true,
        });
        let banned = |prefix: &[u8]| {
            Edit::Client(Client {
                prefix: prefix.into(),
                allow: false,
            })
        };
        let answers = edit(
            &mut *storage,
            &[
                new_user(1, "one"),
                new_user(2, "bad"),
                new_user(3, "three"),
                rename,
                new_user(4, "n\0l"),
                banned(b"bad"),
                banned(b"good"),
                no_text,
                new_user(5, "five"),
            ],
        );
        let refused = Err(EditError::Conflict("the storage refuses it"));
        assert_eq!((answers[1], answers[5]), (refused, refused), "{what}");
        for place in [0, 2, 3, 6, 8] {
            assert!(answers[place].is_ok(), "{what}: {place}: {answers:?}");
        }
        for place in [4, 7] {
            let is_invalid = matches!(answers[place], Err(EditError::Invalid(_)));
            assert!(is_invalid, "{what}: {place}: {answers:?}");
        }
        let users = web.rows("SELECT id, name FROM tracker_users ORDER BY id");
        let expected = [["1", "renamed"], ["3", "three"], ["5", "five"]];
        assert_eq!(users, expected, "{what}");
        assert_eq!(web.rows("SELECT prefix FROM tracker_clients"), [["good"]]);
    }
}

#[test]
fn what_is_locked_is_tried_again_later() {
    for server in servers() {
        let what = format!("{:?}", server.kind());
        let (place, mut storage) = made(server, "edits_locked");
        edit(&mut *storage, &[new_user(1, "one")]);
        let mut settings = place.settings("own");
        settings["storage"]["statement_timeout"] = 1.into();
        let mut storage = crate::suite::open(&settings);
        let mut other = place.web();
        other.run("BEGIN");
        other.run("UPDATE tracker_users SET name = 'locked'");
        let edits = [new_user(2, "two"), new_user(1, "changed")];
        let made = storage.directory().expect("a directory").edit(&edits);
        assert!(
            matches!(made, Err(StorageError::Retry(_))),
            "{what}: {made:?}"
        );
        other.run("ROLLBACK");
        let users = || {
            place
                .web()
                .rows("SELECT id, name FROM tracker_users ORDER BY id")
        };
        assert_eq!(users(), [["1", "one"]], "{what}");
        let answers = edit(&mut *storage, &edits);
        assert!(answers.iter().all(Result::is_ok), "{what}: {answers:?}");
        assert_eq!(users(), [["1", "changed"], ["2", "two"]], "{what}");
    }
}

/// Numbers that are given come after those that were said, whoever said them.
#[test]
fn numbers_are_given_once() {
    for server in servers() {
        let what = format!("{:?}", server.kind());
        let (place, mut storage) = made(server, "edits_numbers");
        let nameless = |key: u64| {
            Edit::User(UserEdit {
                create: true,
                ..UserEdit::of(UserName::Passkey(super::passkey(key)))
            })
        };
        place
            .web()
            .run("INSERT INTO tracker_users (id, passkey) VALUES (500, 'by another')");
        let answers = edit(&mut *storage, &[nameless(1), nameless(2)]);
        let ids: Vec<_> = answers
            .iter()
            .map(|answer| answer.expect("made").id.expect("a number"))
            .collect();
        assert_eq!(ids, [501, 502], "{what}");
        let gone = Edit::UserGone(UserName::Id(UserId(900)));
        let answers = edit(&mut *storage, &[new_user(900, "x"), gone, nameless(3)]);
        let id = answers[2].expect("made").id;
        assert!(id.is_some_and(|id| id > 900), "{what}: {answers:?}");
    }
}

/// How many torrents a second: `CHIHAYA_EDITS`, for figures.
#[test]
fn many_at_once() {
    let given = std::env::var("CHIHAYA_EDITS").ok();
    let count: u64 = given.map_or(3000, |text| text.parse().expect("a number"));
    for server in servers() {
        let (place, mut storage) = made(server, "edits_many");
        for has_number in [true, false] {
            for (again, what) in ["new", "the same again"].into_iter().enumerate() {
                let first = if has_number { 1 } else { 10_000_000 };
                let edits: Vec<Edit> = (first..first + count)
                    .map(|number| new_torrent(number, has_number))
                    .collect();
                let began = Instant::now();
                for part in edits.chunks(4096) {
                    for answer in edit(&mut *storage, part) {
                        let placed = answer.expect("made");
                        assert_eq!(placed.created, again == 0);
                    }
                }
                let took = began.elapsed().as_secs_f64();
                println!(
                    "{:?}: {count} torrents, {what}, with numbers: {has_number}: {:.0} a second",
                    server.kind(),
                    count as f64 / took
                );
            }
        }
        let rows = place.web().value("SELECT COUNT(*) FROM tracker_torrents");
        assert_eq!(rows, (count * 2).to_string());
        let mut cursor = chihaya::storage::Cursor(match server.kind() {
            Kind::Mariadb => 1,
            Kind::Postgres => 0,
        });
        let began = Instant::now();
        if super::users_since(&mut *storage, &mut cursor).is_some() {
            println!(
                "{:?}: {} changes read in {:.2} s",
                server.kind(),
                count * 2,
                began.elapsed().as_secs_f64()
            );
        }
    }
}
