//! Arcadia.

use super::Preset;
use super::own::POSITION;
use crate::storage::sql::connection::Dialect;

pub(super) static ARCADIA: Preset = Preset {
    name: "arcadia",
    dialect: Dialect::Postgres,
    load: &[
        ("users", "SELECT id, passkey FROM users WHERE NOT banned"),
        (
            "torrents",
            "SELECT id, info_hash, upload_factor AS up_percent, download_factor AS down_percent, \
             times_completed AS snatches FROM torrents WHERE deleted_at IS NULL",
        ),
        (
            "options",
            "SELECT 'up_percent' AS name, global_upload_factor AS value FROM arcadia_settings \
             UNION ALL SELECT 'down_percent', global_download_factor FROM arcadia_settings",
        ),
    ],
    write: &[
        (
            "users",
            "UPDATE users u SET uploaded = u.uploaded + d.up, downloaded = u.downloaded + d.dn, \
             real_uploaded = u.real_uploaded + d.ru, real_downloaded = u.real_downloaded + d.rd \
             FROM (VALUES [[( :user, :up, :down, :raw_up, \
             :raw_down)|, ]]) d (id, up, dn, ru, rd) WHERE u.id = d.id",
        ),
        (
            "torrents",
            "UPDATE torrents t SET seeders = d.s, leechers = d.l, \
             times_completed = t.times_completed + d.n FROM (VALUES [[( :torrent, \
             :seeders, :leechers, :snatches)|, ]]) d (id, s, l, n) \
             WHERE t.id = d.id",
        ),
        (
            "history",
            "INSERT INTO torrent_activities AS h (torrent_id, user_id, completed_at, \
             first_seen_seeding_at, last_seen_seeding_at, total_seed_time, uploaded, real_uploaded, \
             downloaded, real_downloaded) VALUES [[( :torrent, :user, \
             to_timestamp(nullif( :completed_at, 0)), to_timestamp(nullif( :seeder * :time, 0)), \
             to_timestamp(nullif( :seeder * :time, 0)), :seed_seconds, :up, :raw_up, :down, \
             :raw_down)|, ]] ON CONFLICT (torrent_id, user_id) DO UPDATE SET \
             completed_at = COALESCE(h.completed_at, excluded.completed_at), \
             first_seen_seeding_at = COALESCE(h.first_seen_seeding_at, excluded.first_seen_seeding_at), \
             last_seen_seeding_at = GREATEST(h.last_seen_seeding_at, excluded.last_seen_seeding_at), \
             total_seed_time = h.total_seed_time + excluded.total_seed_time, \
             uploaded = h.uploaded + excluded.uploaded, \
             real_uploaded = h.real_uploaded + excluded.real_uploaded, \
             downloaded = h.downloaded + excluded.downloaded, \
             real_downloaded = h.real_downloaded + excluded.real_downloaded",
        ),
        (
            "peers",
            "INSERT INTO peers (peer_id, ip, port, agent, uploaded, downloaded, \"left\", active, seeder, \
             created_at, updated_at, torrent_id, user_id) VALUES [[( :peer_id, :ip_text::inet, :port, \
             :agent, :uploaded, :downloaded, :left, :active = 1, :seeder = 1, \
             to_timestamp( :started) AT TIME ZONE 'UTC', to_timestamp( :time) AT TIME ZONE 'UTC', \
             :torrent, :user)|, ]] ON CONFLICT (user_id, torrent_id, peer_id) DO UPDATE SET \
             ip = excluded.ip, port = excluded.port, agent = excluded.agent, \
             uploaded = excluded.uploaded, downloaded = excluded.downloaded, \
             \"left\" = excluded.\"left\", active = excluded.active, seeder = excluded.seeder, \
             updated_at = excluded.updated_at",
        ),
        (
            "forgotten",
            "DELETE FROM peers WHERE (user_id, torrent_id, peer_id) IN \
             ([[( :user, :torrent, :peer_id)|, ]])",
        ),
    ],
    schema: &[POSITION],
    tracking: &[],
};
