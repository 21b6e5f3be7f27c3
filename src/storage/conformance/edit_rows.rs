//! Edits one after the other, and what each must come to.

use super::{info_hash, passkey};
use crate::model::{Multipliers, Passkey, TorrentId, UnixTime, UserId};
use crate::storage::{
    Client, Edit, EditError, OptionsEdit, Placed, Token, TorrentEdit, TorrentName, TorrentStatus,
    UserEdit, UserName,
};

/// What is done, how, and the answer.
pub(super) type Row = (&'static str, Edit, Result<Placed, EditError>);

pub(super) fn placed(id: u64, created: bool) -> Result<Placed, EditError> {
    let id = Some(id);
    Ok(Placed { id, created })
}

pub(super) fn other(created: bool) -> Result<Placed, EditError> {
    Ok(Placed { id: None, created })
}

pub(super) fn by_id(id: u64) -> UserEdit {
    UserEdit::of(UserName::Id(UserId(id)))
}

pub(super) fn new_user(id: u64) -> Edit {
    Edit::User(UserEdit {
        create: true,
        passkey: Some(passkey(id)),
        name: Some(format!("user {id}").into()),
        ..by_id(id)
    })
}

pub(super) fn by_hash(id: u64) -> TorrentEdit {
    TorrentEdit::of(TorrentName::InfoHash(info_hash(id)))
}

pub(super) fn new_torrent(id: u64) -> Edit {
    Edit::Torrent(TorrentEdit {
        create: true,
        id: Some(TorrentId(id)),
        ..by_hash(id)
    })
}

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    [users(), torrents(), others(), removals()].concat()
}

fn removals() -> Vec<Row> {
    let taken = Err(EditError::Conflict("another user has this passkey"));
    vec![
        ("a second user", new_user(5_002), placed(5_002, true)),
        (
            "a passkey of another",
            Edit::User(UserEdit {
                passkey: Some(passkey(5_002)),
                ..by_id(5_001)
            }),
            taken,
        ),
        (
            "a user is removed",
            Edit::UserGone(UserName::Id(UserId(5_001))),
            placed(5_001, false),
        ),
        (
            "and again",
            Edit::UserGone(UserName::Id(UserId(5_001))),
            Err(EditError::NotFound),
        ),
        (
            "one is removed by passkey",
            Edit::UserGone(UserName::Passkey(passkey(5_002))),
            placed(5_002, false),
        ),
    ]
}

fn users() -> Vec<Row> {
    let odd = Passkey::new(b"it's \"a\" \\passkey\\ %_ '; --").expect("not too long");
    let said = UserEdit {
        enabled: Some(false),
        can_leech: Some(false),
        hide_ip: Some(true),
        slots: Some(Some(3)),
        up_percent: Some(200),
        down_percent: Some(0),
        ..by_id(5_001)
    };
    let not_there = Edit::User(UserEdit {
        enabled: Some(true),
        ..by_id(5_099)
    });
    let renamed = Edit::User(UserEdit {
        passkey: Some(odd),
        ..UserEdit::of(UserName::Passkey(passkey(5_001)))
    });
    vec![
        ("a new user", new_user(5_001), placed(5_001, true)),
        ("the same again", new_user(5_001), placed(5_001, false)),
        (
            "all that can be said",
            Edit::User(said),
            placed(5_001, false),
        ),
        (
            "nothing is said",
            Edit::User(by_id(5_001)),
            placed(5_001, false),
        ),
        (
            "the same user as new",
            new_user(5_001),
            placed(5_001, false),
        ),
        (
            "any number of slots",
            Edit::User(UserEdit {
                slots: Some(None),
                ..by_id(5_001)
            }),
            placed(5_001, false),
        ),
        (
            "a user who is not there",
            not_there,
            Err(EditError::NotFound),
        ),
        ("another passkey", renamed, placed(5_001, false)),
        (
            "nobody has the old one",
            Edit::UserGone(UserName::Passkey(passkey(5_001))),
            Err(EditError::NotFound),
        ),
        (
            "a new user without a passkey",
            Edit::User(UserEdit {
                create: true,
                ..by_id(5_099)
            }),
            Err(EditError::Invalid("a new user needs a passkey")),
        ),
        (
            "the number of another",
            Edit::User(UserEdit {
                create: true,
                id: Some(UserId(5_001)),
                ..UserEdit::of(UserName::Passkey(passkey(5_098)))
            }),
            Err(EditError::Conflict("another user has this number")),
        ),
        (
            "a number that is none",
            Edit::User(by_id(u64::MAX)),
            Err(EditError::Invalid("a number is too large")),
        ),
    ]
}

fn torrents() -> Vec<Row> {
    let with = |status| {
        Edit::Torrent(TorrentEdit {
            status: Some(status),
            ..by_hash(5_001)
        })
    };
    let reason = "dupe of \"x\\y\", it's ünwanted";
    let said = TorrentEdit {
        info_hash: Some(info_hash(5_002)),
        up_percent: Some(u16::MAX),
        down_percent: Some(50),
        ..TorrentEdit::of(TorrentName::Id(TorrentId(5_001)))
    };
    vec![
        ("a new torrent", new_torrent(5_001), placed(5_001, true)),
        ("the same again", new_torrent(5_001), placed(5_001, false)),
        (
            "deleted",
            with(TorrentStatus::Deleted(reason.into())),
            placed(5_001, false),
        ),
        (
            "nothing is said of it",
            Edit::Torrent(by_hash(5_001)),
            placed(5_001, false),
        ),
        (
            "unapproved",
            with(TorrentStatus::Unapproved),
            placed(5_001, false),
        ),
        (
            "registered",
            with(TorrentStatus::Registered),
            placed(5_001, false),
        ),
        (
            "another info-hash",
            Edit::Torrent(said),
            placed(5_001, false),
        ),
        (
            "the old one is not there",
            Edit::Torrent(by_hash(5_001)),
            Err(EditError::NotFound),
        ),
        ("another torrent", new_torrent(5_003), placed(5_003, true)),
        (
            "an info-hash of another",
            Edit::Torrent(TorrentEdit {
                info_hash: Some(info_hash(5_002)),
                ..by_hash(5_003)
            }),
            Err(EditError::Conflict("another torrent has this info-hash")),
        ),
        (
            "a torrent is removed",
            Edit::TorrentGone(TorrentName::Id(TorrentId(5_001))),
            placed(5_001, false),
        ),
        (
            "one is removed by info-hash",
            Edit::TorrentGone(TorrentName::InfoHash(info_hash(5_003))),
            placed(5_003, false),
        ),
        (
            "and again",
            Edit::TorrentGone(TorrentName::InfoHash(info_hash(5_003))),
            Err(EditError::NotFound),
        ),
    ]
}

fn others() -> Vec<Row> {
    let client = |allow| {
        Edit::Client(Client {
            prefix: (*b"-YY'\"\\%").into(),
            allow,
        })
    };
    let token = |user: Option<u64>, up_percent, until: Option<u32>| {
        Edit::Token(Token {
            user: user.map(UserId),
            torrent: Some(TorrentId(5_001)),
            multipliers: Multipliers {
                up_percent,
                down_percent: 0,
            },
            until: until.map(UnixTime),
        })
    };
    let token_gone = Edit::TokenGone {
        user: None,
        torrent: Some(TorrentId(5_001)),
    };
    let all = OptionsEdit {
        up_percent: Some(150),
        down_percent: Some(0),
        until: Some(Some(UnixTime(2_000_000_000))),
        interval_secs: Some(Some(900)),
        min_interval_secs: Some(Some(0)),
        jitter_secs: Some(Some(45)),
    };
    let until = OptionsEdit {
        until: Some(None),
        interval_secs: Some(None),
        ..OptionsEdit::default()
    };
    let even = OptionsEdit {
        up_percent: Some(100),
        down_percent: Some(100),
        min_interval_secs: Some(None),
        jitter_secs: Some(None),
        ..OptionsEdit::default()
    };
    vec![
        ("a prefix", client(true), other(true)),
        ("the same otherwise", client(false), other(false)),
        (
            "it is gone",
            Edit::ClientGone((*b"-YY'\"\\%").into()),
            other(false),
        ),
        (
            "it is not there",
            Edit::ClientGone((*b"-YY'\"\\%").into()),
            Err(EditError::NotFound),
        ),
        ("a token", token(Some(5_001), 100, None), other(true)),
        (
            "the same otherwise",
            token(Some(5_001), 300, Some(7)),
            other(false),
        ),
        ("for everybody", token(None, 300, Some(7)), other(true)),
        ("it is gone", token_gone.clone(), other(false)),
        ("it is not there", token_gone, Err(EditError::NotFound)),
        ("all options", Edit::Options(all), other(false)),
        ("some no longer", Edit::Options(until), other(false)),
        ("none any more", Edit::Options(even), other(false)),
    ]
}
