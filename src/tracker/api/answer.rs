//! Answers: a status, a JSON body, and what must stand in their heads.

use crate::wire::api::Malformed;
pub use crate::wire::http::Framing;
use serde::Serialize;
use serde_json::json;
use std::borrow::Cow;
use std::sync::Arc;

/// An answer to one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    status: u16,
    media_type: &'static str,
    /// Header lines of its own.
    lines: Cow<'static, str>,
    body: Arc<[u8]>,
}

/// Says that the body is welcome.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Answer {
    /// One that says this.
    pub fn new(status: u16, body: &impl Serialize) -> Answer {
        let mut bytes = serde_json::to_vec(body).unwrap_or_default();
        bytes.push(b'\n');
        Answer::of_bytes(status, bytes.into())
    }

    /// One whose body is JSON already.
    pub fn of_bytes(status: u16, body: Arc<[u8]>) -> Answer {
        Answer {
            status,
            media_type: "application/json",
            lines: Cow::Borrowed(""),
            body,
        }
    }

    /// One in plain text.
    pub fn text(status: u16, text: String) -> Answer {
        Answer {
            media_type: "text/plain",
            ..Answer::of_bytes(status, text.into_bytes().into())
        }
    }

    /// One that says what is wrong.
    pub fn fault(status: u16, text: &str) -> Answer {
        let mut answer = Answer::new(status, &json!({ "error": text }));
        answer.lines = Cow::Borrowed(match status {
            401 => "WWW-Authenticate: Bearer\r\n",
            429 => "Retry-After: 10\r\n",
            503 => "Retry-After: 1\r\n",
            _ => "",
        });
        answer
    }

    /// There is no such thing.
    pub fn not_found() -> Answer {
        Answer::fault(404, "there is no such thing")
    }

    /// Another method would do.
    pub(super) fn not_allowed(allow: &str) -> Answer {
        let mut answer = Answer::fault(405, "this path does not serve this method");
        answer.lines = Cow::Owned(format!("Allow: {allow}\r\n"));
        answer
    }

    /// What the client is told by its status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// What it says, as JSON.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Appends it to what is to be sent.
    pub fn write(&self, framing: Framing, out: &mut Vec<u8>) {
        let head = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\
             Cache-Control: no-store\r\n{}{}\r\n",
            self.status,
            reason_phrase(self.status),
            self.media_type,
            self.body.len(),
            self.lines,
            match (framing.keep_alive, framing.http_1_0) {
                (true, false) => "",
                (true, true) => "Connection: keep-alive\r\n",
                (false, _) => "Connection: close\r\n",
            }
        );
        out.extend_from_slice(head.as_bytes());
        if !framing.head_only {
            out.extend_from_slice(&self.body);
        }
    }
}

impl From<Malformed> for Answer {
    fn from(malformed: Malformed) -> Answer {
        Answer::fault(malformed.status(), malformed.text())
    }
}

fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
