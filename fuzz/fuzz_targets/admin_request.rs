//! Any bytes as what comes in on a connection of the management API: however they are cut, the
//! same follows from them, little of them is kept, and every answer is a head and a JSON value of
//! the length it says. And any edit that can be said: it is read as it was meant, from the body of
//! a request and from a line of a sync.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use chihaya::config::Scope;
use chihaya::model::{InfoHash, Multipliers, Passkey, TorrentId, UnixTime, UserId};
use chihaya::storage::{
    Client, Edit, OptionsEdit, Token, TorrentEdit, TorrentName, TorrentStatus, UserEdit, UserName,
};
use chihaya::tracker::api::{
    Access, Answer, BODY_BYTES_MOST, Conversation, Framing, Request, Step, Tally,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// What may stand behind a request.
const NEXT: &[u8] = b"GET /stats HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer w\r\n\r\n";

static ACCESS: LazyLock<Access> =
    LazyLock::new(|| Access::new([0; 16], [("w", Scope::Write), ("r", Scope::Read)]));

fuzz_target!(|bytes: &[u8]| {
    let whole = steps(bytes, usize::MAX);
    // Heads are read anew with each byte: long inputs come in larger pieces.
    let smallest = 1 + bytes.len() / 256;
    for at_once in [smallest, 7 * smallest] {
        assert_eq!(steps(bytes, at_once), whole, "{at_once} at once");
    }
    if let Ok(thing) = Thing::arbitrary(&mut Unstructured::new(bytes)) {
        said(&thing);
    }
});

/// What follows from bytes that come so many at a time; lines of a sync in one piece, as they are
/// cut otherwise each time.
fn steps(bytes: &[u8], at_once: usize) -> Vec<Step> {
    let mut conversation = Conversation::default();
    let (mut steps, mut used, mut come) = (Vec::new(), 0, 0);
    loop {
        let (taken, step) = conversation.read(&bytes[used..come], &ACCESS);
        used += taken;
        assert!(used <= come && conversation.kept() <= BODY_BYTES_MOST);
        match step {
            Step::Hungry if taken > 0 => {}
            Step::Hungry if come < bytes.len() => {
                come = bytes.len().min(come.saturating_add(at_once))
            }
            Step::Hungry => return steps,
            step => {
                assert!(taken > 0, "{step:?} follows from nothing");
                add(&mut steps, step);
            }
        }
        if conversation.is_over() {
            return steps;
        }
    }
}

fn add(steps: &mut Vec<Step>, step: Step) {
    if let Step::Refused(framing, answer) | Step::Stranger(framing, answer) = &step {
        check(*framing, answer);
    }
    if let Step::Lines(batch) = &step {
        assert_eq!(batch.edits.len(), batch.sources.len());
        assert!(batch.edits.iter().all(|edit| edit.check().is_ok()));
    }
    match (steps.last_mut(), step) {
        (Some(Step::Lines(before)), Step::Lines(after)) => before.append(after),
        (_, step) => steps.push(step),
    }
    if let Some(Step::Lines(batch)) = steps.last() {
        let mut tally = Tally::default();
        tally.begin(&mut batch.clone());
        check(Framing::LAST, &tally.answer());
    }
}

fn check(framing: Framing, answer: &Answer) {
    let mut out = Vec::new();
    answer.write(framing, &mut out);
    let end = out
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .expect("a head");
    let (head, body) = (&out[..end], &out[end + 4..]);
    let head = std::str::from_utf8(head).expect("text");
    assert!(
        head.starts_with(&format!("HTTP/1.1 {} ", answer.status())),
        "{head}"
    );
    assert!(!head.contains("  ") && !head.contains("\r\n\r\n"), "{head}");
    assert_eq!(
        head.contains("\r\nConnection: close"),
        !framing.keep_alive,
        "{head}"
    );
    if framing.head_only {
        assert!(body.is_empty());
        return;
    }
    assert!(
        head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())),
        "{head}"
    );
    let told: Value = serde_json::from_slice(body).expect("JSON");
    assert!(told.is_object());
}

/// Something that can be said of a directory.
#[derive(Arbitrary, Debug)]
enum Thing {
    Torrent {
        info_hash: [u8; 20],
        id: Option<u64>,
        name: Option<String>,
        status: Option<u8>,
        reason: Option<String>,
        percent: [Option<u16>; 2],
    },
    User {
        id: u64,
        passkey: Option<u64>,
        name: Option<String>,
        flags: [Option<bool>; 3],
        slots: Option<Option<u16>>,
        percent: [Option<u16>; 2],
    },
    Client {
        prefix: Vec<u8>,
        allow: Option<bool>,
    },
    Token {
        user: u64,
        torrent: u64,
        percent: [Option<u16>; 2],
        until: Option<u32>,
    },
    Options {
        percent: [Option<u16>; 2],
        until: Option<Option<u32>>,
        intervals: [Option<Option<u16>>; 3],
    },
}

fn object(fields: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    let said = fields.into_iter().filter_map(|(name, value)| {
        let value = value?;
        Some((name.to_owned(), value))
    });
    Value::Object(said.collect())
}

fn merged(one: &Value, other: Value) -> Value {
    let (Value::Object(one), Value::Object(other)) = (one, other) else {
        panic!("two objects");
    };
    Value::Object(one.clone().into_iter().chain(other).collect())
}

fn some<T: Into<Value>>(value: Option<T>) -> Option<Value> {
    value.map(Into::into)
}

/// Says it in both ways, and asserts that it is understood, or has a fault that [`Edit::check`]
/// names, or a text of control characters.
fn said(thing: &Thing) {
    let (method, path, kind, of_line, body, edit) = thing.parts();
    let text = body.to_string();
    let line = json!({ kind: merged(&body, of_line) }).to_string();
    let by_request = format!(
        "{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer w\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    let by_line = format!(
        "POST /sync HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer w\r\n\
         Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{line}\r\n0\r\n\r\n",
        line.len()
    );
    let mut requested = steps(&[by_request.as_bytes(), NEXT].concat(), usize::MAX);
    let mut synced = steps(&[by_line.as_bytes(), NEXT].concat(), usize::MAX);
    assert!(matches!(
        requested.pop(),
        Some(Step::Request(_, Request::Ask(_)))
    ));
    assert!(matches!(
        synced.pop(),
        Some(Step::Request(_, Request::Ask(_)))
    ));
    let (Some(requested), Some(Step::Lines(synced))) = (requested.pop(), synced.pop()) else {
        panic!("{text}, {line}");
    };
    if thing.is_good() && edit.check().is_ok() && line.len() <= 8192 {
        let Step::Request(_, Request::Push(requested)) = requested else {
            panic!("{text}: {requested:?}");
        };
        assert_eq!(requested, edit, "{text}");
        assert_eq!(synced.edits, [edit], "{line}");
    } else {
        assert!(
            matches!(requested, Step::Refused(..)) || line.len() > 8192,
            "{text}"
        );
        assert!(synced.edits.is_empty(), "{line}");
    }
}

impl Thing {
    /// Whether the texts are texts, and the names are names.
    fn is_good(&self) -> bool {
        let is_text = |text: &Option<String>, most: usize| {
            let mut text = text.iter();
            text.all(|text| text.len() <= most && !text.chars().any(char::is_control))
        };
        match self {
            Thing::Torrent {
                name,
                status,
                reason,
                ..
            } => {
                let is_deleted = status.is_some_and(|status| status % 3 == 2);
                let is_told = reason.is_none() || is_deleted;
                is_text(name, 255) && is_text(reason, 512) && is_told
            }
            Thing::User { id, name, .. } => {
                (1..=i64::MAX as u64).contains(id) && is_text(name, 255)
            }
            Thing::Client { prefix, .. } => (1..=20).contains(&prefix.len()),
            Thing::Token { user, torrent, .. } => [user, torrent]
                .into_iter()
                .all(|number| *number <= i64::MAX as u64),
            Thing::Options { intervals, .. } => intervals[0] != Some(Some(0)),
        }
    }

    /// Method, path, name and further fields of a line, body, and what is meant.
    fn parts(&self) -> (&'static str, String, &'static str, Value, Value, Edit) {
        match self {
            Thing::Torrent {
                info_hash,
                id,
                name,
                status,
                reason,
                percent: [up, down],
            } => {
                let hex: String = info_hash.iter().map(|byte| format!("{byte:02x}")).collect();
                let status = status
                    .map(|status| ["registered", "unapproved", "deleted"][usize::from(status % 3)]);
                let mut edit = TorrentEdit {
                    id: id.map(TorrentId),
                    name: name.as_deref().map(Into::into),
                    status: status.map(|status| match status {
                        "registered" => TorrentStatus::Registered,
                        "unapproved" => TorrentStatus::Unapproved,
                        _ => TorrentStatus::Deleted(reason.clone().unwrap_or_default().into()),
                    }),
                    up_percent: *up,
                    down_percent: *down,
                    ..TorrentEdit::of(TorrentName::InfoHash(InfoHash(*info_hash)))
                };
                edit.or_defaults();
                let body = object([
                    ("id", some(*id)),
                    ("name", some(name.clone())),
                    ("status", some(status)),
                    ("reason", some(reason.clone())),
                    ("up_percent", some(*up)),
                    ("down_percent", some(*down)),
                ]);
                let of_line = json!({ "info_hash": hex });
                let path = format!("/torrents/{hex}");
                ("PUT", path, "torrent", of_line, body, Edit::Torrent(edit))
            }
            Thing::User {
                id,
                passkey,
                name,
                flags: [enabled, can_leech, hide_ip],
                slots,
                percent: [up, down],
            } => {
                let passkey = passkey.map(|number| format!("key-{number:x}"));
                let mut edit = UserEdit {
                    passkey: passkey
                        .as_ref()
                        .and_then(|key| Passkey::new(key.as_bytes())),
                    // By whom it is named it is said, too.
                    id: Some(UserId(*id)),
                    name: name.as_deref().map(Into::into),
                    enabled: *enabled,
                    can_leech: *can_leech,
                    hide_ip: *hide_ip,
                    slots: *slots,
                    up_percent: *up,
                    down_percent: *down,
                    ..UserEdit::of(UserName::Id(UserId(*id)))
                };
                edit.or_defaults();
                let body = object([
                    ("id", some(Some(*id))),
                    ("passkey", some(passkey)),
                    ("name", some(name.clone())),
                    ("enabled", some(*enabled)),
                    ("can_leech", some(*can_leech)),
                    ("hide_ip", some(*hide_ip)),
                    ("slots", slots.map(|slots| json!(slots))),
                    ("up_percent", some(*up)),
                    ("down_percent", some(*down)),
                ]);
                let path = format!("/users/{id}");
                ("PUT", path, "user", json!({}), body, Edit::User(edit))
            }
            Thing::Client { prefix, allow } => {
                // A path that ends in a slash is none.
                let prefix = if prefix.is_empty() {
                    &vec![0; 21]
                } else {
                    prefix
                };
                let encoded: String = prefix.iter().map(|byte| format!("%{byte:02x}")).collect();
                let edit = Client {
                    prefix: prefix.as_slice().into(),
                    allow: allow.unwrap_or(true),
                };
                let body = object([("allow", some(*allow))]);
                let of_line = json!({ "prefix": encoded });
                let path = format!("/clients/{encoded}");
                ("PUT", path, "client", of_line, body, Edit::Client(edit))
            }
            Thing::Token {
                user,
                torrent,
                percent: [up, down],
                until,
            } => {
                let some_of = |number: u64| (number != 0).then_some(number);
                let edit = Token {
                    user: some_of(*user).map(UserId),
                    torrent: some_of(*torrent).map(TorrentId),
                    multipliers: Multipliers {
                        up_percent: up.unwrap_or(100),
                        down_percent: down.unwrap_or(100),
                    },
                    until: until.map(UnixTime),
                };
                let body = object([
                    ("up_percent", some(*up)),
                    ("down_percent", some(*down)),
                    ("until", Some(json!(until))),
                ]);
                let of_line = json!({ "user_id": user, "torrent_id": torrent });
                let path = format!("/tokens/{user}/{torrent}");
                ("PUT", path, "token", of_line, body, Edit::Token(edit))
            }
            Thing::Options {
                percent: [up, down],
                until,
                intervals,
            } => {
                let [interval, least, jitter] =
                    intervals.map(|said| said.map(|secs| secs.map(u32::from)));
                let edit = OptionsEdit {
                    up_percent: *up,
                    down_percent: *down,
                    until: until.map(|until| until.map(UnixTime)),
                    interval_secs: interval,
                    min_interval_secs: least,
                    jitter_secs: jitter,
                };
                let body = object([
                    ("up_percent", some(*up)),
                    ("down_percent", some(*down)),
                    ("until", until.map(|until| json!(until))),
                    ("interval_secs", interval.map(|secs| json!(secs))),
                    ("min_interval_secs", least.map(|secs| json!(secs))),
                    ("jitter_secs", jitter.map(|secs| json!(secs))),
                ]);
                let path = "/options".to_owned();
                (
                    "PATCH",
                    path,
                    "options",
                    json!({}),
                    body,
                    Edit::Options(edit),
                )
            }
        }
    }
}
