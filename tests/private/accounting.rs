//! What announces amount to in the database.

use crate::client::{Announce, BOTH, leech, peer_id, seed};
use crate::site::Site;

/// Announces of one user on torrent `a`, and what they amount to.
struct Row {
    name: &'static str,
    announces: Vec<Announce>,
    /// Up and down, credited as they are.
    moved: [i64; 2],
}

fn rows() -> Vec<Row> {
    let leech = || leech("", 1);
    let another = || Announce {
        peer_id: peer_id(2),
        ..leech().port(2)
    };
    let row = |name, announces: &[Announce], moved| Row {
        name,
        announces: announces.to_vec(),
        moved,
    };
    vec![
        row(
            "totals grow",
            &[leech(), leech().moved(100, 50), leech().moved(300, 50)],
            [300, 50],
        ),
        row(
            "what was moved before is not known",
            &[leech().moved(1000, 2000), leech().moved(1500, 2001)],
            [500, 1],
        ),
        row("one announce", &[leech().moved(1000, 2000)], [0, 0]),
        row(
            "a client that begins anew",
            &[
                leech(),
                leech().moved(500, 5),
                leech().event("started"),
                leech().moved(50, 6),
            ],
            [550, 11],
        ),
        row(
            "both totals are judged together",
            &[
                leech().moved(10, 10),
                leech().moved(5, 99),
                leech().moved(6, 100),
            ],
            [1, 1],
        ),
        row(
            "the last announce counts",
            &[
                leech().event("started"),
                leech().moved(70, 7).event("stopped"),
            ],
            [70, 7],
        ),
        row(
            "a session is known after it has stopped",
            &[
                leech().moved(5, 5).event("started"),
                leech().moved(10, 5).event("stopped"),
                leech().moved(30, 5),
            ],
            [25, 0],
        ),
        row(
            "a stop of nobody",
            &[leech().moved(70, 7).event("stopped"), leech().moved(80, 8)],
            [0, 0],
        ),
        row(
            "two clients",
            &[
                leech(),
                another(),
                leech().moved(10, 1),
                another().moved(20, 2),
            ],
            [30, 3],
        ),
        row(
            "a client that moves",
            &[
                leech(),
                leech().moved(10, 1).port(9),
                leech().moved(15, 1).from("127.0.0.9"),
            ],
            [15, 1],
        ),
        row(
            "both families at once",
            &[
                leech().event("started"),
                leech().event("started").from("::1"),
                leech().moved(10, 1),
                leech().moved(10, 1).from("::1"),
                leech().moved(90, 2).from("::1"),
                leech().moved(80, 2),
                leech().moved(100, 3),
            ],
            [100, 3],
        ),
        row(
            "not listening",
            &[leech().port(0), leech().port(0).moved(10, 1)],
            [10, 1],
        ),
    ]
}

#[test]
fn growth_is_credited_once() {
    let site = Site::new("accounting");
    site.torrent('a');
    let rows = rows();
    let mut expected = Vec::new();
    for way in BOTH {
        for (number, row) in rows.iter().enumerate() {
            let passkey = format!("{way:?}{number}");
            expected.push((row, way, site.user(&passkey), passkey));
        }
    }
    let tracker = site.start();
    for (row, way, _, passkey) in &expected {
        for announce in &row.announces {
            println!("{} by {way:?}", row.name);
            let announce = Announce {
                passkey: Some(passkey.clone()),
                ..announce.clone()
            };
            announce.by(*way).served(&tracker);
        }
    }
    tracker.stop();
    for (row, way, user, _) in &expected {
        let [up, down] = row.moved;
        let name = format!("{} by {way:?}", row.name);
        assert_eq!(site.totals(*user), [up, down, up, down], "{name}");
        let [history_up, history_down, announces] = site.numbers(&format!(
            "SELECT sum(uploaded), sum(downloaded), sum(announces) FROM tracker_history \
             WHERE user_id = {user}"
        ));
        assert_eq!([history_up, history_down], row.moved, "{name}");
        assert_eq!(announces, row.announces.len() as i64, "{name}");
    }
    let balance: i64 = expected
        .iter()
        .map(|(row, ..)| row.moved[0] - row.moved[1])
        .sum();
    assert_eq!(
        site.value::<i64>("SELECT balance FROM tracker_torrents"),
        balance
    );
}

#[test]
fn what_is_written_of_a_session() {
    for way in BOTH {
        let site = Site::new(&format!("rows-{way:?}"));
        let (alice, torrent) = (site.user("alice"), site.torrent('a'));
        let tracker = site.start();
        let client = |announce: Announce| Announce {
            agent: "Example/1.0",
            ..announce.by(way)
        };
        let state = || {
            site.numbers::<6>(&format!(
                "SELECT t.seeders, t.leechers, p.active, p.seeder, h.active, h.seeder \
                 FROM tracker_torrents t \
                 JOIN tracker_peers p ON p.torrent_id = t.id AND p.user_id = {alice} \
                 JOIN tracker_history h ON h.torrent_id = t.id AND h.user_id = {alice} \
                 WHERE t.id = {torrent}"
            ))
        };
        let announces = "SELECT coalesce(max(announces), 0) FROM tracker_peers";
        client(leech("alice", 0x1234).event("started")).served(&tracker);
        site.wait_for(announces, 1);
        assert_eq!(state(), [0, 1, 1, 0, 1, 0], "{way:?}");
        client(leech("alice", 0x1234).moved(10, 700)).served(&tracker);
        site.wait_for(announces, 2);
        client(seed("alice", 0x1234).moved(20, 1000).event("completed")).served(&tracker);
        site.wait_for(announces, 3);
        assert_eq!(state(), [1, 0, 1, 1, 1, 1], "{way:?}");
        let row: [i64; 4] =
            site.numbers("SELECT port, uploaded, downloaded, remaining FROM tracker_peers");
        assert_eq!(row, [0x1234, 20, 1000, 0], "{way:?}");
        let id: Vec<u8> = site.value("SELECT peer_id FROM tracker_peers");
        assert_eq!(id, peer_id(0x1234), "{way:?}");
        let agent: String = site.value("SELECT agent FROM tracker_peers");
        assert_eq!(
            agent,
            if way.is_udp() { "" } else { "Example/1.0" },
            "{way:?}"
        );
        client(seed("alice", 0x1234).moved(30, 1000).event("stopped")).served(&tracker);
        site.wait_for(announces, 4);
        assert_eq!(&state()[..3], [0, 0, 0], "{way:?}");
        assert_eq!(site.totals(alice), [30, 1000, 30, 1000], "{way:?}");
    }
}

#[test]
fn time_of_seeding_and_of_downloading() {
    let site = Site::new("accounting-time");
    let alice = site.user("alice");
    site.torrent('a');
    let tracker = site.start();
    let sum = |column: &str| format!("SELECT max({column}) >= 2 FROM tracker_history");
    let (downloads, seeds) = (sum("leech_seconds"), sum("seed_seconds"));
    leech("alice", 1).event("started").served(&tracker);
    let until = |sql: &str, announce: &Announce| {
        crate::common::eventually(sql, || {
            std::thread::sleep(std::time::Duration::from_millis(200));
            announce.served(&tracker);
            site.value::<Option<i64>>(sql) == Some(1)
        });
    };
    until(&downloads, &leech("alice", 1));
    let none = site.numbers::<1>("SELECT sum(seed_seconds) FROM tracker_history");
    assert_eq!(none, [0]);
    seed("alice", 1).event("completed").served(&tracker);
    until(&seeds, &seed("alice", 1));
    tracker.stop();
    let [leech_seconds, seed_seconds, spent] = site.numbers(&format!(
        "SELECT leech_seconds, seed_seconds, last_at - started_at FROM tracker_history \
         WHERE user_id = {alice}"
    ));
    assert_eq!(leech_seconds + seed_seconds, spent);
}
