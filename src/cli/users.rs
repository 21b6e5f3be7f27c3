//! Users.

use super::command::{Name, UserChange, UserColumns};
use super::lists::{self, Lines, View, yes};
use super::output::{Failure, write};
use super::session::{Session, hex};
use super::site::Seen;
use super::table::{Column, Printable, Table, in_units};
use super::urls::announce_urls;
use chihaya::model::{Passkey, UserId};
use chihaya::storage::{Edit, Listing, UserEdit, UserName};
use chihaya::tracker::api::{Listed, ListedUser};
use serde_json::{Value, json};

/// Random bytes in a passkey; it has two hex digits for each.
const PASSKEY_BYTES: usize = 16;

pub fn add(session: &mut Session<'_>, name: &str) -> Result<(), Failure> {
    // Not a rule of the directory: a web application may have reasons for equal names.
    let same = Listing::UsersNamed(name.into(), None);
    if !session.site.list(&same)?.is_empty() {
        let message = format!("there is a user {name:?} already");
        return Err(Failure::failed(message));
    }
    let (passkey, text) = new_passkey()?;
    let edit = UserEdit {
        create: true,
        name: Some(name.into()),
        ..UserEdit::of(UserName::Passkey(passkey))
    };
    let pushed = session.edit("user add", Edit::User(edit))?;
    let id = pushed.id.unwrap_or_default();
    let told = json!({ "id": id, "name": name, "stored": pushed.stored });
    tell_passkey(session, (id, name), &text, told)
}

fn new_passkey() -> Result<(Passkey, String), Failure> {
    let mut random = [0; PASSKEY_BYTES];
    getrandom::fill(&mut random).map_err(|error| {
        let message = format!("the system gives no randomness for a passkey: {error}");
        Failure::failed(message)
    })?;
    let text = hex(&random);
    let passkey = Passkey::new(text.as_bytes());
    let passkey = passkey.ok_or_else(|| Failure::failed("no passkey of 32 digits".to_owned()))?;
    Ok((passkey, text))
}

/// Tells a passkey that is new. Nobody knows it who does not see it now.
fn tell_passkey(
    session: &mut Session<'_>,
    (id, name): (u64, &str),
    passkey: &str,
    mut told: Value,
) -> Result<(), Failure> {
    let urls = announce_urls(&session.config.network, passkey);
    let text = match session.json {
        true => {
            told["passkey"] = passkey.into();
            told["announce"] = urls.into();
            format!("{told}\n")
        }
        false => {
            let mut lines = Lines::default();
            lines.line("user", &format!("{id} {name}"));
            lines.line("passkey", &passkey);
            urls.iter().for_each(|url| lines.line("announce", url));
            lines.text()
        }
    };
    write(session.streams.out, &text).map_err(|error| {
        let instead = "see user list --passkeys";
        Failure::failed(format!(
            "user {id} is registered, but not shown: {error}; {instead}"
        ))
    })
}

pub fn list(session: &mut Session<'_>, columns: UserColumns) -> Result<(), Failure> {
    let mut headings = vec![
        Column::Number("ID"),
        Column::Text("ENABLED"),
        Column::Number("UPLOADED"),
        Column::Number("DOWNLOADED"),
    ];
    if columns.passkeys {
        headings.push(Column::Text("PASSKEY"));
    }
    headings.push(Column::Text("NAME"));
    let row = |seen: &Seen, table: &mut Table| {
        let Listed::User(user) = &seen.listed else {
            return;
        };
        let enabled = yes(user.enabled);
        let up = size(user.uploaded, columns);
        let down = size(user.downloaded, columns);
        let passkey = seen.passkey.as_deref().unwrap_or_default();
        match columns.passkeys {
            true => table.row(&[&user.id, &enabled, &up, &down, &passkey, &user.name]),
            false => table.row(&[&user.id, &enabled, &up, &down, &user.name]),
        }
    };
    let view = View {
        columns: headings,
        row: &row,
        passkeys: columns.passkeys,
    };
    lists::show(session, Listing::Users(None), view)
}

fn size(bytes: u64, columns: UserColumns) -> String {
    match columns.bytes {
        true => bytes.to_string(),
        false => in_units(bytes),
    }
}

pub fn show(session: &mut Session<'_>, name: &Name, columns: UserColumns) -> Result<(), Failure> {
    let (user, passkey) = session.user(name)?;
    let passkey = passkey.filter(|_| columns.passkeys);
    let mut lines = Lines::default();
    lines.line("user", &format!("{} {}", user.id, user.name));
    lines.line("enabled", &yes(user.enabled));
    lines.line("can leech", &yes(user.can_leech));
    lines.line("hide ip", &yes(user.hide_ip));
    let slots = user.slots.map(|slots| slots.to_string());
    lines.line("slots", &slots.as_deref().unwrap_or("none"));
    lines.line("up", &format!("{} %", user.up_percent));
    lines.line("down", &format!("{} %", user.down_percent));
    lines.line("uploaded", &size(user.uploaded, columns));
    lines.line("downloaded", &size(user.downloaded, columns));
    if let Some(passkey) = &passkey {
        lines.line("passkey", passkey);
        let urls = announce_urls(&session.config.network, passkey);
        urls.iter().for_each(|url| lines.line("announce", url));
    }
    let seen = Seen {
        listed: Listed::User(user),
        passkey,
    };
    session.say(&lines.text(), &lists::json(&seen, columns.passkeys))
}

pub fn set(session: &mut Session<'_>, name: &Name, change: &UserChange) -> Result<(), Failure> {
    let (user, _) = session.user(name)?;
    let passkey = match change.new_passkey {
        true => Some(new_passkey()?),
        false => None,
    };
    let edit = UserEdit {
        passkey: passkey.as_ref().map(|(passkey, _)| *passkey),
        name: change.name.as_deref().map(Into::into),
        enabled: change.enabled,
        can_leech: change.can_leech,
        hide_ip: change.hide_ip,
        slots: change.slots,
        up_percent: change.percents.up,
        down_percent: change.percents.down,
        ..UserEdit::of(UserName::Id(UserId(user.id)))
    };
    let what = format!("user {}", user.id);
    let pushed = session.edit(&what, Edit::User(edit))?;
    let name = change.name.as_deref().unwrap_or(&user.name);
    let told = json!({ "id": user.id, "name": name, "stored": pushed.stored });
    match passkey {
        Some((_, text)) => tell_passkey(session, (user.id, name), &text, told),
        None => session.say(&line(user.id, name), &told),
    }
}

pub fn delete(session: &mut Session<'_>, name: &Name) -> Result<(), Failure> {
    let (ListedUser { id, name, .. }, _) = session.user(name)?;
    let edit = Edit::UserGone(UserName::Id(UserId(id)));
    let pushed = session.edit(&format!("user {id}"), edit)?;
    let told = json!({ "id": id, "name": name, "stored": pushed.stored });
    session.say(&line(id, &name), &told)
}

fn line(id: u64, name: &str) -> String {
    format!("user {id} {}\n", Printable(name))
}
