//! Who leads: whoever has said so last in Redis, for some seconds. That two believe it for a moment
//! does no harm, because the storage takes the batches of one; that nobody does is what this is for.

use super::super::lock;
use super::{Keeper, number};
use log::{info, warn};
use redis::Value;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long a leader leads without saying so again.
const LEASE: Duration = Duration::from_secs(5);
/// By how much it is sure to stop before others may begin.
const MARGIN: Duration = Duration::from_secs(1);
/// How often it says so.
const RENEW: Duration = Duration::from_secs(1);
/// How long a process whose batch the storage did not take leaves it to others to lead.
const STAND_BACK: Duration = Duration::from_secs(8);

impl Keeper {
    /// Leads on, or takes the lead where nobody has it; returns whether this process leads.
    pub(super) fn lead(&mut self) -> Result<bool, String> {
        if self.common.exchange.take_refused() {
            warn!("cache: redis: the storage has gone on without this process; others may lead");
            self.stand_back();
        }
        if self.common.leads() && self.is_stuck() {
            info!("cache: redis: the storage takes nothing from this process; others may lead");
            self.stand_back();
        }
        if self
            .stands_back
            .is_some_and(|since| since.elapsed() < STAND_BACK)
        {
            return Ok(false);
        }
        let led = self.common.leads();
        if self.said.is_some_and(|said| said.elapsed() < RENEW) {
            return Ok(led);
        }
        let now = Instant::now();
        let leads = self.take_lead()?;
        self.said = Some(now);
        if leads && !led {
            self.common.proven.store(false, Ordering::Release);
            self.settled.1 = Instant::now();
        }
        *lock(&self.common.leads_until) = leads.then(|| now + LEASE - MARGIN);
        match (led, leads) {
            (false, true) => info!("cache: redis: this process leads: it commits the batches"),
            (true, false) => info!("cache: redis: another process leads"),
            _ => {}
        }
        Ok(leads)
    }

    fn stand_back(&mut self) {
        self.give_up_lead();
        self.stands_back = Some(Instant::now());
    }

    /// Whether a batch waits for the storage for too long.
    fn is_stuck(&mut self) -> bool {
        let standing = self.common.standing();
        let [_, committed] = standing.cuts;
        if standing.is_settled() || self.settled.0 != committed {
            self.settled = (committed, Instant::now());
        }
        self.settled.1.elapsed() >= self.common.hand_over
    }

    fn take_lead(&mut self) -> Result<bool, String> {
        let key = self.common.leader_key();
        let set = |condition: &str, token: u64| {
            let mut set = redis::cmd("SET");
            set.arg(&key).arg(token).arg(condition);
            set.arg("PX").arg(LEASE.as_millis() as u64);
            set
        };
        if self.ask(&set("NX", self.token))? != Value::Nil {
            return Ok(true);
        }
        let leader = self.ask(redis::cmd("GET").arg(&key))?;
        if number(&leader) != Some(self.token) {
            return Ok(false);
        }
        // Should another have begun in between, there are two for a moment, and the storage takes
        // the batches of one.
        Ok(self.ask(&set("XX", self.token))? != Value::Nil)
    }

    /// Lets others lead at once.
    pub(super) fn give_up_lead(&mut self) {
        let led = lock(&self.common.leads_until).take().is_some();
        self.said = None;
        if led {
            let key = self.common.leader_key();
            let leader = self.ask(redis::cmd("GET").arg(&key));
            if leader.ok().as_ref().and_then(number) == Some(self.token) {
                // If it cannot be said, others find out by themselves.
                let _ = self.ask(redis::cmd("DEL").arg(&key));
            }
        }
    }
}
