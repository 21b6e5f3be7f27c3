//! Many at once.

use crate::call::{Manager, WRITER, managed, request, section, torrent};
use crate::client::seed;
use crate::common::V4;
use crate::common::http::Connection;
use crate::site::Site;
use std::thread;

#[test]
fn thousands_of_idle_connections_are_in_nobodys_way() {
    let site = Site::new("admin-idle")
        .with_rare_visits()
        .with(&section(r#""max_connections": 3000,"#));
    site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    let mut idle: Vec<Connection> = (0..2500)
        .map(|_| Connection::open(tracker.admin[V4]))
        .collect();
    let mut manager = Manager::of(&tracker);
    let connections = || {
        let stats = Manager::of(&tracker).get("/stats").good();
        stats["admin"]["connections"].as_u64().expect("a number")
    };
    crate::common::eventually("all are accepted", || connections() > 2500);
    for round in 0..100 {
        let percent = format!(r#"{{"up_percent": {round}}}"#);
        manager.put(&torrent('a'), &percent).good();
        seed("alice", 1).served(&tracker);
    }
    // None of them was closed for it.
    for client in idle.iter_mut().step_by(100) {
        client.send(request(WRITER, "GET /options", None));
        assert_eq!(client.answer().status, 200);
    }
}

#[test]
fn many_managers_at_once_do_not_get_each_others_answers() {
    const MANAGERS: u64 = 16;
    const USERS: u64 = 50;

    let site = managed("many");
    let tracker = site.start();
    thread::scope(|scope| {
        for number in 0..MANAGERS {
            let tracker = &tracker;
            scope.spawn(move || {
                let mut manager = Manager::of(tracker);
                for user in 0..USERS {
                    let id = 1 + number * USERS + user;
                    let passkey = format!("{{\"passkey\": \"key-{id}\"}}");
                    let told = manager.put(&format!("/users/{id}"), &passkey);
                    assert_eq!((told.status, told.json["id"].as_u64()), (201, Some(id)));
                    let told = manager.get(&format!("/users/key-{id}"));
                    assert_eq!(told.json["id"].as_u64(), Some(id));
                }
            });
        }
    });
    let count = site.value::<i64>("SELECT count(*) FROM tracker_users");
    assert_eq!(count, (MANAGERS * USERS) as i64);
}
