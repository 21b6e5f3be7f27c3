//! Schemas of what routes take and tell, for the OpenAPI document. A test holds those of bodies
//! against what reads them; a schema-driven tester holds those of answers against what is told.

mod told;

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

/// All that are named.
pub(super) fn all() -> Value {
    json!({
        "Torrent": told::shown_torrent(),
        "TorrentBody": torrent_body(json!({}), &[]),
        "TorrentChange": change(torrent_body(json!({}), &[])),
        "Torrents": told::list("torrents", &told::listed_torrent()),
        "User": told::shown_user(),
        "UserBody": user_body(),
        "UserChange": change(user_body()),
        "Users": told::list("users", &told::listed_user()),
        "Client": whole(json!({ "prefix": prefix(), "allow": flag() })),
        "Clients": told::list("clients", &json!({ "$ref": "#/components/schemas/Client" })),
        "Tokens": told::list("tokens", &json!({ "$ref": "#/components/schemas/Token" })),
        "ClientBody": object(json!({ "allow": with(flag(), true.into()) }), &[]),
        "Token": told::shown_token(),
        "TokenBody": token_body(json!({}), &[]),
        "Options": told::shown_options(),
        "OptionsBody": options_body(),
        "Line": line(),
        "Pushed": told::pushed(),
        "Synced": told::synced(json!({})),
        "SyncFailed": {
            "anyOf": [
                told::synced(json!({ "error": { "type": "string" } })),
                { "$ref": "#/components/schemas/Error" },
            ],
        },
        "Peers": told::peers(),
        "Stats": told::stats(),
        "Document": { "type": "object" },
        "Error": whole(json!({ "error": { "type": "string" } })),
    })
}
