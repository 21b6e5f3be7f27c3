//! HTTP/1.0 and 1.1 as trackers need it: GET and HEAD without a body, pipelining, keep-alive.

use super::{Refusal, Retry, bencode};
use crate::model::{Counts, Endpoint};
use httparse::Header;
use std::mem::MaybeUninit;

/// Bytes of a request head: the longest real announce is under 1 KiB, a scrape of 64 hashes 5 KiB.
pub const MAX_HEAD_BYTES: usize = 8 * 1024;
/// Header lines of a request; browsers behind two proxies send about 30.
const MAX_HEADERS: usize = 64;

/// How far a request has come in.
#[derive(Debug, PartialEq, Eq)]
pub enum Status<'b> {
    /// A whole request.
    Complete {
        /// Borrows the bytes it was read from.
        request: Request<'b>,
        /// Bytes it took; the next request begins there.
        consumed: usize,
    },
    /// Good so far: more bytes are needed.
    Partial,
}

/// The head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'b> {
    /// HEAD: the answer is its head only.
    pub head_only: bool,
    /// Whether the connection may serve another request.
    pub keep_alive: bool,
    /// HTTP/1.0, where keeping the connection must be said.
    pub http_1_0: bool,
    /// From the first slash to the question mark.
    pub path: &'b [u8],
    /// After the question mark; empty when there is none.
    pub query: &'b [u8],
    /// The header lines, for [`header_values`].
    headers: &'b [u8],
}

/// Bytes that are no request we can answer; the connection ends after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not HTTP.
    Syntax,
    /// A head longer than [`MAX_HEAD_BYTES`].
    TooLong,
    /// Neither GET nor HEAD.
    Method,
    /// A body, which no request of a client has.
    Body,
}

impl Malformed {
    /// The status line's code and reason.
    fn status(self) -> &'static str {
        match self {
            Malformed::Syntax | Malformed::TooLong | Malformed::Body => "400 Bad Request",
            Malformed::Method => "405 Method Not Allowed",
        }
    }

    /// What the client is told.
    fn text(self) -> &'static str {
        match self {
            Malformed::Syntax => "malformed HTTP request",
            Malformed::TooLong => "request head is too long",
            Malformed::Method => "only GET and HEAD are served",
            Malformed::Body => "a request must not have a body",
        }
    }
}

/// Reads one request from the front of `bytes`.
pub fn parse(bytes: &[u8]) -> Result<Status<'_>, Malformed> {
    let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut []);
    let consumed = match head.parse_with_uninit_headers(bytes, &mut headers) {
        Ok(httparse::Status::Complete(consumed)) if consumed <= MAX_HEAD_BYTES => consumed,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD_BYTES => {
            return Ok(Status::Partial);
        }
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Malformed::TooLong),
        Err(_) => return Err(Malformed::Syntax),
    };
    let head_only = match head.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return Err(Malformed::Method),
    };
    let http_1_0 = head.version == Some(0);
    let keep_alive = keeps_alive(head.headers, http_1_0)?;
    let (path, query) = split_target(head.path.unwrap_or_default().as_bytes());
    let headers = header_lines(&bytes[..consumed]);
    let request = Request {
        head_only,
        keep_alive,
        http_1_0,
        path,
        query,
        headers,
    };
    Ok(Status::Complete { request, consumed })
}

/// Whether the connection stays, from the headers that say so; an error where there is a body.
fn keeps_alive(headers: &[Header<'_>], http_1_0: bool) -> Result<bool, Malformed> {
    let mut keep_alive = !http_1_0;
    for header in headers {
        // Lengths first: most headers are ruled out by theirs.
        match header.name.len() {
            10 if header.name.eq_ignore_ascii_case("connection") => {
                keep_alive = after_options(header.value, http_1_0, keep_alive);
            }
            14 if header.name.eq_ignore_ascii_case("content-length")
                && header.value.iter().any(|byte| *byte != b'0') =>
            {
                return Err(Malformed::Body);
            }
            17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                return Err(Malformed::Body);
            }
            _ => {}
        }
    }
    Ok(keep_alive)
}

/// Whether the connection stays after a header that may say so.
pub(super) fn after_options(value: &[u8], http_1_0: bool, mut keep_alive: bool) -> bool {
    for option in value.split(|&byte| byte == b',') {
        let option = option.trim_ascii();
        if option.eq_ignore_ascii_case(b"close") {
            keep_alive = false;
        } else if http_1_0 && option.eq_ignore_ascii_case(b"keep-alive") {
            keep_alive = true;
        }
    }
    keep_alive
}

/// Splits a request target, in origin or absolute form, into path and query.
pub(super) fn split_target(target: &[u8]) -> (&[u8], &[u8]) {
    let target = match strip_scheme(target) {
        Some(rest) => {
            let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?'));
            &rest[end.unwrap_or(rest.len())..]
        }
        None => target,
    };
    match memchr::memchr(b'?', target) {
        Some(mark) => (&target[..mark], &target[mark + 1..]),
        None => (target, &[]),
    }
}

fn strip_scheme(target: &[u8]) -> Option<&[u8]> {
    if target.first() == Some(&b'/') {
        return None;
    }
    [b"http://".as_slice(), b"https://"]
        .into_iter()
        .find_map(|scheme| {
            let (start, rest) = target.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        })
}

fn header_lines(head: &[u8]) -> &[u8] {
    // Empty lines may stand before the request line; it ends at the first line feed after it.
    let start = head
        .iter()
        .position(|byte| !matches!(byte, b'\r' | b'\n'))
        .unwrap_or(0);
    match memchr::memchr(b'\n', &head[start..]) {
        Some(end) => &head[start + end + 1..],
        None => &[],
    }
}

/// The comma-separated values of every header of this name, the last one first.
pub fn header_values<'b>(
    request: &Request<'b>,
    name: &'b str,
) -> impl Iterator<Item = &'b [u8]> + use<'b> {
    request
        .headers
        .rsplit(|&byte| byte == b'\n')
        .filter_map(move |line| value_of(line, name))
        .flat_map(|value| value.rsplit(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
}

/// The program's name for itself; empty where it says none.
pub fn user_agent<'b>(request: &Request<'b>) -> &'b [u8] {
    let mut lines = request.headers.split(|&byte| byte == b'\n');
    let value = lines.find_map(|line| value_of(line, "user-agent"));
    value.unwrap_or_default().trim_ascii()
}

/// The value of a header line, if it is of this name.
fn value_of<'b>(line: &'b [u8], name: &str) -> Option<&'b [u8]> {
    let (line_name, value) = line.split_at_checked(name.len())?;
    let value = value.strip_prefix(b":")?;
    line_name
        .eq_ignore_ascii_case(name.as_bytes())
        .then_some(value)
}

/// What the head of an answer depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Framing {
    /// The body is not sent, only its length.
    pub head_only: bool,
    /// The connection serves another request.
    pub keep_alive: bool,
    /// The request was HTTP/1.0.
    pub http_1_0: bool,
}

impl Framing {
    /// How an answer to this request is framed.
    pub fn of(request: &Request<'_>) -> Framing {
        Framing {
            head_only: request.head_only,
            keep_alive: request.keep_alive,
            http_1_0: request.http_1_0,
        }
    }

    /// For what was no request: whole answer, then the end.
    pub const LAST: Framing = Framing {
        head_only: false,
        keep_alive: false,
        http_1_0: false,
    };
}

/// Appends a whole answer with status 200.
pub fn write_ok(out: &mut Vec<u8>, framing: Framing, body: &[u8]) {
    write_head(out, framing, "200 OK", body.len());
    if !framing.head_only {
        out.extend_from_slice(body);
    }
}

/// Appends the head of an answer whose body comes from elsewhere.
pub fn write_head(out: &mut Vec<u8>, framing: Framing, status: &str, length: usize) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_bytes());
    out.extend_from_slice(b"\r\nContent-Type: text/plain\r\nContent-Length: ");
    bencode::decimal(out, length as u64);
    out.extend_from_slice(match (framing.keep_alive, framing.http_1_0) {
        (true, false) => b"\r\n\r\n".as_slice(),
        (true, true) => b"\r\nConnection: keep-alive\r\n\r\n",
        (false, _) => b"\r\nConnection: close\r\n\r\n",
    });
}

/// Appends the answer to what was no request.
pub fn write_malformed(out: &mut Vec<u8>, malformed: Malformed) {
    write_failure(out, malformed.status(), malformed.text());
}

fn write_failure(out: &mut Vec<u8>, status: &str, text: &str) {
    let mut body = Vec::with_capacity(64);
    body.extend_from_slice(b"d14:failure reason");
    bencode::string(&mut body, text.as_bytes());
    body.push(b'e');
    write_head(out, Framing::LAST, status, body.len());
    out.extend_from_slice(&body);
}

/// Appends the answer to a path that is none of ours.
pub fn write_not_found(out: &mut Vec<u8>, framing: Framing) {
    const BODY: &[u8] = b"d14:failure reason20:no such tracker pathe";
    write_head(out, framing, "404 Not Found", BODY.len());
    if !framing.head_only {
        out.extend_from_slice(BODY);
    }
}

/// Appends the body of a refusal, with the site's own reason if it is not empty. Clients look at it
/// only when the status is 200.
pub fn refusal_body(body: &mut Vec<u8>, refusal: Refusal, reason: &str) {
    body.extend_from_slice(b"d14:failure reason");
    bencode::strings(body, &refusal.sentence(reason));
    match refusal.retry() {
        Some(Retry::InMinutes(minutes)) => bencode::entry(body, b"8:retry in", minutes.into()),
        Some(Retry::Never) => body.extend_from_slice(b"8:retry in5:never"),
        None => {}
    }
    body.push(b'e');
}

/// What an announce answer says, peers aside.
#[derive(Clone, Copy, Debug)]
pub struct AnnounceReply {
    /// The swarm after the announce.
    pub counts: Counts,
    /// Seconds until the next announce.
    pub interval_secs: u32,
    /// Seconds before which a client should not come back.
    pub min_interval_secs: u32,
    /// Where the tracker saw the client (BEP 24).
    pub client: Endpoint,
    /// Shown to the user by most clients.
    pub warning: Option<&'static str>,
}

/// Peers in wire form, as the cache handed them out.
#[derive(Clone, Copy, Debug)]
pub enum Peers<'b> {
    /// Written as strings.
    Compact {
        /// 6 bytes each.
        v4: &'b [u8],
        /// 18 bytes each.
        v6: &'b [u8],
    },
    /// Written as dictionaries.
    Dictionaries {
        /// 6 bytes each.
        v4: &'b [[u8; 6]],
        /// 18 bytes each.
        v6: &'b [[u8; 18]],
        /// Of the IPv4 peers, then of the IPv6 ones; empty where none are to be sent.
        peer_ids: &'b [[u8; 20]],
    },
}

/// Appends the body of an announce answer: `peers` always, since rtorrent fails without it,
/// `peers6` when there are any (BEP 7).
pub fn announce_body(body: &mut Vec<u8>, reply: &AnnounceReply, peers: Peers<'_>) {
    body.push(b'd');
    bencode::entry(body, b"8:complete", reply.counts.seeders.into());
    bencode::entry(body, b"10:downloaded", reply.counts.downloaded.into());
    body.extend_from_slice(b"11:external ip");
    match &reply.client {
        Endpoint::V4(bytes) => bencode::string(body, &bytes[..4]),
        Endpoint::V6(bytes) => bencode::string(body, &bytes[..16]),
    }
    bencode::entry(body, b"10:incomplete", reply.counts.leechers.into());
    bencode::entry(body, b"8:interval", reply.interval_secs.into());
    bencode::entry(body, b"12:min interval", reply.min_interval_secs.into());
    body.extend_from_slice(b"5:peers");
    match peers {
        Peers::Compact { v4, v6 } => {
            bencode::string(body, v4);
            if !v6.is_empty() {
                body.extend_from_slice(b"6:peers6");
                bencode::string(body, v6);
            }
        }
        Peers::Dictionaries { v4, v6, peer_ids } => {
            let v4 = v4.iter().map(|bytes| Endpoint::V4(*bytes));
            let v6 = v6.iter().map(|bytes| Endpoint::V6(*bytes));
            dictionaries(body, v4.chain(v6), peer_ids);
        }
    }
    if let Some(warning) = reply.warning {
        body.extend_from_slice(b"15:warning message");
        bencode::string(body, warning.as_bytes());
    }
    body.push(b'e');
}

fn dictionaries(body: &mut Vec<u8>, peers: impl Iterator<Item = Endpoint>, peer_ids: &[[u8; 20]]) {
    body.push(b'l');
    for (row, peer) in peers.enumerate() {
        let addr = peer.socket_addr();
        body.extend_from_slice(b"d2:ip");
        bencode::string(body, addr.ip().to_string().as_bytes());
        if let Some(peer_id) = peer_ids.get(row) {
            body.extend_from_slice(b"7:peer id");
            bencode::string(body, peer_id);
        }
        bencode::entry(body, b"4:port", addr.port().into());
        body.push(b'e');
    }
    body.push(b'e');
}

/// What stands before the torrents of a scrape answer (BEP 48).
pub const SCRAPE_START: &[u8] = b"d5:filesd";
/// What stands after them.
pub const SCRAPE_END: &[u8] = b"ee";

/// Appends one torrent of a scrape answer; `downloaders` as BEP 21 has it.
pub fn scrape_entry(body: &mut Vec<u8>, info_hash: &[u8; 20], counts: &Counts) {
    bencode::string(body, info_hash);
    body.push(b'd');
    bencode::entry(body, b"8:complete", counts.seeders.into());
    bencode::entry(body, b"10:downloaded", counts.downloaded.into());
    let downloaders = counts.leechers.saturating_sub(counts.partial_seeds);
    bencode::entry(body, b"11:downloaders", downloaders.into());
    bencode::entry(body, b"10:incomplete", counts.leechers.into());
    body.push(b'e');
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
