//! Trackers that share their swarms.

use crate::common::http::{Connection, announce, get};
use crate::common::udp::{Announce, Client};
use crate::common::{Tracker, V4, V6, addrs, eventually};
use crate::server::Server;
use crate::{
    WATCHED, announce_to, counts, eventually_count, gauges, keep_messages, messages_of, scraped,
    settings, start,
};

#[test]
fn clients_of_different_processes_find_each_other() {
    let Some(server) = Server::start("find") else {
        return;
    };
    let trackers: Vec<Tracker> = (0..3).map(|_| start(&server, "find")).collect();
    // One over HTTP, one over UDP, one over IPv6, each with a tracker of its own.
    announce_to(&trackers[0], 'a', 2001, 0);
    Client::new(trackers[1].udp[V4]).announce(&Announce::new('a', 2002, 5));
    get(trackers[2].http[V6], &announce('a', 2003, 5)).announced();
    eventually_count(&trackers.iter().collect::<Vec<_>>(), 'a', [1, 2]);
    for tracker in &trackers {
        let mut udp = Client::new(tracker.udp[V4]);
        let answer = udp.announce(&Announce::new('a', 2002, 5));
        assert_eq!(answer.peers, addrs(&["127.0.0.1:2001"]));
        let answer = get(tracker.http[V6], &announce('a', 2003, 5)).announced();
        assert_eq!(answer.peers, addrs(&["127.0.0.1:2001", "127.0.0.1:2002"]));
    }
}

#[test]
fn what_happens_at_one_happens_at_all() {
    let Some(server) = Server::start("happens") else {
        return;
    };
    let [one, two] = [0, 1].map(|_| start(&server, "happens"));
    let both = [&one, &two];
    announce_to(&one, 'a', 2001, 5);
    eventually_count(&both, 'a', [0, 1]);
    let done = announce('a', 2001, 0) + "&event=completed";
    get(two.http[V4], &done).announced();
    eventually_count(&both, 'a', [1, 0]);
    // It tells both of us, as a client with two announce URLs does.
    get(one.http[V4], &done).announced();
    announce_to(&one, 'a', 2002, 5);
    eventually_count(&both, 'a', [1, 1]);
    for tracker in both {
        let [_, downloaded, ..] = scraped(&mut Connection::open(tracker.http[V4]), 'a');
        assert_eq!(downloaded, 1);
    }
    get(two.http[V4], &(announce('a', 2002, 5) + "&event=paused")).announced();
    eventually("the partial seed is known", || {
        let [.., downloaders] = scraped(&mut Connection::open(one.http[V4]), 'a');
        downloaders == 0
    });
    get(one.http[V4], &(announce('a', 2001, 0) + "&event=stopped"));
    eventually_count(&both, 'a', [0, 1]);
}

#[test]
fn peer_ids_are_shared_too() {
    let Some(server) = Server::start("ids") else {
        return;
    };
    let ids = |key: &str| {
        let text = settings(&[server.url()], key, "");
        Tracker::start(&text.replacen('{', r#"{"announce": {"peer_ids": true}, "#, 1))
    };
    let [one, two] = [0, 1].map(|_| ids("ids"));
    announce_to(&one, 'a', 2001, 0);
    eventually_count(&[&two], 'a', [1, 0]);
    let body = get(two.http[V4], &(announce('a', 2002, 5) + "&compact=0")).good();
    let peers = body.get("peers").expect("peers").list();
    let id = peers[0].get("peer id").map(|id| id.text().to_owned());
    assert_eq!(id.as_deref(), Some("-XX0000-000000002001"));
}

#[test]
fn whoever_watches_sees_what_is_exchanged() {
    let Some(server) = Server::start("watch") else {
        return;
    };
    let text = settings(&[server.url()], "watch", "");
    let text = text.replacen('{', &format!("{{{WATCHED}, "), 1);
    let [one, two] = [0, 1].map(|_| Tracker::start(&text));
    announce_to(&one, 'a', 2001, 5);
    eventually_count(&[&two], 'a', [0, 1]);
    eventually("what was told is counted", || {
        gauges(&one)["redis_appended_announces"] == 1
            && gauges(&two)["redis_applied_announces"] == 1
    });
    let seen = gauges(&two);
    for (name, value) in [
        ("redis_failing", 0),
        ("redis_appended_announces", 0),
        ("redis_backlog_announces", 0),
        ("redis_lost_announces", 0),
    ] {
        assert_eq!(seen[name], value, "{name}: {seen}");
    }
}

#[test]
fn keys_keep_swarms_apart() {
    let Some(server) = Server::start("apart") else {
        return;
    };
    let [mine, mine_too] = [0, 1].map(|_| start(&server, "apart-1"));
    let other = start(&server, "apart-2");
    announce_to(&mine, 'a', 2001, 5);
    eventually_count(&[&mine_too], 'a', [0, 1]);
    announce_to(&other, 'b', 2001, 5);
    assert_eq!(counts(&other, 'a'), [0, 0]);
}

#[test]
fn a_process_that_stops_tells_first() {
    let Some(server) = Server::start("stops") else {
        return;
    };
    let [one, two] = [0, 1].map(|_| start(&server, "stops"));
    for port in 2001..2021 {
        announce_to(&one, 'a', port, 5);
    }
    one.stop();
    eventually_count(&[&two], 'a', [0, 20]);
}

#[test]
fn a_new_process_starts_from_the_log() {
    let Some(server) = Server::start("log") else {
        return;
    };
    let one = start(&server, "log");
    announce_to(&one, 'a', 2001, 5);
    announce_to(&one, 'a', 2002, 0);
    one.stop();
    // The first may have stopped before it had come so far.
    let before = warm("log");
    let two = start(&server, "log");
    // It answers before it has read anything.
    announce_to(&two, 'b', 2001, 5);
    eventually_count(&[&two], 'a', [1, 1]);
    eventually("the log says that it is warm", || {
        std::thread::yield_now();
        warm("log") > before
    });
}

/// How often the log has said that a process has caught up.
fn warm(key: &str) -> usize {
    let messages = messages_of(key);
    let warm = |(_, message): &&(_, String)| message.contains("is followed:");
    messages.iter().filter(warm).count()
}

#[test]
fn a_new_process_starts_from_a_copy() {
    let Some(server) = Server::start("copy") else {
        return;
    };
    keep_messages();
    let text = settings(&[server.url()], "copy", r#", "copy_interval": 1"#);
    let one = Tracker::start(&text);
    for port in 2001..2101 {
        announce_to(&one, 'a', port, u64::from(port % 2));
    }
    get(one.http[V4], &(announce('a', 2001, 0) + "&event=completed"));
    // Once the copy holds them, the log may go.
    let mut connection = server.connect();
    let first = head(&mut connection);
    eventually("a copy that is newer", || {
        let now = head(&mut connection);
        first.is_some() && now.is_some() && now != first || first.is_none() && now.is_some()
    });
    let second = head(&mut connection);
    eventually("one more", || head(&mut connection) != second);
    one.stop();
    server.done("DEL {copy:0}:log");
    let two = Tracker::start(&text);
    eventually_count(&[&two], 'a', [51, 49]);
    let [_, downloaded, ..] = scraped(&mut Connection::open(two.http[V4]), 'a');
    assert_eq!(downloaded, 1);
    // Pieces of older copies are gone.
    let pieces: Vec<String> = redis::cmd("KEYS")
        .arg("{copy:0}:swarms:*")
        .query(&mut connection)
        .expect("told");
    assert!(pieces.len() <= 2, "{pieces:?}");
}

fn head(connection: &mut redis::Connection) -> Option<Vec<u8>> {
    let get = redis::cmd("GET").arg("{copy:0}:swarms").query(connection);
    get.expect("told")
}

#[test]
fn a_damaged_copy_is_survived() {
    let Some(server) = Server::start("damaged") else {
        return;
    };
    keep_messages();
    let text = settings(&[server.url()], "damaged", r#", "copy_interval": 1"#);
    let one = Tracker::start(&text);
    announce_to(&one, 'a', 2001, 5);
    let mut connection = server.connect();
    let pieces = |connection: &mut redis::Connection| -> Vec<String> {
        let mut keys = redis::cmd("KEYS");
        keys.arg("{damaged:0}:swarms:*")
            .query(connection)
            .expect("told")
    };
    eventually("a copy", || !pieces(&mut connection).is_empty());
    one.stop();
    for piece in pieces(&mut connection) {
        server.done(&format!("SETRANGE {piece} 20 damaged"));
    }
    let two = Tracker::start(&text);
    eventually_count(&[&two], 'a', [0, 1]);
    for piece in pieces(&mut connection) {
        server.done(&format!("DEL {piece}"));
    }
    two.stop();
    let three = Tracker::start(&text);
    eventually_count(&[&three], 'a', [0, 1]);
    server.done("SET {damaged:0}:swarms nonsense");
    let four = Tracker::start(&text);
    eventually_count(&[&four], 'a', [0, 1]);
}

#[test]
fn several_logs_share_the_work() {
    let Some(server) = Server::start("several") else {
        return;
    };
    keep_messages();
    let text = settings(&[server.url()], "several", r#", "logs": 5"#);
    let [one, two] = [0, 1].map(|_| Tracker::start(&text));
    for torrent in 'a'..='z' {
        announce_to(&one, torrent, 2001, 5);
        announce_to(&two, torrent, 2002, 0);
    }
    for torrent in 'a'..='z' {
        eventually_count(&[&one, &two], torrent, [1, 1]);
    }
    let mut connection = server.connect();
    for log in 0..5 {
        let mut length = redis::cmd("XLEN");
        length.arg(format!("{{several:{log}}}:log"));
        let length: u64 = length.query(&mut connection).expect("told");
        assert!(length > 0, "log {log} is empty");
    }
}

#[test]
fn entries_of_others_are_passed_over() {
    let Some(server) = Server::start("others") else {
        return;
    };
    let [one, two] = [0, 1].map(|_| start(&server, "others"));
    for entry in ["e ''", "e nonsense", "f 1 g 2", "e \u{1}\u{1}12345678"] {
        server.done(&format!("XADD {{others:0}}:log * {entry}"));
    }
    announce_to(&one, 'a', 2001, 5);
    eventually_count(&[&two], 'a', [0, 1]);
}

#[test]
fn the_log_is_trimmed_by_the_lifetime_of_peers() {
    let Some(server) =
        Server::start_with("trimmed", &["--save", "", "--stream-node-max-entries", "1"])
    else {
        return;
    };
    let one = start(&server, "trimmed");
    // Two hours ago; peers live for one.
    let (secs, _): (u64, u64) = redis::cmd("TIME")
        .query(&mut server.connect())
        .expect("told");
    let old = (secs - 7200) * 1000;
    server.done("DEL {trimmed:0}:log");
    for number in 1..=3 {
        server.done(&format!("XADD {{trimmed:0}}:log {old}-{number} e old"));
    }
    let mut connection = server.connect();
    let mut port = 2000;
    let mut oldest = || -> Vec<(String, Vec<String>)> {
        let mut range = redis::cmd("XRANGE");
        range
            .arg("{trimmed:0}:log")
            .arg("-")
            .arg("+")
            .arg("COUNT")
            .arg(1);
        let entries: Vec<(String, Vec<Vec<u8>>)> = range.query(&mut connection).expect("told");
        entries
            .into_iter()
            .map(|(id, _)| (id, Vec::new()))
            .collect()
    };
    eventually("the old ones are gone", || {
        port += 1;
        announce_to(&one, 'a', port, 5);
        oldest()
            .first()
            .is_some_and(|(id, _)| !id.starts_with(&old.to_string()))
    });
}
