//! Lines of a sync: JSON objects of one name become edits.

use super::{
    Fault, OptionsBody, TorrentBody, UserBody, checked, decoded, even, info_hash, json, reason,
    some, user_name, yes,
};
use crate::model::{Multipliers, TorrentId, UnixTime, UserId};
use crate::storage::{Client, Edit, Token, TorrentName};
use crate::tracker::api::values::{Object, just_whole, just_whole_or_null, said, whole};
use serde::Deserialize;

/// A line of a sync: one thing, and all that is said of it.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Torrent(Object<TorrentBody>),
    TorrentGone(Object<TorrentGone>),
    User(Object<UserBody>),
    UserGone(Object<UserGone>),
    Client(Object<ClientLine>),
    ClientGone(Object<ClientGone>),
    Token(Object<TokenLine>),
    TokenGone(Object<TokenGone>),
    Options(Object<OptionsBody>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TorrentGone {
    info_hash: String,
    #[serde(default, deserialize_with = "said")]
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserGone {
    #[serde(default, deserialize_with = "whole")]
    id: Option<u64>,
    #[serde(default, deserialize_with = "said")]
    passkey: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientLine {
    prefix: String,
    #[serde(default = "yes")]
    allow: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientGone {
    prefix: String,
}

/// 0 is everybody, and every torrent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenLine {
    #[serde(deserialize_with = "just_whole")]
    user_id: u64,
    #[serde(deserialize_with = "just_whole")]
    torrent_id: u64,
    #[serde(default = "even", deserialize_with = "just_whole")]
    up_percent: u16,
    #[serde(default = "even", deserialize_with = "just_whole")]
    down_percent: u16,
    #[serde(default, deserialize_with = "just_whole_or_null")]
    until: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenGone {
    #[serde(deserialize_with = "just_whole")]
    user_id: u64,
    #[serde(deserialize_with = "just_whole")]
    torrent_id: u64,
}

/// A line of a sync.
pub(in crate::tracker::api) fn line(text: &[u8]) -> Result<Edit, Fault> {
    let edit = match json::<Line>(text)? {
        Line::Torrent(Object(body)) => {
            let which = match (&body.info_hash, body.id) {
                (Some(text), _) => TorrentName::InfoHash(info_hash(text)?),
                (None, Some(id)) => TorrentName::Id(TorrentId(id)),
                (None, None) => return Err("a torrent is named by info_hash or id".into()),
            };
            body.edit(which)?
        }
        Line::TorrentGone(Object(gone)) => {
            let reason = gone.reason.as_deref().map(reason).transpose()?;
            crate::tracker::api::routes::remove_torrent(info_hash(&gone.info_hash)?, reason)
        }
        Line::User(Object(body)) => {
            let who = user_name(body.id, body.passkey.as_deref())?;
            body.edit(who)?
        }
        Line::UserGone(Object(gone)) => {
            if gone.id.is_some() && gone.passkey.is_some() {
                return Err("a user that is gone is named by id or passkey, not both".into());
            }
            Edit::UserGone(user_name(gone.id, gone.passkey.as_deref())?)
        }
        Line::Client(Object(ClientLine { prefix, allow })) => Edit::Client(Client {
            prefix: decoded(&prefix)?,
            allow,
        }),
        Line::ClientGone(Object(gone)) => Edit::ClientGone(decoded(&gone.prefix)?),
        Line::Token(Object(line)) => Edit::Token(Token {
            user: some(line.user_id)?.map(UserId),
            torrent: some(line.torrent_id)?.map(TorrentId),
            multipliers: Multipliers {
                up_percent: line.up_percent,
                down_percent: line.down_percent,
            },
            until: line.until.map(UnixTime),
        }),
        Line::TokenGone(Object(gone)) => Edit::TokenGone {
            user: some(gone.user_id)?.map(UserId),
            torrent: some(gone.torrent_id)?.map(TorrentId),
        },
        Line::Options(Object(body)) => body.edit()?,
    };
    checked(edit)
}
