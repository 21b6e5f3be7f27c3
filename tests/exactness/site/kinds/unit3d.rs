//! UNIT3D. Of all that holds for a transfer the best counts: groups, donors, torrents, tokens,
//! personal freeleech, featured torrents.

use super::{Combination, Kind, PLAIN, Reads, Rows, Terms, Writes};

pub static UNIT3D: Kind = Kind {
    preset: "unit3d",
    fixture: include_str!("../../../storage_servers/fixtures/unit3d.sql"),
    sums: "users",
    terms: Terms {
        combination: Combination::Best,
        everybody: PLAIN,
        users: &[PLAIN, PLAIN, PLAIN, [100, 0], [200, 100], [200, 0]],
        torrents: &[
            PLAIN,
            PLAIN,
            [200, 100],
            [100, 50],
            [100, 75],
            [200, 25],
            [100, 0],
        ],
        tokens: &[[100, 0]],
        tokens_each: 4,
        tokens_go: false,
        of_user: Some([100, 0]),
        of_torrent: Some([200, 0]),
    },
    writes: Writes {
        first: &[
            "INSERT INTO `groups` (id, name, slug, is_freeleech, is_double_upload) VALUES \
             (1, '', 'user', 0, 0), (2, '', 'free', 1, 0), (3, '', 'double', 0, 1), \
             (4, '', 'both', 1, 1)",
            "INSERT INTO blacklist_clients (name, peer_id_prefix) VALUES ('', '-EX0002-')",
        ],
        // Every other user is free as a donor, not by the group.
        users: &[Rows {
            table: "users (id, username, passkey, group_id, is_donor)",
            row: "({id}, 'user {id}', '{passkey}', 1 + ({down} = 0 AND {id} % 2) + 2 * ({up} = 200), \
                  {down} = 0 AND NOT {id} % 2)",
        }],
        torrents: &[Rows {
            table: "torrents (id, name, info_hash, status, free, doubleup)",
            row: "({id}, '', {info_hash}, 1, 100 - {down}, {up} = 200)",
        }],
        tokens: &[Rows {
            table: "freeleech_tokens (user_id, torrent_id)",
            row: "({user}, {torrent})",
        }],
        tokens_of_users: &[Rows {
            table: "personal_freeleeches (user_id)",
            row: "({user})",
        }],
        tokens_of_torrents: &[Rows {
            table: "featured_torrents (torrent_id)",
            row: "({torrent})",
        }],
    },
    reads: Reads {
        users: "SELECT id, '-', '-', uploaded, downloaded FROM users",
        torrents: "SELECT id, seeders, leechers, times_completed, '-', '-' FROM torrents",
        history: Some(
            "SELECT user_id, torrent_id, actual_uploaded, actual_downloaded, uploaded, downloaded, \
             '-', seeder, active, '-', seedtime, '-', UNIX_TIMESTAMP(created_at), \
             UNIX_TIMESTAMP(updated_at), COALESCE(UNIX_TIMESTAMP(completed_at), 0), '-', \
             client_uploaded, client_downloaded, '-', '-', agent FROM history",
        ),
        peers: Some(
            "SELECT {peer_id}, user_id, torrent_id, uploaded, downloaded, `left`, seeder, \
             active, port, UNIX_TIMESTAMP(created_at), UNIX_TIMESTAMP(updated_at), '-', \
             INET6_NTOA(ip), agent FROM peers WHERE active = visible",
        ),
        addresses: None,
        events: None,
        snatches: None,
        tokens: None,
    },
};
