//! What is listed is what is loaded, in order, part by part.

use super::Suite;
use super::view::View;
use crate::model::Passkey;
use crate::storage::{
    Change, Directory, Entry, Listing, TokenKey, Torrent, TorrentName, User, UserName,
};

/// Entries of a part: it divides nothing that is there.
const PART: usize = 7;

/// Lists the directory of a driver that can write it; there is nothing to check of others.
pub(super) fn check(suite: &mut Suite<'_>) {
    let mut storage = suite.site.open();
    let (loaded, _) = View::whole("before it is listed", &mut *storage);
    let Some(directory) = storage.directory() else {
        return;
    };
    let mut view = View::default();
    view.apply(Change::Global(loaded.global()));
    for first in [
        Listing::Users(None),
        Listing::Torrents(None),
        Listing::Clients([].into()),
        Listing::Tokens(None),
    ] {
        let mut next = Some(first);
        while let Some(listing) = next.take() {
            let part = list(directory, &listing, PART);
            if part.len() == PART {
                next = part.last().map(following);
            }
            if let Some(first) = part.first() {
                alone(directory, first);
            }
            part.into_iter().map(change).for_each(|it| view.apply(it));
        }
    }
    view.expect("listed", &loaded);
}

fn list(directory: &mut dyn Directory, listing: &Listing, most: usize) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let listed = directory.list(listing, most, &mut |entry| {
        let is_next = entries.last().is_none_or(|last| key(last) < key(&entry));
        assert!(is_next, "{listing:?}: {entry:?} after {:?}", entries.last());
        entries.push(entry);
    });
    assert!(listed.is_ok(), "{listing:?}: {listed:?}");
    assert!(entries.len() <= most, "{listing:?}: more than asked for");
    entries
}

/// What orders entries of a kind.
fn key(entry: &Entry) -> (TokenKey, Option<u64>, &[u8]) {
    match entry {
        Entry::User(user) => ((None, None), Some(user.id.0), &[]),
        Entry::Torrent(torrent) => ((None, None), Some(torrent.id.0), &[]),
        Entry::Client(client) => ((None, None), None, &client.prefix),
        Entry::Token(token) => ((token.user, token.torrent), None, &[]),
    }
}

fn following(entry: &Entry) -> Listing {
    match entry {
        Entry::User(user) => Listing::Users(Some(user.id)),
        Entry::Torrent(torrent) => Listing::Torrents(Some(torrent.id)),
        Entry::Client(client) => Listing::Clients(client.prefix.clone()),
        Entry::Token(token) => Listing::Tokens(Some((token.user, token.torrent))),
    }
}

/// It is the same when it is asked for alone, by each of its names.
fn alone(directory: &mut dyn Directory, entry: &Entry) {
    let (listings, name) = match entry {
        Entry::User(user) => {
            let passkey = Passkey::new(user.passkey.as_bytes()).expect("a passkey");
            let names = [UserName::Id(user.id), UserName::Passkey(passkey)];
            (names.map(Listing::User), &user.name)
        }
        Entry::Torrent(torrent) => {
            let hash = TorrentName::InfoHash(torrent.info_hash);
            let names = [TorrentName::Id(torrent.id), hash];
            (names.map(Listing::Torrent), &torrent.name)
        }
        Entry::Client(_) | Entry::Token(_) => return,
    };
    for listing in listings {
        let found = list(directory, &listing, PART);
        assert_eq!(found, std::slice::from_ref(entry), "{listing:?}");
    }
    let named = match entry {
        Entry::User(_) => Listing::UsersNamed(name.as_str().into(), None),
        _ => Listing::TorrentsNamed(name.as_str().into(), None),
    };
    let found = list(directory, &named, usize::MAX);
    assert!(found.contains(entry), "{named:?} without {entry:?}");
}

fn change(entry: Entry) -> Change {
    match entry {
        Entry::User(user) => Change::User(User {
            id: user.id,
            passkey: Passkey::new(user.passkey.as_bytes()).expect("a passkey"),
            enabled: user.enabled,
            can_leech: user.can_leech,
            hide_ip: user.hide_ip,
            slots: user.slots,
            multipliers: user.multipliers,
        }),
        Entry::Torrent(torrent) => Change::Torrent(Torrent {
            id: torrent.id,
            info_hash: torrent.info_hash,
            status: torrent.status,
            multipliers: torrent.multipliers,
            snatches: 0,
        }),
        Entry::Client(client) => Change::Client(client),
        Entry::Token(token) => Change::Token(token),
    }
}
