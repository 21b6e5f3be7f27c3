//! Admission to a private tracker: who may announce what, and the record of it.
//!
//! The announces of a tick are gathered first and admitted together, step by step: users are looked
//! up for all of them, then torrents, then sessions. What is not in the processor's cache, which on
//! a large site is most of it, then comes from memory for many at once.

use super::misses::Misses;
use super::registry::{
    Digest, LOOKUPS, Published, Reader, Registry, Standing, TorrentRecord, UserRecord,
};
use super::sessions::{Admitted, Arrival, Denied, Sessions};
use crate::account::Record;
use crate::account::journal::{Entry, Journal};
use crate::account::record::MAX_AGENT_BYTES;
use crate::cache::{Announce, Batch, Query};
use crate::config::Combination;
use crate::model::{Event, InfoHash, Passkey, Role, Seconds, TorrentId, Transfer, UnixTime};
use crate::wire::{AnnounceRequest, Refusal};
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// What the workers of a private tracker share.
#[derive(Clone)]
pub struct Shared {
    /// Where the newest registry stands.
    pub registry: Arc<Published>,
    /// Who announces what.
    pub sessions: Arc<Sessions>,
    /// What nobody here knows of.
    pub misses: Arc<Misses>,
    /// Where records go.
    pub journal: Arc<Journal>,
    /// What several multipliers at once come to.
    pub combination: Combination,
}

/// One worker's share of it, and the announces of its tick.
pub(super) struct Private {
    registry: Reader,
    sessions: Arc<Sessions>,
    misses: Arc<Misses>,
    journal: Arc<Journal>,
    combination: Combination,
    candidates: Vec<Candidate>,
    /// Passkeys and names of programs, as candidates refer to them.
    texts: Vec<u8>,
    steps: Steps,
    entry: Entry,
    /// For each record of the tick: the place of its announce, and where in the entry it ends.
    accepted: Vec<(usize, usize)>,
    now: Seconds,
    time: UnixTime,
}

/// What the steps of admission hand on; each is filled and emptied by [`Private::admit`].
#[derive(Default)]
struct Steps {
    users: Vec<Option<UserRecord>>,
    torrents: Vec<Option<TorrentRecord>>,
    known: Vec<Known>,
    outcomes: Vec<Result<Admitted, Denied>>,
}

/// An announce that asks to be admitted.
struct Candidate {
    announce: Announce,
    totals: Transfer,
    left: u64,
    digest: Digest,
    /// In the texts.
    passkey: Range<usize>,
    agent: Range<usize>,
    outcome: Result<Place, Refused>,
}

/// An announce that has been admitted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Of its answer in the batch.
    pub(super) place: usize,
    /// It came too soon: its client is warned, and gets no peers.
    pub(super) too_soon: bool,
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

/// What is known of an announce whose user and torrent are good.
#[derive(Clone, Copy)]
struct Known {
    candidate: usize,
    user: UserRecord,
    torrent: TorrentRecord,
}

impl Private {
    pub(super) fn new(shared: &Shared) -> Private {
        Private {
            registry: shared.registry.reader(),
            sessions: Arc::clone(&shared.sessions),
            misses: Arc::clone(&shared.misses),
            journal: Arc::clone(&shared.journal),
            combination: shared.combination,
            candidates: Vec::new(),
            texts: Vec::new(),
            steps: Steps::default(),
            entry: Entry::default(),
            accepted: Vec::new(),
            now: Seconds::default(),
            time: UnixTime::default(),
        }
    }

    /// Begins a tick.
    pub(super) fn begin(&mut self, now: Seconds, time: UnixTime) {
        self.registry.refresh();
        self.candidates.clear();
        self.texts.clear();
        self.entry.clear();
        self.accepted.clear();
        (self.now, self.time) = (now, time);
    }

    /// Ends a tick.
    pub(super) fn rest(&self) {
        self.registry.rest();
    }

    pub(super) fn registry(&self) -> &Registry {
        self.registry.registry()
    }

    /// Whether the user with this passkey may scrape.
    pub(super) fn admit_scrape(&self, passkey: Option<&[u8]>) -> Result<(), Refusal> {
        let passkey = passkey.ok_or(Refusal::NoPasskey)?;
        let user = Passkey::new(passkey).and_then(|passkey| self.registry().user(&passkey));
        self.judge_user(user, passkey).map(drop)
    }

    fn judge_user(&self, user: Option<UserRecord>, passkey: &[u8]) -> Result<UserRecord, Refusal> {
        match user {
            Some(user) if user.enabled => Ok(user),
            Some(_) => Err(Refusal::AccountDisabled),
            None if self.registry().is_loaded() => {
                if let Some(passkey) = Passkey::new(passkey) {
                    self.misses.note_passkey(&passkey, self.now);
                }
                Err(Refusal::UnknownPasskey)
            }
            None => Err(Refusal::Unavailable),
        }
    }

    fn judge_torrent(
        &self,
        torrent: Option<TorrentRecord>,
        info_hash: &InfoHash,
    ) -> Result<TorrentRecord, Refused> {
        let Some(torrent) = torrent else {
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

    /// Takes an announce; returns its number in the tick.
    pub(super) fn gather(
        &mut self,
        request: &AnnounceRequest<'_>,
        announce: Announce,
    ) -> Result<usize, Refused> {
        let passkey = request.passkey.ok_or(Refusal::NoPasskey)?;
        if passkey.len() > Passkey::MAX_BYTES {
            return Err(Refusal::UnknownPasskey.into());
        }
        let agent = request.agent.get(..MAX_AGENT_BYTES);
        let digest = self.registry().digest(passkey);
        let passkey = self.text(passkey);
        let agent = self.text(agent.unwrap_or(request.agent));
        self.candidates.push(Candidate {
            announce,
            totals: request.totals,
            left: request.left,
            digest,
            passkey,
            agent,
            outcome: Err(Refusal::Unavailable.into()),
        });
        Ok(self.candidates.len() - 1)
    }

    fn text(&mut self, text: &[u8]) -> Range<usize> {
        let start = self.texts.len();
        self.texts.extend_from_slice(text);
        start..self.texts.len()
    }

    /// What has become of an announce of this tick.
    pub(super) fn outcome(&self, number: usize) -> Result<Place, Refused> {
        let candidate = self.candidates.get(number);
        candidate.map_or(Err(Refusal::Unavailable.into()), |candidate| {
            candidate.outcome
        })
    }

    /// Admits the announces of this tick, in their order.
    pub(super) fn admit(&mut self, batch: &mut Batch) {
        let mut steps = std::mem::take(&mut self.steps);
        for first in (0..self.candidates.len()).step_by(LOOKUPS) {
            let last = self.candidates.len().min(first + LOOKUPS);
            self.look_up(first..last, &mut steps);
            self.arrive(&mut steps, batch);
        }
        self.steps = steps;
    }

    /// Looks up users and torrents of some candidates, and judges them.
    fn look_up(&mut self, chunk: Range<usize>, steps: &mut Steps) {
        let Steps {
            users,
            torrents,
            known,
            ..
        } = steps;
        let candidates = &self.candidates[chunk.clone()];
        let registry = self.registry();
        let digests = candidates.iter().map(|candidate| candidate.digest);
        registry.users(digests, users);
        let hashes = candidates
            .iter()
            .map(|candidate| candidate.announce.info_hash);
        registry.torrents(hashes, torrents);
        known.clear();
        for (number, (user, torrent)) in chunk.zip(users.iter().zip(torrents)) {
            match self.judge(number, *user, *torrent) {
                Ok(good) => known.push(good),
                Err(refused) => self.candidates[number].outcome = Err(refused),
            }
        }
    }

    fn judge(
        &self,
        number: usize,
        user: Option<UserRecord>,
        torrent: Option<TorrentRecord>,
    ) -> Result<Known, Refused> {
        let candidate = &self.candidates[number];
        let announce = &candidate.announce;
        let user = self.judge_user(user, &self.texts[candidate.passkey.clone()])?;
        let torrent = self.judge_torrent(torrent, &announce.info_hash)?;
        // Whoever leaves may leave.
        if announce.event != Event::Stopped {
            if !self.registry().allows_client(&announce.peer_id) {
                return Err(Refusal::UnapprovedClient.into());
            }
            if announce.role != Role::Seeder && !user.can_leech {
                return Err(Refusal::NoDownloading.into());
            }
        }
        Ok(Known {
            candidate: number,
            user,
            torrent,
        })
    }

    /// Lets clients whose users and torrents are good arrive, and puts them into the batch.
    fn arrive(&mut self, steps: &mut Steps, batch: &mut Batch) {
        let Steps {
            known, outcomes, ..
        } = steps;
        let candidates = &self.candidates;
        let arrival = |at: usize| {
            let known: &Known = &known[at];
            let announce = &candidates[known.candidate].announce;
            Arrival {
                user: known.user.id,
                slots: known.user.slots,
                torrent: known.torrent.id,
                peer_id: announce.peer_id,
                endpoint: announce.peer,
                leeching: announce.role != Role::Seeder,
                event: announce.event,
            }
        };
        outcomes.clear();
        outcomes.resize(known.len(), Err(Denied::TooManySessions));
        let tell = |at: usize, outcome| outcomes[at] = outcome;
        self.sessions
            .arrive_all(known.len(), arrival, self.now, tell);
        for (known, outcome) in known.iter().zip(&*outcomes) {
            let outcome = match outcome {
                Ok(admitted) => Ok(self.accept(known, admitted, batch)),
                Err(Denied::NoSlotFree) => Err(Refusal::NoSlotFree.into()),
                Err(Denied::TooManySessions) => Err(Refusal::TooManySessions.into()),
            };
            self.candidates[known.candidate].outcome = outcome;
        }
    }

    /// Puts an admitted announce into the batch, and makes its record.
    fn accept(&mut self, known: &Known, admitted: &Admitted, batch: &mut Batch) -> Place {
        let candidate = &self.candidates[known.candidate];
        let Known { user, torrent, .. } = known;
        let mut announce = candidate.announce;
        for left in admitted.left.iter() {
            // Its session is elsewhere now.
            batch.push(Query::stop(announce.info_hash, left));
        }
        if admitted.too_soon {
            announce.want = 0;
        }
        let place = batch.push(Query::Announce(announce));
        let registry = self.registry.registry();
        let (multipliers, token) = registry.multipliers(self.combination, user, torrent, self.time);
        self.entry.push(&Record {
            time: self.time,
            user: user.id,
            torrent: torrent.id,
            peer_id: announce.peer_id,
            endpoint: announce.peer,
            totals: candidate.totals,
            left: candidate.left,
            event: announce.event,
            multipliers,
            token,
            hide_ip: user.hide_ip,
            agent: &self.texts[candidate.agent.clone()],
        });
        self.accepted.push((place, self.entry.mark()));
        Place {
            place,
            too_soon: admitted.too_soon,
        }
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
