//! What an announce means: credit, multipliers, seconds, snatches. States and events:
//! `ledger_state_tests.rs`.

use super::super::testing::{
    RULES, completed, leecher, moment, moved, of_user, other, seeder, stopped, v6, with,
};
use super::*;
use crate::model::Multipliers;
use crate::storage::{EventKind, EventRow, HistoryDelta};

/// All that some announces amount to.
fn account(records: &[Record<'_>]) -> Commit {
    let mut ledger = Ledger::new(RULES, 1);
    records.iter().for_each(|record| ledger.apply(record));
    ledger.cut(0, 1)
}

fn history(records: &[Record<'_>]) -> HistoryDelta {
    account(records).history.swap_remove(0)
}

const DAYS_3: u32 = RULES.session_lifetime_secs;

#[test]
fn growth_is_credited() {
    let first = leecher(0, 500, 600);
    let restarted = with(Event::Started, v6(leecher(10, 490, 600)));
    let all = leecher(20, u64::MAX, u64::MAX);
    for (name, records, (uploaded, downloaded)) in [
        ("unknown session", &[first][..], (0, 0)),
        ("growth", &[first, leecher(9, 700, 900)], (200, 300)),
        ("no growth", &[first, first], (0, 0)),
        ("uploaded fell", &[first, leecher(9, 400, 900)], (0, 0)),
        ("downloaded fell", &[first, leecher(9, 900, 400)], (0, 0)),
        (
            "fell, and goes on from there",
            &[first, leecher(9, 400, 900), leecher(20, 450, 1000)],
            (50, 100),
        ),
        (
            "stopped of an unknown session is no baseline",
            &[stopped(first), leecher(9, 700, 900)],
            (0, 0),
        ),
        (
            "stopped",
            &[first, stopped(leecher(9, 700, 900))],
            (200, 300),
        ),
        (
            "stopped twice, over both families",
            &[
                first,
                stopped(leecher(9, 700, 900)),
                stopped(v6(leecher(9, 700, 900))),
            ],
            (200, 300),
        ),
        (
            "stopped, and there again",
            &[first, stopped(leecher(9, 700, 900)), leecher(20, 701, 900)],
            (201, 300),
        ),
        (
            "stopped, started anew",
            &[
                first,
                stopped(leecher(9, 700, 900)),
                with(Event::Started, leecher(20, 0, 0)),
            ],
            (200, 300),
        ),
        (
            "both families",
            &[first, v6(first), leecher(9, 510, 600)],
            (10, 0),
        ),
        (
            "the other has grown",
            &[first, v6(leecher(1, 510, 600))],
            (10, 0),
        ),
        (
            "the other is late",
            &[first, v6(leecher(1, 490, 600)), leecher(1800, 510, 600)],
            (10, 0),
        ),
        (
            "as late, and again, for want of an answer",
            &[
                first,
                v6(leecher(1, 490, 600)),
                v6(leecher(2, 490, 600)),
                leecher(1800, 510, 600),
            ],
            (10, 0),
        ),
        (
            "as late as it can be",
            &[first, v6(leecher(900, 490, 600)), leecher(1800, 510, 600)],
            (10, 0),
        ),
        (
            "later: begun anew",
            &[first, v6(leecher(901, 490, 600)), leecher(1800, 510, 600)],
            (20, 0),
        ),
        (
            "the other has started",
            &[first, restarted, leecher(1800, 510, 600)],
            (20, 0),
        ),
        (
            "the same family",
            &[first, leecher(1, 490, 600), leecher(1800, 510, 600)],
            (20, 0),
        ),
        ("long ago", &[first, leecher(DAYS_3, 700, 900)], (200, 300)),
        (
            "too long ago",
            &[first, leecher(DAYS_3 + 1, 700, 900)],
            (0, 0),
        ),
        (
            "too long ago, and goes on from there",
            &[
                first,
                leecher(DAYS_3 + 1, 700, 900),
                leecher(DAYS_3 + 9, 701, 900),
            ],
            (1, 0),
        ),
        (
            "the clock goes back",
            &[leecher(9, 500, 600), leecher(0, 700, 900)],
            (200, 300),
        ),
        (
            "other sessions",
            &[first, other(leecher(9, 700, 900))],
            (0, 0),
        ),
        (
            "as much as can be",
            &[leecher(0, 0, 0), leecher(30, ABSURD_BYTES, ABSURD_BYTES)],
            (ABSURD_BYTES, ABSURD_BYTES),
        ),
        (
            "more than can be",
            &[
                leecher(0, 0, 0),
                leecher(30, ABSURD_BYTES + 1, 5),
                leecher(40, ABSURD_BYTES + 8, 6),
            ],
            (7, 1),
        ),
        ("all there is", &[leecher(0, 0, 0), all], (0, 0)),
    ] {
        let commit = account(records);
        let raw = moved(uploaded, downloaded);
        let sums = commit
            .users
            .iter()
            .fold(moved(0, 0), |sum, row| sum.plus(row.raw));
        assert_eq!(sums, raw, "{name}");
        let history = commit
            .history
            .iter()
            .fold(moved(0, 0), |sum, row| sum.plus(row.raw));
        assert_eq!(history, raw, "{name}");
        assert_eq!(commit.users.is_empty(), raw == moved(0, 0), "{name}");
        assert_eq!(commit.history[0].announces, records.len() as u64, "{name}");
    }
}

#[test]
fn credit_follows_multipliers() {
    for (name, (up_percent, down_percent), credited) in [
        ("as it is", (100, 100), (1999, 1001)),
        ("freeleech", (100, 0), (1999, 0)),
        ("neutral", (0, 0), (0, 0)),
        ("double, and half", (200, 50), (3998, 500)),
        ("rounded down", (33, 67), (659, 670)),
    ] {
        let multipliers = Multipliers {
            up_percent,
            down_percent,
        };
        let grown = Record {
            multipliers,
            ..leecher(9, 1999, 1001)
        };
        let commit = account(&[leecher(0, 0, 0), grown]);
        let credited = moved(credited.0, credited.1);
        let (user, history) = (&commit.users[0], &commit.history[0]);
        assert_eq!(
            (user.raw, user.credited),
            (grown.totals, credited),
            "{name}"
        );
        assert_eq!(
            (history.raw, history.credited),
            (grown.totals, credited),
            "{name}"
        );
        assert_eq!(commit.torrents[0].balance, 998, "{name}");
    }
}

#[test]
fn seconds_are_credited() {
    let leeches = |secs| leecher(secs, 0, 0);
    let seeds = |secs| seeder(secs, 0, 0);
    for (name, records, seconds) in [
        ("one announce", &[seeds(0)][..], (0, 0)),
        ("seeding", &[seeds(0), seeds(1800), seeds(3600)], (3600, 0)),
        ("downloading", &[leeches(0), leeches(1800)], (0, 1800)),
        ("as long as can be", &[seeds(0), seeds(2160)], (2160, 0)),
        ("too long", &[seeds(0), seeds(2161)], (0, 0)),
        (
            "too long, and on",
            &[seeds(0), seeds(2161), seeds(2171)],
            (10, 0),
        ),
        ("stopped", &[seeds(0), stopped(seeds(100))], (100, 0)),
        (
            "stopped, and back",
            &[seeds(0), stopped(seeds(100)), seeds(200)],
            (100, 0),
        ),
        (
            "stopped a download",
            &[leeches(0), stopped(leeches(100))],
            (0, 100),
        ),
        ("finished", &[leeches(0), completed(leeches(100))], (0, 100)),
        (
            "finished, and seeds",
            &[leeches(0), completed(seeds(100)), seeds(150)],
            (50, 100),
        ),
        (
            "seeds no more",
            &[seeds(0), leeches(100), leeches(150)],
            (0, 50),
        ),
        (
            "of both families",
            &[seeds(0), seeds(100), v6(seeds(101))],
            (101, 0),
        ),
        (
            "two clients at once",
            &[seeds(0), other(seeds(0)), seeds(1800), other(seeds(1800))],
            (1800, 0),
        ),
        (
            "two clients by turns",
            &[
                seeds(0),
                other(seeds(900)),
                seeds(1800),
                other(seeds(2700)),
                seeds(3600),
            ],
            (3600, 0),
        ),
        (
            "one of two stops",
            &[
                seeds(0),
                other(seeds(0)),
                stopped(other(seeds(100))),
                seeds(1800),
            ],
            (1800, 0),
        ),
        (
            "one comes back while the other goes on",
            &[
                seeds(0),
                other(seeds(0)),
                stopped(other(seeds(100))),
                other(seeds(110)),
                stopped(other(seeds(300))),
                seeds(1800),
            ],
            (1790, 0),
        ),
        (
            "one seeds, one downloads",
            &[seeds(0), other(leeches(0)), seeds(100), other(leeches(100))],
            (100, 100),
        ),
        (
            "the clock goes back",
            &[seeds(1000), seeds(0), seeds(1500)],
            (500, 0),
        ),
        (
            "the clock goes back under two clients",
            &[
                seeds(500),
                other(seeds(500)),
                seeds(1000),
                seeds(900),
                other(seeds(1000)),
            ],
            (500, 0),
        ),
    ] {
        let history = history(records);
        let found = (history.seed_seconds, history.leech_seconds);
        assert_eq!(found, seconds, "{name}");
    }
    let commit = account(&[
        seeds(0),
        of_user(2, seeds(0)),
        seeds(100),
        of_user(2, seeds(100)),
    ]);
    let seconds: Vec<u64> = commit.history.iter().map(|row| row.seed_seconds).collect();
    assert_eq!(seconds, [100, 100], "of two users");
}

#[test]
fn a_snatch_counts_once() {
    let leeches = |secs| leecher(secs, 0, 0);
    let seeds = |secs| seeder(secs, 0, 0);
    for (name, records, snatches, first) in [
        (
            "finished",
            &[leeches(0), completed(seeds(9))][..],
            1,
            Some(9),
        ),
        (
            "with the old left",
            &[leeches(0), completed(leeches(9))],
            1,
            Some(9),
        ),
        (
            "told twice",
            &[leeches(0), completed(seeds(9)), completed(v6(seeds(10)))],
            1,
            Some(9),
        ),
        ("by the first announce", &[completed(seeds(9))], 1, Some(9)),
        (
            "by one that had it all",
            &[seeds(0), completed(seeds(9))],
            0,
            None,
        ),
        ("never told", &[leeches(0), seeds(9)], 0, None),
        (
            "told late",
            &[leeches(0), seeds(9), completed(seeds(20))],
            1,
            Some(20),
        ),
        (
            "two clients",
            &[completed(seeds(9)), other(completed(seeds(10)))],
            2,
            Some(9),
        ),
        (
            "stopped, and again",
            &[
                completed(seeds(9)),
                stopped(seeds(10)),
                completed(seeds(20)),
            ],
            1,
            Some(9),
        ),
        (
            "too long ago",
            &[
                completed(seeds(9)),
                leeches(DAYS_3 + 10),
                completed(seeds(DAYS_3 + 20)),
            ],
            2,
            Some(9),
        ),
    ] {
        let commit = account(records);
        let history = &commit.history[0];
        let found = (history.snatches, history.completed);
        assert_eq!(found, (snatches, first.map(moment)), "{name}");
        assert_eq!(commit.torrents[0].snatches, snatches, "{name}");
        let is_completed = |row: &&EventRow| row.kind == EventKind::Completed;
        let amounts = commit
            .events
            .iter()
            .filter(is_completed)
            .map(|row| row.amount);
        assert_eq!(amounts.sum::<u64>(), snatches, "{name}");
    }
}

#[test]
fn sums_hold_the_most_a_number_can_hold() {
    let at = |uploaded, downloaded| Record {
        time: UnixTime(u32::MAX),
        left: u64::MAX,
        multipliers: Multipliers {
            up_percent: u16::MAX,
            down_percent: u16::MAX,
        },
        ..leecher(0, uploaded, downloaded)
    };
    // From nothing to the most that is believed, and again.
    let often = |times, most: Record<'static>| {
        let records = (0..times).flat_map(|_| [at(0, 0), most]);
        account(&records.collect::<Vec<_>>())
    };
    let commit = often(50, at(ABSURD_BYTES, ABSURD_BYTES));
    assert_eq!(commit.users[0].credited, moved(u64::MAX, u64::MAX));
    assert_eq!(commit.history[0].last, UnixTime(u32::MAX));
    let commit = often(1 << 14, at(ABSURD_BYTES, 0));
    assert_eq!(commit.users[0].raw, moved(u64::MAX, 0));
    assert_eq!(commit.torrents[0].balance, i64::MAX);
    let commit = often(1 << 14, at(0, ABSURD_BYTES));
    assert_eq!(commit.torrents[0].balance, i64::MIN);
}
