//! What is pushed to a running tracker.

use crate::client::{leech, seed};
use crate::common::{PATIENCE, Tracker, udp};
use crate::site::Site;
use chihaya::model::{InfoHash, Passkey, TorrentId, UserId};
use chihaya::server::{Answers, PushError, Pushed, Stored};
use chihaya::storage::{Edit, TorrentEdit, TorrentName, TorrentStatus, UserEdit, UserName};
use std::sync::mpsc::channel;

/// Pushes edits, and waits for the answers.
pub fn push(tracker: &Tracker, edits: Vec<Edit>) -> Answers {
    let (sender, answers) = channel();
    tracker.authority().push(edits, move |told| {
        sender.send(told).expect("waited for");
    });
    answers.recv_timeout(PATIENCE).expect("an answer")
}

fn one(tracker: &Tracker, edit: Edit) -> Result<Pushed, PushError> {
    let [answer] = push(tracker, vec![edit]).try_into().expect("one answer");
    answer
}

pub fn passkey(text: &str) -> Passkey {
    Passkey::new(text.as_bytes()).expect("a passkey")
}

pub fn torrent_of(letter: char) -> TorrentName {
    TorrentName::InfoHash(InfoHash(udp::hash(letter)))
}

/// A user with this passkey and number.
pub fn user(id: u64, text: &str) -> Edit {
    Edit::User(UserEdit {
        create: true,
        passkey: Some(passkey(text)),
        ..UserEdit::of(UserName::Id(UserId(id)))
    })
}

/// The torrent of this letter, with a number.
pub fn torrent(id: u64, letter: char) -> Edit {
    Edit::Torrent(TorrentEdit {
        create: true,
        id: Some(TorrentId(id)),
        ..TorrentEdit::of(torrent_of(letter))
    })
}

fn written(id: u64, created: bool) -> Result<Pushed, PushError> {
    Ok(Pushed {
        id: Some(id),
        created,
        stored: Stored::Written,
    })
}

#[test]
fn what_is_pushed_is_in_effect_when_it_is_answered() {
    let site = Site::new("pushes").with_rare_visits();
    let tracker = site.start();
    leech("alice", 1).refused(&tracker, "unknown passkey", "1");
    let told = push(&tracker, vec![user(7, "alice"), torrent(9, 'a')]);
    assert_eq!(told, [written(7, true), written(9, true)]);
    leech("alice", 1).served(&tracker);
    let disabled = Edit::User(UserEdit {
        enabled: Some(false),
        ..UserEdit::of(UserName::Passkey(passkey("alice")))
    });
    assert_eq!(one(&tracker, disabled), written(7, false));
    leech("alice", 1).refused(&tracker, "account disabled", "60");
    assert_eq!(one(&tracker, user(8, "bob")), written(8, true));
    seed("bob", 2).served(&tracker);
    let deleted = Edit::Torrent(TorrentEdit {
        status: Some(TorrentStatus::Deleted("dupe".into())),
        ..TorrentEdit::of(torrent_of('a'))
    });
    assert_eq!(one(&tracker, deleted), written(9, false));
    seed("bob", 2).refused(&tracker, "torrent deleted: dupe", "never");
    assert_eq!(
        site.numbers("SELECT enabled, 7 FROM tracker_users WHERE id = 7"),
        [0, 7]
    );
    assert_eq!(
        site.value::<String>("SELECT reason FROM tracker_torrents WHERE id = 9"),
        "dupe"
    );
}

#[test]
fn the_storage_gives_the_numbers_that_are_not_said() {
    let site = Site::new("pushes-born");
    site.user("first");
    let tracker = site.start();
    let new = Edit::User(UserEdit {
        create: true,
        ..UserEdit::of(UserName::Passkey(passkey("alice")))
    });
    let new_torrent = Edit::Torrent(TorrentEdit {
        create: true,
        ..TorrentEdit::of(torrent_of('a'))
    });
    let change = Edit::User(UserEdit {
        can_leech: Some(false),
        ..UserEdit::of(UserName::Passkey(passkey("alice")))
    });
    let told = push(
        &tracker,
        vec![new.clone(), new_torrent.clone(), new.clone(), change],
    );
    let expected = [
        written(2, true),
        written(1, true),
        written(2, false),
        written(2, false),
    ];
    assert_eq!(told, expected);
    seed("alice", 1).served(&tracker);
    leech("alice", 2).refused(&tracker, "downloading is disabled for this account", "60");
    assert_eq!(push(&tracker, vec![new_torrent]), [written(1, false)]);
}

#[test]
fn what_cannot_be_is_refused() {
    let site = Site::new("pushes-refused");
    let (alice, bob) = (site.user("alice"), site.user("bob"));
    site.torrent('a');
    let tracker = site.start();
    let unknown = Edit::UserGone(UserName::Id(UserId(99)));
    let taken = Edit::User(UserEdit {
        passkey: Some(passkey("bob")),
        ..UserEdit::of(UserName::Id(UserId(alice)))
    });
    let nobody = Edit::User(UserEdit {
        create: true,
        ..UserEdit::of(UserName::Id(UserId(99)))
    });
    let told = push(&tracker, vec![unknown, taken, nobody, user(bob, "bob")]);
    assert_eq!(
        told,
        [
            Err(PushError::NotFound),
            Err(PushError::Conflict("another user has this passkey")),
            Err(PushError::Invalid("a new user needs a passkey")),
            written(bob, false),
        ]
    );
    for name in ["alice", "bob"] {
        leech(name, 1).served(&tracker);
    }
}
