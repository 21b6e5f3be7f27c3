//! The dialect of UNIT3D: `PUT` and `DELETE` of `/announce/KEY/RESOURCE` with bodies of JSON, `GET`
//! of `/announce/KEY/torrents/ID`, `/announce/KEY/users/ID` and `/announce/KEY/stats`.
//!
//! Fields that mean nothing here are passed over: which there are differs from version to version.

use super::groups::{Fact, Group, Groups, Member};
use super::paths::Resource;
use super::registered;
use crate::model::{InfoHash, Multipliers, Passkey, TorrentId, UserId};
use crate::storage::{
    Client, Edit, PREFIX_MAX_BYTES, Token, TorrentEdit, TorrentName, TorrentStatus, UserEdit,
    UserName,
};
use crate::tracker::api::names;
use crate::tracker::registry::Registry;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;

/// The number of the status of a torrent that may be announced.
const APPROVED: i64 = 1;
/// Names of groups whose users may not announce.
const BARRED: [&str; 3] = ["banned", "validating", "disabled"];

/// What is to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shown {
    /// A torrent and its peers.
    Torrent(TorrentId),
    /// A user.
    User(UserId),
    /// What the tracker does.
    Stats,
}

/// A change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Push {
    /// Something that needs no knowledge of anything else.
    Edit(Edit),
    /// A torrent is so.
    Torrent(TorrentId, InfoHash, TorrentEdit),
    /// A user is so, and who it is to its group.
    User(UserEdit, UserId, Member),
    /// A user is no more.
    UserGone(UserId),
    /// A group is so.
    Group(i64, Group),
    /// A group is no more.
    GroupGone(i64),
}

#[derive(Deserialize)]
struct TorrentBody {
    id: u64,
    status: i64,
    info_hash: String,
    is_deleted: bool,
    download_factor: u16,
    upload_factor: u16,
}

#[derive(Deserialize)]
struct Numbered {
    id: u64,
}

#[derive(Deserialize)]
struct UserBody {
    id: u64,
    group_id: i64,
    passkey: String,
    #[serde(default)]
    new_passkey: Option<String>,
    can_download: bool,
    #[serde(default)]
    is_donor: bool,
    #[serde(default)]
    is_lifetime: bool,
}

#[derive(Deserialize)]
struct GroupBody {
    id: i64,
    slug: String,
    download_slots: Option<u64>,
    is_freeleech: bool,
    is_double_upload: bool,
}

#[derive(Deserialize)]
struct GroupGoneBody {
    id: i64,
}

#[derive(Deserialize)]
struct AgentBody {
    peer_id_prefix: String,
}

#[derive(Deserialize)]
struct TokenBody {
    user_id: u64,
    torrent_id: u64,
}

#[derive(Deserialize)]
struct OfUser {
    user_id: u64,
}

#[derive(Deserialize)]
struct OfTorrent {
    torrent_id: u64,
}

type Fault = Cow<'static, str>;

/// Reads a body, whose fields have names.
fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    crate::tracker::api::bodies::object(body)
}

/// A number that a storage can hold; 0 is none.
fn number(number: u64) -> Result<u64, Fault> {
    let is_good = (1..=i64::MAX.unsigned_abs()).contains(&number);
    is_good
        .then_some(number)
        .ok_or("a number is not between 1 and 2^63".into())
}

/// Reads what is to be told.
pub(super) fn shown(resource: Resource, id: Option<&[u8]>) -> Option<Shown> {
    match (resource, id) {
        (Resource::Torrents, Some(id)) => Some(Shown::Torrent(TorrentId(names::number(id)?))),
        (Resource::Users, Some(id)) => Some(Shown::User(UserId(names::number(id)?))),
        (Resource::Stats, None) => Some(Shown::Stats),
        _ => None,
    }
}

/// Reads a change.
pub(super) fn push(resource: Resource, removes: bool, body: &[u8]) -> Result<Push, Fault> {
    match (resource, removes) {
        (Resource::Torrents, false) => torrent(json(body)?),
        (Resource::Torrents, true) => {
            let Numbered { id } = json(body)?;
            let which = TorrentName::Id(TorrentId(number(id)?));
            Ok(Push::Edit(Edit::Torrent(TorrentEdit {
                status: Some(TorrentStatus::Deleted("".into())),
                ..TorrentEdit::of(which)
            })))
        }
        (Resource::Users, false) => user(json(body)?),
        (Resource::Users, true) => {
            let Numbered { id } = json(body)?;
            Ok(Push::UserGone(UserId(number(id)?)))
        }
        (Resource::Groups, false) => Ok(group(json(body)?)),
        (Resource::Groups, true) => {
            let GroupGoneBody { id } = json(body)?;
            Ok(Push::GroupGone(id))
        }
        (Resource::Agents, _) => {
            let AgentBody { peer_id_prefix } = json(body)?;
            agent(peer_id_prefix.as_bytes(), removes).map(Push::Edit)
        }
        (Resource::Tokens, _) => {
            let TokenBody {
                user_id,
                torrent_id,
            } = json(body)?;
            let user = UserId(number(user_id)?);
            let torrent = TorrentId(number(torrent_id)?);
            Ok(token(Some(user), Some(torrent), FREE, removes))
        }
        (Resource::PersonalFreeleech, _) => {
            let OfUser { user_id } = json(body)?;
            let user = UserId(number(user_id)?);
            Ok(token(Some(user), None, FREE, removes))
        }
        (Resource::FeaturedTorrents, _) => {
            let OfTorrent { torrent_id } = json(body)?;
            let torrent = TorrentId(number(torrent_id)?);
            Ok(token(None, Some(torrent), FEATURED, removes))
        }
        (Resource::Stats, _) => Err("there is nothing to change here".into()),
    }
}

const FREE: Multipliers = Multipliers {
    up_percent: 100,
    down_percent: 0,
};
const FEATURED: Multipliers = Multipliers {
    up_percent: 200,
    down_percent: 0,
};

fn token(
    user: Option<UserId>,
    torrent: Option<TorrentId>,
    multipliers: Multipliers,
    removes: bool,
) -> Push {
    Push::Edit(match removes {
        true => Edit::TokenGone { user, torrent },
        false => Edit::Token(Token {
            user,
            torrent,
            multipliers,
            until: None,
        }),
    })
}

fn agent(prefix: &[u8], removes: bool) -> Result<Edit, Fault> {
    if !(1..=PREFIX_MAX_BYTES).contains(&prefix.len()) {
        return Err("a prefix of peer ids has 1 to 20 bytes".into());
    }
    let prefix = prefix.into();
    Ok(match removes {
        true => Edit::ClientGone(prefix),
        false => Edit::Client(Client {
            prefix,
            allow: false,
        }),
    })
}

fn torrent(body: TorrentBody) -> Result<Push, Fault> {
    let id = TorrentId(number(body.id)?);
    let info_hash = names::info_hash(body.info_hash.as_bytes()).ok_or(names::BAD_INFO_HASH)?;
    let status = match (body.is_deleted, body.status) {
        (true, _) => TorrentStatus::Deleted("".into()),
        (false, APPROVED) => TorrentStatus::Registered,
        (false, _) => TorrentStatus::Unapproved,
    };
    let edit = TorrentEdit {
        status: Some(status),
        up_percent: Some(body.upload_factor),
        down_percent: Some(body.download_factor),
        ..TorrentEdit::of(TorrentName::Id(id))
    };
    Ok(Push::Torrent(id, info_hash, edit))
}

fn user(body: UserBody) -> Result<Push, Fault> {
    let id = UserId(number(body.id)?);
    let passkey = |text: &str| names::passkey(text.as_bytes());
    let old: Option<Passkey> = passkey(&body.passkey);
    let new = match &body.new_passkey {
        Some(new) => passkey(new),
        None => old,
    };
    let (Some(_), Some(passkey)) = (old, new) else {
        return Err("a passkey has 1 to 64 letters, digits, and signs of -._~".into());
    };
    let edit = UserEdit {
        create: true,
        passkey: Some(passkey),
        can_leech: Some(body.can_download),
        ..UserEdit::of(UserName::Id(id))
    };
    let member = Member {
        group: body.group_id,
        donor: body.is_donor,
        lifetime: body.is_lifetime,
    };
    Ok(Push::User(edit, id, member))
}

fn group(body: GroupBody) -> Push {
    let slots = body.download_slots;
    let group = Group {
        slots: slots.map(|slots| u16::try_from(slots).unwrap_or(u16::MAX)),
        freeleech: body.is_freeleech,
        double_upload: body.is_double_upload,
        barred: BARRED.contains(&&*body.slug),
    };
    Push::Group(body.id, group)
}

impl Push {
    /// What is to be remembered of it, before its edits are made.
    pub fn fact(&self) -> Option<Fact> {
        match self {
            Push::User(_, id, member) => Some(Fact::Member(*id, *member)),
            Push::UserGone(id) => Some(Fact::MemberGone(*id)),
            Push::Group(id, group) => Some(Fact::Group(*id, *group)),
            Push::GroupGone(id) => Some(Fact::GroupGone(*id)),
            Push::Edit(_) | Push::Torrent(..) => None,
        }
    }

    /// The edits that it comes to, in a directory as it is now.
    pub fn edits(&self, now: &Registry, groups: &Groups) -> Vec<Edit> {
        match self {
            Push::Edit(edit) => vec![edit.clone()],
            Push::Torrent(id, info_hash, edit) => registered(*id, *info_hash, edit.clone(), now),
            Push::User(edit, _, member) => vec![Edit::User(groups.terms(edit.clone(), *member))],
            Push::UserGone(id) => vec![Edit::UserGone(UserName::Id(*id))],
            // Its users are told one after the other.
            Push::Group(..) | Push::GroupGone(_) => Vec::new(),
        }
    }

    /// The users that are to be told what their group allows now.
    pub fn told(&self, groups: &Groups) -> Vec<UserId> {
        match self {
            Push::Group(id, _) => groups.members_of(*id),
            _ => Vec::new(),
        }
    }

    /// Whether it asks for something to be gone: if it is not there, all is well.
    pub fn removes(&self) -> bool {
        match self {
            Push::Edit(edit) => match edit {
                Edit::ClientGone(_) | Edit::TokenGone { .. } => true,
                // Only of one that is to be deleted nothing else is said.
                Edit::Torrent(_) => true,
                _ => false,
            },
            Push::UserGone(_) | Push::GroupGone(_) => true,
            // Of users that have left meanwhile.
            Push::Group(..) => true,
            Push::Torrent(..) | Push::User(..) => false,
        }
    }
}

#[cfg(test)]
#[path = "unit3d_tests.rs"]
mod tests;
