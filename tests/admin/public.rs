//! What a public tracker tells, and what it has none of.

use crate::call::{Manager, section, torrent};
use crate::common::http::{announce, get};
use crate::common::{Tracker, V4, V6};

#[test]
fn swarms_and_numbers_and_no_directory() {
    let tracker = Tracker::start(&format!("{{{}}}", section("")));
    let mut manager = Manager::of(&tracker);
    get(tracker.http[V4], &announce('a', 2001, 0)).announced();
    get(tracker.http[V6], &announce('a', 2002, 5)).announced();
    let path = format!("{}/peers", torrent('a'));
    let told = manager.get(&path).good();
    let peers = told["peers"].as_array().expect("peers");
    let mut addresses: Vec<_> = peers
        .iter()
        .map(|peer| peer["addresses"][0].as_str().expect("an address"))
        .collect();
    addresses.sort_unstable();
    assert_eq!(addresses, ["127.0.0.1:2001", "[::1]:2002"]);
    let nobody = manager.get(&format!("{}/peers", torrent('b'))).good();
    assert_eq!(nobody["peers"].as_array().map(Vec::len), Some(0));
    let stats = manager.get("/stats").good();
    assert_eq!(stats["tracker"], "public");
    // Who looks at a swarm is not in it, nor makes one.
    assert_eq!(stats["swarms"]["torrents"], 1);
    assert_eq!(stats["swarms"]["peers"], 2);
    assert!(stats.get("private").is_none());
    manager.get("/openapi.json").good();
    for (line, body) in [
        (format!("PUT {}", torrent('a')), "{}"),
        (format!("DELETE {}", torrent('a')), ""),
        (format!("GET {}", torrent('a')), ""),
        ("GET /users/1".to_owned(), ""),
        ("GET /users/1/peers".to_owned(), ""),
        ("PUT /users/1".to_owned(), "{}"),
        ("PUT /clients/-XX".to_owned(), "{}"),
        ("DELETE /tokens/1/1".to_owned(), ""),
        ("GET /options".to_owned(), ""),
        ("PATCH /options".to_owned(), "{}"),
    ] {
        let told = manager.ask(&line, body);
        assert_eq!(
            told.error(409),
            "a public tracker has no directory",
            "{line}"
        );
    }
}
