//! Edits in a registry against the same edits in a storage.

use super::*;
use crate::model::{InfoHash, Passkey};
use crate::storage::conformance::any_edit;
use crate::storage::{Directory, Sqlite, Storage, Torrent, User};
use crate::tracker::registry::Loading;
use fastrand::Rng;

/// All that a storage shows, in a registry of the same key.
fn loaded(storage: &mut Sqlite, registry: &Registry) -> (Registry, Vec<Change>) {
    let mut loading = Loading::like(registry);
    let mut changes = Vec::new();
    let done = storage.load(None, &mut |change| {
        changes.push(change.clone());
        loading.take(change);
    });
    assert!(done.is_ok(), "{done:?}");
    (loading.finish(), changes)
}

/// Whether two registries say the same of what a storage has shown.
fn compare(what: &str, registry: &Registry, stored: &Registry, changes: &[Change]) {
    assert_eq!(registry.totals(), stored.totals(), "{what}");
    assert_eq!(registry.global(), stored.global(), "{what}");
    for change in changes {
        match change {
            Change::User(User { id, passkey, .. }) => {
                let both = [registry, stored].map(|registry| registry.user(passkey));
                assert!(both[0].is_some() && both[0] == both[1], "{what}: {both:?}");
                let both = [registry, stored].map(|registry| registry.user_by_id(*id));
                assert!(both[0].is_some() && both[0] == both[1], "{what}: {both:?}");
            }
            Change::Torrent(Torrent { id, .. }) => {
                let both = [registry, stored].map(|registry| registry.torrent_by_id(*id));
                assert!(both[0].is_some() && both[0] == both[1], "{what}: {both:?}");
                assert_eq!(registry.reason(*id), stored.reason(*id), "{what}");
            }
            Change::Token(token) => {
                let (user, torrent) = (token.user, token.torrent);
                assert_eq!(
                    registry.token(user, torrent).as_ref(),
                    Some(token),
                    "{what}"
                );
            }
            _ => {}
        }
    }
}

#[test]
fn a_registry_makes_of_edits_what_a_storage_does() {
    let path = std::env::temp_dir().join(format!("chihaya-edits-{}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a folder");
    let mut storage = Sqlite::open(&path.join("tracker.db")).expect("a database");
    let (mut registry, _) = loaded(&mut storage, &Registry::new([7; 16]));
    let mut dice = Rng::with_seed(0x5eed);
    for round in 0..200 {
        let edits: Vec<Edit> = (0..dice.usize(1..10))
            .map(|_| any_edit(&mut dice))
            .collect();
        let stored = storage.edit(&edits).expect("edited");
        for (edit, stored) in edits.iter().zip(stored) {
            // The same by number, where it is there, comes to the same.
            let mut other = registry.clone();
            let by_number = registry.by_number(edit.clone());
            let made = registry.edit(edit);
            let placed = match &made {
                Ok(edited) => Ok(edited.placed),
                Err(Unedited::Refused(error)) => Err(*error),
                Err(Unedited::NeedsNumber) => panic!("{edit:?} says its number"),
            };
            assert_eq!(placed, stored, "{edit:?}");
            if made.is_ok() {
                assert_eq!(other.edit(&by_number), made, "{by_number:?} for {edit:?}");
            }
        }
        let (stored, changes) = loaded(&mut storage, &registry);
        compare(
            &format!("round {round}: {edits:?}"),
            &registry,
            &stored,
            &changes,
        );
    }
    std::fs::remove_dir_all(&path).expect("the folder goes");
}

fn user_edit(edit: impl FnOnce(&mut UserEdit)) -> Edit {
    let mut user = UserEdit::of(UserName::Id(UserId(1)));
    edit(&mut user);
    Edit::User(user)
}

fn torrent_edit(edit: impl FnOnce(&mut TorrentEdit)) -> Edit {
    let mut torrent = TorrentEdit::of(TorrentName::Id(TorrentId(1)));
    edit(&mut torrent);
    Edit::Torrent(torrent)
}

/// Edits of user and torrent 1, what each has changed and moved, and who leaves.
#[test]
fn who_leaves_by_what() {
    let key = Passkey::new(b"a").expect("a passkey");
    let [hash, other_hash] = [InfoHash([1; 20]), InfoHash([2; 20])];
    let user = Some(Leaving::User(UserId(1)));
    let torrent = |info_hash| Some(Leaving::Torrent(TorrentId(1), info_hash));
    let mut registry = Registry::new([7; 16]);
    let created = |edit: &mut UserEdit| (edit.create, edit.passkey) = (true, Some(key));
    let added = |edit: &mut TorrentEdit| (edit.create, edit.info_hash) = (true, Some(hash));
    for (name, edit, [changed, moved], leaving) in [
        ("a new user", user_edit(created), [true, true], None),
        ("again", user_edit(created), [false, false], None),
        (
            "enabled",
            user_edit(|edit| edit.enabled = Some(true)),
            [false, false],
            None,
        ),
        (
            "disabled",
            user_edit(|edit| edit.enabled = Some(false)),
            [true, false],
            user,
        ),
        (
            "again",
            user_edit(|edit| edit.enabled = Some(false)),
            [false, false],
            None,
        ),
        (
            "another passkey",
            user_edit(|edit| edit.passkey = Passkey::new(b"b")),
            [true, true],
            None,
        ),
        (
            "gone",
            Edit::UserGone(UserName::Id(UserId(1))),
            [true, true],
            user,
        ),
        ("a new torrent", torrent_edit(added), [true, true], None),
        (
            "another percentage",
            torrent_edit(|edit| edit.up_percent = Some(7)),
            [true, false],
            None,
        ),
        (
            "deleted",
            torrent_edit(|edit| edit.status = Some(TorrentStatus::Deleted("dupe".into()))),
            [true, false],
            torrent(hash),
        ),
        (
            "for another reason",
            torrent_edit(|edit| edit.status = Some(TorrentStatus::Deleted("trump".into()))),
            [true, false],
            None,
        ),
        (
            "there again",
            torrent_edit(|edit| edit.status = Some(TorrentStatus::Registered)),
            [true, false],
            None,
        ),
        (
            "another info-hash",
            torrent_edit(|edit| edit.info_hash = Some(other_hash)),
            [true, true],
            torrent(hash),
        ),
        (
            "unapproved",
            torrent_edit(|edit| edit.status = Some(TorrentStatus::Unapproved)),
            [true, false],
            torrent(other_hash),
        ),
        (
            "gone",
            Edit::TorrentGone(TorrentName::InfoHash(other_hash)),
            [true, true],
            torrent(other_hash),
        ),
    ] {
        let edited = registry
            .edit(&edit)
            .unwrap_or_else(|err| panic!("{name}: {err:?}"));
        assert_eq!([edited.changed, edited.moved], [changed, moved], "{name}");
        assert_eq!(edited.leaving, leaving, "{name}");
    }
}
