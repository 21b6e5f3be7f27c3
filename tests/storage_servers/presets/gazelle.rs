//! Gazelle, as it was and as it is now.

use super::{Preset, Reads, Writes};
use chihaya::model::{Multipliers, Passkey, Transfer, UnixTime};
use chihaya::storage::conformance::Row;
use chihaya::storage::sql::Dialect;
use chihaya::storage::{Change, TorrentStatus};

const CLIENT: &str = "INSERT IGNORE INTO xbt_client_whitelist (peer_id) VALUES ({prefix}); \
    DELETE FROM xbt_client_whitelist WHERE peer_id = {prefix} AND NOT {allow}";
const CLIENT_GONE: &str = "DELETE FROM xbt_client_whitelist WHERE peer_id = {prefix}";
const TOKEN: &str = "INSERT INTO users_freeleeches (UserID, TorrentID, Time) VALUES ({user}, {torrent}, NOW()) \
    ON DUPLICATE KEY UPDATE Expired = 0";
const TOKEN_GONE: &str =
    "DELETE FROM users_freeleeches WHERE UserID = {user} AND TorrentID = {torrent}";
const PEER: &str = "SELECT ip, 0, uploaded, downloaded, remaining, remaining = 0, active, \
    LOWER(HEX(useragent)), mtime - timespent, mtime, announced, upspeed, downspeed \
    FROM xbt_files_users WHERE uid = {user} AND fid = {torrent} AND peer_id = {peer_id}";

pub const GAZELLE: Preset = Preset {
    name: "gazelle",
    dialect: Dialect::Mysql,
    fixture: include_str!("../fixtures/gazelle.sql"),
    told,
    writes: Writes {
        user: "INSERT INTO users_main (ID, Username, torrent_pass, Enabled, Visible, can_leech) \
            VALUES ({id}, {id}, {passkey}, IF({enabled}, '1', '2'), IF({hide_ip}, '0', '1'), {can_leech}) \
            ON DUPLICATE KEY UPDATE torrent_pass = VALUES(torrent_pass), Enabled = VALUES(Enabled), \
            Visible = VALUES(Visible), can_leech = VALUES(can_leech)",
        user_gone: "DELETE FROM users_main WHERE ID = {id}",
        torrent: "INSERT INTO torrents (ID, GroupID, info_hash, FreeTorrent) VALUES \
            ({id}, 1, {info_hash}, IF({down} > 0, '0', IF({up} > 0, '1', '2'))) ON DUPLICATE KEY UPDATE \
            info_hash = VALUES(info_hash), FreeTorrent = VALUES(FreeTorrent); \
            DELETE FROM torrents WHERE ID = {id} AND {status} <> 0",
        torrent_gone: "DELETE FROM torrents WHERE ID = {id}",
        client: CLIENT,
        client_gone: CLIENT_GONE,
        token: TOKEN,
        token_gone: TOKEN_GONE,
        global: "",
    },
    reads: Reads {
        user: "SELECT Uploaded, Downloaded, 0, 0 FROM users_main WHERE ID = {user}",
        torrent: "SELECT Seeders, Leechers, Snatched, balance, UNIX_TIMESTAMP(last_action) FROM torrents \
            WHERE ID = {torrent}",
        history: None,
        peer: Some(PEER),
    },
    cut,
    dump: &[
        "SELECT 'users_main', ID, Uploaded, Downloaded FROM users_main ORDER BY ID",
        "SELECT 'torrents', ID, Seeders, Leechers, Snatched, balance, \
         IF(last_action > '2020-01-01', 'seeded', 'never') FROM torrents ORDER BY ID",
        "SELECT 'xbt_files_users', uid, fid, peer_id, active, announced, completed, \
         downloaded, remaining, uploaded, {quick:upspeed}, {quick:downspeed}, corrupt, {quick:timespent}, \
         useragent, connectable, ip, {when:mtime} FROM xbt_files_users ORDER BY uid, fid, peer_id",
        "SELECT 'xbt_snatched', uid, {when:tstamp}, fid, IP FROM xbt_snatched ORDER BY uid, fid",
        "SELECT 'users_freeleeches', UserID, TorrentID, Expired, Downloaded, Uses \
         FROM users_freeleeches ORDER BY UserID, TorrentID",
    ],
};

pub const OPS: Preset = Preset {
    name: "gazelle-ops",
    fixture: include_str!("../fixtures/gazelle-ops.sql"),
    writes: Writes {
        user: "INSERT INTO users_main (ID, Username, torrent_pass, Enabled, Visible, can_leech) \
            VALUES ({id}, {id}, {passkey}, IF({enabled}, '1', '2'), IF({hide_ip}, '0', '1'), {can_leech}) \
            ON DUPLICATE KEY UPDATE torrent_pass = VALUES(torrent_pass), Enabled = VALUES(Enabled), \
            Visible = VALUES(Visible), can_leech = VALUES(can_leech); \
            INSERT IGNORE INTO users_leech_stats (UserID) VALUES ({id})",
        user_gone: "DELETE FROM users_leech_stats WHERE UserID = {id}; DELETE FROM users_main WHERE ID = {id}",
        torrent: "INSERT INTO torrents (ID, GroupID, info_hash, FreeTorrent) VALUES \
            ({id}, 1, {info_hash}, IF({down} > 0, '0', IF({up} > 0, '1', '2'))) ON DUPLICATE KEY UPDATE \
            info_hash = VALUES(info_hash), FreeTorrent = VALUES(FreeTorrent); \
            INSERT IGNORE INTO torrents_leech_stats (TorrentID) VALUES ({id}); \
            DELETE FROM torrents WHERE ID = {id} AND {status} <> 0",
        torrent_gone: "DELETE FROM torrents_leech_stats WHERE TorrentID = {id}; \
            DELETE FROM torrents WHERE ID = {id}",
        ..GAZELLE.writes
    },
    reads: Reads {
        user: "SELECT Uploaded, Downloaded, 0, 0 FROM users_leech_stats WHERE UserID = {user}",
        torrent: "SELECT Seeders, Leechers, Snatched, Balance, COALESCE(UNIX_TIMESTAMP(last_action), 0) \
            FROM torrents_leech_stats WHERE TorrentID = {torrent}",
        ..GAZELLE.reads
    },
    dump: &[
        "SELECT 'users_leech_stats', UserID, Uploaded, Downloaded FROM users_leech_stats ORDER BY UserID",
        "SELECT 'torrents_leech_stats', TorrentID, Seeders, Leechers, Snatched, Balance, \
         IF(last_action > '2020-01-01', 'seeded', 'never') FROM torrents_leech_stats ORDER BY TorrentID",
        "SELECT 'xbt_files_users', uid, fid, peer_id, active, announced, completed, \
         downloaded, remaining, uploaded, {quick:upspeed}, {quick:downspeed}, corrupt, {quick:timespent}, \
         useragent, connectable, ip, {when:mtime} FROM xbt_files_users ORDER BY uid, fid, peer_id",
        "SELECT 'xbt_snatched', uid, {when:tstamp}, fid, IP FROM xbt_snatched ORDER BY uid, fid",
        "SELECT 'users_freeleeches', UserID, TorrentID, Expired, Downloaded, Uses \
         FROM users_freeleeches ORDER BY UserID, TorrentID",
        "SELECT 'xbt_files_history', uid, fid, seedtime, downloaded, uploaded \
         FROM xbt_files_history ORDER BY uid, fid",
    ],
    ..GAZELLE
};

fn told(change: Change) -> Option<Change> {
    Some(match change {
        Change::User(user) if !user.enabled => Change::UserGone(user.id),
        Change::User(mut user) => {
            let fits = &user.passkey.as_bytes()[..user.passkey.as_bytes().len().min(32)];
            user.passkey = Passkey::new(fits)?;
            user.slots = None;
            user.multipliers = Multipliers::default();
            Change::User(user)
        }
        Change::Torrent(torrent) if torrent.status != TorrentStatus::Registered => {
            Change::TorrentGone(torrent.id)
        }
        Change::Client(client) if !client.allow => Change::ClientGone(client.prefix),
        Change::Token(mut token) => {
            token.user?;
            token.torrent?;
            token.multipliers = Multipliers {
                up_percent: 100,
                down_percent: 0,
            };
            token.until = None;
            Change::Token(token)
        }
        Change::TokenGone { user, torrent } => {
            user?;
            torrent?;
            change
        }
        Change::Global(_) => return None,
        change => change,
    })
}

fn cut(row: Row<'_>) {
    match row {
        Row::User(row) => row.raw = Transfer::default(),
        // The moment at which it is written.
        Row::Torrent(row) => row.last_seeded = UnixTime(0),
        Row::Peer(row) => {
            row.port = 0;
            row.agent = row.agent.chars().take(51).collect::<String>().into();
            row.seeder = row.left == 0;
        }
        Row::History(_) | Row::Event(_) => {}
    }
}
