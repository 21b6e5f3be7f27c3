//! Records that come late: of several processes, one may be cut off from the others for a while, or
//! be killed before they hear what it has accepted, and its clients go on elsewhere.
//!
//! Therefore a session remembers for a while what it has said: its [`Trail`]. When a record comes,
//! late or not, it is put into its place by its time, and what all of them amount to is found anew,
//! as if they had come in that order. What that is more than has been credited so far is credited.
//! If it is less, because what looked like growth was none, nothing is credited until it is more: so
//! the sums come out the same in whatever order records come, as far back as is remembered.
//!
//! States and addresses are those of the latest record, and a late one credits no time.

use super::{ABSURD_BYTES, Growth, Ledger, per_second};
use crate::account::record::Record;
use crate::account::sessions::Session;
use crate::model::{Endpoint, Event, Transfer, UnixTime};
use crate::storage::{EventKind, SessionKey};
use serde::{Deserialize, Serialize};

/// Records that a session remembers at most, 1.5 KiB: only a client that announces every two minutes
/// says so much in that time.
const MOST_POINTS: usize = 64;
/// Seconds after which they are forgotten: three announces of most clients.
const TRAIL_SECS: u32 = 2 * 3600;

/// What a session has said, in the order of the times, and what has been credited for it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Trail {
    points: Vec<Point>,
    /// Earlier ones have been forgotten.
    is_short: bool,
    /// At least what the points amount to.
    credited: Transfer,
    /// Since when it is complete, where it was as it was first heard of, so that no download was
    /// counted.
    came_complete: Option<UnixTime>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Point {
    time: UnixTime,
    totals: Transfer,
    is_v4: bool,
    /// The client says that it has begun anew.
    begins: bool,
}

impl Point {
    fn of(record: &Record<'_>) -> Point {
        Point {
            time: record.time,
            totals: record.totals,
            is_v4: matches!(record.endpoint, Endpoint::V4(_)),
            begins: record.event == Event::Started,
        }
    }
}

/// What points amount to, and the one from which growth is counted next.
struct Amount {
    sum: Transfer,
    baseline: Option<Point>,
}

impl Trail {
    /// Puts a record into its place; returns what is to be credited.
    fn add(&mut self, new: Point, twin_secs: u32) -> Transfer {
        let place = self.place(&new);
        if place == 0 && self.is_short {
            // Nothing is known of that time.
            return Transfer::default();
        }
        self.points.insert(place, new);
        let sum = self.amount(twin_secs).sum;
        let credit = Transfer {
            uploaded: sum.uploaded.saturating_sub(self.credited.uploaded),
            downloaded: sum.downloaded.saturating_sub(self.credited.downloaded),
        };
        self.credited = self.credited.plus(credit);
        self.forget(new.time, sum, twin_secs);
        credit
    }

    /// Where a record belongs.
    fn place(&self, new: &Point) -> usize {
        let mut place = self.points.partition_point(|point| point.time <= new.time);
        // No client begins anew in the second in which it has announced, without saying so: within
        // a second, before what has grown since.
        while let Some(last) = place.checked_sub(1).and_then(|last| self.points.get(last))
            && (last.time, last.is_v4) == (new.time, new.is_v4)
            && !new.begins
            && new.totals.since(last.totals).is_none()
        {
            place -= 1;
        }
        place
    }

    /// What the ledger would have credited in this order.
    fn amount(&self, twin_secs: u32) -> Amount {
        let mut points = self.points.iter();
        let mut baseline = points.next().copied();
        let mut last = baseline.map_or(UnixTime(0), |first| first.time);
        let mut sum = Transfer::default();
        for point in points {
            let Some(before) = &mut baseline else { break };
            let silent_secs = point.time.since(last);
            last = last.max(point.time);
            match point.totals.since(before.totals) {
                Some(growth) if growth.uploaded.max(growth.downloaded) <= ABSURD_BYTES => {
                    sum = sum.plus(growth);
                }
                None if !point.begins
                    && point.is_v4 != before.is_v4
                    && silent_secs <= twin_secs =>
                {
                    continue;
                }
                _ => {}
            }
            *before = *point;
        }
        Amount { sum, baseline }
    }

    /// Forgets what is too old or too much; what has been credited for it is settled.
    fn forget(&mut self, now: UnixTime, sum: Transfer, twin_secs: u32) {
        // The last is the baseline, or a twin of it.
        let old = |point: &Point| now.since(point.time) > TRAIL_SECS;
        let last = self.points.len().saturating_sub(2);
        let points = self.points.iter().take(last);
        let mut many = points.take_while(|point| old(point)).count();
        if self.points.len() > MOST_POINTS {
            many = many.max(1);
        }
        if many == 0 {
            return;
        }
        self.is_short = true;
        self.points.drain(..many);
        let rest = self.amount(twin_secs).sum;
        // What was credited beyond the sum is still owed.
        self.credited = Transfer {
            uploaded: rest.uploaded + self.credited.uploaded.saturating_sub(sum.uploaded),
            downloaded: rest.downloaded + self.credited.downloaded.saturating_sub(sum.downloaded),
        };
    }
}

impl Ledger {
    /// Accounts for an announce that may come after later ones of its session.
    pub fn apply_in_any_order(&mut self, record: &Record<'_>) {
        let key = record.key();
        let place = self.known(record).unwrap_or_else(|| {
            let place = self.begin(record);
            let came_complete = record.is_seeder() && record.event != Event::Completed;
            let trail = Trail {
                came_complete: came_complete.then_some(record.time),
                ..Trail::default()
            };
            self.restore_trail(&key, trail);
            place
        });
        let twin_secs = self.rules.min_interval_secs;
        let Some(session) = self.sessions.get_mut(place) else {
            return;
        };
        let new = Point::of(record);
        let trail = session.trail.get_or_insert_default();
        let is_late = trail.place(&new) < trail.points.len();
        let raw = trail.add(new, twin_secs);
        let baseline = trail.amount(twin_secs).baseline;
        if is_late {
            session.baseline = baseline.map_or(session.baseline, |point| point.totals);
            return self.account_late(place, record, raw);
        }
        let growth = Growth {
            raw,
            rates: per_second(raw, record.time.since(session.last)),
            keeps_baseline: baseline.is_some_and(|point| point != new),
        };
        self.account(place, record, growth);
    }

    fn account_late(&mut self, place: u32, record: &Record<'_>, raw: Transfer) {
        let Some(session) = self.sessions.get_mut(place) else {
            return;
        };
        let trail = session.trail.get_or_insert_default();
        let presumed = trail
            .came_complete
            .is_some_and(|since| record.time <= since);
        let is_completed = record.event == Event::Completed;
        let snatched = is_completed && (presumed || !session.completed);
        if snatched {
            trail.came_complete = None;
            session.completed = true;
        } else if presumed && record.is_seeder() {
            trail.came_complete = Some(record.time);
        }
        session.started = session.started.min(record.time);
        session.announces = session.announces.saturating_add(1);
        if !std::mem::replace(&mut session.dirty, true) {
            self.gathered.changed(record.key());
        }
        self.gather_late(record, raw, snatched);
        if snatched {
            self.note(record, EventKind::Completed, 1);
        }
        if record.token && raw != Transfer::default() {
            self.note(record, EventKind::TokenUsed, raw.downloaded);
        }
    }

    /// Adds to the sums what a late record means; what replaces stays as the latest says.
    fn gather_late(&mut self, record: &Record<'_>, raw: Transfer, snatched: bool) {
        let (user, torrent) = (record.user, record.torrent);
        let credited = record.multipliers.credit(raw);
        if raw != Transfer::default() {
            self.gathered.credit(user, raw, credited);
        }
        let (active, seeder) = self.pair_state(user, torrent);
        let pair = self.sessions.of_pair(user, torrent);
        let latest = pair.max_by_key(|session| (session.last, session.key));
        let latest = latest.map(Session::latest);
        let history = self.gathered.history(user, torrent, record.time);
        if let (0, Some((last, left, client, agent))) = (history.announces, latest) {
            (history.last, history.left, history.client) = (last, left, client);
            history.agent = (*agent).into();
        }
        history.announces = history.announces.saturating_add(1);
        history.credited = history.credited.plus(credited);
        history.raw = history.raw.plus(raw);
        (history.active, history.seeder) = (active, seeder);
        if snatched {
            history.snatches = history.snatches.saturating_add(1);
            history.completed.get_or_insert(record.time);
        }
        self.add_to_torrent(record, raw, snatched);
    }

    /// Puts back what a checkpoint says of the records of a session.
    pub fn restore_trail(&mut self, key: &SessionKey, trail: Trail) {
        let place = self.sessions.find(key);
        if let Some(session) = place.and_then(|place| self.sessions.get_mut(place)) {
            session.trail = Some(Box::new(trail));
        }
    }
}

#[cfg(test)]
#[path = "late_tests.rs"]
mod tests;
