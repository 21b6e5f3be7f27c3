//! What the tracker writes: sums that are added, states that replace what was.

use crate::model::{PeerId, TorrentId, Transfer, UnixTime, UserId};
use serde::{Deserialize, Serialize};

/// A stretch of a writer's records and what they amount to. Every part is sorted by its key, and
/// has each key once.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Commit {
    /// The position at which the stretch begins.
    pub from: u64,
    /// The position at which it ends.
    pub to: u64,
    /// By user.
    pub users: Vec<UserDelta>,
    /// By user and torrent.
    pub history: Vec<HistoryDelta>,
    /// By torrent.
    pub torrents: Vec<TorrentDelta>,
    /// By user, torrent and peer id.
    pub peers: Vec<PeerRow>,
    /// Sessions that are forgotten: their rows may go. Never one that is in `peers`.
    pub forgotten: Vec<SessionKey>,
    /// In the order of time.
    pub events: Vec<EventRow>,
}

impl Commit {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.from == self.to && self.rows() == 0
    }

    /// Rows of all parts.
    pub fn rows(&self) -> usize {
        self.users.len()
            + self.history.len()
            + self.torrents.len()
            + self.peers.len()
            + self.forgotten.len()
            + self.events.len()
    }

    /// The same in parts of so many rows of one kind each, at least one part; put together in
    /// their order with [`Commit::append`] they are the whole again.
    pub fn into_parts(self, most: usize) -> Vec<Commit> {
        let (from, to) = (self.from, self.to);
        let empty = || Commit {
            from,
            to,
            ..Commit::default()
        };
        let mut parts = Vec::new();
        macro_rules! split {
            ($table:ident) => {
                let mut rows = self.$table.into_iter().peekable();
                while rows.peek().is_some() {
                    let mut part = empty();
                    part.$table.extend(rows.by_ref().take(most));
                    parts.push(part);
                }
            };
        }
        split!(users);
        split!(history);
        split!(torrents);
        split!(peers);
        split!(forgotten);
        split!(events);
        if parts.is_empty() {
            parts.push(empty());
        }
        parts
    }

    /// Appends the rows of another part of the same batch.
    pub fn append(&mut self, part: Commit) {
        self.users.extend(part.users);
        self.history.extend(part.history);
        self.torrents.extend(part.torrents);
        self.peers.extend(part.peers);
        self.forgotten.extend(part.forgotten);
        self.events.extend(part.events);
    }

    /// Takes a row out; returns what it said, for the operator to read.
    pub fn take(&mut self, table: Table, place: usize) -> Option<serde_json::Value> {
        fn row<T: Serialize>(rows: &mut Vec<T>, place: usize) -> Option<serde_json::Value> {
            (place < rows.len())
                .then(|| serde_json::to_value(rows.remove(place)).ok())
                .flatten()
        }
        match table {
            Table::Users => row(&mut self.users, place),
            Table::History => row(&mut self.history, place),
            Table::Torrents => row(&mut self.torrents, place),
            Table::Peers => row(&mut self.peers, place),
            Table::Forgotten => row(&mut self.forgotten, place),
            Table::Events => row(&mut self.events, place),
        }
    }
}

/// The parts of a [`Commit`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Table {
    /// [`Commit::users`].
    Users,
    /// [`Commit::history`].
    History,
    /// [`Commit::torrents`].
    Torrents,
    /// [`Commit::peers`].
    Peers,
    /// [`Commit::forgotten`].
    Forgotten,
    /// [`Commit::events`].
    Events,
}

/// What is added to a user's sums.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct UserDelta {
    /// Whose.
    pub user: UserId,
    /// After multipliers.
    pub credited: Transfer,
    /// Before multipliers.
    pub raw: Transfer,
}

/// What is added to the history of a user with a torrent, and how it stands now.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HistoryDelta {
    /// Whose.
    pub user: UserId,
    /// With what.
    pub torrent: TorrentId,
    /// Added: transfer after multipliers.
    pub credited: Transfer,
    /// Added: transfer before multipliers.
    pub raw: Transfer,
    /// Added: seconds of seeding; time in which several sessions seed counts once.
    pub seed_seconds: u64,
    /// Added: seconds of downloading; time in which several sessions download counts once.
    pub leech_seconds: u64,
    /// Added: announces.
    pub announces: u64,
    /// Added: finished downloads.
    pub snatches: u64,
    /// The first announce of this stretch, or the last before it if there is none; it stays that of
    /// the first stretch.
    pub started: UnixTime,
    /// The last announce; replaces.
    pub last: UnixTime,
    /// The first completion of this stretch, if any; it stays that of the first.
    pub completed: Option<UnixTime>,
    /// Whether a session seeds; replaces.
    pub seeder: bool,
    /// Whether a session is there; replaces.
    pub active: bool,
    /// Bytes left, as the last announce says; replaces.
    pub left: u64,
    /// What the last client says it has moved since it started; replaces.
    pub client: Transfer,
    /// The last client's own name, cut to 64 bytes; replaces. Empty where only UDP announces came.
    pub agent: Box<str>,
}

/// How a torrent stands now, and what is added to its sums.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TorrentDelta {
    /// Which.
    pub torrent: TorrentId,
    /// Sessions that have everything; replaces.
    pub seeders: u32,
    /// Sessions that do not; replaces.
    pub leechers: u32,
    /// Added: finished downloads.
    pub snatches: u64,
    /// Added: bytes uploaded less bytes downloaded, before multipliers.
    pub balance: i64,
    /// When a seeder last announced; replaces what is earlier.
    pub last_seeded: UnixTime,
}

/// A session: a user's client with a torrent, however many addresses it has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SessionKey {
    /// Whose.
    pub user: UserId,
    /// With what.
    pub torrent: TorrentId,
    /// The client's own name for itself.
    pub peer_id: PeerId,
}

/// How a session stands now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PeerRow {
    /// Which.
    pub key: SessionKey,
    /// The address last announced from, IPv4 mapped into IPv6; zeros where it is to be hidden.
    pub ip: [u8; 16],
    /// The port.
    pub port: u16,
    /// What the client says it has moved since it started.
    pub totals: Transfer,
    /// Bytes left.
    pub left: u64,
    /// Whether it has everything.
    pub seeder: bool,
    /// Whether it is there: neither stopped nor gone.
    pub active: bool,
    /// The client's own name, cut to 64 bytes; empty over UDP.
    pub agent: Box<str>,
    /// The first announce.
    pub started: UnixTime,
    /// The last announce.
    pub last: UnixTime,
    /// Announces in all.
    pub announces: u64,
    /// Bytes a second uploaded and downloaded between the last two announces.
    pub rates: Transfer,
}

/// Something that a site may award or investigate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EventRow {
    /// What.
    pub kind: EventKind,
    /// Which session.
    pub key: SessionKey,
    /// When first in this stretch.
    pub time: UnixTime,
    /// The address, IPv4 mapped into IPv6; zeros where it is to be hidden.
    pub ip: [u8; 16],
    /// How much: see [`EventKind`].
    pub amount: u64,
}

/// What a site may award or investigate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A download was finished. The amount is 1.
    Completed,
    /// A token was used. The amount: bytes downloaded under it, before multipliers.
    TokenUsed,
    /// Faster than the configuration believes. The amount: bytes a second, the most of this stretch.
    ImplausibleSpeed,
    /// The client's name does not fit its peer id, or has changed. The amount: how often.
    ClientMismatch,
}

impl EventKind {
    /// Its name, as storages keep it.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::Completed => "completed",
            EventKind::TokenUsed => "token_used",
            EventKind::ImplausibleSpeed => "implausible_speed",
            EventKind::ClientMismatch => "client_mismatch",
        }
    }
}
