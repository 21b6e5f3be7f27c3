//! Sites with tables of their own, each with the preset for it. What they write, and what stands in
//! their tables afterwards, is told by SQL of theirs with `{name}` for a value.

#[cfg(feature = "postgres")]
mod arcadia;
mod batter;
#[cfg(feature = "mysql")]
mod gazelle;
#[cfg(feature = "mysql")]
mod kuroneko;
#[cfg(feature = "mysql")]
mod unit3d;

use crate::place::Place;
use crate::web::{Values, Web, hex};
use chihaya::model::{Multipliers, TorrentId, Transfer, UnixTime, UserId};
use chihaya::storage::conformance::{Application, Books, Row};
use chihaya::storage::sql::Dialect;
use chihaya::storage::{
    Change, EventRow, HistoryDelta, PeerRow, SessionKey, Table, TorrentDelta, TorrentStatus, User,
    UserDelta,
};

/// A kind of site.
pub struct Preset {
    /// As the configuration names it.
    pub name: &'static str,
    pub dialect: Dialect,
    /// Makes its tables.
    pub fixture: &'static str,
    /// What becomes known of a change, as far as the site can say it; `None`: nothing.
    pub told: fn(Change) -> Option<Change>,
    pub writes: Writes,
    pub reads: Reads,
    /// Of each row, what is not kept.
    pub cut: fn(Row<'_>),
    /// Shows what the tracker writes, as it stands in the tables.
    pub dump: &'static [&'static str],
}

/// What the site writes; several statements with a semicolon between them.
pub struct Writes {
    pub user: &'static str,
    pub user_gone: &'static str,
    pub torrent: &'static str,
    pub torrent_gone: &'static str,
    pub client: &'static str,
    pub client_gone: &'static str,
    pub token: &'static str,
    pub token_gone: &'static str,
    pub global: &'static str,
}

/// What stands in its tables. Columns in a fixed order, constants for those that are not kept.
pub struct Reads {
    /// Credited up and down, raw up and down.
    pub user: &'static str,
    /// Seeders, leechers, snatches, balance, last seeded.
    pub torrent: &'static str,
    /// Credited up and down, raw up and down, seed seconds, leech seconds, announces, snatches,
    /// started, last, completed, seeder, active, left, client's up and down, agent.
    pub history: Option<&'static str>,
    /// Address, port, totals up and down, left, seeder, active, agent, started, last, announces,
    /// rates up and down.
    pub peer: Option<&'static str>,
}

pub const ALL: &[&Preset] = &[
    #[cfg(feature = "mysql")]
    &gazelle::GAZELLE,
    #[cfg(feature = "mysql")]
    &gazelle::OPS,
    #[cfg(feature = "mysql")]
    &kuroneko::KURONEKO,
    #[cfg(feature = "mysql")]
    &unit3d::UNIT3D,
    #[cfg(feature = "postgres")]
    &arcadia::ARCADIA,
    #[cfg(feature = "mysql")]
    &batter::MYSQL,
    #[cfg(feature = "postgres")]
    &batter::POSTGRES,
    #[cfg(feature = "sqlite")]
    &batter::SQLITE,
];

/// Those that keep all in tables of the site, each with the server for it, where that is installed.
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub fn on_servers() -> impl Iterator<Item = (&'static Preset, &'static crate::servers::Server)> {
    use crate::servers::Kind;
    let of_sites = ALL.iter().filter(|preset| preset.name != "batter");
    of_sites.filter_map(|preset| {
        let kind = match preset.dialect {
            Dialect::Sqlite => return None,
            Dialect::Postgres => Kind::Postgres,
            Dialect::Mysql => Kind::Mariadb,
        };
        Some((*preset, crate::shared(kind)?))
    })
}

/// Before the rows of a fixture.
const ROWS: &str = "-- Rows.\n";

fn statements(part: Option<&str>) -> String {
    let text = part.expect("a part").trim_end();
    text.trim_end_matches(';').to_owned()
}

/// Seconds that a test takes at most.
const QUICK: u32 = 120;

/// `{when:x}` is a moment, `{quick:x}` what depends on how fast the test is.
fn masked(sql: &str, began: Option<u32>) -> String {
    let mut parts = sql.split('{');
    let mut text = parts.next().expect("the first").to_owned();
    for part in parts {
        let (name, rest) = part.split_once(':').expect("a name");
        let (column, rest) = rest.split_once('}').expect("an end");
        text += &match (began, name) {
            (None, _) => column.to_owned(),
            (Some(began), "when") => {
                let (first, last) = (began - 10, began + QUICK);
                format!(
                    "CASE WHEN {column} BETWEEN {first} AND {last} THEN 'now' WHEN {column} > 0 THEN 'then' END"
                )
            }
            (Some(_), _) => format!("CASE WHEN {column} <= {QUICK} THEN 'little' ELSE 'much' END"),
        };
        text += rest;
    }
    text
}

/// Puts values in place of their names.
fn fill(sql: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(sql.to_owned(), |sql, (name, value)| {
        sql.replace(&format!("{{{name}}}"), value)
    })
}

/// A site of some kind, in a real database.
pub struct Tables {
    preset: &'static Preset,
    web: Web,
}

impl Tables {
    /// Makes the tables in a database that is empty.
    pub fn new(preset: &'static Preset, place: &Place) -> Tables {
        let mut web = place.web();
        web.run(&statements(preset.fixture.split(ROWS).next()));
        if preset.dialect == Dialect::Postgres {
            let tracker = crate::servers::USER;
            web.run(&format!(
                "GRANT ALL ON ALL TABLES IN SCHEMA public TO {tracker}; \
                 GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {tracker}; \
                 GRANT ALL ON SCHEMA public TO {tracker}"
            ));
        }
        Tables { preset, web }
    }

    /// Puts in the rows of the fixture.
    pub fn put_rows(&mut self) {
        self.web
            .run(&statements(self.preset.fixture.split(ROWS).nth(1)));
    }

    /// What stands in the tables. Times that depend on how fast the test is are shown as such, where
    /// the moment is given at which it began.
    pub fn dump(&mut self, began: Option<u32>) -> String {
        let mut lines = Vec::new();
        for sql in self.preset.dump {
            let rows = self.web.rows(&masked(sql, began));
            lines.extend(rows.iter().map(|row| row.join("|")));
        }
        lines.join("\n")
    }

    fn write(&mut self, sql: &str, values: &[(&str, String)]) {
        if !sql.is_empty() {
            self.web.run(&fill(sql, values));
        }
    }

    fn row(&mut self, sql: &str, values: &[(&str, String)]) -> Option<Values> {
        self.web.row(&fill(sql, values))
    }
}

fn percents(multipliers: Multipliers) -> [(&'static str, String); 2] {
    [
        ("up", multipliers.up_percent.to_string()),
        ("down", multipliers.down_percent.to_string()),
    ]
}

fn flag(name: &'static str, flag: bool) -> (&'static str, String) {
    (name, u8::from(flag).to_string())
}

fn keys(user: u64, torrent: u64) -> Vec<(&'static str, String)> {
    vec![("user", user.to_string()), ("torrent", torrent.to_string())]
}

impl Application for Tables {
    fn told(&self, change: Change) -> Option<Change> {
        (self.preset.told)(change)
    }

    fn change(&mut self, change: &Change) {
        let writes = &self.preset.writes;
        let id = |id: u64| ("id", id.to_string());
        match change {
            Change::User(user) => {
                // As much of it as the site has room for.
                let enabled = User {
                    enabled: true,
                    ..user.clone()
                };
                let passkey = match (self.preset.told)(Change::User(enabled)) {
                    Some(Change::User(told)) => told.passkey,
                    _ => user.passkey,
                };
                let mut values = vec![
                    id(user.id.0),
                    ("passkey", self.web.text(passkey.as_bytes())),
                    flag("enabled", user.enabled),
                    flag("can_leech", user.can_leech),
                    flag("hide_ip", user.hide_ip),
                    (
                        "slots",
                        user.slots
                            .map_or("NULL".to_owned(), |slots| slots.to_string()),
                    ),
                ];
                values.extend(percents(user.multipliers));
                self.write(writes.user, &values);
            }
            Change::UserGone(user) => self.write(writes.user_gone, &[id(user.0)]),
            Change::Torrent(torrent) => {
                let status = match torrent.status {
                    TorrentStatus::Registered => 0,
                    TorrentStatus::Unapproved => 1,
                    TorrentStatus::Deleted(_) => 2,
                };
                let mut values = vec![
                    id(torrent.id.0),
                    ("info_hash", self.web.bytes(&torrent.info_hash.0)),
                    ("status", status.to_string()),
                ];
                values.extend(percents(torrent.multipliers));
                self.write(writes.torrent, &values);
            }
            Change::TorrentGone(torrent) => self.write(writes.torrent_gone, &[id(torrent.0)]),
            Change::Client(client) => {
                let prefix = ("prefix", self.web.text(&client.prefix));
                self.write(writes.client, &[prefix, flag("allow", client.allow)]);
            }
            Change::ClientGone(prefix) => {
                let prefix = ("prefix", self.web.text(prefix));
                self.write(writes.client_gone, &[prefix]);
            }
            Change::Token(token) => {
                let (user, torrent) = (token.user, token.torrent);
                let values = keys(user.map_or(0, |id| id.0), torrent.map_or(0, |id| id.0));
                self.write(writes.token, &values);
            }
            Change::TokenGone { user, torrent } => {
                let values = keys(user.map_or(0, |id| id.0), torrent.map_or(0, |id| id.0));
                self.write(writes.token_gone, &values);
            }
            Change::Global(global) => self.write(writes.global, &percents(global.multipliers)),
        }
    }
}

fn time(values: &mut Values) -> UnixTime {
    UnixTime(values.number())
}

fn transfer(values: &mut Values) -> Transfer {
    Transfer {
        uploaded: values.number(),
        downloaded: values.number(),
    }
}

impl Books for Tables {
    fn keeps(&self, table: Table) -> bool {
        match table {
            Table::Users | Table::Torrents => true,
            Table::History => self.preset.reads.history.is_some(),
            Table::Peers | Table::Forgotten => self.preset.reads.peer.is_some(),
            // Those that are kept are compared as they stand in the tables.
            Table::Events => false,
        }
    }

    fn cut(&self, row: Row<'_>) {
        (self.preset.cut)(row);
    }

    fn user(&mut self, user: UserId) -> Option<UserDelta> {
        let mut values = self.row(self.preset.reads.user, &keys(user.0, 0))?;
        Some(UserDelta {
            user,
            credited: transfer(&mut values),
            raw: transfer(&mut values),
        })
    }

    fn torrent(&mut self, torrent: TorrentId) -> Option<TorrentDelta> {
        let mut values = self.row(self.preset.reads.torrent, &keys(0, torrent.0))?;
        Some(TorrentDelta {
            torrent,
            seeders: values.number(),
            leechers: values.number(),
            snatches: values.number(),
            balance: values.number(),
            last_seeded: time(&mut values),
        })
    }

    fn history(&mut self, user: UserId, torrent: TorrentId) -> Option<HistoryDelta> {
        let sql = self.preset.reads.history?;
        let mut values = self.row(sql, &keys(user.0, torrent.0))?;
        let values = &mut values;
        Some(HistoryDelta {
            user,
            torrent,
            credited: transfer(values),
            raw: transfer(values),
            seed_seconds: values.number(),
            leech_seconds: values.number(),
            announces: values.number(),
            snatches: values.number(),
            started: time(values),
            last: time(values),
            completed: Some(time(values)).filter(|at| at.0 != 0),
            seeder: values.flag(),
            active: values.flag(),
            left: values.number(),
            client: transfer(values),
            agent: values.unshown(),
        })
    }

    fn peer(&mut self, key: &SessionKey) -> Option<PeerRow> {
        let sql = self.preset.reads.peer?;
        let mut filled = keys(key.user.0, key.torrent.0);
        filled.push(("peer_id", self.web.bytes(&key.peer_id.0)));
        let mut values = self.row(sql, &filled)?;
        let values = &mut values;
        Some(PeerRow {
            key: *key,
            ip: address(values.text()),
            port: values.number(),
            totals: transfer(values),
            left: values.number(),
            seeder: values.flag(),
            active: values.flag(),
            agent: values.unshown(),
            started: time(values),
            last: time(values),
            announces: values.number(),
            rates: transfer(values),
        })
    }

    fn events(&mut self, _key: &SessionKey) -> Vec<EventRow> {
        Vec::new()
    }
}

/// An address as a text, or its bytes in hexadecimal; zeros where there is none.
fn address(text: &str) -> [u8; 16] {
    let text = text.split('/').next().unwrap_or_default();
    match text.parse() {
        Ok(std::net::IpAddr::V4(ip)) => ip.to_ipv6_mapped().octets(),
        Ok(std::net::IpAddr::V6(ip)) => ip.octets(),
        Err(_) => {
            let bytes = Values::new(vec![text.to_owned()]).bytes();
            match <[u8; 4]>::try_from(&*bytes) {
                Ok(v4) => std::net::Ipv4Addr::from(v4).to_ipv6_mapped().octets(),
                Err(_) if bytes.is_empty() => [0; 16],
                Err(_) => bytes
                    .try_into()
                    .unwrap_or_else(|bytes: Vec<u8>| panic!("{}", hex(&bytes))),
            }
        }
    }
}
