//! The directory as one who loads it sees it.

use crate::model::{TorrentId, UserId};
use crate::storage::{Change, Client, Cursor, Global, Storage, StorageError, Token, Torrent, User};
use std::collections::BTreeMap;

/// Everything that changes have said, each thing as it was said last.
#[derive(Clone, Default, Debug, PartialEq)]
pub(super) struct View {
    pub(super) users: BTreeMap<UserId, User>,
    pub(super) torrents: BTreeMap<TorrentId, Torrent>,
    pub(super) clients: BTreeMap<Box<[u8]>, Client>,
    pub(super) tokens: BTreeMap<(Option<UserId>, Option<TorrentId>), Token>,
    pub(super) global: Global,
}

impl View {
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::User(user) => drop(self.users.insert(user.id, user)),
            Change::UserGone(id) => drop(self.users.remove(&id)),
            Change::Torrent(mut torrent) => {
                // The tracker's own commits count them; one who loads changes need not see it.
                torrent.snatches = 0;
                drop(self.torrents.insert(torrent.id, torrent));
            }
            Change::TorrentGone(id) => drop(self.torrents.remove(&id)),
            Change::Client(client) => drop(self.clients.insert(client.prefix.clone(), client)),
            Change::ClientGone(prefix) => drop(self.clients.remove(&prefix)),
            Change::Token(token) => drop(self.tokens.insert((token.user, token.torrent), token)),
            Change::TokenGone { user, torrent } => drop(self.tokens.remove(&(user, torrent))),
            Change::Global(global) => self.global = global,
        }
    }

    /// What holds for everybody.
    pub(super) fn global(&self) -> Global {
        self.global.clone()
    }

    /// Loads everything.
    pub(super) fn whole(what: &str, storage: &mut dyn Storage) -> (View, Cursor) {
        let mut view = View::default();
        let loaded = storage.load(None, &mut |change| view.apply(change));
        let cursor = loaded.unwrap_or_else(|err| panic!("{what}: load of everything: {err}"));
        (view, cursor)
    }

    /// Loads what has changed, or everything where that cannot be told.
    pub(super) fn catch_up(&mut self, what: &str, storage: &mut dyn Storage, cursor: &mut Cursor) {
        match storage.load(Some(*cursor), &mut |change| self.apply(change)) {
            Ok(next) => *cursor = next,
            Err(StorageError::CursorGone) => (*self, *cursor) = View::whole(what, storage),
            Err(err) => panic!("{what}: load of changes: {err}"),
        }
    }

    /// Compares part by part, so that a failure shows what differs and not all there is.
    pub(super) fn expect(&self, what: &str, expected: &View) {
        same(what, "user", &self.users, &expected.users);
        same(what, "torrent", &self.torrents, &expected.torrents);
        same(what, "client", &self.clients, &expected.clients);
        same(what, "token", &self.tokens, &expected.tokens);
        assert_eq!(
            self.global, expected.global,
            "{what}: what holds for everybody"
        );
    }
}

fn same<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    kind: &str,
    found: &BTreeMap<K, V>,
    expected: &BTreeMap<K, V>,
) {
    for key in expected.keys().chain(found.keys()) {
        let (found, expected) = (found.get(key), expected.get(key));
        assert_eq!(found, expected, "{what}: {kind} {key:?}");
    }
}
