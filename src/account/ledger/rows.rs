//! What an announce adds to the rows of a batch.

use super::{Ledger, Time};
use crate::account::record::Record;
use crate::account::sessions::State;
use crate::model::{TorrentId, Transfer, UserId};
use crate::storage::{EventKind, EventRow};

impl Ledger {
    /// Adds to the sums what an announce means.
    pub(super) fn gather(
        &mut self,
        record: &Record<'_>,
        raw: Transfer,
        time: Time,
        snatched: bool,
    ) {
        let credited = record.multipliers.credit(raw);
        if raw != Transfer::default() {
            self.gathered.credit(record.user, raw, credited);
        }
        let history = self
            .gathered
            .history(record.user, record.torrent, record.time);
        history.credited = history.credited.plus(credited);
        history.raw = history.raw.plus(raw);
        let seconds = [time.seed_seconds, time.leech_seconds].map(u64::from);
        history.seed_seconds = history.seed_seconds.saturating_add(seconds[0]);
        history.leech_seconds = history.leech_seconds.saturating_add(seconds[1]);
        if snatched {
            history.snatches = history.snatches.saturating_add(1);
            history.completed.get_or_insert(record.time);
        }
        self.add_to_torrent(record, raw, snatched);
    }

    pub(super) fn add_to_torrent(&mut self, record: &Record<'_>, raw: Transfer, snatched: bool) {
        let torrent = self.gathered.torrent(record.torrent);
        torrent.balance = torrent
            .balance
            .saturating_add_unsigned(raw.uploaded)
            .saturating_sub_unsigned(raw.downloaded);
        if record.is_seeder() {
            torrent.last_seeded = torrent.last_seeded.max(record.time);
        }
        if snatched {
            torrent.snatches = torrent.snatches.saturating_add(1);
        }
    }

    /// Says how a user stands with a torrent after an announce: `client` is what the session's
    /// totals are now, which are not the announce's where those came late.
    pub(super) fn history(&mut self, record: &Record<'_>, client: Transfer, agent: &str) {
        let (user, torrent) = (record.user, record.torrent);
        let (active, seeder) = self.pair_state(user, torrent);
        let history = self.gathered.history(user, torrent, record.time);
        if history.announces == 0 {
            history.started = record.time;
        }
        history.announces = history.announces.saturating_add(1);
        history.last = history.last.max(record.time);
        history.left = record.left;
        history.client = client;
        (history.active, history.seeder) = (active, seeder);
        if *history.agent != *agent {
            history.agent = agent.into();
        }
    }

    /// Whether a session of the user with the torrent is there, and whether one seeds.
    pub(super) fn pair_state(&self, user: UserId, torrent: TorrentId) -> (bool, bool) {
        let pair = self.sessions.of_pair(user, torrent);
        pair.fold((false, false), |(active, seeder), session| {
            (
                active || session.state != State::Gone,
                seeder || session.state == State::Seeding,
            )
        })
    }

    pub(super) fn note_events(
        &mut self,
        record: &Record<'_>,
        raw: Transfer,
        snatched: bool,
        suspicious: bool,
    ) {
        if snatched {
            self.note(record, EventKind::Completed, 1);
        }
        if record.token && raw != Transfer::default() {
            self.note(record, EventKind::TokenUsed, raw.downloaded);
        }
        if suspicious {
            self.note(record, EventKind::ClientMismatch, 1);
        }
    }

    pub(super) fn note_speed(&mut self, record: &Record<'_>, rates: Transfer) {
        let rate = rates.uploaded.max(rates.downloaded);
        if self.rules.plausible_speed != 0 && rate > self.rules.plausible_speed {
            self.note(record, EventKind::ImplausibleSpeed, rate);
        }
    }

    pub(super) fn note(&mut self, record: &Record<'_>, kind: EventKind, amount: u64) {
        let ip = record.endpoint.mapped().0;
        self.gathered.event(EventRow {
            kind,
            key: record.key(),
            time: record.time,
            ip: if record.hide_ip { [0; 16] } else { ip },
            amount,
        });
    }
}
