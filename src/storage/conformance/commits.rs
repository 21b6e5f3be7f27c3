//! Batches: all or nothing, once each.

use super::view::View;
use super::{
    Suite, batch, bytes, history_delta, info_hash, peer_row, position, session, torrent,
    user_delta, written,
};
use crate::model::{TorrentId, UnixTime, UserId};
use crate::storage::{
    Change, Commit, EventKind, EventRow, HistoryDelta, StorageError, Table, TorrentDelta,
    UserDelta, Wanted,
};

const USERS: &[u64] = &[2_001, 2_002, 2_003];
const TORRENTS: &[u64] = &[2_001, 2_002];
/// A user and a torrent that nobody has registered.
const NOBODY: u64 = 9_999_999;

pub(super) fn check(suite: &mut Suite<'_>) {
    let registered = suite.register(USERS, TORRENTS);
    positions(suite);
    if registered {
        everything_or_nothing(suite);
        sums_and_states(suite);
        sessions_and_events(suite);
        refused_rows(suite);
        snatches_are_told(suite);
    }
}

fn positions(suite: &mut Suite<'_>) {
    let mut storage = suite.site.open();
    let what = "a new writer";
    assert_eq!(position(what, &mut *storage, "a"), 0, "{what}");
    written(what, &mut *storage, "a", &batch(0, 10));
    assert_eq!(
        position(what, &mut *storage, "a"),
        10,
        "{what}, one step on"
    );
    written(what, &mut *storage, "a", &batch(10, 10));
    assert_eq!(position(what, &mut *storage, "a"), 10, "{what}, no step on");

    let what = "two writers";
    assert_eq!(position(what, &mut *storage, "it's b"), 0, "{what}");
    written(what, &mut *storage, "it's b", &batch(0, 1 << 62));
    assert_eq!(position(what, &mut *storage, "a"), 10, "{what}");

    let what = "a batch from elsewhere";
    for (writer, from, is) in [
        ("a", 9, 10),
        ("a", 0, 10),
        ("c", 5, 0),
        ("it's b", 0, 1 << 62),
    ] {
        let moved = storage.commit(writer, &batch(from, from + 5));
        let told = matches!(moved, Err(StorageError::Moved(at)) if at == is);
        assert!(
            told,
            "{what}: {writer} is at {is}, not at {from}: {moved:?}"
        );
        assert_eq!(position(what, &mut *storage, writer), is, "{what}");
    }
    if suite.site.lasts() {
        drop(storage);
        let mut storage = suite.site.open();
        assert_eq!(position("the next handle", &mut *storage, "a"), 10);
        assert_eq!(position("the next handle", &mut *storage, "c"), 0);
    }
}

fn everything_or_nothing(suite: &mut Suite<'_>) {
    let mut storage = suite.site.open();
    let with = |from, to, amount| Commit {
        users: vec![user_delta(2_001, amount)],
        ..batch(from, to)
    };
    written("a batch", &mut *storage, "once", &with(0, 10, 7));
    suite.expect_user("a batch", user_delta(2_001, 7));
    let again = storage.commit("once", &with(0, 10, 7));
    let moved = matches!(again, Err(StorageError::Moved(10)));
    assert!(moved, "the same batch again: {again:?}");
    suite.expect_user("the same batch again", user_delta(2_001, 7));
    written(
        "a batch without a step",
        &mut *storage,
        "once",
        &with(10, 10, 1),
    );
    suite.expect_user("a batch without a step", user_delta(2_001, 8));
    if suite.site.lasts() {
        drop(storage);
        let mut storage = suite.site.open();
        suite.expect_user("the next handle", user_delta(2_001, 8));
        written("the next handle", &mut *storage, "once", &with(10, 20, 2));
        suite.expect_user("the next handle", user_delta(2_001, 10));
    }
}

fn sums_and_states(suite: &mut Suite<'_>) {
    let mut storage = suite.site.open();
    let first = HistoryDelta {
        snatches: 1,
        started: UnixTime(1_000),
        last: UnixTime(2_000),
        completed: Some(UnixTime(1_500)),
        seeder: true,
        left: 5,
        client: bytes(50, 60),
        ..history_delta(2_001, 2_001, 10)
    };
    let second = HistoryDelta {
        started: UnixTime(3_000),
        last: UnixTime(4_000),
        completed: Some(UnixTime(3_500)),
        active: false,
        agent: "".into(),
        ..history_delta(2_001, 2_001, 1)
    };
    let never = history_delta(2_002, 2_001, 1);
    let later = HistoryDelta {
        completed: Some(UnixTime(9)),
        ..history_delta(2_002, 2_001, 0)
    };
    let expected = HistoryDelta {
        announces: 2,
        snatches: 1,
        started: UnixTime(1_000),
        completed: Some(UnixTime(1_500)),
        ..HistoryDelta {
            credited: bytes(11, 22),
            raw: bytes(33, 44),
            seed_seconds: 55,
            leech_seconds: 66,
            ..second.clone()
        }
    };
    let expected_later = HistoryDelta {
        announces: 2,
        completed: Some(UnixTime(9)),
        ..never.clone()
    };
    let of_torrent = |seeders, snatches, balance, last_seeded| TorrentDelta {
        torrent: TorrentId(2_001),
        seeders,
        leechers: seeders + 1,
        snatches,
        balance,
        last_seeded: UnixTime(last_seeded),
    };
    let what = "a first batch";
    let one = Commit {
        history: vec![first.clone(), never],
        torrents: vec![of_torrent(7, 2, 100, 5_000)],
        ..batch(0, 1)
    };
    written(what, &mut *storage, "sums", &one);
    suite.expect_history(what, first);
    suite.expect_torrent(what, of_torrent(7, 2, 100, 5_000));
    let what = "a second batch";
    let two = Commit {
        history: vec![second, later],
        torrents: vec![of_torrent(0, 1, -300, 4_000)],
        ..batch(1, 2)
    };
    written(what, &mut *storage, "sums", &two);
    suite.expect_history(what, expected);
    suite.expect_history("completed later", expected_later);
    suite.expect_torrent(what, of_torrent(0, 3, -200, 5_000));
}

fn sessions_and_events(suite: &mut Suite<'_>) {
    let mut storage = suite.site.open();
    let (stays, goes) = (peer_row(2_001, 2_001), peer_row(2_001, 2_002));
    let mut changed = stays.clone();
    changed.ip = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    changed.port = u16::MAX;
    changed.totals = bytes(100, 200);
    (changed.left, changed.seeder, changed.active) = (0, true, false);
    (changed.started, changed.last) = (UnixTime(2_000_000), UnixTime(2_000_001));
    (changed.announces, changed.rates) = (9, bytes(0, 0));
    changed.agent = "".into();
    let event = |kind, time| EventRow {
        kind,
        key: session(2_001, 2_001),
        time: UnixTime(time),
        ip: [9; 16],
        amount: u64::from(time) * 3,
    };
    let events = [
        event(EventKind::Completed, 1),
        event(EventKind::TokenUsed, 2),
        event(EventKind::ImplausibleSpeed, 2),
        event(EventKind::ClientMismatch, 4),
    ];
    let what = "sessions are new";
    let one = Commit {
        peers: vec![stays.clone(), goes.clone()],
        events: events[..2].to_vec(),
        ..batch(0, 1)
    };
    written(what, &mut *storage, "sessions", &one);
    suite.expect_peer(what, &stays.key, Some(stays.clone()));
    suite.expect_peer(what, &goes.key, Some(goes.clone()));
    suite.expect_events(what, &stays.key, events[..2].to_vec());
    let what = "sessions change and are forgotten";
    let two = Commit {
        peers: vec![changed.clone()],
        // That of user 2002 has never been there, which is no fault.
        forgotten: vec![goes.key, session(2_002, 2_002)],
        events: events[2..].to_vec(),
        ..batch(1, 2)
    };
    written(what, &mut *storage, "sessions", &two);
    suite.expect_peer(what, &stays.key, Some(changed));
    suite.expect_peer(what, &goes.key, None);
    suite.expect_events(what, &stays.key, events.to_vec());
}

/// A driver may refuse sums of a user who is not there, or let them go; but it says which rows
/// exactly, writes nothing then, and makes no user of them.
fn refused_rows(suite: &mut Suite<'_>) {
    let mut storage = suite.site.open();
    let nobody = |number| UserDelta {
        user: UserId(number),
        ..user_delta(0, 5)
    };
    let mut mixed = Commit {
        users: vec![user_delta(2_003, 5), nobody(NOBODY), nobody(NOBODY + 1)],
        history: vec![history_delta(2_003, 2_001, 5)],
        torrents: vec![TorrentDelta {
            torrent: TorrentId(NOBODY),
            seeders: 1,
            ..TorrentDelta::default()
        }],
        peers: vec![peer_row(2_003, 2_001)],
        ..batch(0, 1)
    };
    let what = "sums of a user who is not there";
    match storage.commit("refused", &mixed) {
        Ok(()) => {}
        Err(StorageError::Rows(rows)) => {
            let found: Vec<(Table, usize)> =
                rows.iter().map(|row| (row.table, row.place)).collect();
            let expected = [(Table::Users, 1), (Table::Users, 2)];
            assert_eq!(found, expected, "{what}: the rows refused");
            assert_eq!(position(what, &mut *storage, "refused"), 0, "{what}");
            suite.expect_user(what, user_delta(2_003, 0));
            suite.expect_peer(what, &session(2_003, 2_001), None);
            mixed.users.truncate(1);
            written("the others", &mut *storage, "refused", &mixed);
        }
        Err(err) => panic!("{what}: {err}"),
    }
    assert_eq!(position(what, &mut *storage, "refused"), 1, "{what}");
    suite.expect_user(what, user_delta(2_003, 5));
    suite.expect_history(what, history_delta(2_003, 2_001, 5));
    suite.expect_peer(what, &session(2_003, 2_001), Some(peer_row(2_003, 2_001)));
    let (whole, _) = View::whole(what, &mut *storage);
    whole.expect(what, &suite.model);
}

/// Scrapes tell the finished downloads that the data store knows of.
fn snatches_are_told(suite: &mut Suite<'_>) {
    let keeps = suite.books(Table::Torrents).is_some();
    let mut storage = suite.site.open();
    let more = Commit {
        torrents: vec![TorrentDelta {
            torrent: TorrentId(2_002),
            snatches: 12,
            ..TorrentDelta::default()
        }],
        ..batch(0, 1)
    };
    written("snatches", &mut *storage, "snatches", &more);
    let wanted = Wanted {
        info_hashes: vec![info_hash(2_002)],
        ..Wanted::default()
    };
    let mut told = None;
    let asked = storage.find(&wanted, &mut |change| {
        if let Change::Torrent(found) = change {
            told = Some(found);
        }
    });
    assert!(asked.is_ok(), "find: {asked:?}");
    let told = told.expect("a torrent that is there is found");
    let snatches = if keeps { 12 } else { told.snatches };
    let expected = crate::storage::Torrent {
        snatches,
        ..torrent(2_002)
    };
    assert_eq!(told, expected, "find tells snatches");
}
