//! A site with a tracker of its own: a folder that holds its database and the tracker's journal.

use crate::common::{Tracker, config, eventually, udp};
use chihaya::config::Config;
use chihaya::model::{InfoHash, Passkey};
use chihaya::storage::{Directory, Edit, Sqlite, TorrentEdit, TorrentName, UserEdit, UserName};
use chihaya::{Drivers, Server, StartError};
use rusqlite::Connection;
use rusqlite::types::FromSql;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the database is looked at for what must come.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub struct Site {
    folder: PathBuf,
    sections: String,
}

impl Site {
    /// A site without users and torrents, in the folder of this test.
    pub fn new(name: &str) -> Site {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("private-{name}"));
        if folder.exists() {
            std::fs::remove_dir_all(&folder).expect("removed");
        }
        std::fs::create_dir_all(&folder).expect("made");
        let site = Site {
            folder,
            sections: String::new(),
        };
        // The tables.
        site.directory();
        site
    }

    /// The same with more sections in its configuration.
    pub fn with(mut self, sections: &str) -> Site {
        write!(self.sections, ", {sections}").expect("written");
        self
    }

    /// The same with a tracker that looks for changes, and writes what it has gathered, but once
    /// in an hour: when it starts, and when it stops.
    pub fn with_rare_visits(self) -> Site {
        let storage = self.database();
        self.with(&format!(
            r#""storage": {{"path": {storage:?}, "flush_interval": "1h", "changes_interval": "1h"}}"#
        ))
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn database(&self) -> PathBuf {
        self.folder.join("site.db")
    }

    pub fn journal(&self) -> PathBuf {
        self.folder.join("journal")
    }

    /// The configuration as it stands in the file.
    pub fn settings(&self) -> String {
        let (journal, sections) = (self.journal(), &self.sections);
        let storage = match sections.contains("\"storage\"") {
            true => String::new(),
            false => format!(
                r#", "storage": {{"path": {:?}, "flush_interval": 1, "changes_interval": 1}}"#,
                self.database()
            ),
        };
        format!(
            r#"{{"tracker": "private", "journal": {{"path": {journal:?}}}{storage}{sections}}}"#
        )
    }

    /// The configuration of an executable that listens on any port, in a file.
    pub fn config_file(&self, level: &str) -> String {
        let mut config: Config = config(&self.settings());
        config.log.level = serde_json::from_value(level.into()).expect("a level");
        let path = self.folder.join("config.json");
        std::fs::write(&path, config.to_json()).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    }

    pub fn start(&self) -> Tracker {
        Tracker::start(&self.settings())
    }

    /// Why it does not start.
    pub fn fails_to_start(&self) -> StartError {
        match Server::start(&config(&self.settings()), &Drivers::builtin()) {
            Ok(server) => {
                server.stop();
                panic!("it has started");
            }
            Err(error) => error,
        }
    }

    fn directory(&self) -> Sqlite {
        Sqlite::open(&self.database()).expect("the database opens")
    }

    /// Registers a user whose passkey is the name; returns the number.
    pub fn user(&self, name: &str) -> u64 {
        let passkey = Passkey::new(name.as_bytes()).expect("a passkey");
        self.add(Edit::User(UserEdit {
            create: true,
            name: Some(name.into()),
            ..UserEdit::of(UserName::Passkey(passkey))
        }))
    }

    /// Registers the torrent of this letter; returns the number.
    pub fn torrent(&self, letter: char) -> u64 {
        let info_hash = InfoHash(udp::hash(letter));
        self.add(Edit::Torrent(TorrentEdit {
            create: true,
            name: Some(letter.to_string().into()),
            ..TorrentEdit::of(TorrentName::InfoHash(info_hash))
        }))
    }

    fn add(&self, edit: Edit) -> u64 {
        let placed = self.directory().edit(&[edit]).expect("edited").remove(0);
        placed.expect("added").id.expect("a number")
    }

    /// A connection to the database as the web application has one.
    pub fn connect(&self) -> Connection {
        let db = Connection::open(self.database()).expect("the database opens");
        db.busy_timeout(Duration::from_secs(5)).expect("a timeout");
        db
    }

    /// Does what the web application does.
    pub fn sql(&self, statements: &str) {
        let done = self.connect().execute_batch(statements);
        done.unwrap_or_else(|error| panic!("{statements}: {error}"));
    }

    /// What the only column of the only row of this statement holds.
    pub fn value<T: FromSql>(&self, sql: &str) -> T {
        let value = self.connect().query_row(sql, (), |row| row.get(0));
        value.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The numbers in the only row of this statement.
    pub fn numbers<const N: usize>(&self, sql: &str) -> [i64; N] {
        let row = self.connect().query_row(sql, (), |row| {
            let numbers: Result<Vec<i64>, _> = (0..N).map(|column| row.get(column)).collect();
            numbers
        });
        let row = row.unwrap_or_else(|error| panic!("{sql}: {error}"));
        row.try_into().expect("so many columns")
    }

    /// Waits until this statement counts so many.
    pub fn wait_for(&self, sql: &str, expected: i64) {
        let db = self.connect();
        eventually(&format!("{sql} = {expected}"), || {
            std::thread::sleep(LOOK_EVERY);
            let value: rusqlite::Result<i64> = db.query_row(sql, (), |row| row.get(0));
            value.is_ok_and(|value| value == expected)
        });
    }

    /// Credited up and down, raw up and down of a user.
    pub fn totals(&self, user: u64) -> [i64; 4] {
        self.numbers(&format!(
            "SELECT uploaded, downloaded, raw_uploaded, raw_downloaded FROM tracker_users \
             WHERE id = {user}"
        ))
    }
}
