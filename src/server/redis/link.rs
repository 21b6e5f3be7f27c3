//! A connection to the server that has a log, wherever it is.
//!
//! Servers are asked in turn until one answers. In a cluster any of them knows who has a key: it
//! says `MOVED`, and all keys of a log are in one place. While a log is on its way from one server
//! to another, it says `ASK` of each key that it does not have any more, or never had, and that
//! command alone goes to the other, announced there.

use crate::cache::CacheError;
use crate::config;
use redis::{
    Client, Cmd, Connection, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    RedisError, RedisResult, ServerErrorKind, Value,
};
use std::sync::Arc;
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
    elsewhere: Option<Address>,
    open: Option<Open>,
}

/// Host and port.
type Address = (String, u16);

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
        servers: &Arc<Servers>,
        mut act: impl FnMut(&mut Open) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let mut redirections = 0;
        loop {
            let result = self.open(servers).and_then(&mut act);
            let Err(error) = result else {
                return result;
            };
            let from = self.open.take().map(|open| open.info);
            let from = from.filter(|_| is(&error, ServerErrorKind::Moved));
            let target = from.and_then(|from| target(&error, &from));
            if target.is_none() || redirections == MOST_REDIRECTIONS {
                self.elsewhere = None;
                self.turn = self.turn.wrapping_add(1);
                return Err(error);
            }
            redirections += 1;
            self.elsewhere = target;
        }
    }

    fn open(&mut self, servers: &Arc<Servers>) -> RedisResult<&mut Open> {
        if self.open.is_none() {
            let configured = &servers.known[self.turn % servers.known.len()];
            let info = match self.elsewhere.clone() {
                Some(address) => at(configured, address),
                None => configured.clone(),
            };
            self.open = Some(Open::new(servers, info)?);
        }
        let none = || (ErrorKind::Client, "no connection").into();
        self.open.as_mut().ok_or_else(none)
    }
}

/// Where an error sends us that came from here.
fn target(error: &RedisError, from: &ConnectionInfo) -> Option<Address> {
    let (node, _) = error.redirect_node()?;
    address(node, || match from.addr() {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
        _ => String::new(),
    })
}

/// How to connect to another server in the same way.
fn at(info: &ConnectionInfo, (host, port): Address) -> ConnectionInfo {
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
    info.clone().set_addr(address)
}

/// Host and port as a server writes them; it leaves the host out where it does not know its own.
fn address(node: &str, own: impl FnOnce() -> String) -> Option<Address> {
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

/// A connection.
pub(super) struct Open {
    servers: Arc<Servers>,
    info: ConnectionInfo,
    connection: Connection,
    /// Another server, to which the log is on its way.
    aside: Option<(Address, Connection)>,
    /// How long an answer may take.
    patience: Duration,
    /// The server's clock in milliseconds, and when it was looked at.
    clock: (u64, Instant),
}

impl Open {
    fn new(servers: &Arc<Servers>, info: ConnectionInfo) -> RedisResult<Open> {
        let mut connection = servers.connect(&info)?;
        // It belongs to no key, so nothing is redirected.
        let (secs, micros): (u64, u64) = redis::cmd("TIME").query(&mut connection)?;
        Ok(Open {
            servers: Arc::clone(servers),
            info,
            connection,
            aside: None,
            patience: ANSWER,
            clock: (secs * 1000 + micros / 1000, Instant::now()),
        })
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
        self.connection.send_packed_command(&packed([command]))?;
        self.answer(command)
    }

    /// Asks one thing that the server may take so long to answer.
    pub(super) fn wait(&mut self, command: &Cmd, patience: Duration) -> RedisResult<Value> {
        self.patience = patience + ANSWER;
        self.connection.set_read_timeout(Some(self.patience))?;
        self.ask(command)
    }

    /// Asks several things at once; `answered` hears of each that is done.
    pub(super) fn ask_all(
        &mut self,
        commands: &[Cmd],
        mut answered: impl FnMut(usize),
    ) -> RedisResult<()> {
        self.connection.send_packed_command(&packed(commands))?;
        commands
            .iter()
            .enumerate()
            .try_for_each(|(place, command)| {
                self.answer(command)?;
                answered(place);
                Ok(())
            })
    }

    /// The answer to the next command.
    fn answer(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self.connection.recv_response()?.extract_error() {
            Err(error) if is(&error, ServerErrorKind::Ask) => self.ask_aside(command, error),
            answer => answer,
        }
    }

    /// Asks the server to which a key is on its way, of which nothing is left here. Others of the
    /// same log may still be here.
    fn ask_aside(&mut self, command: &Cmd, error: RedisError) -> RedisResult<Value> {
        let Some(address) = target(&error, &self.info) else {
            return Err(error);
        };
        let known = self.aside.take_if(|(known, _)| *known == address);
        let mut connection = match known {
            Some((_, connection)) => connection,
            None => self.servers.connect(&at(&self.info, address.clone()))?,
        };
        connection.set_read_timeout(Some(self.patience))?;
        connection.send_packed_command(&packed([&redis::cmd("ASKING"), command]))?;
        connection.recv_response()?.extract_error()?;
        let answer = connection.recv_response()?.extract_error();
        self.aside = Some((address, connection));
        answer
    }
}

fn packed<'c>(commands: impl IntoIterator<Item = &'c Cmd>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for command in commands {
        command.write_packed_command(&mut bytes);
    }
    bytes
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
