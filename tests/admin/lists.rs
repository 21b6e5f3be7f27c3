//! Parts of the directory, as the storage has them; and changes of what is said alone.

use crate::call::{Manager, Told, hex, managed, request, section, torrent};
use crate::client::{leech, seed};
use crate::common::http::Connection;
use crate::common::{Tracker, V4};
use chihaya::Drivers;
use chihaya::storage::{
    Change, Commit, Cursor, Directory, Edit, EditError, Entry, Listing, NoStorage, Placed, Storage,
    StorageError, Wanted,
};
use serde_json::{Value, json};

/// Everything in a list, so many entries at a time.
fn all(manager: &mut Manager, name: &str, limit: usize) -> Vec<Value> {
    let mut entries = Vec::new();
    let mut after = String::new();
    loop {
        let told = manager.get(&format!("/{name}?limit={limit}{after}")).good();
        let part = told[name].as_array().expect("a list");
        assert!(part.len() <= limit, "{told}");
        entries.extend(part.iter().cloned());
        match told["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return entries,
        }
    }
}

fn ids(entries: &[Value]) -> Vec<u64> {
    let ids = entries.iter().filter_map(|entry| entry["id"].as_u64());
    ids.collect()
}

#[test]
fn everything_is_listed_part_by_part() {
    let site = managed("lists");
    for name in ["alice", "bob", "carol"] {
        site.user(name);
    }
    site.torrent('a');
    let tracker = site.start();
    let mut manager = Manager::of(&tracker);
    site.sql("UPDATE tracker_users SET uploaded = 5, name = 'bob' WHERE id = 3");
    for limit in [1, 2, 3, 1000] {
        let users = all(&mut manager, "users", limit);
        assert_eq!(ids(&users), [1, 2, 3], "{limit} at once");
        let carol = json!({
            "id": 3, "name": "bob", "enabled": true, "can_leech": true, "hide_ip": false,
            "slots": null, "up_percent": 100, "down_percent": 100, "uploaded": 5,
            "downloaded": 0,
        });
        assert_eq!(users[2], carol, "no passkey");
    }
    let bobs = manager.get("/users?name=bob").good();
    assert_eq!(ids(bobs["users"].as_array().expect("a list")), [2, 3]);
    let later = manager.get("/users?name=bob&after=2").good();
    assert_eq!(ids(later["users"].as_array().expect("a list")), [3]);
    let torrents = all(&mut manager, "torrents", 1);
    let shown = json!({
        "id": 1, "info_hash": hex('a'), "name": "a", "status": "registered", "up_percent": 100,
        "down_percent": 100, "seeders": 0, "leechers": 0, "snatches": 0,
    });
    assert_eq!(torrents, [shown]);
    let prefixes = ["%00%FF%20", "%252F", "-XX", "-XX0"];
    for prefix in prefixes {
        manager.put(&format!("/clients/{prefix}"), "{}").good();
    }
    let clients = all(&mut manager, "clients", 1);
    let listed: Vec<_> = clients
        .iter()
        .map(|client| client["prefix"].as_str().expect("a prefix"))
        .collect();
    assert_eq!(listed, prefixes);
    for path in [
        "/tokens/all/all",
        "/tokens/0/1",
        "/tokens/2/0",
        "/tokens/2/1",
    ] {
        manager.put(path, r#"{"down_percent": 0}"#).good();
    }
    let tokens = all(&mut manager, "tokens", 1);
    let listed: Vec<_> = tokens
        .iter()
        .map(|token| (token["user_id"].as_u64(), token["torrent_id"].as_u64()))
        .collect();
    let expected = [(0, 0), (0, 1), (2, 0), (2, 1)];
    assert_eq!(
        listed,
        expected.map(|(user, torrent)| (Some(user), Some(torrent)))
    );
}

#[test]
fn a_list_comes_after_the_changes_before_it() {
    let site = managed("lists-pipelined");
    let tracker = site.start();
    let mut connection = Connection::open(tracker.admin[V4]);
    let token = crate::call::WRITER;
    let put = request(token, "PUT /users/alice", Some(r#"{"name": "alice"}"#));
    let list = request(token, "GET /users", None);
    let gone = request(token, "DELETE /users/alice", None);
    connection.send([&*list, &put, &list, &gone, &list].concat());
    let mut told = || Told::of(&connection.answer()).good();
    let empty = json!({ "users": [], "next": null });
    assert_eq!(told(), empty);
    assert_eq!(told()["created"], true);
    assert_eq!(told()["users"][0]["name"], "alice");
    assert_eq!(told()["id"], 1);
    assert_eq!(told(), empty);
}

#[test]
fn what_is_not_said_stays() {
    let site = managed("lists-patch");
    site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    let mut manager = Manager::of(&tracker);
    let told = manager.ask("PATCH /users/alice", r#"{"can_leech": false}"#);
    assert_eq!(
        told.good(),
        json!({ "id": 1, "created": false, "stored": "written" })
    );
    leech("alice", 1).refused(&tracker, "downloading is disabled for this account", "60");
    manager.ask("PATCH /users/1", r#"{"slots": 3}"#).good();
    manager
        .ask("PATCH /users/1", r#"{"passkey": "eve"}"#)
        .good();
    manager.ask("PATCH /users/1", "{}").good();
    seed("alice", 1).refused(&tracker, "unknown passkey", "1");
    seed("eve", 1).served(&tracker);
    let alice = &all(&mut manager, "users", 9)[0];
    let fields = ["name", "can_leech", "slots"].map(|name| &alice[name]);
    assert_eq!(fields, [&json!("alice"), &json!(false), &json!(3)]);
    let path = format!("PATCH {}", torrent('a'));
    manager.ask(&path, r#"{"status": "unapproved"}"#).good();
    seed("eve", 1).refused(&tracker, "torrent not approved yet", "10");
    manager.ask(&path, r#"{"down_percent": 0}"#).good();
    let shown = manager.get(&torrent('a')).good();
    assert_eq!(
        [&shown["status"], &shown["down_percent"]],
        [&json!("unapproved"), &json!(0)]
    );
    for (line, body, status) in [
        ("PATCH /users/9", "{}", 404),
        ("PATCH /users/bob", r#"{"enabled": true}"#, 404),
        (&format!("PATCH {}", torrent('b')), "{}", 404),
        ("PATCH /users/1", r#"{"id": 1}"#, 400),
        ("PATCH /users/1", r#"{"passkey": "a b"}"#, 400),
        (&path, r#"{"reason": "dupe"}"#, 400),
    ] {
        manager.ask(line, body).error(status);
    }
    assert_eq!(all(&mut manager, "users", 9).len(), 1);
}

/// A storage whose directory nobody can write, or whose lists fail.
struct Odd {
    has_directory: bool,
}

impl Storage for Odd {
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

    fn commit(&mut self, _: &str, _: &Commit) -> Result<(), StorageError> {
        Ok(())
    }

    fn directory(&mut self) -> Option<&mut dyn Directory> {
        self.has_directory.then_some(self)
    }
}

impl Directory for Odd {
    fn edit(&mut self, _: &[Edit]) -> Result<Vec<Result<Placed, EditError>>, StorageError> {
        Err(StorageError::Retry("away".to_owned()))
    }

    fn stands(&mut self, _: &Edit, _: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        Err(StorageError::Retry("away".to_owned()))
    }

    fn list(
        &mut self,
        _: &Listing,
        _: usize,
        _: &mut dyn FnMut(Entry),
    ) -> Result<(), StorageError> {
        Err(StorageError::Retry("away".to_owned()))
    }
}

#[test]
fn storages_that_list_nothing() {
    for (name, has_directory, status, said) in [
        ("unreadable", false, 409, "the web application's"),
        ("away", true, 503, "the storage does not answer"),
    ] {
        let site = managed(&format!("lists-{name}"));
        let settings = site
            .settings()
            .replace("\"storage\": {", "\"storage\": {\"driver\": \"odd\", ");
        let drivers = Drivers::builtin();
        let drivers = drivers.with_storage("odd", move |_| Ok(Box::new(Odd { has_directory })));
        let tracker = Tracker::start_with(&settings, &drivers);
        let mut manager = Manager::of(&tracker);
        // The second time it is known already that it is away.
        for path in ["/users", "/torrents", "/clients", "/tokens"] {
            let told = manager.get(path);
            assert!(told.error(status).contains(said), "{name}: {told:?}");
        }
    }
}

#[test]
fn a_public_tracker_has_no_lists() {
    let tracker = Tracker::start(&format!("{{{}}}", section("")));
    let mut manager = Manager::of(&tracker);
    for line in ["GET /users", "GET /tokens", "PATCH /users/1"] {
        let body = if line.starts_with("PATCH") { "{}" } else { "" };
        let told = manager.ask(line, body);
        assert_eq!(told.error(409), "a public tracker has no directory");
    }
}
