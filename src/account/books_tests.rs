//! Whatever happens between an announce and the storage, it counts exactly once: announces,
//! batches, answers that are lost, rows that are refused, checkpoints and restarts at any point,
//! on a storage that is a map. And bugs that are planted are found.

use super::super::Record;
use super::super::checkpoint;
use super::super::committer::{Committer, Note, Outcome};
use super::super::journal::{Body, Entry, Next, next, records};
use super::super::ledger::Rules;
use super::super::testing::{RULES, START_SECS, leecher};
use super::super::twin::{Answer, REFUSED, Twin};
use super::*;
use crate::model::{Event, PeerId, TorrentId, Transfer, UserId};
use crate::storage::Storage;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const WRITER: &str = "writer";
const SEED: u32 = 7;
/// A sweep may take a peer for gone whose time is still credited.
const RULES_HERE: Rules = Rules {
    peer_lifetime_secs: 1800,
    ..RULES
};

#[derive(Clone, Debug)]
enum Step {
    /// A tick: a few announces in one entry, some seconds later.
    Append(Vec<Announced>),
    /// The ledger reads on.
    Follow(u8),
    /// It ends a batch, if it wants to.
    Cut,
    /// The storage is asked to take the batch.
    Commit(Answer),
    /// The ledger is told that it has.
    Tell,
    Sweep,
    Checkpoint,
    /// The process ends, and begins anew.
    Restart,
}

#[derive(Clone, Debug)]
struct Announced {
    user: u64,
    torrent: u64,
    peer: u8,
    event: Event,
    left: u64,
    grown: u8,
    secs: u32,
}

/// What could be wrong.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Bug {
    None,
    /// The batch on its way is forgotten with the process.
    DropsInFlight,
    /// Entries before the checkpoint are accounted for again.
    ReplaysTwice,
    /// A replay does not see where batches ended.
    CutsElsewhere,
    /// A lost answer is not resolved by the position.
    CommitsTwice,
    /// A batch is begun while another is on its way.
    CutsTooEarly,
}

struct World {
    bug: Bug,
    /// The journal: what is on the disk.
    journal: Vec<u8>,
    checkpoint: Option<Vec<u8>>,
    storage: Twin,
    books: Books,
    committer: Committer,
    cutting: bool,
    told: Option<u64>,
    now_secs: u32,
    totals: std::collections::HashMap<(u64, u64, u8), Transfer>,
}

impl World {
    fn new(bug: Bug) -> World {
        World {
            bug,
            journal: Vec::new(),
            checkpoint: None,
            storage: Twin::default(),
            books: Books::new(RULES_HERE, 1),
            committer: Committer::default(),
            cutting: false,
            told: None,
            now_secs: START_SECS,
            totals: Default::default(),
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Append(announced) => self.append(announced),
            Step::Follow(entries) => {
                for _ in 0..*entries {
                    self.follow();
                }
            }
            Step::Cut => self.cut(),
            Step::Commit(answer) => self.commit(*answer),
            Step::Tell => {
                if let Some(to) = self.told.take() {
                    self.books.committed(to);
                }
            }
            Step::Sweep => self.books.sweep(UnixTime(self.now_secs), 8),
            Step::Checkpoint => self.checkpoint(),
            Step::Restart => self.restart(),
        }
    }

    fn append(&mut self, announced: &[Announced]) {
        let mut entry = Entry::default();
        for one in announced {
            self.now_secs += one.secs;
            let totals = self.totals.entry((one.user, one.torrent, one.peer));
            let totals = totals.or_default();
            match one.grown {
                0 => *totals = Transfer::default(),
                grown => {
                    totals.uploaded += u64::from(grown);
                    totals.downloaded += u64::from(grown / 2);
                }
            }
            entry.push(&Record {
                time: UnixTime(self.now_secs),
                user: UserId(one.user),
                torrent: TorrentId(one.torrent),
                peer_id: PeerId([one.peer; 20]),
                totals: *totals,
                left: one.left,
                event: one.event,
                token: one.peer == 0,
                ..leecher(0, 0, 0)
            });
        }
        self.journal.extend(entry.seal(SEED));
    }

    /// Accounts for an entry; returns whether there was one.
    fn follow(&mut self) -> bool {
        let at = self.books.applied() as usize;
        let Next::Entry(body, length) = next(&self.journal[at..], SEED) else {
            assert_eq!(at, self.journal.len(), "what has been let go of is needed");
            return false;
        };
        self.books.follow(body, (at + length) as u64);
        if body == Body::Cut {
            self.cutting = false;
        }
        true
    }

    fn cut(&mut self) {
        let early = self.bug == Bug::CutsTooEarly && self.books.records > 0;
        if (self.books.wants_cut() || early) && !self.cutting {
            self.journal.extend(Entry::cut().seal(SEED));
            self.cutting = true;
        }
    }

    fn commit(&mut self, answer: Answer) {
        let Some(batch) = self.books.in_flight().cloned() else {
            return;
        };
        if self.told == Some(batch.to) {
            return;
        }
        if self.bug == Bug::CommitsTwice {
            self.storage.position = batch.from;
        }
        self.storage.answer = answer;
        let note = &mut |note: Note<'_>| match note {
            Note::Rejected(row, Some(_)) => assert_eq!(row.message, "deleted"),
            Note::Rejected(_, None) | Note::PutBack { .. } => panic!("not to be told"),
        };
        match self
            .committer
            .commit(&mut self.storage, WRITER, &batch, note)
        {
            Outcome::Committed => self.told = Some(batch.to),
            Outcome::Later(_) => {}
            Outcome::Stuck(error) => panic!("{error}"),
        }
    }

    fn checkpoint(&mut self) {
        let mut bytes = Vec::new();
        checkpoint::save(&self.books, &mut bytes).expect("a vector takes it");
        self.checkpoint = Some(bytes);
        if self.bug == Bug::None {
            // What is let go of cannot be read any more.
            self.journal[..self.books.applied() as usize].fill(0xff);
        }
    }

    fn restart(&mut self) {
        let seed = u64::from(self.now_secs);
        self.books = match &self.checkpoint {
            None => Books::new(RULES_HERE, seed),
            Some(bytes) => {
                checkpoint::load(&mut bytes.as_slice(), RULES_HERE, seed).expect("a whole one")
            }
        };
        if self.bug == Bug::ReplaysTwice {
            self.books.applied = 0;
        }
        (self.committer, self.told, self.cutting) = (Committer::default(), None, false);
        if self.bug == Bug::CutsElsewhere {
            self.skip_cuts();
        }
        while self.follow() {}
        if self.bug == Bug::DropsInFlight {
            self.books.in_flight = None;
        }
    }

    /// Takes the ends of batches out of what is to be replayed.
    fn skip_cuts(&mut self) {
        let mut at = self.books.applied() as usize;
        while let Next::Entry(body, length) = next(&self.journal[at..], SEED) {
            at += length;
            if let Body::Records(_) = body {
                self.books.follow(body, at as u64);
            }
            self.books.applied = at as u64;
        }
    }

    /// Brings all of it into the storage.
    fn finish(&mut self) {
        for _ in 0..4 {
            while self.follow() {}
            self.commit(Answer::Good);
            self.step(&Step::Tell);
            for _ in 0..2 {
                self.books.sweep(UnixTime(self.now_secs), usize::MAX);
            }
            self.cut();
        }
        assert!(!self.books.wants_cut() && self.books.in_flight().is_none());
    }
}

/// The same announces in one batch.
fn undisturbed(steps: &[Step]) -> Twin {
    let mut world = World::new(Bug::None);
    for step in steps {
        if let Step::Append(_) = step {
            world.step(step);
        }
    }
    let mut all = Vec::new();
    let mut at = 0;
    while let Next::Entry(Body::Records(body), length) = next(&world.journal[at..], SEED) {
        all.extend(records(body));
        at += length;
    }
    let mut ledger = Ledger::new(RULES_HERE, 1);
    all.iter().for_each(|record| ledger.apply(record));
    ledger.sweep(UnixTime(world.now_secs), usize::MAX);
    let mut storage = Twin::default();
    let mut batch = ledger.cut(0, at as u64);
    batch.users.retain(|row| row.user != REFUSED);
    batch.history.retain(|row| row.user != REFUSED);
    batch.peers.retain(|row| row.key.user != REFUSED);
    batch.events.retain(|row| row.key.user != REFUSED);
    storage
        .commit(WRITER, &batch)
        .expect("it does as it is told");
    storage
}

fn check(bug: Bug, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut world = World::new(bug);
    steps.iter().for_each(|step| world.step(step));
    world.finish();
    let expected = undisturbed(steps);
    prop_assert_eq!(&world.storage.sums, &expected.sums);
    prop_assert_eq!(&world.storage.states, &expected.states);
    prop_assert_eq!(&world.storage.peers, &expected.peers);
    Ok(())
}

fn announced() -> impl Strategy<Value = Announced> {
    let event = prop_oneof![
        6 => Just(Event::Regular),
        2 => Just(Event::Started),
        2 => Just(Event::Completed),
        2 => Just(Event::Stopped),
        1 => Just(Event::Paused),
    ];
    let who = (1..=REFUSED.0, 1..3_u64, 0..2_u8);
    let secs = prop_oneof![3 => 0..60_u32, 2 => 1000..2500_u32, 1 => 4000..5000_u32];
    (who, event, 0..2_u64, 0..9_u8, secs).prop_map(|(who, event, left, grown, secs)| Announced {
        user: who.0,
        torrent: who.1,
        peer: who.2,
        event,
        left,
        grown,
        secs,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let answer = prop_oneof![
        4 => Just(Answer::Good),
        2 => Just(Answer::Busy),
        2 => Just(Answer::Lost),
    ];
    prop_oneof![
        6 => proptest::collection::vec(announced(), 1..4).prop_map(Step::Append),
        6 => (1..5_u8).prop_map(Step::Follow),
        4 => Just(Step::Cut),
        5 => answer.prop_map(Step::Commit),
        3 => Just(Step::Tell),
        1 => Just(Step::Sweep),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Restart),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 0..80)
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn what_was_announced_counts_once(steps in steps()) {
        check(Bug::None, &steps)?;
    }
}

#[test]
fn planted_bugs_are_found() {
    for bug in [
        Bug::DropsInFlight,
        Bug::ReplaysTwice,
        Bug::CutsElsewhere,
        Bug::CommitsTwice,
        Bug::CutsTooEarly,
    ] {
        let config = Config {
            failure_persistence: None,
            max_shrink_iters: 0,
            ..Config::default()
        };
        let mut runner = TestRunner::new_with_rng(config, deterministic());
        // Some are found by what they break on the way.
        let found = runner.run(&steps(), |steps| {
            let quiet = std::panic::catch_unwind(|| check(bug, &steps));
            quiet.unwrap_or_else(|_| Err(TestCaseError::fail("it broke")))
        });
        assert!(found.is_err(), "{bug:?}");
    }
}

fn deterministic() -> proptest::test_runner::TestRng {
    proptest::test_runner::TestRng::deterministic_rng(Default::default())
}
