//! A site of Gazelle's kind, which speaks Ocelot's dialect as its `Tracker` class does: a connection
//! for each request, and what follows the last line feed of the answer is its status.

use crate::common::http::Connection;
use crate::common::{Tracker, V4};
use crate::site::Site;
use std::net::SocketAddr;

/// 32 letters each, as Gazelle makes them.
pub const SECRET: &str = "0celot-update-0celot-update-0123";
pub const REPORT_SECRET: &str = "0celot-report-0celot-report-0123";

/// A site whose tracker speaks the dialect.
pub fn site(name: &str, on: &str, settings: &str) -> Site {
    Site::new(&format!("ocelot-{name}")).with(&format!(
        r#""admin": {{"listen": ["127.0.0.1:0"], "dialects": {{"ocelot": {{"on": "{on}",
            "secret": "{SECRET}", "report_secret": "{REPORT_SECRET}"}}}}}} {settings}"#
    ))
}

/// One that speaks to an address.
#[derive(Clone, Copy)]
pub struct Gazelle(pub SocketAddr);

impl Gazelle {
    /// At the tracker's own address, where such sites look for it.
    pub fn of(tracker: &Tracker) -> Gazelle {
        Gazelle(tracker.http[V4])
    }

    fn request(self, target: &str) -> String {
        let mut connection = Connection::open(self.0);
        connection.send(format!(
            "GET /{target} HTTP/1.1\r\nHost: tracker.example\r\nConnection: Close\r\n\r\n"
        ));
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).expect("text");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{target}: {answer}");
        answer
    }

    /// Sends what may be said of an action, and expects the answer that means all is well.
    pub fn update(self, action: &str, parameters: &[(&str, &str)]) {
        let mut target = format!("{SECRET}/update?action={action}");
        for (name, value) in parameters {
            target.push_str(&format!("&{name}={value}"));
        }
        let answer = self.request(&target);
        let (_, status) = answer.rsplit_once('\n').expect("a line feed");
        assert_eq!(status, "success", "{target}: {answer}");
    }

    /// What is reported, up to the last line feed.
    pub fn report(self, what: &str) -> String {
        let answer = self.request(&format!("{REPORT_SECRET}/report?get={what}"));
        let start = answer.find("\r\n\r\n").expect("a head") + 4;
        let end = answer.rfind('\n').expect("a line feed").max(start);
        answer[start..end].to_owned()
    }
}

/// PHP's `rawurlencode`.
pub fn rawurlencode(bytes: &[u8]) -> String {
    let encoded = bytes.iter().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(*byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    });
    encoded.collect()
}

/// The passkey of this letter.
pub fn passkey(letter: char) -> String {
    letter.to_string().repeat(32)
}

/// The info-hash of the torrent of this letter, as it is sent.
pub fn info_hash(letter: char) -> String {
    rawurlencode(letter.to_string().repeat(20).as_bytes())
}

#[test]
fn info_hashes_are_encoded() {
    assert_eq!(rawurlencode(b"\0a~ \xff+"), "%00a~%20%FF%2B");
}
