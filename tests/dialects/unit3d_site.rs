//! A site of UNIT3D's, which speaks to its external tracker as its service `Unit3dAnnounce` does: by
//! an HTTP client of PHP's, with bodies of JSON, and nothing but status 200 is good.

use crate::common::http::{Answer, Connection};
use crate::common::{Tracker, V4};
use crate::site::Site;
use serde_json::{Value, json};
use std::net::SocketAddr;

pub const KEY: &str = "un1t3d-key-un1t3d-key-un1t3d-key";

/// A site whose tracker speaks the dialect.
pub fn site(name: &str, on: &str, settings: &str) -> Site {
    Site::new(&format!("unit3d-{name}")).with(&format!(
        r#""admin": {{"listen": ["127.0.0.1:0"], "dialects": {{"unit3d": {{"on": "{on}",
            "key": "{KEY}"}}}}}} {settings}"#
    ))
}

/// One that speaks to an address.
#[derive(Clone, Copy)]
pub struct Unit3d(pub SocketAddr);

impl Unit3d {
    /// At the tracker's own address, where such sites look for it.
    pub fn of(tracker: &Tracker) -> Unit3d {
        Unit3d(tracker.http[V4])
    }

    fn ask(self, method: &str, path: &str, body: &Value) -> Answer {
        let mut connection = Connection::open(self.0);
        connection.send(request(method, path, body));
        connection.answer()
    }

    pub fn status(self, method: &str, path: &str, body: &Value) -> u16 {
        self.ask(method, path, body).status
    }

    fn good(self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.ask(method, path, body);
        assert_eq!(answer.status, 200, "{method} {path} {body}: {answer}");
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    pub fn put(self, path: &str, body: Value) {
        self.good("PUT", path, &body);
    }

    pub fn delete(self, path: &str, body: Value) {
        self.good("DELETE", path, &body);
    }

    pub fn get(self, path: &str) -> Value {
        self.good("GET", path, &Value::Null)
    }
}

/// A request as Guzzle writes it.
pub fn request(method: &str, path: &str, body: &Value) -> String {
    let (lines, body) = match body {
        Value::Null => (String::new(), String::new()),
        body => {
            let body = body.to_string();
            let length = body.len();
            (
                format!("Content-Length: {length}\r\nContent-Type: application/json\r\n"),
                body,
            )
        }
    };
    format!(
        "{method} /announce/{KEY}/{path} HTTP/1.1\r\n{lines}User-Agent: GuzzleHttp/7\r\n\
         Accept: application/json\r\nHost: tracker.example\r\n\r\n{body}"
    )
}

/// The hex digits of the info-hash of the torrent of this letter.
pub fn hex(letter: char) -> String {
    format!("{:02x}", letter as u32).repeat(20)
}

/// A torrent as the site pushes it.
pub fn torrent(id: u64, letter: char) -> Value {
    json!({"id": id, "status": 1, "info_hash": hex(letter), "is_deleted": false, "seeders": 3,
        "leechers": 4, "times_completed": 5, "download_factor": 100, "upload_factor": 100})
}

/// A user as the site pushes it.
pub fn user(id: u64, group: i64, passkey: &str) -> Value {
    json!({"id": id, "group_id": group, "passkey": passkey, "new_passkey": null,
        "can_download": true, "is_donor": false, "is_lifetime": false, "num_seeding": 0,
        "num_leeching": 0})
}

/// A group as the site pushes it.
pub fn group(id: i64, slug: &str) -> Value {
    json!({"id": id, "slug": slug, "download_slots": null, "is_immune": false,
        "is_freeleech": false, "is_double_upload": false})
}

/// The same with another value in a field.
pub fn with(mut body: Value, field: &str, value: impl Into<Value>) -> Value {
    body[field] = value.into();
    body
}
