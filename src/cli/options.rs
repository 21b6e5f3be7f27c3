//! What holds for everybody: clients, options; and what the tracker says of itself.

use super::lists::{self, Lines, View};
use super::output::Failure;
use super::session::Session;
use super::site::Seen;
use super::table::{Column, Table};
use super::tokens::until;
use chihaya::storage::{Client, Edit, Listing, OptionsEdit};
use chihaya::tracker::api::{Listed, encode};
use serde_json::{Value, json};

pub fn list_clients(session: &mut Session<'_>) -> Result<(), Failure> {
    let row = |seen: &Seen, table: &mut Table| {
        if let Listed::Client(client) = &seen.listed {
            table.row(&[&client.prefix, &said(Some(client.allow))]);
        }
    };
    let view = View {
        columns: vec![Column::Text("PREFIX"), Column::Text("STATUS")],
        row: &row,
        passkeys: false,
    };
    lists::show(session, Listing::Clients([].into()), view)
}

fn said(allow: Option<bool>) -> &'static str {
    match allow {
        Some(true) => "allowed",
        Some(false) => "banned",
        None => "removed",
    }
}

/// Approves or bans a prefix, or says nothing of it any more.
pub fn set_client(
    session: &mut Session<'_>,
    prefix: &[u8],
    allow: Option<bool>,
) -> Result<(), Failure> {
    let shown = encode(prefix);
    let edit = match allow {
        Some(allow) => Edit::Client(Client {
            prefix: prefix.into(),
            allow,
        }),
        None => Edit::ClientGone(prefix.into()),
    };
    let pushed = session.edit(&format!("client {shown}"), edit)?;
    let told = json!({ "prefix": shown, "allow": allow, "stored": pushed.stored });
    session.say(&format!("client {shown} {}\n", said(allow)), &told)
}

pub fn show(session: &mut Session<'_>) -> Result<(), Failure> {
    let options = session.site.options()?;
    let mut lines = Lines::default();
    lines.line("up", &format!("{} %", options.up_percent));
    lines.line("down", &format!("{} %", options.down_percent));
    lines.line("until", &until(options.until));
    lines.line("interval", &format!("{} s", options.interval_secs));
    lines.line("min interval", &format!("{} s", options.min_interval_secs));
    lines.line("jitter", &format!("{} s", options.jitter_secs));
    session.say(&lines.text(), &json!(options))
}

/// Changes options, and shows how they are then.
pub fn set(session: &mut Session<'_>, edit: &OptionsEdit) -> Result<(), Failure> {
    session.edit("options", Edit::Options(edit.clone()))?;
    show(session)
}

pub fn stats(session: &mut Session<'_>) -> Result<(), Failure> {
    let stats = session.site.stats()?;
    let mut lines = Lines::default();
    flatten("", &stats, &mut lines);
    session.say(&lines.text(), &stats)
}

/// Each number with the way to it.
fn flatten(path: &str, value: &Value, lines: &mut Lines) {
    let below = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(&below(name), value, lines);
            }
        }
        Value::Array(values) => {
            for (place, value) in values.iter().enumerate() {
                flatten(&below(&place.to_string()), value, lines);
            }
        }
        Value::String(text) => lines.line(path, text),
        Value::Null => lines.line(path, &"none"),
        value => lines.line(path, value),
    }
}
