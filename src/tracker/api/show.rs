//! What is told of users, torrents and others. Passkeys never are: the registry has none.

use super::answer::Answer;
use super::names;
use super::routes::Question;
use crate::model::{Counts, Endpoint, InfoHash};
use crate::storage::{Client, Global, Token, UserName};
use crate::tracker::pace::Pace;
use crate::tracker::registry::{Registry, Standing, TorrentRecord, UserRecord};
use crate::tracker::sessions::Listed;
use serde::{Deserialize, Serialize};

/// Where to look for what is asked.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'r> {
    /// The directory as it is now.
    pub registry: &'r Registry,
    /// What the torrent's swarm amounts to, where it is about one.
    pub counts: Counts,
    /// How often clients announce where the options do not say.
    pub pace: Pace,
}

#[derive(Serialize)]
struct ShownTorrent<'r> {
    info_hash: String,
    id: u64,
    status: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'r str,
    up_percent: u16,
    down_percent: u16,
    snatches: u32,
    seeders: u32,
    leechers: u32,
}

#[derive(Serialize)]
struct ShownUser {
    id: u64,
    enabled: bool,
    can_leech: bool,
    hide_ip: bool,
    slots: Option<u16>,
    up_percent: u16,
    down_percent: u16,
}

/// What is said of a prefix of peer ids.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct ShownClient {
    /// Percent-encoded.
    pub prefix: String,
    pub allow: bool,
}

/// A token; 0 is everybody, and every torrent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "as in a token")]
pub struct ShownToken {
    pub user_id: u64,
    pub torrent_id: u64,
    pub up_percent: u16,
    pub down_percent: u16,
    pub until: Option<u32>,
}

/// What holds for everybody.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "as in the options")]
pub struct ShownOptions {
    pub up_percent: u16,
    pub down_percent: u16,
    pub until: Option<u32>,
    pub interval_secs: u32,
    pub min_interval_secs: u32,
    pub jitter_secs: u32,
}

/// A client on a torrent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ShownPeer {
    #[serde(flatten)]
    session: Option<ShownSession>,
    /// One of each family at most; none where the user hides them.
    addresses: Vec<String>,
}

/// What only a private tracker knows of a client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
struct ShownSession {
    user_id: u64,
    torrent_id: u64,
    leeching: bool,
    silent_secs: u32,
}

impl ShownPeer {
    /// A peer of a public tracker.
    pub fn of_public(endpoint: Endpoint) -> ShownPeer {
        ShownPeer {
            session: None,
            addresses: vec![endpoint.socket_addr().to_string()],
        }
    }

    /// A client of a user.
    pub fn of_session(session: &Listed, is_hidden: bool) -> ShownPeer {
        let endpoints = session.endpoints.iter().flatten();
        let shown = endpoints.filter(|_| !is_hidden);
        ShownPeer {
            session: Some(ShownSession {
                user_id: session.user.0,
                torrent_id: session.torrent.0,
                leeching: session.leeching,
                silent_secs: session.silent_secs,
            }),
            addresses: shown
                .map(|endpoint| endpoint.socket_addr().to_string())
                .collect(),
        }
    }
}

#[derive(Serialize)]
struct ShownPeers<'p> {
    peers: &'p [ShownPeer],
}

/// The answer that lists clients.
pub fn peers(peers: &[ShownPeer]) -> Answer {
    Answer::new(200, &ShownPeers { peers })
}

/// What has become of a change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShownPushed {
    /// The number of the user or torrent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// Whether it was not there before.
    pub created: bool,
    /// Whether the storage has it.
    pub stored: ShownStored,
}

/// Where a change is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShownStored {
    /// In the storage.
    Written,
    /// In the tracker's own files, until the storage has it.
    Held,
}

/// The answer to a change that has been made.
pub fn pushed(id: Option<u64>, created: bool, held: bool) -> Answer {
    let status = if created { 201 } else { 200 };
    let stored = if held {
        ShownStored::Held
    } else {
        ShownStored::Written
    };
    Answer::new(
        status,
        &ShownPushed {
            id,
            created,
            stored,
        },
    )
}

impl Shown<'_> {
    /// The answer to a question about the directory; `None` where it is about something else.
    pub fn answer(&self, question: &Question) -> Option<Answer> {
        let registry = self.registry;
        Some(match question {
            Question::Torrent(info_hash) => {
                let torrent = registry.torrent(info_hash);
                found(torrent.map(|torrent| self.torrent(*info_hash, &torrent)))
            }
            Question::User(who) => found(user(registry, who).as_ref().map(show_user)),
            Question::Client(prefix) => {
                let said = registry.client(prefix);
                found(said.map(|allow| {
                    ShownClient::from(Client {
                        prefix: prefix.clone(),
                        allow,
                    })
                }))
            }
            Question::Token((user, torrent)) => {
                let token = registry.token(*user, *torrent);
                found(token.as_ref().map(ShownToken::from))
            }
            Question::Options => Answer::new(200, &self.options()),
            Question::TorrentPeers(_)
            | Question::UserPeers(_)
            | Question::List(..)
            | Question::Stats
            | Question::Document => return None,
        })
    }

    fn torrent(&self, info_hash: InfoHash, torrent: &TorrentRecord) -> ShownTorrent<'_> {
        ShownTorrent {
            info_hash: format!("{info_hash:?}"),
            id: torrent.id.0,
            status: match torrent.standing {
                Standing::Registered => "registered",
                Standing::Unapproved => "unapproved",
                Standing::Deleted => "deleted",
            },
            reason: self.registry.reason(torrent.id),
            up_percent: torrent.multipliers.up_percent,
            down_percent: torrent.multipliers.down_percent,
            snatches: torrent.snatches,
            seeders: self.counts.seeders,
            leechers: self.counts.leechers,
        }
    }

    fn options(&self) -> ShownOptions {
        ShownOptions::of(self.registry.global(), &self.pace)
    }
}

impl ShownOptions {
    /// As they hold; the pace as given here where they do not say.
    pub fn of(global: &Global, pace: &Pace) -> ShownOptions {
        ShownOptions {
            up_percent: global.multipliers.up_percent,
            down_percent: global.multipliers.down_percent,
            until: global.until.map(|until| until.0),
            interval_secs: global.interval_secs.unwrap_or(pace.interval_secs),
            min_interval_secs: global.min_interval_secs.unwrap_or(pace.min_interval_secs),
            jitter_secs: global.jitter_secs.unwrap_or(pace.jitter_secs),
        }
    }
}

impl From<Client> for ShownClient {
    fn from(client: Client) -> ShownClient {
        ShownClient {
            prefix: names::encode(&client.prefix),
            allow: client.allow,
        }
    }
}

fn found(shown: Option<impl Serialize>) -> Answer {
    match shown {
        Some(shown) => Answer::new(200, &shown),
        None => Answer::not_found(),
    }
}

/// The user of this name.
pub fn user(registry: &Registry, who: &UserName) -> Option<UserRecord> {
    match who {
        UserName::Id(id) => registry.user_by_id(*id),
        UserName::Passkey(passkey) => registry.user(passkey),
    }
}

fn show_user(user: &UserRecord) -> ShownUser {
    ShownUser {
        id: user.id.0,
        enabled: user.enabled,
        can_leech: user.can_leech,
        hide_ip: user.hide_ip,
        slots: user.slots,
        up_percent: user.multipliers.up_percent,
        down_percent: user.multipliers.down_percent,
    }
}

impl From<&Token> for ShownToken {
    fn from(token: &Token) -> ShownToken {
        ShownToken {
            user_id: token.user.map_or(0, |user| user.0),
            torrent_id: token.torrent.map_or(0, |torrent| torrent.0),
            up_percent: token.multipliers.up_percent,
            down_percent: token.multipliers.down_percent,
            until: token.until.map(|until| until.0),
        }
    }
}
