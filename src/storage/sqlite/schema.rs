//! The tables of the driver `sqlite`, and the triggers that tell what a web application changed.
//!
//! All names begin with `tracker_`, so that the tables can stand in a database of the web
//! application's own; for the same reason the version stands in a table, not in
//! `PRAGMA user_version`, which is the application's.

use super::failure;
use crate::storage::StorageError;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

/// The version of the schema that this file describes; [`STATEMENTS`] write it, too.
const VERSION: i64 = 1;

/// What makes the tables: the directory, which the web application writes, and what the tracker
/// writes; then the triggers on the directory, and the version.
///
/// Numbers of users and torrents are never given twice (`AUTOINCREMENT`): the history of a deleted
/// user must not become another's.
///
/// The triggers fill `tracker_changes`. Only columns that [`load`](super::load) reads are watched,
/// and only when their value becomes another: neither the tracker's own commits nor an application
/// that writes back whole rows make changes of nothing.
///
/// What `INSERT OR REPLACE` removes to make room fires no delete trigger; it is noted before, while
/// it is still there, as is the old number of what gets another. The list trims itself, so that it
/// stays short whoever writes and whether or not a tracker runs; a thousand at a time, as one by one
/// would double the cost of an insert.
pub(in crate::storage) const STATEMENTS: &[&str] = &[
    "CREATE TABLE tracker_schema (version INTEGER NOT NULL)",
    "CREATE TABLE tracker_users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(255) NOT NULL DEFAULT '',
    passkey VARCHAR(64) NOT NULL UNIQUE,
    enabled SMALLINT NOT NULL DEFAULT 1,
    can_leech SMALLINT NOT NULL DEFAULT 1,
    hide_ip SMALLINT NOT NULL DEFAULT 0,
    slots INT,
    up_percent INT NOT NULL DEFAULT 100,
    down_percent INT NOT NULL DEFAULT 100,
    uploaded BIGINT NOT NULL DEFAULT 0,
    downloaded BIGINT NOT NULL DEFAULT 0,
    raw_uploaded BIGINT NOT NULL DEFAULT 0,
    raw_downloaded BIGINT NOT NULL DEFAULT 0)",
    "CREATE TABLE tracker_torrents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(255) NOT NULL DEFAULT '',
    info_hash BLOB NOT NULL UNIQUE,
    status SMALLINT NOT NULL DEFAULT 0,     -- 0 registered, 1 not yet approved, 2 deleted
    reason VARCHAR(200),                    -- why it was deleted
    up_percent INT NOT NULL DEFAULT 100,
    down_percent INT NOT NULL DEFAULT 100,
    seeders INT NOT NULL DEFAULT 0,
    leechers INT NOT NULL DEFAULT 0,
    snatches BIGINT NOT NULL DEFAULT 0,
    balance BIGINT NOT NULL DEFAULT 0,
    last_seeded BIGINT NOT NULL DEFAULT 0)",
    "CREATE TABLE tracker_clients (
    prefix VARCHAR(20) NOT NULL PRIMARY KEY,
    allow SMALLINT NOT NULL DEFAULT 1) WITHOUT ROWID",
    "CREATE TABLE tracker_tokens (
    user_id BIGINT NOT NULL DEFAULT 0,      -- 0: every user
    torrent_id BIGINT NOT NULL DEFAULT 0,   -- 0: every torrent
    up_percent INT NOT NULL DEFAULT 100,
    down_percent INT NOT NULL DEFAULT 100,
    until BIGINT,                           -- NULL or 0: for good
    PRIMARY KEY (user_id, torrent_id)) WITHOUT ROWID",
    "CREATE INDEX tracker_tokens_torrent ON tracker_tokens (torrent_id)",
    "CREATE TABLE tracker_options (              -- for everybody: up_percent, down_percent, until; interval,
                                            -- min_interval, jitter (in seconds)
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE tracker_history (
    user_id BIGINT NOT NULL,
    torrent_id BIGINT NOT NULL,
    uploaded BIGINT NOT NULL,
    downloaded BIGINT NOT NULL,
    raw_uploaded BIGINT NOT NULL,
    raw_downloaded BIGINT NOT NULL,
    seed_seconds BIGINT NOT NULL,
    leech_seconds BIGINT NOT NULL,
    announces BIGINT NOT NULL,
    snatches BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    completed_at BIGINT NOT NULL,           -- 0: never
    seeder SMALLINT NOT NULL,
    active SMALLINT NOT NULL,
    remaining BIGINT NOT NULL,
    client_uploaded BIGINT NOT NULL,
    client_downloaded BIGINT NOT NULL,
    agent VARCHAR(64) NOT NULL,
    PRIMARY KEY (user_id, torrent_id)) WITHOUT ROWID",
    "CREATE TABLE tracker_peers (
    user_id BIGINT NOT NULL,
    torrent_id BIGINT NOT NULL,
    peer_id BLOB NOT NULL,
    ip BLOB NOT NULL,                       -- 16 bytes, IPv4 mapped into IPv6
    port INT NOT NULL,
    uploaded BIGINT NOT NULL,
    downloaded BIGINT NOT NULL,
    remaining BIGINT NOT NULL,
    seeder SMALLINT NOT NULL,
    active SMALLINT NOT NULL,
    agent VARCHAR(64) NOT NULL,
    started_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    announces BIGINT NOT NULL,
    up_rate BIGINT NOT NULL,
    down_rate BIGINT NOT NULL,
    PRIMARY KEY (user_id, torrent_id, peer_id)) WITHOUT ROWID",
    "CREATE TABLE tracker_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    kind VARCHAR(32) NOT NULL,
    user_id BIGINT NOT NULL,
    torrent_id BIGINT NOT NULL,
    peer_id BLOB NOT NULL,
    ip BLOB NOT NULL,
    amount BIGINT NOT NULL)",
    "CREATE TABLE tracker_batches (
    writer VARCHAR(64) NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE tracker_changes (              -- what to read again: which rows, not what is in them
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind VARCHAR(8) NOT NULL,
    user_id BIGINT,
    torrent_id BIGINT,
    prefix BLOB)",
    "CREATE TRIGGER tracker_changes_trimmed AFTER INSERT ON tracker_changes WHEN NEW.seq % 1000 = 0
BEGIN DELETE FROM tracker_changes WHERE seq <= NEW.seq - 100000; END",
    "CREATE TRIGGER tracker_users_replaced BEFORE INSERT ON tracker_users
BEGIN INSERT INTO tracker_changes (kind, user_id)
    SELECT 'user', id FROM tracker_users WHERE passkey = NEW.passkey AND id IS NOT NEW.id; END",
    "CREATE TRIGGER tracker_users_added AFTER INSERT ON tracker_users
BEGIN INSERT INTO tracker_changes (kind, user_id) VALUES ('user', NEW.id); END",
    "CREATE TRIGGER tracker_users_removed AFTER DELETE ON tracker_users
BEGIN INSERT INTO tracker_changes (kind, user_id) VALUES ('user', OLD.id); END",
    "CREATE TRIGGER tracker_users_displaced BEFORE UPDATE OF id, passkey ON tracker_users
WHEN OLD.id IS NOT NEW.id OR OLD.passkey IS NOT NEW.passkey
BEGIN INSERT INTO tracker_changes (kind, user_id)
    SELECT 'user', id FROM tracker_users
    WHERE (passkey = NEW.passkey OR id = OLD.id) AND id <> NEW.id; END",
    "CREATE TRIGGER tracker_users_changed
AFTER UPDATE OF id, passkey, enabled, can_leech, hide_ip, slots, up_percent, down_percent
ON tracker_users
WHEN OLD.id <> NEW.id OR OLD.passkey IS NOT NEW.passkey OR OLD.enabled IS NOT NEW.enabled
    OR OLD.can_leech IS NOT NEW.can_leech OR OLD.hide_ip IS NOT NEW.hide_ip
    OR OLD.slots IS NOT NEW.slots OR OLD.up_percent IS NOT NEW.up_percent
    OR OLD.down_percent IS NOT NEW.down_percent
BEGIN INSERT INTO tracker_changes (kind, user_id) VALUES ('user', NEW.id); END",
    "CREATE TRIGGER tracker_torrents_replaced BEFORE INSERT ON tracker_torrents
BEGIN INSERT INTO tracker_changes (kind, torrent_id)
    SELECT 'torrent', id FROM tracker_torrents
    WHERE info_hash = NEW.info_hash AND id IS NOT NEW.id; END",
    "CREATE TRIGGER tracker_torrents_added AFTER INSERT ON tracker_torrents
BEGIN INSERT INTO tracker_changes (kind, torrent_id) VALUES ('torrent', NEW.id); END",
    "CREATE TRIGGER tracker_torrents_removed AFTER DELETE ON tracker_torrents
BEGIN INSERT INTO tracker_changes (kind, torrent_id) VALUES ('torrent', OLD.id); END",
    "CREATE TRIGGER tracker_torrents_displaced BEFORE UPDATE OF id, info_hash ON tracker_torrents
WHEN OLD.id IS NOT NEW.id OR OLD.info_hash IS NOT NEW.info_hash
BEGIN INSERT INTO tracker_changes (kind, torrent_id)
    SELECT 'torrent', id FROM tracker_torrents
    WHERE (info_hash = NEW.info_hash OR id = OLD.id) AND id <> NEW.id; END",
    "CREATE TRIGGER tracker_torrents_changed
AFTER UPDATE OF id, info_hash, status, reason, up_percent, down_percent ON tracker_torrents
WHEN OLD.id <> NEW.id OR OLD.info_hash IS NOT NEW.info_hash OR OLD.status IS NOT NEW.status
    OR OLD.reason IS NOT NEW.reason OR OLD.up_percent IS NOT NEW.up_percent
    OR OLD.down_percent IS NOT NEW.down_percent
BEGIN INSERT INTO tracker_changes (kind, torrent_id) VALUES ('torrent', NEW.id); END",
    "CREATE TRIGGER tracker_clients_added AFTER INSERT ON tracker_clients
BEGIN INSERT INTO tracker_changes (kind, prefix) VALUES ('client', CAST(NEW.prefix AS BLOB)); END",
    "CREATE TRIGGER tracker_clients_removed AFTER DELETE ON tracker_clients
BEGIN INSERT INTO tracker_changes (kind, prefix) VALUES ('client', CAST(OLD.prefix AS BLOB)); END",
    "CREATE TRIGGER tracker_clients_changed AFTER UPDATE ON tracker_clients
BEGIN INSERT INTO tracker_changes (kind, prefix)
    VALUES ('client', CAST(OLD.prefix AS BLOB)), ('client', CAST(NEW.prefix AS BLOB)); END",
    "CREATE TRIGGER tracker_tokens_added AFTER INSERT ON tracker_tokens
BEGIN INSERT INTO tracker_changes (kind, user_id, torrent_id)
    VALUES ('token', NEW.user_id, NEW.torrent_id); END",
    "CREATE TRIGGER tracker_tokens_removed AFTER DELETE ON tracker_tokens
BEGIN INSERT INTO tracker_changes (kind, user_id, torrent_id)
    VALUES ('token', OLD.user_id, OLD.torrent_id); END",
    "CREATE TRIGGER tracker_tokens_changed AFTER UPDATE ON tracker_tokens
BEGIN INSERT INTO tracker_changes (kind, user_id, torrent_id)
    VALUES ('token', OLD.user_id, OLD.torrent_id), ('token', NEW.user_id, NEW.torrent_id); END",
    "CREATE TRIGGER tracker_options_added AFTER INSERT ON tracker_options
BEGIN INSERT INTO tracker_changes (kind) VALUES ('options'); END",
    "CREATE TRIGGER tracker_options_removed AFTER DELETE ON tracker_options
BEGIN INSERT INTO tracker_changes (kind) VALUES ('options'); END",
    "CREATE TRIGGER tracker_options_changed AFTER UPDATE ON tracker_options
BEGIN INSERT INTO tracker_changes (kind) VALUES ('options'); END",
    "INSERT INTO tracker_schema (version) VALUES (1)",
];

/// All of it, for an operator to run.
pub(super) fn text() -> String {
    let statements = STATEMENTS.join(";\n");
    format!("BEGIN IMMEDIATE;\n{statements};\nCOMMIT;\n")
}

/// Makes the tables where they are missing; leaves everything else in the file alone.
pub(super) fn prepare(db: &mut Connection) -> Result<(), StorageError> {
    // A file that is ready is not written, and so waits for nobody.
    if known(db)? {
        return Ok(());
    }
    let failed = failure("cannot make its tables");
    let work = db
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(&failed)?;
    // Another process may have been faster.
    if known(&work)? {
        return Ok(());
    }
    for statement in STATEMENTS {
        work.execute(statement, []).map_err(&failed)?;
    }
    work.commit().map_err(&failed)
}

/// Whether the tables are there, in a version that can be served.
pub(super) fn known(db: &Connection) -> Result<bool, StorageError> {
    let version = version(db).map_err(failure("cannot read its version"))?;
    match version.and_then(unknown) {
        Some(fault) => Err(StorageError::Fatal(format!("sqlite: {fault}"))),
        None => Ok(version.is_some()),
    }
}

/// The version of the tables; `None` where there are none, 0 where nothing says it.
pub(in crate::storage) fn version(db: &Connection) -> rusqlite::Result<Option<i64>> {
    let named = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'tracker_schema'";
    if db.query_row(named, [], |_| Ok(())).optional()?.is_none() {
        return Ok(None);
    }
    let version = "SELECT COALESCE(MAX(version), 0) FROM tracker_schema";
    db.query_row(version, [], |row| row.get(0)).map(Some)
}

/// Why tables of this version cannot be served; `None` where they can.
pub(in crate::storage) fn unknown(version: i64) -> Option<String> {
    (version != VERSION).then(|| {
        format!("the tables are of version {version}, this tracker knows version {VERSION}")
    })
}
