//! Sessions that go without saying so, and sessions that come back with a checkpoint.

use super::{Ledger, Rules};
use crate::account::sessions::{Session, State};
use crate::model::UnixTime;
use crate::storage::Commit;

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
