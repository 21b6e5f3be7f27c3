//! Attempts with a wrong token, and how long each waits for its answer.
//!
//! Answers to wrong tokens of one address go out one after the other, and later each time. Right
//! tokens are never slowed: the web application and a script that has the wrong one often share an
//! address, and the script must not keep the site out. What keeps guesses from succeeding is the
//! length of the tokens; this keeps them from being a load, and makes them be noticed.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// How long the first wrong attempt of an address waits; each that follows twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// How long one waits at most after the one before it.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// What would have to wait longer, because others of its address wait already, is told so at once:
/// a connection that waits takes a place.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after its last attempt an address is a stranger again.
const FORGIVEN_AFTER: Duration = Duration::from_secs(60);
/// Addresses remembered; of IPv6 a network of 64 bits is one, as everybody has so many.
const ADDRESSES: usize = 1024;

/// Who has tried a wrong token lately.
#[derive(Debug, Default)]
pub struct Strikes {
    /// Times are since any one moment.
    addresses: BTreeMap<IpAddr, Struck>,
}

#[derive(Debug)]
struct Struck {
    attempts: u32,
    last: Duration,
    /// When its last answer goes out.
    answered: Duration,
}

impl Strikes {
    /// An attempt from an address has failed; returns when it is to be answered. `None`: so many
    /// wait that this one is told to come back later.
    pub fn note(&mut self, from: IpAddr, now: Duration) -> Option<Duration> {
        let from = network_of(from);
        self.addresses
            .retain(|_, struck| now.saturating_sub(struck.last) < FORGIVEN_AFTER);
        if self.addresses.len() >= ADDRESSES && !self.addresses.contains_key(&from) {
            self.forget_oldest();
        }
        let struck = self.addresses.entry(from).or_insert(Struck {
            attempts: 0,
            last: now,
            answered: now,
        });
        struck.last = now;
        let wait = FIRST_WAIT.saturating_mul(1 << struck.attempts.min(16));
        let answered = struck.answered.max(now) + wait.min(LONGEST_WAIT);
        if answered.saturating_sub(now) > PATIENCE {
            return None;
        }
        struck.attempts = struck.attempts.saturating_add(1);
        struck.answered = answered;
        Some(answered)
    }

    /// Whether any address has tried a wrong token lately.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    fn forget_oldest(&mut self) {
        let oldest = self.addresses.iter().min_by_key(|(_, struck)| struck.last);
        if let Some(address) = oldest.map(|(address, _)| *address) {
            self.addresses.remove(&address);
        }
    }
}

fn network_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn each_attempt_waits_longer_and_for_those_before_it() {
        let mut strikes = Strikes::default();
        let from = ip("192.0.2.1");
        let answered = [
            100, 300, 700, 1500, 2500, 3500, 4500, 5500, 6500, 7500, 8500, 9500,
        ];
        for millis in answered {
            assert_eq!(strikes.note(from, at(0)), Some(at(millis)));
        }
        assert_eq!(strikes.note(from, at(0)), None, "too many wait");
        assert_eq!(
            strikes.note(ip("192.0.2.2"), at(0)),
            Some(at(100)),
            "another"
        );
        // Once they have been answered, the next one waits for itself alone.
        assert_eq!(strikes.note(from, at(20_000)), Some(at(21_000)));
        let later = 20_000 + 60_000;
        assert_eq!(
            strikes.note(from, at(later)),
            Some(at(later + 100)),
            "forgiven"
        );
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let mut strikes = Strikes::default();
        for (address, millis) in [
            ("2001:db8::1", 100),
            ("2001:db8::ffff:1", 300),
            ("2001:db8:0:1::1", 100),
            ("::ffff:192.0.2.1", 100),
            ("192.0.2.1", 300),
        ] {
            assert_eq!(
                strikes.note(ip(address), at(0)),
                Some(at(millis)),
                "{address}"
            );
        }
    }

    #[test]
    fn addresses_are_bounded() {
        let mut strikes = Strikes::default();
        assert!(strikes.is_empty());
        for number in 0..10 * ADDRESSES as u32 {
            let from = IpAddr::from(number.to_be_bytes());
            strikes.note(from, at(number.into()));
        }
        assert!(strikes.addresses.len() <= ADDRESSES);
    }
}
