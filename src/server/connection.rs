//! One HTTP connection: what it has not yet said whole, and what it has not yet been told.

use crate::model::Seconds;
use mio::net::TcpStream;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown};
use std::sync::Arc;

/// Bytes of an answered connection's rest that are read to let the answer arrive: closing with
/// unread input would reset the connection and take the answer with it.
const LINGER_BYTES: usize = 64 * 1024;

/// What a connection is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// The proxy has yet to say for whom it speaks.
    Proxy,
    /// Requests are welcome.
    Open,
    /// No request is read any more; it ends when everything is sent. `linger`: input may be left.
    Closing { linger: bool },
    /// What it asks for is served elsewhere; it goes there when everything is sent.
    Crossing,
    /// All is sent and said to be: the rest of the input is thrown away.
    Lingering { left: usize },
}

pub(super) struct Connection {
    stream: TcpStream,
    /// Who speaks, as the connection or the PROXY protocol says.
    pub(super) client: IpAddr,
    pub(super) phase: Phase,
    /// The moment at which it is closed if nothing has happened.
    pub(super) deadline: Seconds,
    /// Input that is not a whole request yet; empty for idle connections.
    unread: Vec<u8>,
    unsent: Unsent,
    /// Whole requests may be in `unread`, or more in the socket.
    pub(super) more_to_read: bool,
    /// The other side has said that nothing more will come; the end may stand behind input.
    pub(super) input_ends: bool,
    /// It is in the list of those that have another turn in the next tick.
    pub(super) unfinished: bool,
    pub(super) interest: Interest,
    /// It is in the list of those this tick has touched.
    pub(super) touched: bool,
}

/// What the poll has been asked to tell of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Interest {
    /// Nothing yet: many connections are answered before they need to be polled.
    Nothing,
    Input,
    InputAndRoom,
}

/// Answers that a socket did not take at once.
#[derive(Default)]
struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
    /// Follows `bytes`.
    body: Option<Arc<[u8]>>,
    body_sent: usize,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, client: IpAddr, phase: Phase, deadline: Seconds) -> Self {
        Connection {
            stream,
            client,
            phase,
            deadline,
            unread: Vec::new(),
            unsent: Unsent::default(),
            more_to_read: false,
            unfinished: false,
            input_ends: false,
            interest: Interest::Nothing,
            touched: false,
        }
    }

    pub(super) fn stream_mut(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether requests are to be read now: not while answers wait to be taken.
    pub(super) fn takes_requests(&self) -> bool {
        matches!(self.phase, Phase::Proxy | Phase::Open) && self.unsent.is_empty()
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Whether a request has begun to come in.
    pub(super) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Moves what is unread to the front of `buffer`; returns its length.
    pub(super) fn take_unread(&mut self, buffer: &mut [u8]) -> usize {
        let unread = std::mem::take(&mut self.unread);
        buffer[..unread.len()].copy_from_slice(&unread);
        unread.len()
    }

    /// Keeps what is not a whole request yet.
    pub(super) fn keep_unread(&mut self, bytes: &[u8]) {
        self.unread = bytes.to_vec();
    }

    /// What goes elsewhere: the socket, who speaks, and what is unread.
    pub(super) fn into_parts(self) -> (TcpStream, IpAddr, Vec<u8>) {
        (self.stream, self.client, self.unread)
    }

    /// Reads once into `buffer`: 0 at the end of the input, `None` when nothing is there.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match self.stream.read(buffer) {
                Ok(length) => return Ok(Some(length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends answers, or keeps what the socket does not take.
    pub(super) fn send(&mut self, bytes: &[u8], body: Option<Arc<[u8]>>) -> io::Result<()> {
        if !self.unsent.is_empty() {
            self.unsent.bytes.extend_from_slice(bytes);
            self.unsent.body = body.or(self.unsent.body.take());
            return Ok(());
        }
        let sent = write(&mut self.stream, bytes)?;
        if sent == bytes.len() && body.is_none() {
            return Ok(());
        }
        self.unsent = Unsent {
            bytes: bytes[sent..].to_vec(),
            sent: 0,
            body,
            body_sent: 0,
        };
        self.flush().map(|_| ())
    }

    /// Sends what is unsent, as far as the socket takes it; returns whether it took anything.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        let Unsent {
            bytes,
            sent,
            body,
            body_sent,
        } = &mut self.unsent;
        let before = *sent + *body_sent;
        *sent += write(&mut self.stream, &bytes[*sent..])?;
        if let Some(body) = body.as_ref().filter(|_| *sent == bytes.len()) {
            *body_sent += write(&mut self.stream, &body[*body_sent..])?;
        }
        let progress = *sent + *body_sent > before;
        if self.unsent.is_empty() {
            self.unsent = Unsent::default();
        }
        Ok(progress)
    }

    /// Says that nothing more will come, and reads on for a while.
    pub(super) fn linger(&mut self) {
        // If it fails the connection is gone already, which the next read will tell.
        let _ = self.stream.shutdown(Shutdown::Write);
        self.phase = Phase::Lingering { left: LINGER_BYTES };
    }

    /// Throws input away; returns whether the connection is done.
    pub(super) fn throw_away(&mut self, buffer: &mut [u8]) -> bool {
        while let Phase::Lingering { left } = self.phase {
            match self.read(buffer) {
                Ok(None) => return false,
                Ok(Some(length)) if length > 0 && length <= left => {
                    self.phase = Phase::Lingering {
                        left: left - length,
                    };
                }
                Ok(Some(_)) | Err(_) => return true,
            }
        }
        false
    }
}

impl Unsent {
    fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
            && self
                .body
                .as_ref()
                .is_none_or(|body| self.body_sent == body.len())
    }
}

/// Writes until all is written or the socket takes no more; returns how much it took.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while sent < bytes.len() {
        match stream.write(&bytes[sent..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(length) => sent += length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}
