//! A connection to PostgreSQL.
//!
//! The client library is asynchronous, and each connection runs it on the thread that asks. So a
//! server that is silent for too long can be given up, whatever it was asked.

mod cells;
mod fault;
#[cfg(feature = "postgres-tls")]
mod tls;

use super::connection::{Connection, Dialect, Fault, Row, SqlError};
use super::server::{Server, Tls, wrong};
use cells::{Cells, Column};
use fault::{fault, lost};
use futures_util::TryStreamExt;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Error, NoTls, SimpleQueryMessage, Socket};

/// What a connection is good for after an error that was not told by the server.
struct Postgres {
    runtime: Runtime,
    client: Client,
    /// Reads and writes the socket, while the thread waits for an answer; ends with the connection.
    task: Option<JoinHandle<Result<(), Error>>>,
    silence: Duration,
}

/// Connects, or says why that cannot be.
pub fn open(server: &Server) -> Result<Box<dyn Connection>, SqlError> {
    let mut config: Config = server.url.parse().map_err(|err: Error| fault(&err))?;
    if let Some(password) = &server.password {
        config.password(password);
    }
    if config.get_application_name().is_none() {
        config.application_name("chihaya");
    }
    let is_local = |host: &Host| matches!(host, Host::Unix(_));
    let tls = match config.get_hosts().iter().all(is_local) {
        true => Tls::Off,
        false => server.tls,
    };
    config.ssl_mode(match tls {
        Tls::Off => SslMode::Disable,
        Tls::Require | Tls::Verify => SslMode::Require,
    });
    config.connect_timeout(server.connect_timeout);
    if tls == Tls::Off {
        return connect(server, &config, NoTls);
    }
    #[cfg(feature = "postgres-tls")]
    return connect(server, &config, tls::connector(server)?);
    #[cfg(not(feature = "postgres-tls"))]
    Err(wrong(
        "postgres: this executable is built without TLS (the feature postgres-tls)".to_owned(),
    ))
}

fn connect<T>(server: &Server, config: &Config, tls: T) -> Result<Box<dyn Connection>, SqlError>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|err| wrong(format!("postgres: {err}")))?;
    let session = session(server);
    let connecting = async {
        let (client, connection) = config.connect(tls).await?;
        let task = tokio::spawn(connection);
        client.batch_execute(&session).await?;
        Ok((client, task))
    };
    let connected = runtime.block_on(async { timeout(server.connect_timeout, connecting).await });
    let (client, task) = connected
        .map_err(|_| lost("it does not connect in time"))?
        .map_err(|err| fault(&err))?;
    Ok(Box::new(Postgres {
        runtime,
        client,
        task: Some(task),
        silence: server.silence(),
    }))
}

/// What a server may have set otherwise, and statements rely on. A transaction whose client is
/// gone does not keep its locks.
fn session(server: &Server) -> String {
    let wait = server.statement_timeout.as_millis();
    let idle = server.silence().as_millis();
    format!(
        "SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; \
         SET bytea_output = 'hex'; SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; \
         SET client_min_messages = error; SET statement_timeout = 0; SET lock_timeout = {wait}; \
         SET idle_in_transaction_session_timeout = {idle}"
    )
}

impl Postgres {
    /// Waits for an answer, but not for ever.
    fn wait<T>(
        &mut self,
        answer: impl AsyncFnOnce(&Client, Duration) -> Result<T, Failure>,
    ) -> Result<T, SqlError> {
        let answer = self.runtime.block_on(answer(&self.client, self.silence));
        answer.map_err(|failure| match failure {
            Failure::Each(err) => err,
            Failure::Silence => {
                // An answer that comes later must not be taken for one to another question.
                if let Some(task) = self.task.take() {
                    task.abort();
                }
                lost("it does not answer in time")
            }
            Failure::Postgres(err) => self.reason(&err),
        })
    }

    /// What an error means. Why a connection was closed is known to the task that read it.
    fn reason(&mut self, err: &Error) -> SqlError {
        let ended = self
            .task
            .take_if(|task| err.is_closed() && task.is_finished());
        let told = ended.map(|task| self.runtime.block_on(task));
        match told {
            Some(Ok(Err(told))) => SqlError {
                kind: Fault::Lost,
                ..fault(&told)
            },
            _ => fault(err),
        }
    }
}

/// Why there is no answer.
enum Failure {
    Postgres(Error),
    Silence,
    /// Who is shown the rows wants no more of them.
    Each(SqlError),
}

impl From<Error> for Failure {
    fn from(err: Error) -> Failure {
        Failure::Postgres(err)
    }
}

async fn within<T>(
    silence: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Failure> {
    let answer = timeout(silence, answer).await;
    answer.map_err(|_| Failure::Silence)?.map_err(Failure::from)
}

impl Connection for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn execute(&mut self, sql: &str) -> Result<u64, SqlError> {
        self.wait(async |client, silence| {
            let messages = within(silence, client.simple_query_raw(sql)).await?;
            let mut messages = pin!(messages);
            let mut rows = 0;
            while let Some(message) = within(silence, messages.try_next()).await? {
                if let SimpleQueryMessage::CommandComplete(count) = message {
                    rows = count;
                }
            }
            Ok(rows)
        })
    }

    fn query(
        &mut self,
        sql: &str,
        each: &mut dyn FnMut(&dyn Row) -> Result<(), SqlError>,
    ) -> Result<(), SqlError> {
        self.wait(async |client, silence| {
            // A text protocol tells no types; they are asked for first.
            let statement = within(silence, client.prepare(sql)).await?;
            let columns = statement.columns().iter();
            let mut cells = Cells::new(columns.map(Column::of).collect());
            drop(statement);
            let messages = within(silence, client.simple_query_raw(sql)).await?;
            let mut messages = pin!(messages);
            while let Some(message) = within(silence, messages.try_next()).await? {
                if let SimpleQueryMessage::Row(row) = message {
                    cells.read(&row);
                    each(&cells).map_err(Failure::Each)?;
                }
            }
            Ok(())
        })
    }

    fn prepare(&mut self, sql: &str) -> Result<Vec<String>, SqlError> {
        let (names, parameters) = self.wait(async |client, silence| {
            let statement = within(silence, client.prepare(sql)).await?;
            let columns = statement.columns().iter();
            let names = columns.map(|column| column.name().to_owned()).collect();
            Ok((names, statement.params().len()))
        })?;
        match parameters {
            0 => Ok(names),
            _ => Err(wrong("postgres: the statement has parameters".to_owned())),
        }
    }
}
