//! What the tests of accounts share: records, rules, folders.

use super::ledger::Rules;
use super::record::Record;
use crate::model::{
    Endpoint, Event, Multipliers, PeerId, TorrentId, Transfer, UnixTime, UserId, V6_BYTES,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) const RULES: Rules = Rules {
    peer_lifetime_secs: 3600,
    session_lifetime_secs: 3 * 24 * 3600,
    longest_gap_secs: 2160,
    min_interval_secs: 900,
    plausible_speed: 0,
};

/// When it all begins.
pub(crate) const START_SECS: u32 = 1_700_000_000;

pub(crate) fn moment(secs: u32) -> UnixTime {
    UnixTime(START_SECS + secs)
}

pub(crate) fn moved(uploaded: u64, downloaded: u64) -> Transfer {
    Transfer {
        uploaded,
        downloaded,
    }
}

/// Announces of user 1 with torrent 1; `but` makes others of them.
pub(crate) fn leecher(secs: u32, uploaded: u64, downloaded: u64) -> Record<'static> {
    Record {
        time: moment(secs),
        user: UserId(1),
        torrent: TorrentId(1),
        peer_id: PeerId(*b"-qB4650-abcdefghijkl"),
        endpoint: Endpoint::V4([192, 0, 2, 1, 0x1a, 0xe1]),
        totals: moved(uploaded, downloaded),
        left: 1000,
        event: Event::Regular,
        multipliers: Multipliers::default(),
        token: false,
        hide_ip: false,
        agent: b"",
    }
}

pub(crate) fn seeder(secs: u32, uploaded: u64, downloaded: u64) -> Record<'static> {
    Record {
        left: 0,
        ..leecher(secs, uploaded, downloaded)
    }
}

pub(crate) fn with(event: Event, record: Record<'_>) -> Record<'_> {
    Record { event, ..record }
}

pub(crate) fn stopped(record: Record<'_>) -> Record<'_> {
    with(Event::Stopped, record)
}

pub(crate) fn completed(record: Record<'_>) -> Record<'_> {
    with(Event::Completed, record)
}

/// The same over the other family.
pub(crate) fn v6(record: Record<'_>) -> Record<'_> {
    Record {
        endpoint: Endpoint::V6([0x20; V6_BYTES]),
        ..record
    }
}

pub(crate) fn of_user(user: u64, record: Record<'_>) -> Record<'_> {
    Record {
        user: UserId(user),
        ..record
    }
}

/// The same of another client of the user.
pub(crate) fn other(record: Record<'_>) -> Record<'_> {
    Record {
        peer_id: PeerId(*b"-TR4000-abcdefghijkl"),
        ..record
    }
}

/// A folder of a test's own, removed with all it holds.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("chihaya-account-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
