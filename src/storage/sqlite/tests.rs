//! The suite, files that are odd, and the command line's directory.

use super::Sqlite;
use super::site::{Folder, SqliteSite, Web, loaded, new, open};
use crate::model::{InfoHash, Passkey, TorrentId, Transfer, UserId};
use crate::storage::{
    Commit, Directory, HistoryDelta, Storage, StorageError, TorrentEntry, UserEntry, conformance,
};

#[test]
fn the_suite() {
    let folder = Folder::new();
    drop(open(&folder.file()));
    let web = Web::new(&folder.file());
    conformance::run(&mut SqliteSite { folder, web });
}

#[test]
fn files_that_cannot_be_served() {
    let text = "this is a text, not a database, and long enough to have a header, ".repeat(20);
    let foreign = "CREATE TABLE tracker_users (id INTEGER)";
    let newer = "UPDATE tracker_schema SET version = 99";
    let lost = "DROP TABLE tracker_history";
    let folder = Folder::new();
    let opened = |name: &str| {
        let opened = Sqlite::open(&folder.0.join(name)).map(|_| ());
        assert!(
            matches!(opened, Err(StorageError::Fatal(_))),
            "{name}: {opened:?}"
        );
    };
    opened("no-such-folder/tracker.db");
    std::fs::write(folder.0.join("text"), text).expect("written");
    opened("text");
    Web::new(&folder.0.join("foreign")).run(foreign);
    opened("foreign");
    drop(open(&folder.0.join("newer")));
    Web::new(&folder.0.join("newer")).run(newer);
    opened("newer");
    let mut storage = open(&folder.0.join("lost"));
    Web::new(&folder.0.join("lost")).run(lost);
    let batch = Commit {
        to: 1,
        history: vec![HistoryDelta::default()],
        ..Commit::default()
    };
    let failed = storage.commit("w", &batch);
    assert!(matches!(failed, Err(StorageError::Fatal(_))), "{failed:?}");
}

#[test]
fn the_tables_stand_beside_those_of_a_web_application() {
    let folder = Folder::new();
    let web = Web::new(&folder.file());
    web.run(
        "CREATE TABLE users (id INTEGER); INSERT INTO users VALUES (5); PRAGMA user_version = 7",
    );
    let mut storage = open(&folder.file());
    assert_eq!(loaded(&mut storage, None).0.len(), 1);
    assert_eq!(web.number("PRAGMA user_version"), 7);
    assert_eq!(web.number("SELECT id FROM users"), 5);
}

#[test]
fn a_directory_by_the_command_line() {
    let (_folder, mut storage, web) = new();
    let passkey = |text: &str| Passkey::new(text.as_bytes()).expect("a passkey");
    assert_eq!(
        storage.add_user("ann", &passkey("a")).expect("a user"),
        UserId(1)
    );
    assert_eq!(
        storage.add_user("", &passkey("b")).expect("a user"),
        UserId(2)
    );
    assert_eq!(
        storage.add_user("", &passkey("c")).expect("a user"),
        UserId(3)
    );
    let taken = |name: &str, answer: Result<UserId, StorageError>, expected: &str| match answer {
        Err(StorageError::Refused(message)) => assert_eq!(message, expected, "{name}"),
        answer => panic!("{name}: {answer:?}"),
    };
    let same_name = storage.add_user("ann", &passkey("d"));
    taken("a name", same_name, "there is a user \"ann\" already");
    let same_passkey = storage.add_user("bob", &passkey("a"));
    taken("a passkey", same_passkey, "another user has this passkey");
    let bytes = Passkey::new(b"\xff").expect("a passkey");
    taken(
        "bytes",
        storage.add_user("bob", &bytes),
        "a passkey must be text",
    );
    let hash = InfoHash([7; 20]);
    assert_eq!(
        storage.add_torrent("t", hash).expect("a torrent"),
        TorrentId(1)
    );
    let again = storage.add_torrent("u", hash);
    assert!(matches!(again, Err(StorageError::Refused(_))), "{again:?}");

    web.run("UPDATE tracker_users SET uploaded = 5, downloaded = -1, enabled = 0 WHERE id = 1");
    web.run("UPDATE tracker_torrents SET seeders = 1, leechers = 2, snatches = 3");
    let mut users = Vec::new();
    storage
        .users(&mut |user| users.push(user.clone()))
        .expect("users");
    let ann = UserEntry {
        id: UserId(1),
        name: "ann".to_owned(),
        passkey: "a".to_owned(),
        enabled: false,
        credited: Transfer {
            uploaded: 5,
            downloaded: 0,
        },
    };
    assert_eq!((users.len(), &users[0]), (3, &ann));
    let mut torrents = Vec::new();
    storage
        .torrents(&mut |torrent| torrents.push(torrent.clone()))
        .expect("torrents");
    let torrent = TorrentEntry {
        id: TorrentId(1),
        name: "t".to_owned(),
        info_hash: hash,
        seeders: 1,
        leechers: 2,
        snatches: 3,
    };
    assert_eq!(torrents, [torrent]);
    // A deleted user's number, and so the history, never becomes another's.
    web.run("DELETE FROM tracker_users");
    assert_eq!(
        storage.add_user("eve", &passkey("e")).expect("a user"),
        UserId(4)
    );
}
