//! UDP connection ids (BEP 15): proof that a client receives at the address it sends from.
//!
//! Nothing is remembered of who asked. An id is 16 bits of the second in which it was made and 48
//! bits of a keyed hash over that second and the address; with the key and the clock it can be
//! made again and compared. The port is left out: clients behind a changing NAT mapping keep their
//! id (and libtorrent shares ids between its sockets).

use crate::model::Seconds;
use siphasher::sip::SipHasher24;
use std::hash::Hasher;
use std::net::IpAddr;

const HASH_BITS: u32 = 48;

/// Makes and checks connection ids.
#[derive(Clone)]
pub struct ConnectionIds {
    key: [u8; 16],
    lifetime_secs: u32,
}

impl ConnectionIds {
    /// All workers share the key: a client's packets may reach any of them.
    pub fn new(key: [u8; 16], lifetime_secs: u32) -> ConnectionIds {
        ConnectionIds { key, lifetime_secs }
    }

    /// The id of this address, now. Never 0, which some clients take for an error.
    pub fn make(&self, ip: IpAddr, now: Seconds) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        match ip.to_canonical() {
            IpAddr::V4(ip) => hasher.write(&ip.octets()),
            IpAddr::V6(ip) => hasher.write(&ip.octets()),
        }
        hasher.write(&now.0.to_le_bytes());
        let hash = (hasher.finish() >> (u64::BITS - HASH_BITS)).max(1);
        u64::from(now.0 as u16) << HASH_BITS | hash
    }

    /// Whether this id was made for this address, and lately.
    pub fn check(&self, id: u64, ip: IpAddr, now: Seconds) -> bool {
        let made_at = (id >> HASH_BITS) as u16;
        let age = (now.0 as u16).wrapping_sub(made_at);
        // The whole second goes into the hash, so an id does not come back to life when the
        // sixteen bits of it come around. Comparing two numbers takes the same time whatever
        // their bits are.
        u32::from(age) <= self.lifetime_secs
            && self.make(ip, Seconds(now.0.wrapping_sub(age.into()))) == id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u32 = 86400;

    fn ids(lifetime_secs: u32) -> ConnectionIds {
        ConnectionIds::new(*b"0123456789abcdef", lifetime_secs)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn hold_for_their_lifetime_and_their_address() {
        for address in ["192.0.2.1", "2001:db8::1"] {
            for made in [0, 1, 65535, 65536, DAY * 40] {
                let id = ids(120).make(ip(address), Seconds(made));
                let check = |address: &str, at: u32| ids(120).check(id, ip(address), Seconds(at));
                assert!(check(address, made) && check(address, made + 120));
                assert!(!check(address, made + 121), "too old");
                assert!(
                    !check(address, made + 65536),
                    "the low bits of its second again"
                );
                assert!(!check("192.0.2.2", made), "another address");
                assert_eq!(id >> HASH_BITS, u64::from(made as u16));
            }
        }
    }

    #[test]
    fn nobody_else_can_make_them() {
        let mine = ids(120).make(ip("192.0.2.1"), Seconds(5));
        let other = ConnectionIds::new([0; 16], 120);
        assert!(!other.check(mine, ip("192.0.2.1"), Seconds(5)));
        assert!(!ids(120).check(0, ip("192.0.2.1"), Seconds(0)));
        for bit in 0..64 {
            assert!(
                !ids(120).check(mine ^ 1 << bit, ip("192.0.2.1"), Seconds(5)),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn are_never_zero() {
        let hash = |second| ids(120).make(ip("192.0.2.1"), Seconds(second)) << 16;
        assert!((0..10_000).all(|second| hash(second) != 0));
    }

    #[test]
    fn mapped_addresses_are_their_ipv4() {
        let id = ids(120).make(ip("::ffff:192.0.2.1"), Seconds(7));
        assert!(ids(120).check(id, ip("192.0.2.1"), Seconds(8)));
    }
}
