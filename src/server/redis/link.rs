//! A connection to the server that has a log, wherever it is.
//!
//! Servers are asked in turn until one answers. In a cluster any of them knows who has a key: it
//! says `MOVED`, and all keys of a log are in one place. While a log is on its way from one server
//! to another, it says `ASK`, and each command must be announced to the other.

use crate::cache::CacheError;
use crate::config;
use redis::{
    Client, Cmd, Connection, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    RedisError, RedisResult, ServerErrorKind, Value,
};
use std::time::{Duration, Instant};

/// For a server to accept a connection; one that is there does so at once.
const CONNECT: Duration = Duration::from_secs(2);
/// For an answer; a server that is busy loading or saving may be slow.
const ANSWER: Duration = Duration::from_secs(2);
/// Redirections of one call: two are the most a healthy cluster needs.
const MOST_REDIRECTIONS: usize = 5;

/// The servers of the configuration.
pub(super) struct Servers {
    known: Vec<ConnectionInfo>,
    /// Certificates in PEM that are trusted.
    trusted: Option<Vec<u8>>,
}

impl Servers {
    pub(super) fn new(settings: &config::Redis) -> Result<Servers, CacheError> {
        let known = settings.servers.iter().enumerate().map(|(place, url)| {
            let info = url.as_str().into_connection_info();
            info.map_err(|error| CacheError(format!("redis.servers[{place}]: {error}")))
        });
        let trusted = settings.trusted.as_ref().map(|path| {
            std::fs::read(path)
                .map_err(|error| CacheError(format!("redis.trusted: {}: {error}", path.display())))
        });
        let servers = Servers {
            known: known.collect::<Result<_, _>>()?,
            trusted: trusted.transpose()?,
        };
        servers.prepare_tls();
        Ok(servers)
    }

    #[cfg(feature = "redis-tls")]
    fn prepare_tls(&self) {
        // Where a program has chosen one already, it stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }

    #[cfg(not(feature = "redis-tls"))]
    fn prepare_tls(&self) {}

    fn connect(&self, info: &ConnectionInfo) -> RedisResult<Connection> {
        let connection = self.client(info)?.get_connection_with_timeout(CONNECT)?;
        connection.set_read_timeout(Some(ANSWER))?;
        connection.set_write_timeout(Some(ANSWER))?;
        Ok(connection)
    }

    #[cfg(feature = "redis-tls")]
    fn client(&self, info: &ConnectionInfo) -> RedisResult<Client> {
        let encrypted = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        match &self.trusted {
            Some(root) if encrypted => {
                let certificates = redis::TlsCertificates {
                    client_tls: None,
                    root_cert: Some(root.clone()),
                };
                Client::build_with_tls(info.clone(), certificates)
            }
            _ => Client::open(info.clone()),
        }
    }

    #[cfg(not(feature = "redis-tls"))]
    fn client(&self, info: &ConnectionInfo) -> RedisResult<Client> {
        match self.trusted {
            Some(_) => Err((
                ErrorKind::InvalidClientConfig,
                "this chihaya was built without the feature redis-tls",
            )
                .into()),
            None => Client::open(info.clone()),
        }
    }
}

/// A way to the server that has one log.
pub(super) struct Link {
    /// The configured server that is asked next.
    turn: usize,
    /// Where we have been sent instead.
    elsewhere: Option<(String, u16)>,
    open: Option<Open>,
}

/// A connection.
pub(super) struct Open {
    connection: Connection,
    /// The log is on its way to this server: each command must be announced.
    asking: bool,
    /// The server's clock in milliseconds, and when it was looked at.
    clock: (u64, Instant),
}

impl Link {
    pub(super) fn new() -> Link {
        Link {
            turn: 0,
            elsewhere: None,
            open: None,
        }
    }

    /// Whether a connection stands.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Does something with the server, wherever it turns out to be. After an error there is no
    /// connection: the next call makes one, to the next server where there are several.
    pub(super) fn call<T>(
        &mut self,
        servers: &Servers,
        mut act: impl FnMut(&mut Open) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let mut redirections = 0;
        loop {
            let result = self.open(servers).and_then(&mut act);
            let Err(error) = result else {
                return result;
            };
            self.open = None;
            let asking = is(&error, ServerErrorKind::Ask);
            let target = error.redirect_node().and_then(|(node, _)| {
                let before = self.elsewhere.as_ref().map(|(host, _)| host.clone());
                address(node, || before.unwrap_or_else(|| self.host(servers)))
            });
            if target.is_none() || redirections == MOST_REDIRECTIONS {
                self.elsewhere = None;
                self.turn = self.turn.wrapping_add(1);
                return Err(error);
            }
            redirections += 1;
            match asking {
                // The next connection looks for the owner again.
                true => self.open = Some(Open::new(servers, &self.info(servers, target), true)?),
                false => self.elsewhere = target,
            }
        }
    }

    fn open(&mut self, servers: &Servers) -> RedisResult<&mut Open> {
        if self.open.is_none() {
            let info = self.info(servers, self.elsewhere.clone());
            self.open = Some(Open::new(servers, &info, false)?);
        }
        let none = || (ErrorKind::Client, "no connection").into();
        self.open.as_mut().ok_or_else(none)
    }

    fn configured<'s>(&self, servers: &'s Servers) -> &'s ConnectionInfo {
        &servers.known[self.turn % servers.known.len()]
    }

    fn host(&self, servers: &Servers) -> String {
        match self.configured(servers).addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
            _ => String::new(),
        }
    }

    /// How to connect to the configured server, or elsewhere in the same way.
    fn info(&self, servers: &Servers, elsewhere: Option<(String, u16)>) -> ConnectionInfo {
        let info = self.configured(servers).clone();
        let Some((host, port)) = elsewhere else {
            return info;
        };
        let address = match info.addr().clone() {
            ConnectionAddr::TcpTls {
                insecure,
                tls_params,
                ..
            } => ConnectionAddr::TcpTls {
                host,
                port,
                insecure,
                tls_params,
            },
            _ => ConnectionAddr::Tcp(host, port),
        };
        info.set_addr(address)
    }
}

/// Host and port as a server writes them; it leaves the host out where it does not know its own.
fn address(node: &str, own: impl FnOnce() -> String) -> Option<(String, u16)> {
    let (host, port) = node.rsplit_once(':')?;
    let host = match host.trim_matches(['[', ']']) {
        "" | "?" => own(),
        host => host.to_owned(),
    };
    Some((host, port.parse().ok()?))
}

/// What the operator is told.
pub(super) fn text(error: &RedisError) -> String {
    match error.is_timeout() {
        true => "no answer".to_owned(),
        false => error.to_string(),
    }
}

fn is(error: &RedisError, kind: ServerErrorKind) -> bool {
    error.kind() == ErrorKind::Server(kind)
}

impl Open {
    fn new(servers: &Servers, info: &ConnectionInfo, asking: bool) -> RedisResult<Open> {
        let mut open = Open {
            connection: servers.connect(info)?,
            asking,
            clock: (0, Instant::now()),
        };
        // It belongs to no key, so nothing is redirected.
        let (secs, micros): (u64, u64) = redis::cmd("TIME").query(&mut open.connection)?;
        open.clock = (secs * 1000 + micros / 1000, Instant::now());
        Ok(open)
    }

    /// The text of a key; `None` where there is none.
    pub(super) fn get(&mut self, key: &str) -> RedisResult<Option<Vec<u8>>> {
        match self.ask(redis::cmd("GET").arg(key))? {
            Value::BulkString(bytes) => Ok(Some(bytes)),
            _ => Ok(None),
        }
    }

    /// The time of day by the server's clock, in milliseconds.
    pub(super) fn now_ms(&self) -> u64 {
        let (then, since) = self.clock;
        then + since.elapsed().as_millis() as u64
    }

    /// Asks one thing.
    pub(super) fn ask(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.send([command])?;
        self.answer()
    }

    /// Asks one thing that the server may take so long to answer.
    pub(super) fn wait(&mut self, command: &Cmd, patience: Duration) -> RedisResult<Value> {
        self.connection.set_read_timeout(Some(patience + ANSWER))?;
        self.ask(command)
    }

    /// Sends several commands at once; [`Open::answer`] is called for each.
    pub(super) fn send<'c>(
        &mut self,
        commands: impl IntoIterator<Item = &'c Cmd>,
    ) -> RedisResult<()> {
        let mut bytes = Vec::new();
        for command in commands {
            if self.asking {
                redis::cmd("ASKING").write_packed_command(&mut bytes);
            }
            command.write_packed_command(&mut bytes);
        }
        self.connection.send_packed_command(&bytes)
    }

    /// The answer to the next command.
    pub(super) fn answer(&mut self) -> RedisResult<Value> {
        if self.asking {
            self.connection.recv_response()?.extract_error()?;
        }
        self.connection.recv_response()?.extract_error()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_write_addresses_in_several_ways() {
        for (node, host, port) in [
            ("10.0.0.1:7001", "10.0.0.1", 7001),
            (":7002", "here", 7002),
            ("?:7002", "here", 7002),
            ("2001:db8::1:6379", "2001:db8::1", 6379),
            ("[2001:db8::1]:6379", "2001:db8::1", 6379),
            ("redis.example:6380", "redis.example", 6380),
        ] {
            let found = address(node, || "here".to_owned());
            assert_eq!(found, Some((host.to_owned(), port)), "{node}");
        }
        for node in ["", "nowhere", "a:b", "a:70000"] {
            assert_eq!(address(node, String::new), None, "{node}");
        }
    }
}
