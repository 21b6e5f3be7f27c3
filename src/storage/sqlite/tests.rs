//! The suite, files that are odd, and the command line's directory.

use super::Sqlite;
use super::site::{Folder, SqliteSite, Web, loaded, new, open};
use crate::model::{InfoHash, Multipliers, Passkey, TorrentId, Transfer, UserId};
use crate::storage::{
    Commit, Directory, Edit, Entry, HistoryDelta, Listing, Storage, StorageError, TorrentEdit,
    TorrentEntry, TorrentName, TorrentStatus, UserEdit, UserEntry, UserName, conformance,
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
fn a_directory_that_is_listed() {
    let (_folder, mut storage, web) = new();
    let passkey = |text: &[u8]| Passkey::new(text).expect("a passkey");
    let user = |name: &str, key: &[u8]| {
        Edit::User(UserEdit {
            create: true,
            name: Some(name.into()),
            ..UserEdit::of(UserName::Passkey(passkey(key)))
        })
    };
    let hash = InfoHash([7; 20]);
    let torrent = Edit::Torrent(TorrentEdit {
        create: true,
        name: Some("t".into()),
        ..TorrentEdit::of(TorrentName::InfoHash(hash))
    });
    let edits = [user("ann", b"a"), user("bob", b"b"), torrent];
    let done = storage.edit(&edits).expect("edited");
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    web.run(
        "UPDATE tracker_users SET uploaded = 5, downloaded = -1, enabled = 0, hide_ip = 2, \
            slots = 70000, up_percent = -5, down_percent = 1e9 WHERE id = 1; \
         UPDATE tracker_torrents SET seeders = 1, leechers = 2, snatches = 3, status = 2, \
            reason = 'dupe'; \
         INSERT INTO tracker_users (id, passkey) VALUES (-1, 'never'); \
         INSERT INTO tracker_torrents (info_hash) VALUES (x'07'), ('text'); \
         INSERT INTO tracker_clients (prefix) VALUES (''), ('-b'), (x'2d61'); \
         INSERT INTO tracker_tokens (user_id) VALUES (-1), (0), (3)",
    );
    let mut list = |listing: Listing, most: usize| {
        let mut entries = Vec::new();
        let listed = storage.list(&listing, most, &mut |entry| entries.push(entry));
        listed.expect("listed");
        entries
    };
    // What cannot be is shown as the nearest that can.
    let ann = Entry::User(UserEntry {
        id: UserId(1),
        name: "ann".to_owned(),
        passkey: "a".to_owned(),
        enabled: false,
        can_leech: true,
        hide_ip: true,
        slots: Some(u16::MAX),
        multipliers: Multipliers {
            up_percent: 0,
            down_percent: u16::MAX,
        },
        credited: Transfer {
            uploaded: 5,
            downloaded: 0,
        },
    });
    let by_key = |key: &[u8]| Listing::User(UserName::Passkey(passkey(key)));
    let all = list(Listing::Users(None), 10);
    assert_eq!((all.len(), &all[0]), (2, &ann));
    for (name, listing, expected) in [
        ("the first", Listing::Users(None), &all[..1]),
        ("the next", Listing::Users(Some(UserId(1))), &all[1..]),
        ("none after", Listing::Users(Some(UserId(2))), &[]),
        (
            "by name",
            Listing::UsersNamed("bob".into(), None),
            &all[1..],
        ),
        (
            "by name, after it",
            Listing::UsersNamed("bob".into(), Some(UserId(2))),
            &[],
        ),
        ("no such name", Listing::UsersNamed("Bob".into(), None), &[]),
        (
            "by number",
            Listing::User(UserName::Id(UserId(2))),
            &all[1..],
        ),
        ("by passkey", by_key(b"a"), &all[..1]),
        ("by bytes", by_key(b"\xff"), &[]),
    ] {
        assert_eq!(list(listing, 1), expected, "{name}");
    }
    let expected = [Entry::Torrent(TorrentEntry {
        id: TorrentId(1),
        name: "t".to_owned(),
        info_hash: hash,
        status: TorrentStatus::Deleted("dupe".into()),
        multipliers: Multipliers::EVEN,
        seeders: 1,
        leechers: 2,
        snatches: 3,
    })];
    let by_id = Listing::Torrent(TorrentName::Id(TorrentId(1)));
    for listing in [
        Listing::Torrents(None),
        Listing::TorrentsNamed("t".into(), None),
        by_id,
        Listing::Torrent(TorrentName::InfoHash(hash)),
    ] {
        assert_eq!(list(listing.clone(), 9), expected, "{listing:?}");
    }
    assert!(list(Listing::Torrent(TorrentName::Id(TorrentId(2))), 9).is_empty());
    let prefixes = |entries: Vec<Entry>| -> Vec<Box<[u8]>> {
        let clients = entries.into_iter().filter_map(|entry| match entry {
            Entry::Client(client) => Some(client.prefix),
            _ => None,
        });
        clients.collect()
    };
    let first = prefixes(list(Listing::Clients([].into()), 1));
    assert_eq!(first, [Box::from(*b"-a")]);
    let next = prefixes(list(Listing::Clients(first[0].clone()), 9));
    assert_eq!(next, [Box::from(*b"-b")]);
    // The one of nobody is passed over, and does not end a part.
    let tokens = list(Listing::Tokens(None), 1);
    let Some(Entry::Token(token)) = tokens.first() else {
        panic!("{tokens:?}");
    };
    assert_eq!((token.user, token.torrent), (None, None));
    let rest = list(Listing::Tokens(Some((None, None))), 9);
    assert!(matches!(&rest[..], [Entry::Token(token)] if token.user == Some(UserId(3))));
}
