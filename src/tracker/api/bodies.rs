//! Bodies of requests, and lines of a sync: JSON objects become edits.
//!
//! An object replaces what is there: what it does not say is as of something new. (Options are the
//! exception: they are changed one by one.) Unknown fields are faults, and so is `null` where it
//! means nothing.

mod line;

pub(super) use line::line;

use super::answer::Answer;
use super::names::{self, BAD_INFO_HASH};
use super::values::{Object, just_whole, just_whole_or_null, said, whole, whole_or_null};
use crate::model::{InfoHash, Multipliers, Passkey, TorrentId, UnixTime, UserId};
use crate::storage::{
    Client, Edit, EditError, NAME_MAX_BYTES, OptionsEdit, REASON_MAX_BYTES, Token, TorrentEdit,
    TorrentName, TorrentStatus, UserEdit, UserName,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Bytes of the message about a fault in JSON: it may show what was sent.
const MESSAGE_BYTES_MOST: usize = 200;

/// Seconds between two announces at most, as in the configuration.
pub(super) const INTERVAL_SECS_MOST: u32 = 86_400;

/// Why an object is no edit.
pub(super) type Fault = Cow<'static, str>;

/// Whether a torrent may be announced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Status {
    Registered,
    Unapproved,
    Deleted,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TorrentBody {
    #[serde(default, deserialize_with = "said")]
    info_hash: Option<String>,
    #[serde(default, deserialize_with = "whole")]
    id: Option<u64>,
    #[serde(default, deserialize_with = "said")]
    name: Option<String>,
    #[serde(default, deserialize_with = "said")]
    status: Option<Status>,
    #[serde(default, deserialize_with = "said")]
    reason: Option<String>,
    #[serde(default, deserialize_with = "whole")]
    up_percent: Option<u16>,
    #[serde(default, deserialize_with = "whole")]
    down_percent: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserBody {
    #[serde(default, deserialize_with = "whole")]
    id: Option<u64>,
    #[serde(default, deserialize_with = "said")]
    passkey: Option<String>,
    #[serde(default, deserialize_with = "said")]
    name: Option<String>,
    #[serde(default, deserialize_with = "said")]
    enabled: Option<bool>,
    #[serde(default, deserialize_with = "said")]
    can_leech: Option<bool>,
    #[serde(default, deserialize_with = "said")]
    hide_ip: Option<bool>,
    #[serde(default, deserialize_with = "whole_or_null")]
    slots: Option<Option<u16>>,
    #[serde(default, deserialize_with = "whole")]
    up_percent: Option<u16>,
    #[serde(default, deserialize_with = "whole")]
    down_percent: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientBody {
    #[serde(default = "yes")]
    allow: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenBody {
    #[serde(default = "even", deserialize_with = "just_whole")]
    up_percent: u16,
    #[serde(default = "even", deserialize_with = "just_whole")]
    down_percent: u16,
    #[serde(default, deserialize_with = "just_whole_or_null")]
    until: Option<u32>,
}

fn even() -> u16 {
    Multipliers::EVEN.up_percent
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OptionsBody {
    #[serde(default, deserialize_with = "whole")]
    up_percent: Option<u16>,
    #[serde(default, deserialize_with = "whole")]
    down_percent: Option<u16>,
    #[serde(default, deserialize_with = "whole_or_null")]
    until: Option<Option<u32>>,
    #[serde(default, deserialize_with = "whole_or_null")]
    interval_secs: Option<Option<u32>>,
    #[serde(default, deserialize_with = "whole_or_null")]
    min_interval_secs: Option<Option<u32>>,
    #[serde(default, deserialize_with = "whole_or_null")]
    jitter_secs: Option<Option<u32>>,
}

/// Reads an object that is all of a body.
pub(super) fn object<T: DeserializeOwned>(text: &[u8]) -> Result<T, Fault> {
    json::<Object<T>>(text).map(|Object(body)| body)
}

/// Reads JSON that is all of a body or line.
fn json<T: DeserializeOwned>(text: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(text).map_err(|error| {
        let mut message = error.to_string();
        let end = (0..=MESSAGE_BYTES_MOST)
            .rev()
            .find(|end| message.is_char_boundary(*end));
        message.truncate(end.unwrap_or_default());
        message.into()
    })
}

fn bad(fault: Fault) -> Answer {
    Answer::fault(400, &fault)
}

/// `PUT` of a torrent.
pub(super) fn torrent(info_hash: InfoHash, body: &[u8]) -> Result<Edit, Answer> {
    let Object::<TorrentBody>(body) = json(body).map_err(bad)?;
    if body.info_hash.is_some() {
        return Err(Answer::fault(400, "the info hash stands in the path"));
    }
    body.edit(TorrentName::InfoHash(info_hash)).map_err(bad)
}

/// `PATCH` of a torrent.
pub(super) fn torrent_change(info_hash: InfoHash, body: &[u8]) -> Result<Edit, Answer> {
    let Object::<TorrentBody>(body) = json(body).map_err(bad)?;
    if body.info_hash.is_some() || body.id.is_some() {
        return Err(Answer::fault(400, UNCHANGEABLE));
    }
    let edit = body.said(TorrentName::InfoHash(info_hash)).map_err(bad)?;
    checked(Edit::Torrent(edit)).map_err(bad)
}

const UNCHANGEABLE: &str = "numbers and info hashes cannot be changed";

/// `PATCH` of a user.
pub(super) fn user_change(who: UserName, body: &[u8]) -> Result<Edit, Answer> {
    let Object::<UserBody>(body) = json(body).map_err(bad)?;
    if body.id.is_some() {
        return Err(Answer::fault(400, UNCHANGEABLE));
    }
    let edit = body.said(who).map_err(bad)?;
    checked(Edit::User(edit)).map_err(bad)
}

/// `PUT` of a user.
pub(super) fn user(who: UserName, body: &[u8]) -> Result<Edit, Answer> {
    let Object::<UserBody>(body) = json(body).map_err(bad)?;
    let same = match who {
        UserName::Id(UserId(id)) => body.id.is_none_or(|said| said == id),
        UserName::Passkey(passkey) => {
            let mut said = body.passkey.iter();
            said.all(|said| said.as_bytes() == passkey.as_bytes())
        }
    };
    if !same {
        return Err(Answer::fault(
            409,
            "the body names another user than the path",
        ));
    }
    body.edit(who).map_err(bad)
}

/// `PUT` of a client.
pub(super) fn client(prefix: Box<[u8]>, body: &[u8]) -> Result<Edit, Answer> {
    let Object(ClientBody { allow }) = json(body).map_err(bad)?;
    Ok(Edit::Client(Client { prefix, allow }))
}

/// `PUT` of a token.
pub(super) fn token(
    (user, torrent): (Option<UserId>, Option<TorrentId>),
    body: &[u8],
) -> Result<Edit, Answer> {
    let Object::<TokenBody>(body) = json(body).map_err(bad)?;
    Ok(Edit::Token(Token {
        user,
        torrent,
        multipliers: Multipliers {
            up_percent: body.up_percent,
            down_percent: body.down_percent,
        },
        until: body.until.map(UnixTime),
    }))
}

/// `PATCH` of the options.
pub(super) fn options(body: &[u8]) -> Result<Edit, Answer> {
    let Object::<OptionsBody>(body) = json(body).map_err(bad)?;
    body.edit().map_err(bad)
}

fn checked(edit: Edit) -> Result<Edit, Fault> {
    match edit.check() {
        Ok(()) => Ok(edit),
        Err(EditError::Invalid(text) | EditError::Conflict(text)) => Err(text.into()),
        Err(EditError::NotFound) => Err("there is no such thing".into()),
    }
}

impl TorrentBody {
    fn edit(self, which: TorrentName) -> Result<Edit, Fault> {
        let mut edit = self.said(which)?;
        edit.or_defaults();
        checked(Edit::Torrent(edit))
    }

    fn said(self, which: TorrentName) -> Result<TorrentEdit, Fault> {
        let reason = self.reason.as_deref().map(reason).transpose()?;
        let status = match (self.status, reason) {
            (Some(Status::Deleted), reason) => {
                Some(TorrentStatus::Deleted(reason.unwrap_or_default()))
            }
            (_, Some(_)) => return Err("a reason is of a deleted torrent".into()),
            (Some(Status::Registered), None) => Some(TorrentStatus::Registered),
            (Some(Status::Unapproved), None) => Some(TorrentStatus::Unapproved),
            (None, None) => None,
        };
        Ok(TorrentEdit {
            id: self.id.map(TorrentId),
            name: self.name.as_deref().map(name).transpose()?,
            status,
            up_percent: self.up_percent,
            down_percent: self.down_percent,
            ..TorrentEdit::of(which)
        })
    }
}

impl UserBody {
    fn edit(self, who: UserName) -> Result<Edit, Fault> {
        let mut edit = self.said(who)?;
        edit.or_defaults();
        checked(Edit::User(edit))
    }

    fn said(self, who: UserName) -> Result<UserEdit, Fault> {
        Ok(UserEdit {
            id: self.id.map(UserId),
            passkey: self.passkey.as_deref().map(passkey).transpose()?,
            name: self.name.as_deref().map(name).transpose()?,
            enabled: self.enabled,
            can_leech: self.can_leech,
            hide_ip: self.hide_ip,
            slots: self.slots,
            up_percent: self.up_percent,
            down_percent: self.down_percent,
            ..UserEdit::of(who)
        })
    }
}

impl OptionsBody {
    fn edit(self) -> Result<Edit, Fault> {
        let is_in = |interval: Option<Option<u32>>, least: u32| {
            let given = interval.flatten().unwrap_or(least);
            (least..=INTERVAL_SECS_MOST).contains(&given)
        };
        let is_good = is_in(self.interval_secs, 1)
            && is_in(self.min_interval_secs, 0)
            && is_in(self.jitter_secs, 0);
        if !is_good {
            let fault = "an interval has 1 to 86400 seconds, the least one and the jitter none at \
                         least";
            return Err(fault.into());
        }
        Ok(Edit::Options(OptionsEdit {
            up_percent: self.up_percent,
            down_percent: self.down_percent,
            until: self.until.map(|until| until.map(UnixTime)),
            interval_secs: self.interval_secs,
            min_interval_secs: self.min_interval_secs,
            jitter_secs: self.jitter_secs,
        }))
    }
}

/// The number of a token; 0 is every one.
fn some(number: u64) -> Result<Option<u64>, Fault> {
    (number != 0).then(|| checked_number(number)).transpose()
}

/// A number that a storage can hold.
fn checked_number(number: u64) -> Result<u64, Fault> {
    match (1..=i64::MAX.unsigned_abs()).contains(&number) {
        true => Ok(number),
        false => Err("a number is between 1 and 9223372036854775807".into()),
    }
}

fn user_name(id: Option<u64>, text: Option<&str>) -> Result<UserName, Fault> {
    match (id, text) {
        (Some(id), text) => {
            text.map(passkey).transpose()?;
            checked_number(id).map(|id| UserName::Id(UserId(id)))
        }
        (None, Some(text)) => passkey(text).map(UserName::Passkey),
        (None, None) => Err("a user is named by id or passkey".into()),
    }
}

fn info_hash(text: &str) -> Result<InfoHash, Fault> {
    names::info_hash(text.as_bytes()).ok_or(BAD_INFO_HASH.into())
}

fn passkey(text: &str) -> Result<Passkey, Fault> {
    const BAD: &str = "a passkey has 1 to 64 letters, digits, and signs of -._~";
    names::passkey(text.as_bytes()).ok_or(BAD.into())
}

fn decoded(prefix: &str) -> Result<Box<[u8]>, Fault> {
    // All else stands for bytes that nobody sees.
    if !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(
            "a prefix has visible ASCII characters; other bytes are percent-encoded".into(),
        );
    }
    let decoded = names::decode(prefix.as_bytes()).ok_or("bad percent-encoding of a prefix")?;
    Ok(decoded.into())
}

fn name(text: &str) -> Result<Box<str>, Fault> {
    let is_good = text.len() <= NAME_MAX_BYTES && !text.chars().any(char::is_control);
    let bad = "a name has at most 255 bytes, no control characters among them";
    is_good.then(|| text.into()).ok_or(bad.into())
}

/// A reason for which a torrent is deleted, if it can be one.
pub(super) fn reason(text: &str) -> Result<Box<str>, &'static str> {
    let is_good = text.len() <= REASON_MAX_BYTES && !text.chars().any(char::is_control);
    let bad = "a reason has at most 512 bytes, no control characters among them";
    is_good.then(|| text.into()).ok_or(bad)
}
