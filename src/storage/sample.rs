//! Rows that are made up: of a session that nobody has, of users and torrents that are there if
//! any are, so that foreign keys find theirs. Nothing is added to any sum.

use super::{
    Change, Commit, EventKind, EventRow, HistoryDelta, PeerRow, SessionKey, TorrentDelta, UserDelta,
};
use crate::model::{PeerId, TorrentId, UnixTime, UserId};

/// Numbers that hardly any user or torrent has, and columns of 32 bits can hold.
const NOBODY: u64 = 2_000_000_001;
/// A moment.
pub(super) const TIME: UnixTime = UnixTime(1_700_000_000);
/// Documentation addresses (RFC 5737, RFC 3849).
const IPV4: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1];
const IPV6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// The users and torrents that rows are made up of.
#[derive(Default)]
pub(super) struct Sample {
    users: Vec<UserId>,
    torrents: Vec<TorrentId>,
}

impl Sample {
    /// Takes the first two of each that are there.
    pub(super) fn see(&mut self, change: &Change) {
        match change {
            Change::User(user) if self.users.len() < 2 => self.users.push(user.id),
            Change::Torrent(torrent) if self.torrents.len() < 2 => self.torrents.push(torrent.id),
            _ => {}
        }
    }

    /// Whether the first row of each kind is of a user and a torrent that are there.
    pub(super) fn is_there(&self) -> bool {
        !self.users.is_empty() && !self.torrents.is_empty()
    }

    /// How many of the users are there.
    pub(super) fn known_users(&self) -> usize {
        self.users.len()
    }

    /// The same of the torrents.
    pub(super) fn known_torrents(&self) -> usize {
        self.torrents.len()
    }

    /// The keys of the rows.
    pub(super) fn keys(&self) -> [SessionKey; 2] {
        [self.key(0), self.key(1)]
    }

    fn key(&self, place: usize) -> SessionKey {
        let made_up = NOBODY + place as u64;
        let user = self.users.get(place).copied();
        let torrent = self.torrents.get(place).copied();
        let mut peer_id = *b"-CH0000-storagecheck";
        if let Some(last) = peer_id.last_mut() {
            *last = b"kK".get(place).copied().unwrap_or(b'_');
        }
        SessionKey {
            user: user.unwrap_or(UserId(made_up)),
            torrent: torrent.unwrap_or(TorrentId(made_up)),
            peer_id: PeerId(peer_id),
        }
    }

    /// A batch of two rows of each kind, none of them with the key of another.
    pub(super) fn batch(&self) -> Commit {
        let keys = self.keys();
        let event = |(kind, key): (&EventKind, &SessionKey)| EventRow {
            kind: *kind,
            key: *key,
            time: TIME,
            ip: IPV4,
            amount: 1,
        };
        let kinds = [EventKind::Completed, EventKind::TokenUsed];
        Commit {
            from: 0,
            to: 1,
            users: keys.iter().map(user).collect(),
            history: keys.iter().map(history).collect(),
            torrents: keys.iter().map(torrent).collect(),
            peers: keys.iter().zip([IPV4, IPV6]).map(peer).collect(),
            forgotten: keys.to_vec(),
            events: kinds.iter().zip(&keys).map(event).collect(),
        }
    }
}

fn user(key: &SessionKey) -> UserDelta {
    UserDelta {
        user: key.user,
        ..UserDelta::default()
    }
}

fn torrent(key: &SessionKey) -> TorrentDelta {
    TorrentDelta {
        torrent: key.torrent,
        ..TorrentDelta::default()
    }
}

fn history(key: &SessionKey) -> HistoryDelta {
    HistoryDelta {
        user: key.user,
        torrent: key.torrent,
        started: TIME,
        last: TIME,
        active: true,
        left: 1,
        agent: "chihaya storage check".into(),
        ..HistoryDelta::default()
    }
}

fn peer((key, ip): (&SessionKey, [u8; 16])) -> PeerRow {
    PeerRow {
        key: *key,
        ip,
        port: 6881,
        totals: Default::default(),
        left: 1,
        seeder: false,
        active: true,
        agent: "chihaya storage check".into(),
        started: TIME,
        last: TIME,
        announces: 1,
        rates: Default::default(),
    }
}
