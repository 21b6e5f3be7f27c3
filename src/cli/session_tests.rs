use super::*;
use crate::cli::command::UserColumns;
use chihaya::model::{Multipliers, Transfer};
use chihaya::storage::{
    Change, Commit, Cursor, Directory, EditError, Entry, NoStorage, Placed, Storage, StorageError,
    TorrentEntry, TorrentStatus, UserEntry, Wanted,
};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

const V1: &str = "d4:infod6:lengthi5e4:name5:hello12:piece lengthi16384e\
    6:pieces20:AAAAAAAAAAAAAAAAAAAA7:privatei1eee";
const V1_HASH: &str = "2aec76c9db65e8e5f63a7a2334dd5152cbdfce38";
const HYBRID: &str = "d4:infod9:file treed5:hellod0:d6:lengthi5e11:pieces root\
    32:RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRReee6:lengthi5e\
    12:meta versioni2e4:name5:hello12:piece lengthi16384e6:pieces20:AAAAAAAAAAAAAAAAAAAAee";
const HYBRID_HASH: &str = "0cb6cbc43262c36eddb329fd39c04a06701a7e9d";
const HYBRID_SECOND: &str = "83318f935379fffa6e884418833123c3199ae78c";

/// A storage with a directory and nothing else, which takes users and torrents.
#[derive(Clone, Default)]
struct Books(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    users: Vec<UserEntry>,
    torrents: Vec<TorrentEntry>,
    away: bool,
}

impl Storage for Books {
    fn load(
        &mut self,
        since: Option<Cursor>,
        to: &mut dyn FnMut(Change),
    ) -> Result<Cursor, StorageError> {
        NoStorage::default().load(since, to)
    }

    fn find(&mut self, wanted: &Wanted, to: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        NoStorage::default().find(wanted, to)
    }

    fn position(&mut self, writer: &str) -> Result<u64, StorageError> {
        NoStorage::default().position(writer)
    }

    fn commit(&mut self, writer: &str, batch: &Commit) -> Result<(), StorageError> {
        NoStorage::default().commit(writer, batch)
    }

    fn directory(&mut self) -> Option<&mut dyn Directory> {
        Some(self)
    }
}

fn user_entry(id: u64, name: &str, passkey: &str) -> UserEntry {
    UserEntry {
        id: UserId(id),
        name: name.to_owned(),
        passkey: passkey.to_owned(),
        enabled: true,
        can_leech: true,
        hide_ip: false,
        slots: None,
        multipliers: Multipliers::EVEN,
        credited: Transfer::default(),
    }
}

impl Entries {
    fn make(&mut self, edit: &Edit) -> Result<Placed, EditError> {
        let id = match edit {
            Edit::User(user) => {
                let UserName::Passkey(passkey) = user.who else {
                    return Err(EditError::NotFound);
                };
                let id = self.users.len() as u64 + 1;
                let passkey = String::from_utf8_lossy(passkey.as_bytes()).into_owned();
                let name = user.name.as_deref().unwrap_or_default();
                self.users.push(user_entry(id, name, &passkey));
                id
            }
            Edit::Torrent(torrent) => {
                let TorrentName::InfoHash(info_hash) = torrent.which else {
                    return Err(EditError::NotFound);
                };
                let next = self.torrents.len() as u64 + 1;
                let id = torrent.id.map_or(next, |id| id.0);
                self.torrents.push(TorrentEntry {
                    id: TorrentId(id),
                    name: torrent.name.as_deref().unwrap_or_default().to_owned(),
                    info_hash,
                    status: TorrentStatus::Registered,
                    multipliers: Multipliers::EVEN,
                    seeders: 0,
                    leechers: 0,
                    snatches: 0,
                });
                id
            }
            _ => return Err(EditError::Conflict("nothing else is taken")),
        };
        Ok(Placed {
            id: Some(id),
            created: true,
        })
    }

    fn users(&self, which: impl Fn(&UserEntry) -> bool) -> Vec<Entry> {
        let users = self.users.iter().filter(|user| which(user));
        users.cloned().map(Entry::User).collect()
    }

    fn torrents(&self, which: impl Fn(&TorrentEntry) -> bool) -> Vec<Entry> {
        let torrents = self.torrents.iter().filter(|torrent| which(torrent));
        torrents.cloned().map(Entry::Torrent).collect()
    }

    fn list(&self, listing: &Listing) -> Vec<Entry> {
        match listing {
            Listing::Users(after) => self.users(|user| Some(user.id) > *after),
            Listing::UsersNamed(name, _) => self.users(|user| user.name == **name),
            Listing::User(UserName::Id(id)) => self.users(|user| user.id == *id),
            Listing::User(UserName::Passkey(key)) => {
                self.users(|user| user.passkey.as_bytes() == key.as_bytes())
            }
            Listing::Torrents(after) => self.torrents(|torrent| Some(torrent.id) > *after),
            Listing::TorrentsNamed(name, _) => self.torrents(|torrent| torrent.name == **name),
            Listing::Torrent(TorrentName::Id(id)) => self.torrents(|torrent| torrent.id == *id),
            Listing::Torrent(TorrentName::InfoHash(hash)) => {
                self.torrents(|torrent| torrent.info_hash == *hash)
            }
            Listing::Clients(_) | Listing::Tokens(_) => Vec::new(),
        }
    }
}

impl Directory for Books {
    fn edit(&mut self, edits: &[Edit]) -> Result<Vec<Result<Placed, EditError>>, StorageError> {
        let mut entries = self.0.lock().expect("entries");
        match entries.away {
            true => Err(StorageError::Retry("locked".to_owned())),
            false => Ok(edits.iter().map(|edit| entries.make(edit)).collect()),
        }
    }

    fn stands(&mut self, _: &Edit, _: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        Ok(())
    }

    fn list(
        &mut self,
        listing: &Listing,
        most: usize,
        to: &mut dyn FnMut(Entry),
    ) -> Result<(), StorageError> {
        let entries = self.0.lock().expect("entries").list(listing);
        entries.into_iter().take(most).for_each(to);
        Ok(())
    }
}

/// Runs a command against this site: the end, what it wrote, what it told.
fn on(books: &Books, command: &SiteCommand) -> (Result<(), Failure>, String, String) {
    on_with(books, command, false)
}

fn on_with(
    books: &Books,
    command: &SiteCommand,
    json: bool,
) -> (Result<(), Failure>, String, String) {
    let books = books.clone();
    let drivers = Drivers::builtin().with_storage("books", move |_| Ok(Box::new(books.clone())));
    let config = Config::from_json(r#"{"storage": {"driver": "books"}}"#).expect("good");
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut streams = Streams {
        out: &mut out,
        err: &mut err,
    };
    let done = run(command, json, (&config, &drivers), &mut streams);
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (done, text(out), text(err))
}

fn failure(done: Result<(), Failure>) -> String {
    format!("{:?}", done.expect_err("it fails"))
}

/// A file of this test.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let name = format!("chihaya-session-{}-{name}", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, bytes).expect("written");
    path
}

fn remove(files: &[PathBuf]) {
    files
        .iter()
        .for_each(|file| std::fs::remove_file(file).expect("removed"));
}

#[test]
fn a_user_is_registered_once() {
    let books = Books::default();
    let add = |name: &str| on(&books, &SiteCommand::AddUser(name.to_owned()));
    let (done, out, err) = add("alice");
    assert!(done.is_ok() && err.is_empty(), "{err}");
    let passkey = books.0.lock().expect("entries").users[0].passkey.clone();
    let digits = passkey
        .bytes()
        .all(|digit| b"0123456789abcdef".contains(&digit));
    assert!(passkey.len() == 32 && digits, "{passkey}");
    let expected = format!(
        "user 1 alice\npasskey {passkey}\nannounce http://HOST:6969/{passkey}/announce\n\
         announce udp://HOST:6969/{passkey}/announce\n"
    );
    assert_eq!(out, expected);
    assert!(add("bob").1.starts_with("user 2 bob\n"));
    let (done, out, _) = add("alice");
    assert!(failure(done).contains("there is a user") && out.is_empty());
    let books = books.0.lock().expect("entries");
    assert_ne!(books.users[0].passkey, books.users[1].passkey);
}

#[test]
fn users_are_listed() {
    let books = Books::default();
    let user = |id, name: &str, enabled, uploaded, downloaded| UserEntry {
        enabled,
        credited: Transfer {
            uploaded,
            downloaded,
        },
        ..user_entry(id, name, &format!("secret{id}"))
    };
    books.0.lock().expect("entries").users = vec![
        user(7, "alice", true, 3 << 29, 0),
        user(12, "b\u{1b}[31mob", false, 1023, u64::MAX),
    ];
    let list = |passkeys, bytes| {
        let columns = UserColumns { passkeys, bytes };
        on(&books, &SiteCommand::ListUsers(columns)).1
    };
    assert_eq!(
        list(false, false),
        "ID  ENABLED  UPLOADED  DOWNLOADED  NAME\n \
         7  yes        1.5GiB          0B  alice\n\
         12  no          1023B     15.9EiB  b\\u{1b}[31mob\n"
    );
    let all = list(true, true);
    for part in [
        " PASSKEY ",
        " secret7 ",
        " 1610612736 ",
        " 18446744073709551615 ",
    ] {
        assert!(all.contains(part), "{part} in\n{all}");
    }
}

#[test]
fn long_lists_come_in_parts_with_one_heading() {
    let books = Books::default();
    let count = 2 * super::super::site::PART as u64 + 500;
    let users = (1..=count).map(|id| user_entry(id, &format!("user{id}"), &format!("key{id}")));
    books.0.lock().expect("entries").users = users.collect();
    let command = SiteCommand::ListUsers(UserColumns::default());
    let (done, out, _) = on(&books, &command);
    assert!(done.is_ok());
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len() as u64, count + 1);
    assert!(lines[0].trim_start().starts_with("ID  "));
    for (line, id) in lines[1..].iter().zip(1u64..) {
        assert!(line.ends_with(&format!("  user{id}")), "{line}");
    }
    let (done, out, _) = on_with(&books, &command, true);
    assert!(done.is_ok() && !out.contains("key1"));
    let json: Value = serde_json::from_str(&out).expect("one document");
    let listed = json["users"].as_array().expect("a list");
    assert_eq!(listed.len() as u64, count);
    assert_eq!(listed[1000]["id"], 1001);
}

#[test]
fn an_empty_list_is_one() {
    for (command, name) in [
        (SiteCommand::ListUsers(UserColumns::default()), "users"),
        (SiteCommand::ListTorrents, "torrents"),
        (SiteCommand::ListClients, "clients"),
        (SiteCommand::ListTokens, "tokens"),
    ] {
        let (done, out, _) = on_with(&Books::default(), &command, true);
        assert!(done.is_ok());
        let json: Value = serde_json::from_str(&out).expect("one document");
        assert_eq!(json, serde_json::json!({ name: [] }));
        assert_eq!(on(&Books::default(), &command).1.lines().count(), 1);
    }
}

#[test]
fn who_is_meant_must_be_clear() {
    let books = Books::default();
    books.0.lock().expect("entries").users = vec![
        user_entry(1, "alice", "a1"),
        user_entry(2, "bob", "b2"),
        user_entry(3, "bob", "alice"),
        user_entry(4, "5", "c3"),
        user_entry(5, "eve", "eve"),
    ];
    let either = |text: &str| Name::Either(text.to_owned());
    for (name, expected) in [
        (Name::Id(4), "user 4 5\n"),
        (Name::Text("5".to_owned()), "user 4 5\n"),
        (Name::Text("alice".to_owned()), "user 1 alice\n"),
        (Name::Key("alice".to_owned()), "user 3 bob\n"),
        (either("a1"), "user 1 alice\n"),
        // Passkey and name of the same user.
        (either("eve"), "user 5 eve\n"),
    ] {
        let show = SiteCommand::ShowUser(name.clone(), UserColumns::default());
        let (done, out, _) = on(&books, &show);
        assert!(done.is_ok() && out.starts_with(expected), "{name}: {out}");
        assert!(!out.contains("passkey"), "{out}");
    }
    for (name, expected) in [
        (either("alice"), "numbers 3, 1: say which"),
        (either("bob"), "numbers 2, 3: say which"),
        (either("carol"), "there is no user carol"),
        (Name::Id(6), "there is no user 6"),
        (Name::Key("x".repeat(65)), "there is no user"),
        (either("\u{1b}[2J"), "no user \\u{1b}[2J"),
    ] {
        let show = SiteCommand::ShowUser(name, UserColumns::default());
        let failure = failure(on(&books, &show).0);
        // Quoted, as it is shown here.
        let failure = failure.replace("\\\\", "\\");
        assert!(failure.contains(expected), "{failure}");
    }
}

#[test]
fn torrents_are_registered_and_listed() {
    let books = Books::default();
    let files = vec![
        file("v1.torrent", V1.as_bytes()),
        file("hybrid.torrent", HYBRID.as_bytes()),
    ];
    let (done, out, err) = on(&books, &SiteCommand::AddTorrents(files.clone(), None));
    assert!(done.is_ok(), "{err}");
    let expected = format!(
        "torrent 1 hello\ninfo hash {V1_HASH}\ntorrent 2 hello\ninfo hash {HYBRID_HASH}\n\
         announce http://HOST:6969/PASSKEY/announce\nannounce udp://HOST:6969/PASSKEY/announce\n"
    );
    assert_eq!(out, expected);
    // The first is private and has one hash: nothing is to be said of it.
    let told: Vec<&str> = err.lines().collect();
    assert_eq!(told.len(), 2, "{err}");
    assert!(
        told.iter().all(|line| line.contains("hybrid.torrent")),
        "{err}"
    );
    assert!(told[0].contains("not marked private"), "{err}");
    assert!(told[1].contains(HYBRID_SECOND), "{err}");
    let (done, out, _) = on(&books, &SiteCommand::ListTorrents);
    assert!(done.is_ok());
    let lines: Vec<Vec<&str>> = out
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let rest = ["0", "0", "0", "registered", "hello"];
    assert_eq!(lines[1], [&["1", V1_HASH][..], &rest].concat());
    assert_eq!(lines[2], [&["2", HYBRID_HASH][..], &rest].concat());
    remove(&files);
}

#[test]
fn a_torrent_gets_the_number_that_is_said() {
    let books = Books::default();
    let files = vec![file("number.torrent", V1.as_bytes())];
    let (done, out, _) = on(&books, &SiteCommand::AddTorrents(files.clone(), Some(77)));
    assert!(
        done.is_ok() && out.starts_with("torrent 77 hello\n"),
        "{out}"
    );
    remove(&files);
}

#[test]
fn a_bad_file_does_not_keep_others_out() {
    let books = Books::default();
    let good = file("good.torrent", V1.as_bytes());
    let page = file("page.torrent", b"<html>");
    let cut = file("cut.torrent", &V1.as_bytes()[..V1.len() - 1]);
    let missing = PathBuf::from("/nonexistent/x.torrent");
    let files = vec![
        page.clone(),
        cut.clone(),
        missing,
        good.clone(),
        good.clone(),
    ];
    let add = SiteCommand::AddTorrents(files, None);
    let (done, out, err) = on(&books, &add);
    let said = failure(done);
    assert!(said.contains("4 of 5 torrents not registered"), "{said}");
    assert_eq!(out.lines().next(), Some("torrent 1 hello"));
    let told: Vec<&str> = err.lines().collect();
    for (line, said) in told.iter().zip([
        "page.torrent: not a torrent file",
        "cut.torrent: the file is cut short",
        "x.torrent: No such file",
        "good.torrent: the torrent is there already",
    ]) {
        assert!(line.contains(said), "{said}: {err}");
    }
    assert_eq!(told.len(), 4, "{err}");
    // Once more: it is not registered anew.
    let (done, out, _) = on_with(&books, &add, true);
    assert!(failure(done).contains("5 of 5"));
    let json: Value = serde_json::from_str(&out).expect("one document");
    assert_eq!(json["torrents"], serde_json::json!([]));
    assert_eq!(json["failed"].as_array().map(Vec::len), Some(5));
    remove(&[good, page, cut]);
}

#[test]
fn a_storage_that_is_away_ends_it() {
    let books = Books::default();
    books.0.lock().expect("entries").away = true;
    let good = file("away.torrent", V1.as_bytes());
    let add = SiteCommand::AddTorrents(vec![good.clone()], None);
    let (done, out, err) = on(&books, &add);
    assert!(failure(done).contains("locked"));
    assert_eq!((out.as_str(), err.as_str()), ("", ""));
    remove(&[good]);
}

#[test]
fn a_passkey_that_nobody_sees_is_told() {
    let books = Books::default();
    let mut full = std::io::Cursor::new([0; 8]);
    let mut err = Vec::new();
    let mut streams = Streams {
        out: &mut full,
        err: &mut err,
    };
    let drivers = Drivers::builtin().with_storage("sqlite", move |_| Ok(Box::new(books.clone())));
    let command = SiteCommand::AddUser("alice".to_owned());
    let done = run(
        &command,
        false,
        (&Config::default(), &drivers),
        &mut streams,
    );
    assert!(failure(done).contains("user 1 is registered"));
}

#[test]
fn info_hashes_are_40_digits() {
    let hash = info_hash(&V1_HASH.to_uppercase()).expect("a hash");
    assert_eq!(hex(&hash.0), V1_HASH);
    for bad in ["", "2a", &V1_HASH[1..], &V1_HASH.replace('2', "x")] {
        assert_eq!(info_hash(bad), None, "{bad}");
    }
}
