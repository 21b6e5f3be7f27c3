//! For the tests: a file of its own for each, and a web application with its own connection to it.

use super::Sqlite;
use crate::model::{TorrentId, Transfer, UnixTime, UserId};
use crate::storage::conformance::{Application, Books, Site};
use crate::storage::{
    Change, Cursor, EventKind, EventRow, HistoryDelta, PeerRow, SessionKey, Storage, TorrentDelta,
    TorrentStatus, UserDelta,
};
use rusqlite::{Connection, Row, params};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own for each test, gone at its end.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("chihaya-sqlite-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a folder");
        Folder(path)
    }

    pub(super) fn file(&self) -> PathBuf {
        self.0.join("tracker.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("the folder goes");
    }
}

pub(super) fn open(path: &Path) -> Sqlite {
    Sqlite::open(path).expect("a database")
}

/// A web application: its own connection to the same file.
pub(super) struct Web(pub(super) Connection);

impl Web {
    pub(super) fn new(path: &Path) -> Web {
        let db = Connection::open(path).expect("a connection");
        // The tests do not pull the plug.
        db.execute_batch("PRAGMA synchronous = OFF")
            .expect("faster");
        Web(db)
    }

    pub(super) fn run(&self, sql: &str) {
        let done = self.0.execute_batch(sql);
        assert!(done.is_ok(), "{sql}: {done:?}");
    }

    pub(super) fn number(&self, sql: &str) -> i64 {
        let value = self.0.query_row(sql, [], |row| row.get(0));
        value.unwrap_or_else(|err| panic!("{sql}: {err}"))
    }

    fn one<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        read: impl Fn(&Row<'_>) -> T,
    ) -> Option<T> {
        let mut statement = self.0.prepare(sql).expect("a statement");
        let mut rows = statement.query(params).expect("rows");
        rows.next().expect("a row or none").map(read)
    }
}

/// A number of a row; none of these tests keeps negative ones.
fn number(row: &Row<'_>, column: usize) -> u64 {
    let value: i64 = row.get(column).expect("an integer");
    u64::try_from(value).expect("not negative")
}

fn time(row: &Row<'_>, column: usize) -> UnixTime {
    UnixTime(u32::try_from(number(row, column)).expect("a time"))
}

fn transfer(row: &Row<'_>, column: usize) -> Transfer {
    Transfer {
        uploaded: number(row, column),
        downloaded: number(row, column + 1),
    }
}

fn text(row: &Row<'_>, column: usize) -> Box<str> {
    row.get::<_, String>(column).expect("a text").into()
}

impl Application for Web {
    fn change(&mut self, change: &Change) {
        let web = &self.0;
        let done = match change {
            Change::User(user) => web.execute(
                "INSERT INTO tracker_users (id, passkey, enabled, can_leech, hide_ip, slots, \
                 up_percent, down_percent) VALUES (?1, CAST(?2 AS TEXT), ?3, ?4, ?5, ?6, ?7, ?8) \
                 ON CONFLICT (id) DO UPDATE SET passkey = excluded.passkey, \
                 enabled = excluded.enabled, can_leech = excluded.can_leech, \
                 hide_ip = excluded.hide_ip, slots = excluded.slots, \
                 up_percent = excluded.up_percent, down_percent = excluded.down_percent",
                params![
                    user.id.0.cast_signed(),
                    user.passkey.as_bytes(),
                    user.enabled,
                    user.can_leech,
                    user.hide_ip,
                    user.slots,
                    user.multipliers.up_percent,
                    user.multipliers.down_percent,
                ],
            ),
            Change::UserGone(id) => {
                let sql = "DELETE FROM tracker_users WHERE id = ?1";
                web.execute(sql, [id.0.cast_signed()])
            }
            Change::Torrent(torrent) => {
                let (status, reason) = match &torrent.status {
                    TorrentStatus::Registered => (0, None),
                    TorrentStatus::Unapproved => (1, None),
                    TorrentStatus::Deleted(reason) => (2, Some(&**reason)),
                };
                web.execute(
                    "INSERT INTO tracker_torrents (id, info_hash, status, reason, up_percent, \
                     down_percent) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET \
                     info_hash = excluded.info_hash, status = excluded.status, \
                     reason = excluded.reason, up_percent = excluded.up_percent, \
                     down_percent = excluded.down_percent",
                    params![
                        torrent.id.0.cast_signed(),
                        &torrent.info_hash.0[..],
                        status,
                        reason,
                        torrent.multipliers.up_percent,
                        torrent.multipliers.down_percent,
                    ],
                )
            }
            Change::TorrentGone(id) => {
                let sql = "DELETE FROM tracker_torrents WHERE id = ?1";
                web.execute(sql, [id.0.cast_signed()])
            }
            Change::Client(client) => web.execute(
                "REPLACE INTO tracker_clients (prefix, allow) VALUES (CAST(?1 AS TEXT), ?2)",
                params![&*client.prefix, client.allow],
            ),
            Change::ClientGone(prefix) => {
                let sql = "DELETE FROM tracker_clients WHERE prefix = CAST(?1 AS TEXT)";
                web.execute(sql, [&**prefix])
            }
            Change::Token(token) => web.execute(
                "REPLACE INTO tracker_tokens (user_id, torrent_id, up_percent, down_percent, \
                 until) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    token.user.map_or(0, |user| user.0.cast_signed()),
                    token.torrent.map_or(0, |torrent| torrent.0.cast_signed()),
                    token.multipliers.up_percent,
                    token.multipliers.down_percent,
                    token.until.map(|until| until.0),
                ],
            ),
            Change::TokenGone { user, torrent } => web.execute(
                "DELETE FROM tracker_tokens WHERE user_id = ?1 AND torrent_id = ?2",
                [
                    user.map_or(0, |user| user.0.cast_signed()),
                    torrent.map_or(0, |torrent| torrent.0.cast_signed()),
                ],
            ),
            Change::Global(global) => web.execute(
                "REPLACE INTO tracker_options (name, value) VALUES ('up_percent', ?1), \
                 ('down_percent', ?2), ('until', ?3)",
                params![
                    global.multipliers.up_percent,
                    global.multipliers.down_percent,
                    global.until.map_or(0, |until| until.0),
                ],
            ),
        };
        assert!(done.is_ok(), "{change:?}: {done:?}");
    }
}

impl Books for Web {
    fn user(&mut self, user: UserId) -> Option<UserDelta> {
        let sql = "SELECT uploaded, downloaded, raw_uploaded, raw_downloaded FROM tracker_users \
            WHERE id = ?1";
        self.one(sql, [user.0.cast_signed()], |row| UserDelta {
            user,
            credited: transfer(row, 0),
            raw: transfer(row, 2),
        })
    }

    fn history(&mut self, user: UserId, torrent: TorrentId) -> Option<HistoryDelta> {
        let sql = "SELECT uploaded, downloaded, raw_uploaded, raw_downloaded, seed_seconds, \
            leech_seconds, announces, snatches, started_at, last_at, completed_at, seeder, \
            active, remaining, client_uploaded, client_downloaded, agent FROM tracker_history \
            WHERE user_id = ?1 AND torrent_id = ?2";
        let key = [user.0.cast_signed(), torrent.0.cast_signed()];
        self.one(sql, key, |row| HistoryDelta {
            user,
            torrent,
            credited: transfer(row, 0),
            raw: transfer(row, 2),
            seed_seconds: number(row, 4),
            leech_seconds: number(row, 5),
            announces: number(row, 6),
            snatches: number(row, 7),
            started: time(row, 8),
            last: time(row, 9),
            completed: Some(time(row, 10)).filter(|at| at.0 != 0),
            seeder: number(row, 11) != 0,
            active: number(row, 12) != 0,
            left: number(row, 13),
            client: transfer(row, 14),
            agent: text(row, 16),
        })
    }

    fn torrent(&mut self, torrent: TorrentId) -> Option<TorrentDelta> {
        let sql = "SELECT seeders, leechers, snatches, balance, last_seeded FROM tracker_torrents \
            WHERE id = ?1";
        self.one(sql, [torrent.0.cast_signed()], |row| TorrentDelta {
            torrent,
            seeders: u32::try_from(number(row, 0)).expect("a count"),
            leechers: u32::try_from(number(row, 1)).expect("a count"),
            snatches: number(row, 2),
            balance: row.get(3).expect("an integer"),
            last_seeded: time(row, 4),
        })
    }

    fn peer(&mut self, key: &SessionKey) -> Option<PeerRow> {
        let sql = "SELECT ip, port, uploaded, downloaded, remaining, seeder, active, agent, \
            started_at, last_at, announces, up_rate, down_rate FROM tracker_peers \
            WHERE user_id = ?1 AND torrent_id = ?2 AND peer_id = ?3";
        let (user, torrent) = (key.user.0.cast_signed(), key.torrent.0.cast_signed());
        self.one(sql, params![user, torrent, &key.peer_id.0[..]], |row| {
            PeerRow {
                key: *key,
                ip: row.get(0).expect("16 bytes"),
                port: u16::try_from(number(row, 1)).expect("a port"),
                totals: transfer(row, 2),
                left: number(row, 4),
                seeder: number(row, 5) != 0,
                active: number(row, 6) != 0,
                agent: text(row, 7),
                started: time(row, 8),
                last: time(row, 9),
                announces: number(row, 10),
                rates: transfer(row, 11),
            }
        })
    }

    fn events(&mut self, key: &SessionKey) -> Vec<EventRow> {
        let sql = "SELECT at, kind, ip, amount FROM tracker_events \
            WHERE user_id = ?1 AND torrent_id = ?2 AND peer_id = ?3 ORDER BY id";
        let (user, torrent) = (key.user.0.cast_signed(), key.torrent.0.cast_signed());
        let mut statement = self.0.prepare(sql).expect("a statement");
        let key_values = params![user, torrent, &key.peer_id.0[..]];
        let rows = statement.query_map(key_values, |row| {
            let name: String = row.get(1)?;
            let kinds = [
                EventKind::Completed,
                EventKind::TokenUsed,
                EventKind::ImplausibleSpeed,
                EventKind::ClientMismatch,
            ];
            let kind = kinds.into_iter().find(|kind| kind.name() == name);
            Ok(EventRow {
                kind: kind.expect("a kind"),
                key: *key,
                time: time(row, 0),
                ip: row.get(2)?,
                amount: number(row, 3),
            })
        });
        rows.expect("rows").map(|row| row.expect("a row")).collect()
    }
}

pub(super) struct SqliteSite {
    pub(super) folder: Folder,
    pub(super) web: Web,
}

impl Site for SqliteSite {
    fn open(&mut self) -> Box<dyn Storage> {
        Box::new(open(&self.folder.file()))
    }

    fn application(&mut self) -> Option<&mut dyn Application> {
        Some(&mut self.web)
    }

    fn books(&mut self) -> Option<&mut dyn Books> {
        Some(&mut self.web)
    }
}

/// A new file, the driver on it, and a web application beside it.
pub(super) fn new() -> (Folder, Sqlite, Web) {
    let folder = Folder::new();
    let storage = open(&folder.file());
    let web = Web::new(&folder.file());
    (folder, storage, web)
}

/// Everything, or what has changed since.
pub(super) fn loaded(storage: &mut Sqlite, since: Option<Cursor>) -> (Vec<Change>, Cursor) {
    let mut changes = Vec::new();
    let cursor = storage.load(since, &mut |change| changes.push(change));
    (changes, cursor.expect("a load"))
}

/// So much is added to all sums of a user.
pub(super) fn of_user(number: u64, amount: u64) -> UserDelta {
    let amount = Transfer {
        uploaded: amount,
        downloaded: amount,
    };
    UserDelta {
        user: UserId(number),
        credited: amount,
        raw: amount,
    }
}
