//! Gazelle: as it was in 2016, and as Orpheus runs it now.
//!
//! The site reckons seed time itself from when a session was last heard of, so every announce moves
//! `mtime`. Its column for addresses has room for 15 characters; longer ones are left out.

use super::Preset;
use super::own::MYSQL_POSITION;
use crate::storage::sql::connection::Dialect;

const USERS: (&str, &str) = (
    "users",
    "SELECT ID AS id, torrent_pass AS passkey, can_leech, \
     (Visible = '0' OR IP = '127.0.0.1') AS hide_ip FROM users_main WHERE Enabled = '1'",
);
const TOKENS_LOADED: (&str, &str) = (
    "tokens",
    "SELECT UserID AS `user`, TorrentID AS torrent, 0 AS down_percent FROM users_freeleeches \
     WHERE Expired = '0'",
);
const CLIENTS: (&str, &str) = (
    "clients",
    "SELECT peer_id AS prefix, 1 AS allow FROM xbt_client_whitelist",
);

const PEERS: &str = "INSERT INTO xbt_files_users (uid, fid, active, uploaded, downloaded, upspeed, \
    downspeed, remaining, timespent, announced, ip, peer_id, useragent, mtime) VALUES \
    [[( :user, :torrent, :active, :uploaded, :downloaded, LEAST( :up_rate, 4294967295), \
    LEAST( :down_rate, 4294967295), :left, :age, LEAST( :announces, 2147483647), \
    IF( :hide_ip OR LENGTH( :ip_text) > 15, '', :ip_text), :peer_id, LEFT( :agent, 51), LEAST( :time, 2147483647))|, ]] \
    ON DUPLICATE KEY UPDATE active = VALUES(active), uploaded = VALUES(uploaded), \
    downloaded = VALUES(downloaded), upspeed = VALUES(upspeed), downspeed = VALUES(downspeed), \
    remaining = VALUES(remaining), timespent = VALUES(timespent), announced = VALUES(announced), \
    ip = VALUES(ip), useragent = VALUES(useragent), mtime = VALUES(mtime)";
const FORGOTTEN: &str = "DELETE FROM xbt_files_users WHERE (uid, fid, peer_id) IN \
    ([[( :user, :torrent, :peer_id)|, ]])";
const SNATCHES: &str = "INSERT IGNORE INTO xbt_snatched (uid, tstamp, fid, IP) VALUES \
    [[( :user, :time, :torrent, IF( :hide_ip OR LENGTH( :ip_text) > 15, '', :ip_text))|, ]]";
const TOKENS: &str = "UPDATE users_freeleeches f JOIN ([[SELECT :user u, :torrent t, :raw_down dn, \
    :used x| UNION ALL ]]) d ON f.UserID = d.u AND f.TorrentID = d.t \
    SET f.Downloaded = f.Downloaded + d.dn, f.Expired = IF(d.x, 1, f.Expired)";

pub(super) static GAZELLE: Preset = Preset {
    name: "gazelle",
    dialect: Dialect::Mysql,
    load: &[
        USERS,
        (
            "torrents",
            "SELECT ID AS id, info_hash, IF(FreeTorrent = '0', 100, 0) AS down_percent, \
             IF(FreeTorrent = '2', 0, 100) AS up_percent, Snatched AS snatches FROM torrents",
        ),
        TOKENS_LOADED,
        CLIENTS,
    ],
    write: &[
        (
            "users",
            "UPDATE users_main u JOIN ([[SELECT :user id, :up up, :down dn| UNION ALL ]]) d \
             ON u.ID = d.id SET u.Uploaded = u.Uploaded + d.up, u.Downloaded = u.Downloaded + d.dn",
        ),
        (
            "torrents",
            "UPDATE torrents t JOIN ([[SELECT :torrent id, :seeders s, :leechers l, :snatches n, \
             :balance b, :last_seeded a| UNION ALL ]]) d ON t.ID = d.id SET t.Seeders = d.s, t.Leechers = d.l, \
             t.Snatched = t.Snatched + d.n, t.balance = t.balance + d.b, \
             t.last_action = GREATEST(COALESCE(t.last_action, '2000-01-01'), \
             FROM_UNIXTIME(LEAST(d.a, 2147483647)))",
        ),
        ("peers", PEERS),
        ("forgotten", FORGOTTEN),
        ("snatches", SNATCHES),
        ("tokens", TOKENS),
    ],
    schema: &[MYSQL_POSITION],
    tracking: &[],
};

pub(super) static OPS: Preset = Preset {
    name: "gazelle-ops",
    dialect: Dialect::Mysql,
    load: &[
        USERS,
        (
            "torrents",
            "SELECT t.ID AS id, t.info_hash AS info_hash, \
             IF(t.FreeTorrent = '0', 100, 0) AS down_percent, \
             IF(t.FreeTorrent = '2', 0, 100) AS up_percent, s.Snatched AS snatches \
             FROM torrents t LEFT JOIN torrents_leech_stats s ON s.TorrentID = t.ID",
        ),
        TOKENS_LOADED,
        CLIENTS,
    ],
    write: &[
        (
            "users",
            "UPDATE users_leech_stats u JOIN ([[SELECT :user id, :up up, :down dn| UNION ALL ]]) d \
             ON u.UserID = d.id SET u.Uploaded = u.Uploaded + d.up, \
             u.Downloaded = u.Downloaded + d.dn",
        ),
        (
            "torrents",
            "UPDATE torrents_leech_stats t JOIN ([[SELECT :torrent id, :seeders s, :leechers l, \
             :snatches n, :balance b, :last_seeded a| UNION ALL ]]) d ON t.TorrentID = d.id SET t.Seeders = d.s, \
             t.Leechers = d.l, t.Snatched = t.Snatched + d.n, t.Balance = t.Balance + d.b, \
             t.last_action = GREATEST(COALESCE(t.last_action, '2000-01-01'), \
             FROM_UNIXTIME(LEAST(d.a, 2147483647)))",
        ),
        ("peers", PEERS),
        ("forgotten", FORGOTTEN),
        ("snatches", SNATCHES),
        ("tokens", TOKENS),
    ],
    schema: &[MYSQL_POSITION],
    tracking: &[],
};
