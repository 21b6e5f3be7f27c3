//! A connection's turn: what has come in is read and becomes requests of the tick.

use super::connection::{Connection, Phase};
use crate::tracker::Tracker;
use crate::tracker::http::{Next, Requests};
use crate::wire::{http, proxy};
use log::debug;
use std::io;

/// Requests taken from one connection a tick; a client that sends more waits for its turn.
const REQUESTS_PER_TURN: usize = 32;
/// One connection's turn at the read buffer.
pub(super) struct Turn<'w> {
    pub(super) connection: &'w mut Connection,
    pub(super) requests: &'w mut Requests,
    pub(super) tracker: &'w mut Tracker,
    pub(super) buffer: &'w mut [u8],
    pub(super) key: usize,
}

impl Turn<'_> {
    /// Reads and collects until the input is drained, or the turn is over; returns the requests
    /// taken.
    pub(super) fn run(self) -> io::Result<usize> {
        let Turn {
            connection,
            requests,
            tracker,
            buffer,
            key,
        } = self;
        let mut filled = connection.take_unread(buffer);
        let mut taken = 0;
        // What was left unread may hold whole requests: a turn ended among them.
        let mut whole = filled > 0;
        connection.more_to_read = true;
        while connection.more_to_read {
            if !whole {
                let Some(length) = connection.read(&mut buffer[filled..])? else {
                    connection.more_to_read = false;
                    break;
                };
                if length == 0 {
                    connection.more_to_read = false;
                    connection.phase = Phase::Closing { linger: false };
                    break;
                }
                // A read that does not fill the buffer has drained the socket (epoll(7)), but for
                // an end that came in one event with the input.
                connection.more_to_read = filled + length == buffer.len() || connection.input_ends;
                filled += length;
            }
            let used = collect(
                connection,
                requests,
                tracker,
                key,
                &buffer[..filled],
                &mut taken,
            );
            buffer.copy_within(used..filled, 0);
            filled -= used;
            match connection.phase {
                Phase::Closing { .. } => {
                    connection.more_to_read = false;
                    filled = 0;
                }
                // What is unread goes along.
                Phase::Crossing => connection.more_to_read = false,
                Phase::Proxy | Phase::Open | Phase::Lingering { .. } => {}
            }
            if taken >= REQUESTS_PER_TURN {
                connection.more_to_read = true;
                break;
            }
            whole = false;
        }
        connection.keep_unread(&buffer[..filled]);
        Ok(taken)
    }
}

/// Collects the whole requests at the front of `bytes`, up to what a tick takes; returns the bytes
/// used.
fn collect(
    connection: &mut Connection,
    requests: &mut Requests,
    tracker: &mut Tracker,
    key: usize,
    bytes: &[u8],
    taken: &mut usize,
) -> usize {
    let mut used = 0;
    if connection.phase == Phase::Proxy {
        match proxy::parse(bytes) {
            Ok(proxy::Status::Complete { client, consumed }) => {
                connection.client =
                    client.map_or(connection.client, |addr| addr.ip().to_canonical());
                connection.phase = Phase::Open;
                used = consumed;
            }
            Ok(proxy::Status::Partial) => return 0,
            Err(proxy::Malformed) => {
                debug!("http: a trusted proxy did not begin with the PROXY protocol");
                connection.phase = Phase::Closing { linger: false };
                return 0;
            }
        }
    }
    while connection.phase == Phase::Open && *taken < REQUESTS_PER_TURN && used < bytes.len() {
        match http::parse(&bytes[used..]) {
            Ok(http::Status::Complete { request, consumed }) => {
                match requests.collect(tracker, key, &request, connection.client) {
                    Next::Another => {}
                    Next::Nothing => {
                        connection.phase = Phase::Closing {
                            linger: used + consumed < bytes.len(),
                        };
                    }
                    Next::Elsewhere => {
                        connection.phase = Phase::Crossing;
                        break;
                    }
                }
                used += consumed;
                *taken += 1;
            }
            Ok(http::Status::Partial) => break,
            Err(_) if tracker.settings().is_in_dialect(&bytes[used..]) => {
                connection.phase = Phase::Crossing;
            }
            Err(malformed) => {
                *taken += 1;
                requests.collect_malformed(key, malformed);
                connection.phase = Phase::Closing { linger: true };
            }
        }
    }
    used
}
