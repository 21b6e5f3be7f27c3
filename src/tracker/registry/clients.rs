//! Which clients may announce, by the prefix of their peer ids (BEP 20).

use crate::model::PeerId;
use crate::storage::PREFIX_MAX_BYTES;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Bytes of a peer id, and of the longest prefix.
const PEER_ID_BYTES: usize = PREFIX_MAX_BYTES;

/// A prefix, filled up with zeros, and what is said of it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ClientEntry {
    length: u8,
    prefix: [u8; PEER_ID_BYTES],
    allow: bool,
}

impl ClientEntry {
    /// `None` of an empty prefix, which would be all clients, and of one longer than a peer id.
    pub(super) fn new(prefix: &[u8], allow: bool) -> Option<ClientEntry> {
        let mut entry = ClientEntry {
            length: u8::try_from(prefix.len())
                .ok()
                .filter(|length| *length > 0)?,
            prefix: [0; PEER_ID_BYTES],
            allow,
        };
        entry
            .prefix
            .get_mut(..prefix.len())?
            .copy_from_slice(prefix);
        Some(entry)
    }

    /// The same made anew: what a file holds may be longer than a peer id.
    pub(super) fn checked(&self) -> Option<ClientEntry> {
        ClientEntry::new(self.prefix.get(..self.length.into())?, self.allow)
    }

    fn key(&self) -> (u8, [u8; PEER_ID_BYTES]) {
        (self.length, self.prefix)
    }
}

/// What is said of prefixes: some hundreds, sorted by length, then by their bytes.
#[derive(Clone, Default)]
pub(super) struct Clients {
    sorted: Arc<Vec<ClientEntry>>,
    /// How many are approved.
    approved: usize,
    /// A bit for each length that any prefix has.
    lengths: u32,
}

impl Clients {
    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &ClientEntry> {
        self.sorted.iter()
    }

    /// The longest prefix decides; where none matches, whether others had to be approved.
    pub(super) fn allow(&self, peer_id: &PeerId) -> bool {
        let mut lengths = self.lengths;
        while let Some(length) = lengths.checked_ilog2() {
            if let Some(prefix) = peer_id.0.get(..length as usize)
                && let Some(entry) = self.get(prefix)
            {
                return entry.allow;
            }
            lengths &= !(1 << length);
        }
        self.approved == 0
    }

    /// What is said of a prefix, if anything is.
    pub(super) fn said_of(&self, prefix: &[u8]) -> Option<bool> {
        self.get(prefix).map(|entry| entry.allow)
    }

    fn get(&self, prefix: &[u8]) -> Option<&ClientEntry> {
        let key = ClientEntry::new(prefix, false)?.key();
        let at = self.sorted.binary_search_by_key(&key, ClientEntry::key);
        at.ok().and_then(|at| self.sorted.get(at))
    }

    /// Whether anything has changed by it.
    pub(super) fn insert(&mut self, entry: ClientEntry) -> bool {
        let at = self
            .sorted
            .binary_search_by_key(&entry.key(), ClientEntry::key);
        if at.is_ok_and(|at| self.sorted.get(at) == Some(&entry)) {
            return false;
        }
        let sorted = Arc::make_mut(&mut self.sorted);
        match at {
            Ok(at) => sorted.splice(at..=at, [entry]).for_each(drop),
            Err(at) => sorted.insert(at, entry),
        }
        self.count();
        true
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, prefix: &[u8]) -> bool {
        let Some(entry) = self.get(prefix).copied() else {
            return false;
        };
        Arc::make_mut(&mut self.sorted).retain(|other| other.key() != entry.key());
        self.count();
        true
    }

    fn count(&mut self) {
        self.approved = self.sorted.iter().filter(|entry| entry.allow).count();
        self.lengths = self
            .sorted
            .iter()
            .fold(0, |lengths, entry| lengths | 1 << entry.length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(entries: &[(&[u8], bool)]) -> Clients {
        let mut clients = Clients::default();
        for (prefix, allow) in entries {
            clients.insert(ClientEntry::new(prefix, *allow).expect("a prefix"));
        }
        clients
    }

    #[test]
    fn the_longest_prefix_decides() {
        const QB: &[u8] = b"-qB4500-0123456789ab";
        for (name, entries, peer_id, allowed) in [
            ("nothing said", &[][..], QB, true),
            ("approved", &[(&b"-qB"[..], true)], QB, true),
            ("another is approved", &[(b"-TR", true)], QB, false),
            ("another is banned", &[(b"-TR", false)], QB, true),
            ("banned", &[(b"-qB", false)], QB, false),
            (
                "one version banned",
                &[(b"-qB", true), (b"-qB45", false)],
                QB,
                false,
            ),
            (
                "all versions but one banned",
                &[(b"-qB45", true), (b"-qB", false)],
                QB,
                true,
            ),
            ("a whole peer id", &[(QB, false), (b"-", true)], QB, false),
            (
                "filled up with zeros, but longer",
                &[(b"-qB\0", false), (b"-", true)],
                QB,
                true,
            ),
            (
                "zeros are bytes",
                &[(b"-qB\0", false), (b"-", true)],
                b"-qB\0aaaaaaaaaaaaaaaa",
                false,
            ),
        ] {
            let peer_id = PeerId(peer_id.try_into().expect("20 bytes"));
            assert_eq!(clients(entries).allow(&peer_id), allowed, "{name}");
        }
    }

    #[test]
    fn prefixes_come_and_go() {
        let mut clients = clients(&[(b"-qB", true), (b"-TR", false)]);
        let older = clients.clone();
        let mut insert = |allow| clients.insert(ClientEntry::new(b"-qB", allow).expect("one"));
        assert_eq!([insert(true), insert(false)], [false, true]);
        assert!(clients.allow(&PeerId(*b"-XX4500-0123456789ab")));
        assert_eq!(
            [clients.remove(b"-qB"), clients.remove(b"-qB")],
            [true, false]
        );
        assert_eq!((clients.len(), older.len()), (1, 2));
        assert!(!older.allow(&PeerId(*b"-XX4500-0123456789ab")));
        for bad in [&b""[..], &[b'a'; 21], &[b'a'; 300]] {
            assert!(ClientEntry::new(bad, true).is_none() && !clients.remove(bad));
        }
    }
}
