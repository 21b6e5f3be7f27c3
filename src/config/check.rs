//! Ranges, and what does not fit together.

use super::units::{DAY, HOUR};
use super::{Bytes, Config, SESSIONS_PER_TORRENT_MOST, Span};
use serde::Serialize;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

/// Bytes of `redis.key`: in databases it is part of a name of 64.
const KEY_BYTES_MOST: usize = 48;

/// Something wrong in a configuration: where, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub String);

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Config {
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
        self.check_redis(&mut check);
        self.check_private(&mut check);
        self.check_admin(&mut check);
        self.check_storage(&mut check);
        self.check_dialects(&mut check);
        check.0
    }

    fn check_redis(&self, check: &mut Check) {
        let redis = &self.redis;
        if redis.servers.is_empty() {
            check.fault("redis.servers", "is empty");
        }
        for (place, url) in redis.servers.iter().enumerate() {
            let known = ["redis://", "rediss://", "valkey://", "valkeys://"];
            if !known.iter().any(|scheme| url.starts_with(scheme)) {
                let message = "must begin with redis:// or rediss://";
                check.fault(&format!("redis.servers[{place}]"), message);
            }
        }
        // Braces decide about a key's place in a cluster.
        if redis.key.is_empty() || redis.key.contains(['{', '}']) {
            check.fault("redis.key", "must be some letters without braces");
        }
        check.range("redis.logs", redis.logs, 1..=64);
        check.range(
            "redis.backlog",
            redis.backlog,
            Bytes(1 << 20)..=Bytes(u32::MAX),
        );
        check.range(
            "redis.copy_interval",
            redis.copy_interval,
            Span(1)..=Span(DAY),
        );
        check.range("redis.hand_over", redis.hand_over, Span(1)..=Span(DAY));
        if redis.key.len() > KEY_BYTES_MOST {
            let message = format!("must be {KEY_BYTES_MOST} bytes at most");
            check.fault("redis.key", &message);
        }
    }

    fn check_private(&self, check: &mut Check) {
        let Config {
            accounts,
            journal,
            storage,
            announce,
            ..
        } = self;
        // Baselines must outlive the peers they belong to.
        let lifetime = announce.peer_lifetime..=Span(365 * DAY);
        check.range(
            "accounts.session_lifetime",
            accounts.session_lifetime,
            lifetime,
        );
        check.range(
            "accounts.sessions_per_torrent",
            accounts.sessions_per_torrent,
            0..=SESSIONS_PER_TORRENT_MOST,
        );
        check.range("accounts.grace", accounts.grace, Span(0)..=Span(DAY));
        check.range(
            "journal.sync_interval",
            journal.sync_interval,
            Span(1)..=Span(HOUR),
        );
        check.range(
            "journal.max",
            journal.max,
            Bytes(64 << 10)..=Bytes(u32::MAX),
        );
        for (path, interval) in [
            ("storage.flush_interval", storage.flush_interval),
            ("storage.changes_interval", storage.changes_interval),
            ("storage.reload_interval", storage.reload_interval),
        ] {
            check.range(path, interval, Span(1)..=Span(DAY));
        }
        for (name, path) in [
            ("journal.path", &journal.path),
            ("storage.path", &storage.path),
        ] {
            if path.as_os_str().is_empty() {
                check.fault(name, "is empty");
            }
        }
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
            check.listed_once(path, addresses);
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

pub(super) struct Check(Vec<Fault>);

impl Check {
    pub(super) fn fault(&mut self, path: &str, message: &str) {
        self.0.push(Fault(format!("{path}: {message}")));
    }

    /// Addresses are not listed twice.
    pub(super) fn listed_once(&mut self, path: &str, addresses: &[SocketAddr]) {
        for (place, address) in addresses.iter().enumerate() {
            if address.port() != 0 && addresses[..place].contains(address) {
                self.fault(&format!("{path}[{place}]"), "the address is listed twice");
            }
        }
    }

    pub(super) fn range<T: PartialOrd + Serialize>(
        &mut self,
        path: &str,
        value: T,
        range: RangeInclusive<T>,
    ) {
        if !range.contains(&value) {
            let text = |value: &T| serde_json::to_string(value).unwrap_or_default();
            let (value, low, high) = (text(&value), text(range.start()), text(range.end()));
            self.fault(path, &format!("{value} is not between {low} and {high}"));
        }
    }
}
