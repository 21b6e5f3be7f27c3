//! Kuroneko. Users and torrents have factors, and so have groups of torrents, by their type.

use super::{Combination, Kind, PLAIN, Reads, Rows, Terms, Writes};

pub static KURONEKO: Kind = Kind {
    preset: "kuroneko",
    fixture: include_str!("../../../storage_servers/fixtures/kuroneko.sql"),
    sums: "users_main",
    terms: Terms {
        combination: Combination::Product,
        everybody: PLAIN,
        users: &[PLAIN, PLAIN, [120, 100], [200, 60], [40, 0]],
        torrents: &[
            PLAIN,
            PLAIN,
            [100, 0],
            [0, 0],
            [250, 100],
            [100, 75],
            [50, 150],
        ],
        tokens: &[],
        tokens_each: 0,
        tokens_go: false,
        of_user: None,
        of_torrent: None,
    },
    writes: Writes {
        first: &["INSERT INTO approved_clients (peer_id) VALUES ('-EX0001-')"],
        users: &[Rows {
            table: "users_main (ID, Username, torrent_pass, Enabled, UpMultiplier, DownMultiplier)",
            row: "({id}, 'user {id}', '{passkey}', '1', {up} / 100, {down} / 100)",
        }],
        // Of every third torrent the group has a part in the factor; of the others, a group of the
        // same number and another type has none.
        torrents: &[
            Rows {
                table: "torrents (ID, GroupID, TorrentType, info_hash, UpMultiplier, DownMultiplier)",
                row: "({id}, {id}, 'anime', {info_hash}, {up} / IF({id} % 3, 100, 50), \
                      {down} / IF({id} % 3, 100, 25))",
            },
            Rows {
                table: "torrent_group_freeleech (GroupID, Type, UpMultiplier, DownMultiplier)",
                row: "({id}, IF({id} % 3, 'music', 'anime'), 0.5, 0.25)",
            },
        ],
        tokens: &[],
        tokens_of_users: &[],
        tokens_of_torrents: &[],
    },
    reads: Reads {
        users: "SELECT ID, rawup, rawdl, Uploaded, Downloaded FROM users_main",
        torrents: "SELECT ID, Seeders, Leechers, Snatched, '-', last_action FROM torrents",
        history: Some(
            "SELECT uid, fid, uploaded, downloaded, '-', '-', snatched, seeding, active, '-', \
             seedtime, activetime - seedtime, starttime, last_announce, snatched_time, remaining, \
             '-', '-', '-', '-', '-' FROM transfer_history",
        ),
        peers: None,
        addresses: Some(
            "SELECT uid, fid, INET_NTOA(ip), uploaded, downloaded, port, starttime, last_announce \
             FROM transfer_ips",
        ),
        events: None,
        snatches: None,
        tokens: None,
    },
};
