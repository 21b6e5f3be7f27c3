//! The tracker's own tables in SQLite, as statements: for those who replace some of them. As long as
//! nobody does, the tables are written by [`Sqlite`](crate::storage::Sqlite), which makes the same.

use super::{Preset, own};
use crate::storage::sql::connection::Dialect;
use crate::storage::sqlite::schema;

/// Those that [`Sqlite`](crate::storage::Sqlite) makes.
pub(super) const SCHEMA: &[&str] = schema::STATEMENTS;

pub(super) static SQLITE: Preset = Preset {
    name: "own",
    dialect: Dialect::Sqlite,
    load: LOAD,
    write: WRITE,
    schema: SCHEMA,
    tracking: &[],
};

pub(super) const LOAD: &[(&str, &str)] = &[
    own::LOAD[0],
    own::LOAD[1],
    own::LOAD[2],
    (
        "tokens",
        "SELECT user_id AS \"user\", torrent_id AS torrent, up_percent, down_percent, until \
         FROM tracker_tokens",
    ),
    ("options", "SELECT name, value FROM tracker_options"),
    (
        "changes",
        // The list trims itself, and a file may be put back to an earlier state: then what has
        // changed since is not known.
        "SELECT seq AS cursor, kind, CASE kind WHEN 'user' THEN user_id \
             WHEN 'torrent' THEN torrent_id WHEN 'client' THEN prefix \
             WHEN 'token' THEN user_id || ':' || torrent_id END AS \"key\" \
             FROM tracker_changes WHERE seq > :cursor \
             UNION ALL SELECT last.seq, 'all', NULL FROM (SELECT COALESCE((SELECT seq \
             FROM sqlite_sequence WHERE name = 'tracker_changes'), 0) AS seq) AS last \
             WHERE last.seq < :cursor OR last.seq > :cursor AND NOT EXISTS \
             (SELECT 1 FROM tracker_changes WHERE seq <= :cursor + 1)",
    ),
];

/// Where a sum would be more than can be kept, SQLite would go on in floating point: it is held
/// there.
pub(super) const WRITE: &[(&str, &str)] = &[
    (
        "users",
        "UPDATE tracker_users SET \
             uploaded = uploaded + MIN(d.up, 9223372036854775807 - uploaded), \
             downloaded = downloaded + MIN(d.dn, 9223372036854775807 - downloaded), \
             raw_uploaded = raw_uploaded + MIN(d.ru, 9223372036854775807 - raw_uploaded), \
             raw_downloaded = raw_downloaded + MIN(d.rd, 9223372036854775807 - raw_downloaded) \
             FROM (SELECT column1 AS uid, column2 AS up, column3 AS dn, column4 AS ru, column5 AS rd \
             FROM (VALUES [[(:user, :up, :down, :raw_up, :raw_down)|, ]])) d \
             WHERE tracker_users.id = d.uid",
    ),
    (
        "torrents",
        "UPDATE tracker_torrents SET seeders = d.s, leechers = d.l, \
             snatches = snatches + MIN(d.n, 9223372036854775807 - snatches), \
             balance = CASE WHEN d.b >= 0 THEN balance + MIN(d.b, 9223372036854775807 - balance) \
             ELSE balance + MAX(d.b, -9223372036854775808 - balance) END, \
             last_seeded = MAX(last_seeded, d.a) \
             FROM (SELECT column1 AS tid, column2 AS s, column3 AS l, column4 AS n, column5 AS b, \
             column6 AS a FROM (VALUES [[(:torrent, :seeders, :leechers, :snatches, :balance, \
             :last_seeded)|, ]])) d WHERE tracker_torrents.id = d.tid",
    ),
    (
        "history",
        "INSERT INTO tracker_history (user_id, torrent_id, uploaded, downloaded, raw_uploaded, \
             raw_downloaded, seed_seconds, leech_seconds, announces, snatches, started_at, last_at, \
             completed_at, seeder, active, remaining, client_uploaded, client_downloaded, agent) \
             VALUES [[(:user, :torrent, :up, :down, :raw_up, :raw_down, :seed_seconds, :leech_seconds, \
             :announces, :snatches, :started, :time, :completed_at, :seeder, :active, :left, :uploaded, \
             :downloaded, :agent)|, ]] \
             ON CONFLICT (user_id, torrent_id) DO UPDATE SET \
             uploaded = uploaded + MIN(excluded.uploaded, 9223372036854775807 - uploaded), \
             downloaded = downloaded + MIN(excluded.downloaded, 9223372036854775807 - downloaded), \
             raw_uploaded = raw_uploaded + MIN(excluded.raw_uploaded, 9223372036854775807 - raw_uploaded), \
             raw_downloaded = raw_downloaded + MIN(excluded.raw_downloaded, 9223372036854775807 - raw_downloaded), \
             seed_seconds = seed_seconds + MIN(excluded.seed_seconds, 9223372036854775807 - seed_seconds), \
             leech_seconds = leech_seconds + MIN(excluded.leech_seconds, 9223372036854775807 - leech_seconds), \
             announces = announces + MIN(excluded.announces, 9223372036854775807 - announces), \
             snatches = snatches + MIN(excluded.snatches, 9223372036854775807 - snatches), \
             last_at = MAX(last_at, excluded.last_at), \
             completed_at = CASE WHEN completed_at = 0 THEN excluded.completed_at ELSE completed_at END, \
             seeder = excluded.seeder, active = excluded.active, remaining = excluded.remaining, \
             client_uploaded = excluded.client_uploaded, client_downloaded = excluded.client_downloaded, \
             agent = excluded.agent",
    ),
    own::POSTGRES_WRITE[3],
    (
        "forgotten",
        "DELETE FROM tracker_peers WHERE (user_id, torrent_id, peer_id) IN \
             (VALUES [[(:user, :torrent, :peer_id)|, ]])",
    ),
    own::POSTGRES_WRITE[5],
];
