//! How users, torrents and sessions stand after announces and sweeps, and what is flagged.

use super::super::testing::{
    RULES, completed, leecher, moment, moved, of_user, other, seeder, stopped, v6, with,
};
use super::presence::FORGET_SLACK_SECS;
use super::*;
use crate::storage::{EventKind, HistoryDelta};

fn ledger(records: &[Record<'_>]) -> Ledger {
    let mut ledger = Ledger::new(RULES, 1);
    records.iter().for_each(|record| ledger.apply(record));
    ledger
}

fn sweep(ledger: &mut Ledger, secs: u32) {
    ledger.sweep(moment(secs), usize::MAX);
}

fn state(row: &HistoryDelta) -> (bool, bool) {
    (row.active, row.seeder)
}

#[test]
fn counts_and_states_are_absolute() {
    let (leeches, seeds) = (leecher(0, 0, 0), seeder(0, 0, 0));
    let (there, seeding, gone) = ((true, false), (true, true), (false, false));
    for (name, records, counts, of_user_1) in [
        ("a leecher", &[leeches][..], (0, 1), there),
        ("a seeder", &[seeds], (1, 0), seeding),
        (
            "a partial seed",
            &[with(Event::Paused, leeches)],
            (0, 1),
            there,
        ),
        ("finished", &[leeches, completed(leeches)], (1, 0), seeding),
        ("stopped", &[seeds, stopped(seeds)], (0, 0), gone),
        ("both families", &[seeds, v6(seeds)], (1, 0), seeding),
        ("two clients", &[seeds, other(leeches)], (1, 1), seeding),
        (
            "one stops",
            &[seeds, other(leeches), stopped(seeds)],
            (0, 1),
            there,
        ),
        ("two users", &[of_user(2, leeches), seeds], (1, 1), seeding),
        ("unknown, and stops", &[stopped(seeds)], (0, 0), gone),
        (
            "unknown, and stops beside another",
            &[seeds, other(stopped(leeches))],
            (1, 0),
            seeding,
        ),
    ] {
        let commit = ledger(records).cut(0, 1);
        let counted = commit.torrents.first();
        let counted = counted.map_or((0, 0), |row| (row.seeders, row.leechers));
        assert_eq!(counted, counts, "{name}");
        assert_eq!(state(&commit.history[0]), of_user_1, "{name}");
    }
}

#[test]
fn a_batch_of_its_own_says_how_the_pair_stands() {
    let mut ledger = ledger(&[seeder(0, 5, 6)]);
    ledger.cut(0, 1);
    ledger.apply(&other(stopped(leecher(10, 7, 8))));
    let commit = ledger.cut(1, 2);
    let row = &commit.history[0];
    assert_eq!(state(row), (true, true));
    assert_eq!((row.left, row.client), (1000, moved(7, 8)));
    assert_eq!((row.announces, row.last), (1, moment(10)));
    assert!(commit.peers.is_empty() && commit.torrents.is_empty());
}

/// What is stored of a client with two families is what its session goes by, in any order.
#[test]
fn a_late_announce_over_the_other_family_is_not_the_last_word() {
    for records in [
        [seeder(0, 5, 6), seeder(100, 7, 8), v6(seeder(100, 6, 8))],
        [seeder(0, 5, 6), v6(seeder(100, 6, 8)), seeder(100, 7, 8)],
    ] {
        let commit = ledger(&records).cut(0, 1);
        assert_eq!(commit.history[0].client, moved(7, 8));
        let [peer] = &commit.peers[..] else {
            panic!("one session: {:?}", commit.peers);
        };
        assert_eq!(peer.totals, moved(7, 8));
    }
}

/// The site has ended the sessions of a user with the torrent of the others.
fn gone(ledger: &mut Ledger, record: &Record<'_>, secs: u32) {
    ledger.note_of(&Note::Gone(moment(secs), record.user, record.torrent));
}

#[test]
fn a_session_that_is_ended_is_gone_and_keeps_its_totals() {
    let all = [
        seeder(0, 5, 6),
        other(leecher(9, 0, 0)),
        of_user(2, seeder(0, 0, 0)),
    ];
    let mut ledger = ledger(&all);
    ledger.cut(0, 1);
    gone(&mut ledger, &seeder(0, 0, 0), 50);
    let commit = ledger.cut(1, 2);
    assert_eq!(state(&commit.history[0]), (false, false));
    assert_eq!((commit.history.len(), commit.history[0].announces), (1, 0));
    assert_eq!(commit.peers.len(), 2);
    assert!(commit.peers.iter().all(|peer| !peer.active));
    assert_eq!(commit.torrents[0].seeders, 1, "the other user's");
    assert!(commit.users.is_empty() && commit.forgotten.is_empty());
    // Back again, it is credited what it has moved, and no time.
    ledger.apply(&seeder(100, 8, 6));
    let commit = ledger.cut(2, 3);
    assert_eq!(commit.users[0].raw, moved(3, 0));
    assert_eq!(state(&commit.history[0]), (true, true));
    assert_eq!(commit.history[0].seed_seconds, 0);
    assert_eq!(commit.torrents[0].seeders, 2);
}

#[test]
fn what_has_announced_since_is_not_ended() {
    let mut ledger = ledger(&[seeder(100, 5, 6)]);
    ledger.cut(0, 1);
    gone(&mut ledger, &seeder(0, 0, 0), 99);
    assert!(ledger.gathered().is_empty());
    gone(&mut ledger, &seeder(0, 0, 0), 100);
    gone(&mut ledger, &seeder(0, 0, 0), 100);
    assert_eq!(ledger.cut(1, 2).torrents[0].seeders, 0);
    // Nobody knows this one.
    gone(&mut ledger, &of_user(9, seeder(0, 0, 0)), 200);
    assert!(ledger.gathered().is_empty());
}

#[test]
fn time_is_credited_at_the_pace_that_holds() {
    let longest = RULES.longest_gap_secs;
    let pace = |longest_gap_secs| Pace {
        longest_gap_secs,
        min_interval_secs: 1,
    };
    let other = pace(1);
    for (name, pace, gap, credited) in [
        ("as configured", None, longest, longest),
        ("too long a gap", None, longest + 1, 0),
        ("slower", Some(pace(longest * 2)), longest * 2, longest * 2),
        ("faster", Some(pace(10)), 11, 0),
    ] {
        let mut ledger = ledger(&[seeder(0, 0, 0)]);
        ledger.note_of(&Note::Pace(Some(other)));
        ledger.note_of(&Note::Pace(pace));
        ledger.apply(&seeder(gap, 0, 0));
        let seconds = ledger.cut(0, 1).history[0].seed_seconds;
        assert_eq!(seconds, u64::from(credited), "{name}");
    }
}

#[test]
fn sweeps_find_who_is_gone() {
    let mut ledger = ledger(&[seeder(0, 1, 2), of_user(2, leecher(100, 3, 4))]);
    ledger.cut(0, 1);
    sweep(&mut ledger, 3600);
    assert!(
        ledger.gathered().is_empty(),
        "nobody has been silent for too long"
    );
    sweep(&mut ledger, 3601);
    let commit = ledger.cut(1, 2);
    let [history, torrent, peer] = [
        commit.history.len(),
        commit.torrents.len(),
        commit.peers.len(),
    ];
    assert_eq!([history, torrent, peer], [1, 1, 1]);
    assert_eq!(
        (commit.torrents[0].seeders, commit.torrents[0].leechers),
        (0, 1)
    );
    let (history, peer) = (&commit.history[0], &commit.peers[0]);
    assert_eq!((history.announces, state(history)), (0, (false, false)));
    assert_eq!((history.last, history.client), (moment(0), moved(1, 2)));
    assert_eq!(
        (peer.active, peer.seeder, peer.totals),
        (false, false, moved(1, 2))
    );
    sweep(&mut ledger, 3602);
    assert!(ledger.gathered().is_empty(), "told once");
    // The baseline outlives it.
    ledger.apply(&seeder(4000, 11, 2));
    let commit = ledger.cut(2, 3);
    assert_eq!(commit.users[0].raw, moved(10, 0));
    assert_eq!(commit.history[0].seed_seconds, 0);
    assert_eq!(commit.torrents[0].seeders, 1);
}

#[test]
fn a_sweep_changes_no_sum() {
    let rules = Rules {
        peer_lifetime_secs: 1860,
        ..RULES
    };
    let both = [false, true].map(|swept| {
        let mut ledger = Ledger::new(rules, 1);
        ledger.apply(&seeder(0, 0, 0));
        if swept {
            sweep(&mut ledger, 2000);
            assert_eq!(ledger.cut(0, 0).torrents[0].seeders, 0);
        }
        ledger.apply(&seeder(2100, 0, 0));
        let row = ledger.cut(0, 1).history.swap_remove(0);
        (row.seed_seconds, state(&row))
    });
    assert_eq!(both, [(2100, (true, true)); 2]);
}

#[test]
fn who_goes_takes_nothing_back() {
    let named = |agent, record| Record { agent, ..record };
    let mut ledger = ledger(&[
        named(b"old", other(leecher(0, 1, 2))),
        named(b"new", seeder(3000, 3, 4)),
    ]);
    ledger.cut(0, 1);
    sweep(&mut ledger, 3601);
    let commit = ledger.cut(1, 2);
    let row = &commit.history[0];
    assert_eq!(
        (row.last, row.left, row.client),
        (moment(3000), 0, moved(3, 4))
    );
    assert_eq!((&*row.agent, state(row)), ("new", (true, true)));
}

#[test]
fn sessions_are_forgotten_after_their_lifetime() {
    let forgotten = RULES.session_lifetime_secs + FORGET_SLACK_SECS;
    let mut ledger = ledger(&[seeder(0, 1, 2)]);
    ledger.cut(0, 1);
    sweep(&mut ledger, forgotten);
    assert_eq!(ledger.sessions().len(), 1);
    sweep(&mut ledger, forgotten + 1);
    assert!(ledger.sessions().is_empty());
    let commit = ledger.cut(1, 2);
    assert_eq!(commit.forgotten, [seeder(0, 0, 0).key()]);
    assert!(commit.peers.is_empty());
    assert_eq!(commit.torrents[0].seeders, 0);
    // Forgotten and there again in one batch: the row must not go.
    ledger.apply(&seeder(forgotten + 2, 1, 2));
    sweep(&mut ledger, 2 * forgotten + 3);
    ledger.apply(&seeder(2 * forgotten + 4, 9, 9));
    let commit = ledger.cut(2, 3);
    assert!(commit.forgotten.is_empty() && commit.users.is_empty());
    assert_eq!((commit.peers.len(), commit.torrents[0].seeders), (1, 1));
}

#[test]
fn a_sweep_goes_on_where_the_last_one_ended() {
    let records: Vec<_> = (0..100)
        .map(|user| of_user(user, seeder(0, 0, 0)))
        .collect();
    let mut ledger = ledger(&records);
    ledger.cut(0, 1);
    for _ in 0..ledger.sessions.slice(usize::MAX).len().div_ceil(7) {
        ledger.sweep(moment(3601), 7);
    }
    assert_eq!(ledger.cut(1, 2).peers.len(), 100);
}

#[test]
fn rows_tell_what_was_announced() {
    let hidden = |record| Record {
        hide_ip: true,
        ..record
    };
    let mut ledger = ledger(&[leecher(0, 0, 0), hidden(completed(leecher(10, 50, 70)))]);
    let commit = ledger.cut(0, 9);
    let (peer, event) = (&commit.peers[0], &commit.events[0]);
    assert_eq!((peer.ip, event.ip, peer.port), ([0; 16], [0; 16], 6881));
    assert_eq!((peer.totals, peer.rates), (moved(50, 70), moved(5, 7)));
    assert_eq!(
        (peer.started, peer.last, peer.announces),
        (moment(0), moment(10), 2)
    );
    assert!(peer.active && peer.seeder);
    assert_eq!((commit.from, commit.to), (0, 9));
    assert_eq!(commit.torrents[0].last_seeded, moment(10));
    ledger.apply(&leecher(20, 50, 70));
    let commit = ledger.cut(9, 10);
    assert_eq!(&commit.peers[0].ip[10..], [0xff, 0xff, 192, 0, 2, 1]);
    assert_eq!(commit.history[0].started, moment(20), "of this stretch");
    assert!(ledger.gathered().is_empty());
}

#[test]
fn events_are_told() {
    let limited = Rules {
        plausible_speed: 100,
        ..RULES
    };
    let token = |record| Record {
        token: true,
        ..record
    };
    let named = |agent, record| Record { agent, ..record };
    let first = named(b"qBittorrent/4.6.5", leecher(0, 0, 0));
    for (name, rules, records, expected) in [
        (
            "nothing",
            limited,
            &[first, leecher(10, 1000, 1000)][..],
            None,
        ),
        (
            "too fast, the most of it",
            limited,
            &[
                first,
                leecher(10, 1010, 0),
                leecher(20, 1010, 9000),
                leecher(30, 2500, 9000),
            ],
            Some((EventKind::ImplausibleSpeed, 10, 900)),
        ),
        ("no limit", RULES, &[first, leecher(10, u64::MAX, 0)], None),
        (
            "a new baseline is no speed",
            limited,
            &[leecher(10, u64::MAX, 0)],
            None,
        ),
        (
            "a token",
            RULES,
            &[first, token(leecher(10, 5, 7)), token(leecher(20, 5, 9))],
            Some((EventKind::TokenUsed, 10, 9)),
        ),
        ("a token unused", RULES, &[token(first), token(first)], None),
        (
            "another program, and back",
            RULES,
            &[
                first,
                named(b"RatioMaster", leecher(10, 0, 0)),
                named(b"qBittorrent/5", leecher(20, 0, 0)),
            ],
            Some((EventKind::ClientMismatch, 10, 2)),
        ),
    ] {
        let mut ledger = Ledger::new(rules, 1);
        records.iter().for_each(|record| ledger.apply(record));
        let events = ledger.cut(0, 1).events;
        let told: Vec<_> = events
            .iter()
            .map(|row| (row.kind, row.time, row.amount))
            .collect();
        let expected = expected.map(|(kind, secs, amount)| (kind, moment(secs), amount));
        assert_eq!(told, Vec::from_iter(expected), "{name}");
    }
}

#[test]
fn names_are_cut() {
    let e_acute = "é".repeat(40);
    let odd = format!("x{e_acute}");
    let replaced = "\u{fffd}".repeat(21);
    for (name, agent, kept) in [
        ("none", &b""[..], ""),
        ("short", b"qBittorrent/4.6.5", "qBittorrent/4.6.5"),
        ("64 bytes", &[b'a'; 64], &"a".repeat(64)),
        ("65 bytes", &[b'a'; 65], &"a".repeat(64)),
        (
            "between two characters",
            e_acute.as_bytes(),
            &"é".repeat(32),
        ),
        ("within a character", odd.as_bytes(), &odd[..63]),
        ("not UTF-8", b"a\xffb", "a\u{fffd}b"),
        ("nothing of it is UTF-8", &[0xff; 64], &replaced),
    ] {
        let commit = ledger(&[Record {
            agent,
            ..leecher(0, 0, 0)
        }])
        .cut(0, 1);
        assert_eq!(&*commit.peers[0].agent, kept, "{name}");
        assert_eq!(&*commit.history[0].agent, kept, "{name}");
        assert!(kept.len() <= MAX_AGENT_BYTES);
    }
}

#[test]
fn more_names_than_are_shared() {
    let mut ledger = Ledger::new(RULES, 1);
    for user in 0..MAX_AGENTS as u64 + 10 {
        let agent = format!("client {user}");
        ledger.apply(&of_user(
            user,
            Record {
                agent: agent.as_bytes(),
                ..leecher(0, 0, 0)
            },
        ));
    }
    assert_eq!(ledger.agents.len(), MAX_AGENTS);
    let peers = ledger.cut(0, 1).peers;
    assert!(
        peers
            .iter()
            .all(|row| *row.agent == format!("client {}", row.key.user.0))
    );
}
