//! Events: what a swarm is after each, as announces and scrapes tell it.

use crate::common::http::{Connection, announce, scrape};
use crate::common::{Tracker, V4, V6};

/// Complete, incomplete, downloaded, downloaders.
type Counts = [i128; 4];

const FIRST: u16 = 2001;
const SECOND: u16 = 2002;

/// Announces of two peers, port and parameters, and what the swarm is after the last.
type Story = (&'static str, &'static [(u16, &'static str)], Counts);

const STORIES: &[Story] = &[
    ("started", &[(FIRST, "&left=5&event=started")], [0, 1, 0, 1]),
    ("no event", &[(FIRST, "&left=5")], [0, 1, 0, 1]),
    ("empty event", &[(FIRST, "&left=5&event=")], [0, 1, 0, 1]),
    (
        "unknown event",
        &[(FIRST, "&left=5&event=dancing")],
        [0, 1, 0, 1],
    ),
    (
        "a seeder starts",
        &[(FIRST, "&left=0&event=started")],
        [1, 0, 0, 0],
    ),
    (
        "stopped leaves",
        &[
            (FIRST, "&left=5&event=started"),
            (FIRST, "&left=5&event=stopped"),
        ],
        [0, 0, 0, 0],
    ),
    (
        "stopped, never seen",
        &[(FIRST, "&left=5&event=stopped")],
        [0, 0, 0, 0],
    ),
    (
        "stopped twice",
        &[
            (FIRST, "&left=5"),
            (SECOND, "&left=5"),
            (FIRST, "&left=5&event=stopped"),
            (FIRST, "&left=5&event=stopped"),
        ],
        [0, 1, 0, 1],
    ),
    (
        "stopped by its neighbour",
        &[(FIRST, "&left=5"), (SECOND, "&left=5&event=stopped")],
        [0, 1, 0, 1],
    ),
    (
        "completed",
        &[(FIRST, "&left=5"), (FIRST, "&left=0&event=completed")],
        [1, 0, 1, 0],
    ),
    (
        "completed with the old left",
        &[(FIRST, "&left=5"), (FIRST, "&left=5&event=completed")],
        [1, 0, 1, 0],
    ),
    (
        "completed, never seen",
        &[(FIRST, "&left=0&event=completed")],
        [1, 0, 1, 0],
    ),
    (
        "completed twice",
        &[
            (FIRST, "&left=0&event=completed"),
            (FIRST, "&left=0&event=completed"),
        ],
        [1, 0, 1, 0],
    ),
    (
        "completed by two",
        &[
            (FIRST, "&left=0&event=completed"),
            (SECOND, "&left=0&event=completed"),
        ],
        [2, 0, 2, 0],
    ),
    (
        "seeding after completed",
        &[(FIRST, "&left=0&event=completed"), (FIRST, "&left=0")],
        [1, 0, 1, 0],
    ),
    (
        "nothing left, but not completed",
        &[(FIRST, "&left=5"), (FIRST, "&left=0")],
        [1, 0, 0, 0],
    ),
    (
        "downloaded stays when peers leave",
        &[
            (FIRST, "&left=0&event=completed"),
            (FIRST, "&left=0&event=stopped"),
        ],
        [0, 0, 1, 0],
    ),
    (
        "back to leeching",
        &[(FIRST, "&left=0"), (FIRST, "&left=5")],
        [0, 1, 0, 1],
    ),
    (
        "back to leeching and completed again",
        &[
            (FIRST, "&left=0&event=completed"),
            (FIRST, "&left=5"),
            (FIRST, "&left=0&event=completed"),
        ],
        [1, 0, 1, 0],
    ),
    (
        "partial seed",
        &[(FIRST, "&left=5&event=paused")],
        [0, 1, 0, 0],
    ),
    (
        "partial seed among others",
        &[(FIRST, "&left=5&event=paused"), (SECOND, "&left=5")],
        [0, 2, 0, 1],
    ),
    (
        "partial seed goes on",
        &[(FIRST, "&left=5&event=paused"), (FIRST, "&left=5")],
        [0, 1, 0, 1],
    ),
    (
        "leecher pauses",
        &[(FIRST, "&left=5"), (FIRST, "&left=5&event=paused")],
        [0, 1, 0, 0],
    ),
    (
        "partial seed becomes a seeder",
        &[(FIRST, "&left=5&event=paused"), (FIRST, "&left=0")],
        [1, 0, 0, 0],
    ),
    (
        "partial seed stops",
        &[
            (FIRST, "&left=5&event=paused"),
            (FIRST, "&left=5&event=stopped"),
        ],
        [0, 0, 0, 0],
    ),
    (
        "paused with nothing left",
        &[(FIRST, "&left=0&event=paused")],
        [1, 0, 0, 0],
    ),
];

#[test]
fn stories() {
    for family in [V4, V6] {
        let tracker = Tracker::start("{}");
        let mut client = Connection::open(tracker.http[family]);
        for (place, (name, announces, expected)) in STORIES.iter().enumerate() {
            let torrent = char::from(b'A' + u8::try_from(place).expect("few stories"));
            let mut last = None;
            for (port, parameters) in *announces {
                let target = announce(torrent, *port, 7).replace("&left=7", parameters);
                last = Some(client.get(&target).announced());
            }
            let last = last.expect("an announce");
            let told = [last.complete, last.incomplete, last.downloaded];
            assert_eq!(told, expected[..3], "{name}, family {family}: announce");
            let scraped = client.get(&scrape(torrent)).scraped(torrent);
            assert_eq!(scraped, *expected, "{name}, family {family}: scrape");
        }
    }
}

#[test]
fn counts_are_of_both_families() {
    let tracker = Tracker::start("{}");
    let mut v4 = Connection::open(tracker.http[V4]);
    let mut v6 = Connection::open(tracker.http[V6]);
    v4.get(&(announce('a', FIRST, 0) + "&event=completed"));
    v6.get(&(announce('a', FIRST, 0) + "&event=completed"));
    v4.get(&announce('a', SECOND, 5));
    v6.get(&(announce('a', SECOND, 5) + "&event=paused"));
    for client in [&mut v4, &mut v6] {
        assert_eq!(client.get(&scrape('a')).scraped('a'), [2, 2, 2, 1]);
    }
}
