//! Those who manage a tracker, and what they are told.

use crate::common::http::{Answer, Connection};
use crate::common::{Tracker, V4};
use crate::site::Site;
use serde_json::Value;
use std::net::SocketAddr;

/// A token that allows changes.
pub const WRITER: &str = "w-0123456789abcdef";
/// A token that does not.
pub const READER: &str = "r-0123456789abcdef";

/// The section of a configuration that has these tokens, and these settings beside them.
pub fn section(settings: &str) -> String {
    format!(
        r#""admin": {{"listen": ["127.0.0.1:0"], {settings} "tokens": [
            {{"name": "writer", "scope": "write", "token": "{WRITER}"}},
            {{"name": "reader", "scope": "read", "token": "{READER}"}}]}}"#
    )
}

/// A site whose tracker can be managed, and looks for changes in the database but once an hour.
pub fn managed(name: &str) -> Site {
    Site::new(&format!("admin-{name}"))
        .with_rare_visits()
        .with(&section(""))
}

/// The path of the torrent of a letter.
pub fn torrent(letter: char) -> String {
    format!("/torrents/{}", hex(letter))
}

/// The info hash of the torrent of a letter.
pub fn hex(letter: char) -> String {
    format!("{:02x}", letter as u32).repeat(20)
}

/// A request, all of it.
pub fn request(token: &str, line: &str, body: Option<&str>) -> String {
    let body = body.unwrap_or_default();
    let kind = match line.ends_with("/sync") {
        true => "application/x-ndjson",
        false => "application/json",
    };
    let of_body = match body {
        "" => String::new(),
        body => format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len()),
    };
    format!(
        "{line} HTTP/1.1\r\nHost: tracker.example\r\nAuthorization: Bearer {token}\r\n{of_body}\r\n\
         {body}"
    )
}

/// One who may change all.
pub struct Manager {
    connection: Connection,
}

impl Manager {
    pub fn of(tracker: &Tracker) -> Manager {
        Manager::at(tracker.admin[V4])
    }

    pub fn at(address: SocketAddr) -> Manager {
        let connection = Connection::open(address);
        Manager { connection }
    }

    /// Sends a request and its body, and reads the answer.
    pub fn ask(&mut self, line: &str, body: &str) -> Told {
        let body = (!body.is_empty()).then_some(body);
        self.connection.send(request(WRITER, line, body));
        Told::of(&self.connection.answer())
    }

    pub fn get(&mut self, path: &str) -> Told {
        self.ask(&format!("GET {path}"), "")
    }

    pub fn put(&mut self, path: &str, body: &str) -> Told {
        self.ask(&format!("PUT {path}"), body)
    }

    pub fn delete(&mut self, path: &str) -> Told {
        self.ask(&format!("DELETE {path}"), "")
    }

    pub fn sync(&mut self, lines: &str) -> Told {
        self.ask("POST /sync", lines)
    }
}

/// Status and body of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub status: u16,
    pub json: Value,
}

impl Told {
    pub fn of(answer: &Answer) -> Told {
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{answer}"
        );
        let json = serde_json::from_slice(&answer.body);
        Told {
            status: answer.status,
            json: json.unwrap_or_else(|error| panic!("{error}: {answer}")),
        }
    }

    /// What is told where all is well.
    pub fn good(self) -> Value {
        assert!(matches!(self.status, 200 | 201), "{self:?}");
        self.json
    }

    /// What is wrong, which must have this status.
    pub fn error(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{self:?}");
        self.json["error"].as_str().expect("a text")
    }
}
