//! A connection to MySQL or MariaDB.

mod cells;
mod fault;

use super::connection::{Connection, Dialect, Fault, Row, SqlError};
use super::server::{Server, Tls, wrong};
use ::mysql::consts::CapabilityFlags;
use ::mysql::prelude::Queryable;
use ::mysql::{Conn, Error, Opts, OptsBuilder};
use cells::Cells;
use fault::{cannot_be_prepared, fault, lost};
use std::net::ToSocketAddrs;

struct Mysql {
    /// None any more after it was lost: what may still come must not be taken for another answer.
    conn: Option<Conn>,
}

/// Connects, or says why that cannot be.
pub fn open(server: &Server) -> Result<Box<dyn Connection>, SqlError> {
    let opts = Opts::from_url(&server.url).map_err(|err| fault(&err.into()))?;
    let is_local = opts.get_socket().is_some();
    let mut builder = OptsBuilder::from_opts(opts.clone())
        .init(vec![session(server)])
        .additional_capabilities(
            opts.get_additional_capabilities() | CapabilityFlags::CLIENT_FOUND_ROWS,
        )
        .tcp_connect_timeout(Some(server.connect_timeout))
        .read_timeout(Some(server.silence()))
        .write_timeout(Some(server.silence()))
        // Where an address is given it is used, not the socket that is found there.
        .prefer_socket(false)
        // Statements are prepared to be checked, once.
        .stmt_cache_size(0);
    if let Some(password) = &server.password {
        builder = builder.pass(Some(password));
    }
    if server.tls != Tls::Off && !is_local {
        builder = encrypted(server, builder)?;
    }
    let conn = match server.tls {
        Tls::Off if !is_local => connect_to_any(&opts, &builder)?,
        // The name is needed to know whose certificate it should be.
        _ => connect(builder)?,
    };
    Ok(Box::new(Mysql { conn: Some(conn) }))
}

fn connect(builder: OptsBuilder) -> Result<Conn, SqlError> {
    Conn::new(builder).map_err(|err| fault(&err))
}

/// Tries all addresses of a name: the library stays with the first, and a server may listen on
/// another (`localhost` is `::1` before it is `127.0.0.1`, often).
fn connect_to_any(opts: &Opts, builder: &OptsBuilder) -> Result<Conn, SqlError> {
    let (host, port) = (opts.get_ip_or_hostname(), opts.get_tcp_port());
    let found = (&*host, port).to_socket_addrs();
    let found = found.map_err(|err| lost(&format!("{host}: {err}")))?;
    let mut last = lost(&format!("{host} has no address"));
    for address in found {
        let host = Some(address.ip().to_string());
        match connect(builder.clone().ip_or_hostname(host)) {
            Err(err) if err.kind == Fault::Lost => last = err,
            answer => return answer,
        }
    }
    Err(last)
}

#[cfg(feature = "mysql-tls")]
fn encrypted(server: &Server, builder: OptsBuilder) -> Result<OptsBuilder, SqlError> {
    use ::mysql::SslOpts;
    // Read here for its fault alone: who it is read by takes a missing file for a lost connection.
    server.read_ca()?;
    let anyone = server.tls == Tls::Require;
    let opts = SslOpts::default()
        .with_root_cert_path(server.tls_ca.clone())
        .with_danger_accept_invalid_certs(anyone)
        .with_danger_skip_domain_validation(anyone);
    Ok(builder.ssl_opts(opts))
}

#[cfg(not(feature = "mysql-tls"))]
fn encrypted(_server: &Server, _builder: OptsBuilder) -> Result<OptsBuilder, SqlError> {
    Err(wrong(
        "mysql: this executable is built without TLS (the feature mysql-tls)".to_owned(),
    ))
}

/// What a server may have set otherwise, and statements rely on. Strict, so that a value that does
/// not fit is refused and told of, not cut. MariaDB alone can end a transaction whose client is
/// gone.
fn session(server: &Server) -> String {
    let wait = server.statement_timeout.as_secs().max(1);
    let idle = server.silence().as_secs();
    format!(
        "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', \
         autocommit = 1, lock_wait_timeout = {wait}, \
         /*M!100300 idle_transaction_timeout = {idle}, */ innodb_lock_wait_timeout = {wait}"
    )
}

impl Mysql {
    fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut Conn) -> Result<T, Failure>,
    ) -> Result<T, SqlError> {
        let conn = self
            .conn
            .as_mut()
            .ok_or_else(|| lost("the connection is closed"))?;
        let answer = question(conn).map_err(|failure| match failure {
            Failure::Mysql(err) => fault(&err),
            Failure::Each(err) => err,
        });
        if let Err(SqlError {
            kind: Fault::Lost, ..
        }) = &answer
        {
            self.conn = None;
        }
        answer
    }
}

/// Why there is no answer.
enum Failure {
    Mysql(Error),
    /// Who is shown the rows wants no more of them.
    Each(SqlError),
}

impl From<Error> for Failure {
    fn from(err: Error) -> Failure {
        Failure::Mysql(err)
    }
}

impl Connection for Mysql {
    fn dialect(&self) -> Dialect {
        Dialect::Mysql
    }

    fn execute(&mut self, sql: &str) -> Result<u64, SqlError> {
        self.ask(|conn| {
            let rows = conn.query_iter(sql)?.affected_rows();
            Ok(rows)
        })
    }

    fn query(
        &mut self,
        sql: &str,
        each: &mut dyn FnMut(&dyn Row) -> Result<(), SqlError>,
    ) -> Result<(), SqlError> {
        self.ask(|conn| {
            for row in conn.query_iter(sql)? {
                each(&Cells(row?)).map_err(Failure::Each)?;
            }
            Ok(())
        })
    }

    fn prepare(&mut self, sql: &str) -> Result<Vec<String>, SqlError> {
        let (names, parameters) = self.ask(|conn| {
            let statement = match conn.prep(sql) {
                Err(err) if cannot_be_prepared(&err) => return Ok((Vec::new(), 0)),
                prepared => prepared?,
            };
            let columns = statement.columns();
            let names = columns.iter().map(|column| column.name_str().into_owned());
            let names = names.collect();
            let parameters = statement.num_params();
            conn.close(statement)?;
            Ok((names, parameters))
        })?;
        match parameters {
            0 => Ok(names),
            _ => Err(wrong("mysql: the statement has parameters".to_owned())),
        }
    }
}
