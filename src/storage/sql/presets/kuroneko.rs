//! Kuroneko.
//!
//! It keeps a row for each address, of IPv4 only, with the totals that the client there says.

use super::Preset;
use super::own::MYSQL_POSITION;
use crate::storage::sql::connection::Dialect;

pub(super) static KURONEKO: Preset = Preset {
    name: "kuroneko",
    dialect: Dialect::Mysql,
    load: &[
        (
            "users",
            "SELECT ID AS id, torrent_pass AS passkey, 1 - DisableDownload AS can_leech, \
             TrackerHide AS hide_ip, ROUND(100 * UpMultiplier) AS up_percent, \
             ROUND(100 * DownMultiplier) AS down_percent FROM users_main WHERE Enabled = '1'",
        ),
        (
            "torrents",
            "SELECT t.ID AS id, t.info_hash AS info_hash, t.Status AS status, \
             ROUND(100 * t.UpMultiplier * COALESCE(g.UpMultiplier, 1)) AS up_percent, \
             ROUND(100 * t.DownMultiplier * COALESCE(g.DownMultiplier, 1)) AS down_percent, \
             t.Snatched AS snatches FROM torrents t LEFT JOIN torrent_group_freeleech g \
             ON g.GroupID = t.GroupID AND g.Type = t.TorrentType",
        ),
        (
            "clients",
            "SELECT peer_id AS prefix, 1 AS allow FROM approved_clients WHERE archived = 0",
        ),
        (
            "options",
            "SELECT 'down_percent' AS name, IF(mod_setting, 0, 100) AS value FROM mod_core \
             WHERE mod_option = 'global_freeleech'",
        ),
    ],
    write: &[
        (
            "users",
            "UPDATE users_main u JOIN ([[SELECT :user id, :up up, :down dn, :raw_up ru, \
             :raw_down rd| UNION ALL ]]) d ON u.ID = d.id SET u.Uploaded = u.Uploaded + d.up, \
             u.Downloaded = u.Downloaded + d.dn, u.rawup = u.rawup + d.ru, u.rawdl = u.rawdl + d.rd",
        ),
        (
            "torrents",
            "UPDATE torrents t JOIN ([[SELECT :torrent id, :seeders s, :leechers l, :snatches n, \
             :last_seeded a| UNION ALL ]]) d ON t.ID = d.id SET t.Seeders = d.s, t.Leechers = d.l, \
             t.Snatched = t.Snatched + d.n, t.last_action = GREATEST(t.last_action, LEAST(d.a, 2147483647))",
        ),
        (
            "history",
            "INSERT INTO transfer_history (uid, fid, uploaded, downloaded, seeding, starttime, \
             last_announce, activetime, seedtime, active, snatched, remaining, snatched_time) VALUES \
             [[( :user, :torrent, :raw_up, :raw_down, :seeder, LEAST( :started, 2147483647), \
             LEAST( :time, 2147483647), LEAST( :active_seconds, 2147483647), \
             LEAST( :seed_seconds, 2147483647), :active, LEAST( :snatches, 2147483647), :left, \
             LEAST( :completed_at, 2147483647))|, ]] \
             ON DUPLICATE KEY UPDATE uploaded = uploaded + VALUES(uploaded), \
             downloaded = downloaded + VALUES(downloaded), remaining = VALUES(remaining), \
             seeding = VALUES(seeding), activetime = LEAST(activetime + VALUES(activetime), 2147483647), \
             seedtime = LEAST(seedtime + VALUES(seedtime), 2147483647), \
             last_announce = GREATEST(last_announce, VALUES(last_announce)), \
             active = VALUES(active), snatched = LEAST(snatched + VALUES(snatched), 2147483647), \
             snatched_time = IF(snatched_time = 0, VALUES(snatched_time), snatched_time)",
        ),
        (
            "peers",
            "INSERT INTO transfer_ips (uid, fid, client_id, ip, port, uploaded, downloaded, starttime, \
             last_announce) VALUES [[( :user, :torrent, 0, IF(LENGTH( :ip) = 4, \
             CONV(HEX( :ip), 16, 10), 0), :port, :uploaded, :downloaded, :started, :time)|, ]] \
             ON DUPLICATE KEY UPDATE port = VALUES(port), uploaded = VALUES(uploaded), \
             downloaded = VALUES(downloaded), last_announce = VALUES(last_announce)",
        ),
    ],
    schema: &[MYSQL_POSITION],
    tracking: &[],
};
