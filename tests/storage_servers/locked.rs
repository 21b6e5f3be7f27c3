//! A database that somebody else has locked: no announce waits for it.

use crate::common::Tracker;
use crate::common::http::Connection;
use crate::place::Place;
use crate::servers::{Kind, Server};
use crate::web::Web;
use std::time::{Duration, Instant};

/// How long it is looked at, free and locked: `CHIHAYA_LOCKED_SECS`, for figures.
fn time() -> Duration {
    let given = std::env::var("CHIHAYA_LOCKED_SECS").ok();
    let given = given.map(|text| text.parse().expect("seconds"));
    Duration::from_secs(given.unwrap_or(4))
}

/// Announces at once, one after the other.
struct Seen {
    announces: usize,
    micros: [u128; 3],
}

/// Announces as fast as one connection can, for some time, and of every user. An announce that waited
/// for a lock would have no answer in time.
fn look(tracker: &Tracker, time: Duration) -> Seen {
    let mut connection = Connection::open(tracker.http[0]);
    let mut micros = Vec::new();
    let began = Instant::now();
    let mut moved = 0;
    while began.elapsed() < time || moved < USERS {
        moved += 1;
        let number = moved % USERS + 1;
        let sent = Instant::now();
        connection.send(format!(
            "GET /{number:032}/announce?info_hash=torrent-{:012}&peer_id=-XX0001-{number:012}&\
             port=6881&uploaded={moved}&downloaded=0&left=0&compact=1 HTTP/1.1\r\nHost: t\r\n\r\n",
            number % TORRENTS + 1,
        ));
        connection.answer().announced();
        micros.push(sent.elapsed().as_micros());
    }
    micros.sort_unstable();
    let at = |part: usize| micros[micros.len() * part / 1000];
    Seen {
        announces: micros.len(),
        micros: [at(500), at(990), at(999)],
    }
}

const USERS: u64 = 1000;
const TORRENTS: u64 = 100;

#[test]
fn announces_do_not_wait_for_a_locked_database() {
    for kind in [Kind::Mariadb, Kind::Postgres] {
        if crate::is_built(kind)
            && let Some(server) = Server::start(kind)
        {
            compare(&server);
        }
    }
}

fn compare(server: &Server) {
    let place = Place::on(server, "locked");
    let settings = place.settings("own");
    // The tables are made by the one who opens it first.
    drop(crate::suite::open(&settings));
    let mut web = place.web();
    let rows = |count: u64, row: &dyn Fn(u64) -> String| {
        (1..=count).map(row).collect::<Vec<_>>().join(", ")
    };
    let user = |id: u64| format!("({id}, '{id:032}')");
    web.run(&format!(
        "INSERT INTO tracker_users (id, passkey) VALUES {}",
        rows(USERS, &user)
    ));
    let torrent = |id: u64| format!("({id}, 'torrent-{id:012}')");
    let torrents = rows(TORRENTS, &torrent);
    web.run(&format!(
        "INSERT INTO tracker_torrents (id, info_hash) VALUES {torrents}"
    ));
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.join(format!("locked-{:?}", server.kind()));
    let _ = std::fs::remove_dir_all(&folder);
    let mut settings = settings;
    settings["journal"] = serde_json::json!({"path": folder});
    let tracker = Tracker::start(&settings.to_string());
    let time = time();
    look(&tracker, time / 4);
    let free = look(&tracker, time);
    let mut other: Web = place.web();
    other.run(match server.kind() {
        Kind::Mariadb => {
            "LOCK TABLES tracker_users WRITE, tracker_torrents WRITE, \
            tracker_history WRITE, tracker_peers WRITE, tracker_batches WRITE"
        }
        // All at once or none: the tracker is writing, and one of the two would be ended for a deadlock.
        Kind::Postgres => {
            "BEGIN; DO $$ BEGIN LOOP BEGIN \
            LOCK TABLE tracker_users, tracker_torrents, tracker_history, \
            tracker_peers, tracker_batches IN ACCESS EXCLUSIVE MODE NOWAIT; EXIT; \
            EXCEPTION WHEN lock_not_available THEN PERFORM pg_sleep(0.01); \
            END; END LOOP; END $$"
        }
    });
    let locked = look(&tracker, time);
    drop(other);
    for (name, seen) in [("free", &free), ("locked", &locked)] {
        println!(
            "{:?}: {name}: {:.0} announces/s; a round of one takes {} µs, of a hundred {} at most, \
             of a thousand {}",
            server.kind(),
            seen.announces as f64 / time.as_secs_f64(),
            seen.micros[0],
            seen.micros[1],
            seen.micros[2],
        );
    }
    tracker.stop();
    let sums = web.value("SELECT SUM(announces) FROM tracker_history");
    let all: usize = sums.parse().expect("a sum");
    assert!(
        all >= free.announces + locked.announces,
        "{all} announces counted"
    );
}
