//! Sessions against a stupid twin: a list that is searched from end to end.

use super::*;
use crate::cache::hash::hash_bytes;
use proptest::prelude::*;
use std::collections::BTreeSet;

const SETTINGS: SessionSettings = SessionSettings {
    workers: 1,
    sessions_per_torrent: 2,
    min_interval_secs: 10,
    peer_lifetime_secs: 60,
    seed: 1,
};
const USERS: u64 = 2;
const TORRENTS: u64 = 4;

#[derive(Clone, Debug)]
struct TwinSession {
    user: UserId,
    torrent: TorrentId,
    peer_id: PeerId,
    /// Address, when heard, when counted; IPv4 and IPv6.
    ways: [Option<(Endpoint, u32, u32)>; 2],
    leeching: bool,
}

#[derive(Default)]
struct Twin {
    sessions: Vec<TwinSession>,
    most: usize,
}

fn family(endpoint: &Endpoint) -> usize {
    usize::from(endpoint.socket_addr().is_ipv6())
}

impl Twin {
    fn downloads(&self, user: UserId) -> BTreeSet<TorrentId> {
        let leeching = self.sessions.iter().filter(|session| session.leeching);
        let own = leeching.filter(|session| session.user == user);
        own.map(|session| session.torrent).collect()
    }

    fn arrive(&mut self, arrival: &Arrival, now: u32) -> Result<(bool, Vec<Endpoint>), Denied> {
        let family = family(&arrival.endpoint);
        let (user, torrent) = (arrival.user, arrival.torrent);
        let is_pair = |session: &TwinSession| session.user == user && session.torrent == torrent;
        let own = self
            .sessions
            .iter()
            .position(|session| is_pair(session) && session.peer_id == arrival.peer_id);
        let mut left = Vec::new();
        let mut too_soon = false;
        if arrival.event == Event::Stopped {
            if let Some(own) = own {
                let old = self.sessions[own].ways[family].take();
                left.extend(old.map(|(endpoint, ..)| endpoint));
                self.sessions
                    .retain(|session| session.ways.iter().any(Option::is_some));
            }
        } else {
            let mut downloads = self.downloads(user);
            let has_slot = downloads.contains(&torrent);
            downloads.insert(torrent);
            let slots = arrival.slots.map_or(usize::MAX, usize::from);
            if arrival.leeching && !has_slot && downloads.len() > slots {
                return Err(Denied::NoSlotFree);
            }
            match own {
                Some(own) => {
                    let session = &mut self.sessions[own];
                    let mut counted = now;
                    if let Some((old, _, before)) = session.ways[family] {
                        let same = old == arrival.endpoint && session.leeching == arrival.leeching;
                        let asks = [Event::Regular, Event::Paused].contains(&arrival.event);
                        too_soon = asks && same && now - before < SETTINGS.min_interval_secs;
                        counted = if too_soon { before } else { now };
                        left.push(old);
                    }
                    session.ways[family] = Some((arrival.endpoint, now, counted));
                    session.leeching = arrival.leeching;
                }
                None => {
                    let pair = self.sessions.iter().filter(|session| is_pair(session));
                    if pair.count() >= self.most {
                        left = self.replace_ghost(arrival)?;
                    }
                    let mut ways = [None, None];
                    ways[family] = Some((arrival.endpoint, now, now));
                    self.sessions.push(TwinSession {
                        user,
                        torrent,
                        peer_id: arrival.peer_id,
                        ways,
                        leeching: arrival.leeching,
                    });
                }
            }
        }
        let pair = || self.sessions.iter().filter(|session| is_pair(session));
        left.retain(|endpoint| {
            let mut held = pair().flat_map(|session| session.ways.iter().flatten());
            *endpoint != arrival.endpoint && !held.any(|(own, ..)| own == endpoint)
        });
        Ok((too_soon, left))
    }

    fn replace_ghost(&mut self, arrival: &Arrival) -> Result<Vec<Endpoint>, Denied> {
        let ip = arrival.endpoint.socket_addr().ip();
        let ghosts = self.sessions.iter().enumerate().filter(|(_, session)| {
            let mut ways = session.ways.iter().flatten();
            session.user == arrival.user
                && session.torrent == arrival.torrent
                && ways.any(|(endpoint, ..)| endpoint.socket_addr().ip() == ip)
        });
        let heard = |session: &TwinSession| {
            let ways = session.ways.iter().flatten();
            ways.map(|(_, heard, _)| *heard).max()
        };
        let hasher = FixedState::with_seed(SETTINGS.seed);
        let client = |session: &TwinSession| hash_bytes(&session.peer_id.0, &hasher);
        let oldest = ghosts.min_by_key(|(_, session)| (heard(session), client(session)));
        let (ghost, _) = oldest.ok_or(Denied::TooManySessions)?;
        let ghost = self.sessions.remove(ghost);
        let ways = ghost.ways.iter().flatten();
        Ok(ways.map(|(endpoint, ..)| *endpoint).collect())
    }

    fn end(&mut self, ends: impl Fn(UserId, TorrentId) -> bool) -> Vec<ShownEnd> {
        let is = |session: &mut TwinSession| ends(session.user, session.torrent);
        let ended = self.sessions.extract_if(.., is);
        ended
            .map(|session| {
                let ways = session.ways.into_iter().flatten();
                let left = ways.map(|(endpoint, ..)| shown(endpoint)).collect();
                (session.user, session.torrent, left)
            })
            .collect()
    }

    /// All of a user, or of a torrent.
    fn listed(&self, is: impl Fn(&TwinSession) -> bool, now: u32) -> Vec<ShownListed> {
        let sessions = self.sessions.iter().filter(|session| is(session));
        let mut listed: Vec<_> = sessions
            .map(|session| {
                let heard = session.ways.iter().flatten().map(|(_, heard, _)| *heard);
                let silent = now - heard.max().expect("an address");
                let addresses = session
                    .ways
                    .map(|way| way.map(|(endpoint, ..)| shown(endpoint)));
                (addresses, session.leeching, silent)
            })
            .collect();
        listed.sort();
        listed
    }

    fn sweep(&mut self, now: u32) -> usize {
        let before = self.sessions.len();
        for session in &mut self.sessions {
            for way in &mut session.ways {
                way.take_if(|(_, heard, _)| now - *heard >= SETTINGS.peer_lifetime_secs);
            }
        }
        self.sessions
            .retain(|session| session.ways.iter().any(Option::is_some));
        before - self.sessions.len()
    }
}

fn any_arrival() -> impl Strategy<Value = Arrival> {
    let event = prop_oneof![
        5 => Just(Event::Regular),
        2 => Just(Event::Started),
        1 => Just(Event::Completed),
        1 => Just(Event::Paused),
        2 => Just(Event::Stopped),
    ];
    let who = (0..USERS, 0..TORRENTS, 0..4u8);
    let endpoint = (any::<bool>(), 0..3u8, 1..3u16);
    let slots = prop::option::of(0..4u16);
    (who, endpoint, slots, any::<bool>(), event).prop_map(
        |((user, torrent, peer), (is_v4, host, port), slots, leeching, event)| Arrival {
            user: UserId(user),
            slots,
            torrent: TorrentId(torrent),
            peer_id: PeerId([peer; 20]),
            endpoint: endpoint_of(is_v4, host, port),
            leeching,
            event,
        },
    )
}

fn endpoint_of(is_v4: bool, host: u8, port: u16) -> Endpoint {
    match is_v4 {
        true => Endpoint::new([192, 0, 2, host].into(), port),
        false => Endpoint::new([0x2001, 0xdb8, 0, 0, 0, 0, 0, host.into()].into(), port),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Arrive(Arrival),
    /// As a worker does it, those of one tick together.
    ArriveTogether(Vec<Arrival>),
    Pass {
        secs: u32,
    },
    Sweep {
        slices: usize,
    },
    /// The site ends the sessions of a user, or of a torrent.
    End(Option<u64>, Option<u64>),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => any_arrival().prop_map(Step::Arrive),
        5 => prop::collection::vec(any_arrival(), 0..12).prop_map(Step::ArriveTogether),
        5 => (0..15u32).prop_map(|secs| Step::Pass { secs }),
        1 => Just(Step::Pass { secs: SETTINGS.peer_lifetime_secs }),
        1 => (1..8usize).prop_map(|slices| Step::Sweep { slices }),
        1 => prop_oneof![
            (0..USERS).prop_map(|user| Step::End(Some(user), None)),
            (0..TORRENTS).prop_map(|torrent| Step::End(None, Some(torrent))),
        ],
    ]
}

/// The counts of each user that the shards keep are what the sessions amount to.
fn counts_agree(sessions: &Sessions, twin: &Twin) {
    assert_eq!(sessions.len(), twin.sessions.len());
    for user in (0..USERS).map(UserId) {
        let own = twin.sessions.iter().filter(|session| session.user == user);
        let expected = (own.count(), twin.downloads(user).len());
        let counted = lock(&sessions.shards[sessions.shard_of(user)]).counts(user);
        assert_eq!(counted, expected, "{user:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn agree_with_their_twin(
        steps in prop::collection::vec(any_step(), 1..150),
        per_torrent in 0..3u16,
    ) {
        let settings = SessionSettings { sessions_per_torrent: per_torrent, ..SETTINGS };
        let sessions = Sessions::new(&settings);
        let most = if per_torrent == 0 { usize::MAX } else { per_torrent.into() };
        let mut twin = Twin { sessions: Vec::new(), most };
        let mut now = 0;
        for step in steps {
            match step {
                Step::Arrive(arrival) => {
                    let said = told(sessions.arrive(&arrival, Seconds(now)));
                    prop_assert_eq!(said, expected(&mut twin, &arrival, now), "{:?}", arrival);
                }
                Step::ArriveTogether(arrivals) => {
                    let mut said = vec![None; arrivals.len()];
                    let arrival = |at: usize| arrivals[at];
                    sessions.arrive_all(arrivals.len(), arrival, Seconds(now), |at, outcome| {
                        assert_eq!(said[at].replace(told(outcome)), None, "told once");
                    });
                    // Users have nothing to do with one another, so their order among each other
                    // does not matter.
                    for (arrival, said) in arrivals.iter().zip(said) {
                        prop_assert_eq!(said, Some(expected(&mut twin, arrival, now)), "{:?}", arrival);
                    }
                }
                Step::Pass { secs } => now += secs,
                Step::End(user, torrent) => {
                    let ends = |of: UserId, with: TorrentId| {
                        user == Some(of.0) || torrent == Some(with.0)
                    };
                    let mut ended = Vec::new();
                    sessions.end(&ends, &mut |session| ended.push(session));
                    let mut shown: Vec<_> = ended.iter().map(shown_end).collect();
                    let mut expected = twin.end(ends);
                    shown.sort();
                    expected.sort();
                    prop_assert_eq!(shown, expected);
                }
                Step::Sweep { slices } => {
                    // However it is sliced, a whole round forgets what is old.
                    let looked_at = sessions.len().div_ceil(slices);
                    let gone: usize = (0..slices)
                        .map(|_| sessions.sweep(Seconds(now), looked_at))
                        .sum();
                    prop_assert!(gone <= twin.sessions.len());
                    let rest = sessions.sweep(Seconds(now), usize::MAX);
                    prop_assert_eq!(gone + rest, twin.sweep(now));
                }
            }
            counts_agree(&sessions, &twin);
        }
        for id in 0..TORRENTS.max(USERS) {
            let (user, torrent) = (UserId(id), TorrentId(id));
            let listed = sessions.of_user(user, Seconds(now), usize::MAX);
            prop_assert_eq!(all_shown(listed), twin.listed(|session| session.user == user, now));
            let listed = sessions.of_torrent(torrent, Seconds(now), usize::MAX);
            let expected = twin.listed(|session| session.torrent == torrent, now);
            let most = expected.len().saturating_sub(1);
            prop_assert_eq!(all_shown(listed), expected);
            prop_assert_eq!(sessions.of_torrent(torrent, Seconds(now), most).len(), most);
        }
    }
}

/// Whose session has ended, of what, and where it was.
type ShownEnd = (UserId, TorrentId, BTreeSet<String>);

fn shown_end(end: &SessionEnd) -> ShownEnd {
    (end.user, end.torrent, end.left.iter().map(shown).collect())
}

/// Addresses, whether it downloads, and for how long it has been silent.
type ShownListed = ([Option<String>; 2], bool, u32);

fn all_shown(listed: Vec<Listed>) -> Vec<ShownListed> {
    let shown = |listed: Listed| {
        let addresses = listed.endpoints.map(|endpoint| endpoint.map(shown));
        (addresses, listed.leeching, listed.silent_secs)
    };
    let mut all: Vec<_> = listed.into_iter().map(shown).collect();
    all.sort();
    all
}

/// Whether it came too soon, and which addresses are left.
type Told = Result<(bool, BTreeSet<String>), Denied>;

fn told(admitted: Result<Admitted, Denied>) -> Told {
    admitted.map(|all| (all.too_soon, all.left.iter().map(shown).collect()))
}

fn expected(twin: &mut Twin, arrival: &Arrival, now: u32) -> Told {
    let (too_soon, left) = twin.arrive(arrival, now)?;
    Ok((too_soon, left.into_iter().map(shown).collect()))
}

fn shown(endpoint: Endpoint) -> String {
    endpoint.socket_addr().to_string()
}

fn arrival(user: u64, torrent: u64, peer: u32) -> Arrival {
    let mut peer_id = PeerId([0; 20]);
    peer_id.0[..4].copy_from_slice(&peer.to_le_bytes());
    Arrival {
        user: UserId(user),
        slots: Some(3),
        torrent: TorrentId(torrent),
        peer_id,
        endpoint: endpoint_of(true, 1, 1),
        leeching: false,
        event: Event::Regular,
    }
}

#[test]
fn a_client_that_asks_every_minute_is_too_soon_only_in_between() {
    let sessions = Sessions::new(&SETTINGS);
    let too_soon: Vec<bool> = (0..8)
        .map(|at| sessions.arrive(&arrival(1, 1, 1), Seconds(100 + at * 4)))
        .map(|admitted| admitted.expect("admitted").too_soon)
        .collect();
    assert_eq!(
        too_soon,
        [false, true, true, false, true, true, false, true]
    );
}

#[test]
fn a_restarted_client_at_its_old_address_is_not_told_to_leave() {
    let sessions = Sessions::new(&SessionSettings {
        workers: 1,
        sessions_per_torrent: 1,
        ..SETTINGS
    });
    sessions
        .arrive(&arrival(1, 1, 1), Seconds(1))
        .expect("admitted");
    let v6 = Arrival {
        endpoint: endpoint_of(false, 1, 1),
        ..arrival(1, 1, 1)
    };
    sessions.arrive(&v6, Seconds(1)).expect("admitted");
    let again = sessions
        .arrive(&arrival(1, 1, 2), Seconds(2))
        .expect("in its place");
    assert_eq!(again.left.iter().collect::<Vec<_>>(), [v6.endpoint]);
    let elsewhere = Arrival {
        endpoint: endpoint_of(true, 2, 1),
        ..arrival(1, 1, 3)
    };
    assert_eq!(
        sessions.arrive(&elsewhere, Seconds(3)),
        Err(Denied::TooManySessions)
    );
    assert_eq!(sessions.len(), 1);
}

#[test]
fn any_number_of_clients_has_its_bound() {
    let any = SessionSettings {
        workers: 1,
        sessions_per_torrent: 0,
        ..SETTINGS
    };
    let sessions = Sessions::new(&any);
    for peer in 0..1000 {
        sessions
            .arrive(&arrival(1, 1, peer), Seconds(peer))
            .expect("admitted");
    }
    assert_eq!(sessions.len(), usize::from(SESSIONS_PER_TORRENT_MOST));
}

#[test]
fn a_user_has_a_bound_and_torrents_cost_nothing() {
    let sessions = Sessions::new(&SETTINGS);
    let most = u64::from(SESSIONS_PER_USER_MOST);
    for torrent in 0..most {
        sessions
            .arrive(&arrival(1, torrent, 1), Seconds(1))
            .expect("admitted");
    }
    let denied = sessions.arrive(&arrival(1, most, 1), Seconds(2));
    assert_eq!(denied, Err(Denied::TooManySessions));
    assert!(
        sessions.arrive(&arrival(2, most, 1), Seconds(2)).is_ok(),
        "somebody else"
    );
    assert!(
        sessions.arrive(&arrival(1, 5, 1), Seconds(2)).is_ok(),
        "a known one"
    );
    assert_eq!(sessions.sweep(Seconds(61), usize::MAX), most as usize - 1);
    assert_eq!(sessions.len(), 2);
}

#[test]
fn sweeps_are_bounded_and_come_around() {
    let sessions = Sessions::new(&SETTINGS);
    for user in 0..1000 {
        sessions
            .arrive(&arrival(user, 1, 1), Seconds(1))
            .expect("admitted");
    }
    let mut sweeps = 0;
    while !sessions.is_empty() {
        assert!(sessions.sweep(Seconds(61), 10) <= 10);
        sweeps += 1;
    }
    assert_eq!(sweeps, 100, "nothing is looked at twice");
    assert_eq!(sessions.sweep(Seconds(61), usize::MAX), 0);
    assert!(sessions.is_empty());
}
