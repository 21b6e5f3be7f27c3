//! Keyed hashes of info-hashes and addresses: strangers choose both.

use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hash, Hasher};

/// Hashes the bytes alone; arrays of the standard library hash their length too.
struct Bytes<'b>(&'b [u8]);

impl Hash for Bytes<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0);
    }
}

/// The hash of some bytes under a key.
pub(crate) fn hash_bytes(bytes: &[u8], hasher: &FixedState) -> u64 {
    hasher.hash_one(Bytes(bytes))
}
