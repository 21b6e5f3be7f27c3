//! An accepted announce, as the journal keeps it.

use crate::model::{
    Endpoint, Event, Multipliers, PeerId, Role, TorrentId, Transfer, UnixTime, UserId,
};
use crate::storage::SessionKey;
use serde::{Deserialize, Serialize};

/// Bytes of a client's name that are kept: what web applications have room for.
pub const MAX_AGENT_BYTES: usize = 64;

/// An accepted announce. Clients report totals since they started, so it needs no earlier state,
/// and with the multipliers that held when it was admitted a replay says the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Record<'a> {
    /// When it was admitted.
    pub time: UnixTime,
    /// Whose.
    pub user: UserId,
    /// Of what.
    pub torrent: TorrentId,
    /// The client's own name for itself.
    pub peer_id: PeerId,
    /// Where it came from.
    pub endpoint: Endpoint,
    /// What the client says it has moved since it started.
    pub totals: Transfer,
    /// Bytes it lacks.
    pub left: u64,
    /// Why it announced.
    pub event: Event,
    /// How its transfer is credited.
    pub multipliers: Multipliers,
    /// Whether a token had a part in that.
    pub token: bool,
    /// Whether the address is kept out of the storage.
    pub hide_ip: bool,
    /// The program's name for itself, at most [`MAX_AGENT_BYTES`]; empty over UDP.
    #[serde(borrow)]
    pub agent: &'a [u8],
}

impl Record<'_> {
    /// The session it belongs to.
    pub fn key(&self) -> SessionKey {
        SessionKey {
            user: self.user,
            torrent: self.torrent,
            peer_id: self.peer_id,
        }
    }

    /// Whether the client has everything.
    pub fn is_seeder(&self) -> bool {
        Role::of(self.event, self.left) == Role::Seeder
    }
}
