//! The exactness of a private tracker: thousands of clients with known totals announce while it is
//! killed again and again, and its storage fails, hangs, and loses answers. In the end the
//! database must hold exactly what they have moved, finished and seeded: every announce that was
//! answered counts once, none that was not counts more than once.
//!
//! The tracker is this program itself, in a process of its own ([`the_tracker`]), so that it can be
//! killed. `tests/exactness.sh` runs the same for as long as you like.
#![cfg(feature = "sqlite")]

mod away;
mod check;
mod client;
mod crowd;
mod database;
mod fate;
mod http;
mod presets;
mod process;
#[cfg(feature = "redis")]
#[allow(dead_code, reason = "another test program uses the rest")]
#[path = "../redis/server.rs"]
mod redis_server;
#[cfg(any(feature = "mysql", feature = "postgres"))]
#[path = "../servers/mod.rs"]
mod servers;
#[cfg(feature = "redis")]
mod several;
mod shared;
mod site;
mod tracker;
mod words;

use check::{Check, compare};
use client::Client;
use crowd::Crowd;
use database::{Database, File};
use fastrand::Rng;
use fate::Fate;
use process::{FOLDER_VARIABLE, Tracker};
use shared::Shared;
use site::{Kind, OWN, Site};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tracker::DEEDS_FILE;

/// Threads of clients.
const CROWDS: usize = 3;
/// Sessions of one user with one torrent; of more, a tracker sends the last away.
const SESSIONS: u32 = 3;
/// The smallest journal that can be configured: segments are ended and checkpoints made often.
const JOURNAL_MAX: u64 = 64 << 10;

/// Not a test: what runs when a test starts this program as its tracker.
#[test]
fn the_tracker() {
    if let Some(folder) = std::env::var_os(FOLDER_VARIABLE) {
        tracker::serve(Path::new(&folder));
    }
}

/// A number of the environment, for long runs.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(format!("EXACTNESS_{name}")).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("EXACTNESS_{name}: {text:?} is no number")),
    )
}

/// What everything follows from but the time it takes.
fn seed() -> u64 {
    setting("SEED").unwrap_or_else(|| getrandom::u64().expect("random bytes"))
}

/// Clients of a site: several of most users, some with the same torrent.
fn clients(site: &Site, count: u64, seed: u64, dice: &mut Rng) -> Vec<Client> {
    let mut sessions: HashMap<(u64, u64), u32> = HashMap::new();
    let mut before = (1, 1);
    let mut any = |dice: &mut Rng| loop {
        let again = dice.u8(..8) == 0;
        let new = (dice.u64(1..=site.users), dice.u64(1..=site.torrents));
        let pair = if again { before } else { new };
        before = new;
        let count = sessions.entry(pair).or_default();
        if *count < site.sessions(pair, SESSIONS) {
            *count += 1;
            before = pair;
            return pair;
        }
    };
    let numbers = 0..u32::try_from(count).expect("fewer");
    let client = |number| {
        let (user, torrent) = any(dice);
        Client::new(number, user, torrent, seed)
    };
    numbers.map(client).collect()
}

/// Sends the clients off, each crowd on its thread.
fn set_off(
    shared: &Arc<Shared>,
    clients: Vec<Client>,
    pace: Duration,
) -> Vec<JoinHandle<Vec<Client>>> {
    let mut crowds: Vec<Vec<Client>> = vec![Vec::new(); CROWDS];
    for (place, client) in clients.into_iter().enumerate() {
        crowds[place % CROWDS].push(client);
    }
    let set_off = |clients| {
        let crowd = Crowd::new(Arc::clone(shared), clients, pace);
        std::thread::spawn(move || crowd.run())
    };
    crowds.into_iter().map(set_off).collect()
}

/// A crowd that has failed ends the test at once.
fn look_after(crowds: &mut Vec<JoinHandle<Vec<Client>>>, done: &mut Vec<Client>) {
    for crowd in crowds.extract_if(.., |crowd| crowd.is_finished()) {
        done.extend(crowd.join().expect("a crowd that did not fail"));
    }
}

/// Waits, but not for crowds that have failed or are done.
fn wait(time: Duration, crowds: &mut Vec<JoinHandle<Vec<Client>>>, done: &mut Vec<Client>) {
    let end = Instant::now() + time;
    while let Some(rest) = end.checked_duration_since(Instant::now()) {
        look_after(crowds, done);
        if crowds.is_empty() {
            return;
        }
        std::thread::sleep(rest.min(Duration::from_millis(10)));
    }
}

/// How hard the tracker is tried.
struct Trial {
    clients: u64,
    time: Duration,
    /// Milliseconds that a process lives at most.
    most_ms: u64,
    pace: Duration,
}

impl Trial {
    /// As long as the environment says, or a short one.
    fn new() -> Trial {
        Trial::long().unwrap_or(Trial {
            clients: 2000,
            time: Duration::from_secs(20),
            most_ms: 2500,
            pace: pace(),
        })
    }

    /// A shorter one, for what there is much of.
    fn of_many() -> Trial {
        Trial::long().unwrap_or(Trial {
            clients: 800,
            time: Duration::from_secs(7),
            most_ms: 2000,
            pace: pace(),
        })
    }

    /// As long as the environment says.
    fn long() -> Option<Trial> {
        setting("MINUTES").map(|minutes| Trial {
            clients: setting("CLIENTS").unwrap_or(6000),
            time: Duration::from_secs(60 * minutes),
            most_ms: 8000,
            pace: pace(),
        })
    }
}

/// What a thread of clients waits between two rounds.
fn pace() -> Duration {
    Duration::from_millis(setting("PACE_MS").unwrap_or(10))
}

/// Kills the tracker, and the server of its database if it has one, for so long; then lets the
/// clients say their last words, and compares.
fn run(
    name: &str,
    kind: &'static Kind,
    database: impl FnOnce(&Path) -> Box<dyn Database>,
    trial: &Trial,
) {
    let seed = seed();
    println!("{name}: seed {seed}");
    let mut dice = Rng::with_seed(seed);
    let count = trial.clients;
    let mut site = Site::new(name, kind, database, count / 6, count / 10, &mut dice);
    let mut tracker = Tracker::new(&site, JOURNAL_MAX);
    let clients = clients(&site, count, seed, &mut dice);
    let shared = Shared::new(Arc::clone(&tracker.address));
    let mut crowds = set_off(&shared, clients, trial.pace);
    let mut done = Vec::new();
    let end = Instant::now() + trial.time;
    let mut fate = Fate {
        site: &mut site,
        tracker: &mut tracker,
        dice: &mut dice,
        most_ms: trial.most_ms,
        server_kills: 0,
    };
    while Instant::now() < end {
        fate.live(&mut crowds, &mut done);
    }
    shared.finishing.store(true, Ordering::Release);
    for _ in 0..2 {
        fate.live(&mut crowds, &mut done);
    }
    let mood = fate.mood();
    let server_kills = fate.server_kills;
    tracker.set_mood(mood);
    tracker.start();
    wait(Duration::from_secs(120), &mut crowds, &mut done);
    assert!(crowds.is_empty(), "seed {seed}: some are not answered");
    // Everything has been answered; nothing may be lost from here on.
    tracker.kill();
    tracker.settle();
    let check = expect_equal("after the last kill", seed, &site, &tracker, &done);
    tracker.start();
    tracker.kill();
    tracker.settle();
    expect_equal("after another kill", seed, &site, &tracker, &done);
    report(name, &tracker, &shared, &check);
    println!("{name}: {server_kills} kills of the database server");
}

fn expect_equal(
    when: &str,
    seed: u64,
    site: &Site,
    tracker: &Tracker,
    clients: &[Client],
) -> Check {
    let check = compare(site, clients);
    let faults = tracker.faults();
    let folder = site.folder.display();
    if let Some(differences) = check.differences() {
        panic!("seed {seed}, {when}, in {folder}: {differences}\n{faults:#?}");
    }
    assert!(
        faults.is_empty(),
        "seed {seed}, {when}, in {folder}: {faults:#?}"
    );
    check
}

fn report(name: &str, tracker: &Tracker, shared: &Shared, check: &Check) {
    let compared = &check.compared;
    println!(
        "{name}: {} announces sent, {} answered, {} told to wait; {} kills, {} orderly stops",
        shared.sent.load(Ordering::Relaxed),
        shared.answered.load(Ordering::Relaxed),
        shared.unavailable.load(Ordering::Relaxed),
        tracker.kills,
        tracker.stops,
    );
    let counted = match compared.announces {
        [_, 0, _] => String::new(),
        [least, told, most] => {
            format!("; {told} announces counted, {least} to {most} expected")
        }
    };
    println!(
        "{name}: {} sessions, {} pairs, {} of them exact to the second, {} snatches, {} values \
         and {} bytes equal{counted}",
        compared.sessions,
        compared.pairs,
        compared.exact_seconds,
        compared.snatches,
        compared.values,
        compared.bytes,
    );
    let deeds = std::fs::read_to_string(tracker.folder.join(DEEDS_FILE)).unwrap_or_default();
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for deed in deeds.lines() {
        *kinds.entry(deed).or_default() += 1;
    }
    let kinds: Vec<_> = kinds
        .iter()
        .map(|(deed, times)| format!("{deed} {times}"))
        .collect();
    println!("{name}: storage: {}", kinds.join("; "));
}

/// A database in a file of the site's folder.
fn of_file(folder: &Path) -> Box<dyn Database> {
    Box::new(File::new(folder))
}

/// Whether the environment wants another database than this one.
fn is_left_out(name: &str) -> bool {
    std::env::var("EXACTNESS_DATABASE").is_ok_and(|wanted| wanted != name)
}

#[test]
fn totals_are_exact() {
    if !is_left_out("sqlite") {
        run("exactness", &OWN, of_file, &Trial::new());
    }
}

#[test]
fn totals_are_exact_by_statements() {
    let database = |folder: &Path| -> Box<dyn Database> { Box::new(File::by_statements(folder)) };
    if !is_left_out("statements") {
        run("exactness-statements", &OWN, database, &Trial::new());
    }
}

#[cfg(any(feature = "mysql", feature = "postgres"))]
fn on_server(kind: servers::Kind, name: &str, site: &'static Kind, trial: &Trial) {
    if is_left_out(name) {
        return;
    }
    if let Some(server) = servers::Server::start(kind) {
        let database = |_: &Path| -> Box<dyn Database> { Box::new(database::OfServer(server)) };
        run(&format!("exactness-{name}"), site, database, trial);
    }
}

#[cfg(feature = "mysql")]
#[test]
fn totals_are_exact_in_mariadb() {
    on_server(servers::Kind::Mariadb, "mariadb", &OWN, &Trial::new());
}

#[cfg(feature = "postgres")]
#[test]
fn totals_are_exact_in_postgres() {
    on_server(servers::Kind::Postgres, "postgres", &OWN, &Trial::new());
}
