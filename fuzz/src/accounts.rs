//! The stupid twin of the ledger: lists that are searched from end to end, sums that are made of
//! all sessions whenever they are asked for.

use crate::announced::AGENTS;
use chihaya::account::Record;
use chihaya::account::ledger::Rules;
use chihaya::model::{Endpoint, Event, PeerId, TorrentId, Transfer, UnixTime, UserId};
use chihaya::storage::{
    Commit, EventKind, EventRow, HistoryDelta, PeerRow, SessionKey, TorrentDelta, UserDelta,
};

/// Seconds by which a session's totals outlive their lifetime until a sweep removes them.
const SLACK_SECS: u32 = 3600;

/// What the announces so far amount to.
pub struct Accounts {
    rules: Rules,
    sessions: Vec<Session>,
    /// Since the last batch; peers and counts are filled in when it ends.
    sums: Commit,
    changed: Vec<SessionKey>,
}

struct Session {
    row: PeerRow,
    /// What it did when it last announced; `None`: it stopped.
    seeds: Option<bool>,
    endpoint: Endpoint,
    finished: bool,
    seeded_until: u32,
    leeched_until: u32,
}

impl Accounts {
    /// Nothing yet.
    pub fn new(rules: Rules) -> Accounts {
        Accounts {
            rules,
            sessions: Vec::new(),
            sums: Commit::default(),
            changed: Vec::new(),
        }
    }

    /// Whether a batch would say something.
    pub fn is_empty(&self) -> bool {
        self.sums.rows() == 0 && self.changed.is_empty()
    }

    fn place(&self, key: SessionKey) -> Option<usize> {
        self.sessions
            .iter()
            .position(|session| session.row.key == key)
    }

    /// Lets an announce take effect.
    pub fn announce(&mut self, record: &Record<'_>) {
        let agent = AGENTS.iter().find(|(bytes, _)| *bytes == record.agent);
        let agent = agent.expect("one of them").1;
        let too_old = |session: &Session| {
            record.time.since(session.row.last) > self.rules.session_lifetime_secs
        };
        let key = record.key();
        let found = self.place(key);
        let old = found.filter(|place| too_old(&self.sessions[*place]));
        if record.event == Event::Stopped && (found.is_none() || old.is_some()) {
            self.history(record, agent);
            return;
        }
        if let Some(old) = old {
            self.gone(old);
            self.sessions.remove(old);
        }
        let place = self.place(key).unwrap_or_else(|| self.begin(record));
        self.account(place, record, agent);
    }

    fn begin(&mut self, record: &Record<'_>) -> usize {
        self.sessions.push(Session {
            row: PeerRow {
                key: record.key(),
                ip: [0; 16],
                port: 0,
                totals: record.totals,
                left: 0,
                seeder: false,
                active: false,
                agent: "".into(),
                started: record.time,
                last: record.time,
                announces: 0,
                rates: Transfer::default(),
            },
            seeds: None,
            endpoint: record.endpoint,
            finished: has_all(record) && record.event != Event::Completed,
            seeded_until: 0,
            leeched_until: 0,
        });
        self.sessions.len() - 1
    }

    fn account(&mut self, place: usize, record: &Record<'_>, agent: &'static str) {
        let Record {
            user,
            torrent,
            time,
            ..
        } = *record;
        let growth = self.grow(place, record);
        let raw = growth.credited;
        let (seeded, leeched) = self.pass_time(place, record);
        let session = &mut self.sessions[place];
        let row = &mut session.row;
        let secs = u64::from(time.since(row.last).max(1));
        row.rates = Transfer {
            uploaded: growth.said.uploaded / secs,
            downloaded: growth.said.downloaded / secs,
        };
        let is_new = row.announces == 0;
        let fast = row.rates.uploaded.max(row.rates.downloaded);
        let pretends = pretends(&row.agent, agent, &record.peer_id);
        let snatched = record.event == Event::Completed && !session.finished;
        session.finished |= snatched;
        session.seeds = (record.event != Event::Stopped).then(|| has_all(record));
        (row.ip, row.port) = session.endpoint.mapped();
        if record.hide_ip {
            row.ip = [0; 16];
        }
        row.left = record.left;
        row.active = session.seeds.is_some();
        row.seeder = session.seeds == Some(true);
        row.last = row.last.max(time);
        row.announces += 1;
        if !agent.is_empty() {
            row.agent = agent.into();
        }
        let agent = row.agent.clone();
        self.changed(record.key());
        let credited = record.multipliers.credit(raw);
        if raw != Transfer::default() {
            let sums = find(&mut self.sums.users, |row| row.user == user);
            sums.user = user;
            sums.raw = sums.raw.plus(raw);
            sums.credited = sums.credited.plus(credited);
        }
        let history = self.history(record, &agent);
        history.raw = history.raw.plus(raw);
        history.credited = history.credited.plus(credited);
        history.seed_seconds += u64::from(seeded);
        history.leech_seconds += u64::from(leeched);
        if snatched {
            history.snatches += 1;
            history.completed = history.completed.or(Some(time));
        }
        let sums = self.torrent(torrent);
        sums.snatches += u64::from(snatched);
        let balance = i128::from(sums.balance) + i128::from(raw.uploaded);
        let balance = balance.min(i64::MAX.into()) - i128::from(raw.downloaded);
        sums.balance = balance.max(i64::MIN.into()) as i64;
        if has_all(record) {
            sums.last_seeded = sums.last_seeded.max(time);
        }
        let limit = self.rules.plausible_speed;
        for (happened, kind, amount) in [
            (snatched, EventKind::Completed, 1),
            (
                record.token && raw != Transfer::default(),
                EventKind::TokenUsed,
                raw.downloaded,
            ),
            (pretends, EventKind::ClientMismatch, 1),
            (
                limit != 0 && !is_new && fast > limit,
                EventKind::ImplausibleSpeed,
                fast,
            ),
        ] {
            if happened {
                self.event(record, kind, amount);
            }
        }
    }

    /// What the totals say has been moved; baseline and address follow.
    fn grow(&mut self, place: usize, record: &Record<'_>) -> Growth {
        let session = &mut self.sessions[place];
        let (before, now) = (session.row.totals, record.totals);
        let fell = now.uploaded < before.uploaded || now.downloaded < before.downloaded;
        let is_v6 = |endpoint: &Endpoint| matches!(endpoint, Endpoint::V6(_));
        let late = fell
            && is_v6(&session.endpoint) != is_v6(&record.endpoint)
            && session.row.announces > 0
            && record.event != Event::Started
            && record.time.since(session.row.last) <= self.rules.min_interval_secs;
        if !late {
            session.row.totals = now;
            session.endpoint = record.endpoint;
        }
        if fell {
            return Growth::default();
        }
        let said = Transfer {
            uploaded: now.uploaded - before.uploaded,
            downloaded: now.downloaded - before.downloaded,
        };
        let absurd = said.uploaded > 1 << 50 || said.downloaded > 1 << 50;
        let credited = if absurd { Transfer::default() } else { said };
        Growth { said, credited }
    }

    /// Seconds of seeding and of downloading that are credited.
    fn pass_time(&mut self, place: usize, record: &Record<'_>) -> (u32, u32) {
        let session = &self.sessions[place];
        let (seeds, last) = (session.seeds, session.row.last.0);
        let goes_on = seeds == Some(false) || seeds == Some(true) && has_all(record);
        if !goes_on || record.time.0 > last.saturating_add(self.rules.longest_gap_secs) {
            return (0, 0);
        }
        let is_pair = |other: &&mut Session| {
            (other.row.key.user, other.row.key.torrent) == (record.user, record.torrent)
        };
        let seeding = seeds == Some(true);
        let until = |session: &Session| match seeding {
            true => session.seeded_until,
            false => session.leeched_until,
        };
        let pair = self.sessions.iter_mut().filter(is_pair);
        let from = pair.map(|other| until(other)).fold(last, u32::max);
        let session = &mut self.sessions[place];
        let secs = record.time.0.saturating_sub(from);
        if seeding {
            session.seeded_until = session.seeded_until.max(record.time.0);
            (secs, 0)
        } else {
            session.leeched_until = session.leeched_until.max(record.time.0);
            (0, secs)
        }
    }

    fn history(&mut self, record: &Record<'_>, agent: &str) -> &mut HistoryDelta {
        let (user, torrent, time) = (record.user, record.torrent, record.time);
        let row = self.history_row(user, torrent);
        if row.announces == 0 {
            row.started = time;
        }
        row.announces += 1;
        row.last = row.last.max(time);
        row.left = record.left;
        row.client = record.totals;
        row.agent = agent.into();
        row
    }

    fn history_row(&mut self, user: UserId, torrent: TorrentId) -> &mut HistoryDelta {
        let row = find(&mut self.sums.history, |row| {
            (row.user, row.torrent) == (user, torrent)
        });
        (row.user, row.torrent) = (user, torrent);
        row
    }

    fn torrent(&mut self, torrent: TorrentId) -> &mut TorrentDelta {
        let row = find(&mut self.sums.torrents, |row| row.torrent == torrent);
        row.torrent = torrent;
        row
    }

    fn changed(&mut self, key: SessionKey) {
        self.changed.push(key);
        self.sums.forgotten.retain(|other| *other != key);
    }

    fn event(&mut self, record: &Record<'_>, kind: EventKind, amount: u64) {
        let key = record.key();
        let before = self
            .sums
            .events
            .iter_mut()
            .find(|row| (row.kind, row.key) == (kind, key));
        match before {
            Some(row) if kind == EventKind::ImplausibleSpeed => row.amount = row.amount.max(amount),
            Some(row) => row.amount = row.amount.saturating_add(amount),
            None => self.sums.events.push(EventRow {
                kind,
                key,
                time: record.time,
                ip: if record.hide_ip {
                    [0; 16]
                } else {
                    record.endpoint.mapped().0
                },
                amount,
            }),
        }
    }

    /// A session is gone; what it has moved is remembered.
    fn gone(&mut self, place: usize) {
        let row = &mut self.sessions[place].row;
        if !std::mem::take(&mut row.active) {
            return;
        }
        row.seeder = false;
        let key = row.key;
        self.changed(key);
        self.torrent(key.torrent);
        let pair = self.sessions.iter().map(|session| &session.row);
        let pair = pair.filter(|row| (row.key.user, row.key.torrent) == (key.user, key.torrent));
        let latest = pair.max_by_key(|row| (row.last, row.key)).cloned();
        let row = self.history_row(key.user, key.torrent);
        if let Some(latest) = latest.filter(|_| row.announces == 0) {
            (row.started, row.last) = (latest.last, latest.last);
            row.left = latest.left;
            row.client = latest.totals;
            row.agent = latest.agent;
        }
    }

    /// Looks at all sessions.
    pub fn sweep(&mut self, now: UnixTime) {
        let lifetime_secs = self.rules.session_lifetime_secs + SLACK_SECS;
        for place in (0..self.sessions.len()).rev() {
            let row = &self.sessions[place].row;
            let (key, silent_secs) = (row.key, now.since(row.last));
            if silent_secs > self.rules.peer_lifetime_secs {
                self.gone(place);
            }
            if silent_secs > lifetime_secs {
                self.sessions.remove(place);
                self.sums.forgotten.push(key);
            }
        }
    }

    /// Ends a batch.
    pub fn cut(&mut self, from: u64, to: u64) -> Commit {
        let rows = || self.sessions.iter().map(|session| &session.row);
        let mut batch = std::mem::take(&mut self.sums);
        (batch.from, batch.to) = (from, to);
        let changed = std::mem::take(&mut self.changed);
        batch.peers = rows()
            .filter(|row| changed.contains(&row.key))
            .cloned()
            .collect();
        for history in &mut batch.history {
            let mine = || {
                rows().filter(|row| {
                    (row.key.user, row.key.torrent) == (history.user, history.torrent)
                })
            };
            (history.active, history.seeder) =
                (mine().any(|row| row.active), mine().any(|row| row.seeder));
        }
        for torrent in &mut batch.torrents {
            let swarm = || rows().filter(|row| row.key.torrent == torrent.torrent && row.active);
            torrent.seeders = swarm().filter(|row| row.seeder).count() as u32;
            torrent.leechers = swarm().filter(|row| !row.seeder).count() as u32;
        }
        batch.users.sort_by_key(|row: &UserDelta| row.user);
        batch.history.sort_by_key(|row| (row.user, row.torrent));
        batch.torrents.sort_by_key(|row| row.torrent);
        batch.peers.sort_by_key(|row| row.key);
        batch.forgotten.sort();
        batch
            .events
            .sort_by_key(|row| (row.time, row.kind, row.key));
        batch
    }
}

fn has_all(record: &Record<'_>) -> bool {
    record.left == 0 || record.event == Event::Completed
}

/// Whether the name is not that of the program the peer id tells of, or of another than before.
fn pretends(before: &str, now: &str, peer_id: &PeerId) -> bool {
    let program = |agent: &str| -> String {
        agent
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect()
    };
    let is_qbittorrent = now.to_ascii_lowercase().contains("qbittorrent");
    let misfits = peer_id.0.starts_with(b"-qB") && !is_qbittorrent;
    let differs = !before.is_empty() && program(before) != program(now);
    !now.is_empty() && before != now && (misfits || differs)
}

/// The row that is meant; a new one at the end where there is none.
fn find<T: Default>(rows: &mut Vec<T>, is_it: impl FnMut(&T) -> bool) -> &mut T {
    let place = rows.iter().position(is_it).unwrap_or_else(|| {
        rows.push(T::default());
        rows.len() - 1
    });
    &mut rows[place]
}

/// What an announce adds to a client's totals, and what of it is believed.
#[derive(Default)]
struct Growth {
    said: Transfer,
    credited: Transfer,
}
