//! HTTP/1.0 and 1.1 as the management API needs it: methods, bodies, a bearer token.
//!
//! A body has a length or comes in chunks, and is shown piece by piece, as it stands in the bytes
//! that were read: who takes it decides how much of it is kept.

use super::http::{after_options, split_target};
use httparse::Header;
use std::mem::MaybeUninit;

/// Bytes of a request head: a few headers, a token, and a path of some hundred bytes.
pub const MAX_HEAD_BYTES: usize = 8 * 1024;
/// Header lines of a request.
const MAX_HEADERS: usize = 64;
/// Bytes of a chunk's own line: its length, and extensions that nobody uses.
const MAX_CHUNK_LINE_BYTES: usize = 256;

/// How far a request has come in.
#[derive(Debug, PartialEq, Eq)]
pub enum Status<'b> {
    /// A whole head.
    Complete {
        /// Borrows the bytes it was read from.
        head: Head<'b>,
        /// Bytes it took; the body begins there.
        consumed: usize,
    },
    /// Good so far: more bytes are needed.
    Partial,
}

/// The head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'b> {
    /// What is to be done.
    pub method: Method,
    /// From the first slash to the question mark.
    pub path: &'b [u8],
    /// After the question mark; empty when there is none.
    pub query: &'b [u8],
    /// The token of `Authorization: Bearer`.
    pub token: Option<&'b [u8]>,
    /// What kind of body it is said to have, without parameters.
    pub media_type: Option<&'b [u8]>,
    /// What follows the head.
    pub body: BodyLength,
    /// The client waits for a word before it sends the body.
    pub expects_continue: bool,
    /// Whether the connection may serve another request.
    pub keep_alive: bool,
    /// HTTP/1.0, where keeping the connection must be said.
    pub http_1_0: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Method {
    Get,
    Head,
    Put,
    Post,
    Patch,
    Delete,
    /// None of ours.
    Other,
}

impl Method {
    fn of(name: &str) -> Method {
        let all = [
            Method::Get,
            Method::Head,
            Method::Put,
            Method::Post,
            Method::Patch,
            Method::Delete,
        ];
        let named = all.into_iter().find(|method| method.name() == name);
        named.unwrap_or(Method::Other)
    }

    /// As it stands in a request.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Put => "PUT",
            Method::Post => "POST",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Other => "",
        }
    }
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// Nothing is said of a body: there is none.
    Unsaid,
    /// It has so many bytes.
    Bytes(u64),
    /// It comes in chunks.
    Chunks,
}

/// Bytes that are no request we can answer; the connection ends after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not HTTP.
    Syntax,
    /// Another version of it.
    Version,
    /// A head longer than [`MAX_HEAD_BYTES`], or with too many lines.
    TooLong,
    /// HTTP/1.1 without a host, or with two.
    Host,
    /// A body whose length is not clear: where it ends must not be guessed.
    Length,
    /// A body in another coding than chunks.
    Coding,
    /// An expectation other than the one there is.
    Expectation,
    /// Chunks that are none.
    Chunk,
}

impl Malformed {
    /// The status of the answer.
    pub fn status(self) -> u16 {
        match self {
            Malformed::Syntax
            | Malformed::Host
            | Malformed::Length
            | Malformed::Coding
            | Malformed::Chunk => 400,
            Malformed::Expectation => 417,
            Malformed::TooLong => 431,
            Malformed::Version => 505,
        }
    }

    /// What the client is told.
    pub fn text(self) -> &'static str {
        match self {
            Malformed::Syntax => "malformed HTTP request",
            Malformed::Version => "only HTTP/1.0 and HTTP/1.1 are spoken",
            Malformed::TooLong => "request head is too long",
            Malformed::Host => "HTTP/1.1 needs one Host header",
            Malformed::Length => "the length of the body is not clear",
            Malformed::Coding => "a body has no other transfer coding than chunked",
            Malformed::Expectation => "nothing else is expected than 100-continue",
            Malformed::Chunk => "malformed chunk",
        }
    }
}

/// Reads the head of one request from the front of `bytes`.
pub fn parse(bytes: &[u8]) -> Result<Status<'_>, Malformed> {
    let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut []);
    let consumed = match request.parse_with_uninit_headers(bytes, &mut headers) {
        Ok(httparse::Status::Complete(consumed)) if consumed <= MAX_HEAD_BYTES => consumed,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD_BYTES => {
            return Ok(Status::Partial);
        }
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Malformed::TooLong),
        Err(httparse::Error::Version) => return Err(Malformed::Version),
        Err(_) => return Err(Malformed::Syntax),
    };
    let target = request.path.unwrap_or_default().as_bytes();
    let (path, query) = split_target(target);
    let http_1_0 = request.version == Some(0);
    let mut head = Head {
        method: Method::of(request.method.unwrap_or_default()),
        path,
        query,
        token: None,
        media_type: None,
        body: BodyLength::Unsaid,
        expects_continue: false,
        keep_alive: !http_1_0,
        http_1_0,
    };
    let mut hosts = 0;
    for header in &*request.headers {
        hosts += usize::from(header.name.eq_ignore_ascii_case("host"));
        read_header(&mut head, header)?;
    }
    if hosts > 1 || (hosts == 0 && !http_1_0) {
        return Err(Malformed::Host);
    }
    Ok(Status::Complete { head, consumed })
}

fn read_header<'b>(head: &mut Head<'b>, header: &Header<'b>) -> Result<(), Malformed> {
    let is = |name: &str| header.name.eq_ignore_ascii_case(name);
    let value = header.value.trim_ascii();
    if is("authorization") {
        // The last one counts, as it would if there were one.
        head.token = bearer(value);
    } else if is("connection") {
        head.keep_alive = after_options(value, head.http_1_0, head.keep_alive);
    } else if is("content-type") {
        let end = value.iter().position(|byte| *byte == b';');
        let media_type = end.map_or(value, |end| &value[..end]);
        head.media_type = Some(media_type.trim_ascii());
    } else if is("content-length") {
        let length = BodyLength::Bytes(decimal(value).ok_or(Malformed::Length)?);
        if head.body != BodyLength::Unsaid && head.body != length {
            return Err(Malformed::Length);
        }
        head.body = length;
    } else if is("transfer-encoding") {
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Malformed::Coding);
        }
        // With a length beside it, or from a time before chunks, it means something else to others.
        if head.body != BodyLength::Unsaid || head.http_1_0 {
            return Err(Malformed::Length);
        }
        head.body = BodyLength::Chunks;
    } else if is("expect") {
        if !value.eq_ignore_ascii_case(b"100-continue") {
            return Err(Malformed::Expectation);
        }
        head.expects_continue = !head.http_1_0;
    }
    Ok(())
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

fn decimal(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
    text.parse().ok()
}

/// Where a body is while it comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// So many bytes are to follow.
    Bytes(u64),
    /// A chunk's line is to follow.
    ChunkLine,
    /// So many bytes of a chunk are to follow, and the end of its line.
    Chunk(u64),
    /// The end of a chunk's line is to follow.
    ChunkEnd,
    /// Lines after the last chunk are to follow, of which so many bytes have come.
    Trailer(usize),
    /// Nothing is to follow.
    Whole,
}

/// A piece of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'b> {
    /// Bytes of the body.
    pub bytes: &'b [u8],
    /// Bytes that were used, framing included; 0: more are needed.
    pub consumed: usize,
}

impl Body {
    /// A body of this length, of which nothing has come.
    pub fn new(length: BodyLength) -> Body {
        match length {
            BodyLength::Unsaid | BodyLength::Bytes(0) => Body::Whole,
            BodyLength::Bytes(bytes) => Body::Bytes(bytes),
            BodyLength::Chunks => Body::ChunkLine,
        }
    }

    /// Whether all of it has come.
    pub fn is_whole(self) -> bool {
        self == Body::Whole
    }

    /// Takes the next piece from the front of what has come in.
    pub fn read<'b>(&mut self, input: &'b [u8]) -> Result<Piece<'b>, Malformed> {
        let piece = |bytes: &'b [u8], consumed| Ok(Piece { bytes, consumed });
        let taken =
            |left: u64| &input[..input.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
        match *self {
            Body::Whole => piece(&[], 0),
            Body::Bytes(left) => {
                let bytes = taken(left);
                *self = Body::after_bytes(left - bytes.len() as u64);
                piece(bytes, bytes.len())
            }
            Body::Chunk(left) => {
                let bytes = taken(left);
                *self = match left - bytes.len() as u64 {
                    0 => Body::ChunkEnd,
                    left => Body::Chunk(left),
                };
                piece(bytes, bytes.len())
            }
            Body::ChunkEnd => {
                let consumed = match line(input, 2)? {
                    Some(end @ (b"\r\n" | b"\n")) => end.len(),
                    Some(_) => return Err(Malformed::Chunk),
                    None => return piece(&[], 0),
                };
                *self = Body::ChunkLine;
                piece(&[], consumed)
            }
            Body::ChunkLine => {
                let consumed = self.read_chunk_line(input)?;
                piece(&[], consumed)
            }
            Body::Trailer(so_far) => {
                let consumed = self.read_trailer(input, so_far)?;
                piece(&[], consumed)
            }
        }
    }

    fn after_bytes(left: u64) -> Body {
        match left {
            0 => Body::Whole,
            left => Body::Bytes(left),
        }
    }

    fn read_chunk_line(&mut self, input: &[u8]) -> Result<usize, Malformed> {
        let Some(line) = line(input, MAX_CHUNK_LINE_BYTES)? else {
            return Ok(0);
        };
        // httparse takes no length at all for one of 0.
        let has_length = line.first().is_some_and(u8::is_ascii_hexdigit);
        match httparse::parse_chunk_size(line) {
            Ok(httparse::Status::Complete((consumed, length)))
                if has_length && consumed == line.len() =>
            {
                *self = match length {
                    0 => Body::Trailer(0),
                    length => Body::Chunk(length),
                };
                Ok(consumed)
            }
            _ => Err(Malformed::Chunk),
        }
    }

    fn read_trailer(&mut self, input: &[u8], so_far: usize) -> Result<usize, Malformed> {
        let Some(line) = line(input, MAX_HEAD_BYTES - so_far)? else {
            return Ok(0);
        };
        *self = match line {
            b"\r\n" | b"\n" => Body::Whole,
            _ => Body::Trailer(so_far + line.len()),
        };
        Ok(line.len())
    }
}

/// The first line, its end included; `None` when it has not come whole.
fn line(input: &[u8], most: usize) -> Result<Option<&[u8]>, Malformed> {
    let end = memchr::memchr(b'\n', &input[..input.len().min(most)]);
    match end {
        Some(end) => Ok(Some(&input[..=end])),
        None if input.len() >= most => Err(Malformed::Chunk),
        None => Ok(None),
    }
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
