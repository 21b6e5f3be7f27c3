//! batter on each database: the users of the application, all else in the tracker's own tables.

use super::{Preset, Reads, Writes};
use chihaya::model::{Multipliers, Passkey};
use chihaya::storage::conformance::Row;
use chihaya::storage::sql::Dialect;
use chihaya::storage::{Change, TorrentStatus};

/// The fixture, with the torrents that the application has registered; bytes are a text between
/// these.
macro_rules! fixture {
    ($before:literal, $after:literal) => {
        concat!(
            include_str!("../fixtures/batter.sql"),
            "INSERT INTO tracker_torrents (id, info_hash, status, up_percent, down_percent, \
             snatches) VALUES (1, ",
            $before,
            "'torrent-000000000001'",
            $after,
            ", 0, 100, 100, 10), (2, ",
            $before,
            "'torrent-000000000002'",
            $after,
            ", 0, 100, 50, 20), (3, ",
            $before,
            "'torrent-000000000003'",
            $after,
            ", 0, 200, 0, 30), (4, ",
            $before,
            "'torrent-000000000004'",
            $after,
            ", 2, 100, 100, 40);"
        )
    };
}

#[cfg(feature = "mysql")]
pub const MYSQL: Preset = Preset {
    dialect: Dialect::Mysql,
    fixture: fixture!("", ""),
    ..BATTER
};

#[cfg(feature = "postgres")]
pub const POSTGRES: Preset = Preset {
    dialect: Dialect::Postgres,
    // As the others have it.
    fixture: concat!(
        "CREATE FUNCTION hex(bytea) RETURNS text LANGUAGE sql AS 'SELECT encode($1, ''hex'')'; \
         CREATE FUNCTION hex(text) RETURNS text LANGUAGE sql \
         AS 'SELECT encode(convert_to($1, ''UTF8''), ''hex'')'; ",
        fixture!("", "")
    ),
    ..BATTER
};

#[cfg(feature = "sqlite")]
pub const SQLITE: Preset = Preset {
    dialect: Dialect::Sqlite,
    fixture: fixture!("CAST(", " AS BLOB)"),
    ..BATTER
};

const BATTER: Preset = Preset {
    name: "batter",
    dialect: Dialect::Sqlite,
    fixture: "",
    told,
    writes: Writes {
        user: "INSERT INTO auth_user (id, username, is_active) SELECT {id}, '{id}', TRUE \
            WHERE NOT EXISTS (SELECT 1 FROM auth_user WHERE id = {id}); \
            DELETE FROM profiles_profile WHERE user_id = {id}; \
            INSERT INTO profiles_profile (id, user_id, trackerid) SELECT {id}, {id}, {passkey} \
            WHERE {enabled} = 1",
        user_gone: "DELETE FROM profiles_profile WHERE user_id = {id}",
        torrent: "UPDATE tracker_torrents SET info_hash = {info_hash}, status = {status}, \
            up_percent = {up}, down_percent = {down} WHERE id = {id}; \
            INSERT INTO tracker_torrents (id, info_hash, status, up_percent, down_percent) \
            SELECT {id}, {info_hash}, {status}, {up}, {down} \
            WHERE NOT EXISTS (SELECT 1 FROM tracker_torrents WHERE id = {id})",
        torrent_gone: "DELETE FROM tracker_torrents WHERE id = {id}",
        client: "DELETE FROM tracker_clients WHERE prefix = {prefix}; \
            INSERT INTO tracker_clients (prefix, allow) VALUES ({prefix}, {allow})",
        client_gone: "DELETE FROM tracker_clients WHERE prefix = {prefix}",
        token: "DELETE FROM tracker_tokens WHERE user_id = {user} AND torrent_id = {torrent}; \
            INSERT INTO tracker_tokens (user_id, torrent_id, down_percent) \
            VALUES ({user}, {torrent}, 0)",
        token_gone: "DELETE FROM tracker_tokens WHERE user_id = {user} AND torrent_id = {torrent}",
        global: "DELETE FROM tracker_options; INSERT INTO tracker_options (name, value) \
            VALUES ('up_percent', {up}), ('down_percent', {down})",
    },
    reads: Reads {
        // Who has not moved anything has no row.
        user: "SELECT COALESCE(MAX(uploaded), 0), COALESCE(MAX(downloaded), 0), \
            COALESCE(MAX(raw_uploaded), 0), COALESCE(MAX(raw_downloaded), 0) FROM tracker_users \
            WHERE id = {user}",
        torrent: "SELECT seeders, leechers, snatches, balance, last_seeded FROM tracker_torrents \
            WHERE id = {torrent}",
        history: Some(
            "SELECT uploaded, downloaded, raw_uploaded, raw_downloaded, seed_seconds, \
             leech_seconds, announces, snatches, started_at, last_at, completed_at, seeder, active, \
             remaining, client_uploaded, client_downloaded, LOWER(HEX(agent)) FROM tracker_history \
             WHERE user_id = {user} AND torrent_id = {torrent}",
        ),
        peer: Some(
            "SELECT LOWER(HEX(ip)), port, uploaded, downloaded, remaining, seeder, active, \
             LOWER(HEX(agent)), started_at, last_at, announces, up_rate, down_rate \
             FROM tracker_peers \
             WHERE user_id = {user} AND torrent_id = {torrent} AND peer_id = {peer_id}",
        ),
    },
    cut,
    dump: &[
        "SELECT 'users', id, uploaded, downloaded, raw_uploaded, raw_downloaded FROM tracker_users \
         ORDER BY id",
        "SELECT 'torrents', id, seeders, leechers, snatches, balance, {when:last_seeded} \
         FROM tracker_torrents ORDER BY id",
        "SELECT 'history', user_id, torrent_id, uploaded, downloaded, raw_uploaded, raw_downloaded, \
         {quick:seed_seconds}, {quick:leech_seconds}, announces, snatches, {when:started_at}, \
         {when:last_at}, {when:completed_at}, seeder, active, remaining, client_uploaded, \
         client_downloaded, LOWER(HEX(agent)) FROM tracker_history ORDER BY user_id, torrent_id",
        "SELECT 'peers', user_id, torrent_id, LOWER(HEX(peer_id)), LOWER(HEX(ip)), port, uploaded, \
         downloaded, remaining, seeder, active, LOWER(HEX(agent)), {when:started_at}, {when:last_at}, announces \
         FROM tracker_peers ORDER BY user_id, torrent_id, peer_id",
        "SELECT 'events', kind, user_id, torrent_id, LOWER(HEX(ip)), amount, {when:at} \
         FROM tracker_events ORDER BY id",
    ],
};

fn told(change: Change) -> Option<Change> {
    Some(match change {
        Change::User(user) if !user.enabled => Change::UserGone(user.id),
        Change::User(mut user) => {
            let fits = &user.passkey.as_bytes()[..user.passkey.as_bytes().len().min(32)];
            user.passkey = Passkey::new(fits)?;
            (user.can_leech, user.hide_ip, user.slots) = (true, false, None);
            user.multipliers = Multipliers::default();
            Change::User(user)
        }
        Change::Torrent(mut torrent) => {
            if let TorrentStatus::Deleted(reason) = &mut torrent.status {
                *reason = "".into();
            }
            Change::Torrent(torrent)
        }
        Change::Token(mut token) => {
            token.multipliers = Multipliers {
                up_percent: 100,
                down_percent: 0,
            };
            token.until = None;
            Change::Token(token)
        }
        Change::Global(mut global) => {
            global.until = None;
            Change::Global(global)
        }
        change => change,
    })
}

/// All is kept.
fn cut(_row: Row<'_>) {}
