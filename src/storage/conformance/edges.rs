//! Many rows, large numbers, and names that clients make up.

use super::{
    Suite, batch, bytes, history_delta, peer_row, position, session, torrent, user, user_delta,
    written,
};
use crate::model::{PeerId, TorrentId, UserId};
use crate::storage::{
    Change, Commit, EventKind, EventRow, HistoryDelta, PeerRow, StorageError, Table, TorrentDelta,
    UserDelta,
};

/// Sessions of one large batch.
const SESSIONS: u64 = 5_000;
const MANY_USERS: u64 = 500;
/// The most a data store of signed numbers can keep.
const MOST: u64 = i64::MAX.unsigned_abs();

pub(super) fn check(suite: &mut Suite<'_>) {
    if suite.register(&[3_001, 3_002], &[3_001]) {
        odd_names(suite);
        large_states(suite);
        large_sums(suite);
        large_batch(suite);
    }
}

/// Names come from strangers; data stores that cannot keep a NUL may leave it out.
fn odd_names(suite: &mut Suite<'_>) {
    let mut storage = suite.site.open();
    let names = [
        "'; DROP TABLE users; --",
        "\"double\" 'single' `back`",
        "back\\slash\\",
        "nul\0inside",
        "Клиент/1.0 \u{1f980} 客户端",
        "%s %n {} :user ?1 $1 [[x|,]]",
        "tab\tline\r\nend",
        "a name of exactly sixty-four bytes, which is as long as it gets.",
    ];
    for (step, name) in (0..).zip(names) {
        let what = format!("the client {name:?}");
        let mut peer = peer_row(3_001, 3_001);
        peer.agent = name.into();
        let mut history = history_delta(3_001, 3_001, 1);
        history.agent = name.into();
        let batch = Commit {
            history: vec![history],
            peers: vec![peer.clone()],
            ..batch(step, step + 1)
        };
        written(&what, &mut *storage, "names", &batch);
        let Some(books) = suite.books(Table::Peers) else {
            continue;
        };
        let kept = books.peer(&peer.key).expect("a session that was written");
        books.cut(super::Row::Peer(&mut peer));
        let (kept, name) = (kept.agent.replace('\0', ""), peer.agent.replace('\0', ""));
        assert_eq!(kept, name, "{what}");
    }
}

/// A client may say anything of itself; that must not stop the others' rows.
fn large_states(suite: &mut Suite<'_>) {
    let what = "a client that claims the largest numbers";
    let mut storage = suite.site.open();
    let peer = PeerRow {
        totals: bytes(u64::MAX, u64::MAX),
        left: u64::MAX,
        announces: u64::MAX,
        rates: bytes(u64::MAX, u64::MAX),
        ..peer_row(3_002, 3_001)
    };
    let history = HistoryDelta {
        left: u64::MAX,
        client: bytes(u64::MAX, u64::MAX),
        ..history_delta(3_002, 3_001, 1)
    };
    let event = EventRow {
        kind: EventKind::ImplausibleSpeed,
        key: session(3_002, 3_001),
        time: crate::model::UnixTime(u32::MAX),
        ip: [0xff; 16],
        amount: u64::MAX,
    };
    let torrent = TorrentDelta {
        torrent: TorrentId(3_001),
        seeders: i32::MAX.unsigned_abs(),
        leechers: i32::MAX.unsigned_abs(),
        last_seeded: crate::model::UnixTime(u32::MAX),
        ..TorrentDelta::default()
    };
    let batch = Commit {
        peers: vec![peer.clone()],
        history: vec![history],
        events: vec![event],
        torrents: vec![torrent],
        ..batch(0, 1)
    };
    written(what, &mut *storage, "states", &batch);
    let kept = suite.books(Table::Peers).and_then(|books| {
        let kept = books.peer(&peer.key)?;
        let mut expected = peer.clone();
        books.cut(super::Row::Peer(&mut expected));
        Some((kept.left, expected.left))
    });
    if let Some((kept, expected)) = kept {
        assert!(kept >= expected.min(MOST), "{what}: left is kept as {kept}");
    }
}

/// Sums are held at the most that can be kept, or refused; never turned into something else.
fn large_sums(suite: &mut Suite<'_>) {
    let mut storage = suite.site.open();
    suite.change(Change::User(user(3_003)));
    let with = |uploaded, from| Commit {
        users: vec![UserDelta {
            user: UserId(3_003),
            credited: bytes(uploaded, 1),
            ..UserDelta::default()
        }],
        ..batch(from, from + 1)
    };
    let what = "sums at the most that can be kept";
    written(what, &mut *storage, "large", &with(MOST, 0));
    let before = sum(suite, 3_003);
    for added in [1, MOST, u64::MAX] {
        let at = position(what, &mut *storage, "large");
        match storage.commit("large", &with(added, at)) {
            Ok(()) => {}
            Err(StorageError::Rows(rows)) => {
                assert_eq!(rows.len(), 1, "{what}: {rows:?}");
                assert_eq!(position(what, &mut *storage, "large"), at, "{what}");
            }
            Err(err) => panic!("{what}, and {added} more: {err}"),
        }
        assert!(sum(suite, 3_003) >= before, "{what}, and {added} more");
    }
}

fn sum(suite: &mut Suite<'_>, number: u64) -> u64 {
    let books = suite.books(Table::Users);
    let kept = books.and_then(|books| books.user(UserId(number)));
    kept.map_or(0, |kept| kept.credited.uploaded)
}

fn large_batch(suite: &mut Suite<'_>) {
    let what = "a large batch";
    let users: Vec<u64> = (10_000..10_000 + MANY_USERS).collect();
    for number in &users {
        suite.change(Change::User(user(*number)));
        suite.change(Change::Torrent(torrent(*number)));
    }
    let mut storage = suite.site.open();
    let sessions = (0..SESSIONS).map(|number| {
        let mut peer = peer_row(10_000 + number % MANY_USERS, 10_000 + number / MANY_USERS);
        peer.key.peer_id = PeerId([b'a' + u8::try_from(number % 26).expect("a letter"); 20]);
        peer
    });
    let mut peers: Vec<PeerRow> = sessions.collect();
    peers.sort_by_key(|peer| peer.key);
    let history = peers.iter().map(|peer| {
        let (user, torrent) = (peer.key.user.0, peer.key.torrent.0);
        history_delta(user, torrent, 3)
    });
    let torrents = users.iter().map(|number| TorrentDelta {
        torrent: TorrentId(*number),
        seeders: 1,
        ..TorrentDelta::default()
    });
    let large = Commit {
        users: users.iter().map(|number| user_delta(*number, 3)).collect(),
        history: history.collect(),
        torrents: torrents.collect(),
        peers: peers.clone(),
        ..batch(0, SESSIONS)
    };
    written(what, &mut *storage, "many", &large);
    drop(storage);
    for peer in &peers {
        suite.expect_peer(what, &peer.key, Some(peer.clone()));
        let (user, torrent) = (peer.key.user.0, peer.key.torrent.0);
        suite.expect_history(what, history_delta(user, torrent, 3));
    }
    for number in users {
        suite.expect_user(what, user_delta(number, 3));
    }
}
