//! The tracker's own tables on servers, whose directory the tracker writes, too, and where it
//! notices what others change.

mod changes;
mod edits;
mod missing;
mod site;

use crate::place::Place;
use crate::servers::{Kind, Server};
use chihaya::model::{InfoHash, Passkey, TorrentId, UserId};
use chihaya::storage::{
    Change, Cursor, Edit, EditError, Placed, Storage, StorageError, TorrentEdit, TorrentName,
    UserEdit, UserName,
};

/// Servers that this build can ask, and that are installed.
fn servers() -> impl Iterator<Item = &'static Server> {
    let kinds = [Kind::Mariadb, Kind::Postgres].into_iter();
    let kinds = kinds.filter(|kind| crate::is_built(*kind));
    kinds.filter_map(crate::shared)
}

/// A new database with the tracker's own tables.
fn made(server: &'static Server, name: &str) -> (Place<'static>, Box<dyn Storage>) {
    let place = Place::on(server, name);
    let storage = crate::suite::open(&place.settings("own"));
    (place, storage)
}

fn passkey(number: u64) -> Passkey {
    Passkey::new(format!("{number:032}").as_bytes()).expect("32 bytes")
}

fn new_user(number: u64, name: &str) -> Edit {
    Edit::User(UserEdit {
        create: true,
        passkey: Some(passkey(number)),
        name: Some(name.into()),
        ..UserEdit::of(UserName::Id(UserId(number)))
    })
}

fn new_torrent(number: u64, has_number: bool) -> Edit {
    let mut hash = [7; 20];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    Edit::Torrent(TorrentEdit {
        create: true,
        id: has_number.then_some(TorrentId(number)),
        name: Some(format!("Torrent of the number {number}").into()),
        ..TorrentEdit::of(TorrentName::InfoHash(InfoHash(hash)))
    })
}

fn edit(storage: &mut dyn Storage, edits: &[Edit]) -> Vec<Result<Placed, EditError>> {
    let directory = storage.directory().expect("a directory");
    directory.edit(edits).expect("it takes edits")
}

fn whole(storage: &mut dyn Storage) -> Cursor {
    storage.load(None, &mut |_| {}).expect("a load")
}

/// The numbers of users that have changed since; `None` where that cannot be told.
fn users_since(storage: &mut dyn Storage, cursor: &mut Cursor) -> Option<Vec<u64>> {
    let mut users = Vec::new();
    let loaded = storage.load(Some(*cursor), &mut |change| match change {
        Change::User(user) => users.push(user.id.0),
        Change::UserGone(id) => users.push(id.0),
        _ => {}
    });
    match loaded {
        Ok(next) => {
            *cursor = next;
            Some(users)
        }
        Err(StorageError::CursorGone) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Lets changes be as if they had been made long ago: MariaDB's are told again as long as they are
/// young.
fn age(place: &Place<'_>, server: &Server) {
    if server.kind() == Kind::Postgres {
        return;
    }
    let mut web = place.web();
    // Those that are not committed are locked.
    let all = web.rows("SELECT seq FROM tracker_changes WHERE at > 0");
    if !all.is_empty() {
        let all = all.concat().join(", ");
        web.run(&format!(
            "UPDATE tracker_changes SET at = 0 WHERE seq IN ({all})"
        ));
    }
}
