//! One client of one user on one torrent.

use super::Arrival;
use crate::model::{Endpoint, Seconds, TorrentId, UserId, V4_BYTES, V6_BYTES};

/// Families of addresses.
pub(super) const FAMILIES: usize = 2;

/// Stands for a peer id: a keyed hash of it, so that a session fits a line of the processor's
/// cache. Two clients of one user on one torrent would have to have the same of 64 bits to be taken
/// for one, and would harm nobody else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Client(pub(super) u64);

/// A session in 64 bytes, a line of the processor's cache. It has an address of at least one
/// family.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Session {
    pub(super) user: UserId,
    pub(super) torrent: TorrentId,
    pub(super) client: Client,
    /// When it announced last, by family.
    heard: [Seconds; FAMILIES],
    /// Seconds from when it last announced and was not too soon to when it announced last, by
    /// family: from there the next is measured, or a client that asks every minute would be too
    /// soon for ever. What is too soon is so within the minimum interval: see
    /// [`LONGEST_MIN_INTERVAL_SECS`].
    uncounted_secs: [u16; FAMILIES],
    v4: Option<[u8; V4_BYTES]>,
    v6: Option<[u8; V6_BYTES]>,
    pub(super) leeching: bool,
}

const _: () = assert!(size_of::<Session>() == 64);

/// Seconds of a minimum interval at most: 18 hours.
pub(super) const LONGEST_MIN_INTERVAL_SECS: u32 = u16::MAX as u32;

pub(super) fn family_of(endpoint: &Endpoint) -> usize {
    match endpoint {
        Endpoint::V4(_) => 0,
        Endpoint::V6(_) => 1,
    }
}

/// Whether two endpoints have the same address, whatever their ports.
fn same_ip(a: &Endpoint, b: &Endpoint) -> bool {
    match (a, b) {
        (Endpoint::V4([a @ .., _, _]), Endpoint::V4([b @ .., _, _])) => a == b,
        (Endpoint::V6([a @ .., _, _]), Endpoint::V6([b @ .., _, _])) => a == b,
        _ => false,
    }
}

impl Session {
    pub(super) fn new(arrival: &Arrival, client: Client, now: Seconds) -> Session {
        let mut session = Session {
            user: arrival.user,
            torrent: arrival.torrent,
            client,
            v4: None,
            v6: None,
            heard: [now; FAMILIES],
            uncounted_secs: [0; FAMILIES],
            leeching: arrival.leeching,
        };
        session.move_to(&arrival.endpoint);
        session
    }

    /// Its addresses.
    pub(super) fn endpoints(&self) -> [Option<Endpoint>; FAMILIES] {
        [self.v4.map(Endpoint::V4), self.v6.map(Endpoint::V6)]
    }

    pub(super) fn has(&self, endpoint: &Endpoint) -> bool {
        match endpoint {
            Endpoint::V4(bytes) => self.v4.as_ref() == Some(bytes),
            Endpoint::V6(bytes) => self.v6.as_ref() == Some(bytes),
        }
    }

    pub(super) fn has_ip_of(&self, endpoint: &Endpoint) -> bool {
        let mut own = self.endpoints().into_iter().flatten();
        own.any(|own| same_ip(&own, endpoint))
    }

    /// Its address becomes this one; returns the one it had of that family.
    pub(super) fn move_to(&mut self, endpoint: &Endpoint) -> Option<Endpoint> {
        match *endpoint {
            Endpoint::V4(bytes) => self.v4.replace(bytes).map(Endpoint::V4),
            Endpoint::V6(bytes) => self.v6.replace(bytes).map(Endpoint::V6),
        }
    }

    /// It no longer has an address of this family; returns the one it had.
    pub(super) fn leave(&mut self, family: usize) -> Option<Endpoint> {
        match family {
            0 => self.v4.take().map(Endpoint::V4),
            _ => self.v6.take().map(Endpoint::V6),
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.v4.is_none() && self.v6.is_none()
    }

    /// Seconds since it announced so that it counted, over the family of an endpoint.
    pub(super) fn counted_ago(&self, endpoint: &Endpoint, now: Seconds) -> u32 {
        let counted = self.counted(family_of(endpoint));
        now.0.saturating_sub(counted)
    }

    fn counted(&self, family: usize) -> u32 {
        let uncounted_secs = self.uncounted_secs[family].into();
        self.heard[family].0.saturating_sub(uncounted_secs)
    }

    /// It has announced. Workers' clocks may differ by a tick: time does not go back.
    pub(super) fn hear(&mut self, endpoint: &Endpoint, now: Seconds, counts: bool) {
        let family = family_of(endpoint);
        let before = self.counted(family);
        let counted = if counts { before.max(now.0) } else { before };
        let heard = self.heard[family].max(now);
        self.heard[family] = heard;
        let uncounted_secs = heard.0.saturating_sub(counted);
        self.uncounted_secs[family] = u16::try_from(uncounted_secs).unwrap_or(u16::MAX);
    }

    /// When it announced last, over any family it has an address of.
    pub(super) fn last_heard(&self) -> Seconds {
        let families = self.endpoints().into_iter().zip(self.heard);
        let heard = families.filter_map(|(endpoint, heard)| endpoint.map(|_| heard));
        heard.max().unwrap_or_default()
    }

    /// Forgets the addresses over which it has not announced for so long.
    pub(super) fn forget(&mut self, now: Seconds, lifetime_secs: u32) {
        for family in 0..FAMILIES {
            if now.0.saturating_sub(self.heard[family].0) >= lifetime_secs {
                self.leave(family);
            }
        }
    }
}
