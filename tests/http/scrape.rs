//! Scrapes (BEP 48).

use crate::common::http::{Connection, announce, get, hash, scrape};
use crate::common::{Tracker, V4, eventually};

/// A scrape of these torrents, in this order.
fn scrape_of(torrents: &str) -> String {
    let hashes = torrents
        .chars()
        .map(|torrent| format!("info_hash={}", hash(torrent)));
    format!("/scrape?{}", hashes.collect::<Vec<_>>().join("&"))
}

/// The torrents a scrape of these is answered with; sorted, or the reader would not take them.
fn answered(client: &mut Connection, torrents: &str) -> String {
    let body = client.get(&scrape_of(torrents)).good();
    let files = body.get("files").expect("files").dictionary();
    files.keys().map(|hash| char::from(hash[0])).collect()
}

#[test]
fn torrents_are_sorted_and_named_once() {
    let tracker = Tracker::start("{}");
    let mut client = Connection::open(tracker.http[V4]);
    client.get(&announce('b', 2001, 5));
    for (name, asked, expected) in [
        ("one", "b", "b"),
        ("in order", "abc", "abc"),
        ("out of order", "cab", "abc"),
        ("some of them twice", "bcbacb", "abc"),
        ("unknown ones only", "xyz", "xyz"),
    ] {
        assert_eq!(answered(&mut client, asked), expected, "{name}");
    }
    let answer = client.get(&scrape_of("cb"));
    assert_eq!(answer.scraped('b'), [0, 1, 0, 1]);
    assert_eq!(answer.scraped('c'), [0; 4], "unknown: zeros");
}

#[test]
fn no_more_than_so_many_torrents() {
    let tracker = Tracker::start("{}");
    let mut client = Connection::open(tracker.http[V4]);
    let many: String = ('\u{21}'..='\u{7e}')
        .filter(|letter| !"%&#+".contains(*letter))
        .collect();
    assert_eq!(answered(&mut client, &many[..64]).len(), 64);
    let refused = client.get(&scrape_of(&many[..65]));
    assert_eq!(refused.status, 200);
    assert_eq!(refused.failure(), "too many info_hash in one scrape");
    assert_eq!(answered(&mut client, "a"), "a", "the connection goes on");

    let tracker = Tracker::start(r#"{"scrape": {"max_hashes": 2}}"#);
    let mut client = Connection::open(tracker.http[V4]);
    assert_eq!(answered(&mut client, "ab"), "ab");
    client.get(&scrape_of("abc")).failure();
}

#[test]
fn all_torrents_only_where_it_is_configured() {
    let tracker = Tracker::start("{}");
    for target in ["/scrape", "/scrape?", "/scrape?unknown=1"] {
        let refused = get(tracker.http[V4], target);
        assert_eq!(refused.status, 200, "{target}");
        assert_eq!(refused.failure(), "full scrape is not served", "{target}");
    }
}

#[test]
fn all_torrents() {
    let tracker = Tracker::start(r#"{"scrape": {"full": true, "full_interval": 1}}"#);
    get(tracker.http[V4], &announce('b', 2001, 0));
    get(tracker.http[V4], &announce('a', 2001, 5));
    let all = || {
        let body = get(tracker.http[V4], "/scrape").good();
        let files = body.get("files").expect("files").dictionary().clone();
        files
            .keys()
            .map(|hash| char::from(hash[0]))
            .collect::<String>()
    };
    eventually("both torrents in the scrape of all", || all() == "ab");
    let answer = get(tracker.http[V4], "/scrape");
    assert_eq!(answer.scraped('a'), [0, 1, 0, 1]);
    assert_eq!(answer.scraped('b'), [1, 0, 0, 0]);

    // Nothing is queued behind a body that may be long.
    let mut client = Connection::open(tracker.http[V4]);
    let answer = client.get("/scrape");
    assert_eq!(answer.header("connection"), Some("close"));
    client.expect_end();

    let mut client = Connection::open(tracker.http[V4]);
    client.send("HEAD /scrape HTTP/1.1\r\n\r\n");
    let head = client.answer_to_head();
    assert_eq!(
        head.header("content-length"),
        answer.header("content-length")
    );
    client.expect_end();
    assert_eq!(
        get(tracker.http[V4], &scrape('a')).scraped('a'),
        [0, 1, 0, 1]
    );
}
