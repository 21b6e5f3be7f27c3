//! The tracker's own tables: for sites that have none, or that write into these.
//!
//! All names begin with `tracker_`, so that they can stand beside those of any site. Sums are held at
//! the most that a column can keep.

use super::{Preset, own_changes};
use crate::storage::sql::connection::Dialect;

/// What is loaded is the same in all: reserved words are no names of columns here.
pub(super) const LOAD: &[(&str, &str)] = &[
    (
        "users",
        "SELECT id, passkey, enabled, can_leech, hide_ip, slots, up_percent, down_percent \
         FROM tracker_users",
    ),
    (
        "torrents",
        "SELECT id, info_hash, status, reason, up_percent, down_percent, snatches \
         FROM tracker_torrents",
    ),
    ("clients", "SELECT prefix, allow FROM tracker_clients"),
];

pub(super) const POSTGRES_LOAD: &[(&str, &str)] = &[
    LOAD[0],
    LOAD[1],
    LOAD[2],
    (
        "tokens",
        "SELECT user_id AS \"user\", torrent_id AS torrent, up_percent, down_percent, until \
         FROM tracker_tokens",
    ),
    ("options", "SELECT name, value FROM tracker_options"),
    ("changes", own_changes::POSTGRES_CHANGES),
];

pub(super) const MYSQL_LOAD: &[(&str, &str)] = &[
    LOAD[0],
    LOAD[1],
    LOAD[2],
    (
        "tokens",
        "SELECT user_id AS `user`, torrent_id AS torrent, up_percent, down_percent, until \
         FROM tracker_tokens",
    ),
    ("options", "SELECT name, value FROM tracker_options"),
    ("changes", own_changes::MYSQL_CHANGES),
];

pub(super) static POSTGRES: Preset = Preset {
    name: "own",
    dialect: Dialect::Postgres,
    load: POSTGRES_LOAD,
    write: POSTGRES_WRITE,
    schema: POSTGRES_SCHEMA,
    tracking: own_changes::POSTGRES,
};

pub(super) const POSTGRES_WRITE: &[(&str, &str)] = &[
    (
        "users",
        "UPDATE tracker_users u SET uploaded = u.uploaded + LEAST(d.up, 9223372036854775807 - u.uploaded), \
             downloaded = u.downloaded + LEAST(d.dn, 9223372036854775807 - u.downloaded), \
             raw_uploaded = u.raw_uploaded + LEAST(d.ru, 9223372036854775807 - u.raw_uploaded), \
             raw_downloaded = u.raw_downloaded + LEAST(d.rd, 9223372036854775807 - u.raw_downloaded) \
             FROM (VALUES [[( :user, :up, :down, :raw_up, :raw_down)|, ]]) \
             d (id, up, dn, ru, rd) WHERE u.id = d.id",
    ),
    (
        "torrents",
        "UPDATE tracker_torrents t SET seeders = d.s, leechers = d.l, \
             snatches = t.snatches + LEAST(d.n, 9223372036854775807 - t.snatches), \
             balance = GREATEST(LEAST(t.balance::NUMERIC + d.b, 9223372036854775807), -9223372036854775808)::BIGINT, \
             last_seeded = GREATEST(t.last_seeded, d.a) \
             FROM (VALUES [[( :torrent, :seeders, :leechers, :snatches, :balance, :last_seeded)|, ]]) \
             d (id, s, l, n, b, a) WHERE t.id = d.id",
    ),
    (
        "history",
        "INSERT INTO tracker_history AS h (user_id, torrent_id, uploaded, downloaded, raw_uploaded, \
             raw_downloaded, seed_seconds, leech_seconds, announces, snatches, started_at, last_at, \
             completed_at, seeder, active, remaining, client_uploaded, client_downloaded, agent) \
             VALUES [[( :user, :torrent, :up, :down, :raw_up, :raw_down, :seed_seconds, :leech_seconds, \
             :announces, :snatches, :started, :time, :completed_at, :seeder, :active, :left, :uploaded, \
             :downloaded, :agent)|, ]] \
             ON CONFLICT (user_id, torrent_id) DO UPDATE SET \
             uploaded = h.uploaded + LEAST(excluded.uploaded, 9223372036854775807 - h.uploaded), \
             downloaded = h.downloaded + LEAST(excluded.downloaded, 9223372036854775807 - h.downloaded), \
             raw_uploaded = h.raw_uploaded + LEAST(excluded.raw_uploaded, 9223372036854775807 - h.raw_uploaded), \
             raw_downloaded = h.raw_downloaded + LEAST(excluded.raw_downloaded, 9223372036854775807 - h.raw_downloaded), \
             seed_seconds = h.seed_seconds + LEAST(excluded.seed_seconds, 9223372036854775807 - h.seed_seconds), \
             leech_seconds = h.leech_seconds + LEAST(excluded.leech_seconds, 9223372036854775807 - h.leech_seconds), \
             announces = h.announces + LEAST(excluded.announces, 9223372036854775807 - h.announces), \
             snatches = h.snatches + LEAST(excluded.snatches, 9223372036854775807 - h.snatches), \
             last_at = GREATEST(h.last_at, excluded.last_at), \
             completed_at = CASE WHEN h.completed_at = 0 THEN excluded.completed_at ELSE h.completed_at END, \
             seeder = excluded.seeder, active = excluded.active, remaining = excluded.remaining, \
             client_uploaded = excluded.client_uploaded, client_downloaded = excluded.client_downloaded, \
             agent = excluded.agent",
    ),
    (
        "peers",
        "INSERT INTO tracker_peers (user_id, torrent_id, peer_id, ip, port, uploaded, downloaded, \
             remaining, seeder, active, agent, started_at, last_at, announces, up_rate, down_rate) \
             VALUES [[( :user, :torrent, :peer_id, :ip_mapped, :port, :uploaded, :downloaded, :left, \
             :seeder, :active, :agent, :started, :time, :announces, :up_rate, :down_rate)|, ]] \
             ON CONFLICT (user_id, torrent_id, peer_id) DO UPDATE SET ip = excluded.ip, \
             port = excluded.port, uploaded = excluded.uploaded, downloaded = excluded.downloaded, \
             remaining = excluded.remaining, seeder = excluded.seeder, active = excluded.active, \
             agent = excluded.agent, started_at = excluded.started_at, last_at = excluded.last_at, \
             announces = excluded.announces, up_rate = excluded.up_rate, down_rate = excluded.down_rate",
    ),
    (
        "forgotten",
        "DELETE FROM tracker_peers WHERE (user_id, torrent_id, peer_id) IN \
             ([[( :user, :torrent, :peer_id)|, ]])",
    ),
    (
        "events",
        "INSERT INTO tracker_events (at, kind, user_id, torrent_id, peer_id, ip, amount) \
             VALUES [[( :time, :kind, :user, :torrent, :peer_id, :ip_mapped, :amount)|, ]]",
    ),
];

pub(super) const POSTGRES_SCHEMA: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS tracker_users (\
         id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name VARCHAR(255) NOT NULL DEFAULT '', \
         passkey VARCHAR(64) NOT NULL UNIQUE, enabled SMALLINT NOT NULL DEFAULT 1, \
         can_leech SMALLINT NOT NULL DEFAULT 1, hide_ip SMALLINT NOT NULL DEFAULT 0, slots INT, \
         up_percent INT NOT NULL DEFAULT 100, down_percent INT NOT NULL DEFAULT 100, \
         uploaded BIGINT NOT NULL DEFAULT 0, downloaded BIGINT NOT NULL DEFAULT 0, \
         raw_uploaded BIGINT NOT NULL DEFAULT 0, raw_downloaded BIGINT NOT NULL DEFAULT 0) \
         WITH (fillfactor = 80)",
    "CREATE TABLE IF NOT EXISTS tracker_torrents (\
         id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name VARCHAR(255) NOT NULL DEFAULT '', \
         info_hash BYTEA NOT NULL UNIQUE, status SMALLINT NOT NULL DEFAULT 0, reason VARCHAR(512), \
         up_percent INT NOT NULL DEFAULT 100, down_percent INT NOT NULL DEFAULT 100, \
         seeders INT NOT NULL DEFAULT 0, leechers INT NOT NULL DEFAULT 0, \
         snatches BIGINT NOT NULL DEFAULT 0, balance BIGINT NOT NULL DEFAULT 0, \
         last_seeded BIGINT NOT NULL DEFAULT 0) WITH (fillfactor = 80)",
    "CREATE TABLE IF NOT EXISTS tracker_clients (prefix VARCHAR(20) NOT NULL PRIMARY KEY, \
         allow SMALLINT NOT NULL DEFAULT 1)",
    "CREATE TABLE IF NOT EXISTS tracker_tokens (user_id BIGINT NOT NULL DEFAULT 0, \
         torrent_id BIGINT NOT NULL DEFAULT 0, up_percent INT NOT NULL DEFAULT 100, \
         down_percent INT NOT NULL DEFAULT 100, until BIGINT, PRIMARY KEY (user_id, torrent_id))",
    "CREATE INDEX IF NOT EXISTS tracker_tokens_torrent ON tracker_tokens (torrent_id)",
    "CREATE TABLE IF NOT EXISTS tracker_options (name VARCHAR(64) NOT NULL PRIMARY KEY, \
         value BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS tracker_history (user_id BIGINT NOT NULL, torrent_id BIGINT NOT NULL, \
         uploaded BIGINT NOT NULL, downloaded BIGINT NOT NULL, raw_uploaded BIGINT NOT NULL, \
         raw_downloaded BIGINT NOT NULL, seed_seconds BIGINT NOT NULL, leech_seconds BIGINT NOT NULL, \
         announces BIGINT NOT NULL, snatches BIGINT NOT NULL, started_at BIGINT NOT NULL, \
         last_at BIGINT NOT NULL, completed_at BIGINT NOT NULL, seeder SMALLINT NOT NULL, \
         active SMALLINT NOT NULL, remaining BIGINT NOT NULL, client_uploaded BIGINT NOT NULL, \
         client_downloaded BIGINT NOT NULL, agent VARCHAR(64) NOT NULL, \
         PRIMARY KEY (user_id, torrent_id)) WITH (fillfactor = 80)",
    "CREATE TABLE IF NOT EXISTS tracker_peers (user_id BIGINT NOT NULL, torrent_id BIGINT NOT NULL, \
         peer_id BYTEA NOT NULL, ip BYTEA NOT NULL, port INT NOT NULL, uploaded BIGINT NOT NULL, \
         downloaded BIGINT NOT NULL, remaining BIGINT NOT NULL, seeder SMALLINT NOT NULL, \
         active SMALLINT NOT NULL, agent VARCHAR(64) NOT NULL, started_at BIGINT NOT NULL, \
         last_at BIGINT NOT NULL, announces BIGINT NOT NULL, up_rate BIGINT NOT NULL, \
         down_rate BIGINT NOT NULL, PRIMARY KEY (user_id, torrent_id, peer_id)) WITH (fillfactor = 80)",
    "CREATE TABLE IF NOT EXISTS tracker_events (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, \
         at BIGINT NOT NULL, kind VARCHAR(32) NOT NULL, user_id BIGINT NOT NULL, \
         torrent_id BIGINT NOT NULL, peer_id BYTEA NOT NULL, ip BYTEA NOT NULL, amount BIGINT NOT NULL)",
    POSITION,
];

/// How far each journal has been committed; the one table that every site needs. It is made last.
pub(super) const POSITION: &str = "CREATE TABLE IF NOT EXISTS tracker_batches (\
     writer VARCHAR(64) NOT NULL PRIMARY KEY, seq BIGINT NOT NULL)";

pub(super) static MYSQL: Preset = Preset {
    name: "own",
    dialect: Dialect::Mysql,
    load: MYSQL_LOAD,
    write: MYSQL_WRITE,
    schema: MYSQL_SCHEMA,
    tracking: own_changes::MYSQL,
};

pub(super) const MYSQL_WRITE: &[(&str, &str)] = &[
    (
        "users",
        "UPDATE tracker_users u JOIN ([[SELECT :user id, :up up, :down dn, :raw_up ru, :raw_down rd| UNION ALL ]]) d \
             ON u.id = d.id SET u.uploaded = u.uploaded + LEAST(d.up, 9223372036854775807 - u.uploaded), \
             u.downloaded = u.downloaded + LEAST(d.dn, 9223372036854775807 - u.downloaded), \
             u.raw_uploaded = u.raw_uploaded + LEAST(d.ru, 9223372036854775807 - u.raw_uploaded), \
             u.raw_downloaded = u.raw_downloaded + LEAST(d.rd, 9223372036854775807 - u.raw_downloaded)",
    ),
    (
        "torrents",
        "UPDATE tracker_torrents t JOIN ([[SELECT :torrent id, :seeders s, :leechers l, :snatches n, \
             :balance b, :last_seeded a| UNION ALL ]]) d ON t.id = d.id SET t.seeders = d.s, \
             t.leechers = d.l, t.snatches = t.snatches + LEAST(d.n, 9223372036854775807 - t.snatches), \
             t.balance = GREATEST(LEAST(CAST(t.balance AS DECIMAL(30)) + d.b, 9223372036854775807), -9223372036854775808), \
             t.last_seeded = GREATEST(t.last_seeded, d.a)",
    ),
    (
        "history",
        "INSERT INTO tracker_history (user_id, torrent_id, uploaded, downloaded, raw_uploaded, \
             raw_downloaded, seed_seconds, leech_seconds, announces, snatches, started_at, last_at, \
             completed_at, seeder, active, remaining, client_uploaded, client_downloaded, agent) \
             VALUES [[( :user, :torrent, :up, :down, :raw_up, :raw_down, :seed_seconds, :leech_seconds, \
             :announces, :snatches, :started, :time, :completed_at, :seeder, :active, :left, :uploaded, \
             :downloaded, :agent)|, ]] ON DUPLICATE KEY UPDATE \
             uploaded = uploaded + LEAST(VALUES(uploaded), 9223372036854775807 - uploaded), \
             downloaded = downloaded + LEAST(VALUES(downloaded), 9223372036854775807 - downloaded), \
             raw_uploaded = raw_uploaded + LEAST(VALUES(raw_uploaded), 9223372036854775807 - raw_uploaded), \
             raw_downloaded = raw_downloaded + LEAST(VALUES(raw_downloaded), 9223372036854775807 - raw_downloaded), \
             seed_seconds = seed_seconds + LEAST(VALUES(seed_seconds), 9223372036854775807 - seed_seconds), \
             leech_seconds = leech_seconds + LEAST(VALUES(leech_seconds), 9223372036854775807 - leech_seconds), \
             announces = announces + LEAST(VALUES(announces), 9223372036854775807 - announces), \
             snatches = snatches + LEAST(VALUES(snatches), 9223372036854775807 - snatches), \
             last_at = GREATEST(last_at, VALUES(last_at)), \
             completed_at = IF(completed_at = 0, VALUES(completed_at), completed_at), \
             seeder = VALUES(seeder), active = VALUES(active), remaining = VALUES(remaining), \
             client_uploaded = VALUES(client_uploaded), client_downloaded = VALUES(client_downloaded), \
             agent = VALUES(agent)",
    ),
    (
        "peers",
        "INSERT INTO tracker_peers (user_id, torrent_id, peer_id, ip, port, uploaded, downloaded, \
             remaining, seeder, active, agent, started_at, last_at, announces, up_rate, down_rate) \
             VALUES [[( :user, :torrent, :peer_id, :ip_mapped, :port, :uploaded, :downloaded, :left, \
             :seeder, :active, :agent, :started, :time, :announces, :up_rate, :down_rate)|, ]] \
             ON DUPLICATE KEY UPDATE ip = VALUES(ip), port = VALUES(port), uploaded = VALUES(uploaded), \
             downloaded = VALUES(downloaded), remaining = VALUES(remaining), seeder = VALUES(seeder), \
             active = VALUES(active), agent = VALUES(agent), started_at = VALUES(started_at), \
             last_at = VALUES(last_at), announces = VALUES(announces), up_rate = VALUES(up_rate), \
             down_rate = VALUES(down_rate)",
    ),
    (
        "forgotten",
        "DELETE FROM tracker_peers WHERE (user_id, torrent_id, peer_id) IN \
             ([[( :user, :torrent, :peer_id)|, ]])",
    ),
    (
        "events",
        "INSERT INTO tracker_events (at, kind, user_id, torrent_id, peer_id, ip, amount) \
             VALUES [[( :time, :kind, :user, :torrent, :peer_id, :ip_mapped, :amount)|, ]]",
    ),
];

pub(super) const MYSQL_SCHEMA: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS tracker_users (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, \
         name VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL DEFAULT '', \
         passkey VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL UNIQUE, \
         enabled SMALLINT NOT NULL DEFAULT 1, can_leech SMALLINT NOT NULL DEFAULT 1, \
         hide_ip SMALLINT NOT NULL DEFAULT 0, slots INT, up_percent INT NOT NULL DEFAULT 100, \
         down_percent INT NOT NULL DEFAULT 100, uploaded BIGINT NOT NULL DEFAULT 0, \
         downloaded BIGINT NOT NULL DEFAULT 0, raw_uploaded BIGINT NOT NULL DEFAULT 0, \
         raw_downloaded BIGINT NOT NULL DEFAULT 0) ENGINE = InnoDB",
    "CREATE TABLE IF NOT EXISTS tracker_torrents (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, \
         name VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL DEFAULT '', info_hash BINARY(20) NOT NULL UNIQUE, \
         status SMALLINT NOT NULL DEFAULT 0, reason VARCHAR(512) CHARACTER SET utf8mb4, \
         up_percent INT NOT NULL DEFAULT 100, down_percent INT NOT NULL DEFAULT 100, \
         seeders INT NOT NULL DEFAULT 0, leechers INT NOT NULL DEFAULT 0, \
         snatches BIGINT NOT NULL DEFAULT 0, balance BIGINT NOT NULL DEFAULT 0, \
         last_seeded BIGINT NOT NULL DEFAULT 0) ENGINE = InnoDB",
    "CREATE TABLE IF NOT EXISTS tracker_clients (\
         prefix VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, \
         allow SMALLINT NOT NULL DEFAULT 1) ENGINE = InnoDB",
    "CREATE TABLE IF NOT EXISTS tracker_tokens (user_id BIGINT NOT NULL DEFAULT 0, \
         torrent_id BIGINT NOT NULL DEFAULT 0, up_percent INT NOT NULL DEFAULT 100, \
         down_percent INT NOT NULL DEFAULT 100, until BIGINT, PRIMARY KEY (user_id, torrent_id), \
         KEY tracker_tokens_torrent (torrent_id)) ENGINE = InnoDB",
    "CREATE TABLE IF NOT EXISTS tracker_options (\
         name VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, \
         value BIGINT NOT NULL) ENGINE = InnoDB",
    "CREATE TABLE IF NOT EXISTS tracker_history (user_id BIGINT NOT NULL, torrent_id BIGINT NOT NULL, \
         uploaded BIGINT NOT NULL, downloaded BIGINT NOT NULL, raw_uploaded BIGINT NOT NULL, \
         raw_downloaded BIGINT NOT NULL, seed_seconds BIGINT NOT NULL, leech_seconds BIGINT NOT NULL, \
         announces BIGINT NOT NULL, snatches BIGINT NOT NULL, started_at BIGINT NOT NULL, \
         last_at BIGINT NOT NULL, completed_at BIGINT NOT NULL, seeder SMALLINT NOT NULL, \
         active SMALLINT NOT NULL, remaining BIGINT NOT NULL, client_uploaded BIGINT NOT NULL, \
         client_downloaded BIGINT NOT NULL, agent VARCHAR(64) CHARACTER SET utf8mb4 NOT NULL, \
         PRIMARY KEY (user_id, torrent_id)) ENGINE = InnoDB",
    "CREATE TABLE IF NOT EXISTS tracker_peers (user_id BIGINT NOT NULL, torrent_id BIGINT NOT NULL, \
         peer_id BINARY(20) NOT NULL, ip BINARY(16) NOT NULL, port INT NOT NULL, \
         uploaded BIGINT NOT NULL, downloaded BIGINT NOT NULL, remaining BIGINT NOT NULL, \
         seeder SMALLINT NOT NULL, active SMALLINT NOT NULL, \
         agent VARCHAR(64) CHARACTER SET utf8mb4 NOT NULL, started_at BIGINT NOT NULL, \
         last_at BIGINT NOT NULL, announces BIGINT NOT NULL, up_rate BIGINT NOT NULL, \
         down_rate BIGINT NOT NULL, PRIMARY KEY (user_id, torrent_id, peer_id)) ENGINE = InnoDB",
    "CREATE TABLE IF NOT EXISTS tracker_events (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, \
         at BIGINT NOT NULL, kind VARCHAR(32) CHARACTER SET utf8mb4 NOT NULL, user_id BIGINT NOT NULL, \
         torrent_id BIGINT NOT NULL, peer_id BINARY(20) NOT NULL, ip BINARY(16) NOT NULL, \
         amount BIGINT NOT NULL) ENGINE = InnoDB",
    MYSQL_POSITION,
];

/// The same in MySQL.
pub(super) const MYSQL_POSITION: &str = "CREATE TABLE IF NOT EXISTS tracker_batches (\
     writer VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, \
     seq BIGINT NOT NULL) ENGINE = InnoDB";
