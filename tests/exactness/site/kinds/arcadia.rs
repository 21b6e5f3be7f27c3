//! Arcadia. Torrents have factors, and everybody has.

use super::{Combination, Kind, PLAIN, Reads, Rows, Terms, Writes, own};

pub static ARCADIA: Kind = Kind {
    preset: "arcadia",
    fixture: include_str!("../../../storage_servers/fixtures/arcadia.sql"),
    sums: "users",
    terms: Terms {
        combination: Combination::Product,
        everybody: [150, 50],
        users: &[PLAIN],
        torrents: own::OF_TORRENTS,
        tokens: &[],
        tokens_each: 0,
        tokens_go: false,
        of_user: None,
        of_torrent: None,
    },
    writes: Writes {
        first: &["UPDATE arcadia_settings SET global_upload_factor = {up}, \
                  global_download_factor = {down}"],
        users: &[Rows {
            table: "users (id, username, passkey)",
            row: "({id}, 'user {id}', '{passkey}')",
        }],
        torrents: &[Rows {
            table: "torrents (id, info_hash, upload_factor, download_factor)",
            row: "({id}, {info_hash}, {up}, {down})",
        }],
        tokens: &[],
        tokens_of_users: &[],
        tokens_of_torrents: &[],
    },
    reads: Reads {
        users: "SELECT id, real_uploaded, real_downloaded, uploaded, downloaded FROM users",
        torrents: "SELECT id, seeders, leechers, times_completed, '-', '-' FROM torrents",
        history: Some(
            "SELECT user_id, torrent_id, real_uploaded, real_downloaded, uploaded, downloaded, \
             '-', '-', '-', '-', total_seed_time, '-', '-', '-', \
             COALESCE(EXTRACT(EPOCH FROM completed_at), 0)::bigint, '-', '-', '-', \
             COALESCE(EXTRACT(EPOCH FROM first_seen_seeding_at), 0)::bigint, \
             COALESCE(EXTRACT(EPOCH FROM last_seen_seeding_at), 0)::bigint, '-' FROM torrent_activities",
        ),
        peers: Some(
            "SELECT {peer_id}, user_id, torrent_id, uploaded, downloaded, \"left\", seeder::int, \
             active::int, port, EXTRACT(EPOCH FROM created_at)::bigint, \
             EXTRACT(EPOCH FROM updated_at)::bigint, '-', host(ip), agent FROM peers",
        ),
        addresses: None,
        events: None,
        snatches: None,
        tokens: None,
    },
};
