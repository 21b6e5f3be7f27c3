//! A tracker whose users and accounts are in files of JSON lines: a storage driver of one's own.
//!
//! ```sh
//! cargo run --example custom_storage -- config.json
//! ```
//!
//! with `"tracker": "private"` and `"storage": {"driver": "jsonl", "path": "FOLDER"}`. The folder has
//!
//! * `directory.jsonl`, which the web application appends to while the tracker runs; a later line
//!   replaces an earlier one:
//!
//!   ```json
//!   {"user": {"id": 1, "passkey": "0123456789abcdef0123456789abcdef"}}
//!   {"torrent": {"id": 5, "info_hash": "c9e15763f722f23e98a29decdfae341b98d53056"}}
//!   {"user_gone": 1}
//!   ```
//!
//! * `books.jsonl`, one line for each commit: `{"writer": "…", "batch": {"from": 0, "to": 90, …}}`.
//!   The line holds the position and all rows, so that one write has both or neither.
//!
//! `chihaya::storage::conformance` is the test of such a driver: see `tests/custom_storage.rs`.

use chihaya::Drivers;
use chihaya::config::Config;
use chihaya::model::{InfoHash, Multipliers, Passkey, TorrentId, UnixTime, UserId};
use chihaya::storage::{
    Change, Client, Commit, Cursor, Global, Storage, StorageError, Token, Torrent, TorrentStatus,
    User, Wanted,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let file = std::env::args().nth(1).unwrap_or("config.json".to_owned());
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(err) => return fault(&format!("{file}: {err}")),
    };
    let config = match Config::from_json(&text) {
        Ok(config) => config,
        Err(faults) => return fault(&format!("{file}: {faults:?}")),
    };
    env_logger::init();
    let drivers = Drivers::builtin().with_storage("jsonl", |config| {
        Ok(Box::new(JsonLines::open(&config.storage.path)?))
    });
    match chihaya::run(&config, &drivers) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => fault(&err.to_string()),
    }
}

fn fault(message: &str) -> ExitCode {
    eprintln!("custom_storage: {message}");
    ExitCode::from(2)
}

/// The driver.
pub struct JsonLines {
    directory: PathBuf,
    books: File,
    /// Bytes of the books that are whole lines.
    books_bytes: u64,
    positions: HashMap<String, u64>,
    snatches: HashMap<TorrentId, u64>,
}

/// A line of the books.
#[derive(Serialize, Deserialize)]
pub struct Entry {
    pub writer: String,
    pub batch: Commit,
}

impl JsonLines {
    /// Opens the folder, and reads the books for what must be known of them.
    pub fn open(folder: &Path) -> Result<JsonLines, StorageError> {
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut options = OpenOptions::new();
        options.create(true).read(true).write(true).truncate(false);
        let mut books = options.open(folder.join("books.jsonl")).map_err(failed)?;
        let text = whole_lines(&mut books)?;
        let mut storage = JsonLines {
            directory: folder.join("directory.jsonl"),
            books,
            books_bytes: 0,
            positions: HashMap::new(),
            snatches: HashMap::new(),
        };
        for line in text.split_inclusive('\n') {
            let entry: Entry = serde_json::from_str(line).map_err(|err| {
                StorageError::Fatal(format!("books.jsonl, at {}: {err}", storage.books_bytes))
            })?;
            storage.books_bytes += bytes(line);
            storage.note(&entry);
        }
        Ok(storage)
    }

    /// What is remembered of a line of the books.
    fn note(&mut self, entry: &Entry) {
        for row in &entry.batch.torrents {
            let sum = self.snatches.entry(row.torrent).or_default();
            *sum = sum.saturating_add(row.snatches);
        }
        self.positions.insert(entry.writer.clone(), entry.batch.to);
    }

    /// Shows the lines of the directory from here; returns where it ends.
    fn read_directory(
        &self,
        from: u64,
        to: &mut dyn FnMut(Change),
    ) -> Result<Cursor, StorageError> {
        let mut file = match File::open(&self.directory) {
            Ok(file) => file,
            Err(err) if err.kind() == ErrorKind::NotFound && from == 0 => return Ok(Cursor(0)),
            Err(err) => return Err(failed(err)),
        };
        // A shorter file is another one.
        if file.metadata().map_err(failed)?.len() < from {
            return Err(StorageError::CursorGone);
        }
        file.seek(SeekFrom::Start(from)).map_err(failed)?;
        let mut at = from;
        for line in whole_lines(&mut file)?.split_inclusive('\n') {
            match change_of(line) {
                Some(change) => to(self.with_snatches(change)),
                None => log::warn!("directory.jsonl: the line at byte {at} is skipped"),
            }
            at += bytes(line);
        }
        Ok(Cursor(at))
    }

    fn with_snatches(&self, mut change: Change) -> Change {
        if let Change::Torrent(torrent) = &mut change {
            let snatches = self.snatches.get(&torrent.id).copied().unwrap_or_default();
            torrent.snatches = u32::try_from(snatches).unwrap_or(u32::MAX);
        }
        change
    }
}

impl Storage for JsonLines {
    /// The cursor is a place in the file: what comes behind it is what has changed.
    fn load(
        &mut self,
        since: Option<Cursor>,
        to: &mut dyn FnMut(Change),
    ) -> Result<Cursor, StorageError> {
        self.read_directory(since.map_or(0, |since| since.0), to)
    }

    fn find(&mut self, wanted: &Wanted, to: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        let (mut users, mut torrents) = (HashMap::new(), HashMap::new());
        self.read_directory(0, &mut |change| match change {
            Change::User(user) => drop(users.insert(user.id, user)),
            Change::UserGone(id) => drop(users.remove(&id)),
            Change::Torrent(torrent) => drop(torrents.insert(torrent.id, torrent)),
            Change::TorrentGone(id) => drop(torrents.remove(&id)),
            _ => {}
        })?;
        users.retain(|_, user| wanted.passkeys.contains(&user.passkey));
        torrents.retain(|_, torrent| wanted.info_hashes.contains(&torrent.info_hash));
        users.into_values().map(Change::User).for_each(&mut *to);
        torrents.into_values().map(Change::Torrent).for_each(to);
        Ok(())
    }

    fn position(&mut self, writer: &str) -> Result<u64, StorageError> {
        Ok(self.positions.get(writer).copied().unwrap_or_default())
    }

    fn commit(&mut self, writer: &str, batch: &Commit) -> Result<(), StorageError> {
        let position = self.position(writer)?;
        if position != batch.from {
            return Err(StorageError::Moved(position));
        }
        let entry = Entry {
            writer: writer.to_owned(),
            batch: batch.clone(),
        };
        let mut line = serde_json::to_vec(&entry)
            .map_err(|err| StorageError::Fatal(format!("a batch cannot be written: {err}")))?;
        line.push(b'\n');
        // What a write before has left behind when the disk was full.
        self.books.set_len(self.books_bytes).map_err(failed)?;
        let end = SeekFrom::Start(self.books_bytes);
        self.books.seek(end).map_err(failed)?;
        self.books.write_all(&line).map_err(failed)?;
        self.books.sync_data().map_err(failed)?;
        self.books_bytes += line.len() as u64;
        self.note(&entry);
        Ok(())
    }
}

/// What the file holds up to its last line's end: one that is torn was never answered, or is still
/// being written.
fn whole_lines(file: &mut File) -> Result<String, StorageError> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    bytes.truncate(end.map_or(0, |end| end + 1));
    String::from_utf8(bytes).map_err(|err| StorageError::Fatal(err.to_string()))
}

fn bytes(line: &str) -> u64 {
    line.len() as u64
}

/// All such may pass: a full disk is emptied, a folder is mounted again.
fn failed(err: std::io::Error) -> StorageError {
    StorageError::Retry(err.to_string())
}

/// What a line of the directory says, if that can be; what it leaves out is as usual.
fn change_of(line: &str) -> Option<Change> {
    let line: Map<String, Value> = serde_json::from_str(line).ok()?;
    let (kind, what) = line.iter().next()?;
    let bool = |key: &str, usual| what.get(key).map_or(Some(usual), Value::as_bool);
    let number = |key: &str| match what.get(key) {
        None | Some(Value::Null) => Some(None),
        Some(value) => value.as_u64().map(Some),
    };
    let until =
        || Some(number("until")?.map(|until| UnixTime(until.try_into().unwrap_or(u32::MAX))));
    let percent = |key: &str| u16::try_from(number(key)?.unwrap_or(100)).ok();
    let multipliers = || {
        Some(Multipliers {
            up_percent: percent("up_percent")?,
            down_percent: percent("down_percent")?,
        })
    };
    let prefix = |value: &Value| Some(value.as_str()?.as_bytes().into());
    let (user, torrent) = (|| number("user"), || number("torrent"));
    Some(match kind.as_str() {
        "user" => Change::User(User {
            id: UserId(number("id")??),
            passkey: Passkey::new(what.get("passkey")?.as_str()?.as_bytes())?,
            enabled: bool("enabled", true)?,
            can_leech: bool("can_leech", true)?,
            hide_ip: bool("hide_ip", false)?,
            slots: number("slots")?.map(|slots| slots.try_into().unwrap_or(u16::MAX)),
            multipliers: multipliers()?,
        }),
        "user_gone" => Change::UserGone(UserId(what.as_u64()?)),
        "torrent" => Change::Torrent(Torrent {
            id: TorrentId(number("id")??),
            info_hash: info_hash_of(what.get("info_hash")?.as_str()?)?,
            status: match what.get("deleted").map(Value::as_str) {
                Some(reason) => TorrentStatus::Deleted(reason?.into()),
                None if bool("unapproved", false)? => TorrentStatus::Unapproved,
                None => TorrentStatus::Registered,
            },
            multipliers: multipliers()?,
            snatches: 0,
        }),
        "torrent_gone" => Change::TorrentGone(TorrentId(what.as_u64()?)),
        "client" => Change::Client(Client {
            prefix: prefix(what.get("prefix")?)?,
            allow: bool("allow", true)?,
        }),
        "client_gone" => Change::ClientGone(prefix(what)?),
        "token" => Change::Token(Token {
            user: user()?.map(UserId),
            torrent: torrent()?.map(TorrentId),
            multipliers: multipliers()?,
            until: until()?,
        }),
        "token_gone" => Change::TokenGone {
            user: user()?.map(UserId),
            torrent: torrent()?.map(TorrentId),
        },
        "everybody" => Change::Global(Global {
            multipliers: multipliers()?,
            until: until()?,
            ..Global::default()
        }),
        _ => return None,
    })
}

fn info_hash_of(hex: &str) -> Option<InfoHash> {
    let mut bytes = [0; 20];
    if hex.len() != 2 * bytes.len() || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(InfoHash(bytes))
}
