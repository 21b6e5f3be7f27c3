//! The configuration: sections, defaults, and a reading that lists every fault at once.

use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// The port trackers are usually found on.
pub const DEFAULT_PORT: u16 = 6969;

/// Everything that can be set. Every field has a default: no file is needed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Config {
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
    /// What is logged.
    pub log: Log,
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

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;

/// A length of time, in seconds; written `"90s"`, `"30m"`, `"1h"`, `"7d"`, or as a number of
/// seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub u32);

/// A size, in bytes; written `"64KiB"`, `"4MiB"`, or as a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u32);

const SPAN_UNITS: [(&str, u32); 4] = [("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", 1)];
const BYTES_UNITS: [(&str, u32); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A number, or a string of a number and a unit.
fn with_unit(value: &Value, units: &[(&str, u32)]) -> Option<u32> {
    if let Some(number) = value.as_u64() {
        return u32::try_from(number).ok();
    }
    let text = value.as_str()?;
    units.iter().find_map(|(unit, factor)| {
        let number: u32 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(*factor)
    })
}

/// The same, written with the largest unit that divides it.
fn in_units(number: u32, units: &[(&str, u32)]) -> Value {
    let divides = |(_, factor): &&(&str, u32)| number != 0 && number.is_multiple_of(*factor);
    match units.iter().find(divides) {
        Some((unit, factor)) => format!("{}{unit}", number / factor).into(),
        None => number.into(),
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        in_units(self.0, &SPAN_UNITS).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let seconds = with_unit(&Value::deserialize(deserializer)?, &SPAN_UNITS);
        seconds.map(Span).ok_or_else(|| {
            D::Error::custom("must be a number of seconds or a time like \"90s\", \"30m\", \"1h\"")
        })
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        in_units(self.0, &BYTES_UNITS).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let bytes = with_unit(&Value::deserialize(deserializer)?, &BYTES_UNITS);
        bytes.map(Bytes).ok_or_else(|| {
            D::Error::custom("must be a number of bytes or a size like \"64KiB\", \"4MiB\"")
        })
    }
}

/// Something wrong in a configuration: where, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub String);

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Config {
    /// Reads JSON over the defaults. Every fault is listed, none replaced by a default in silence.
    pub fn from_json(text: &str) -> Result<Config, Vec<Fault>> {
        let given: Value =
            serde_json::from_str(text).map_err(|err| vec![Fault(format!("not JSON: {err}"))])?;
        let defaults = serde_json::to_value(Config::default());
        let mut reading = Reading {
            merged: defaults.unwrap_or_default(),
            faults: Vec::new(),
        };
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

    /// The whole configuration as JSON, as [`Config::from_json`] reads it.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// What is out of range or does not fit together.
    pub fn faults(&self) -> Vec<Fault> {
        let mut check = Check(Vec::new());
        self.check_network(&mut check);
        self.check_announce(&mut check);
        let Config {
            scrape,
            limits,
            cache,
            ..
        } = self;
        check.range("scrape.max_hashes", scrape.max_hashes, 1..=1000);
        check.range(
            "scrape.full_interval",
            scrape.full_interval,
            Span(1)..=Span(DAY),
        );
        check.range("limits.torrents", limits.torrents, 1..=2_000_000_000);
        check.range("limits.peers", limits.peers, 1..=100_000_000_000);
        check.range(
            "cache.snapshot_interval",
            cache.snapshot_interval,
            Span(1)..=Span(DAY),
        );
        let most = Span(365 * DAY);
        check.range(
            "cache.downloaded_lifetime",
            cache.downloaded_lifetime,
            Span(0)..=most,
        );
        check.0
    }

    fn check_network(&self, check: &mut Check) {
        let network = &self.network;
        if network.udp.is_empty() && network.http.is_empty() {
            check.fault(
                "network",
                "udp and http are both empty: there is nothing to listen on",
            );
        }
        for (path, addresses) in [
            ("network.udp", &network.udp),
            ("network.http", &network.http),
        ] {
            for (place, address) in addresses.iter().enumerate() {
                if address.port() != 0 && addresses[..place].contains(address) {
                    check.fault(&format!("{path}[{place}]"), "the address is listed twice");
                }
            }
        }
        check.range("network.workers", network.workers, 0..=1024);
        let buffer = Bytes(4096)..=Bytes(1 << 30);
        check.range(
            "network.udp_receive_buffer",
            network.udp_receive_buffer,
            buffer.clone(),
        );
        check.range("network.udp_send_buffer", network.udp_send_buffer, buffer);
        check.range("network.backlog", network.backlog, 1..=1 << 20);
        check.range(
            "network.max_connections",
            network.max_connections,
            0..=10_000_000,
        );
        let timeout = Span(1)..=Span(HOUR);
        check.range(
            "network.head_timeout",
            network.head_timeout,
            timeout.clone(),
        );
        check.range(
            "network.idle_timeout",
            network.idle_timeout,
            timeout.clone(),
        );
        check.range("network.write_timeout", network.write_timeout, timeout);
        if network
            .proxy_header
            .as_deref()
            .is_some_and(|name| !is_header_name(name))
        {
            check.fault("network.proxy_header", "is not the name of a header");
        }
        if network.proxy_protocol && network.trusted_proxies.is_empty() {
            let message = "needs network.trusted_proxies: nobody would be believed";
            check.fault("network.proxy_protocol", message);
        }
    }

    fn check_announce(&self, check: &mut Check) {
        let announce = &self.announce;
        check.range("announce.interval", announce.interval, Span(1)..=Span(DAY));
        check.range(
            "announce.min_interval",
            announce.min_interval,
            Span(0)..=announce.interval,
        );
        check.range("announce.jitter", announce.jitter, Span(0)..=Span(HOUR));
        let shortest = Span(announce.interval.0.saturating_add(announce.jitter.0));
        let lifetime = shortest..=Span(7 * DAY);
        check.range("announce.peer_lifetime", announce.peer_lifetime, lifetime);
        check.range("announce.peers_max", announce.peers_max, 1..=2000);
        check.range(
            "announce.peers_default",
            announce.peers_default,
            0..=announce.peers_max,
        );
        let id_lifetime = Span(1)..=Span(8 * HOUR);
        let given = announce.connection_id_lifetime;
        check.range("announce.connection_id_lifetime", given, id_lifetime);
    }
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

struct Check(Vec<Fault>);

impl Check {
    fn fault(&mut self, path: &str, message: &str) {
        self.0.push(Fault(format!("{path}: {message}")));
    }

    fn range<T: PartialOrd + Serialize>(&mut self, path: &str, value: T, range: RangeInclusive<T>) {
        if !range.contains(&value) {
            let text = |value: &T| serde_json::to_string(value).unwrap_or_default();
            let (value, low, high) = (text(&value), text(range.start()), text(range.end()));
            self.fault(path, &format!("{value} is not between {low} and {high}"));
        }
    }
}

/// Settings laid over the defaults one by one: each is tried alone, so that each fault is found,
/// and has its path.
struct Reading {
    merged: Value,
    faults: Vec<Fault>,
}

impl Reading {
    fn merge(&mut self, path: &mut Vec<String>, given: &Value) {
        let pointer: String = path.iter().map(|key| format!("/{key}")).collect();
        let Some(Value::Object(known)) = self.merged.pointer(&pointer) else {
            return self.setting(path, &pointer, given);
        };
        let known: Vec<String> = known.keys().cloned().collect();
        let Value::Object(given) = given else {
            let name = if path.is_empty() {
                "configuration"
            } else {
                &path.join(".")
            };
            return self
                .faults
                .push(Fault(format!("{name}: must be an object")));
        };
        for (key, value) in given {
            path.push(key.clone());
            if known.contains(key) {
                self.merge(path, value);
            } else {
                self.faults
                    .push(Fault(format!("{}: unknown key", path.join("."))));
            }
            path.pop();
        }
    }

    fn setting(&mut self, path: &[String], pointer: &str, given: &Value) {
        let name = path.join(".");
        let faults = self.faults.len();
        for (place, element) in given.as_array().into_iter().flatten().enumerate() {
            let alone = Value::Array(vec![element.clone()]);
            self.try_setting(pointer, &format!("{name}[{place}]"), alone, false);
        }
        // What is wrong with elements is said of each: the whole is tried only when they are good.
        if self.faults.len() == faults {
            self.try_setting(pointer, &name, given.clone(), true);
        }
    }

    /// Tries a setting, and leaves it in place if it is good and to be kept.
    fn try_setting(&mut self, pointer: &str, name: &str, given: Value, keep: bool) {
        let Some(place) = self.merged.pointer_mut(pointer) else {
            return;
        };
        let before = std::mem::replace(place, given);
        let good = Config::deserialize(&self.merged).map_err(|err| err.to_string());
        if (good.is_err() || !keep)
            && let Some(place) = self.merged.pointer_mut(pointer)
        {
            *place = before;
        }
        if let Err(message) = good {
            self.faults.push(Fault(format!("{name}: {message}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        match Config::from_json(text) {
            Ok(config) => panic!("accepted: {config:?}"),
            Err(faults) => faults.into_iter().map(|fault| fault.0).collect(),
        }
    }

    #[test]
    fn the_example_is_the_defaults() {
        let example = include_str!("../config.example.json");
        assert_eq!(example.trim_end(), Config::default().to_json());
        assert_eq!(Config::from_json(example), Ok(Config::default()));
        assert_eq!(Config::from_json("{}"), Ok(Config::default()));
    }

    #[test]
    fn settings_are_laid_over_the_defaults() {
        let text = r#"{"announce": {"interval": 600, "min_interval": "5m", "peer_lifetime": "1h"},
            "network": {"udp": [], "trusted_proxies": ["10.0.0.0/8"], "proxy_header": null}}"#;
        let config = Config::from_json(text).expect("a good configuration");
        assert_eq!(config.announce.interval, Span(600));
        assert_eq!(config.announce.min_interval, Span(300));
        assert!(config.network.udp.is_empty());
        assert_eq!(config.network.proxy_header, None);
        assert_eq!(config.network.http, Network::default().http);
        assert_eq!(Config::from_json(&config.to_json()), Ok(config));
    }

    #[test]
    fn every_fault_is_listed_with_its_path() {
        let found = faults(
            r#"{"announce": {"interval": "soon", "peers_max": 0, "nope": 1},
                "network": {"http": ["127.0.0.1:1", "nowhere", "::1"], "workers": -1, "udp": 5},
                "limits": 7, "extra": {}}"#,
        );
        let all = found.join("\n");
        for path in [
            "announce.interval: must be a number of seconds",
            "announce.peers_max: 0 is not between 1 and 2000",
            "announce.nope: unknown key",
            "network.http[1]: ",
            "network.http[2]: ",
            "network.workers: ",
            "network.udp: ",
            "limits: must be an object",
            "extra: unknown key",
        ] {
            assert!(
                found.iter().any(|fault| fault.starts_with(path)),
                "{path} not in\n{all}"
            );
        }
        assert!(
            !all.contains("http[0]") && !all.contains("network.http:"),
            "{all}"
        );
    }

    #[test]
    fn ranges_and_what_does_not_fit_together() {
        for (text, fault) in [
            ("[]", "configuration: must be an object"),
            ("{", "not JSON: "),
            (
                r#"{"network": {"udp": [], "http": []}}"#,
                "network: udp and http are both empty",
            ),
            (
                r#"{"network": {"http": ["[::]:80", "[::]:80"]}}"#,
                "network.http[1]: the address is listed twice",
            ),
            (
                r#"{"network": {"proxy_protocol": true}}"#,
                "network.proxy_protocol: needs",
            ),
            (
                r#"{"network": {"proxy_header": "a b"}}"#,
                "network.proxy_header: is not",
            ),
            (
                r#"{"announce": {"min_interval": "1h"}}"#,
                r#"announce.min_interval: "1h" is not between 0 and "30m""#,
            ),
            (
                r#"{"announce": {"peer_lifetime": "5m"}}"#,
                r#"announce.peer_lifetime: "5m" is not between "31m" and "7d""#,
            ),
            (
                r#"{"network": {"udp_send_buffer": "1TB"}}"#,
                "network.udp_send_buffer: must be",
            ),
        ] {
            let found = faults(text);
            assert!(
                found.len() == 1 && found[0].starts_with(fault),
                "{text}: {found:?}"
            );
        }
    }
}
