//! The memory cache against a stupid twin: a list of peers that is searched from end to end.

use super::testing::{Asked, COUNTS_LIFETIME_SECS, Client, LIFETIME_SECS, SETTINGS};
use super::testing::{id_of, leecher, sweep_all, torrent, v4, v6};
use super::twin::{Expected, Peer, Twin};
use super::{Announce, Driver, Families, Memory, MemorySettings, Query, Totals};
use crate::model::{Endpoint, Event, PeerId, Role};
use proptest::prelude::*;

/// Addresses a family: enough for tables of their own, few enough that peers come back.
const ADDRESSES: u8 = 90;
const TORRENTS: u32 = 3;
/// Time passes in steps that never end in the two units in which a peer may or may not be gone.
const STEP_SECS: u32 = 3;
/// Peers must not age past the 64 units after which ages begin anew.
const MOST_STEPS: u32 = 12;

/// Each peer handed out is a candidate, once; returns the candidates' ids.
fn chosen(handed_out: &[Endpoint], (count, candidates): &(usize, Vec<&Peer>)) -> Vec<PeerId> {
    assert_eq!(
        handed_out.len(),
        *count,
        "of {} candidates",
        candidates.len()
    );
    let mut seen = vec![false; candidates.len()];
    let mut choose = |endpoint: &Endpoint| {
        let place = candidates
            .iter()
            .position(|peer| peer.endpoint == *endpoint);
        let place = place.unwrap_or_else(|| panic!("{endpoint:?} is no candidate"));
        assert!(
            !std::mem::replace(&mut seen[place], true),
            "{endpoint:?} twice"
        );
        candidates[place].peer_id
    };
    handed_out.iter().map(&mut choose).collect()
}

fn check(announce: &Announce, asked: &Asked, expected: &Expected<'_>, keeps_peer_ids: bool) {
    assert_eq!(asked.counts, expected.counts);
    assert!(!asked.refused);
    let (v4, v6) = match announce.peer {
        Endpoint::V4(_) => (&expected.own, &expected.other),
        Endpoint::V6(_) => (&expected.other, &expected.own),
    };
    let ids = [chosen(&asked.v4, v4), chosen(&asked.v6, v6)].concat();
    let wanted = if keeps_peer_ids && announce.peer_ids {
        ids
    } else {
        Vec::new()
    };
    assert_eq!(asked.peer_ids, wanted);
}

/// What happens to both.
#[derive(Clone, Debug)]
enum Step {
    /// A batch.
    Ask(Vec<Query>),
    /// So many announces of one kind in one batch: how swarms become large and small again.
    Crowd {
        like: Announce,
        first: u8,
        count: u8,
    },
    /// Time passes and everything is swept.
    Sweep { steps: u32 },
}

/// The address with this number, in the family of `like`.
fn neighbour(like: &Endpoint, number: u8) -> Endpoint {
    match like {
        Endpoint::V4(_) => v4(number.into()),
        Endpoint::V6(_) => v6(number.into()),
    }
}

fn crowd(like: &Announce, first: u8, count: u8) -> Vec<Query> {
    let member = |place| {
        let peer = neighbour(&like.peer, (first + place) % ADDRESSES);
        Query::Announce(Announce {
            peer,
            other: None,
            peer_id: id_of(peer),
            ..*like
        })
    };
    (0..count).map(member).collect()
}

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    (any::<bool>(), 0..u32::from(ADDRESSES))
        .prop_map(|(is_v4, n)| if is_v4 { v4(n) } else { v6(n) })
}

/// The same address, with the port of a client that does not listen.
fn unreachable(peer: Endpoint) -> Endpoint {
    Endpoint::new(peer.socket_addr().ip(), 0)
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Regular),
        2 => Just(Event::Started),
        2 => Just(Event::Completed),
        2 => Just(Event::Paused),
        2 => Just(Event::Stopped),
    ]
}

fn any_want() -> impl Strategy<Value = u16> {
    prop_oneof![1 => Just(0), 6 => 1u16..12, 2 => 12u16..100, 1 => Just(u16::MAX)]
}

fn any_announce() -> impl Strategy<Value = Announce> {
    let who = (
        any_endpoint(),
        0..ADDRESSES,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.05),
    );
    let says = (
        0..TORRENTS,
        any_event(),
        prop::bool::weighted(0.3),
        any::<u8>(),
    );
    let wants = (any_want(), any::<bool>(), any::<bool>());
    (who, says, wants).prop_map(|(who, says, wants)| {
        let (peer, other, knows_other, is_deaf) = who;
        let (number, event, has_all, id) = says;
        let (want, own_only, peer_ids) = wants;
        let across = match peer {
            Endpoint::V4(_) => v6(other.into()),
            Endpoint::V6(_) => v4(other.into()),
        };
        let port = |endpoint| {
            if is_deaf {
                unreachable(endpoint)
            } else {
                endpoint
            }
        };
        let mut peer_id = id_of(peer);
        peer_id.0[19] = id;
        Announce {
            info_hash: torrent(number),
            peer: port(peer),
            other: knows_other.then_some(port(across)),
            peer_id,
            role: Role::of(event, if has_all { 0 } else { 1 }),
            event,
            want,
            families: if own_only {
                Families::Own
            } else {
                Families::OwnFirst
            },
            peer_ids,
        }
    })
}

fn any_query() -> impl Strategy<Value = Query> {
    prop_oneof![
        8 => any_announce().prop_map(Query::Announce),
        // One more than there are: unknown torrents are scraped, too.
        1 => (0..=TORRENTS).prop_map(|number| Query::Scrape(torrent(number))),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(any_query(), 1..12).prop_map(Step::Ask),
        2 => (any_announce(), 0..ADDRESSES, 1..=ADDRESSES)
            .prop_map(|(like, first, count)| Step::Crowd { like, first, count }),
        2 => (0..=MOST_STEPS).prop_map(|steps| Step::Sweep { steps }),
    ]
}

/// The cache, its twin, and their clock.
struct Pair {
    driver: Memory,
    client: Client,
    twin: Twin,
    keeps_peer_ids: bool,
    now: u32,
}

impl Pair {
    fn new(keeps_peer_ids: bool, unit_secs: u32, workers: usize) -> Pair {
        let driver = Memory::new(&MemorySettings {
            workers,
            peer_ids: keeps_peer_ids,
            peer_lifetime_secs: LIFETIME_SECS * unit_secs,
            counts_lifetime_secs: COUNTS_LIFETIME_SECS * unit_secs,
            ..SETTINGS
        });
        let client = Client::new(&driver, 1);
        let twin = Twin {
            unit_secs,
            ..Twin::default()
        };
        Pair {
            driver,
            client,
            twin,
            keeps_peer_ids,
            now: 0,
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Ask(queries) => self.ask(queries),
            Step::Crowd { like, first, count } => self.ask(&crowd(like, *first, *count)),
            Step::Sweep { steps } => {
                self.now += steps * STEP_SECS * self.twin.unit_secs;
                self.twin.sweep(self.now);
                sweep_all(&self.driver, self.now);
            }
        }
        self.compare();
    }

    fn ask(&mut self, queries: &[Query]) {
        let answers = self.client.ask(queries, self.now);
        for (query, asked) in queries.iter().zip(&answers) {
            match query {
                Query::Scrape(info_hash) => {
                    assert_eq!(asked.counts, self.twin.counts(*info_hash), "{info_hash:?}");
                }
                Query::Announce(announce) => {
                    let expected = self.twin.announce(announce, self.now);
                    check(announce, asked, &expected, self.keeps_peer_ids);
                }
            }
        }
    }

    fn compare(&self) {
        let Twin {
            peers, torrents, ..
        } = &self.twin;
        let totals = Totals {
            torrents: torrents.len() as u64,
            peers: peers.len() as u64,
        };
        assert_eq!(self.driver.totals(), totals);
        let mut shown = 0;
        self.driver.torrents(&mut |info_hash, counts| {
            assert_eq!(counts, self.twin.counts(info_hash), "{info_hash:?}");
            shown += 1;
        });
        assert_eq!(shown, totals.torrents);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_a_list_of_peers(
        steps in prop::collection::vec(any_step(), 1..60),
        keeps_peer_ids: bool,
        unit_secs in prop_oneof![Just(1u32), Just(100)],
        // Without workers there is one shard, in which the rows of all torrents make way for each other.
        workers in 0usize..2,
    ) {
        let mut pair = Pair::new(keeps_peer_ids, unit_secs, workers);
        steps.iter().for_each(|step| pair.take(step));
    }
}

/// The random walk above reaches these too, but not in every run.
#[test]
fn swarms_of_every_size_agree_with_a_list() {
    for keeps_peer_ids in [false, true] {
        let mut pair = Pair::new(keeps_peer_ids, 1, 0);
        let like = leecher(0, v4(0));
        for count in (1..=ADDRESSES).chain((1..=ADDRESSES).rev()) {
            let wants = Announce {
                want: count.into(),
                ..like
            };
            pair.take(&Step::Crowd {
                like: wants,
                first: 0,
                count,
            });
            let leaves = Announce {
                event: Event::Stopped,
                ..like
            };
            pair.take(&Step::Crowd {
                like: leaves,
                first: count / 2,
                count: ADDRESSES - count,
            });
        }
    }
}
