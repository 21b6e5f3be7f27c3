//! UNIT3D.

use super::{Preset, Reads, Writes};
use chihaya::model::{Multipliers, Transfer, UnixTime};
use chihaya::storage::conformance::Row;
use chihaya::storage::sql::Dialect;
use chihaya::storage::{Change, TorrentStatus};

pub const UNIT3D: Preset = Preset {
    name: "unit3d",
    dialect: Dialect::Mysql,
    fixture: include_str!("../fixtures/unit3d.sql"),
    told,
    writes: Writes {
        // A group for each user, as slots and multipliers are those of the group.
        user: "INSERT INTO `groups` (id, name, slug, download_slots, is_freeleech, is_double_upload) \
            VALUES (100 + {id}, {id}, {id}, {slots}, {down} = 0, {up} = 200) ON DUPLICATE KEY UPDATE \
            download_slots = VALUES(download_slots), is_freeleech = VALUES(is_freeleech), \
            is_double_upload = VALUES(is_double_upload); \
            INSERT INTO users (id, username, passkey, group_id, can_download, deleted_at) VALUES \
            ({id}, {id}, {passkey}, 100 + {id}, {can_leech}, IF({enabled}, NULL, NOW())) \
            ON DUPLICATE KEY UPDATE passkey = VALUES(passkey), can_download = VALUES(can_download), \
            deleted_at = VALUES(deleted_at)",
        user_gone: "DELETE FROM users WHERE id = {id}",
        torrent: "INSERT INTO torrents (id, name, info_hash, status, free, doubleup, deleted_at) \
            VALUES ({id}, {id}, {info_hash}, IF({status} = 0, 1, 0), 100 - LEAST({down}, 100), \
            {up} = 200, IF({status} = 2, NOW(), NULL)) ON DUPLICATE KEY UPDATE \
            info_hash = VALUES(info_hash), status = VALUES(status), free = VALUES(free), \
            doubleup = VALUES(doubleup), deleted_at = VALUES(deleted_at)",
        torrent_gone: "DELETE FROM torrents WHERE id = {id}",
        client: "DELETE FROM blacklist_clients WHERE peer_id_prefix = {prefix}; \
            INSERT INTO blacklist_clients (name, peer_id_prefix) SELECT '', {prefix} WHERE NOT {allow}",
        client_gone: "DELETE FROM blacklist_clients WHERE peer_id_prefix = {prefix}",
        token: "DELETE FROM freeleech_tokens WHERE user_id = {user} AND torrent_id = {torrent}; \
            INSERT INTO freeleech_tokens (user_id, torrent_id) SELECT {user}, {torrent} \
            WHERE {user} > 0 AND {torrent} > 0; \
            DELETE FROM personal_freeleeches WHERE user_id = {user} AND {torrent} = 0; \
            INSERT INTO personal_freeleeches (user_id) SELECT {user} WHERE {torrent} = 0; \
            DELETE FROM featured_torrents WHERE {user} = 0 AND torrent_id = {torrent}; \
            INSERT INTO featured_torrents (torrent_id) SELECT {torrent} WHERE {user} = 0",
        token_gone: "DELETE FROM freeleech_tokens WHERE user_id = {user} AND torrent_id = {torrent}; \
            DELETE FROM personal_freeleeches WHERE user_id = {user} AND {torrent} = 0; \
            DELETE FROM featured_torrents WHERE {user} = 0 AND torrent_id = {torrent}",
        global: "",
    },
    reads: Reads {
        user: "SELECT uploaded, downloaded, 0, 0 FROM users WHERE id = {user}",
        torrent: "SELECT seeders, leechers, times_completed, 0, 0 FROM torrents WHERE id = {torrent}",
        history: Some(
            "SELECT uploaded, downloaded, actual_uploaded, actual_downloaded, seedtime, 0, 0, 0, \
             UNIX_TIMESTAMP(created_at), UNIX_TIMESTAMP(updated_at), \
             COALESCE(UNIX_TIMESTAMP(completed_at), 0), seeder, active, 0, client_uploaded, \
             client_downloaded, LOWER(HEX(agent)) FROM history \
             WHERE user_id = {user} AND torrent_id = {torrent}",
        ),
        peer: Some(
            "SELECT LOWER(HEX(ip)), port, uploaded, downloaded, `left`, seeder, active, \
             LOWER(HEX(agent)), 0, UNIX_TIMESTAMP(updated_at), 0, 0, 0 FROM peers \
             WHERE user_id = {user} AND torrent_id = {torrent} AND peer_id = {peer_id}",
        ),
    },
    cut,
    dump: &[
        "SELECT 'users', id, uploaded, downloaded FROM users ORDER BY id",
        "SELECT 'torrents', id, seeders, leechers, times_completed FROM torrents ORDER BY id",
        "SELECT 'history', user_id, torrent_id, agent, uploaded, actual_uploaded, client_uploaded, \
         downloaded, refunded_download, actual_downloaded, client_downloaded, seeder, active, \
         {quick:seedtime}, immune, hitrun, {when:UNIX_TIMESTAMP(created_at)}, \
         {when:UNIX_TIMESTAMP(updated_at)}, {when:UNIX_TIMESTAMP(completed_at)} \
         FROM history ORDER BY user_id, torrent_id",
        "SELECT 'peers', user_id, torrent_id, peer_id, INET6_NTOA(ip), port, agent, uploaded, downloaded, \
         `left`, seeder, active, visible, connectable, {when:UNIX_TIMESTAMP(created_at)}, \
         {when:UNIX_TIMESTAMP(updated_at)} FROM peers ORDER BY user_id, torrent_id, peer_id",
    ],
};

fn told(change: Change) -> Option<Change> {
    let double = |up| if up == 200 { 200 } else { 100 };
    Some(match change {
        Change::User(user) if !user.enabled => Change::UserGone(user.id),
        Change::User(mut user) => {
            user.hide_ip = false;
            user.multipliers.up_percent = double(user.multipliers.up_percent);
            user.multipliers.down_percent = if user.multipliers.down_percent == 0 {
                0
            } else {
                100
            };
            Change::User(user)
        }
        Change::Torrent(mut torrent) => {
            if let TorrentStatus::Deleted(_) = torrent.status {
                return Some(Change::TorrentGone(torrent.id));
            }
            torrent.multipliers.up_percent = double(torrent.multipliers.up_percent);
            Change::Torrent(torrent)
        }
        Change::Client(client) if client.allow => Change::ClientGone(client.prefix),
        Change::Token(mut token) => {
            token.multipliers = match token.user {
                Some(_) => Multipliers {
                    up_percent: 100,
                    down_percent: 0,
                },
                None => Multipliers {
                    up_percent: 200,
                    down_percent: 0,
                },
            };
            token.until = None;
            Change::Token(token)
        }
        Change::Global(_) => return None,
        change => change,
    })
}

fn cut(row: Row<'_>) {
    match row {
        Row::User(row) => row.raw = Transfer::default(),
        Row::Torrent(row) => {
            row.balance = 0;
            row.last_seeded = UnixTime(0);
        }
        Row::History(row) => {
            (row.leech_seconds, row.announces, row.snatches, row.left) = (0, 0, 0, 0);
        }
        Row::Peer(row) => {
            row.started = UnixTime(0);
            row.announces = 0;
            row.rates = Transfer::default();
        }
        Row::Event(_) => {}
    }
}
