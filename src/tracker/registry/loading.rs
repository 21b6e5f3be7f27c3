//! Loading a whole directory: users and torrents, of which there may be millions, are gathered and
//! become maps at once, which takes a fraction of the time of one after the other.

use super::Registry;
use super::indexed::{Indexed, Numbered};
use super::records::{TorrentEntry, UserEntry};
use super::secret::Secret;
use crate::storage::{Change, Torrent, TorrentStatus};

/// A registry that is being loaded.
pub struct Loading {
    registry: Registry,
    users: Vec<UserEntry>,
    torrents: Vec<TorrentEntry>,
    /// Those of which more is to be told; few.
    deleted: Vec<Torrent>,
}

impl Loading {
    /// Begins with nothing, under the key of another registry.
    pub fn like(registry: &Registry) -> Loading {
        Loading {
            registry: registry.emptied(),
            users: Vec::new(),
            torrents: Vec::new(),
            deleted: Vec::new(),
        }
    }

    /// Takes what a storage shows.
    pub fn take(&mut self, change: Change) {
        match change {
            Change::User(user) => self
                .users
                .push(UserEntry::new(&user, &self.registry.secret)),
            Change::Torrent(torrent) => match torrent.status {
                TorrentStatus::Deleted(_) => self.deleted.push(torrent),
                _ => self.torrents.push(TorrentEntry::new(&torrent)),
            },
            few => {
                self.registry.apply(few);
            }
        }
    }

    /// All that has been taken, loaded.
    pub fn finish(self) -> Registry {
        let mut registry = self.registry;
        registry.users = all(self.users, &registry.secret);
        registry.torrents = all(self.torrents, &registry.secret);
        for torrent in self.deleted {
            registry.apply(Change::Torrent(torrent));
        }
        registry.loaded = true;
        registry
    }
}

/// Entries by key and number. Where a storage shows one twice, its last word counts.
fn all<T: Numbered>(entries: Vec<T>, secret: &Secret) -> Indexed<T> {
    Indexed::of(&entries, secret).unwrap_or_else(|| {
        let mut all = Indexed::default();
        for entry in entries {
            all.insert(entry, secret);
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{InfoHash, Multipliers, Passkey, TorrentId, UserId};
    use crate::storage::User;

    fn user(id: u64, passkey: &str) -> Change {
        Change::User(User {
            id: UserId(id),
            passkey: Passkey::new(passkey.as_bytes()).expect("a passkey"),
            enabled: true,
            can_leech: true,
            hide_ip: false,
            slots: None,
            multipliers: Multipliers::EVEN,
        })
    }

    fn torrent(id: u64, hash: u8, status: TorrentStatus) -> Change {
        Change::Torrent(Torrent {
            id: TorrentId(id),
            info_hash: InfoHash([hash; 20]),
            status,
            multipliers: Multipliers::EVEN,
            snatches: 0,
        })
    }

    #[test]
    fn loads_what_one_by_one_would_make() {
        let gone = || TorrentStatus::Deleted("dupe".into());
        let registered = || TorrentStatus::Registered;
        for (name, changes) in [
            ("nothing", vec![]),
            (
                "each once",
                vec![user(1, "a"), user(2, "b"), torrent(1, 1, registered())],
            ),
            (
                "a number twice",
                vec![user(1, "a"), user(1, "b"), user(2, "c")],
            ),
            ("a passkey twice", vec![user(1, "a"), user(2, "a")]),
            (
                "deleted",
                vec![torrent(1, 1, gone()), torrent(2, 2, registered())],
            ),
        ] {
            let mut one_by_one = Registry::new([1; 16]);
            let mut loading = Loading::like(&one_by_one);
            for change in changes {
                one_by_one.apply(change.clone());
                loading.take(change);
            }
            let loaded = loading.finish();
            assert!(loaded.is_loaded(), "{name}");
            assert_eq!(loaded.totals(), one_by_one.totals(), "{name}");
            for id in 0..3 {
                let users = [&loaded, &one_by_one].map(|r| r.user_by_id(UserId(id)));
                assert_eq!(users[0], users[1], "{name}");
                let torrents = [&loaded, &one_by_one].map(|r| r.torrent_by_id(TorrentId(id)));
                assert_eq!(torrents[0], torrents[1], "{name}");
                assert_eq!(
                    loaded.reason(TorrentId(id)),
                    one_by_one.reason(TorrentId(id))
                );
            }
        }
    }
}
