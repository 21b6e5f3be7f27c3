//! What can be asked for.

use chihaya::storage::{OptionsEdit, TorrentStatus};
use std::path::PathBuf;

pub enum Command {
    Run,
    Check,
    PrintConfig,
    Version,
    Help,
    /// What makes the tables of the storage.
    Schema,
    /// Whether the storage can be used.
    CheckStorage,
    /// Something of the directory, or of the running tracker.
    Site(SiteCommand),
}

/// What is done to the directory, or asked of it.
#[derive(Debug, PartialEq)]
pub enum SiteCommand {
    AddUser(String),
    ListUsers(UserColumns),
    ShowUser(Name, UserColumns),
    SetUser(Name, UserChange),
    DeleteUser(Name),
    AddTorrents(Vec<PathBuf>, Option<u64>),
    ListTorrents,
    ShowTorrent(Name),
    SetTorrent(Name, TorrentChange),
    DeleteTorrent(Name, Option<String>),
    ListClients,
    SetClient(Vec<u8>, bool),
    RemoveClient(Vec<u8>),
    ListTokens,
    AddToken(TokenOf, Percents, Option<u32>),
    RemoveToken(TokenOf),
    ShowOptions,
    SetOptions(OptionsEdit),
    Stats,
    /// `None`: from the standard input.
    Sync(Option<PathBuf>),
}

impl SiteCommand {
    /// Whether it changes anything.
    pub fn changes(&self) -> bool {
        !matches!(
            self,
            SiteCommand::ListUsers(_)
                | SiteCommand::ShowUser(..)
                | SiteCommand::ListTorrents
                | SiteCommand::ShowTorrent(_)
                | SiteCommand::ListClients
                | SiteCommand::ListTokens
                | SiteCommand::ShowOptions
                | SiteCommand::Stats
        )
    }

    /// Whether passkeys are to be shown, which only the storage does.
    pub fn shows_passkeys(&self) -> bool {
        match self {
            SiteCommand::ListUsers(columns) | SiteCommand::ShowUser(_, columns) => columns.passkeys,
            _ => false,
        }
    }
}

/// What of users is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserColumns {
    /// Passkeys: whoever sees one can announce as its user.
    pub passkeys: bool,
    /// Exact numbers instead of units.
    pub bytes: bool,
}

/// A user or torrent, as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    Id(u64),
    /// A passkey, or an info hash.
    Key(String),
    Text(String),
    /// A passkey, or a name.
    Either(String),
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Name::Id(id) => id.fmt(f),
            Name::Key(text) | Name::Text(text) | Name::Either(text) => text.fmt(f),
        }
    }
}

/// Whom and what a token is for; `None` is all.
pub type TokenOf = (Option<Name>, Option<Name>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Percents {
    pub up: Option<u16>,
    pub down: Option<u16>,
}

/// What is said of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChange {
    pub name: Option<String>,
    pub enabled: Option<bool>,
    pub can_leech: Option<bool>,
    pub hide_ip: Option<bool>,
    pub slots: Option<Option<u16>>,
    pub percents: Percents,
    pub new_passkey: bool,
}

/// What is said of a torrent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TorrentChange {
    pub name: Option<String>,
    pub status: Option<TorrentStatus>,
    pub percents: Percents,
}
