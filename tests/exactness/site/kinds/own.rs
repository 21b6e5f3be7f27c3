//! The tracker's own tables.

use super::{Combination, Kind, Percents, Reads, Rows, Terms, Writes};

pub const EVERYBODY: Percents = [150, 100];
pub const OF_TORRENTS: &[Percents] = &[
    [100, 100],
    [100, 0],
    [0, 0],
    [200, 100],
    [100, 50],
    [50, 150],
];
pub const TOKENS: &[Percents] = &[[100, 0], [200, 50], [0, 100]];
pub const ONE_TOKEN: Percents = [200, 0];

pub const OWN_SUMS: &str = "tracker_users";

const INTO_TOKENS: &[Rows] = &[Rows {
    table: "tracker_tokens (user_id, torrent_id, up_percent, down_percent)",
    row: "({user}, {torrent}, {up}, {down})",
}];

pub static OWN: Kind = Kind {
    preset: "own",
    fixture: "",
    sums: OWN_SUMS,
    terms: TERMS,
    writes: WRITES,
    reads: READS,
};

pub const TERMS: Terms = Terms {
    combination: Combination::Product,
    everybody: EVERYBODY,
    users: &[[100, 100], [200, 100], [100, 0], [300, 100]],
    torrents: OF_TORRENTS,
    tokens: TOKENS,
    tokens_each: 1,
    tokens_go: false,
    of_user: Some(ONE_TOKEN),
    of_torrent: Some(ONE_TOKEN),
};

pub const WRITES: Writes = Writes {
    first: &["INSERT INTO tracker_options (name, value) \
              VALUES ('up_percent', {up}), ('down_percent', {down})"],
    users: &[Rows {
        table: "tracker_users (id, passkey, up_percent, down_percent)",
        row: "({id}, '{passkey}', {up}, {down})",
    }],
    torrents: &[Rows {
        table: "tracker_torrents (id, info_hash, up_percent, down_percent)",
        row: "({id}, {info_hash}, {up}, {down})",
    }],
    tokens: INTO_TOKENS,
    tokens_of_users: INTO_TOKENS,
    tokens_of_torrents: INTO_TOKENS,
};

pub const READS: Reads = Reads {
    users: "SELECT id, raw_uploaded, raw_downloaded, uploaded, downloaded FROM tracker_users",
    torrents: "SELECT id, seeders, leechers, snatches, balance, last_seeded FROM tracker_torrents",
    history: Some(
        "SELECT user_id, torrent_id, raw_uploaded, raw_downloaded, uploaded, downloaded, \
         snatches, seeder, active, announces, seed_seconds, leech_seconds, started_at, last_at, \
         completed_at, remaining, client_uploaded, client_downloaded, '-', '-', agent FROM tracker_history",
    ),
    peers: Some(
        "SELECT {peer_id}, user_id, torrent_id, uploaded, downloaded, remaining, seeder, active, \
         port, started_at, last_at, announces, {ip}, agent FROM tracker_peers",
    ),
    addresses: None,
    events: Some(
        "SELECT kind, {peer_id}, sum(amount) FROM tracker_events \
         WHERE kind IN ('completed', 'token_used') GROUP BY kind, peer_id",
    ),
    snatches: None,
    tokens: None,
};
