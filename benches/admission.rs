//! What a private announce costs a worker more than a public one, without sockets: the same UDP
//! packets for both, tick by tick in turn.
//!
//! `cargo bench --bench admission`. The journal is a file in the temporary folder.

use chihaya::account::journal::Journal;
use chihaya::cache::{Driver, Memory, MemorySettings};
use chihaya::config::{Combination, Config};
use chihaya::model::{InfoHash, Multipliers, Passkey, Seconds, TorrentId, UnixTime, UserId};
use chihaya::storage::{Change, Torrent, TorrentStatus, User};
use chihaya::tracker::connection_id::ConnectionIds;
use chihaya::tracker::misses::Misses;
use chihaya::tracker::registry::{Published, Registry};
use chihaya::tracker::sessions::{SessionSettings, Sessions};
use chihaya::tracker::udp::Packets;
use chihaya::tracker::{PrivateShared, Settings, Tracker};
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PEERS: u32 = 100_000;
const TORRENTS: u32 = 10_000;
const USERS: u32 = 10_000;
/// Announces of a tick: as many as a socket gives at once.
const TICK: u32 = 64;
const TICKS: u32 = 20_000;
const NOW: Seconds = Seconds(1_000_000);
const TIME: UnixTime = UnixTime(1_800_000_000);

struct Side {
    tracker: Tracker,
    packets: Packets,
    spent: Duration,
}

impl Side {
    fn new(private: Option<&PrivateShared>) -> Side {
        let memory = Memory::new(&MemorySettings {
            workers: 1,
            peer_lifetime_secs: 3600,
            counts_lifetime_secs: 0,
            max_torrents: u64::MAX,
            max_peers: u64::MAX,
            peer_ids: false,
            seed: 1,
        });
        let cache = memory.open(2).expect("a handle");
        let settings = Settings::new(&Config::default());
        Side {
            tracker: Tracker::new(settings, cache, private, 3),
            packets: Packets::new(ids()),
            spent: Duration::ZERO,
        }
    }

    fn tick(&mut self, packets: &[(Vec<u8>, IpAddr)]) {
        let started = Instant::now();
        self.tracker.begin(NOW, TIME);
        self.packets.begin();
        for (slot, (packet, from)) in packets.iter().enumerate() {
            self.packets
                .collect(&mut self.tracker, slot, packet, *from, NOW);
        }
        self.tracker.run(NOW).expect("memory does not fail");
        self.tracker.record().expect("the journal is written");
        self.packets.answer(&mut self.tracker);
        let answers = self.packets.answers(&self.tracker);
        let bytes: usize = answers.map(|(_, answer)| black_box(answer).len()).sum();
        self.spent += started.elapsed();
        assert!(bytes >= packets.len() * 20, "all are answered");
    }
}

fn ids() -> ConnectionIds {
    ConnectionIds::new([7; 16], 120)
}

/// Spreads consecutive numbers over all bits.
fn mix(number: u32) -> u64 {
    let mut mixed = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 32;
    mixed.wrapping_mul(0xd6e8_feb8_6659_fd93)
}

fn info_hash(torrent: u32) -> InfoHash {
    let bytes = mix(torrent).to_be_bytes();
    InfoHash(std::array::from_fn(|place| bytes[place % 8]))
}

fn passkey(user: u32) -> String {
    format!("{:016x}{:016x}", mix(user), mix(!user))
}

fn packet(peer: u32, ids: &ConnectionIds) -> (Vec<u8>, IpAddr) {
    let from = IpAddr::from((peer | 0x0a00_0000).to_be_bytes());
    let mut packet = ids.make(from, NOW).to_be_bytes().to_vec();
    packet.extend_from_slice(&[0, 0, 0, 1, 1, 2, 3, 4]);
    packet.extend_from_slice(&info_hash(peer % TORRENTS).0);
    packet.extend_from_slice(format!("-qB4650-{peer:012}").as_bytes());
    packet.extend_from_slice(&[0; 15]);
    packet.push((peer % 10 < 3).into()); // left: three of ten leech
    packet.extend_from_slice(&[0; 20]);
    packet.extend_from_slice(&[0, 0, 0, 30]); // num_want
    packet.extend_from_slice(&6881u16.to_be_bytes());
    let url = format!(
        "/{}/announce",
        passkey((mix(!peer) % u64::from(USERS)) as u32)
    );
    packet.extend_from_slice(&[2, url.len() as u8]);
    packet.extend_from_slice(url.as_bytes());
    (packet, from)
}

fn shared(folder: &std::path::Path) -> PrivateShared {
    let mut registry = Registry::new([3; 16]);
    for number in 0..USERS {
        registry.apply(Change::User(User {
            id: UserId(number.into()),
            passkey: Passkey::new(passkey(number).as_bytes()).expect("a passkey"),
            enabled: true,
            can_leech: true,
            hide_ip: false,
            slots: None,
            multipliers: Multipliers::default(),
        }));
    }
    for number in 0..TORRENTS {
        registry.apply(Change::Torrent(Torrent {
            id: TorrentId(number.into()),
            info_hash: info_hash(number),
            status: TorrentStatus::Registered,
            multipliers: Multipliers::default(),
            snatches: 0,
        }));
    }
    registry.set_loaded();
    PrivateShared {
        registry: Published::new(registry),
        sessions: Arc::new(Sessions::new(&SessionSettings {
            workers: 1,
            sessions_per_torrent: 5,
            min_interval_secs: 0,
            peer_lifetime_secs: 3600,
            seed: 5,
        })),
        misses: Arc::new(Misses::new([9; 16])),
        journal: Arc::new(Journal::open(folder, 64 << 20, 1).expect("a journal")),
        combination: Combination::default(),
    }
}

fn main() {
    let folder = std::env::temp_dir().join(format!("chihaya-bench-{}", std::process::id()));
    let shared = shared(&folder);
    let mut sides = [Side::new(None), Side::new(Some(&shared))];
    let ids = ids();
    for first in (0..PEERS).step_by(TICK as usize) {
        let peers = first..PEERS.min(first + TICK);
        let packets: Vec<_> = peers.map(|peer| packet(peer, &ids)).collect();
        sides.iter_mut().for_each(|side| side.tick(&packets));
    }
    sides
        .iter_mut()
        .for_each(|side| side.spent = Duration::ZERO);
    for tick in 0..TICKS {
        let peers = (0..TICK).map(|place| (mix(tick * TICK + place) % u64::from(PEERS)) as u32);
        let packets: Vec<_> = peers.map(|peer| packet(peer, &ids)).collect();
        sides.iter_mut().for_each(|side| side.tick(&packets));
        if tick % 1000 == 0 {
            shared
                .journal
                .forget_before(shared.journal.end())
                .expect("older segments go");
        }
    }
    for (name, side) in ["public", "private"].iter().zip(&sides) {
        let nanos = side.spent.as_nanos() / u128::from(TICKS * TICK);
        println!("{name:<8} {nanos:>5} ns an announce");
    }
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}
