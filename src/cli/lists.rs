//! Lists of any length, part by part: a table for people and `awk`, or one JSON document.

use super::output::{Failure, print_some};
use super::session::Session;
use super::site::{PART, Seen};
use super::table::{Column, Table};
use chihaya::model::{TorrentId, UserId};
use chihaya::storage::Listing;
use chihaya::tracker::api::{Listed, decode, list_name};
use serde_json::Value;
use std::fmt::Display;

/// How entries are shown.
pub struct View<'v> {
    pub columns: Vec<Column>,
    /// Adds an entry to the table.
    pub row: &'v dyn Fn(&Seen, &mut Table),
    /// Passkeys stand in the JSON of users.
    pub passkeys: bool,
}

/// Shows a list from its beginning.
pub fn show(session: &mut Session<'_>, first: Listing, view: View<'_>) -> Result<(), Failure> {
    let name = list_name(&first);
    let mut table = Table::new(view.columns);
    let mut next = Some(first);
    let mut is_first = true;
    while let Some(listing) = next.take() {
        let part = session.site.list(&listing)?;
        if part.len() >= PART {
            next = part.last().and_then(after);
        }
        let mut text = String::new();
        match session.json {
            true => {
                if is_first {
                    text += &format!("{{{name:?}:[");
                }
                for (place, seen) in part.iter().enumerate() {
                    text += if is_first && place == 0 { "\n" } else { ",\n" };
                    text += &json(seen, view.passkeys).to_string();
                }
                if next.is_none() {
                    text += "\n]}\n";
                }
            }
            false => {
                part.iter().for_each(|seen| (view.row)(seen, &mut table));
                text = table.take();
            }
        }
        is_first = false;
        // A reader that has seen enough needs no more.
        if !print_some(session.streams.out, &text)? {
            break;
        }
    }
    Ok(())
}

/// An entry as the management API tells it.
pub fn json(seen: &Seen, passkeys: bool) -> Value {
    let mut json = serde_json::to_value(&seen.listed).unwrap_or_default();
    if let (true, Some(passkey), Value::Object(fields)) = (passkeys, &seen.passkey, &mut json) {
        fields.insert("passkey".to_owned(), passkey.as_str().into());
    }
    json
}

/// The list of what comes after an entry.
fn after(seen: &Seen) -> Option<Listing> {
    Some(match &seen.listed {
        Listed::User(user) => Listing::Users(Some(UserId(user.id))),
        Listed::Torrent(torrent) => Listing::Torrents(Some(TorrentId(torrent.id))),
        Listed::Client(client) => {
            let prefix = decode(client.prefix.as_bytes())?;
            Listing::Clients(prefix.into())
        }
        Listed::Token(token) => {
            let some = |number: u64| (number != 0).then_some(number);
            let user = some(token.user_id).map(UserId);
            Listing::Tokens(Some((user, some(token.torrent_id).map(TorrentId))))
        }
    })
}

/// Lines of a name and a value each.
#[derive(Default)]
pub struct Lines(String);

impl Lines {
    pub fn line(&mut self, name: &str, value: &dyn Display) {
        let value = value.to_string();
        self.0 += &format!("{name} {}", super::table::Printable(&value));
        self.0.truncate(self.0.trim_end().len());
        self.0.push('\n');
    }

    pub fn text(self) -> String {
        self.0
    }
}

pub fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}
