//! UNIT3D.
//!
//! Its groups are told with their users. What it calls immune is set by the site, not by the tracker.

use super::Preset;
use super::own::MYSQL_POSITION;
use crate::storage::sql::connection::Dialect;

pub(super) static UNIT3D: Preset = Preset {
    name: "unit3d",
    dialect: Dialect::Mysql,
    load: &[
        (
            "users",
            "SELECT u.id AS id, u.passkey AS passkey, u.can_download AS can_leech, \
             g.download_slots AS slots, IF(g.is_freeleech OR u.is_donor, 0, 100) AS down_percent, \
             IF(g.is_double_upload, 200, 100) AS up_percent FROM users u \
             JOIN `groups` g ON g.id = u.group_id WHERE u.deleted_at IS NULL \
             AND g.slug NOT IN ('banned', 'validating', 'disabled')",
        ),
        (
            "torrents",
            "SELECT id, info_hash, IF(status = 1, 0, 1) AS status, \
             100 - LEAST(free, 100) AS down_percent, IF(doubleup, 200, 100) AS up_percent, \
             times_completed AS snatches FROM torrents WHERE deleted_at IS NULL",
        ),
        (
            "tokens",
            "SELECT user_id AS `user`, torrent_id AS torrent, 0 AS down_percent, \
             100 AS up_percent FROM freeleech_tokens \
             UNION ALL SELECT user_id, 0, 0, 100 FROM personal_freeleeches \
             UNION ALL SELECT 0, torrent_id, 0, 200 FROM featured_torrents",
        ),
        (
            "clients",
            "SELECT peer_id_prefix AS prefix, 0 AS allow FROM blacklist_clients",
        ),
    ],
    write: &[
        (
            "users",
            "UPDATE users u JOIN ([[SELECT :user id, :up up, :down dn| UNION ALL ]]) d \
             ON u.id = d.id SET u.uploaded = u.uploaded + d.up, u.downloaded = u.downloaded + d.dn",
        ),
        (
            "torrents",
            "UPDATE torrents t JOIN ([[SELECT :torrent id, :seeders s, :leechers l, \
             :snatches n| UNION ALL ]]) d ON t.id = d.id SET t.seeders = d.s, t.leechers = d.l, \
             t.times_completed = t.times_completed + d.n",
        ),
        (
            "history",
            "INSERT INTO history (user_id, torrent_id, agent, uploaded, actual_uploaded, \
             client_uploaded, downloaded, actual_downloaded, client_downloaded, seeder, active, \
             seedtime, immune, created_at, updated_at, completed_at) VALUES [[( :user, :torrent, \
             :agent, :up, :raw_up, :uploaded, :down, :raw_down, :downloaded, :seeder, :active, \
             :seed_seconds, 0, FROM_UNIXTIME( :started), FROM_UNIXTIME( :time), \
             IF( :completed_at > 0, FROM_UNIXTIME( :completed_at), NULL))|, ]] \
             ON DUPLICATE KEY UPDATE agent = VALUES(agent), uploaded = uploaded + VALUES(uploaded), \
             actual_uploaded = actual_uploaded + VALUES(actual_uploaded), \
             client_uploaded = VALUES(client_uploaded), downloaded = downloaded + VALUES(downloaded), \
             actual_downloaded = actual_downloaded + VALUES(actual_downloaded), \
             client_downloaded = VALUES(client_downloaded), seedtime = seedtime + VALUES(seedtime), \
             updated_at = GREATEST(updated_at, VALUES(updated_at)), seeder = VALUES(seeder), \
             active = VALUES(active), completed_at = COALESCE(completed_at, VALUES(completed_at))",
        ),
        (
            "peers",
            "INSERT INTO peers (peer_id, ip, port, agent, uploaded, downloaded, `left`, active, seeder, \
             visible, created_at, updated_at, torrent_id, user_id, connectable) VALUES [[( :peer_id, \
             :ip, :port, :agent, :uploaded, :downloaded, :left, :active, :seeder, :active, \
             FROM_UNIXTIME( :started), FROM_UNIXTIME( :time), :torrent, :user, 0)|, ]] \
             ON DUPLICATE KEY UPDATE ip = VALUES(ip), port = VALUES(port), agent = VALUES(agent), \
             uploaded = VALUES(uploaded), downloaded = VALUES(downloaded), `left` = VALUES(`left`), \
             active = VALUES(active), seeder = VALUES(seeder), visible = VALUES(visible), \
             updated_at = VALUES(updated_at)",
        ),
        (
            "forgotten",
            "DELETE FROM peers WHERE (user_id, torrent_id, peer_id) IN \
             ([[( :user, :torrent, :peer_id)|, ]])",
        ),
    ],
    schema: &[MYSQL_POSITION],
    tracking: &[],
};
