//! Every way a commit can end, on a storage that answers as it is told.

use super::*;
use crate::model::UserId;
use crate::storage::{Change, Cursor, Table, UserDelta, Wanted};
use std::collections::VecDeque;

/// What is asked, and what is answered.
#[derive(Default)]
struct Script {
    positions: VecDeque<Result<u64, StorageError>>,
    commits: VecDeque<Result<(), StorageError>>,
    asked: Vec<String>,
}

impl Storage for Script {
    fn load(
        &mut self,
        _: Option<Cursor>,
        _: &mut dyn FnMut(Change),
    ) -> Result<Cursor, StorageError> {
        Ok(Cursor(0))
    }

    fn find(&mut self, _: &Wanted, _: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        Ok(())
    }

    fn position(&mut self, writer: &str) -> Result<u64, StorageError> {
        assert_eq!(writer, "writer");
        self.asked.push("position".to_owned());
        self.positions.pop_front().expect("not to be asked")
    }

    fn commit(&mut self, writer: &str, batch: &Commit) -> Result<(), StorageError> {
        assert_eq!(writer, "writer");
        let users: Vec<u64> = batch.users.iter().map(|row| row.user.0).collect();
        let asked = format!("{}..{} {users:?}", batch.from, batch.to);
        self.asked.push(asked);
        self.commits.pop_front().expect("not to be asked")
    }
}

fn batch() -> Commit {
    let of = |user| UserDelta {
        user: UserId(user),
        ..UserDelta::default()
    };
    Commit {
        from: 10,
        to: 20,
        users: (1..=4).map(of).collect(),
        ..Commit::default()
    }
}

fn rows(places: &[(Table, usize)]) -> Result<(), StorageError> {
    let row = |(table, place): &(Table, usize)| RejectedRow {
        table: *table,
        place: *place,
        message: String::new(),
    };
    Err(StorageError::Rows(places.iter().map(row).collect()))
}

fn busy<T>() -> Result<T, StorageError> {
    Err(StorageError::Retry("busy".to_owned()))
}

/// What is asked and told, and how it ends.
fn commit(
    committer: &mut Committer,
    positions: Vec<Result<u64, StorageError>>,
    commits: Vec<Result<(), StorageError>>,
) -> (Vec<String>, Vec<String>, String) {
    let mut storage = Script {
        positions: positions.into(),
        commits: commits.into(),
        asked: Vec::new(),
    };
    let mut told = Vec::new();
    let batch = batch();
    let outcome = committer.commit(&mut storage, "writer", &batch, &mut |note| {
        told.push(match note {
            Note::Rejected(_, None) => "no row".to_owned(),
            Note::Rejected(_, Some(row)) => row["user"].to_string(),
            Note::PutBack { found, expected } => format!("{found} for {expected}"),
        });
    });
    assert!(storage.positions.is_empty() && storage.commits.is_empty());
    let outcome = match outcome {
        Outcome::Committed => "committed".to_owned(),
        Outcome::Later(error) => format!("later: {error}"),
        Outcome::Stuck(error) => format!("stuck: {error}"),
    };
    (storage.asked, told, outcome)
}

const ALL: &str = "10..20 [1, 2, 3, 4]";

#[test]
fn every_way_it_can_end() {
    use Table::{Events, Users};
    let fatal = || StorageError::Fatal("full".to_owned());
    for (name, position, commits, asked, told, outcome) in [
        (
            "fresh",
            Ok(10),
            vec![Ok(())],
            &[ALL][..],
            &[][..],
            "committed",
        ),
        ("it was in already", Ok(20), vec![], &[], &[], "committed"),
        (
            "put back",
            Ok(3),
            vec![Ok(())],
            &["3..20 [1, 2, 3, 4]"],
            &["3 for 10"],
            "committed",
        ),
        (
            "within",
            Ok(15),
            vec![],
            &[],
            &[],
            "stuck: storage: the writer's position is 15",
        ),
        (
            "beyond",
            Ok(21),
            vec![],
            &[],
            &[],
            "stuck: storage: the writer's position is 21",
        ),
        (
            "the position is not known",
            busy(),
            vec![],
            &[],
            &[],
            "later: storage: busy",
        ),
        (
            "nor ever",
            Err(fatal()),
            vec![],
            &[],
            &[],
            "stuck: storage: full",
        ),
        (
            "busy",
            Ok(10),
            vec![busy()],
            &[ALL],
            &[],
            "later: storage: busy",
        ),
        (
            "full",
            Ok(10),
            vec![Err(fatal())],
            &[ALL],
            &[],
            "stuck: storage: full",
        ),
        (
            "moved meanwhile",
            Ok(10),
            vec![Err(StorageError::Moved(20))],
            &[ALL],
            &[],
            "later: storage: the writer's position is 20",
        ),
        (
            "rows are refused, in any order, one of them twice",
            Ok(10),
            vec![rows(&[(Users, 0), (Users, 2), (Users, 0)]), Ok(())],
            &[ALL, "10..20 [2, 4]"],
            &["3", "1"],
            "committed",
        ),
        (
            "again and again, until none is left",
            Ok(10),
            vec![
                rows(&[(Users, 3)]),
                rows(&[(Users, 0), (Users, 1)]),
                rows(&[(Users, 0)]),
                Ok(()),
            ],
            &[ALL, "10..20 [1, 2, 3]", "10..20 [3]", "10..20 []"],
            &["4", "2", "1", "3"],
            "committed",
        ),
        (
            "one that is not there beside one that is",
            Ok(10),
            vec![rows(&[(Users, 1), (Users, 9)]), Ok(())],
            &[ALL, "10..20 [1, 3, 4]"],
            &["no row", "2"],
            "committed",
        ),
        (
            "only one that is not there",
            Ok(10),
            vec![rows(&[(Events, 0)])],
            &[ALL],
            &["no row"],
            "stuck: storage: 1 rows are refused",
        ),
        (
            "an error that names no row",
            Ok(10),
            vec![rows(&[])],
            &[ALL],
            &[],
            "stuck: storage: 0 rows are refused",
        ),
        (
            "put back, and a row is refused",
            Ok(0),
            vec![rows(&[(Users, 0)]), Ok(())],
            &["0..20 [1, 2, 3, 4]", "0..20 [2, 3, 4]"],
            &["0 for 10", "1"],
            "committed",
        ),
    ] {
        let found = commit(&mut Committer::default(), vec![position], commits);
        let mut all_asked = vec!["position".to_owned()];
        all_asked.extend(asked.iter().map(|asked| (*asked).to_owned()));
        let told: Vec<_> = told.iter().map(|told| (*told).to_owned()).collect();
        assert_eq!(found, (all_asked, told, outcome.to_owned()), "{name}");
    }
}

#[test]
fn the_position_is_looked_at_when_something_went_wrong() {
    let mut committer = Committer::default();
    let mut ends = |positions, commits| commit(&mut committer, positions, commits).2;
    assert_eq!(ends(vec![Ok(10)], vec![Ok(())]), "committed");
    assert_eq!(
        ends(vec![], vec![Ok(())]),
        "committed",
        "nothing went wrong"
    );
    assert_eq!(ends(vec![], vec![busy()]), "later: storage: busy");
    assert_eq!(ends(vec![busy()], vec![]), "later: storage: busy");
    assert_eq!(
        ends(vec![Ok(20)], vec![]),
        "committed",
        "the answer was lost"
    );
    assert_eq!(
        ends(vec![], vec![Err(StorageError::Moved(3))]),
        "later: storage: the writer's position is 3"
    );
    assert_eq!(ends(vec![Ok(3)], vec![Ok(())]), "committed");
    assert_eq!(ends(vec![], vec![Ok(())]), "committed");
}
