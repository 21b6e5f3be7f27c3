//! Arcadia.

use super::{Preset, Reads, Writes};
use chihaya::model::{Multipliers, Passkey, Transfer, UnixTime};
use chihaya::storage::conformance::Row;
use chihaya::storage::sql::Dialect;
use chihaya::storage::{Change, TorrentStatus};

pub const ARCADIA: Preset = Preset {
    name: "arcadia",
    dialect: Dialect::Postgres,
    fixture: include_str!("../fixtures/arcadia.sql"),
    told,
    writes: Writes {
        user: "INSERT INTO users (id, username, passkey, banned) VALUES ({id}, '{id}', {passkey}, \
            {enabled} = 0) ON CONFLICT (id) DO UPDATE SET passkey = excluded.passkey, \
            banned = excluded.banned",
        user_gone: "DELETE FROM users WHERE id = {id}",
        torrent: "INSERT INTO torrents (id, info_hash, upload_factor, download_factor, deleted_at) \
            VALUES ({id}, {info_hash}, {up}, {down}, CASE WHEN {status} = 0 THEN NULL ELSE now() END) \
            ON CONFLICT (id) DO UPDATE SET info_hash = excluded.info_hash, \
            upload_factor = excluded.upload_factor, download_factor = excluded.download_factor, \
            deleted_at = excluded.deleted_at",
        torrent_gone: "DELETE FROM torrents WHERE id = {id}",
        client: "",
        client_gone: "",
        token: "",
        token_gone: "",
        global: "UPDATE arcadia_settings SET global_upload_factor = {up}, \
            global_download_factor = {down}",
    },
    reads: Reads {
        user: "SELECT uploaded, downloaded, real_uploaded, real_downloaded FROM users WHERE id = {user}",
        torrent: "SELECT seeders, leechers, times_completed, 0, 0 FROM torrents WHERE id = {torrent}",
        history: Some(
            "SELECT uploaded, downloaded, real_uploaded, real_downloaded, total_seed_time, 0, 0, 0, 0, \
             0, COALESCE(EXTRACT(EPOCH FROM completed_at), 0)::bigint, 0, 0, 0, 0, 0, '' \
             FROM torrent_activities WHERE user_id = {user} AND torrent_id = {torrent}",
        ),
        peer: Some(
            "SELECT host(ip), port, uploaded, downloaded, \"left\", seeder, active, \
             encode(convert_to(agent, 'UTF8'), 'hex'), 0, EXTRACT(EPOCH FROM updated_at)::bigint, 0, 0, 0 \
             FROM peers WHERE user_id = {user} AND torrent_id = {torrent} AND peer_id = {peer_id}",
        ),
    },
    cut,
    dump: &[
        "SELECT 'users', id, uploaded, downloaded, real_uploaded, real_downloaded FROM users ORDER BY id",
        "SELECT 'torrents', id, seeders, leechers, times_completed FROM torrents ORDER BY id",
        "SELECT 'torrent_activities', user_id, torrent_id, uploaded, downloaded, real_uploaded, \
         real_downloaded, {quick:total_seed_time}, {when:EXTRACT(EPOCH FROM completed_at)::bigint}, \
         {when:EXTRACT(EPOCH FROM first_seen_seeding_at)::bigint}, \
         {when:EXTRACT(EPOCH FROM last_seen_seeding_at)::bigint} \
         FROM torrent_activities ORDER BY user_id, torrent_id",
        "SELECT 'peers', user_id, torrent_id, convert_from(peer_id, 'UTF8'), ip, port, agent, uploaded, \
         downloaded, \"left\", active::int, seeder::int, {when:EXTRACT(EPOCH FROM created_at)::bigint}, \
         {when:EXTRACT(EPOCH FROM updated_at)::bigint} FROM peers \
         ORDER BY user_id, torrent_id, peer_id",
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
        Change::Torrent(torrent) if torrent.status != TorrentStatus::Registered => {
            Change::TorrentGone(torrent.id)
        }
        Change::Client(_) | Change::ClientGone(_) => return None,
        Change::Token(_) | Change::TokenGone { .. } => return None,
        Change::Global(mut global) => {
            global.until = None;
            Change::Global(global)
        }
        change => change,
    })
}

fn cut(row: Row<'_>) {
    match row {
        Row::Torrent(row) => {
            row.balance = 0;
            row.last_seeded = UnixTime(0);
        }
        Row::History(row) => {
            (row.leech_seconds, row.announces, row.snatches, row.left) = (0, 0, 0, 0);
            (row.started, row.last) = (UnixTime(0), UnixTime(0));
            (row.seeder, row.active) = (false, false);
            row.client = Transfer::default();
            row.agent = "".into();
        }
        Row::Peer(row) => {
            row.started = UnixTime(0);
            row.announces = 0;
            row.rates = Transfer::default();
        }
        Row::User(_) | Row::Event(_) => {}
    }
}
