//! The tracker's own tables, as a web application and its reports see them.

use crate::web::{Values, Web};
use chihaya::model::{TorrentId, Transfer, UnixTime, UserId};
use chihaya::storage::conformance::{Application, Books};
use chihaya::storage::{
    Change, EventKind, EventRow, HistoryDelta, PeerRow, SessionKey, TorrentDelta, TorrentStatus,
    UserDelta,
};

fn time(values: &mut Values) -> UnixTime {
    UnixTime(values.number())
}

fn transfer(values: &mut Values) -> Transfer {
    Transfer {
        uploaded: values.number(),
        downloaded: values.number(),
    }
}

fn flag(flag: bool) -> String {
    u8::from(flag).to_string()
}

fn or_null(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}

/// The number of a user or a torrent; 0: every one.
fn number(id: Option<u64>) -> String {
    id.unwrap_or(0).to_string()
}

pub struct OwnTables(pub Web);

impl Application for OwnTables {
    fn change(&mut self, change: &Change) {
        let web = &mut self.0;
        match change {
            Change::User(user) => {
                let columns = [
                    ("id", user.id.0.to_string()),
                    ("passkey", web.text(user.passkey.as_bytes())),
                    ("enabled", flag(user.enabled)),
                    ("can_leech", flag(user.can_leech)),
                    ("hide_ip", flag(user.hide_ip)),
                    ("slots", or_null(user.slots)),
                    ("up_percent", user.multipliers.up_percent.to_string()),
                    ("down_percent", user.multipliers.down_percent.to_string()),
                ];
                web.put("tracker_users", &["id"], &columns);
            }
            Change::UserGone(id) => {
                web.run(&format!("DELETE FROM tracker_users WHERE id = {}", id.0));
            }
            Change::Torrent(torrent) => {
                let (status, reason) = match &torrent.status {
                    TorrentStatus::Registered => (0, None),
                    TorrentStatus::Unapproved => (1, None),
                    TorrentStatus::Deleted(reason) => (2, Some(web.text(reason.as_bytes()))),
                };
                let columns = [
                    ("id", torrent.id.0.to_string()),
                    ("info_hash", web.bytes(&torrent.info_hash.0)),
                    ("status", status.to_string()),
                    ("reason", or_null(reason)),
                    ("up_percent", torrent.multipliers.up_percent.to_string()),
                    ("down_percent", torrent.multipliers.down_percent.to_string()),
                ];
                web.put("tracker_torrents", &["id"], &columns);
            }
            Change::TorrentGone(id) => {
                web.run(&format!("DELETE FROM tracker_torrents WHERE id = {}", id.0));
            }
            Change::Client(client) => {
                let columns = [
                    ("prefix", web.text(&client.prefix)),
                    ("allow", flag(client.allow)),
                ];
                web.put("tracker_clients", &["prefix"], &columns);
            }
            Change::ClientGone(prefix) => {
                let prefix = web.text(prefix);
                web.run(&format!(
                    "DELETE FROM tracker_clients WHERE prefix = {prefix}"
                ));
            }
            Change::Token(token) => {
                let columns = [
                    ("user_id", number(token.user.map(|user| user.0))),
                    ("torrent_id", number(token.torrent.map(|torrent| torrent.0))),
                    ("up_percent", token.multipliers.up_percent.to_string()),
                    ("down_percent", token.multipliers.down_percent.to_string()),
                    ("until", or_null(token.until.map(|until| until.0))),
                ];
                web.put("tracker_tokens", &["user_id", "torrent_id"], &columns);
            }
            Change::TokenGone { user, torrent } => {
                let user = number(user.map(|user| user.0));
                let torrent = number(torrent.map(|torrent| torrent.0));
                web.run(&format!(
                    "DELETE FROM tracker_tokens WHERE user_id = {user} AND torrent_id = {torrent}"
                ));
            }
            Change::Global(global) => {
                for (name, value) in [
                    ("up_percent", global.multipliers.up_percent.into()),
                    ("down_percent", global.multipliers.down_percent.into()),
                    ("until", global.until.map_or(0, |until| until.0)),
                ] {
                    let columns = [("name", format!("'{name}'")), ("value", value.to_string())];
                    web.put("tracker_options", &["name"], &columns);
                }
            }
        }
    }
}

impl Books for OwnTables {
    fn user(&mut self, user: UserId) -> Option<UserDelta> {
        let mut values = self.0.row(&format!(
            "SELECT uploaded, downloaded, raw_uploaded, raw_downloaded FROM tracker_users \
             WHERE id = {}",
            user.0
        ))?;
        Some(UserDelta {
            user,
            credited: transfer(&mut values),
            raw: transfer(&mut values),
        })
    }

    fn history(&mut self, user: UserId, torrent: TorrentId) -> Option<HistoryDelta> {
        let agent = self.0.shown_text("agent");
        let mut values = self.0.row(&format!(
            "SELECT uploaded, downloaded, raw_uploaded, raw_downloaded, seed_seconds, \
             leech_seconds, announces, snatches, started_at, last_at, completed_at, seeder, \
             active, remaining, client_uploaded, client_downloaded, {agent} FROM tracker_history \
             WHERE user_id = {} AND torrent_id = {}",
            user.0, torrent.0
        ))?;
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

    fn torrent(&mut self, torrent: TorrentId) -> Option<TorrentDelta> {
        let mut values = self.0.row(&format!(
            "SELECT seeders, leechers, snatches, balance, last_seeded FROM tracker_torrents \
             WHERE id = {}",
            torrent.0
        ))?;
        Some(TorrentDelta {
            torrent,
            seeders: values.number(),
            leechers: values.number(),
            snatches: values.number(),
            balance: values.number(),
            last_seeded: time(&mut values),
        })
    }

    fn peer(&mut self, key: &SessionKey) -> Option<PeerRow> {
        let (ip, agent) = (self.0.shown("ip"), self.0.shown_text("agent"));
        let mut values = self.0.row(&format!(
            "SELECT {ip}, port, uploaded, downloaded, remaining, seeder, active, {agent}, \
             started_at, last_at, announces, up_rate, down_rate FROM tracker_peers WHERE {}",
            self.of(key)
        ))?;
        let values = &mut values;
        Some(PeerRow {
            key: *key,
            ip: values.bytes().try_into().expect("16 bytes"),
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

    fn events(&mut self, key: &SessionKey) -> Vec<EventRow> {
        let ip = self.0.shown("ip");
        let sql = format!(
            "SELECT at, kind, {ip}, amount FROM tracker_events WHERE {} ORDER BY id",
            self.of(key)
        );
        let rows = self.0.rows(&sql).into_iter().map(Values::new);
        let event = |mut values: Values| EventRow {
            time: time(&mut values),
            kind: kind(values.text()),
            key: *key,
            ip: values.bytes().try_into().expect("16 bytes"),
            amount: values.number(),
        };
        rows.map(event).collect()
    }
}

impl OwnTables {
    fn of(&self, key: &SessionKey) -> String {
        format!(
            "user_id = {} AND torrent_id = {} AND peer_id = {}",
            key.user.0,
            key.torrent.0,
            self.0.bytes(&key.peer_id.0)
        )
    }
}

fn kind(name: &str) -> EventKind {
    let kinds = [
        EventKind::Completed,
        EventKind::TokenUsed,
        EventKind::ImplausibleSpeed,
        EventKind::ClientMismatch,
    ];
    let kind = kinds.into_iter().find(|kind| kind.name() == name);
    kind.unwrap_or_else(|| panic!("{name:?} is no kind"))
}

#[test]
fn a_check_reads_statements_without_a_database() {
    use chihaya::Drivers;
    use chihaya::config::Config;
    let driver = if cfg!(feature = "mysql") {
        "mysql"
    } else if cfg!(feature = "postgres") {
        "postgres"
    } else {
        "sqlite"
    };
    for (storage, fault) in [
        (serde_json::json!({}), None),
        (
            serde_json::json!({"preset": "gazette"}),
            Some("storage.preset: "),
        ),
        (
            serde_json::json!({"statements": {"write": {"users": "UPDATE u SET a = [[ :agent|, ]]"}}}),
            Some("storage.statements.write.users: there is no :agent here"),
        ),
        (
            serde_json::json!({"statements": {"load": {"users": "SELECT 1; DROP TABLE u"}}}),
            Some("storage.statements.load.users: at \"; DROP TABLE u\": there is more than one"),
        ),
        (
            serde_json::json!({"password_file": "/nowhere/password"}),
            (driver != "sqlite").then_some("storage.password: cannot read /nowhere/password"),
        ),
    ] {
        let mut settings = serde_json::json!({"storage": {"driver": driver, "url": "x://y/z"}});
        for (name, value) in storage.as_object().expect("an object") {
            settings["storage"][name] = value.clone();
        }
        let config = Config::from_json(&settings.to_string()).expect("settings");
        let found = Drivers::builtin().check_storage(&config).err();
        let found = found.map(|error| error.to_string());
        match fault {
            None => assert_eq!(found, None),
            Some(fault) => assert!(
                found.as_ref().is_some_and(|it| it.contains(fault)),
                "{found:?}"
            ),
        }
    }
}
