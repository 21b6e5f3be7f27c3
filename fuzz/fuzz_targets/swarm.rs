//! Announces, scrapes, sweeps, restarts and the passing of time on the memory cache and on its
//! stupid twin: counts agree, answers hold nobody but those who may be handed out, and as many as
//! are wanted.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use chihaya::cache::{Announce, Batch, Cache, Driver, Families, Memory, MemorySettings, Query};
use chihaya::model::{Counts, Endpoint, Event, InfoHash, PeerId, Role, Seconds};
use chihaya_fuzz::model::{Expected, Swarm};
use libfuzzer_sys::fuzz_target;
use std::net::{Ipv4Addr, Ipv6Addr};

const TORRENTS: usize = 24;
/// Operations of a run; with [`MAX_CROWD`] enough for some hundred peers of each family.
const MAX_OPS: usize = 48;
/// Peers that one operation announces: with two, a swarm is past the 64 rows of a small one.
const MAX_CROWD: u8 = 40;
/// Places between the first peers of two crowds that are next to each other: they overlap.
const CROWD_STEP: u16 = 4;
/// 24 units, as peers' ages are kept: a unit is a second.
const LIFETIME_SECS: u32 = 24;
/// How much longer than its lifetime a peer may be there: less than two units.
const GRACE_SECS: u32 = 2;
/// Sweeps come at least as often: with a lifetime before it, and another until nobody is in the
/// grace, ages stay below the 64 units at which they wrap around.
const SWEEP_SECS: u32 = 12;
/// When the run begins. The clock of the cache begins anew with each restart.
const START_SECS: u32 = 1_000_000;

#[derive(Arbitrary, Debug)]
enum Op {
    /// Queries that go into the batch.
    Announce(Crowd),
    Scrape {
        torrent: u8,
    },
    /// The end of a tick.
    Run,
    Wait {
        secs: u8,
    },
    /// Some slices, then the rest.
    Sweep {
        slices: u8,
        most: u8,
    },
    /// A snapshot is written, and read by a cache of another process.
    Restart {
        one_shard: bool,
    },
}

/// Peers in a row that announce the same.
#[derive(Arbitrary, Debug)]
struct Crowd {
    torrent: u8,
    /// Each of them is in a torrent of its own, from this one on.
    spread: bool,
    first: u8,
    count: u8,
    v4: bool,
    /// They are known by the address of the other family, too.
    both: bool,
    /// They do not listen.
    silent: bool,
    done: bool,
    #[arbitrary(with = event)]
    event: Event,
    /// Of the last of them; the others want nothing.
    want: u16,
    own_first: bool,
    peer_ids: bool,
    client: u8,
}

fn event(from: &mut Unstructured<'_>) -> arbitrary::Result<Event> {
    use Event::{Completed, Paused, Regular, Started, Stopped};
    from.choose(&[Started, Regular, Completed, Stopped, Paused])
        .copied()
}

fuzz_target!(|run: (bool, bool, Vec<Op>)| {
    let (keeps_peer_ids, one_shard, ops) = run;
    let mut twins = Twins::new(keeps_peer_ids, one_shard);
    for op in ops.iter().take(MAX_OPS) {
        twins.step(op);
    }
    twins.wait(LIFETIME_SECS + GRACE_SECS);
    twins.sweep();
    let peers = twins.memory.totals().peers;
    assert_eq!(peers, 0, "long after the last announce");
});

struct Twins {
    memory: Memory,
    handle: Box<dyn Cache>,
    keeps_peer_ids: bool,
    swarms: [Swarm; TORRENTS],
    now_secs: u32,
    /// When the process of the cache began.
    began_secs: u32,
    swept_secs: u32,
    batch: Batch,
    expected: Vec<Answered>,
}

enum Answered {
    Announce(Expected),
    Scrape(Counts),
}

impl Twins {
    fn new(keeps_peer_ids: bool, one_shard: bool) -> Twins {
        let (memory, handle) = open(keeps_peer_ids, one_shard);
        Twins {
            memory,
            handle,
            keeps_peer_ids,
            swarms: Default::default(),
            now_secs: START_SECS,
            began_secs: 0,
            swept_secs: START_SECS,
            batch: Batch::default(),
            expected: Vec::new(),
        }
    }

    /// The time by the clock of the cache.
    fn now(&self) -> Seconds {
        Seconds(self.now_secs - self.began_secs)
    }

    fn step(&mut self, op: &Op) {
        match op {
            Op::Announce(crowd) => self.announce(crowd),
            Op::Scrape { torrent } => {
                let torrent = usize::from(*torrent) % TORRENTS;
                self.batch.push(Query::Scrape(info_hash(torrent)));
                self.expected
                    .push(Answered::Scrape(self.swarms[torrent].counts()));
            }
            Op::Run => self.run(),
            Op::Wait { secs } => self.wait(u32::from(*secs) % SWEEP_SECS + 1),
            Op::Sweep { slices, most } => {
                self.leave_grace();
                for _ in 0..slices % 4 {
                    self.memory.sweep(self.now(), usize::from(*most));
                }
                self.sweep();
            }
            Op::Restart { one_shard } => self.restart(*one_shard),
        }
    }

    fn announce(&mut self, crowd: &Crowd) {
        let count = crowd.count % MAX_CROWD + 1;
        for place in 0..count {
            let spread = if crowd.spread { place.into() } else { 0 };
            let torrent = (usize::from(crowd.torrent) + spread) % TORRENTS;
            let announce = Announce {
                info_hash: info_hash(torrent),
                want: if place + 1 == count { crowd.want } else { 0 },
                // What is not kept cannot be had.
                peer_ids: crowd.peer_ids && self.keeps_peer_ids,
                ..crowd.announce(u16::from(crowd.first) * CROWD_STEP + u16::from(place))
            };
            let expected = self.swarms[torrent].announce(&announce, self.now_secs);
            self.batch.push(Query::Announce(Announce {
                peer_ids: crowd.peer_ids,
                ..announce
            }));
            self.expected.push(Answered::Announce(expected));
        }
    }

    fn run(&mut self) {
        let now = self.now();
        self.handle
            .run(&mut self.batch, now)
            .expect("memory is always there");
        for (place, expected) in self.expected.drain(..).enumerate() {
            let answer = self.batch.answer(place);
            match expected {
                Answered::Announce(expected) => expected.check(&self.batch, answer),
                Answered::Scrape(counts) => assert_eq!(answer.counts, counts),
            }
        }
        self.batch.clear();
        let peers: usize = self.swarms.iter().map(Swarm::peers).sum();
        assert_eq!(self.memory.totals().peers, peers as u64);
        self.memory.torrents(&mut |info_hash, counts| {
            assert_eq!(counts, self.swarms[usize::from(info_hash.0[0])].counts());
        });
    }

    /// The tick ends before time goes on.
    fn wait(&mut self, secs: u32) {
        self.run();
        if self.now_secs + secs > self.swept_secs + SWEEP_SECS {
            self.leave_grace();
            self.sweep();
        }
        self.now_secs += secs;
    }

    /// Waits until each peer either must be there after a sweep or must not.
    fn leave_grace(&mut self) {
        self.run();
        let seen: Vec<u32> = self.swarms.iter().flat_map(Swarm::seen_secs).collect();
        let in_grace = |now_secs: u32| {
            let mut ages = seen.iter().map(|seen| now_secs - seen);
            ages.any(|age| age > LIFETIME_SECS && age < LIFETIME_SECS + GRACE_SECS)
        };
        while in_grace(self.now_secs) {
            self.now_secs += 1;
        }
    }

    /// Sweeps to the end, twice: once around may begin in the middle.
    fn sweep(&mut self) {
        for _ in 0..2 {
            self.memory.sweep(self.now(), usize::MAX);
        }
        for swarm in &mut self.swarms {
            swarm.expire(self.now_secs - LIFETIME_SECS);
        }
        self.swept_secs = self.now_secs;
        self.run();
    }

    fn restart(&mut self, one_shard: bool) {
        self.leave_grace();
        self.sweep();
        let (mut snapshot, wall_secs) = (Vec::new(), self.now_secs.into());
        let saved = self.memory.save(&mut snapshot, self.now(), wall_secs);
        (self.memory, self.handle) = open(self.keeps_peer_ids, one_shard);
        self.began_secs = self.now_secs;
        let mut from = snapshot.as_slice();
        let restored = self.memory.restore(&mut from, self.now(), wall_secs);
        saved.and(restored).expect("a whole snapshot");
        self.run();
    }
}

/// An empty cache. With one shard, all torrents are neighbours.
fn open(keeps_peer_ids: bool, one_shard: bool) -> (Memory, Box<dyn Cache>) {
    let memory = Memory::new(&MemorySettings {
        workers: usize::from(!one_shard),
        peer_lifetime_secs: LIFETIME_SECS,
        counts_lifetime_secs: u32::MAX,
        max_torrents: 1000,
        max_peers: 100_000,
        peer_ids: keeps_peer_ids,
        seed: 0,
    });
    let handle = memory.open(0).expect("memory is always there");
    (memory, handle)
}

impl Crowd {
    fn announce(&self, number: u16) -> Announce {
        let port = if self.silent { 0 } else { 6881 };
        let v4 = Ipv4Addr::from(0x0a00_0000 | u32::from(number));
        let v6 = Ipv6Addr::from(0x2001_0db8 << 96 | u128::from(number));
        let (v4, v6) = (
            Endpoint::new(v4.into(), port),
            Endpoint::new(v6.into(), port),
        );
        let (peer, other) = if self.v4 { (v4, v6) } else { (v6, v4) };
        Announce {
            info_hash: InfoHash([0; 20]),
            peer,
            other: self.both.then_some(other),
            peer_id: PeerId([self.client; 20]),
            role: Role::of(self.event, u64::from(!self.done)),
            event: self.event,
            want: 0,
            families: if self.own_first {
                Families::OwnFirst
            } else {
                Families::Own
            },
            peer_ids: false,
        }
    }
}

fn info_hash(torrent: usize) -> InfoHash {
    InfoHash([torrent as u8; 20])
}
