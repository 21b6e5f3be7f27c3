//! Any bytes as a packet, from either family, as they are and with a good connection id: who has
//! not proved the address gets nothing but the answer to a connect request, no longer than the
//! question; who has gets what BEP 15 says, in one datagram.

#![no_main]

use chihaya::cache::{self, Families, Query};
use chihaya::config::{self, Config};
use chihaya::model::{Endpoint, Event, InfoHash, PeerId, Role, Seconds};
use chihaya::tracker::Settings;
use chihaya::tracker::connection_id::ConnectionIds;
use chihaya::tracker::udp::Packets;
use chihaya::wire::udp::{ANNOUNCE_BYTES, ANNOUNCE_HEAD_BYTES, HEADER_BYTES, MAX_SCRAPE_HASHES};
use chihaya_fuzz::{NOW, TIME, tracker};
use libfuzzer_sys::fuzz_target;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

/// Client, bytes of a peer of its family, and of a datagram that Ethernet takes whole.
type Side = (IpAddr, usize, usize);

const V4: Side = (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 6, 1472);
const V6: Side = (
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    18,
    1452,
);

const ID_LIFETIME_SECS: u32 = 120;

static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
    let everywhere = ["0.0.0.0/0", "::/0"].map(|network| network.parse().expect("a network"));
    Settings::new(&Config {
        announce: config::Announce {
            peers_max: 2000,
            address_from: everywhere.to_vec(),
            ..Default::default()
        },
        ..Default::default()
    })
});

fuzz_target!(|packet: &[u8]| {
    let ids = ConnectionIds::new([7; 16], ID_LIFETIME_SECS);
    let mut tracker = tracker(&SETTINGS, 1000, &crowd(packet));
    let mut packets = Packets::new(ids.clone());
    let mut sent = Vec::new();
    for side in [V4, V6] {
        let mut proven = packet.to_vec();
        if let Some(id) = proven.first_chunk_mut() {
            *id = ids.make(side.0, NOW).to_be_bytes();
        }
        sent.extend([(packet.to_vec(), side), (proven, side)]);
    }
    packets.begin();
    tracker.begin(NOW, TIME);
    for (slot, (packet, (client, ..))) in sent.iter().enumerate() {
        packets.collect(&mut tracker, slot, packet, *client, NOW);
    }
    tracker.run(NOW).expect("memory is always there");
    packets.answer(&mut tracker);
    let mut answers = packets.answers(&tracker).peekable();
    for (slot, (packet, side)) in sent.iter().enumerate() {
        let answer = answers
            .next_if(|(to, _)| *to == slot)
            .map(|(_, answer)| answer);
        check(packet, *side, answer, &ids);
    }
    assert!(answers.next().is_none(), "an answer nobody asked for");
});

fn check(
    packet: &[u8],
    (client, peer_bytes, most): Side,
    answer: Option<&[u8]>,
    ids: &ConnectionIds,
) {
    let Some((head, body)) = packet.split_first_chunk::<HEADER_BYTES>() else {
        return assert_eq!(answer, None, "shorter than any request");
    };
    let (id, action) = (word(head, 0) << 32 | word(head, 4), word(head, 8));
    let connects = id == 0x417_2710_1980 && action == 0;
    let proves = |age| ids.make(client, Seconds(NOW.0 - age)) == id;
    if !connects && !(0..=ID_LIFETIME_SECS).any(proves) {
        return assert_eq!(answer, None, "the address is not proved");
    }
    let answer = answer.expect("an answer");
    assert!(
        answer.len() <= most && answer.len() >= 8,
        "{} bytes",
        answer.len()
    );
    assert_eq!(answer[4..8], head[12..], "transaction id");
    let hashes = body.len() / 20;
    match word(answer, 0) {
        0 => {
            assert!(connects && answer.len() == 16 && answer.len() <= packet.len());
            let id = ids.make(client, NOW);
            assert_eq!(answer[8..], id.to_be_bytes());
            assert_ne!(answer[8..], [0; 8], "some clients take 0 for an error");
        }
        1 => {
            assert!(action == 1 && packet.len() >= ANNOUNCE_BYTES);
            assert!((answer.len() - ANNOUNCE_HEAD_BYTES).is_multiple_of(peer_bytes));
        }
        2 => {
            assert!(action == 2 && (1..=MAX_SCRAPE_HASHES).contains(&hashes));
            assert_eq!(answer.len(), 8 + 12 * hashes);
        }
        3 => {
            assert!(
                !connects && std::str::from_utf8(&answer[8..]).is_ok_and(|text| !text.is_empty())
            );
            assert!(
                action != 2 || !(1..=MAX_SCRAPE_HASHES).contains(&hashes),
                "a good scrape"
            );
            assert!(
                action != 1 || packet.len() != ANNOUNCE_BYTES,
                "a good announce"
            );
        }
        other => panic!("action {other}"),
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 4]
        .iter()
        .fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Peers that are in the swarm of the packet before it comes: of each family as many as the first
/// bytes of the info-hash say, which may be more than a datagram carries.
fn crowd(packet: &[u8]) -> Vec<Query> {
    let Some(info_hash) = packet.get(16..).and_then(<[u8]>::first_chunk::<20>) else {
        return Vec::new();
    };
    let peers = |(client, ..): Side, count: u8| {
        (2..2 + u16::from(count)).map(move |port| Endpoint::new(client, port))
    };
    let [v4, v6, ..] = *info_hash;
    peers(V4, v4)
        .chain(peers(V6, v6 % 100))
        .map(|peer| {
            Query::Announce(cache::Announce {
                info_hash: InfoHash(*info_hash),
                peer,
                other: None,
                peer_id: PeerId([0; 20]),
                role: Role::Leecher,
                event: Event::Started,
                want: 0,
                families: Families::Own,
                peer_ids: false,
            })
        })
        .collect()
}
