//! The web application: who may announce what, and how it is credited; in the end, what it is told.

mod kinds;
mod terms;
mod told;

pub use kinds::*;
pub use terms::Credit;
pub use told::{AtAddress, History, Kept, Peer, Told};

use super::database::{Database, Session};
use fastrand::Rng;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use terms::{PLAIN, Percents};

pub struct Site {
    pub kind: &'static Kind,
    pub folder: PathBuf,
    pub database: Box<dyn Database>,
    pub users: u64,
    pub torrents: u64,
    /// Its tracker is several processes: what one of them hears late is credited no time.
    pub several: bool,
    of_users: Vec<Percents>,
    of_torrents: Vec<Percents>,
    tokens: BTreeMap<(u64, u64), Percents>,
}

impl Site {
    /// A new site with so many users and torrents; numbers begin with 1.
    pub fn new(
        name: &str,
        kind: &'static Kind,
        database: impl FnOnce(&Path) -> Box<dyn Database>,
        users: u64,
        torrents: u64,
        dice: &mut Rng,
    ) -> Site {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let terms = &kind.terms;
        let mut any = |of: &[Percents], count: u64| -> Vec<Percents> {
            (0..count).map(|_| of[dice.usize(..of.len())]).collect()
        };
        let mut site = Site {
            kind,
            database: database(&folder),
            folder,
            users,
            torrents,
            several: false,
            of_users: any(terms.users, users),
            of_torrents: any(terms.torrents, torrents),
            tokens: BTreeMap::new(),
        };
        for _ in 0..users * terms.tokens_each {
            let key = (dice.u64(1..=users), dice.u64(1..=torrents));
            let token = terms.tokens[dice.usize(..terms.tokens.len())];
            site.tokens.insert(key, token);
        }
        site.tokens
            .extend(terms.of_user.map(|token| ((1, 0), token)));
        site.tokens
            .extend(terms.of_torrent.map(|token| ((0, 1), token)));
        site.write();
        site
    }

    pub fn connect(&self) -> Box<dyn Session> {
        self.database.connect()
    }

    /// The section `storage` of the tracker's settings.
    pub fn settings(&self) -> Value {
        let mut settings = self.database.settings();
        settings["preset"] = self.kind.preset.into();
        settings
    }

    /// How many clients of a user with a torrent there may be at most, of those that could be.
    pub fn sessions(&self, pair: (u64, u64), most: u32) -> u32 {
        match self.kind.terms.tokens_go && self.tokens.contains_key(&pair) {
            true => 1,
            false => most,
        }
    }

    fn write(&self) {
        self.database.make_tables(self.kind, &self.settings());
        let mut db = self.connect();
        let writes = &self.kind.writes;
        let [up, down] = self.kind.terms.everybody;
        let of_everybody = [("up", up.to_string()), ("down", down.to_string())];
        for statement in writes.first {
            db.run(&fill(statement, &of_everybody));
        }
        let users = (1u64..).zip(&self.of_users);
        let users = users.map(|(id, [up, down])| {
            vec![
                ("id", id.to_string()),
                ("passkey", passkey(id)),
                ("up", up.to_string()),
                ("down", down.to_string()),
            ]
        });
        put(&mut *db, writes.users, users.collect());
        let torrents = (1u64..).zip(&self.of_torrents);
        let torrents = torrents.map(|(id, [up, down])| {
            vec![
                ("id", id.to_string()),
                ("info_hash", db.bytes(&hex(&info_hash(id)))),
                ("up", up.to_string()),
                ("down", down.to_string()),
            ]
        });
        let torrents = torrents.collect();
        put(&mut *db, writes.torrents, torrents);
        for (into, is_for) in [
            (writes.tokens, [true, true]),
            (writes.tokens_of_users, [true, false]),
            (writes.tokens_of_torrents, [false, true]),
        ] {
            let tokens = self.tokens.iter();
            let tokens = tokens.filter(|((user, torrent), _)| [*user > 0, *torrent > 0] == is_for);
            let tokens = tokens.map(|((user, torrent), [up, down])| {
                vec![
                    ("user", user.to_string()),
                    ("torrent", torrent.to_string()),
                    ("up", up.to_string()),
                    ("down", down.to_string()),
                ]
            });
            put(&mut *db, into, tokens.collect());
        }
    }

    pub fn credit(&self, user: u64, torrent: u64) -> Credit {
        let tokens = [(user, torrent), (user, 0), (0, torrent)];
        let tokens = tokens.iter().filter_map(|key| self.tokens.get(key));
        let tokens: Vec<Percents> = tokens.copied().collect();
        let terms = &self.kind.terms;
        let mut factors = vec![
            PLAIN,
            terms.everybody,
            self.of_users[user as usize - 1],
            self.of_torrents[torrent as usize - 1],
        ];
        factors.extend(&tokens);
        Credit::of(terms.combination, &factors, !tokens.is_empty())
    }

    /// The tokens of a user for a torrent.
    pub fn tokens(&self) -> impl Iterator<Item = (u64, u64)> {
        let tokens = self.tokens.keys().copied();
        tokens.filter(|(user, torrent)| *user > 0 && *torrent > 0)
    }

    /// What the database holds now.
    pub fn told(&self) -> Told {
        let mut db = self.connect();
        db.freeze();
        Told::read(&mut *db, &self.kind.reads)
    }
}

/// Values by their names.
type Values = Vec<(&'static str, String)>;

/// Puts rows into tables.
fn put(db: &mut dyn Session, into: &[Rows], values: Vec<Values>) {
    if values.is_empty() {
        return;
    }
    for Rows { table, row } in into {
        let rows: Vec<_> = values.iter().map(|values| fill(row, values)).collect();
        db.run(&format!("INSERT INTO {table} VALUES {}", rows.join(", ")));
    }
}

/// Puts values in place of their names.
fn fill(sql: &str, values: &[(&str, String)]) -> String {
    values.iter().fold(sql.to_owned(), |sql, (name, value)| {
        sql.replace(&format!("{{{name}}}"), value)
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn passkey(user: u64) -> String {
    format!("{user:032}")
}

pub fn info_hash(torrent: u64) -> [u8; 20] {
    let text = format!("torrent-{torrent:012}");
    text.as_bytes().try_into().expect("20 bytes")
}
