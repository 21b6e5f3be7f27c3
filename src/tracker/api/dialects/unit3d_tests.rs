use super::*;
use serde_json::{Value, json};

fn read(resource: Resource, removes: bool, body: &Value) -> Result<Push, String> {
    push(resource, removes, body.to_string().as_bytes()).map_err(Cow::into_owned)
}

fn user_body() -> Value {
    json!({"id": 7, "group_id": -3, "passkey": "old", "can_download": false})
}

fn alice(passkey: &str) -> UserEdit {
    UserEdit {
        create: true,
        passkey: Passkey::new(passkey.as_bytes()),
        can_leech: Some(false),
        ..UserEdit::of(UserName::Id(UserId(7)))
    }
}

fn member(donor: bool) -> Member {
    Member {
        group: -3,
        donor,
        lifetime: donor,
    }
}

fn with(mut body: Value, fields: &Value) -> Value {
    for (name, value) in fields.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

#[test]
fn every_resource_is_read() {
    let torrent = json!({"id": 9, "status": 1, "info_hash": "aB".repeat(20), "is_deleted": false,
        "seeders": 1, "leechers": 2, "times_completed": 3, "download_factor": 25,
        "upload_factor": 200});
    let edit = |status| TorrentEdit {
        status: Some(status),
        up_percent: Some(200),
        down_percent: Some(25),
        ..TorrentEdit::of(TorrentName::Id(TorrentId(9)))
    };
    let of_torrent = |status| Push::Torrent(TorrentId(9), InfoHash([0xab; 20]), edit(status));
    let of_user = |passkey, donor| Push::User(alice(passkey), UserId(7), member(donor));
    let group = Group {
        slots: None,
        freeleech: true,
        double_upload: false,
        barred: false,
    };
    let group_body = json!({"id": 3, "slug": "user", "download_slots": null, "is_immune": true,
        "is_freeleech": true, "is_double_upload": false});
    let prefix: Box<[u8]> = b"-XX".as_slice().into();
    let agent = json!({"peer_id_prefix": "-XX"});
    let token = |user: Option<u64>, torrent: Option<u64>, multipliers| {
        Push::Edit(Edit::Token(Token {
            user: user.map(UserId),
            torrent: torrent.map(TorrentId),
            multipliers,
            until: None,
        }))
    };
    let token_gone = |user: Option<u64>, torrent: Option<u64>| {
        Push::Edit(Edit::TokenGone {
            user: user.map(UserId),
            torrent: torrent.map(TorrentId),
        })
    };
    let both = json!({"user_id": 7, "torrent_id": 9});
    use Resource::*;
    for (resource, removes, body, expected) in [
        (
            Torrents,
            false,
            torrent.clone(),
            of_torrent(TorrentStatus::Registered),
        ),
        (
            Torrents,
            false,
            with(torrent.clone(), &json!({"status": 0})),
            of_torrent(TorrentStatus::Unapproved),
        ),
        (
            Torrents,
            false,
            with(torrent, &json!({"is_deleted": true})),
            of_torrent(TorrentStatus::Deleted("".into())),
        ),
        (
            Torrents,
            true,
            json!({"id": 9, "info_hash": "whatever"}),
            Push::Edit(Edit::Torrent(TorrentEdit {
                status: Some(TorrentStatus::Deleted("".into())),
                ..TorrentEdit::of(TorrentName::Id(TorrentId(9)))
            })),
        ),
        (Users, false, user_body(), of_user("old", false)),
        (
            Users,
            false,
            with(
                user_body(),
                &json!({"new_passkey": null, "is_donor": true, "is_lifetime": true}),
            ),
            of_user("old", true),
        ),
        (
            Users,
            false,
            with(user_body(), &json!({"new_passkey": "new"})),
            of_user("new", false),
        ),
        (
            Users,
            true,
            json!({"id": 7, "passkey": "old"}),
            Push::UserGone(UserId(7)),
        ),
        (Groups, false, group_body.clone(), Push::Group(3, group)),
        (
            Groups,
            false,
            with(
                group_body,
                &json!({"slug": "banned", "download_slots": 70_000}),
            ),
            Push::Group(
                3,
                Group {
                    slots: Some(u16::MAX),
                    barred: true,
                    ..group
                },
            ),
        ),
        (Groups, true, json!({"id": 3}), Push::GroupGone(3)),
        (
            Agents,
            false,
            agent.clone(),
            Push::Edit(Edit::Client(Client {
                prefix: prefix.clone(),
                allow: false,
            })),
        ),
        (Agents, true, agent, Push::Edit(Edit::ClientGone(prefix))),
        (Tokens, false, both.clone(), token(Some(7), Some(9), FREE)),
        (Tokens, true, both.clone(), token_gone(Some(7), Some(9))),
        (
            PersonalFreeleech,
            false,
            both.clone(),
            token(Some(7), None, FREE),
        ),
        (
            PersonalFreeleech,
            true,
            both.clone(),
            token_gone(Some(7), None),
        ),
        (
            FeaturedTorrents,
            false,
            both.clone(),
            token(None, Some(9), FEATURED),
        ),
        (FeaturedTorrents, true, both, token_gone(None, Some(9))),
    ] {
        let told = read(resource, removes, &body);
        assert_eq!(told, Ok(expected), "{resource:?} {removes} {body}");
    }
}

#[test]
fn what_cannot_be_is_a_fault() {
    use Resource::*;
    for (resource, body) in [
        (Users, json!([7, -3, "old", null, false])),
        (Users, json!({"id": 7})),
        (Users, with(user_body(), &json!({"passkey": ""}))),
        (Users, with(user_body(), &json!({"new_passkey": "a/b"}))),
        (Users, with(user_body(), &json!({"id": "7"}))),
        (Groups, json!({"id": 3})),
        (Agents, json!({"peer_id_prefix": "x".repeat(21)})),
        (Tokens, json!({"user_id": 7})),
        (Tokens, json!({"user_id": 7, "torrent_id": 0})),
        (Stats, json!({})),
    ] {
        assert!(read(resource, false, &body).is_err(), "{resource:?} {body}");
    }
    assert!(push(Users, false, b"{").is_err());
    assert!(push(Users, true, b"").is_err());
}

#[test]
fn what_is_to_be_told_is_read() {
    use Resource::*;
    for (resource, id, expected) in [
        (Torrents, Some("9"), Some(Shown::Torrent(TorrentId(9)))),
        (Users, Some("7"), Some(Shown::User(UserId(7)))),
        (Stats, None, Some(Shown::Stats)),
        (Stats, Some("7"), None),
        (Users, Some("0"), None),
        (Users, Some("x"), None),
        (Groups, Some("3"), None),
    ] {
        assert_eq!(
            shown(resource, id.map(str::as_bytes)),
            expected,
            "{resource:?} {id:?}"
        );
    }
}

#[test]
fn a_group_says_what_its_users_may() {
    let group = |slots, freeleech, double_upload, barred| Group {
        slots,
        freeleech,
        double_upload,
        barred,
    };
    type Terms = (Option<bool>, Option<Option<u16>>, Option<u16>, Option<u16>);
    let terms = |group: Option<Group>, donor: bool| -> Terms {
        let mut groups = Groups::default();
        if let Some(group) = group {
            assert!(groups.take(Fact::Group(-3, group)));
        }
        let edit = groups.terms(alice("a"), member(donor));
        (edit.enabled, edit.slots, edit.up_percent, edit.down_percent)
    };
    for (name, group, donor, expected) in [
        ("unknown", None, false, (None, None, None, None)),
        (
            "unknown, of a donor",
            None,
            true,
            (None, None, None, Some(0)),
        ),
        (
            "plain",
            Some(group(None, false, false, false)),
            false,
            (Some(true), Some(None), Some(100), Some(100)),
        ),
        (
            "plain, of a donor",
            Some(group(Some(2), false, false, false)),
            true,
            (Some(true), Some(Some(2)), Some(100), Some(0)),
        ),
        (
            "all of it",
            Some(group(Some(0), true, true, true)),
            false,
            (Some(false), Some(Some(0)), Some(200), Some(0)),
        ),
    ] {
        assert_eq!(terms(group, donor), expected, "{name}");
    }
}
