//! The configuration: sections, defaults, and a reading that lists every fault at once.

mod admin;
mod check;
mod dialects;
mod reading;
mod secret;
mod storage;
mod units;

pub use admin::{
    Admin, AdminToken, DEFAULT_ADMIN_PORT, Scope, TOKEN_BYTES_LEAST, TOKEN_BYTES_MOST, token_fault,
};
pub use check::Fault;
pub use dialects::{Dialects, Entrance, Ocelot, SecretPlace, Unit3d, secret_fault};
pub use secret::{Secret, secret_text};
pub use storage::{LoadStatements, Statements, Storage, Tls, WriteStatements};
pub use units::{Bytes, Span};

use ipnet::IpNet;
use reading::Reading;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use units::{DAY, HOUR, MINUTE};

/// The port trackers are usually found on.
pub const DEFAULT_PORT: u16 = 6969;
/// Clients of one user on one torrent at most, whatever is allowed: all of them are looked at by
/// each announce of any of them.
pub const SESSIONS_PER_TORRENT_MOST: u16 = 64;

/// Everything that can be set. Every field has a default: no file is needed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Whom it serves.
    pub tracker: Mode,
    /// Sockets and connections.
    pub network: Network,
    /// Answers to announces.
    pub announce: Announce,
    /// Answers to scrapes.
    pub scrape: Scrape,
    /// What strangers may make the tracker hold.
    pub limits: Limits,
    /// Where swarms live.
    pub cache: Cache,
    /// By what processes share their swarms; for the cache driver `redis`.
    pub redis: Redis,
    /// What users may, and how their transfer is accounted; for a private tracker.
    pub accounts: Accounts,
    /// What is kept until the storage has it; for a private tracker.
    pub journal: Journal,
    /// The web application's data store; for a private tracker.
    pub storage: Storage,
    /// The listener for management.
    pub admin: Admin,
    /// What is logged.
    pub log: Log,
}

/// Whom the tracker serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Everybody, with any torrent.
    #[default]
    Public,
    /// Users with a passkey, with registered torrents; what they transfer is accounted.
    Private,
}

/// Sockets and connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// UDP addresses; none: no UDP. Port 0: any free one, told in the log.
    pub udp: Vec<SocketAddr>,
    /// HTTP addresses; none: no HTTP. Port 0: any free one, told in the log.
    pub http: Vec<SocketAddr>,
    /// Worker threads; 0: one a core.
    pub workers: u16,
    /// Receive buffer of each UDP socket; the system may allow less (`net.core.rmem_max`).
    pub udp_receive_buffer: Bytes,
    /// Send buffer of each UDP socket; the system may allow less (`net.core.wmem_max`).
    pub udp_send_buffer: Bytes,
    /// Connections that may wait to be accepted.
    pub backlog: u32,
    /// HTTP connections of all workers; 0: as many as the process may have descriptors.
    pub max_connections: u32,
    /// How long a client may take to send a request.
    pub head_timeout: Span,
    /// How long a connection may stand idle between requests.
    pub idle_timeout: Span,
    /// How long a client may take nothing of its answer.
    pub write_timeout: Span,
    /// Networks whose connections are proxies: their header or PROXY protocol is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they name the client; null: none.
    pub proxy_header: Option<String>,
    /// Whether they begin each connection with the PROXY protocol, version 1 or 2.
    pub proxy_protocol: bool,
}

impl Default for Network {
    fn default() -> Network {
        let everywhere: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        let listen = everywhere
            .map(|ip| SocketAddr::new(ip, DEFAULT_PORT))
            .to_vec();
        Network {
            udp: listen.clone(),
            http: listen,
            workers: 0,
            udp_receive_buffer: Bytes(4 << 20),
            udp_send_buffer: Bytes(1 << 20),
            backlog: 1024,
            max_connections: 0,
            head_timeout: Span(10),
            idle_timeout: Span(60),
            write_timeout: Span(30),
            trusted_proxies: Vec::new(),
            proxy_header: Some("X-Forwarded-For".to_owned()),
            proxy_protocol: false,
        }
    }
}

/// Answers to announces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Announce {
    /// When clients are to announce again.
    pub interval: Span,
    /// Before which they should not.
    pub min_interval: Span,
    /// Up to this much is added to each interval, so that clients spread out.
    pub jitter: Span,
    /// How long after its last announce a peer is handed out.
    pub peer_lifetime: Span,
    /// Peers of an answer when the client does not say.
    pub peers_default: u16,
    /// Peers of an answer at most.
    pub peers_max: u16,
    /// Keep peer ids, for answers that are not compact; 20 bytes more a peer.
    pub peer_ids: bool,
    /// Networks whose clients may announce other addresses (`ip=`, `ipv4=`, `ipv6=`).
    pub address_from: Vec<IpNet>,
    /// How long a UDP client may use its connection id.
    pub connection_id_lifetime: Span,
}

impl Default for Announce {
    fn default() -> Announce {
        Announce {
            interval: Span(30 * MINUTE),
            min_interval: Span(15 * MINUTE),
            jitter: Span(MINUTE),
            peer_lifetime: Span(HOUR),
            peers_default: 50,
            peers_max: 200,
            peer_ids: false,
            address_from: Vec::new(),
            connection_id_lifetime: Span(2 * MINUTE),
        }
    }
}

/// Answers to scrapes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scrape {
    /// Torrents of one HTTP scrape at most; over UDP 74 fit a packet.
    pub max_hashes: u16,
    /// Answer a scrape without `info_hash` with all torrents.
    pub full: bool,
    /// How old that answer may be.
    pub full_interval: Span,
}

impl Default for Scrape {
    fn default() -> Scrape {
        Scrape {
            max_hashes: 64,
            full: false,
            full_interval: Span(5 * MINUTE),
        }
    }
}

/// What strangers may make the tracker hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Torrents; each takes 50 bytes and its peers.
    pub torrents: u64,
    /// Peers; each takes 7 to 12 bytes over IPv4, 19 to 24 over IPv6.
    pub peers: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            torrents: 5_000_000,
            peers: 20_000_000,
        }
    }
}

/// Where swarms live.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cache {
    /// The driver's name.
    pub driver: String,
    /// A file that keeps swarms over a restart; null: none.
    pub snapshot: Option<PathBuf>,
    /// How often it is written; it is written at the end, too.
    pub snapshot_interval: Span,
    /// How long the `downloaded` count of a torrent without peers is remembered.
    pub downloaded_lifetime: Span,
}

impl Default for Cache {
    fn default() -> Cache {
        Cache {
            driver: "memory".to_owned(),
            snapshot: None,
            snapshot_interval: Span(5 * MINUTE),
            downloaded_lifetime: Span(7 * DAY),
        }
    }
}

/// By what processes share their swarms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Redis {
    /// Servers, asked in turn until one answers; of a cluster some are enough. With a password:
    /// `redis://user:password@host:6379`; encrypted: `rediss://`.
    pub servers: Vec<String>,
    /// What all keys begin with: processes share their swarms, and private ones their accounts,
    /// where it is the same.
    pub key: String,
    /// Logs by which they tell each other, the same number in every process: more than one only
    /// where a cluster is to share the work.
    pub logs: u16,
    /// What a process keeps for the others while it cannot tell them.
    pub backlog: Bytes,
    /// How often one of the processes writes a copy of the swarms, and of the books of private
    /// trackers, from which a new one starts.
    pub copy_interval: Span,
    /// How long a batch may wait for the storage of the process that leads a private tracker until
    /// another may lead.
    pub hand_over: Span,
    /// A file of the certificates that are trusted (PEM); null: those that browsers trust.
    pub trusted: Option<PathBuf>,
}

impl Default for Redis {
    fn default() -> Redis {
        Redis {
            servers: vec!["redis://127.0.0.1:6379".to_owned()],
            key: "chihaya".to_owned(),
            logs: 1,
            backlog: Bytes(64 << 20),
            copy_interval: Span(5 * MINUTE),
            hand_over: Span(30),
            trusted: None,
        }
    }
}

/// What users may, and how their transfer is accounted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accounts {
    /// Clients that one user may have on one torrent; 0: the most there can be, 64.
    pub sessions_per_torrent: u16,
    /// How long the totals of a client that no longer announces are remembered.
    pub session_lifetime: Span,
    /// How much later than the interval a client may announce and still be credited the time.
    pub grace: Span,
    /// Bytes a second above which transfer is flagged, not refused; 0: never.
    pub plausible_speed: Bytes,
    /// What several multipliers at once come to; `None`: the best of them where the storage's preset
    /// or a dialect is `unit3d`, else their product.
    pub multipliers: Option<Combination>,
}

impl Default for Accounts {
    fn default() -> Accounts {
        Accounts {
            sessions_per_torrent: 5,
            session_lifetime: Span(3 * DAY),
            grace: Span(5 * MINUTE),
            plausible_speed: Bytes(1 << 30),
            multipliers: None,
        }
    }
}

/// What several multipliers at once come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Combination {
    /// Their product: double upload of a user and of a torrent is fourfold.
    #[default]
    Product,
    /// The best of them, as UNIT3D has it: double upload of both is double.
    Best,
}

/// What is kept until the storage has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// The folder of the journal, its checkpoint, and the last known directory.
    pub path: PathBuf,
    /// How often the journal is synced to the disk: what a power cut takes at most.
    pub sync_interval: Span,
    /// Size after which a checkpoint is made and older parts of the journal go.
    pub max: Bytes,
}

impl Default for Journal {
    fn default() -> Journal {
        Journal {
            path: PathBuf::from("journal"),
            sync_interval: Span(1),
            max: Bytes(64 << 20),
        }
    }
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// The least severe messages shown.
    pub level: Level,
}

impl Default for Log {
    fn default() -> Log {
        Log { level: Level::Info }
    }
}

/// Severities of messages.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Config {
    /// What several multipliers at once come to.
    pub fn combination(&self) -> Combination {
        let unit3d = self.storage.preset == "unit3d" || self.admin.dialects.unit3d.is_some();
        let usual = match unit3d {
            true => Combination::Best,
            false => Combination::Product,
        };
        self.accounts.multipliers.unwrap_or(usual)
    }

    /// Reads JSON over the defaults. Every fault is listed, none replaced by a default in silence.
    pub fn from_json(text: &str) -> Result<Config, Vec<Fault>> {
        let given: Value =
            serde_json::from_str(text).map_err(|err| vec![Fault(format!("not JSON: {err}"))])?;
        let defaults = serde_json::to_value(Config::default());
        let mut reading = Reading::new(defaults.unwrap_or_default());
        reading.merge(&mut Vec::new(), &given);
        let config = Config::deserialize(reading.merged)
            .map_err(|err| vec![Fault(format!("configuration: {err}"))])?;
        let mut faults = reading.faults;
        faults.extend(config.faults());
        if faults.is_empty() {
            Ok(config)
        } else {
            Err(faults)
        }
    }

    /// The whole configuration as JSON, as [`Config::from_json`] reads it; with its secrets, unless
    /// it is one [`Config::without_secrets`].
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
