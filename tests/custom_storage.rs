//! A program of someone else's brings a storage of its own: the example keeps to the suite, and runs.

mod common;
// Its main is not called here.
#[allow(dead_code)]
#[path = "../examples/custom_storage.rs"]
mod example;

use crate::common::http;
use crate::common::program::Running;
use chihaya::model::{Multipliers, TorrentId, UnixTime, UserId};
use chihaya::storage::conformance::{self, Application, Books, Site};
use chihaya::storage::{
    Change, Commit, EventRow, HistoryDelta, PeerRow, SessionKey, Storage, TorrentDelta,
    TorrentStatus, UserDelta,
};
use example::{Entry, JsonLines};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        std::fs::remove_dir_all(&path).expect("the last run's folder goes");
    }
    path
}

/// Appends to a file.
fn append(path: &Path, bytes: &[u8]) {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(bytes))
        .expect("written");
}

struct Files {
    folder: PathBuf,
    /// Bytes of the books already added up.
    read: usize,
    users: HashMap<UserId, UserDelta>,
    history: HashMap<(UserId, TorrentId), HistoryDelta>,
    torrents: HashMap<TorrentId, TorrentDelta>,
    peers: HashMap<SessionKey, PeerRow>,
    events: Vec<EventRow>,
}

impl Files {
    /// Adds up what has been written since the last time.
    fn catch_up(&mut self) {
        let books = std::fs::read(self.folder.join("books.jsonl")).expect("books");
        for line in books[self.read..].split_inclusive(|byte| *byte == b'\n') {
            let entry: Entry = serde_json::from_slice(line).expect("a line of the books");
            self.add(entry.batch);
        }
        self.read = books.len();
    }

    fn add(&mut self, batch: Commit) {
        for row in batch.users {
            let sum = self.users.entry(row.user).or_default();
            sum.user = row.user;
            sum.credited = sum.credited.plus(row.credited);
            sum.raw = sum.raw.plus(row.raw);
        }
        for row in batch.history {
            let sum = self.history.entry((row.user, row.torrent));
            let sum = sum.or_insert_with(|| HistoryDelta {
                started: row.started,
                ..HistoryDelta::default()
            });
            *sum = HistoryDelta {
                credited: sum.credited.plus(row.credited),
                raw: sum.raw.plus(row.raw),
                seed_seconds: sum.seed_seconds + row.seed_seconds,
                leech_seconds: sum.leech_seconds + row.leech_seconds,
                announces: sum.announces + row.announces,
                snatches: sum.snatches + row.snatches,
                started: sum.started,
                completed: sum.completed.or(row.completed),
                ..row
            };
        }
        for row in batch.torrents {
            let sum = self.torrents.entry(row.torrent).or_default();
            *sum = TorrentDelta {
                snatches: sum.snatches + row.snatches,
                balance: sum.balance + row.balance,
                last_seeded: sum.last_seeded.max(row.last_seeded),
                ..row
            };
        }
        let peers = batch.peers.into_iter().map(|row| (row.key, row));
        self.peers.extend(peers);
        for key in batch.forgotten {
            self.peers.remove(&key);
        }
        self.events.extend(batch.events);
    }
}

impl Site for Files {
    fn open(&mut self) -> Box<dyn Storage> {
        Box::new(JsonLines::open(&self.folder).expect("a folder"))
    }

    fn application(&mut self) -> Option<&mut dyn Application> {
        Some(self)
    }

    fn books(&mut self) -> Option<&mut dyn Books> {
        self.catch_up();
        Some(self)
    }
}

impl Application for Files {
    fn change(&mut self, change: &Change) {
        let line = format!("{}\n", line_of(change));
        append(&self.folder.join("directory.jsonl"), line.as_bytes());
    }
}

/// How a web application would write it.
fn line_of(change: &Change) -> Value {
    let with = |mut value: Value, multipliers: &Multipliers| {
        value["up_percent"] = multipliers.up_percent.into();
        value["down_percent"] = multipliers.down_percent.into();
        value
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let id = |id: &Option<UserId>| id.map(|id| id.0);
    let torrent_id = |id: &Option<TorrentId>| id.map(|id| id.0);
    let seconds = |until: &Option<UnixTime>| until.map(|until| until.0);
    match change {
        Change::User(user) => {
            let passkey = text(user.passkey.as_bytes());
            let value = json!({"id": user.id.0, "passkey": passkey, "enabled": user.enabled,
                "can_leech": user.can_leech, "hide_ip": user.hide_ip, "slots": user.slots});
            json!({"user": with(value, &user.multipliers)})
        }
        Change::UserGone(id) => json!({"user_gone": id.0}),
        Change::Torrent(torrent) => {
            let hash = format!("{:?}", torrent.info_hash);
            let mut value = json!({"id": torrent.id.0, "info_hash": hash});
            match &torrent.status {
                TorrentStatus::Registered => {}
                TorrentStatus::Unapproved => value["unapproved"] = true.into(),
                TorrentStatus::Deleted(reason) => value["deleted"] = (**reason).into(),
            }
            json!({"torrent": with(value, &torrent.multipliers)})
        }
        Change::TorrentGone(id) => json!({"torrent_gone": id.0}),
        Change::Client(client) => {
            json!({"client": {"prefix": text(&client.prefix), "allow": client.allow}})
        }
        Change::ClientGone(prefix) => json!({"client_gone": text(prefix)}),
        Change::Token(token) => {
            let value = json!({"user": id(&token.user), "torrent": torrent_id(&token.torrent),
                "until": seconds(&token.until)});
            json!({"token": with(value, &token.multipliers)})
        }
        Change::TokenGone { user, torrent } => {
            json!({"token_gone": {"user": id(user), "torrent": torrent_id(torrent)}})
        }
        Change::Global(global) => {
            let value = json!({"until": seconds(&global.until)});
            json!({"everybody": with(value, &global.multipliers)})
        }
    }
}

impl Books for Files {
    fn user(&mut self, user: UserId) -> Option<UserDelta> {
        // Who has not moved anything has no line.
        let nothing = UserDelta {
            user,
            ..UserDelta::default()
        };
        Some(self.users.get(&user).cloned().unwrap_or(nothing))
    }

    fn history(&mut self, user: UserId, torrent: TorrentId) -> Option<HistoryDelta> {
        self.history.get(&(user, torrent)).cloned()
    }

    fn torrent(&mut self, torrent: TorrentId) -> Option<TorrentDelta> {
        self.torrents.get(&torrent).cloned()
    }

    fn peer(&mut self, key: &SessionKey) -> Option<PeerRow> {
        self.peers.get(key).cloned()
    }

    fn events(&mut self, key: &SessionKey) -> Vec<EventRow> {
        let of_session = self.events.iter().filter(|event| event.key == *key);
        of_session.cloned().collect()
    }
}

#[test]
fn the_example_keeps_to_the_suite() {
    conformance::run(&mut Files {
        folder: folder("custom-storage-suite"),
        read: 0,
        users: HashMap::new(),
        history: HashMap::new(),
        torrents: HashMap::new(),
        peers: HashMap::new(),
        events: Vec::new(),
    });
}

#[test]
fn a_torn_line_is_none() {
    let folder = folder("custom-storage-torn");
    let batch = |from, to| Commit {
        from,
        to,
        ..Commit::default()
    };
    let mut storage = JsonLines::open(&folder).expect("a folder");
    storage.commit("w", &batch(0, 5)).expect("written");
    drop(storage);
    append(
        &folder.join("books.jsonl"),
        br#"{"writer":"w","batch":{"from":5,"to"#,
    );
    append(
        &folder.join("directory.jsonl"),
        b"{\"user_gone\": 1}\n{\"user_go",
    );
    let mut storage = JsonLines::open(&folder).expect("a folder");
    assert_eq!(storage.position("w").expect("a position"), 5);
    storage.commit("w", &batch(5, 9)).expect("written");
    let mut changes = Vec::new();
    let cursor = storage
        .load(None, &mut |change| changes.push(change))
        .expect("a load");
    append(&folder.join("directory.jsonl"), b"ne\": 2}\n");
    storage
        .load(Some(cursor), &mut |change| changes.push(change))
        .expect("a load");
    let gone = [1, 2].map(|id| Change::UserGone(UserId(id)));
    assert_eq!(changes, gone);
    drop(storage);
    let mut storage = JsonLines::open(&folder).expect("a folder");
    assert_eq!(storage.position("w").expect("a position"), 9);
}

/// The example as cargo has built it, with the tests or now.
fn example() -> PathBuf {
    let deps = std::env::current_exe().expect("the path of this test");
    let target = deps.ancestors().nth(2).expect("a folder of builds");
    let path = target.join("examples/custom_storage");
    if !path.exists() {
        let mut cargo = Command::new(env!("CARGO"));
        let build = cargo.args(["build", "--quiet", "--example", "custom_storage"]);
        assert!(build.status().expect("cargo runs").success());
    }
    path
}

#[test]
fn the_example_runs_a_tracker() {
    let folder = folder("custom-storage-runs");
    std::fs::create_dir_all(folder.join("site")).expect("a folder");
    let passkey = "0123456789abcdef0123456789abcdef";
    let hash = http::hash('a')
        .bytes()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let lines = format!(
        "{}\n{}\n",
        json!({"user": {"id": 7, "passkey": passkey}}),
        json!({"torrent": {"id": 5, "info_hash": hash}})
    );
    append(&folder.join("site/directory.jsonl"), lines.as_bytes());
    let config = json!({
        "tracker": "private",
        "network": {"udp": [], "http": ["127.0.0.1:0"]},
        "storage": {"driver": "jsonl", "path": folder.join("site")},
        "journal": {"path": folder.join("journal")},
    });
    let file = folder.join("config.json");
    std::fs::write(&file, config.to_string()).expect("written");
    let mut command = Command::new(example());
    let mut running = Running::spawn(command.arg(&file).env("RUST_LOG", "info"));
    let tracker = running.listening(1)[0].1;
    for uploaded in [0, 1234] {
        let target = http::announce('a', 6881, 0);
        let target = format!("/{passkey}{target}&uploaded={uploaded}&downloaded=0");
        assert_eq!(http::get(tracker, &target).announced().complete, 1);
    }
    let refused = http::get(tracker, &http::announce('a', 6881, 0));
    assert_eq!(refused.failure(), "passkey required");
    let (status, said) = running.end_by("-TERM");
    assert!(status.success(), "{said:?}");
    let books = std::fs::read_to_string(folder.join("site/books.jsonl")).expect("books");
    let lines = books
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    let uploaded: u64 = lines
        .flat_map(|line: Value| {
            let users = line["batch"]["users"].as_array().cloned();
            users.unwrap_or_default()
        })
        .map(|user| {
            assert_eq!(user["user"], 7);
            user["credited"]["uploaded"].as_u64().expect("a number")
        })
        .sum();
    assert_eq!(uploaded, 1234, "{books}");
}
