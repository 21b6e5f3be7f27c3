//! Just as much of an HTTP client as the tracker's own API needs, which answers with a length and
//! keeps connections: the system's sockets and the parser that reads requests elsewhere. Crates
//! (minreq, ureq) hold bodies in memory, where a sync streams, and would be one more to keep.

use httparse::{EMPTY_HEADER, Response, Status};
use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long a tracker may take to accept a connection: it is on this host, or near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long it may be silent, or take nothing.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of the head of an answer.
const HEAD_MOST: usize = 8 * 1024;
/// Header lines of it.
const HEADERS_MOST: usize = 32;
/// Bytes of its body: a thousand users with the longest names, escaped, are two million.
const BODY_MOST: usize = 8 << 20;
/// Bytes of a chunk of a body that is sent.
const CHUNK: usize = 64 * 1024;

pub struct Http {
    stream: TcpStream,
    pub address: SocketAddr,
    token: String,
    /// Bytes that have come, of which nothing has been made yet.
    unread: Vec<u8>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Where a listener on this address is reached from its own host.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

impl Http {
    pub fn connect(address: SocketAddr, token: &str) -> io::Result<Http> {
        let stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Http {
            stream,
            address,
            token: token.to_owned(),
            unread: Vec::new(),
        })
    }

    /// Sends a request; its answer comes after those of requests before it.
    pub fn send(&mut self, method: &str, target: &str, body: Option<&str>) -> io::Result<()> {
        let mut request = self.head(method, target);
        if let Some(body) = body {
            let length = body.len();
            request += &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        }
        request += "\r\n";
        request += body.unwrap_or_default();
        self.stream.write_all(request.as_bytes())
    }

    fn head(&self, method: &str, target: &str) -> String {
        let (address, token) = (self.address, &self.token);
        format!(
            "{method} {target} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n"
        )
    }

    /// Sends a request with a body of any length, as it is read; returns the answer. The inner
    /// error is one of what is read: the request has not come to its end then.
    pub fn stream(
        &mut self,
        method: &str,
        (target, media_type): (&str, &str),
        body: &mut dyn Read,
    ) -> io::Result<Result<Answer, Error>> {
        let head = self.head(method, target);
        let more = format!("Content-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\r\n");
        self.stream.write_all((head + &more).as_bytes())?;
        let mut buffer = vec![0; CHUNK];
        loop {
            let length = match body.read(&mut buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Ok(Err(error)),
            };
            let piece = buffer.get(..length).unwrap_or_default();
            let sent = write!(self.stream, "{length:x}\r\n")
                .and_then(|()| self.stream.write_all(piece))
                .and_then(|()| self.stream.write_all(b"\r\n"));
            match sent {
                Ok(()) if length > 0 => {}
                Ok(()) => return self.answer().map(Ok),
                // Who does not read on has said why, as a rule.
                Err(error) => return self.answer().map(Ok).map_err(|_| error),
            }
        }
    }

    /// The next answer.
    pub fn answer(&mut self) -> io::Result<Answer> {
        loop {
            let (status, length, head_length) = self.read_head()?;
            self.unread.drain(..head_length);
            if (100..200).contains(&status) {
                continue;
            }
            if length > BODY_MOST {
                return Err(strange("an answer too long"));
            }
            while self.unread.len() < length {
                self.read_more()?;
            }
            let rest = self.unread.split_off(length);
            let body = std::mem::replace(&mut self.unread, rest);
            return Ok(Answer { status, body });
        }
    }

    fn read_head(&mut self) -> io::Result<(u16, usize, usize)> {
        loop {
            let mut headers = [EMPTY_HEADER; HEADERS_MOST];
            let mut response = Response::new(&mut headers);
            match response.parse(&self.unread) {
                Ok(Status::Complete(head_length)) => {
                    let status = response.code.unwrap_or_default();
                    let length = length(&response).ok_or_else(|| strange("no length"))?;
                    return Ok((status, length, head_length));
                }
                Ok(Status::Partial) if self.unread.len() < HEAD_MOST => self.read_more()?,
                _ => return Err(strange("no HTTP")),
            }
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                let read = buffer.get(..length).unwrap_or_default();
                self.unread.extend_from_slice(read);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// What is not as a tracker answers.
fn strange(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

fn length(response: &Response<'_, '_>) -> Option<usize> {
    if response.code.is_some_and(|code| (100..200).contains(&code)) {
        return Some(0);
    }
    let mut headers = response.headers.iter();
    let header = headers.find(|header| header.name.eq_ignore_ascii_case("content-length"))?;
    let digits = std::str::from_utf8(header.value).ok()?;
    digits.trim().parse().ok()
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
