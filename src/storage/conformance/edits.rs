//! What is pushed is written as the registry makes it, where the driver writes the directory.

use super::edit_rows::{by_hash, by_id, new_torrent, new_user, rows};
use super::view::View;
use super::{Suite, info_hash, passkey, torrent, user};
use crate::model::{TorrentId, UserId};
use crate::storage::{
    Change, Cursor, Edit, EditError, Global, OptionsEdit, Placed, Storage, TorrentEdit,
    TorrentName, TorrentStatus, UserEdit, UserName,
};
use fastrand::Rng;

/// Users and torrents of these numbers come and go at random.
const IDS: u64 = 5;
/// Passkeys and info-hashes that they have in turn.
const KEYS: u64 = 7;
const BATCHES: u32 = 120;
const FIRST: u64 = 6_001;
/// The dice are loaded the same way in each run.
const SEED: u64 = 0xed17;

pub(super) fn check(suite: &mut Suite<'_>) {
    let mut storage = suite.site.open();
    if storage.directory().is_none() {
        return;
    }
    let (mut view, mut cursor) = View::whole("before edits", &mut *storage);
    suite.model = view.clone();
    one_by_one(suite, &mut *storage, &mut view, &mut cursor);
    newborns(suite, &mut *storage, &mut view, &mut cursor);
    stand(suite, &mut *storage);
    at_random(suite, storage);
}

/// Makes one edit, and expects what follows from it.
fn made(
    what: &str,
    suite: &mut Suite<'_>,
    storage: &mut dyn Storage,
    edit: &Edit,
    expected: Result<Placed, EditError>,
) {
    let answers = edited(what, storage, std::slice::from_ref(edit));
    assert_eq!(answers, [expected], "{what}");
    let twin = suite.model.edit(edit);
    assert_eq!(twin, expected, "{what}: the suite itself");
    let (whole, _) = View::whole(what, storage);
    whole.expect(what, &suite.model);
}

fn edited(what: &str, storage: &mut dyn Storage, edits: &[Edit]) -> Vec<Result<Placed, EditError>> {
    let directory = storage.directory();
    let directory = directory.unwrap_or_else(|| panic!("{what}: no directory any more"));
    let answers = directory.edit(edits);
    let answers = answers.unwrap_or_else(|err| panic!("{what}: {err}"));
    assert_eq!(answers.len(), edits.len(), "{what}: answers");
    answers
}

fn one_by_one(
    suite: &mut Suite<'_>,
    storage: &mut dyn Storage,
    view: &mut View,
    cursor: &mut Cursor,
) {
    for (what, edit, expected) in rows() {
        made(what, suite, storage, &edit, expected);
        // Whoever looks for changes sees them.
        view.catch_up(what, storage, cursor);
        view.expect(what, &suite.model);
    }
}

/// Those without a number get one that nobody has had.
fn newborns(
    suite: &mut Suite<'_>,
    storage: &mut dyn Storage,
    view: &mut View,
    cursor: &mut Cursor,
) {
    let what = "users and torrents without numbers";
    let newborn = |key: u64| {
        Edit::User(UserEdit {
            create: true,
            ..UserEdit::of(UserName::Passkey(passkey(key)))
        })
    };
    let new_torrent = |key: u64| {
        Edit::Torrent(TorrentEdit {
            create: true,
            ..by_hash(key)
        })
    };
    let edits = [
        newborn(5_051),
        new_torrent(5_051),
        newborn(5_052),
        newborn(5_051),
        new_torrent(5_051),
    ];
    let answers = edited(what, storage, &edits);
    let numbers: Vec<u64> = answers
        .iter()
        .map(|answer| {
            let id = answer.ok().and_then(|placed| placed.id);
            id.unwrap_or_else(|| panic!("{what}: {answers:?}"))
        })
        .collect();
    let created: Vec<bool> = answers
        .iter()
        .filter_map(|answer| answer.ok().map(|placed| placed.created))
        .collect();
    assert_eq!(created, [true, true, true, false, false], "{what}");
    assert_eq!((numbers[0], numbers[1]), (numbers[3], numbers[4]), "{what}");
    assert!(numbers[0] != numbers[2], "{what}: {numbers:?}");
    assert!(!numbers.contains(&0), "{what}: {numbers:?}");
    for (number, key) in [(numbers[0], 5_051), (numbers[2], 5_052)] {
        let born = crate::storage::User {
            passkey: passkey(key),
            ..user(number)
        };
        suite.model.apply(Change::User(born));
    }
    suite.model.apply(Change::Torrent(crate::storage::Torrent {
        info_hash: info_hash(5_051),
        ..torrent(numbers[1])
    }));
    view.catch_up(what, storage, cursor);
    view.expect(what, &suite.model);
    let what = "a number that somebody has had";
    let gone = Edit::UserGone(UserName::Id(UserId(numbers[2])));
    let answers = edited(what, storage, &[gone.clone(), newborn(5_052)]);
    let number = answers[1].ok().and_then(|placed| placed.id);
    let number = number.unwrap_or_else(|| panic!("{what}: {answers:?}"));
    assert!(
        !numbers.contains(&number),
        "{what}: {number} of {numbers:?}"
    );
    let _ = suite.model.edit(&gone);
    suite.model.apply(Change::User(crate::storage::User {
        passkey: passkey(5_052),
        ..user(number)
    }));
    let (whole, _) = View::whole(what, storage);
    whole.expect(what, &suite.model);
}

/// How things stand, by whatever names them.
fn stand(suite: &mut Suite<'_>, storage: &mut dyn Storage) {
    let what = "how things stand";
    let edits = [new_user(5_061), new_torrent(5_061)];
    edited(what, storage, &edits);
    for edit in &edits {
        let twin = suite.model.edit(edit);
        assert!(twin.is_ok(), "{what}: the suite itself: {twin:?}");
    }
    let asked = |storage: &mut dyn Storage, edit: &Edit| {
        let mut shown = Vec::new();
        let directory = storage.directory().expect("a directory");
        let done = directory.stands(edit, &mut |change| shown.push(change));
        assert!(done.is_ok(), "{what}: {done:?}");
        shown
    };
    let user = Change::User(user(5_061));
    let torrent = Change::Torrent(torrent(5_061));
    for (edit, expected) in [
        (Edit::User(by_id(5_061)), user.clone()),
        (Edit::UserGone(UserName::Id(UserId(5_061))), user.clone()),
        (Edit::UserGone(UserName::Passkey(passkey(5_061))), user),
        (new_torrent(5_061), torrent.clone()),
        (Edit::Torrent(by_hash(5_061)), torrent.clone()),
        (
            Edit::TorrentGone(TorrentName::Id(TorrentId(5_061))),
            torrent,
        ),
        (Edit::User(by_id(5_099)), Change::UserGone(UserId(5_099))),
        (
            Edit::TorrentGone(TorrentName::Id(TorrentId(5_099))),
            Change::TorrentGone(TorrentId(5_099)),
        ),
        (
            Edit::ClientGone((*b"-nobody").into()),
            Change::ClientGone((*b"-nobody").into()),
        ),
        (
            Edit::Options(OptionsEdit::default()),
            Change::Global(Global::default()),
        ),
    ] {
        let mut shown = asked(storage, &edit);
        // What else belongs to it may be shown as well.
        shown.retain(|change| !matches!(change, Change::Token(_)));
        if let [Change::Torrent(torrent)] = &mut shown[..] {
            torrent.snatches = 0;
        }
        assert_eq!(shown, [expected], "{what}: {edit:?}");
    }
}

/// Hundreds of edits of a few users and torrents: each is answered, and each batch leaves what one
/// edit after the other would.
fn at_random(suite: &mut Suite<'_>, mut storage: Box<dyn Storage>) {
    let mut dice = Rng::with_seed(SEED);
    for batch in 0..BATCHES {
        let what = format!("random edits, batch {batch}");
        let edits: Vec<Edit> = (0..dice.usize(1..8)).map(|_| any_edit(&mut dice)).collect();
        let answers = edited(&what, &mut *storage, &edits);
        let expected: Vec<_> = edits.iter().map(|edit| suite.model.edit(edit)).collect();
        assert_eq!(answers, expected, "{what}: {edits:?}");
        // An answer that is lost does no harm: made twice is made once, but for what comes and goes.
        if edits.len() == 1 && answers[0].is_ok() && !edits[0].is_removal() {
            let again = edited(&what, &mut *storage, &edits);
            assert!(
                again[0].is_ok_and(|again| !again.created),
                "{what}: {again:?}"
            );
        }
        if dice.u32(0..10) == 0 && suite.site.lasts() {
            drop(storage);
            storage = suite.site.open();
        }
        let (whole, _) = View::whole(&what, &mut *storage);
        whole.expect(&what, &suite.model);
    }
}

/// An edit of some of a few.
pub(crate) fn any_edit(dice: &mut Rng) -> Edit {
    let id = FIRST + dice.u64(0..IDS);
    let key = FIRST + dice.u64(0..KEYS);
    let some = |dice: &mut Rng| dice.bool();
    match dice.u32(0..12) {
        0..4 => Edit::User(UserEdit {
            create: dice.bool(),
            passkey: some(dice).then(|| passkey(key)),
            enabled: some(dice).then(|| dice.bool()),
            slots: some(dice).then(|| some(dice).then(|| dice.u16(..))),
            up_percent: some(dice).then(|| dice.u16(..)),
            ..by_id(id)
        }),
        4 => Edit::User(UserEdit {
            create: dice.bool(),
            id: Some(UserId(id)),
            ..UserEdit::of(UserName::Passkey(passkey(key)))
        }),
        5 => Edit::UserGone(match dice.bool() {
            true => UserName::Id(UserId(id)),
            false => UserName::Passkey(passkey(key)),
        }),
        6..9 => Edit::Torrent(TorrentEdit {
            create: dice.bool(),
            info_hash: some(dice).then(|| info_hash(key)),
            status: some(dice).then(|| match dice.u32(0..3) {
                0 => TorrentStatus::Registered,
                1 => TorrentStatus::Unapproved,
                _ => TorrentStatus::Deleted("".into()),
            }),
            down_percent: some(dice).then(|| dice.u16(..)),
            ..TorrentEdit::of(TorrentName::Id(TorrentId(id)))
        }),
        9 => Edit::Torrent(TorrentEdit {
            create: dice.bool(),
            id: Some(TorrentId(id)),
            ..TorrentEdit::of(TorrentName::InfoHash(info_hash(key)))
        }),
        10 => Edit::TorrentGone(TorrentName::InfoHash(info_hash(key))),
        _ => Edit::TokenGone {
            user: Some(UserId(id)),
            torrent: None,
        },
    }
}
