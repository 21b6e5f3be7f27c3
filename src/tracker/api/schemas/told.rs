//! Schemas of what routes tell.

use super::{
    count, flag, id, id_or_all, info_hash, merged, number, object, or_null, percent, status, time,
    whole,
};
use crate::tracker::api::listed::LISTED_MOST;
use serde_json::{Value, json};

pub(super) fn synced(more: Value) -> Value {
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

pub(super) fn peers() -> Value {
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

pub(super) fn stats() -> Value {
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
pub(super) fn list(name: &str, entry: &Value) -> Value {
    let next = json!({
        "type": ["string", "null"],
        "description": "What to say as after to be told more; null: that was all",
    });
    let entries = json!({ "type": "array", "items": entry, "maxItems": LISTED_MOST });
    whole(json!({ name: entries, "next": next }))
}

pub(super) fn listed_user() -> Value {
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

pub(super) fn listed_torrent() -> Value {
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

pub(super) fn shown_torrent() -> Value {
    object(
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
    )
}

pub(super) fn shown_user() -> Value {
    whole(json!({
        "id": id(),
        "enabled": flag(),
        "can_leech": flag(),
        "hide_ip": flag(),
        "slots": or_null(number(0, u16::MAX.into())),
        "up_percent": percent(),
        "down_percent": percent(),
    }))
}

pub(super) fn shown_token() -> Value {
    whole(json!({
        "user_id": id_or_all(),
        "torrent_id": id_or_all(),
        "up_percent": percent(),
        "down_percent": percent(),
        "until": time(),
    }))
}

pub(super) fn shown_options() -> Value {
    whole(json!({
        "up_percent": percent(),
        "down_percent": percent(),
        "until": time(),
        "interval_secs": count(),
        "min_interval_secs": count(),
        "jitter_secs": count(),
    }))
}

pub(super) fn pushed() -> Value {
    object(
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
    )
}
