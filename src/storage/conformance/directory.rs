//! What the web application writes is what the tracker sees.

use super::view::View;
use super::{Suite, info_hash, passkey, torrent, user};
use crate::model::{Multipliers, Passkey, TorrentId, UnixTime, UserId};
use crate::storage::{
    Change, Client, Cursor, Global, Storage, StorageError, Token, Torrent, TorrentStatus, User,
    Wanted,
};

/// Users put in at once, so that drivers that read in pages turn some.
const MANY: u64 = 900;

pub(super) fn check(suite: &mut Suite<'_>) {
    let mut storage = suite.site.open();
    let (view, mut cursor) = View::whole("a new directory", &mut *storage);
    view.expect("a new directory", &suite.model);
    misses(suite, &mut *storage);
    let mut view = view;
    for (what, changes) in steps() {
        for change in changes {
            if !suite.change(change) {
                return;
            }
        }
        view.catch_up(what, &mut *storage, &mut cursor);
        view.expect(what, &suite.model);
        // Nothing has happened since.
        view.catch_up(what, &mut *storage, &mut cursor);
        view.expect(what, &suite.model);
    }
    let (whole, _) = View::whole("everything", &mut *storage);
    whole.expect("everything", &suite.model);
    finds(&mut *storage);
    drop(storage);
    reopened(suite, view, cursor);
}

/// A cursor goes on from where it was with the next handle, too.
fn reopened(suite: &mut Suite<'_>, mut view: View, mut cursor: Cursor) {
    if !suite.site.lasts() {
        return;
    }
    let what = "changes while no handle is open";
    suite.change(Change::User(User {
        enabled: false,
        ..user(1_010)
    }));
    suite.change(Change::TorrentGone(TorrentId(1_010)));
    let mut storage = suite.site.open();
    view.catch_up(what, &mut *storage, &mut cursor);
    view.expect(what, &suite.model);
    let (whole, _) = View::whole(what, &mut *storage);
    whole.expect(what, &suite.model);
}

/// What the web application does, and what is said of it when it goes wrong.
fn steps() -> Vec<(&'static str, Vec<Change>)> {
    let many = (1_000..1_000 + MANY).map(|number| Change::User(user(number)));
    let torrents = (1_000..1_100).map(|number| Change::Torrent(torrent(number)));
    vec![
        ("nothing yet", vec![]),
        ("users are added", many.collect()),
        ("torrents are added", torrents.collect()),
        ("users are special", special_users()),
        ("torrents are special", special_torrents()),
        ("clients", clients()),
        ("tokens", tokens()),
        ("for everybody", vec![global(Some(2_000_000_000))]),
        ("for everybody, for good", vec![global(None)]),
        ("no longer", vec![Change::Global(Global::default())]),
        ("a passkey goes to another user", passkey_moves()),
        ("the same user several times", user_comes_and_goes()),
        ("everything is removed", removals()),
        ("removed ones come back", special_users()),
    ]
}

fn special_users() -> Vec<Change> {
    let percent = |up_percent, down_percent| Multipliers {
        up_percent,
        down_percent,
    };
    let longest = Passkey::new(&[b'k'; Passkey::MAX_BYTES]).expect("not too long");
    let odd = Passkey::new(b"it's \"a\" \\passkey\\ %_").expect("not too long");
    let users = [
        User {
            enabled: false,
            ..user(1_001)
        },
        User {
            can_leech: false,
            ..user(1_002)
        },
        User {
            hide_ip: true,
            ..user(1_003)
        },
        User {
            slots: Some(0),
            ..user(1_004)
        },
        User {
            slots: Some(u16::MAX),
            ..user(1_005)
        },
        User {
            multipliers: percent(200, 0),
            ..user(1_006)
        },
        User {
            multipliers: percent(0, u16::MAX),
            ..user(1_007)
        },
        User {
            passkey: longest,
            ..user(1_008)
        },
        User {
            passkey: odd,
            ..user(1_009)
        },
    ];
    users.into_iter().map(Change::User).collect()
}

fn special_torrents() -> Vec<Change> {
    let freeleech = Multipliers {
        up_percent: 100,
        down_percent: 0,
    };
    let deleted = |reason: &str| TorrentStatus::Deleted(reason.into());
    let torrents = [
        Torrent {
            status: TorrentStatus::Unapproved,
            ..torrent(1_001)
        },
        Torrent {
            status: deleted("dupe of \"x\\y\", it's ünwanted"),
            ..torrent(1_002)
        },
        Torrent {
            status: deleted(""),
            ..torrent(1_003)
        },
        Torrent {
            multipliers: freeleech,
            ..torrent(1_004)
        },
        Torrent {
            info_hash: info_hash(77),
            ..torrent(1_005)
        },
    ];
    torrents.into_iter().map(Change::Torrent).collect()
}

fn client(prefix: &[u8], allow: bool) -> Change {
    Change::Client(Client {
        prefix: prefix.into(),
        allow,
    })
}

fn clients() -> Vec<Change> {
    vec![
        client(b"-TR3", true),
        client(b"-XX'\"\\%", false),
        client(b"-qB4250-123456789012", true),
        client(b"M", true),
        client(b"M", false),
    ]
}

fn token(user: Option<u64>, torrent: Option<u64>, up: u16, until: Option<u32>) -> Change {
    Change::Token(Token {
        user: user.map(UserId),
        torrent: torrent.map(TorrentId),
        multipliers: Multipliers {
            up_percent: up,
            down_percent: 0,
        },
        until: until.map(UnixTime),
    })
}

fn tokens() -> Vec<Change> {
    vec![
        token(Some(1_001), Some(1_001), 100, None),
        token(Some(1_001), None, 150, Some(2_000_000_000)),
        token(None, Some(1_001), 200, None),
        token(Some(1_002), Some(1_002), 100, None),
        token(Some(1_002), Some(1_002), 300, Some(1)),
    ]
}

fn global(until: Option<u32>) -> Change {
    Change::Global(Global {
        multipliers: Multipliers {
            up_percent: 200,
            down_percent: 0,
        },
        until: until.map(UnixTime),
        ..Global::default()
    })
}

fn passkey_moves() -> Vec<Change> {
    let with = |number, passkey| {
        Change::User(User {
            passkey,
            ..user(number)
        })
    };
    vec![
        with(1_020, passkey(5_000_000)),
        with(1_021, passkey(1_020)),
        with(1_020, passkey(1_021)),
    ]
}

fn user_comes_and_goes() -> Vec<Change> {
    let gone = Change::UserGone(UserId(1_030));
    let back = Change::User(User {
        hide_ip: true,
        ..user(1_030)
    });
    vec![gone.clone(), back.clone(), gone, back]
}

fn removals() -> Vec<Change> {
    let users = (1_001..1_010).map(|number| Change::UserGone(UserId(number)));
    let torrents = (1_001..1_006).map(|number| Change::TorrentGone(TorrentId(number)));
    let token_gone = |user: Option<u64>, torrent: Option<u64>| Change::TokenGone {
        user: user.map(UserId),
        torrent: torrent.map(TorrentId),
    };
    let others = [
        Change::ClientGone((*b"-XX'\"\\%").into()),
        Change::ClientGone((*b"M").into()),
        token_gone(Some(1_001), None),
        token_gone(None, Some(1_001)),
    ];
    users.chain(torrents).chain(others).collect()
}

/// What nobody knows is not found, whatever its bytes.
fn misses(suite: &Suite<'_>, storage: &mut dyn Storage) {
    let odd = Passkey::new(b"\xff\x00' OR 1=1 --").expect("not too long");
    let wanted = Wanted {
        passkeys: vec![passkey(9_999), odd],
        info_hashes: vec![info_hash(9_999)],
    };
    let mut found = suite.model.clone();
    let asked = storage.find(&wanted, &mut |change| found.apply(change));
    assert!(asked.is_ok(), "find of the unknown: {asked:?}");
    found.expect("find of the unknown", &suite.model);
}

fn finds(storage: &mut dyn Storage) {
    let odd = Passkey::new(b"it's \"a\" \\passkey\\ %_").expect("not too long");
    let wanted = Wanted {
        passkeys: vec![passkey(1_050), passkey(9_999), odd],
        info_hashes: vec![info_hash(1_060), info_hash(9_999)],
    };
    let (mut users, mut torrents) = (Vec::new(), Vec::new());
    let asked: Result<(), StorageError> = storage.find(&wanted, &mut |change| match change {
        Change::User(user) => users.push(user),
        Change::Torrent(torrent) => torrents.push(torrent),
        _ => {}
    });
    assert!(asked.is_ok(), "find: {asked:?}");
    users.sort_by_key(|user| user.id);
    let expected = [
        User {
            passkey: odd,
            ..user(1_009)
        },
        user(1_050),
    ];
    assert_eq!(users, expected, "find by passkey");
    assert_eq!(torrents, [torrent(1_060)], "find by info-hash");
}
