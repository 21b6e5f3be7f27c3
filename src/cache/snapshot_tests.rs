//! What comes back from a snapshot, from one of another age or shape, and from a damaged one.

use super::SnapshotError;
use crate::cache::testing::{COUNTS_LIFETIME_SECS, Client, LIFETIME_SECS, SETTINGS};
use crate::cache::testing::{
    completed, id_of, leecher, seeder, stopped, sweep_all, torrent, v4, v6,
};
use crate::cache::{Announce, Driver, Memory, MemorySettings, Totals};
use crate::model::{Counts, Endpoint, InfoHash, PeerId, Role, Seconds};
use std::collections::BTreeMap;
use std::net::SocketAddr;

const WALL_SECS: u64 = 1_700_000_000;

fn saved(driver: &Memory, now: u32) -> Vec<u8> {
    let mut file = Vec::new();
    driver
        .save(&mut file, Seconds(now), WALL_SECS)
        .expect("a snapshot");
    file
}

/// Restores after so many seconds, into a process that has just started.
fn restored(
    settings: &MemorySettings,
    file: &[u8],
    away_secs: i64,
) -> (Memory, Result<(), SnapshotError>) {
    let driver = Memory::new(settings);
    let wall_secs = WALL_SECS.saturating_add_signed(away_secs);
    let result = driver.restore(&mut &*file, Seconds(0), wall_secs);
    (driver, result)
}

/// Peers of all roles and families, one swarm a size; the last torrent is only remembered.
fn fill(driver: &Memory, sizes: &[u32], now: u32) {
    let mut client = Client::new(driver, 1);
    for (number, size) in (0..).zip(sizes) {
        for n in 0..*size {
            let peer = if n % 5 < 3 { v4(n) } else { v6(n) };
            let announce = match n % 4 {
                0 => seeder(number, peer),
                1 => completed(number, peer),
                2 => Announce {
                    role: Role::PartialSeed,
                    ..leecher(number, peer)
                },
                _ => leecher(number, peer),
            };
            client.announce(announce, now);
        }
    }
    let last = sizes.len() as u32;
    client.announce_all([completed(last, v4(0)), stopped(last, v4(0))], now);
}

fn all_counts(driver: &Memory) -> BTreeMap<InfoHash, Counts> {
    let mut torrents = BTreeMap::new();
    driver.torrents(&mut |info_hash, counts| assert!(torrents.insert(info_hash, counts).is_none()));
    torrents
}

/// The peers of a swarm, as one that is not listed sees them.
fn listing(driver: &Memory, number: u32) -> BTreeMap<SocketAddr, Option<PeerId>> {
    let deaf = Endpoint::new(v4(1 << 20).socket_addr().ip(), 0);
    let asker = Announce {
        want: u16::MAX,
        ..leecher(number, deaf)
    };
    let asked = Client::new(driver, 1).announce(asker, 0);
    let peers = asked.peers();
    let id = |place: usize| asked.peer_ids.get(place).copied();
    peers
        .iter()
        .enumerate()
        .map(|(place, peer)| (peer.socket_addr(), id(place)))
        .collect()
}

const SIZES: [u32; 7] = [1, 2, 9, 64, 65, 300, 0];

#[test]
fn what_is_saved_comes_back() {
    for (name, saves_ids, restores_ids) in [
        ("ids kept", true, true),
        ("no ids", false, false),
        ("ids no longer kept", true, false),
        ("ids kept from now on", false, true),
    ] {
        let driver = Memory::new(&MemorySettings {
            peer_ids: saves_ids,
            ..SETTINGS
        });
        fill(&driver, &SIZES, 1000);
        let file = saved(&driver, 1000);
        // Another key, another number of shards: the rows stand elsewhere.
        let settings = MemorySettings {
            peer_ids: restores_ids,
            workers: 3,
            seed: 99,
            ..SETTINGS
        };
        let (copy, result) = restored(&settings, &file, 0);
        assert!(result.is_ok(), "{name}");
        assert_eq!(all_counts(&copy), all_counts(&driver), "{name}");
        assert_eq!(copy.totals(), driver.totals(), "{name}");
        for number in (0..).take(SIZES.len()) {
            let id = |peer: SocketAddr| match (saves_ids, restores_ids) {
                (true, true) => Some(id_of(Endpoint::new(peer.ip(), peer.port()))),
                (false, true) => Some(PeerId([0; 20])),
                (_, false) => None,
            };
            let expected: BTreeMap<_, _> = listing(&driver, number)
                .into_keys()
                .map(|peer| (peer, id(peer)))
                .collect();
            assert_eq!(listing(&copy, number), expected, "{name}");
        }
    }
}

#[test]
fn completions_are_not_counted_again() {
    let driver = Memory::new(&SETTINGS);
    fill(&driver, &SIZES, 0);
    let (copy, _) = restored(&SETTINGS, &saved(&driver, 0), 0);
    let mut client = Client::new(&copy, 1);
    let before = client.scrape(torrent(3)).downloaded;
    assert_eq!(before, 16);
    assert_eq!(
        client.announce(completed(3, v4(1)), 0).counts.downloaded,
        before
    );
    assert_eq!(
        client.announce(completed(3, v4(0)), 0).counts.downloaded,
        before + 1
    );
}

#[test]
fn peers_age_while_nobody_looks() {
    for (name, age_secs, away_secs, left_secs) in [
        ("just seen", 0, 0, Some(LIFETIME_SECS)),
        ("half its life", 12, 0, Some(12)),
        ("half its life, half of the rest away", 12, 6, Some(6)),
        ("all its life", 12, 12, Some(0)),
        ("expired meanwhile", 12, 15, None),
        ("expired unseen", 24, 3, None),
        ("away for two hundred years", 0, 1 << 33, None),
        ("the wall clock went back", 12, -1000, Some(12)),
    ] {
        let driver = Memory::new(&SETTINGS);
        Client::new(&driver, 1).announce(leecher(0, v4(0)), 1000 - age_secs);
        let (copy, result) = restored(&SETTINGS, &saved(&driver, 1000), away_secs);
        assert!(result.is_ok(), "{name}");
        assert_eq!(
            copy.totals().peers,
            u64::from(left_secs.is_some()),
            "{name}"
        );
        let Some(left_secs) = left_secs else { continue };
        sweep_all(&copy, left_secs);
        assert_eq!(copy.totals().peers, 1, "{name}: gone too early");
        sweep_all(&copy, left_secs + 3);
        assert_eq!(copy.totals().peers, 0, "{name}: still there");
    }
}

#[test]
fn ages_fit_another_lifetime() {
    let driver = Memory::new(&SETTINGS);
    Client::new(&driver, 1).announce(leecher(0, v4(0)), 988);
    let file = saved(&driver, 1000);
    for (lifetime_secs, left_secs) in [(240, 228), (48, 36), (9, 0)] {
        let settings = MemorySettings {
            peer_lifetime_secs: lifetime_secs,
            ..SETTINGS
        };
        let (copy, _) = restored(&settings, &file, 0);
        sweep_all(&copy, left_secs);
        let lives = left_secs > 0;
        assert_eq!(copy.totals().peers, u64::from(lives), "of {lifetime_secs}");
        let units_secs = 3 * lifetime_secs.div_ceil(24);
        sweep_all(&copy, left_secs + units_secs);
        assert_eq!(copy.totals().peers, 0, "of {lifetime_secs}");
    }
}

#[test]
fn downloads_are_forgotten_in_time() {
    for (name, empty_secs, away_secs, left_secs) in [
        ("at once", 0, 0, COUNTS_LIFETIME_SECS),
        ("some time", 60, 0, 60),
        ("some time, and away", 60, 30, 30),
        ("too long", 60, 60, 0),
        ("away for two hundred years", 60, 1 << 33, 0),
    ] {
        let driver = Memory::new(&SETTINGS);
        let mut client = Client::new(&driver, 1);
        client.announce_all([completed(0, v4(0)), stopped(0, v4(0))], 1000 - empty_secs);
        let (mut copy, _) = restored(&SETTINGS, &saved(&driver, 1000), away_secs);
        // Twice: the copy began after its torrent lost its last peer.
        (copy, _) = restored(&SETTINGS, &saved(&copy, 0), 0);
        let remembered = Totals {
            torrents: 1,
            peers: 0,
        };
        assert_eq!(copy.totals(), remembered, "{name}");
        if left_secs > 0 {
            sweep_all(&copy, left_secs - 1);
            assert_eq!(copy.totals(), remembered, "{name}: forgotten too early");
            assert_eq!(
                Client::new(&copy, 1).scrape(torrent(0)).downloaded,
                1,
                "{name}"
            );
        }
        sweep_all(&copy, left_secs.max(1));
        assert_eq!(copy.totals(), Totals::default(), "{name}: still there");
    }
}

/// What stands before the damage is kept, and nothing else.
fn assert_damaged(file: &[u8], counts: &BTreeMap<InfoHash, Counts>, what: &str) -> u64 {
    let (copy, result) = restored(&SETTINGS, file, 0);
    let kept = all_counts(&copy);
    let is_saved = |(info_hash, kept)| counts.get(info_hash) == Some(kept);
    assert!(kept.iter().all(is_saved), "{what}: {kept:?}");
    match result {
        Err(SnapshotError::Damaged { torrents }) => {
            assert_eq!(torrents, kept.len() as u64, "{what}");
        }
        Err(SnapshotError::Foreign) => assert!(kept.is_empty(), "{what}"),
        other => panic!("{what}: {other:?}"),
    }
    kept.len() as u64
}

/// Small swarms in several chunks.
fn small_snapshot() -> (Vec<u8>, BTreeMap<InfoHash, Counts>) {
    let driver = Memory::new(&SETTINGS);
    fill(&driver, &[1, 2, 3, 1, 2, 3, 1, 2, 3, 4], 0);
    (saved(&driver, 0), all_counts(&driver))
}

#[test]
fn a_snapshot_that_is_cut_short_is_damaged() {
    let (file, counts) = small_snapshot();
    let mut most = 0;
    for length in 0..file.len() {
        let kept = assert_damaged(&file[..length], &counts, &format!("{length} bytes"));
        assert!(kept >= most, "{length} bytes: {kept} torrents, not {most}");
        most = kept;
    }
    assert_eq!(most, counts.len() as u64, "all but the end");
    let (copy, result) = restored(&SETTINGS, &file, 0);
    assert!(result.is_ok());
    assert_eq!(all_counts(&copy), counts);
}

#[test]
fn a_changed_byte_is_damage() {
    let (file, counts) = small_snapshot();
    for at in 0..file.len() {
        for change in [0x01, 0x80, 0xff, file[at]] {
            if change != 0 {
                let mut changed = file.clone();
                changed[at] ^= change;
                assert_damaged(&changed, &counts, &format!("byte {at} ^ {change:#x}"));
            }
        }
    }
}

/// As a file system leaves a file whose length was written before its bytes.
#[test]
fn a_tail_of_zeros_is_damage() {
    let (file, counts) = small_snapshot();
    for length in 0..file.len() {
        let mut zeroed = file.clone();
        zeroed[length..].fill(0);
        if zeroed != file {
            assert_damaged(&zeroed, &counts, &format!("zeros from byte {length} on"));
        }
    }
}

#[test]
fn what_is_there_already_stays() {
    let driver = Memory::new(&SETTINGS);
    fill(&driver, &SIZES, 0);
    let file = saved(&driver, 0);
    let (counts, totals) = (all_counts(&driver), driver.totals());
    let result = driver.restore(&mut &file[..], Seconds(0), WALL_SECS);
    assert!(result.is_ok());
    assert_eq!(all_counts(&driver), counts);
    assert_eq!(driver.totals(), totals);
}

#[test]
fn what_is_no_snapshot() {
    let (mut file, _) = small_snapshot();
    file[15] = b'2';
    for (name, file) in [
        ("empty", &b""[..]),
        (
            "text",
            b"announce http://tracker.example/announce, and so on",
        ),
        ("another version", &file),
    ] {
        let (copy, result) = restored(&SETTINGS, file, 0);
        assert!(
            matches!(result, Err(SnapshotError::Foreign)),
            "{name}: {result:?}"
        );
        assert_eq!(copy.totals(), Totals::default(), "{name}");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let driver = Memory::new(&SETTINGS);
    fill(&driver, &[3, 1], 0);
    let length = saved(&driver, 0).len();
    for room in 0..length {
        let mut disk = vec![0; room];
        let result = driver.save(&mut &mut disk[..], Seconds(0), WALL_SECS);
        assert!(
            matches!(result, Err(SnapshotError::Io(_))),
            "{room} of {length} bytes"
        );
    }
}

#[test]
fn smaller_caps_are_kept() {
    let driver = Memory::new(&SETTINGS);
    fill(&driver, &SIZES, 0);
    let file = saved(&driver, 0);
    let all = all_counts(&driver);
    for (max_torrents, max_peers) in [(3, 1 << 20), (1 << 20, 70), (2, 5), (0, 9), (9, 0)] {
        let settings = MemorySettings {
            max_torrents,
            max_peers,
            ..SETTINGS
        };
        let (copy, result) = restored(&settings, &file, 0);
        assert!(result.is_ok());
        let totals = copy.totals();
        let saved = driver.totals();
        assert_eq!(totals.torrents, saved.torrents.min(max_torrents));
        assert!(totals.peers <= max_peers, "{totals:?}");
        let kept = all_counts(&copy);
        assert!(
            kept.iter()
                .all(|(info_hash, kept)| all[info_hash].downloaded == kept.downloaded)
        );
        let peers: u32 = kept
            .values()
            .map(|counts| counts.seeders + counts.leechers)
            .sum();
        assert_eq!(u64::from(peers), totals.peers);
    }
}
