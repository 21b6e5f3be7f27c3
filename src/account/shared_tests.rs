//! Several processes, one log, one storage: whatever is killed, lost, repeated or believed, each
//! announce counts once. And bugs that are planted are found.

#[path = "shared_model.rs"]
mod model;

use super::super::journal::records;
use super::super::ledger::Ledger;
use super::super::twin::{Answer, REFUSED, Twin};
use crate::model::Event;
use crate::storage::Storage;
use model::{Announced, Bug, PROCESSES, RULES_HERE, Step, WRITER, World};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRng, TestRunner};

/// The same announces, by one process.
fn undisturbed(world: &World) -> Twin {
    let mut ledger = Ledger::new(RULES_HERE, 1);
    for body in &world.all {
        records(body).for_each(|record| ledger.apply_in_any_order(&record));
    }
    let mut storage = Twin::default();
    let mut batch = ledger.cut(0, 1);
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
    let expected = undisturbed(&world);
    for (of, sums) in &expected.sums {
        prop_assert_eq!(
            sums_of(world.storage.sums.get(of)),
            sums_of(Some(sums)),
            "{:?}",
            of
        );
    }
    prop_assert_eq!(world.storage.sums.len(), expected.sums.len());
    let totals = |twin: &Twin| -> Vec<_> {
        let rows = twin.peers.values();
        rows.map(|row| (row.key, row.totals, row.left, row.announces))
            .collect()
    };
    prop_assert_eq!(totals(&world.storage), totals(&expected));
    Ok(())
}

/// Without the time: what a late announce says of that is left out.
fn sums_of(sums: Option<&Vec<i128>>) -> Vec<i128> {
    let mut sums = sums.cloned().unwrap_or_default();
    if sums.len() == 8 {
        sums.drain(4..6);
    }
    sums
}

fn step() -> impl Strategy<Value = Step> {
    let event = prop_oneof![
        6 => Just(Event::Regular),
        1 => Just(Event::Completed),
        1 => Just(Event::Stopped),
    ];
    let who = (1..=REFUSED.0, 1..3_u64, 0..2_u8);
    let announced = (who, event, 0..2_u64, 0..9_u8);
    let announced = announced.prop_map(|(who, event, left, grown)| Announced {
        user: who.0,
        torrent: who.1,
        peer: who.2,
        event,
        left,
        grown,
    });
    let answer = prop_oneof![
        4 => Just(Answer::Good),
        1 => Just(Answer::Busy),
        1 => Just(Answer::Lost),
    ];
    let process = || 0..PROCESSES;
    prop_oneof![
        8 => (process(), announced).prop_map(|(number, one)| Step::Announce(number, one)),
        8 => (process(), 1..4_usize, prop::bool::weighted(0.2))
            .prop_map(|(number, entries, twice)| Step::Forward(number, entries, twice)),
        10 => (process(), 1..9_usize).prop_map(|(number, entries)| Step::Follow(number, entries)),
        6 => process().prop_map(Step::Cut),
        8 => (process(), answer).prop_map(|(number, answer)| Step::Commit(number, answer)),
        5 => process().prop_map(Step::Tell),
        2 => process().prop_map(Step::Lead),
        12 => process().prop_map(Step::Keep),
        2 => process().prop_map(Step::Save),
        1 => process().prop_map(Step::Checkpoint),
        1 => process().prop_map(Step::Kill),
        1 => (1..5_usize).prop_map(Step::LoseEnd),
        1 => Just(Step::Forget),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..200)
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
        Bug::TakesTwice,
        Bug::CutsAnywhere,
        Bug::CountsPositions,
        Bug::BeginsAnyhow,
        Bug::ForgetsEarly,
    ] {
        let config = Config {
            failure_persistence: None,
            max_shrink_iters: 0,
            ..Config::default()
        };
        let deterministic = TestRng::deterministic_rng(Default::default());
        let mut runner = TestRunner::new_with_rng(config, deterministic);
        // Some are found by what they break on the way.
        let found = runner.run(&steps(), |steps| {
            let quiet = std::panic::catch_unwind(|| check(bug, &steps));
            quiet.unwrap_or_else(|_| Err(TestCaseError::fail("it broke")))
        });
        assert!(found.is_err(), "{bug:?}");
    }
}
