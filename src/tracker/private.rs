//! Admission to a private tracker: who may announce what, and the record of it.

use super::misses::Misses;
use super::registry::{Reader, Registry, Standing, TorrentRecord, UserRecord};
use super::sessions::{Admitted, Arrival, Denied, Sessions};
use crate::account::Record;
use crate::account::journal::{Entry, Journal};
use crate::account::record::MAX_AGENT_BYTES;
use crate::model::{Endpoint, Event, InfoHash, Passkey, Role, Seconds, TorrentId, UnixTime};
use crate::wire::{AnnounceRequest, Refusal};
use std::io;
use std::sync::Arc;

/// What the workers of a private tracker share.
#[derive(Clone)]
pub struct Shared {
    /// Where the newest registry stands.
    pub registry: Arc<super::registry::Published>,
    /// Who announces what.
    pub sessions: Arc<Sessions>,
    /// What nobody here knows of.
    pub misses: Arc<Misses>,
    /// Where records go.
    pub journal: Arc<Journal>,
}

/// One worker's share of it, and the records of its tick.
pub(super) struct Private {
    registry: Reader,
    sessions: Arc<Sessions>,
    misses: Arc<Misses>,
    journal: Arc<Journal>,
    entry: Entry,
    /// For each record of the tick: the place of its announce, and where in the entry it ends.
    accepted: Vec<(usize, usize)>,
    now: Seconds,
    time: UnixTime,
}

/// Why an announce is not served.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    /// The torrent that has been deleted: the site may say why.
    pub(super) deleted: Option<TorrentId>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        Refused {
            refusal,
            deleted: None,
        }
    }
}

impl Private {
    pub(super) fn new(shared: &Shared) -> Private {
        Private {
            registry: shared.registry.reader(),
            sessions: Arc::clone(&shared.sessions),
            misses: Arc::clone(&shared.misses),
            journal: Arc::clone(&shared.journal),
            entry: Entry::default(),
            accepted: Vec::new(),
            now: Seconds::default(),
            time: UnixTime::default(),
        }
    }

    /// Begins a tick.
    pub(super) fn begin(&mut self, now: Seconds, time: UnixTime) {
        self.registry.refresh();
        self.entry.clear();
        self.accepted.clear();
        (self.now, self.time) = (now, time);
    }

    pub(super) fn registry(&self) -> &Registry {
        self.registry.registry()
    }

    /// The user with this passkey.
    pub(super) fn user(&self, passkey: Option<&[u8]>) -> Result<UserRecord, Refusal> {
        let registry = self.registry();
        let passkey = passkey.ok_or(Refusal::NoPasskey)?;
        let passkey = Passkey::new(passkey).ok_or(Refusal::UnknownPasskey)?;
        match registry.user(&passkey) {
            Some(user) if user.enabled => Ok(user),
            Some(_) => Err(Refusal::AccountDisabled),
            None if registry.is_loaded() => {
                self.misses.note_passkey(&passkey, self.now);
                Err(Refusal::UnknownPasskey)
            }
            None => Err(Refusal::Unavailable),
        }
    }

    fn torrent(&self, info_hash: &InfoHash) -> Result<TorrentRecord, Refused> {
        let Some(torrent) = self.registry().torrent(info_hash) else {
            self.misses.note_torrent(info_hash, self.now);
            return Err(Refusal::UnknownTorrent.into());
        };
        match torrent.standing {
            Standing::Registered => Ok(torrent),
            Standing::Unapproved => Err(Refusal::UnapprovedTorrent.into()),
            Standing::Deleted => Err(Refused {
                refusal: Refusal::DeletedTorrent,
                deleted: Some(torrent.id),
            }),
        }
    }

    /// Admits an announce from an endpoint, and makes its record.
    pub(super) fn admit(
        &mut self,
        request: &AnnounceRequest<'_>,
        endpoint: Endpoint,
    ) -> Result<Admitted, Refused> {
        let user = self.user(request.passkey)?;
        let torrent = self.torrent(&request.info_hash)?;
        // Whoever leaves may leave.
        let stops = request.event == Event::Stopped;
        let leeching = request.role != Role::Seeder;
        if !stops && !self.registry().allows_client(&request.peer_id) {
            return Err(Refusal::UnapprovedClient.into());
        }
        if !stops && leeching && !user.can_leech {
            return Err(Refusal::NoDownloading.into());
        }
        let arrival = Arrival {
            user: user.id,
            slots: user.slots,
            torrent: torrent.id,
            peer_id: request.peer_id,
            endpoint,
            leeching,
            event: request.event,
        };
        let admitted = self.sessions.arrive(&arrival, self.now);
        let admitted = admitted.map_err(|denied| match denied {
            Denied::NoSlotFree => Refusal::NoSlotFree,
            Denied::TooManySessions => Refusal::TooManySessions,
        })?;
        self.note(request, endpoint, &user, &torrent);
        Ok(admitted)
    }

    fn note(
        &mut self,
        request: &AnnounceRequest<'_>,
        endpoint: Endpoint,
        user: &UserRecord,
        torrent: &TorrentRecord,
    ) {
        let (multipliers, token) = self.registry().multipliers(user, torrent, self.time);
        let agent = request.agent;
        self.entry.push(&Record {
            time: self.time,
            user: user.id,
            torrent: torrent.id,
            peer_id: request.peer_id,
            endpoint,
            totals: request.totals,
            left: request.left,
            event: request.event,
            multipliers,
            token,
            hide_ip: user.hide_ip,
            agent: agent.get(..MAX_AGENT_BYTES).unwrap_or(agent),
        });
    }

    /// Notes the place in the batch of the announce that was just admitted.
    pub(super) fn accepted(&mut self, place: usize) {
        self.accepted.push((place, self.entry.mark()));
    }

    /// Appends the records of the tick to the journal, but for those of announces that the cache
    /// has refused.
    pub(super) fn record(&mut self, is_refused: impl Fn(usize) -> bool) -> io::Result<()> {
        let accepted = &self.accepted;
        for (number, (place, end)) in accepted.iter().enumerate().rev() {
            if is_refused(*place) {
                let before = number
                    .checked_sub(1)
                    .and_then(|before| accepted.get(before));
                let start = before.map_or(Entry::START, |(_, end)| *end);
                self.entry.remove(start, *end);
            }
        }
        if !self.entry.is_empty() {
            self.journal.append(&mut self.entry)?;
        }
        Ok(())
    }
}
