//! Sessions that go without saying so, and sessions that come back with a checkpoint; and at what
//! pace clients announce.

use super::{Ledger, Note, Pace, Rules};
use crate::account::sessions::{Session, State};
use crate::model::{TorrentId, UnixTime, UserId};
use crate::storage::{Commit, SessionKey};

/// Seconds by which a session's totals outlive their lifetime in memory: whether they still count
/// is told by the records alone, in which the clock may be a little behind.
pub(super) const FORGET_SLACK_SECS: u32 = 3600;
impl Ledger {
    /// Looks at the next `most` sessions, and notes which are gone and which can be forgotten.
    pub fn sweep(&mut self, now: UnixTime, most: usize) {
        for place in self.sessions.slice(most) {
            let Some(session) = self.sessions.get(place) else {
                continue;
            };
            let silent_secs = now.since(session.last);
            let Rules {
                session_lifetime_secs,
                peer_lifetime_secs,
                ..
            } = self.rules;
            if silent_secs > session_lifetime_secs.saturating_add(FORGET_SLACK_SECS) {
                let key = session.key;
                self.leave(place);
                self.sessions.remove(place);
                self.gathered.forgot(key);
            } else if session.state != State::Gone && silent_secs > peer_lifetime_secs {
                self.leave(place);
            }
        }
        self.sessions.shrink();
    }

    /// Accounts for a note.
    pub fn note_of(&mut self, note: &Note) {
        match note {
            Note::Gone(time, user, torrent) => self.end(*user, *torrent, *time),
            Note::Pace(pace) => self.set_pace(*pace),
        }
    }

    fn end(&mut self, user: UserId, torrent: TorrentId, time: UnixTime) {
        let pair = self.sessions.of_pair(user, torrent);
        // A clock that was put back must not end what has announced since.
        let ended = pair.filter(|session| session.last <= time);
        let keys: Vec<SessionKey> = ended.map(|session| session.key).collect();
        for key in keys {
            let Some(place) = self.sessions.find(&key) else {
                continue;
            };
            self.leave(place);
            if let Some(session) = self.sessions.get_mut(place) {
                // No time is credited until it has announced again.
                session.said = State::Gone;
            }
        }
    }

    /// At what pace clients announce, where that is not the one configured.
    pub fn pace(&self) -> Option<Pace> {
        self.pace
    }

    /// What it goes by at the pace that is configured.
    pub fn configured(&self) -> Rules {
        self.configured
    }

    /// Sets it.
    pub fn set_pace(&mut self, pace: Option<Pace>) {
        self.pace = pace;
        self.rules = match pace {
            None => self.configured,
            Some(pace) => Rules {
                longest_gap_secs: pace.longest_gap_secs,
                min_interval_secs: pace.min_interval_secs,
                ..self.configured
            },
        };
    }

    /// Notes that a session is gone; its totals are remembered.
    pub(super) fn leave(&mut self, place: u32) {
        let Some(session) = self.sessions.get_mut(place) else {
            return;
        };
        let before = std::mem::replace(&mut session.state, State::Gone);
        let (key, last) = (session.key, session.last);
        if before == State::Gone {
            return;
        }
        if !std::mem::replace(&mut session.dirty, true) {
            self.gathered.changed(key);
        }
        self.move_count(key.torrent, before, State::Gone);
        let (user, torrent) = (key.user, key.torrent);
        let (active, seeder) = self.pair_state(user, torrent);
        let history = self.gathered.history(user, torrent, last);
        (history.active, history.seeder) = (active, seeder);
        // What replaces must not go back to what an earlier session said.
        let pair = self.sessions.of_pair(user, torrent);
        if history.announces == 0
            && let Some(latest) = pair.max_by_key(|session| (session.last, session.key))
        {
            (history.started, history.last) = (latest.last, latest.last);
            history.left = latest.left;
            history.client = latest.baseline;
            history.agent = (*latest.agent).into();
        }
        self.gathered.torrent(torrent);
    }

    /// Puts back a session of a checkpoint.
    pub fn restore(&mut self, mut session: Session) {
        if self.sessions.find(&session.key).is_some() {
            return;
        }
        session.agent = self.agent(session.agent.as_bytes());
        self.move_count(session.key.torrent, State::Gone, session.state);
        if session.dirty {
            self.gathered.changed(session.key);
        }
        self.sessions.insert(session);
    }

    /// Puts back what a checkpoint says had been gathered.
    pub fn restore_sums(&mut self, sums: Commit) {
        self.gathered.put_back(sums);
    }
}
