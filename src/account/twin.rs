//! A stupid storage for tests: maps, in which sums are added and states replaced.

use crate::model::{TorrentId, Transfer, UserId};
use crate::storage::{
    Change, Commit, Cursor, EventKind, PeerRow, RejectedRow, SessionKey, Storage, StorageError,
    Table, Wanted,
};
use std::collections::BTreeMap;

/// A user that has been deleted: its rows are refused.
pub(crate) const REFUSED: UserId = UserId(3);

/// How a commit ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Answer {
    #[default]
    Good,
    /// Nothing has been done.
    Busy,
    /// All has been done, and who asked does not learn it.
    Lost,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Of {
    User(UserId),
    History(UserId, TorrentId),
    Torrent(TorrentId),
    Event(EventKind, SessionKey),
}

/// All that has been committed.
#[derive(Default)]
pub(crate) struct Twin {
    pub(crate) position: u64,
    pub(crate) answer: Answer,
    pub(crate) sums: BTreeMap<Of, Vec<i128>>,
    pub(crate) states: BTreeMap<Of, (u64, u64)>,
    pub(crate) peers: BTreeMap<SessionKey, PeerRow>,
}

impl Twin {
    fn add(&mut self, of: Of, amounts: &[i128]) {
        let sums = self
            .sums
            .entry(of)
            .or_insert_with(|| vec![0; amounts.len()]);
        for (sum, amount) in sums.iter_mut().zip(amounts) {
            *sum += amount;
        }
    }

    fn apply(&mut self, batch: &Commit) {
        let both = |of: Transfer| [of.uploaded.into(), of.downloaded.into()];
        for row in &batch.users {
            self.add(
                Of::User(row.user),
                &[both(row.raw), both(row.credited)].concat(),
            );
        }
        for row in &batch.history {
            let counts = [
                row.seed_seconds,
                row.leech_seconds,
                row.announces,
                row.snatches,
            ];
            let transfer = [both(row.raw), both(row.credited)].concat();
            let of = Of::History(row.user, row.torrent);
            self.add(
                of.clone(),
                &[&transfer[..], &counts.map(i128::from)].concat(),
            );
            self.states
                .insert(of, (row.seeder.into(), row.active.into()));
        }
        for row in &batch.torrents {
            let of = Of::Torrent(row.torrent);
            self.add(of.clone(), &[row.snatches.into(), row.balance.into()]);
            self.states
                .insert(of, (row.seeders.into(), row.leechers.into()));
        }
        for row in &batch.events {
            self.add(Of::Event(row.kind, row.key), &[row.amount.into()]);
        }
        let rows = batch.peers.iter().map(|row| (row.key, row.clone()));
        self.peers.extend(rows);
        for key in &batch.forgotten {
            self.peers.remove(key);
        }
    }
}

fn refused(batch: &Commit) -> Vec<RejectedRow> {
    let rows = |table, users: Vec<UserId>| {
        let refused = users
            .into_iter()
            .enumerate()
            .filter(|(_, user)| *user == REFUSED);
        refused.map(move |(place, _)| RejectedRow {
            table,
            place,
            message: "deleted".to_owned(),
        })
    };
    let users = batch.users.iter().map(|row| row.user).collect();
    let history = batch.history.iter().map(|row| row.user).collect();
    let peers = batch.peers.iter().map(|row| row.key.user).collect();
    let events = batch.events.iter().map(|row| row.key.user).collect();
    // In no order.
    rows(Table::Events, events)
        .chain(rows(Table::Users, users))
        .chain(rows(Table::Peers, peers))
        .chain(rows(Table::History, history))
        .collect()
}

impl Storage for Twin {
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

    fn position(&mut self, _: &str) -> Result<u64, StorageError> {
        Ok(self.position)
    }

    fn commit(&mut self, _: &str, batch: &Commit) -> Result<(), StorageError> {
        let away = || Err(StorageError::Retry("away".to_owned()));
        if self.answer == Answer::Busy {
            return away();
        }
        if self.position != batch.from {
            return Err(StorageError::Moved(self.position));
        }
        match refused(batch) {
            rows if rows.is_empty() => {}
            rows => return Err(StorageError::Rows(rows)),
        }
        self.apply(batch);
        self.position = batch.to;
        match self.answer {
            Answer::Lost => away(),
            _ => Ok(()),
        }
    }
}
