//! Edits as the management API takes them.

use chihaya::storage::{
    Edit, OptionsEdit, TorrentEdit, TorrentName, TorrentStatus, UserEdit, UserName,
};
use chihaya::tracker::api::encode;
use serde_json::{Map, Value, json};

/// A request: method, target and body.
#[derive(Debug, PartialEq)]
pub struct Request {
    pub method: &'static str,
    pub target: String,
    pub body: Option<Value>,
}

/// The request that makes an edit.
pub fn request(edit: &Edit) -> Request {
    let change = |target, is_new, body| Request {
        method: if is_new { "PUT" } else { "PATCH" },
        target,
        body: Some(body),
    };
    let gone = |target| Request {
        method: "DELETE",
        target,
        body: None,
    };
    match edit {
        Edit::User(user) => change(user_path(&user.who), user.create, user_body(user)),
        Edit::UserGone(who) => gone(user_path(who)),
        Edit::Torrent(torrent) => {
            let target = torrent_path(&torrent.which);
            change(target, torrent.create, torrent_body(torrent))
        }
        Edit::TorrentGone(which) => gone(torrent_path(which)),
        Edit::Client(client) => {
            let body = json!({ "allow": client.allow });
            change(client_path(&client.prefix), true, body)
        }
        Edit::ClientGone(prefix) => gone(client_path(prefix)),
        Edit::Token(token) => {
            let target = token_path(token.user.map(|id| id.0), token.torrent.map(|id| id.0));
            let body = json!({
                "up_percent": token.multipliers.up_percent,
                "down_percent": token.multipliers.down_percent,
                "until": token.until.map(|until| until.0),
            });
            change(target, true, body)
        }
        Edit::TokenGone { user, torrent } => {
            gone(token_path(user.map(|id| id.0), torrent.map(|id| id.0)))
        }
        Edit::Options(options) => change("/options".to_owned(), false, options_body(options)),
    }
}

pub fn user_path(who: &UserName) -> String {
    match who {
        UserName::Id(id) => format!("/users/{}", id.0),
        UserName::Passkey(passkey) => format!("/users/passkey:{}", encode(passkey.as_bytes())),
    }
}

pub fn torrent_path(which: &TorrentName) -> String {
    match which {
        TorrentName::InfoHash(info_hash) => format!("/torrents/{info_hash:?}"),
        // The API goes by hashes alone, and says so: who has a number must look for the hash.
        TorrentName::Id(id) => format!("/torrents/{}", id.0),
    }
}

fn client_path(prefix: &[u8]) -> String {
    format!("/clients/{}", encode(prefix))
}

fn token_path(user: Option<u64>, torrent: Option<u64>) -> String {
    let (user, torrent) = (user.unwrap_or_default(), torrent.unwrap_or_default());
    format!("/tokens/{user}/{torrent}")
}

/// An object of what is said.
#[derive(Default)]
struct Body(Map<String, Value>);

impl Body {
    fn with(mut self, name: &str, value: Option<impl Into<Value>>) -> Body {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }

    fn done(self) -> Value {
        Value::Object(self.0)
    }
}

fn user_body(user: &UserEdit) -> Value {
    let passkey = user.passkey.as_ref();
    let passkey = passkey.map(|passkey| String::from_utf8_lossy(passkey.as_bytes()));
    Body::default()
        .with("id", user.id.map(|id| id.0))
        .with("passkey", passkey)
        .with("name", user.name.as_deref())
        .with("enabled", user.enabled)
        .with("can_leech", user.can_leech)
        .with("hide_ip", user.hide_ip)
        .with("slots", user.slots)
        .with("up_percent", user.up_percent)
        .with("down_percent", user.down_percent)
        .done()
}

fn torrent_body(torrent: &TorrentEdit) -> Value {
    let (status, reason) = match &torrent.status {
        None => (None, None),
        Some(TorrentStatus::Registered) => (Some("registered"), None),
        Some(TorrentStatus::Unapproved) => (Some("unapproved"), None),
        Some(TorrentStatus::Deleted(reason)) => (Some("deleted"), Some(&**reason)),
    };
    Body::default()
        .with("id", torrent.id.map(|id| id.0))
        .with("name", torrent.name.as_deref())
        .with("status", status)
        .with("reason", reason)
        .with("up_percent", torrent.up_percent)
        .with("down_percent", torrent.down_percent)
        .done()
}

fn options_body(options: &OptionsEdit) -> Value {
    let until = options.until.map(|until| until.map(|until| until.0));
    Body::default()
        .with("up_percent", options.up_percent)
        .with("down_percent", options.down_percent)
        .with("until", until)
        .with("interval_secs", options.interval_secs)
        .with("min_interval_secs", options.min_interval_secs)
        .with("jitter_secs", options.jitter_secs)
        .done()
}

#[cfg(test)]
#[path = "requests_tests.rs"]
mod tests;
