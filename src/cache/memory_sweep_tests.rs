//! The memory cache over time and size: sweeps in slices, very large swarms, two workers.

use super::testing::{Client, SETTINGS};
use super::testing::{completed, leecher, seeder, stopped, sweep_all, torrent, v4, v6};
use super::{Announce, Driver, Memory, MemorySettings, Totals};
use crate::model::{Role, Seconds};

/// Every third torrent is fresh at second 30, the others have expired; a peer a family each.
fn stale_torrents(client: &mut Client, count: u32) {
    let both = |number| [v4(number), v6(number)].map(|peer| leecher(number, peer));
    client.announce_all((0..count).flat_map(both), 0);
    client.announce_all((0..count).step_by(3).flat_map(both), 20);
}

#[test]
fn small_slices_come_around() {
    const TORRENTS: u32 = 300;
    for most in [1, 2, 3, 5, 64, 1024] {
        let driver = Memory::new(&SETTINGS);
        let mut client = Client::new(&driver, 1);
        stale_torrents(&mut client, TORRENTS);
        let fresh = Totals {
            torrents: 100,
            peers: 200,
        };
        // Each call looks at one torrent or shard at least.
        let slices = (0..2 * TORRENTS).take_while(|_| {
            driver.sweep(Seconds(30), most);
            driver.totals() != fresh
        });
        assert!(
            slices.count() < 2 * TORRENTS as usize,
            "{most} a slice: {:?}",
            driver.totals()
        );
        for _ in 0..2 * TORRENTS {
            driver.sweep(Seconds(30), most);
        }
        assert_eq!(driver.totals(), fresh, "{most} a slice");
        // Rows that moved are still those of their torrents.
        for number in (0..TORRENTS).step_by(3) {
            for (peer, left) in [(v4(number), 1), (v6(number), 0)] {
                let counts = client.announce(stopped(number, peer), 30).counts;
                assert_eq!(counts.leechers, left, "{most} a slice, {number}");
            }
        }
        assert_eq!(driver.totals().peers, 0, "{most} a slice");
    }
}

/// More rows than are looked at under one lock.
const MANY: u32 = 50_000;

/// A seeder, a partial seed and a leecher in turn.
fn member(n: u32) -> Announce {
    match n % 3 {
        0 => seeder(0, v4(n)),
        1 => Announce {
            role: Role::PartialSeed,
            ..leecher(0, v4(n))
        },
        _ => leecher(0, v4(n)),
    }
}

/// Slices after which the cache holds no more than so many peers.
fn slices_until(driver: &Memory, peers: u64, mut between: impl FnMut(u32)) {
    let mut slices = 0;
    while driver.totals().peers > peers {
        assert!(slices < 100, "{:?} after {slices} slices", driver.totals());
        driver.sweep(Seconds(30), 1);
        between(slices);
        slices += 1;
    }
}

#[test]
fn a_very_large_swarm_expires_in_slices() {
    let driver = Memory::new(&SETTINGS);
    let mut client = Client::new(&driver, 1);
    client.announce_all((0..MANY).map(member), 0);
    client.announce_all((0..MANY).step_by(2).map(member), 20);
    // Peers come, go and change their roles while it is swept.
    let still_here = u64::from(MANY / 2);
    slices_until(&driver, still_here, |slice| {
        let new = MANY + slice;
        client.announce_all(
            [leecher(0, v4(new)), seeder(0, v4(new)), stopped(0, v4(new))],
            30,
        );
    });
    assert_eq!(driver.totals().peers, still_here);
    let mut left = client.scrape(torrent(0));
    for n in (0..MANY).step_by(2) {
        left.seeders -= u32::from(n % 3 == 0);
        left.leechers -= u32::from(n % 3 != 0);
        left.partial_seeds -= u32::from(n % 3 == 1);
        assert_eq!(client.announce(stopped(0, v4(n)), 30).counts, left, "{n}");
    }
    assert_eq!(driver.totals().peers, 0);
}

#[test]
fn whole_swarms_expire() {
    for size in [1, 64, 65, 1000, MANY] {
        let driver = Memory::new(&SETTINGS);
        let mut client = Client::new(&driver, 1);
        client.announce_all((0..size).map(member), 0);
        client.announce_all((0..size).map(|n| leecher(0, v6(n))), 0);
        slices_until(&driver, 0, |_| {});
        sweep_all(&driver, 30);
        assert_eq!(driver.totals(), Totals::default(), "of {size}");
    }
}

#[test]
fn every_row_of_a_very_large_swarm_is_found() {
    const ROWS: u32 = 70_000;
    let driver = Memory::new(&SETTINGS);
    let mut client = Client::new(&driver, 1);
    client.announce_all((0..ROWS).map(member), 0);
    let counts = client.scrape(torrent(0));
    assert_eq!(
        (counts.seeders, counts.leechers),
        (ROWS.div_ceil(3), ROWS - ROWS.div_ceil(3))
    );
    for n in 0..ROWS {
        assert_eq!(client.announce(member(n), 0).counts, counts, "{n}");
    }
    client.announce_all((0..ROWS).map(|n| stopped(0, v4(n))), 0);
    assert_eq!(client.scrape(torrent(0)), Default::default());
    assert_eq!(driver.totals().peers, 0);
}

#[test]
fn two_workers_share_a_memory() {
    const PEERS: u32 = 5000;
    let driver = Memory::new(&MemorySettings {
        workers: 2,
        ..SETTINGS
    });
    let announces = |worker: u32| {
        let mut client = Client::new(&driver, worker.into());
        let own = |n: u32| v4(worker * PEERS + n);
        for n in 0..PEERS {
            client.announce_all([leecher(n % 40, own(n)), completed(n % 40, own(n))], 0);
            if n.is_multiple_of(5) {
                client.announce(stopped(n % 40, own(n)), 0);
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| announces(0));
        scope.spawn(|| announces(1));
    });
    let mut sum = (0, 0);
    driver.torrents(&mut |_, counts| {
        assert_eq!(counts.leechers, 0);
        sum = (sum.0 + counts.seeders, sum.1 + counts.downloaded);
    });
    assert_eq!(sum, (2 * PEERS / 5 * 4, 2 * PEERS));
    assert_eq!(
        driver.totals(),
        Totals {
            torrents: 40,
            peers: u64::from(sum.0)
        }
    );
}
