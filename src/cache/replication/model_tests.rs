//! Processes that share their swarms, in one: whatever happens in between, they end with the same
//! swarms, those of somebody who has followed the log from its beginning.

use super::{Applied, Follower, HEAD_BYTES, Outbox, log_of};
use crate::cache::testing::{Client, SETTINGS, leecher, torrent, v4, v6};
use crate::cache::{Announce, Driver, Memory, MemorySettings, Sharing};
use crate::model::{Counts, Endpoint, Event, InfoHash, PeerId, Role, Seconds};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const NOW: u32 = 5000;
const TORRENTS: u32 = 3;
const PEERS: u32 = 4;
const LOGS: usize = 2;

/// What a swarm holds, in an order that can be compared.
type Listing = (Counts, Vec<Endpoint>, Vec<Endpoint>);

struct Process {
    memory: Memory,
    client: Client,
    logs: [Log; LOGS],
}

/// A process's side of one log.
struct Log {
    follower: Follower,
    outbox: Outbox,
    applied: Arc<AtomicU64>,
    /// What had been applied when it last drained.
    looked: u64,
    position: usize,
}

fn settings(seed: u64) -> MemorySettings {
    MemorySettings { seed, ..SETTINGS }
}

impl Process {
    fn new(number: u64) -> Process {
        let wake = Box::new(|_| ());
        let memory = Memory::shared(&settings(number), Sharing { logs: LOGS, wake });
        let logs = [0, 1].map(|_| {
            let follower = memory.follow(number);
            Log {
                applied: follower.applied(),
                follower,
                outbox: Outbox::new(number, true, 1 << 20),
                looked: 0,
                position: 0,
            }
        });
        let client = Client::new(&memory, number);
        Process {
            memory,
            client,
            logs,
        }
    }

    fn drain(&mut self, log: usize) {
        let Log {
            outbox,
            applied,
            looked,
            ..
        } = &mut self.logs[log];
        let now = applied.load(Ordering::Acquire);
        let mut show = |records: &[u8]| outbox.add(records, 0, *looked);
        assert_eq!(self.memory.drain(log, &mut Vec::new(), &mut show), 0);
        *looked = now;
    }

    /// Appends some of what waits, and hears of it or not.
    fn append(&mut self, log: usize, most: usize, heard: bool, to: &mut Vec<Vec<u8>>) {
        let outbox = &mut self.logs[log].outbox;
        for entry in outbox.hand_out(most, 0) {
            to.push(entry.bytes);
            if heard {
                outbox.set_appended(entry.sequence);
            }
        }
        if !heard {
            outbox.append_again();
        }
    }

    fn read(&mut self, log: usize, most: usize, from: &[Vec<u8>]) {
        let Log {
            follower,
            outbox,
            position,
            ..
        } = &mut self.logs[log];
        for entry in from.iter().skip(*position).take(most) {
            let come_by = |sequence| outbox.come_by(sequence).map(|owed| owed.applied_before);
            let applied = follower.apply(entry, (*position as u64, 0), Seconds(NOW), come_by);
            assert_ne!(applied.expect("an entry"), Applied::Expired);
            *position += 1;
        }
    }

    fn listing(&mut self, number: u32) -> Listing {
        // Not listed itself: it has no port.
        let nobody = Endpoint::V4([192, 0, 2, 7, 0, 0]);
        let mut ask = |role| {
            let asker = Announce {
                role,
                want: 100,
                ..leecher(number, nobody)
            };
            let answer = self.client.announce(asker, NOW);
            let mut peers = answer.peers();
            peers.sort_unstable_by_key(Endpoint::mapped);
            let downloaded = 0;
            let counts = Counts {
                downloaded,
                ..answer.counts
            };
            (counts, peers)
        };
        let (counts, all) = ask(Role::Leecher);
        let (_, leechers) = ask(Role::Seeder);
        (counts, all, leechers)
    }

    fn listings(&mut self) -> Vec<Listing> {
        (0..TORRENTS).map(|number| self.listing(number)).collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Announce(usize, Announce),
    Drain(usize, usize),
    Append(usize, usize, usize, bool),
    Read(usize, usize, usize),
    /// An entry of long ago comes once more.
    Again(usize, usize),
    /// Somebody new begins with a copy of this one's swarms.
    Join(usize),
}

fn announces() -> impl Strategy<Value = Announce> {
    let roles = prop_oneof![
        Just(Role::Seeder),
        Just(Role::Leecher),
        Just(Role::PartialSeed)
    ];
    let events = prop_oneof![
        3 => Just(Event::Regular),
        1 => Just(Event::Completed),
        2 => Just(Event::Stopped),
    ];
    let peer = (0..PEERS, any::<bool>(), any::<bool>());
    (0..TORRENTS, peer, roles, events).prop_map(|(number, (peer, six, both), role, event)| {
        let (one, two) = if six {
            (v6(peer), v4(peer))
        } else {
            (v4(peer), v6(peer))
        };
        Announce {
            role,
            event,
            other: both.then_some(two),
            ..leecher(number, one)
        }
    })
}

fn steps() -> impl Strategy<Value = Step> {
    let process = 0..3usize;
    let log = 0..LOGS;
    prop_oneof![
        6 => (process.clone(), announces()).prop_map(|(who, what)| Step::Announce(who, what)),
        3 => (process.clone(), log.clone()).prop_map(|(who, log)| Step::Drain(who, log)),
        3 => (process.clone(), log.clone(), 0..3usize, any::<bool>())
            .prop_map(|(who, log, most, heard)| Step::Append(who, log, most, heard)),
        3 => (process.clone(), log.clone(), 0..4usize)
            .prop_map(|(who, log, most)| Step::Read(who, log, most)),
        1 => (log, 0..50usize).prop_map(|(log, place)| Step::Again(log, place)),
        1 => process.prop_map(Step::Join),
    ]
}

/// A process that begins with what another holds.
fn join(number: u64, other: &Process) -> Process {
    let mut joined = Process::new(number);
    for (place, log) in joined.logs.iter_mut().enumerate() {
        let copied = &other.logs[place];
        let producers = copied.follower.producers().clone();
        log.position = copied.position;
        let mut copy = Vec::new();
        other
            .memory
            .save_log((place, LOGS), &mut copy, Seconds(NOW), 1)
            .expect("a copy");
        joined
            .memory
            .restore(&mut &copy[..], Seconds(NOW), 1)
            .expect("restored");
        log.follower.restored(producers);
    }
    joined
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn all_end_with_the_same_swarms(steps in prop::collection::vec(steps(), 1..120)) {
        let mut processes: Vec<Process> = (0..3).map(Process::new).collect();
        let mut logs = [Vec::new(), Vec::new()];
        for step in steps {
            match step {
                Step::Announce(who, announce) => {
                    processes[who].client.announce(announce, NOW);
                }
                Step::Drain(who, log) => processes[who].drain(log),
                Step::Append(who, log, most, heard) => {
                    processes[who].append(log, most, heard, &mut logs[log]);
                }
                Step::Read(who, log, most) => processes[who].read(log, most, &logs[log]),
                Step::Again(log, place) => {
                    if let Some(entry) = logs[log].get(place).cloned() {
                        logs[log].push(entry);
                    }
                }
                Step::Join(who) => {
                    let joined = join(processes.len() as u64, &processes[who]);
                    processes.push(joined);
                }
            }
        }
        for process in &mut processes {
            for (log, entries) in logs.iter_mut().enumerate() {
                process.drain(log);
                process.append(log, usize::MAX, true, entries);
            }
        }
        let mut whole = Process::new(99);
        for process in processes.iter_mut().chain([&mut whole]) {
            for (log, entries) in logs.iter().enumerate() {
                process.read(log, usize::MAX, entries);
            }
        }
        let expected = whole.listings();
        for (number, process) in processes.iter_mut().enumerate() {
            prop_assert_eq!(process.listings(), expected.clone(), "process {}", number);
            for log in &process.logs {
                prop_assert_eq!(log.outbox.bytes(), 0, "all has come by");
            }
        }
    }
}

#[test]
fn a_download_counts_once_for_all() {
    let mut processes: Vec<Process> = (0..3).map(Process::new).collect();
    let done = Announce {
        event: Event::Completed,
        role: Role::Seeder,
        ..leecher(0, v4(1))
    };
    let log = log_of(&torrent(0), LOGS);
    let mut entries = Vec::new();
    // Both of its announce URLs lead to us.
    for process in &mut processes[..2] {
        process.client.announce(done, NOW);
        process.drain(log);
        process.append(log, usize::MAX, true, &mut entries);
    }
    for process in &mut processes {
        process.read(log, usize::MAX, &entries);
        assert_eq!(process.client.scrape(torrent(0)).downloaded, 1);
    }
}

#[test]
fn records_are_small() {
    for (name, announce, bytes) in [
        ("IPv4", leecher(1, v4(1)), 27),
        ("IPv6", leecher(1, v6(1)), 39),
    ] {
        let mut record = Vec::new();
        super::write_record(&announce, false, &mut record);
        assert_eq!(record.len(), bytes, "{name}");
    }
    assert_eq!(HEAD_BYTES, 22);
}

#[test]
fn what_is_old_comes_at_its_age_or_not_at_all() {
    let (mut process, mut other) = (Process::new(1), Process::new(2));
    let log = log_of(&torrent(0), LOGS);
    other.client.announce(leecher(0, v4(1)), NOW);
    other.drain(log);
    let mut entries = Vec::new();
    other.append(log, usize::MAX, true, &mut entries);
    let follower = &mut process.logs[log].follower;
    // A peer of twenty seconds, of twenty-four that it has.
    let applied = follower.apply(&entries[0], (0, 20_000), Seconds(NOW), |_| None);
    assert_eq!(applied, Ok(Applied::Others(1)));
    crate::cache::testing::sweep_all(&process.memory, NOW + 4);
    assert_eq!(process.client.scrape(torrent(0)).leechers, 1);
    crate::cache::testing::sweep_all(&process.memory, NOW + 7);
    assert_eq!(process.client.scrape(torrent(0)).leechers, 0);
    let mut late = Process::new(3);
    let follower = &mut late.logs[log].follower;
    let applied = follower.apply(&entries[0], (0, 26_000), Seconds(NOW), |_| None);
    assert_eq!(applied, Ok(Applied::Expired));
}

#[test]
fn workers_wake_only_who_sleeps() {
    let woken = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&woken);
    let wake = Box::new(move |_| {
        counting.fetch_add(1, Ordering::Relaxed);
    });
    let memory = Memory::shared(&settings(1), Sharing { logs: 1, wake });
    let mut client = Client::new(&memory, 1);
    let wakes = |count| assert_eq!(woken.load(Ordering::Relaxed), count);
    client.scrape(torrent(0));
    wakes(0);
    client.announce(leecher(0, v4(1)), NOW);
    client.announce(leecher(0, v4(2)), NOW);
    wakes(1);
    let mut bytes = 0;
    memory.drain(0, &mut Vec::new(), &mut |records| bytes += records.len());
    assert_eq!(bytes, 2 * (27 + 20));
    client.announce(leecher(0, v4(1)), NOW);
    wakes(2);
}

#[test]
fn a_full_tap_misses_and_says_so() {
    let memory = Memory::shared(
        &settings(1),
        Sharing {
            logs: 1,
            wake: Box::new(|_| ()),
        },
    );
    let mut client = Client::new(&memory, 1);
    let announces: u64 = 30_000;
    client.announce_all((0..announces).map(|n| leecher(0, v4(n as u32))), NOW);
    let (mut kept, record) = (0, 27 + 20);
    let missed = memory.drain(0, &mut Vec::new(), &mut |records| kept += records.len());
    assert!(kept <= 1 << 20 && kept % record == 0, "{kept}");
    assert_eq!(missed + (kept / record) as u64, announces);
    assert!(missed > 0);
    let nothing = &mut |_: &[u8]| panic!("empty");
    assert_eq!(memory.drain(0, &mut Vec::new(), nothing), 0);
}

proptest! {
    #[test]
    fn what_is_written_is_read(announce in announces(), id in any::<[u8; 20]>(), ids: bool) {
        let peer_id = PeerId(if ids { id } else { [0; 20] });
        let announce = Announce { peer_id, families: crate::cache::Families::Own, peer_ids: false, ..announce };
        let mut bytes = Vec::new();
        super::write_record(&announce, ids, &mut bytes);
        for short in 0..bytes.len() {
            prop_assert!(super::read_record(&mut &bytes[..short], ids).is_none());
        }
        let read = super::read_record(&mut &bytes[..], ids).expect("a record");
        prop_assert_eq!(format!("{read:?}"), format!("{announce:?}"));
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut process = Process::new(1);
        let follower = &mut process.logs[0].follower;
        let _ = follower.apply(&bytes, (0, 0), Seconds(NOW), |_| None);
    }

    #[test]
    fn every_torrent_has_a_log(hash: [u8; 20], logs in 1..=super::MOST_LOGS) {
        prop_assert!(log_of(&InfoHash(hash), logs) < logs);
    }
}
