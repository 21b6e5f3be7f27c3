//! The ledger: what an announce means.
//!
//! Clients report totals since they started, so an announce is credited with what its totals have
//! grown by since the session's last one, its *baseline*. An unknown session, totals that went
//! down, or ones that grew absurdly, set a new baseline and credit nothing: whatever was moved before cannot be known, and a
//! session that starts anew must not be credited twice. Seeding and downloading are credited from
//! announce to announce, when the session did the same before and the gap is no longer than it
//! should be; time in which several sessions of a user do so with the same torrent counts once.
//!
//! Everything follows from the records in their order: a replay says the same. [`Ledger::sweep`]
//! alone goes by the clock, and changes nothing but states.

mod late;
mod presence;
mod rows;

pub use late::Trail;

use crate::account::gathered::{Counts, Gathered};
use crate::account::note::{Note, Pace};
use crate::account::record::{MAX_AGENT_BYTES, Record};
use crate::account::sessions::{Session, Sessions, State};
use crate::account::suspicion;
use crate::model::{Endpoint, Event, TorrentId, Transfer, UnixTime};
use crate::storage::Commit;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Bytes that nobody moves between two announces: more is no growth, but nonsense, and must not
/// spoil what is honest in the same row.
const ABSURD_BYTES: u64 = 1 << 50;
/// Names of programs that are shared by sessions; of more, each session has its own.
const MAX_AGENTS: usize = 4096;

/// What the ledger goes by.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Seconds without an announce after which a session is gone.
    pub peer_lifetime_secs: u32,
    /// Seconds without an announce after which its totals are forgotten.
    pub session_lifetime_secs: u32,
    /// Seconds between two announces that are credited as time: interval, jitter and grace.
    pub longest_gap_secs: u32,
    /// Seconds before which a client does not announce over the same family again.
    pub min_interval_secs: u32,
    /// Bytes a second above which transfer is flagged; 0: never.
    pub plausible_speed: u64,
}

/// What the records so far amount to.
pub struct Ledger {
    rules: Rules,
    /// Rules as they would be if clients announced at the pace that is configured.
    configured: Rules,
    pace: Option<Pace>,
    sessions: Sessions,
    counts: HashMap<TorrentId, Counts>,
    gathered: Gathered,
    agents: HashSet<Arc<str>>,
}

/// What an announce changes of the transfer credited.
#[derive(Clone, Copy, Default)]
struct Growth {
    raw: Transfer,
    /// Bytes a second.
    rates: Transfer,
    /// The totals are late: growth is counted from those before.
    keeps_baseline: bool,
}

/// What an announce changes of the time credited.
#[derive(Clone, Copy, Default)]
struct Time {
    is_credited: bool,
    seed_seconds: u32,
    leech_seconds: u32,
}

impl Ledger {
    /// A ledger without records. `seed` is for hashes that strangers must not guess.
    pub fn new(rules: Rules, seed: u64) -> Ledger {
        Ledger {
            rules,
            configured: rules,
            pace: None,
            sessions: Sessions::new(seed),
            counts: HashMap::new(),
            gathered: Gathered::default(),
            agents: HashSet::new(),
        }
    }

    /// The sessions it knows.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// What has been found since the last batch.
    pub fn gathered(&self) -> &Gathered {
        &self.gathered
    }

    /// Makes a batch of what has been gathered.
    pub fn cut(&mut self, from: u64, to: u64) -> Commit {
        let gathered = std::mem::take(&mut self.gathered);
        gathered.into_commit(from, to, &mut self.sessions, &self.counts)
    }

    /// Accounts for an announce.
    pub fn apply(&mut self, record: &Record<'_>) {
        let known = self.known(record);
        if record.event == Event::Stopped && known.is_none() {
            // Nothing is known that could be ended.
            let agent = self.agent(record.agent);
            self.history(record, record.totals, &agent);
            return;
        }
        let place = known.unwrap_or_else(|| self.begin(record));
        let growth = self.growth(place, record);
        self.account(place, record, growth);
    }

    /// The place of the session of an announce, if its totals still count.
    fn known(&self, record: &Record<'_>) -> Option<u32> {
        self.sessions.find(&record.key()).filter(|place| {
            let session = self.sessions.get(*place);
            session.is_some_and(|session| !self.is_too_old(session, record.time))
        })
    }

    fn is_too_old(&self, session: &Session, now: UnixTime) -> bool {
        now.since(session.last) > self.rules.session_lifetime_secs
    }

    /// Begins a session with a baseline at what it says; one that is too old begins anew.
    fn begin(&mut self, record: &Record<'_>) -> u32 {
        let key = record.key();
        if let Some(old) = self.sessions.find(&key) {
            self.leave(old);
            self.sessions.remove(old);
        }
        let completed = record.is_seeder() && record.event != Event::Completed;
        self.sessions.insert(Session {
            key,
            endpoint: record.endpoint,
            hide_ip: record.hide_ip,
            baseline: record.totals,
            left: record.left,
            state: State::Gone,
            said: State::Gone,
            completed,
            started: record.time,
            last: record.time,
            seeded_until: UnixTime(0),
            leeched_until: UnixTime(0),
            announces: 0,
            rates: Transfer::default(),
            agent: Arc::default(),
            dirty: false,
            trail: None,
        })
    }
}

impl Ledger {
    /// What a session's totals have grown by.
    fn growth(&self, place: u32, record: &Record<'_>) -> Growth {
        let Some(session) = self.sessions.get(place) else {
            return Growth::default();
        };
        let growth = record.totals.since(session.baseline);
        let is_absurd =
            growth.is_some_and(|growth| growth.uploaded.max(growth.downloaded) > ABSURD_BYTES);
        Growth {
            raw: growth.filter(|_| !is_absurd).unwrap_or_default(),
            rates: per_second(growth.unwrap_or_default(), record.time.since(session.last)),
            keeps_baseline: growth.is_none() && self.is_late_twin(session, record),
        }
    }

    /// Accounts for an announce of the session at a place, whose totals have grown like this.
    fn account(&mut self, place: u32, record: &Record<'_>, growth: Growth) {
        let Growth {
            raw,
            rates,
            keeps_baseline,
        } = growth;
        let agent = self.agent(record.agent);
        let Some(session) = self.sessions.get(place) else {
            return;
        };
        let is_new = session.announces == 0;
        let time = self.time(session, record);
        let snatched = record.event == Event::Completed && !session.completed;
        let suspicious = suspicion::mismatch(&session.agent, &agent, &record.peer_id);
        let (before, said) = (session.state, session.said);
        let after = match record.event {
            Event::Stopped => State::Gone,
            _ if record.is_seeder() => State::Seeding,
            _ => State::Leeching,
        };
        self.move_count(record.torrent, before, after);
        let Some(session) = self.sessions.get_mut(place) else {
            return;
        };
        if said == State::Seeding && time.is_credited {
            session.seeded_until = session.seeded_until.max(record.time);
        }
        if said == State::Leeching && time.is_credited {
            session.leeched_until = session.leeched_until.max(record.time);
        }
        if !keeps_baseline {
            session.baseline = record.totals;
            session.endpoint = record.endpoint;
        }
        session.hide_ip = record.hide_ip;
        session.left = record.left;
        session.state = after;
        session.said = after;
        session.completed |= record.event == Event::Completed;
        session.last = session.last.max(record.time);
        session.announces = session.announces.saturating_add(1);
        session.rates = rates;
        if !agent.is_empty() {
            session.agent = agent;
        }
        let (client, agent) = (session.baseline, Arc::clone(&session.agent));
        let is_new_row = !std::mem::replace(&mut session.dirty, true);
        if is_new_row {
            self.gathered.changed(record.key());
        }
        self.history(record, client, &agent);
        self.gather(record, raw, time, snatched);
        self.note_events(record, raw, snatched, suspicious);
        if !is_new {
            self.note_speed(record, rates);
        }
    }

    /// Whether totals that went down are only late: a client with two families announces over both
    /// at once, in any order. The session stays at the family it was at, so that the same announce
    /// is still late when it comes again, because its answer was lost.
    fn is_late_twin(&self, session: &Session, record: &Record<'_>) -> bool {
        let is_v4 = |endpoint: &Endpoint| matches!(endpoint, Endpoint::V4(_));
        is_v4(&session.endpoint) != is_v4(&record.endpoint)
            && record.event != Event::Started
            && record.time.since(session.last) <= self.rules.min_interval_secs
    }

    /// The time that is to be credited.
    fn time(&self, session: &Session, record: &Record<'_>) -> Time {
        let goes_on = match session.said {
            State::Seeding => record.is_seeder(),
            State::Leeching => true,
            State::Gone => false,
        };
        if !goes_on || record.time.since(session.last) > self.rules.longest_gap_secs {
            return Time::default();
        }
        let is_seeding = session.said == State::Seeding;
        let pair = self.sessions.of_pair(record.user, record.torrent);
        let until = pair.map(|other| match is_seeding {
            true => other.seeded_until,
            false => other.leeched_until,
        });
        let from = until.fold(session.last, UnixTime::max);
        let seconds = record.time.since(from);
        Time {
            is_credited: true,
            seed_seconds: if is_seeding { seconds } else { 0 },
            leech_seconds: if is_seeding { 0 } else { seconds },
        }
    }

    /// The program's name, shared with other sessions.
    fn agent(&mut self, bytes: &[u8]) -> Arc<str> {
        if bytes.is_empty() {
            return Arc::default();
        }
        let bytes = &bytes[..bytes.len().min(MAX_AGENT_BYTES)];
        let text = String::from_utf8_lossy(bytes);
        let text = cut(&text);
        if let Some(agent) = self.agents.get(text) {
            return Arc::clone(agent);
        }
        let agent: Arc<str> = text.into();
        if self.agents.len() < MAX_AGENTS {
            self.agents.insert(Arc::clone(&agent));
        }
        agent
    }

    fn move_count(&mut self, torrent: TorrentId, before: State, after: State) {
        if before == after {
            return;
        }
        let counts = self.counts.entry(torrent).or_default();
        match before {
            State::Seeding => counts.seeders = counts.seeders.saturating_sub(1),
            State::Leeching => counts.leechers = counts.leechers.saturating_sub(1),
            State::Gone => {}
        }
        match after {
            State::Seeding => counts.seeders += 1,
            State::Leeching => counts.leechers += 1,
            State::Gone => {}
        }
        if *counts == Counts::default() {
            self.counts.remove(&torrent);
        }
    }
}

/// The front of a client's name that is kept: bytes that are no text take more room as text.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_AGENT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn per_second(raw: Transfer, secs: u32) -> Transfer {
    let secs = u64::from(secs.max(1));
    Transfer {
        uploaded: raw.uploaded / secs,
        downloaded: raw.downloaded / secs,
    }
}

#[cfg(test)]
mod state_tests;

#[cfg(test)]
mod tests;
