//! Edits in a database that a web application has a hand in.

use super::site::{loaded, new, open};
use crate::model::{Passkey, TorrentId, UserId};
use crate::storage::{
    Change, Client, Directory, Edit, EditError, Global, Placed, StorageError, TorrentEdit,
    TorrentName, UserEdit, UserName,
};
use rusqlite::TransactionBehavior;

fn user(id: u64, passkey: &str) -> Edit {
    Edit::User(UserEdit {
        create: true,
        passkey: Passkey::new(passkey.as_bytes()),
        ..UserEdit::of(UserName::Id(UserId(id)))
    })
}

fn placed(id: u64, created: bool) -> Result<Placed, EditError> {
    let id = Some(id);
    Ok(Placed { id, created })
}

#[test]
fn what_a_trigger_refuses_is_left_out() {
    let unwanted = Err(EditError::Conflict("the storage refuses it"));
    for action in ["ABORT", "ROLLBACK"] {
        let (_folder, mut storage, web) = new();
        web.run(&format!(
            "CREATE TRIGGER no_thirteen BEFORE INSERT ON tracker_users WHEN NEW.id = 13
             BEGIN SELECT RAISE({action}, 'not thirteen'); END;"
        ));
        let edits = [user(12, "a"), user(13, "b"), user(14, "c"), user(13, "d")];
        let answers = storage.edit(&edits).expect("the others");
        let expected = [placed(12, true), unwanted, placed(14, true), unwanted];
        assert_eq!(answers, expected, "{action}");
        assert_eq!(
            web.number("SELECT sum(id) FROM tracker_users"),
            26,
            "{action}"
        );
    }
}

#[test]
fn a_database_that_is_locked_is_tried_again_later() {
    let (folder, mut storage, mut web) = new();
    storage.edit(&[user(1, "a")]).expect("edited");
    let lock = web
        .0
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .expect("a lock");
    let failed = storage.edit(&[user(2, "b")]);
    assert!(matches!(failed, Err(StorageError::Retry(_))), "{failed:?}");
    drop(lock);
    assert_eq!(
        storage.edit(&[user(2, "b")]).expect("edited"),
        [placed(2, true)]
    );
    let (changes, _) = loaded(&mut open(&folder.file()), None);
    let users = changes
        .iter()
        .filter(|change| matches!(change, Change::User(_)));
    assert_eq!(users.count(), 2);
}

#[test]
fn names_and_sums_stay_as_they_are() {
    let (_folder, mut storage, web) = new();
    web.run(
        "INSERT INTO tracker_users (id, passkey, name, uploaded) VALUES (1, 'a', 'alice', 7);
         INSERT INTO tracker_torrents (id, info_hash, name, snatches)
         VALUES (1, zeroblob(20), 'linux.iso', 7);",
    );
    let torrent = Edit::Torrent(TorrentEdit {
        up_percent: Some(200),
        ..TorrentEdit::of(TorrentName::Id(TorrentId(1)))
    });
    let answers = storage.edit(&[user(1, "b"), torrent]).expect("edited");
    assert_eq!(answers, [placed(1, false), placed(1, false)]);
    let same = "SELECT count(*) FROM tracker_users, tracker_torrents
        WHERE tracker_users.name = 'alice' AND uploaded = 7
        AND tracker_torrents.name = 'linux.iso' AND snatches = 7";
    assert_eq!(web.number(same), 1);
}

#[test]
fn a_prefix_is_found_however_it_was_written() {
    let (_folder, mut storage, web) = new();
    web.run("INSERT INTO tracker_clients (prefix) VALUES (CAST('-AA' AS BLOB)), ('-BB')");
    let client = |prefix: &[u8], allow| {
        Edit::Client(Client {
            prefix: prefix.into(),
            allow,
        })
    };
    let done = Ok(Placed::default());
    let edits = [
        client(b"-AA", false),
        client(b"-BB", false),
        client(b"-\xff\0", false),
        Edit::ClientGone(b"-AA".as_slice().into()),
    ];
    let added = Ok(Placed {
        created: true,
        ..Placed::default()
    });
    assert_eq!(
        storage.edit(&edits).expect("edited"),
        [done, done, added, done]
    );
    assert_eq!(
        web.number("SELECT count(*) FROM tracker_clients WHERE allow = 0"),
        2
    );
    let (changes, _) = loaded(&mut storage, None);
    let odd = Change::Client(Client {
        prefix: b"-\xff\0".as_slice().into(),
        allow: false,
    });
    assert!(changes.contains(&odd), "{changes:?}");
}

#[test]
fn seconds_that_are_none_are_skipped() {
    for (value, secs) in [
        ("900", Some(900)),
        ("-1", None),
        ("'soon'", None),
        ("1 << 32", None),
    ] {
        let (_folder, mut storage, web) = new();
        web.run(&format!(
            "INSERT INTO tracker_options VALUES ('interval', {value})"
        ));
        let (changes, _) = loaded(&mut storage, None);
        let global = Global {
            interval_secs: secs,
            ..Global::default()
        };
        assert_eq!(changes, [Change::Global(global)], "{value}");
    }
}
