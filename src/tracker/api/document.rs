//! The OpenAPI document: made from the table of routes, and from the schemas of what they take and
//! tell.

use super::answer::Answer;
use super::routes::{BodyKind, Operation, ROUTES, Route};
use super::schemas;
use crate::config::Scope;
use crate::wire::api::Method;
use serde_json::{Map, Value, json};

/// The whole document.
pub fn document() -> Answer {
    Answer::new(200, &value())
}

fn value() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.name().to_ascii_lowercase()] = operation(route);
        if route.method == Method::Get {
            path["head"] = head(route);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Chihaya",
            "description": "Management of a running tracker. What is changed is in effect on every \
                announce that comes after the answer.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "BSD-2-Clause" },
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of the setting admin.tokens",
                },
            },
            "schemas": schemas::all(),
        },
    })
}

/// The names in braces of a path.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn parameters(route: &Route) -> Vec<Value> {
    let mut parameters: Vec<Value> = names(route.path)
        .map(|name| {
            let (schema, description) = schemas::parameter(name);
            json!({
                "name": name,
                "in": "path",
                "required": true,
                "schema": schema,
                "description": description,
            })
        })
        .collect();
    let asked = schemas::query(route.operation).into_iter();
    parameters.extend(asked.map(|(name, schema, description)| {
        json!({
            "name": name,
            "in": "query",
            "schema": schema,
            "description": description,
        })
    }));
    parameters
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": id(route.operation),
        "summary": route.summary,
        "parameters": parameters(route),
        "responses": responses(route),
    });
    let schema = match route.operation {
        Operation::PutTorrent => "TorrentBody",
        Operation::ChangeTorrent => "TorrentChange",
        Operation::PutUser => "UserBody",
        Operation::ChangeUser => "UserChange",
        Operation::PutClient => "ClientBody",
        Operation::PutToken => "TokenBody",
        Operation::ChangeOptions => "OptionsBody",
        Operation::Sync => "Line",
        _ => return operation,
    };
    let media_type = route.operation.body().media_type();
    operation["requestBody"] = json!({
        "required": true,
        "content": { media_type: { "schema": reference(schema) } },
    });
    operation
}

/// The same without a body in the answer.
fn head(route: &Route) -> Value {
    let mut statuses = Map::new();
    for status in statuses_of(route) {
        statuses.insert(status.to_string(), json!({ "description": text(status) }));
    }
    json!({
        "operationId": format!("{}Head", id(route.operation)),
        "summary": route.summary,
        "parameters": parameters(route),
        "responses": statuses,
    })
}

fn id(operation: Operation) -> String {
    let name = format!("{operation:?}");
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// Every status that a route may answer with.
fn statuses_of(route: &Route) -> Vec<u16> {
    // What any request may be answered with: it is no HTTP, comes too slowly, or at a bad time.
    let mut statuses = vec![200, 400, 401, 408, 417, 429, 431, 503, 505];
    if route.scope() == Scope::Write {
        statuses.push(403);
    }
    match route.operation.body() {
        BodyKind::Nothing => {}
        BodyKind::Json => statuses.extend([411, 413, 415]),
        BodyKind::Lines => statuses.extend([411, 415]),
    }
    if names(route.path).next().is_some() {
        statuses.push(404);
    }
    match route.operation {
        Operation::ShowStats | Operation::ShowDocument | Operation::ShowTorrentPeers => {}
        Operation::PutTorrent | Operation::PutUser | Operation::PutClient | Operation::PutToken => {
            statuses.extend([201, 409])
        }
        // A public tracker has no directory.
        _ => statuses.push(409),
    }
    statuses.sort_unstable();
    statuses
}

fn responses(route: &Route) -> Value {
    let mut responses = Map::new();
    for status in statuses_of(route) {
        let schema = match (status, route.operation) {
            (200 | 201, operation) => shown(operation),
            (400 | 409, Operation::Sync) => "SyncFailed",
            _ => "Error",
        };
        let mut response = json!({
            "description": text(status),
            "content": { "application/json": { "schema": reference(schema) } },
        });
        if let Some(header) = header(status) {
            response["headers"] = json!({
                header: { "schema": { "type": "string" }, "required": true },
            });
        }
        responses.insert(status.to_string(), response);
    }
    responses.into()
}

fn header(status: u16) -> Option<&'static str> {
    match status {
        401 => Some("WWW-Authenticate"),
        429 | 503 => Some("Retry-After"),
        _ => None,
    }
}

fn shown(operation: Operation) -> &'static str {
    match operation {
        Operation::ListTorrents => "Torrents",
        Operation::ListUsers => "Users",
        Operation::ListClients => "Clients",
        Operation::ListTokens => "Tokens",
        Operation::ShowTorrent => "Torrent",
        Operation::ShowUser => "User",
        Operation::ShowClient => "Client",
        Operation::ShowToken => "Token",
        Operation::ShowOptions => "Options",
        Operation::ShowTorrentPeers | Operation::ShowUserPeers => "Peers",
        Operation::Sync => "Synced",
        Operation::ShowStats => "Stats",
        Operation::ShowDocument => "Document",
        Operation::PutTorrent
        | Operation::ChangeTorrent
        | Operation::RemoveTorrent
        | Operation::PutUser
        | Operation::ChangeUser
        | Operation::RemoveUser
        | Operation::PutClient
        | Operation::RemoveClient
        | Operation::PutToken
        | Operation::RemoveToken
        | Operation::ChangeOptions => "Pushed",
    }
}

fn text(status: u16) -> &'static str {
    match status {
        200 => "Done, or found",
        201 => "Made anew",
        400 => "Not what is taken here",
        401 => "No token, or a wrong one",
        403 => "The token does not allow changes",
        404 => "There is no such thing",
        408 => "The request did not come whole in time",
        409 => "It belongs to another, or a public tracker has no such thing",
        411 => "A body is needed, and its length",
        413 => "The body is too long",
        415 => "The body is of another media type",
        417 => "Nothing else is expected than 100-continue",
        429 => "Too many wrong tokens wait for their answers",
        431 => "The head is too long",
        503 => "Not now",
        _ => "Only HTTP/1.0 and HTTP/1.1 are spoken",
    }
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
