//! Gazelle, as it was and as it is now. Torrents are free or neutral; a token makes a torrent free
//! until it is downloaded.

use super::{Combination, Kind, PLAIN, Reads, Rows, Terms, Writes};

const USERS: Rows = Rows {
    table: "users_main (ID, Username, torrent_pass, Enabled)",
    row: "({id}, 'user {id}', '{passkey}', '1')",
};
const TORRENTS: Rows = Rows {
    table: "torrents (ID, GroupID, info_hash, FreeTorrent)",
    row: "({id}, 1, {info_hash}, IF({down} > 0, '0', IF({up} > 0, '1', '2')))",
};

pub static GAZELLE: Kind = Kind {
    preset: "gazelle",
    fixture: include_str!("../../../storage_servers/fixtures/gazelle.sql"),
    sums: "users_main",
    terms: TERMS,
    writes: WRITES,
    reads: READS,
};

pub static OPS: Kind = Kind {
    preset: "gazelle-ops",
    fixture: include_str!("../../../storage_servers/fixtures/gazelle-ops.sql"),
    sums: "users_leech_stats",
    terms: TERMS,
    writes: Writes {
        users: &[
            USERS,
            Rows {
                table: "users_leech_stats (UserID)",
                row: "({id})",
            },
        ],
        torrents: &[
            TORRENTS,
            Rows {
                table: "torrents_leech_stats (TorrentID)",
                row: "({id})",
            },
        ],
        ..WRITES
    },
    reads: Reads {
        users: "SELECT UserID, '-', '-', Uploaded, Downloaded FROM users_leech_stats",
        torrents: "SELECT TorrentID, Seeders, Leechers, Snatched, Balance, \
            IF(COALESCE(last_action, '2000-01-01') = '2000-01-01', 0, UNIX_TIMESTAMP(last_action)) \
            FROM torrents_leech_stats",
        ..READS
    },
};

const TERMS: Terms = Terms {
    combination: Combination::Product,
    everybody: PLAIN,
    users: &[PLAIN],
    torrents: &[PLAIN, PLAIN, [100, 0], [0, 0]],
    tokens: &[[100, 0]],
    tokens_each: 8,
    tokens_go: true,
    of_user: None,
    of_torrent: None,
};

const WRITES: Writes = Writes {
    first: &["INSERT INTO xbt_client_whitelist (peer_id) VALUES ('-EX0001-')"],
    users: &[USERS],
    torrents: &[TORRENTS],
    tokens: &[Rows {
        table: "users_freeleeches (UserID, TorrentID, Time)",
        row: "({user}, {torrent}, NOW())",
    }],
    tokens_of_users: &[],
    tokens_of_torrents: &[],
};

const READS: Reads = Reads {
    users: "SELECT ID, '-', '-', Uploaded, Downloaded FROM users_main",
    torrents: "SELECT ID, Seeders, Leechers, Snatched, balance, \
        IF(last_action = '2000-01-01', 0, UNIX_TIMESTAMP(last_action)) FROM torrents",
    history: None,
    peers: Some(
        "SELECT {peer_id}, uid, fid, uploaded, downloaded, remaining, '-', active, '-', \
         mtime - timespent, mtime, announced, ip, useragent FROM xbt_files_users",
    ),
    addresses: None,
    events: None,
    snatches: Some("SELECT uid, fid, tstamp, IP FROM xbt_snatched"),
    tokens: Some("SELECT UserID, TorrentID, Downloaded, Expired FROM users_freeleeches"),
};
