//! Kuroneko.

use super::{Preset, Reads, Writes};
use chihaya::model::{Passkey, Transfer, UnixTime};
use chihaya::storage::conformance::Row;
use chihaya::storage::sql::Dialect;
use chihaya::storage::{Change, TorrentStatus};

pub const KURONEKO: Preset = Preset {
    name: "kuroneko",
    dialect: Dialect::Mysql,
    fixture: include_str!("../fixtures/kuroneko.sql"),
    told,
    writes: Writes {
        user: "INSERT INTO users_main (ID, Username, torrent_pass, Enabled, DisableDownload, TrackerHide, \
            UpMultiplier, DownMultiplier) VALUES ({id}, {id}, {passkey}, IF({enabled}, '1', '2'), \
            1 - {can_leech}, {hide_ip}, {up} / 100, {down} / 100) ON DUPLICATE KEY UPDATE \
            torrent_pass = VALUES(torrent_pass), Enabled = VALUES(Enabled), \
            DisableDownload = VALUES(DisableDownload), TrackerHide = VALUES(TrackerHide), \
            UpMultiplier = VALUES(UpMultiplier), DownMultiplier = VALUES(DownMultiplier)",
        user_gone: "DELETE FROM users_main WHERE ID = {id}",
        torrent: "INSERT INTO torrents (ID, GroupID, TorrentType, info_hash, Status, UpMultiplier, \
            DownMultiplier) VALUES ({id}, 1, 'anime', {info_hash}, {status}, {up} / 100, {down} / 100) \
            ON DUPLICATE KEY UPDATE info_hash = VALUES(info_hash), Status = VALUES(Status), \
            UpMultiplier = VALUES(UpMultiplier), DownMultiplier = VALUES(DownMultiplier)",
        torrent_gone: "DELETE FROM torrents WHERE ID = {id}",
        client: "DELETE FROM approved_clients WHERE peer_id = {prefix}; \
            INSERT INTO approved_clients (peer_id, archived) VALUES ({prefix}, NOT {allow})",
        client_gone: "DELETE FROM approved_clients WHERE peer_id = {prefix}",
        token: "",
        token_gone: "",
        global: "UPDATE mod_core SET mod_setting = ({down} = 0) WHERE mod_option = 'global_freeleech'",
    },
    reads: Reads {
        user: "SELECT Uploaded, Downloaded, rawup, rawdl FROM users_main WHERE ID = {user}",
        torrent: "SELECT Seeders, Leechers, Snatched, 0, last_action FROM torrents WHERE ID = {torrent}",
        history: Some(
            "SELECT 0, 0, uploaded, downloaded, seedtime, activetime - seedtime, 0, snatched, starttime, \
             last_announce, snatched_time, seeding, active, remaining, 0, 0, '' FROM transfer_history \
             WHERE uid = {user} AND fid = {torrent}",
        ),
        // A row for each address; not one for each session.
        peer: None,
    },
    cut,
    dump: &[
        "SELECT 'users_main', ID, Uploaded, Downloaded, rawup, rawdl FROM users_main ORDER BY ID",
        "SELECT 'torrents', ID, Seeders, Leechers, Snatched, {when:last_action} FROM torrents ORDER BY ID",
        "SELECT 'transfer_history', uid, fid, uploaded, downloaded, seeding, {quick:seedtime}, \
         {quick:activetime}, hnr, remaining, active, {when:starttime}, {when:last_announce}, snatched, \
         {when:snatched_time} FROM transfer_history ORDER BY uid, fid",
        "SELECT 'transfer_ips', uid, fid, INET_NTOA(ip), client_id, port, uploaded, downloaded, \
         {when:starttime}, {when:last_announce} FROM transfer_ips ORDER BY uid, fid, ip, client_id",
    ],
};

fn told(change: Change) -> Option<Change> {
    Some(match change {
        Change::User(user) if !user.enabled => Change::UserGone(user.id),
        Change::User(mut user) => {
            let fits = &user.passkey.as_bytes()[..user.passkey.as_bytes().len().min(32)];
            user.passkey = Passkey::new(fits)?;
            user.slots = None;
            Change::User(user)
        }
        Change::Torrent(mut torrent) => {
            if torrent.status != TorrentStatus::Registered
                && torrent.status != TorrentStatus::Unapproved
            {
                torrent.status = TorrentStatus::Deleted("".into());
            }
            Change::Torrent(torrent)
        }
        Change::Client(client) if !client.allow => Change::ClientGone(client.prefix),
        Change::Token(_) | Change::TokenGone { .. } => return None,
        Change::Global(mut global) => {
            global.multipliers.up_percent = 100;
            global.until = None;
            Change::Global(global)
        }
        change => change,
    })
}

fn cut(row: Row<'_>) {
    match row {
        Row::Torrent(row) => row.balance = 0,
        Row::History(row) => {
            row.credited = Transfer::default();
            row.client = Transfer::default();
            row.announces = 0;
            row.agent = "".into();
        }
        Row::Peer(row) => row.started = UnixTime(0),
        Row::User(_) | Row::Event(_) => {}
    }
}
