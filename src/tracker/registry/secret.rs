//! The registry's key: what stands for passkeys, and where entries are kept.

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use siphasher::sip128::SipHasher13;
use std::hash::{BuildHasher, Hasher};

/// What a passkey has become: nobody finds the passkey in it without the registry's key.
///
/// Two digests may be compared in any time: who does not have the key cannot aim at one.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest([u8; 16]);

impl Digest {
    /// Its place in a map: it is a keyed hash already.
    pub(super) fn place(&self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }
}

/// The key under which passkeys are found and entries are spread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Secret(pub(super) [u8; 16]);

impl Secret {
    pub(super) fn digest(&self, passkey: &[u8]) -> Digest {
        Digest(SipHasher13::new_with_key(&self.0).hash(passkey).as_bytes())
    }

    /// The place in a map of something that others choose: info-hashes can be made to measure.
    pub(super) fn place(&self, bytes: &[u8]) -> u32 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        let seed = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let mut hasher = FixedState::with_seed(seed).build_hasher();
        hasher.write(bytes);
        (hasher.finish() >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_differ_by_their_bytes_and_under_each_key() {
        let [one, two] = [Secret([1; 16]), Secret([2; 16])];
        let a = one.digest(b"a");
        assert!(a == one.digest(b"a"));
        assert!(a != one.digest(b"a\0"), "a longer one");
        assert!(a != one.digest(b"b"), "another one");
        assert!(a != two.digest(b"a"), "another key");
    }
}
