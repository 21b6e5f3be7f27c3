//! The memory cache seen through its interface: fair choice, bounds, sweeps, sizes, threads. What
//! the counts and peers of an answer are, `memory_model_tests.rs` checks.

use super::Memory;
use crate::cache::testing::{Asked, COUNTS_LIFETIME_SECS, Client, LIFETIME_SECS, SETTINGS};
use crate::cache::testing::{
    completed, id_of, leecher, seeder, stopped, sweep_all, torrent, v4, v6,
};
use crate::cache::{Announce, Driver, MemorySettings, Totals};
use crate::model::{Endpoint, Role};
use std::collections::HashMap;

/// Peers of a swarm for a choice: every third a seeder, the asker in the middle.
fn mixed_swarm(client: &mut Client, size: u32) -> Endpoint {
    let member = |n| {
        if n % 3 == 0 {
            seeder(0, v4(n))
        } else {
            leecher(0, v4(n))
        }
    };
    client.announce_all((0..size).map(member), 0);
    let asker = v4(size / 2);
    client.announce(leecher(0, asker), 0);
    asker
}

/// How often each peer was handed out, so many times a peer in the mean.
fn handed_out(client: &mut Client, asker: Endpoint, size: u32, want: u16, mean: u32) -> Vec<f64> {
    let mut times = HashMap::new();
    for _ in 0..mean * (size - 1) / u32::from(want) {
        let asked = client.announce(
            Announce {
                want,
                ..leecher(0, asker)
            },
            0,
        );
        assert_eq!(asked.v4.len(), usize::from(want));
        asked
            .v4
            .into_iter()
            .for_each(|peer| *times.entry(peer.socket_addr()).or_insert(0.0) += 1.0);
    }
    assert!(
        !times.contains_key(&asker.socket_addr()),
        "the asker got itself"
    );
    (0..size)
        .map(v4)
        .filter(|peer| *peer != asker)
        .map(|peer| times.get(&peer.socket_addr()).copied().unwrap_or(0.0))
        .collect()
}

#[test]
fn every_peer_is_as_likely_as_any_other() {
    const MEAN: u32 = 60;
    for (name, size, want) in [
        ("small, one by one", 10, 1),
        ("small", 10, 4),
        ("a block, one by one", 60, 1),
        ("a block", 60, 7),
        ("large, one by one", 1000, 1),
        ("large", 1000, 50),
    ] {
        let driver = Memory::new(&SETTINGS);
        let mut client = Client::new(&driver, 4);
        let asker = mixed_swarm(&mut client, size);
        let times = handed_out(&mut client, asker, size, want, MEAN);
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        let chi_square: f64 = times
            .iter()
            .map(|times| (times - mean).powi(2) / mean)
            .sum();
        // Neighbours are handed out together, so the sum spreads wider than that of lone draws.
        let spread = (2.0 * f64::from(size) * f64::from(want)).sqrt();
        assert!(
            chi_square < f64::from(size) + 6.0 * spread,
            "{name}: {chi_square}"
        );
        // One peer that is favoured or forgotten is lost in the sum over a thousand.
        let fair = mean / 4.0..mean * 1.8;
        assert!(
            times.iter().all(|times| fair.contains(times)),
            "{name}: {times:?}"
        );
    }
}

#[test]
fn who_has_all_it_wants_gets_leechers_only() {
    for (name, role) in [
        ("seeder", Role::Seeder),
        ("partial seed", Role::PartialSeed),
    ] {
        for size in [3, 10, 60, 1000] {
            let driver = Memory::new(&SETTINGS);
            let mut client = Client::new(&driver, 4);
            let asker = mixed_swarm(&mut client, size);
            for want in [1, 2, size / 3, size] {
                let announce = Announce {
                    role,
                    want: want as u16,
                    ..leecher(0, asker)
                };
                let asked = client.announce(announce, 0);
                let is_leecher = |peer: &Endpoint| (0..size).any(|n| n % 3 != 0 && v4(n) == *peer);
                assert!(!asked.v4.is_empty(), "{name} of {size}");
                assert!(
                    asked.v4.iter().all(is_leecher),
                    "{name} of {size}: {asked:?}"
                );
            }
        }
    }
}

#[test]
fn answers_differ() {
    for size in [60, 1000] {
        let driver = Memory::new(&SETTINGS);
        let mut client = Client::new(&driver, 4);
        let asker = mixed_swarm(&mut client, size);
        let mut ask = || {
            client
                .announce(
                    Announce {
                        want: 20,
                        ..leecher(0, asker)
                    },
                    0,
                )
                .v4
        };
        assert_ne!(ask(), ask(), "of {size}");
    }
}

#[test]
fn peers_beyond_the_cap_are_refused() {
    let driver = Memory::new(&MemorySettings {
        max_peers: 3,
        ..SETTINGS
    });
    let mut client = Client::new(&driver, 1);
    let refused = |asked: Asked| asked.refused;
    for n in 0..3 {
        assert!(!refused(client.announce(leecher(0, v4(n)), 0)), "peer {n}");
    }
    let asked = client.announce(
        Announce {
            want: 9,
            ..leecher(0, v6(3))
        },
        0,
    );
    assert!(asked.refused && asked.peers().is_empty(), "{asked:?}");
    assert_eq!(asked.counts.leechers, 3);
    assert!(
        refused(client.announce(leecher(1, v4(0)), 0)),
        "a new torrent"
    );
    assert_eq!(
        driver.totals(),
        Totals {
            torrents: 1,
            peers: 3
        }
    );

    let known = client.announce(
        Announce {
            want: 9,
            ..completed(0, v4(0))
        },
        20,
    );
    assert!(!known.refused);
    assert_eq!(
        (
            known.v4.len(),
            known.counts.seeders,
            known.counts.downloaded
        ),
        (2, 1, 1)
    );
    assert!(
        !refused(client.announce(stopped(0, v4(9)), 20)),
        "an unknown peer leaves"
    );

    assert!(!refused(client.announce(stopped(0, v4(1)), 20)));
    assert!(
        !refused(client.announce(leecher(0, v4(4)), 20)),
        "the room of who left"
    );
    assert!(refused(client.announce(leecher(0, v4(5)), 20)));
    sweep_all(&driver, LIFETIME_SECS + 3);
    assert_eq!(driver.totals().peers, 2);
    assert!(
        !refused(client.announce(leecher(1, v4(5)), 30)),
        "the room of who expired"
    );
    assert!(refused(client.announce(leecher(1, v4(6)), 30)));
}

#[test]
fn a_second_address_without_room_is_no_refusal() {
    let driver = Memory::new(&MemorySettings {
        max_peers: 1,
        ..SETTINGS
    });
    let mut client = Client::new(&driver, 1);
    let asked = client.announce(
        Announce {
            other: Some(v6(1)),
            ..leecher(0, v4(1))
        },
        0,
    );
    assert!(!asked.refused);
    assert_eq!((asked.counts.leechers, driver.totals().peers), (1, 1));
}

#[test]
fn torrents_beyond_the_cap_are_refused() {
    let driver = Memory::new(&MemorySettings {
        max_torrents: 2,
        ..SETTINGS
    });
    let mut client = Client::new(&driver, 1);
    let refused = |asked: Asked| asked.refused;
    client.announce(leecher(0, v4(0)), 0);
    client.announce(leecher(1, v4(0)), 9);
    assert!(refused(client.announce(seeder(2, v4(0)), 9)));
    assert!(
        !refused(client.announce(stopped(2, v4(0)), 9)),
        "who leaves wants no room"
    );
    assert!(
        !refused(client.announce(leecher(1, v6(1)), 9)),
        "a known torrent"
    );
    let deaf = Endpoint::new(v4(0).socket_addr().ip(), 0);
    assert!(
        !refused(client.announce(leecher(2, deaf), 9)),
        "who is not listed wants no room"
    );
    assert_eq!(
        driver.totals(),
        Totals {
            torrents: 2,
            peers: 3
        }
    );

    sweep_all(&driver, LIFETIME_SECS + 3);
    assert_eq!(
        driver.totals(),
        Totals {
            torrents: 1,
            peers: 2
        }
    );
    assert!(
        !refused(client.announce(leecher(2, v4(0)), 30)),
        "the room of torrent 0"
    );
    assert!(refused(client.announce(leecher(0, v4(0)), 30)));
}

/// A download is remembered without peers.
fn finish_and_leave(client: &mut Client, number: u32, now: u32) {
    client.announce(completed(number, v4(number)), now);
    client.announce(stopped(number, v4(number)), now);
}

#[test]
fn downloads_are_remembered_for_a_while() {
    let driver = Memory::new(&SETTINGS);
    let mut client = Client::new(&driver, 1);
    finish_and_leave(&mut client, 0, 50);
    client.announce(leecher(1, v4(1)), 50);
    client.announce(stopped(1, v4(1)), 50);
    for (now, torrents) in [
        (50, 1),
        (50 + COUNTS_LIFETIME_SECS - 1, 1),
        (50 + COUNTS_LIFETIME_SECS, 0),
    ] {
        sweep_all(&driver, now);
        assert_eq!(driver.totals(), Totals { torrents, peers: 0 }, "at {now}");
        assert_eq!(
            u64::from(client.scrape(torrent(0)).downloaded),
            torrents,
            "at {now}"
        );
    }
}

#[test]
fn a_crowded_cache_remembers_fewer_downloads() {
    let driver = Memory::new(&MemorySettings {
        max_torrents: 8,
        ..SETTINGS
    });
    let mut client = Client::new(&driver, 1);
    (0..3).for_each(|number| finish_and_leave(&mut client, number, 0));
    client.announce(leecher(3, v4(3)), 0);
    sweep_all(&driver, 1);
    assert_eq!(driver.totals().torrents, 4, "half full is not crowded");
    client.announce(leecher(4, v4(4)), 1);
    sweep_all(&driver, 1);
    assert_eq!(
        driver.totals(),
        Totals {
            torrents: 4,
            peers: 2
        },
        "one makes room"
    );
    (5..8).for_each(|number| drop(client.announce(leecher(number, v4(number)), 1)));
    sweep_all(&driver, 1);
    assert_eq!(
        driver.totals(),
        Totals {
            torrents: 5,
            peers: 5
        },
        "none is left to make room"
    );
}

#[test]
fn peer_ids_belong_to_their_addresses() {
    let both = |n| {
        [v4(n), v6(n)].map(|peer| Announce {
            want: 30,
            ..leecher(0, peer)
        })
    };
    for (keeps, wants) in [(true, true), (true, false), (false, true), (false, false)] {
        for size in [1, 7, 30, 64, 65, 500] {
            let driver = Memory::new(&MemorySettings {
                peer_ids: keeps,
                ..SETTINGS
            });
            let mut client = Client::new(&driver, 1);
            client.announce_all((0..size).flat_map(both), 0);
            // Roles that change and peers that leave swap rows.
            client.announce_all((0..size).step_by(3).map(|n| seeder(0, v4(n))), 0);
            client.announce_all((1..size).step_by(4).map(|n| stopped(0, v6(n))), 0);
            let announce = Announce {
                want: 300,
                peer_ids: wants,
                ..leecher(0, v4(0))
            };
            let asked = client.announce(announce, 0);
            let ids = asked.peers().into_iter().map(id_of).collect();
            let expected = if keeps && wants { ids } else { Vec::new() };
            assert_eq!(
                asked.peer_ids, expected,
                "keeps {keeps}, wants {wants}, of {size}"
            );
        }
    }
}
