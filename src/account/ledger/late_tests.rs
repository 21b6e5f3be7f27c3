use super::super::Rules;
use super::*;
use crate::account::testing::{RULES, completed, leecher, seeder, v6, with};
use crate::storage::Commit;
use proptest::prelude::*;
use proptest::test_runner::Config;

fn ledger() -> Ledger {
    Ledger::new(Rules { ..RULES }, 1)
}

fn accounted(records: &[Record<'_>]) -> Commit {
    let mut ledger = ledger();
    for record in records {
        ledger.apply_in_any_order(record);
    }
    ledger.cut(0, 1)
}

/// Sums of the only user and its only torrent, and what the session says in the end.
fn sums(commit: &Commit) -> impl PartialEq + std::fmt::Debug + use<> {
    let user = commit.users.first().map(|row| (row.raw, row.credited));
    let history = &commit.history[0];
    let peer = &commit.peers[0];
    (
        user,
        (
            history.raw,
            history.announces,
            history.snatches,
            history.client,
        ),
        (history.active, history.seeder, history.left),
        (commit.torrents[0].snatches, commit.torrents[0].balance),
        (
            peer.totals,
            peer.started,
            peer.last,
            peer.announces,
            peer.left,
        ),
    )
}

#[test]
fn late_ones_add_what_they_would_have_added() {
    let started = |record| with(Event::Started, record);
    for (name, records) in [
        (
            "in a stretch that grew",
            vec![leecher(0, 0, 0), leecher(10, 5, 0), leecher(20, 9, 3)],
        ),
        (
            "a restart",
            vec![
                leecher(0, 7, 0),
                started(leecher(10, 0, 0)),
                leecher(20, 9, 3),
            ],
        ),
        (
            "two restarts",
            vec![
                leecher(0, 7, 0),
                leecher(5, 50, 0),
                started(leecher(10, 0, 0)),
                leecher(20, 9, 3),
                started(leecher(30, 0, 0)),
                leecher(40, 8, 4),
            ],
        ),
        (
            "a download that is finished",
            vec![
                leecher(0, 0, 0),
                completed(seeder(10, 0, 50)),
                seeder(20, 9, 50),
            ],
        ),
        (
            "the last",
            vec![
                leecher(0, 0, 0),
                leecher(10, 5, 0),
                with(Event::Stopped, leecher(20, 6, 1)),
            ],
        ),
    ] {
        let expected = accounted(&records);
        for late in 0..records.len() {
            for until in late..records.len() {
                let mut records = records.clone();
                let record = records.remove(late);
                records.insert(until, record);
                assert_eq!(
                    sums(&accounted(&records)),
                    sums(&expected),
                    "{name}: {late} comes as number {until}"
                );
            }
        }
    }
}

#[test]
fn within_a_second_totals_tell() {
    let [first, second, third] = [leecher(0, 10, 0), leecher(5, 15, 0), leecher(5, 30, 1)];
    let expected = accounted(&[first, second, third]);
    assert_eq!(sums(&accounted(&[first, third, second])), sums(&expected));
    // One that begins anew says so, and then announces over its two families.
    let anew = with(Event::Started, leecher(5, 0, 0));
    let twins = [leecher(5, 4, 0), leecher(5, 3, 0)];
    let commit = accounted(&[first, third, anew, twins[0], twins[1], leecher(6, 9, 0)]);
    assert_eq!(commit.users[0].raw.uploaded, 20 + 9);
}

/// A client with two families announces over both, in any order, and over one of them again.
#[test]
fn twins_are_no_restart() {
    let first = leecher(0, 10, 0);
    let twins = [
        v6(leecher(10, 31, 0)),
        leecher(11, 30, 0),
        v6(leecher(12, 31, 0)),
    ];
    let anew = with(Event::Started, leecher(30, 0, 0));
    let [one, other, again] = twins;
    for (name, records) in [
        ("in time", [first, one, other, again, anew]),
        ("late", [first, anew, one, other, again]),
        (
            "the lesser is heard first",
            [first, other, one, again, anew],
        ),
    ] {
        let commit = accounted(&records);
        assert_eq!(commit.users[0].raw.uploaded, 21, "{name}");
    }
}

/// What a client says over its other family, after it has begun anew, is no twin of what it said
/// before, though that it has begun is heard late.
#[test]
fn restarts_are_no_twins() {
    let records = [
        leecher(0, 10, 0),
        v6(leecher(10, 31, 0)),
        with(Event::Started, v6(leecher(20, 0, 0))),
        leecher(30, 5, 0),
    ];
    for late in 1..records.len() {
        let mut heard = records.to_vec();
        let record = heard.remove(late);
        heard.push(record);
        assert_eq!(accounted(&heard).users[0].raw.uploaded, 21 + 5, "{late}");
    }
}

#[test]
fn what_is_too_old_adds_nothing() {
    let mut trail = Trail::default();
    let point = |secs, uploaded| Point::of(&leecher(secs, uploaded, 0));
    let uploaded = |uploaded| Transfer {
        uploaded,
        downloaded: 0,
    };
    trail.add(point(0, 100), 0);
    trail.add(point(TRAIL_SECS + 1, 200), 0);
    trail.add(point(TRAIL_SECS + 9, 300), 0);
    assert_eq!(trail.points.len(), 2);
    assert_eq!(trail.add(point(5, 0), 0), Transfer::default());
    assert_eq!(trail.add(point(TRAIL_SECS + 5, 0), 0), uploaded(200));
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    /// Whatever a client says, and in whatever order it is heard, the sums are the same as long as
    /// no more is said than is remembered.
    #[test]
    fn the_order_changes_no_sum(
        said in prop::collection::vec((0u64..4, any::<bool>()), 1..MOST_POINTS),
        keys in prop::collection::vec(any::<u32>(), MOST_POINTS),
    ) {
        let mut totals = 10;
        let in_order: Vec<Record<'_>> = (0u32..).zip(&said).map(|(number, (grown, restarts))| {
            totals = if *restarts { *grown } else { totals + grown };
            leecher(number * 10, totals, totals / 2)
        }).collect();
        let mut order: Vec<usize> = (0..in_order.len()).collect();
        order.sort_by_key(|place| keys[*place]);
        let shuffled: Vec<Record<'_>> = order.iter().map(|place| in_order[*place]).collect();
        prop_assert_eq!(sums(&accounted(&shuffled)), sums(&accounted(&in_order)));
    }
}

/// What a client does between two announces.
#[derive(Clone, Debug)]
struct Did {
    grown: u64,
    begins_anew: bool,
    /// Over which families: one, the other, both in either order.
    over: u8,
    /// It has not been answered, goes to another process, and says it again, or what it has come to.
    moves: Option<(usize, bool)>,
}

/// Announces of a client, each to a process, in the order of their times.
fn announces(did: &[Did]) -> Vec<(usize, Record<'static>)> {
    let (mut totals, mut process, mut secs) = (20, 0, 0);
    let mut said = Vec::new();
    for did in did {
        secs += 5;
        totals = if did.begins_anew {
            0
        } else {
            totals + did.grown
        };
        let event = if did.begins_anew {
            Event::Started
        } else {
            Event::Regular
        };
        let mut say = |process, secs, totals: u64| {
            let of = |totals: u64| with(event, leecher(secs, totals, totals / 2));
            let unit = if did.begins_anew { 0 } else { 1 };
            let records = match did.over {
                0 => vec![of(totals)],
                1 => vec![v6(of(totals))],
                2 => vec![of(totals), v6(of(totals + unit))],
                _ => vec![v6(of(totals + unit)), of(totals)],
            };
            said.extend(records.into_iter().map(|record| (process, record)));
            totals + u64::from(did.over >= 2) * unit
        };
        let mut now = say(process, secs, totals);
        if let Some((next, grows)) = did.moves {
            process = next;
            secs += 5;
            if grows && !did.begins_anew {
                now += 2;
            }
            let again = now - u64::from(did.over >= 2 && !did.begins_anew);
            now = say(process, secs, again);
        }
        totals = now;
    }
    said
}

fn did() -> impl Strategy<Value = Did> {
    let moves = prop::option::weighted(0.4, (0..3usize, any::<bool>()));
    (0..9u64, prop::bool::weighted(0.2), 0..4u8, moves).prop_map(
        |(grown, begins_anew, over, moves)| Did {
            grown,
            begins_anew,
            over,
            moves,
        },
    )
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    /// Each process tells in its order what it has heard, but they tell at any time.
    #[test]
    fn processes_tell_late(
        did in prop::collection::vec(did(), 1..8),
        turns in prop::collection::vec(0..3usize, 100),
    ) {
        let said = announces(&did);
        let in_order: Vec<Record<'_>> = said.iter().map(|(_, record)| *record).collect();
        let mut queues = [0, 1, 2].map(|process| {
            let of = said.iter().filter(move |(at, _)| *at == process);
            of.map(|(_, record)| *record).collect::<std::collections::VecDeque<_>>()
        });
        let mut heard = Vec::new();
        for turn in turns {
            heard.extend(queues[turn].pop_front());
        }
        heard.extend(queues.into_iter().flatten());
        let mut ledger = ledger();
        in_order.iter().for_each(|record| ledger.apply(record));
        let expected = ledger.cut(0, 1);
        let late = accounted(&heard);
        prop_assert_eq!(late.users, expected.users, "{:?}", heard);
    }
}
