//! Schemas of what routes take and tell, for the OpenAPI document. A test holds those of bodies
//! against what reads them; a schema-driven tester holds those of answers against what is told.

use super::bodies::INTERVAL_SECS_MOST;
use super::listed::{LISTED_DEFAULT, LISTED_MOST};
use super::routes::Operation;
use crate::storage::{NAME_MAX_BYTES, REASON_MAX_BYTES};
use serde_json::{Map, Value, json};

/// No control characters.
const TEXT: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";
const PASSKEY: &str = "^[A-Za-z0-9._~-]{1,64}$";
const USER: &str = "^([1-9][0-9]{0,17}|passkey:[A-Za-z0-9._~-]{1,64}|\
    [0-9]{0,63}[A-Za-z._~-][A-Za-z0-9._~-]{0,30})$";
const INFO_HASH: &str = "^[0-9A-Fa-f]{40}$";
const PREFIX: &str = "^([!-$&-~]|%[0-9A-Fa-f]{2}){1,20}$";

/// The schema of what stands in a path, and what it is.
pub(super) fn parameter(name: &str) -> (Value, &'static str) {
    match name {
        "info_hash" => (
            json!({ "type": "string", "pattern": INFO_HASH }),
            "40 hex digits; of a v2 torrent, the first 40 of its hash",
        ),
        "user" => (
            json!({ "type": "string", "pattern": USER }),
            "A number, or a passkey; before a passkey of digits alone stands passkey:",
        ),
        "prefix" => (
            json!({ "type": "string", "pattern": "^[!-~]{1,20}$" }),
            "1 to 20 bytes at the front of peer ids, percent-encoded",
        ),
        _ => (
            json!({ "type": "string", "pattern": "^(all|0|[1-9][0-9]{0,17})$" }),
            "A number; 0 or all is every one",
        ),
    }
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// An object of which all is always there.
fn whole(properties: Value) -> Value {
    let names = properties.as_object().into_iter().flat_map(Map::keys);
    let names: Vec<String> = names.cloned().collect();
    let required: Vec<&str> = names.iter().map(String::as_str).collect();
    object(properties, &required)
}

fn with(mut schema: Value, default: Value) -> Value {
    schema["default"] = default;
    schema
}

fn number(least: u64, most: u64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

fn or_null(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"], "null"]);
    schema
}

fn id() -> Value {
    number(1, i64::MAX.unsigned_abs())
}

fn id_or_all() -> Value {
    number(0, i64::MAX.unsigned_abs())
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn percent() -> Value {
    number(0, u16::MAX.into())
}

fn time() -> Value {
    let mut time = or_null(number(0, u32::MAX.into()));
    time["description"] = "Unix seconds; null: for good".into();
    time
}

fn interval(least: u64) -> Value {
    or_null(number(least, INTERVAL_SECS_MOST.into()))
}

fn text(most: usize) -> Value {
    json!({ "type": "string", "maxLength": most, "pattern": TEXT })
}

fn reason() -> Value {
    text(REASON_MAX_BYTES)
}

/// What may stand in the query: names, schemas, and what they are.
pub(super) fn query(operation: Operation) -> Vec<(&'static str, Value, &'static str)> {
    let number = "^(all|0|[1-9][0-9]{0,17})";
    let after = match operation {
        Operation::RemoveTorrent => {
            let what = "What clients are told; without it the torrent is not known any more";
            return vec![("reason", reason(), what)];
        }
        Operation::ListUsers | Operation::ListTorrents => id_or_all(),
        Operation::ListClients => parameter("prefix").0,
        Operation::ListTokens => {
            json!({ "type": "string", "pattern": format!("{number}/{}$", &number[1..]) })
        }
        _ => return Vec::new(),
    };
    let limit = with(self::number(1, LISTED_MOST as u64), LISTED_DEFAULT.into());
    let mut asked = vec![
        ("after", after, "What an earlier answer told as next"),
        ("limit", limit, "Entries of the answer at most"),
    ];
    if matches!(operation, Operation::ListUsers | Operation::ListTorrents) {
        let what = "Those of this name alone";
        asked.push(("name", json!({ "type": "string" }), what));
    }
    asked
}

fn info_hash() -> Value {
    json!({ "type": "string", "pattern": INFO_HASH })
}

fn prefix() -> Value {
    json!({ "type": "string", "pattern": PREFIX })
}

fn passkey() -> Value {
    json!({ "type": "string", "pattern": PASSKEY })
}

fn status() -> Value {
    json!({ "type": "string", "enum": ["registered", "unapproved", "deleted"] })
}

/// What `PUT` of a torrent takes. A reason is of a deleted torrent alone.
fn torrent_body(more: Value, required: &[&str]) -> Value {
    let properties = json!({
        "id": id(),
        "name": with(text(NAME_MAX_BYTES), "".into()),
        "status": with(status(), "registered".into()),
        "reason": reason(),
        "up_percent": with(percent(), 100.into()),
        "down_percent": with(percent(), 100.into()),
    });
    let mut schema = object(merged(properties, more), required);
    schema["dependentSchemas"] = json!({
        "reason": {
            "properties": { "status": { "const": "deleted" } },
            "required": ["status"],
        },
    });
    schema
}

/// What `PATCH` takes: the same without what cannot be changed, and nothing that is not said.
fn change(mut body: Value) -> Value {
    if let Some(properties) = body["properties"].as_object_mut() {
        properties.remove("id");
        let each = properties.values_mut().filter_map(Value::as_object_mut);
        each.for_each(|property| drop(property.remove("default")));
    }
    body
}

fn user_body() -> Value {
    object(
        json!({
            "id": id(),
            "passkey": passkey(),
            "name": with(text(NAME_MAX_BYTES), "".into()),
            "enabled": with(flag(), true.into()),
            "can_leech": with(flag(), true.into()),
            "hide_ip": with(flag(), false.into()),
            "slots": with(or_null(number(0, u16::MAX.into())), Value::Null),
            "up_percent": with(percent(), 100.into()),
            "down_percent": with(percent(), 100.into()),
        }),
        &[],
    )
}

fn token_body(more: Value, required: &[&str]) -> Value {
    let properties = json!({
        "up_percent": with(percent(), 100.into()),
        "down_percent": with(percent(), 100.into()),
        "until": with(time(), Value::Null),
    });
    object(merged(properties, more), required)
}

fn options_body() -> Value {
    object(
        json!({
            "up_percent": percent(),
            "down_percent": percent(),
            "until": time(),
            "interval_secs": interval(1),
            "min_interval_secs": interval(0),
            "jitter_secs": interval(0),
        }),
        &[],
    )
}

fn merged(mut properties: Value, more: Value) -> Value {
    if let (Value::Object(properties), Value::Object(more)) = (&mut properties, more) {
        properties.extend(more);
    }
    properties
}

/// One thing on a line of a sync.
fn line() -> Value {
    let scope = || json!({ "user_id": id_or_all(), "torrent_id": id_or_all() });
    let mut user = user_body();
    user["anyOf"] = json!([{ "required": ["id"] }, { "required": ["passkey"] }]);
    let mut user_gone = object(json!({ "id": id(), "passkey": passkey() }), &[]);
    user_gone["oneOf"] = user["anyOf"].clone();
    let torrent_gone = json!({ "info_hash": info_hash(), "reason": reason() });
    let client = json!({ "prefix": prefix(), "allow": with(flag(), true.into()) });
    let things = [
        (
            "torrent",
            torrent_body(json!({ "info_hash": info_hash() }), &["info_hash"]),
        ),
        ("torrent_gone", object(torrent_gone, &["info_hash"])),
        ("user", user),
        ("user_gone", user_gone),
        ("client", object(client, &["prefix"])),
        ("client_gone", whole(json!({ "prefix": prefix() }))),
        ("token", token_body(scope(), &["user_id", "torrent_id"])),
        ("token_gone", whole(scope())),
        ("options", options_body()),
    ];
    let lines = things.map(|(name, schema)| whole(json!({ name: schema })));
    json!({
        "description": "Lines, each an object of one thing, ended by line feeds",
        "oneOf": lines,
    })
}

fn synced(more: Value) -> Value {
    let fault = whole(json!({ "line": count(), "error": { "type": "string" } }));
    let properties = json!({
        "lines": count(),
        "done": count(),
        "created": count(),
        "held": count(),
        "failed": count(),
        "faults": { "type": "array", "items": fault, "maxItems": 100 },
    });
    whole(merged(properties, more))
}

fn peers() -> Value {
    let peer = object(
        json!({
            "user_id": id(),
            "torrent_id": id(),
            "addresses": {
                "type": "array",
                "items": { "type": "string" },
                "maxItems": 2,
            },
            "leeching": flag(),
            "silent_secs": count(),
        }),
        &["addresses"],
    );
    whole(json!({
        "peers": { "type": "array", "items": peer },
    }))
}

fn stats() -> Value {
    let worker = whole(json!({
        "udp_answers": count(),
        "http_answers": count(),
        "http_connections": count(),
    }));
    let private = whole(json!({
        "sessions": count(),
        "directory_loaded": flag(),
        "users": count(),
        "torrents": count(),
        "clients": count(),
        "tokens": count(),
        "held_edits": count(),
        "journal_unaccounted_bytes": count(),
        "journal_uncommitted_bytes": count(),
        "storage_away_secs": or_null(count()),
    }));
    object(
        json!({
            "version": { "type": "string" },
            "tracker": { "type": "string", "enum": ["public", "private"] },
            "uptime_secs": count(),
            "workers": { "type": "array", "items": worker },
            "swarms": whole(json!({ "torrents": count(), "peers": count() })),
            "cache": {
                "type": "object",
                "description": "What its driver tells of itself, and of the log by which several private processes are one",
                "additionalProperties": count(),
            },
            "admin": whole(json!({
                "connections": count(),
                "requests": count(),
                "wrong_tokens": count(),
                "lines": count(),
            })),
            "private": private,
        }),
        &[
            "version",
            "tracker",
            "uptime_secs",
            "workers",
            "swarms",
            "cache",
            "admin",
        ],
    )
}

/// A part of the directory.
fn list(name: &str, entry: &Value) -> Value {
    let next = json!({
        "type": ["string", "null"],
        "description": "What to say as after to be told more; null: that was all",
    });
    let entries = json!({ "type": "array", "items": entry, "maxItems": LISTED_MOST });
    whole(json!({ name: entries, "next": next }))
}

fn listed_user() -> Value {
    whole(json!({
        "id": id_or_all(),
        "name": { "type": "string" },
        "enabled": flag(),
        "can_leech": flag(),
        "hide_ip": flag(),
        "slots": or_null(number(0, u16::MAX.into())),
        "up_percent": percent(),
        "down_percent": percent(),
        "uploaded": count(),
        "downloaded": count(),
    }))
}

fn listed_torrent() -> Value {
    let mut schema = whole(json!({
        "id": id_or_all(),
        "info_hash": info_hash(),
        "name": { "type": "string" },
        "status": status(),
        "up_percent": percent(),
        "down_percent": percent(),
        "seeders": count(),
        "leechers": count(),
        "snatches": count(),
    }));
    schema["properties"]["reason"] = json!({ "type": "string" });
    schema
}

/// All that are named.
pub(super) fn all() -> Value {
    let shown_torrent = object(
        json!({
            "info_hash": info_hash(),
            "id": id(),
            "status": status(),
            "reason": { "type": "string" },
            "up_percent": percent(),
            "down_percent": percent(),
            "snatches": count(),
            "seeders": count(),
            "leechers": count(),
        }),
        &[
            "info_hash",
            "id",
            "status",
            "up_percent",
            "down_percent",
            "snatches",
            "seeders",
            "leechers",
        ],
    );
    let shown_user = whole(json!({
        "id": id(),
        "enabled": flag(),
        "can_leech": flag(),
        "hide_ip": flag(),
        "slots": or_null(number(0, u16::MAX.into())),
        "up_percent": percent(),
        "down_percent": percent(),
    }));
    let shown_token = whole(json!({
        "user_id": id_or_all(),
        "torrent_id": id_or_all(),
        "up_percent": percent(),
        "down_percent": percent(),
        "until": time(),
    }));
    let shown_options = whole(json!({
        "up_percent": percent(),
        "down_percent": percent(),
        "until": time(),
        "interval_secs": count(),
        "min_interval_secs": count(),
        "jitter_secs": count(),
    }));
    let pushed = object(
        json!({
            "id": id(),
            "created": flag(),
            "stored": {
                "type": "string",
                "enum": ["written", "held"],
                "description": "held: in effect, and kept until the storage has it",
            },
        }),
        &["created", "stored"],
    );
    json!({
        "Torrent": shown_torrent,
        "TorrentBody": torrent_body(json!({}), &[]),
        "TorrentChange": change(torrent_body(json!({}), &[])),
        "Torrents": list("torrents", &listed_torrent()),
        "User": shown_user,
        "UserBody": user_body(),
        "UserChange": change(user_body()),
        "Users": list("users", &listed_user()),
        "Client": whole(json!({ "prefix": prefix(), "allow": flag() })),
        "Clients": list("clients", &json!({ "$ref": "#/components/schemas/Client" })),
        "Tokens": list("tokens", &json!({ "$ref": "#/components/schemas/Token" })),
        "ClientBody": object(json!({ "allow": with(flag(), true.into()) }), &[]),
        "Token": shown_token,
        "TokenBody": token_body(json!({}), &[]),
        "Options": shown_options,
        "OptionsBody": options_body(),
        "Line": line(),
        "Pushed": pushed,
        "Synced": synced(json!({})),
        "SyncFailed": {
            "anyOf": [
                synced(json!({ "error": { "type": "string" } })),
                { "$ref": "#/components/schemas/Error" },
            ],
        },
        "Peers": peers(),
        "Stats": stats(),
        "Document": { "type": "object" },
        "Error": whole(json!({ "error": { "type": "string" } })),
    })
}
