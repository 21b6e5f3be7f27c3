//! Tokens.

use super::command::{Percents, TokenOf};
use super::lists::{self, View};
use super::output::Failure;
use super::session::Session;
use super::site::Seen;
use super::table::{Column, Table};
use super::{command::Name, time};
use chihaya::model::{Multipliers, TorrentId, UnixTime, UserId};
use chihaya::storage::{Edit, Listing, Token, TokenKey};
use chihaya::tracker::api::{Listed, ShownToken};
use serde_json::json;

/// What a token does where nothing else is said: what is downloaded does not count.
const FREELEECH: Multipliers = Multipliers {
    up_percent: 100,
    down_percent: 0,
};

pub fn list(session: &mut Session<'_>) -> Result<(), Failure> {
    let row = |seen: &Seen, table: &mut Table| {
        if let Listed::Token(token) = &seen.listed {
            table.row(&[
                &or_all(token.user_id),
                &or_all(token.torrent_id),
                &token.up_percent,
                &token.down_percent,
                &until(token.until),
            ]);
        }
    };
    let view = View {
        columns: vec![
            Column::Number("USER"),
            Column::Number("TORRENT"),
            Column::Number("UP"),
            Column::Number("DOWN"),
            Column::Text("UNTIL"),
        ],
        row: &row,
        passkeys: false,
    };
    lists::show(session, Listing::Tokens(None), view)
}

fn or_all(id: u64) -> String {
    match id {
        0 => "all".to_owned(),
        id => id.to_string(),
    }
}

/// When something ends.
pub fn until(until: Option<u32>) -> String {
    until.map_or_else(|| "none".to_owned(), time::show)
}

pub fn add(
    session: &mut Session<'_>,
    (user, torrent): &TokenOf,
    percents: Percents,
    ends: Option<u32>,
) -> Result<(), Failure> {
    let user = match user {
        Some(name) => Some(UserId(session.user(name)?.0.id)),
        None => None,
    };
    let torrent = match torrent {
        Some(name) => Some(TorrentId(session.torrent(name)?.id)),
        None => None,
    };
    let multipliers = match (percents.up, percents.down) {
        (None, None) => FREELEECH,
        (up, down) => Multipliers {
            up_percent: up.unwrap_or(100),
            down_percent: down.unwrap_or(100),
        },
    };
    let token = Token {
        user,
        torrent,
        multipliers,
        until: ends.map(UnixTime),
    };
    let shown = ShownToken::from(&token);
    let pushed = session.edit("token", Edit::Token(token))?;
    let text = format!(
        "{}up {} %\ndown {} %\nuntil {}\n",
        line((user, torrent)),
        shown.up_percent,
        shown.down_percent,
        until(shown.until)
    );
    let mut told = json!(shown);
    told["stored"] = json!(pushed.stored);
    session.say(&text, &told)
}

pub fn remove(session: &mut Session<'_>, (user, torrent): &TokenOf) -> Result<(), Failure> {
    // One of a user or torrent that is not there any more can be removed by its number.
    let user = match user {
        Some(Name::Id(id)) => Some(UserId(*id)),
        Some(name) => Some(UserId(session.user(name)?.0.id)),
        None => None,
    };
    let torrent = match torrent {
        Some(Name::Id(id)) => Some(TorrentId(*id)),
        Some(name) => Some(TorrentId(session.torrent(name)?.id)),
        None => None,
    };
    let text = line((user, torrent));
    let pushed = session.edit(text.trim_end(), Edit::TokenGone { user, torrent })?;
    let told = json!({
        "user_id": user.map_or(0, |user| user.0),
        "torrent_id": torrent.map_or(0, |torrent| torrent.0),
        "stored": pushed.stored,
    });
    session.say(&text, &told)
}

fn line((user, torrent): TokenKey) -> String {
    let user = or_all(user.map_or(0, |user| user.0));
    format!(
        "token {user} {}\n",
        or_all(torrent.map_or(0, |torrent| torrent.0))
    )
}
