use super::*;
use chihaya::model::{TorrentId, Transfer, UserId};
use chihaya::storage::{
    Change, Commit, Cursor, Edit, EditError, NoStorage, Placed, Storage, TorrentEntry, UserEntry,
    Wanted,
};
use std::sync::{Arc, Mutex};

const V1: &str = "d4:infod6:lengthi5e4:name5:hello12:piece lengthi16384e\
    6:pieces20:AAAAAAAAAAAAAAAAAAAA7:privatei1eee";
const V1_HASH: &str = "2aec76c9db65e8e5f63a7a2334dd5152cbdfce38";
const HYBRID: &str = "d4:infod9:file treed5:hellod0:d6:lengthi5e11:pieces root\
    32:RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRReee6:lengthi5e\
    12:meta versioni2e4:name5:hello12:piece lengthi16384e6:pieces20:AAAAAAAAAAAAAAAAAAAAee";
const HYBRID_HASH: &str = "0cb6cbc43262c36eddb329fd39c04a06701a7e9d";
const HYBRID_SECOND: &str = "83318f935379fffa6e884418833123c3199ae78c";

/// A storage with a directory and nothing else.
#[derive(Clone, Default)]
struct Site(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    users: Vec<UserEntry>,
    torrents: Vec<TorrentEntry>,
    away: bool,
}

impl Storage for Site {
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

impl Directory for Site {
    fn edit(&mut self, _: &[Edit]) -> Result<Vec<Result<Placed, EditError>>, StorageError> {
        Err(StorageError::Retry("nothing is pushed here".to_owned()))
    }

    fn stands(&mut self, _: &Edit, _: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        Err(StorageError::Retry("nothing is pushed here".to_owned()))
    }

    fn add_user(&mut self, name: &str, passkey: &Passkey) -> Result<UserId, StorageError> {
        let users = &mut self.0.lock().expect("entries").users;
        if users.iter().any(|user| user.name == name) {
            return Err(StorageError::Refused(format!("there is a user {name:?}")));
        }
        let id = UserId(users.len() as u64 + 1);
        users.push(UserEntry {
            id,
            name: name.to_owned(),
            passkey: String::from_utf8_lossy(passkey.as_bytes()).into_owned(),
            enabled: true,
            credited: Transfer::default(),
        });
        Ok(id)
    }

    fn add_torrent(&mut self, name: &str, info_hash: InfoHash) -> Result<TorrentId, StorageError> {
        let entries = &mut self.0.lock().expect("entries");
        if entries.away {
            return Err(StorageError::Retry("locked".to_owned()));
        }
        let torrents = &mut entries.torrents;
        if torrents
            .iter()
            .any(|torrent| torrent.info_hash == info_hash)
        {
            return Err(StorageError::Refused("it is there already".to_owned()));
        }
        let id = TorrentId(torrents.len() as u64 + 1);
        torrents.push(TorrentEntry {
            id,
            name: name.to_owned(),
            info_hash,
            seeders: 0,
            leechers: 0,
            snatches: 0,
        });
        Ok(id)
    }

    fn users(&mut self, show: &mut dyn FnMut(&UserEntry)) -> Result<(), StorageError> {
        self.0.lock().expect("entries").users.iter().for_each(show);
        Ok(())
    }

    fn torrents(&mut self, show: &mut dyn FnMut(&TorrentEntry)) -> Result<(), StorageError> {
        let entries = self.0.lock().expect("entries");
        entries.torrents.iter().for_each(show);
        Ok(())
    }
}

/// Runs a command against this site: the end, what it wrote, what it told.
fn on(site: &Site, command: &DirectoryCommand) -> (Result<(), Failure>, String, String) {
    let site = site.clone();
    let drivers = Drivers::builtin().with_storage("site", move |_| Ok(Box::new(site.clone())));
    let config = Config::from_json(r#"{"storage": {"driver": "site"}}"#).expect("good");
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut streams = Streams {
        out: &mut out,
        err: &mut err,
    };
    let done = run(command, &config, &drivers, &mut streams);
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (done, text(out), text(err))
}

/// A file of this test.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let name = format!("chihaya-directory-{}-{name}", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, bytes).expect("written");
    path
}

#[test]
fn a_user_is_registered_once() {
    let site = Site::default();
    let add = |name: &str| on(&site, &DirectoryCommand::AddUser(name.to_owned()));
    let (done, out, err) = add("alice");
    assert!(done.is_ok() && err.is_empty(), "{err}");
    let passkey = site.0.lock().expect("entries").users[0].passkey.clone();
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
    let failure = format!("{:?}", done.expect_err("refused"));
    assert!(failure.contains("there is a user") && out.is_empty());
    let site = site.0.lock().expect("entries");
    assert_ne!(site.users[0].passkey, site.users[1].passkey);
}

#[test]
fn users_are_listed() {
    let site = Site::default();
    let user = |id, name: &str, enabled, uploaded, downloaded| UserEntry {
        id: UserId(id),
        name: name.to_owned(),
        passkey: format!("secret{id}"),
        enabled,
        credited: Transfer {
            uploaded,
            downloaded,
        },
    };
    site.0.lock().expect("entries").users = vec![
        user(7, "alice", true, 3 << 29, 0),
        user(12, "b\u{1b}[31mob", false, 1023, u64::MAX),
    ];
    let list = |passkeys, bytes| {
        let columns = UserColumns { passkeys, bytes };
        on(&site, &DirectoryCommand::ListUsers(columns)).1
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
fn torrents_are_registered_and_listed() {
    let site = Site::default();
    let files = vec![
        file("v1.torrent", V1.as_bytes()),
        file("hybrid.torrent", HYBRID.as_bytes()),
    ];
    let (done, out, err) = on(&site, &DirectoryCommand::AddTorrents(files.clone()));
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
    let (done, out, _) = on(&site, &DirectoryCommand::ListTorrents);
    assert!(done.is_ok());
    let lines: Vec<Vec<&str>> = out
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[1], ["1", V1_HASH, "0", "0", "0", "hello"]);
    assert_eq!(lines[2], ["2", HYBRID_HASH, "0", "0", "0", "hello"]);
    files
        .iter()
        .for_each(|file| std::fs::remove_file(file).expect("removed"));
}

#[test]
fn a_bad_file_does_not_keep_others_out() {
    let site = Site::default();
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
    let (done, out, err) = on(&site, &DirectoryCommand::AddTorrents(files));
    let failure = format!("{:?}", done.expect_err("some are bad"));
    assert!(
        failure.contains("4 of 5 torrents not registered"),
        "{failure}"
    );
    assert_eq!(out.lines().next(), Some("torrent 1 hello"));
    let told: Vec<&str> = err.lines().collect();
    for (line, said) in told.iter().zip([
        "page.torrent: not a torrent file",
        "cut.torrent: the file is cut short",
        "x.torrent: No such file",
        "good.torrent: storage: it is there already",
    ]) {
        assert!(line.contains(said), "{said}: {err}");
    }
    assert_eq!(told.len(), 4, "{err}");
    [good, page, cut]
        .iter()
        .for_each(|file| std::fs::remove_file(file).expect("removed"));
}

#[test]
fn a_storage_that_is_away_ends_it() {
    let site = Site::default();
    site.0.lock().expect("entries").away = true;
    let good = file("away.torrent", V1.as_bytes());
    let files = vec![good.clone(), good.clone()];
    let (done, out, err) = on(&site, &DirectoryCommand::AddTorrents(files));
    let failure = format!("{:?}", done.expect_err("it is away"));
    assert!(failure.contains("locked"), "{failure}");
    assert_eq!((out.as_str(), err.as_str()), ("", ""));
    std::fs::remove_file(good).expect("removed");
}

#[test]
fn a_passkey_that_nobody_sees_is_told() {
    let site = Site::default();
    let mut full = std::io::Cursor::new([0; 8]);
    let mut err = Vec::new();
    let mut streams = Streams {
        out: &mut full,
        err: &mut err,
    };
    let drivers = Drivers::builtin().with_storage("sqlite", move |_| Ok(Box::new(site.clone())));
    let command = DirectoryCommand::AddUser("alice".to_owned());
    let done = run(&command, &Config::default(), &drivers, &mut streams);
    let failure = format!("{:?}", done.expect_err("there is no room"));
    assert!(failure.contains("user 1 is registered"), "{failure}");
}
