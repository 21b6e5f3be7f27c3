use super::*;
use chihaya::config::Scope;
use chihaya::model::{InfoHash, Multipliers, Passkey, TorrentId, UnixTime, UserId};
use chihaya::storage::{Client, Token};
use chihaya::tracker::api::{self, Access, Conversation, Step};

/// What the API makes of a request.
fn read(request: &Request) -> Edit {
    let body = request.body.as_ref().map(Value::to_string);
    let body = body.unwrap_or_default();
    let Request { method, target, .. } = request;
    let lines = match body.len() {
        0 => String::new(),
        length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    };
    let bytes = format!(
        "{method} {target} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer t\r\n{lines}\r\n{body}"
    );
    let access = Access::new([0; 16], [("t", Scope::Write)]);
    let mut conversation = Conversation::default();
    let mut rest = bytes.as_bytes();
    loop {
        let (used, step) = conversation.read(rest, &access);
        rest = &rest[used..];
        match step {
            Step::Request(_, api::Request::Push(edit)) => return edit,
            Step::Hungry if !rest.is_empty() => {}
            other => panic!("{bytes}: {other:?}"),
        }
    }
}

fn user(who: UserName) -> UserEdit {
    UserEdit::of(who)
}

#[test]
fn the_api_reads_what_is_meant() {
    let passkey = Passkey::new(b"0123456789").expect("a passkey");
    let (by_key, by_id) = (UserName::Passkey(passkey), UserName::Id(UserId(7)));
    let hash = TorrentName::InfoHash(InfoHash([0xab; 20]));
    let mut new_user = UserEdit {
        name: Some("ä \"b\" + %20".into()),
        ..user(by_key)
    };
    new_user.or_defaults();
    let mut new_torrent = TorrentEdit {
        id: Some(TorrentId(9)),
        name: Some("x".into()),
        ..TorrentEdit::of(hash)
    };
    new_torrent.or_defaults();
    let all_of_user = UserEdit {
        passkey: Some(passkey),
        name: Some("".into()),
        enabled: Some(false),
        can_leech: Some(false),
        hide_ip: Some(true),
        slots: Some(Some(3)),
        up_percent: Some(0),
        down_percent: Some(u16::MAX),
        ..user(by_id)
    };
    let slots = UserEdit {
        slots: Some(None),
        ..user(by_key)
    };
    let status = |status| {
        Edit::Torrent(TorrentEdit {
            status: Some(status),
            ..TorrentEdit::of(hash)
        })
    };
    let percents = TorrentEdit {
        name: Some("y".into()),
        up_percent: Some(1),
        down_percent: Some(2),
        ..TorrentEdit::of(hash)
    };
    let prefix: Box<[u8]> = (*b"-a/%?#\xff ").into();
    let client = |allow| Client {
        prefix: prefix.clone(),
        allow,
    };
    let token = |user: Option<u64>, torrent: Option<u64>, until| Token {
        user: user.map(UserId),
        torrent: torrent.map(TorrentId),
        multipliers: Multipliers {
            up_percent: 200,
            down_percent: 0,
        },
        until,
    };
    let options = OptionsEdit {
        up_percent: Some(1),
        down_percent: Some(2),
        until: Some(Some(UnixTime(3))),
        interval_secs: Some(Some(4)),
        min_interval_secs: Some(Some(0)),
        jitter_secs: Some(Some(5)),
    };
    let unset = OptionsEdit {
        until: Some(None),
        interval_secs: Some(None),
        min_interval_secs: Some(None),
        jitter_secs: Some(None),
        ..OptionsEdit::default()
    };
    for edit in [
        Edit::User(new_user),
        Edit::User(user(by_id)),
        Edit::User(all_of_user),
        Edit::User(slots),
        Edit::UserGone(by_key),
        Edit::UserGone(by_id),
        Edit::Torrent(new_torrent),
        Edit::Torrent(percents),
        status(TorrentStatus::Registered),
        status(TorrentStatus::Unapproved),
        status(TorrentStatus::Deleted("dupe & \"worse\"".into())),
        status(TorrentStatus::Deleted("".into())),
        Edit::TorrentGone(hash),
        Edit::Client(client(true)),
        Edit::Client(client(false)),
        Edit::ClientGone(prefix.clone()),
        Edit::Token(token(Some(7), None, None)),
        Edit::Token(token(None, Some(9), Some(UnixTime(5)))),
        Edit::TokenGone {
            user: None,
            torrent: None,
        },
        Edit::TokenGone {
            user: Some(UserId(7)),
            torrent: Some(TorrentId(9)),
        },
        Edit::Options(options),
        Edit::Options(unset),
        Edit::Options(OptionsEdit::default()),
    ] {
        assert_eq!(read(&request(&edit)), edit);
    }
}
