//! A database that is away for the whole run: nothing of it is seen by a client, what waits takes
//! no more room with time, and all of it is there when the database is back.

use super::check::compare;
use super::client::Client;
use super::process::Tracker;
use super::shared::Shared;
use super::site::{OWN, Site};
use super::tracker::{AWAY, WELL};
use super::{JOURNAL_MAX, clients, expect_equal, of_file, seed, set_off, wait};
use fastrand::Rng;
use std::fs::Metadata;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// KiB by which the tracker may grow: less than the journal would take that it goes through.
const MOST_KIB: u64 = 8 << 10;
/// Bytes of journal that show whether its folder grows.
const MANY_BYTES: u64 = 24 * JOURNAL_MAX;
/// How long it may take until everything is in the database that is back: it is tried again after
/// half a minute at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// What clients and the disk have seen in some time.
struct Seen {
    announces: u64,
    round_micros: u64,
    /// Bytes of the journal's folder at most, and of the checkpoint in it.
    bytes: u64,
    checkpoint: u64,
    resident_kib: [u64; 2],
}

/// Looks for some time, and until so much has gone through the journal, which may take longer on a
/// busy machine.
fn look(
    time: Duration,
    until: u64,
    shared: &Shared,
    tracker: &Tracker,
    crowds: &mut Vec<JoinHandle<Vec<Client>>>,
    done: &mut Vec<Client>,
) -> Seen {
    let read = || {
        [&shared.answered, &shared.round_micros, &shared.rounds]
            .map(|counter| counter.load(Ordering::Relaxed))
    };
    let (before, resident_kib) = (read(), tracker.resident_kib());
    let (mut bytes, mut checkpoint) = (0, 0);
    let began = Instant::now();
    while began.elapsed() < time || end(&tracker.journal()) < until {
        assert!(
            began.elapsed() < PATIENCE,
            "the journal does not come to {until}"
        );
        wait(Duration::from_millis(20), crowds, done);
        bytes = bytes.max(size(&tracker.journal()));
        let found = tracker.journal().join("checkpoint").metadata();
        checkpoint = checkpoint.max(found.map_or(0, |found| found.len()));
    }
    let after = read();
    let [announces, micros, rounds] = std::array::from_fn(|place| after[place] - before[place]);
    Seen {
        announces,
        round_micros: micros / rounds.max(1),
        bytes,
        checkpoint,
        resident_kib: [resident_kib, tracker.resident_kib()],
    }
}

fn size(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).expect("the journal");
    let files = files.filter_map(|file| file.ok()?.metadata().ok());
    files.map(|file: Metadata| file.len()).sum()
}

/// The position at which a journal ends: segments are named after that at which they begin.
fn end(journal: &Path) -> u64 {
    let files = std::fs::read_dir(journal).expect("the journal");
    let ends = files.filter_map(|file| {
        let file = file.ok()?;
        let name = file.file_name().into_string().ok()?;
        let start: u64 = name.strip_suffix(".journal")?.parse().ok()?;
        Some(start + file.metadata().ok()?.len())
    });
    ends.max().unwrap_or_default()
}

fn position(site: &Site) -> u64 {
    let rows = site.connect().rows("SELECT max(seq) FROM tracker_batches");
    rows[0][0].parse().unwrap_or(0)
}

#[test]
fn the_database_is_away_for_the_whole_run() {
    let seed = seed();
    println!("away: seed {seed}");
    let mut dice = Rng::with_seed(seed);
    let site = Site::new("exactness-away", &OWN, of_file, 70, 40, &mut dice);
    let mut tracker = Tracker::new(&site, JOURNAL_MAX);
    let shared = Shared::new(Arc::clone(&tracker.address));
    let crowd = clients(&site, 300, seed, &mut dice);
    tracker.start();
    let mut crowds = set_off(&shared, crowd, Duration::from_millis(5));
    let (crowds, done) = (&mut crowds, &mut Vec::new());
    let well = look(Duration::from_secs(3), 0, &shared, &tracker, crowds, done);
    assert!(tracker.knows_its_directory());

    tracker.kill();
    tracker.set_mood(AWAY);
    let left_at = position(&site);
    tracker.start();
    let enough = left_at + MANY_BYTES;
    let away = look(
        Duration::from_secs(4),
        enough,
        &shared,
        &tracker,
        crowds,
        done,
    );
    tracker.kill();
    tracker.start();
    let again = look(Duration::from_secs(2), 0, &shared, &tracker, crowds, done);
    shared.finishing.store(true, Ordering::Release);
    wait(PATIENCE, crowds, done);
    assert!(crowds.is_empty(), "seed {seed}: some are not answered");
    assert_eq!(
        shared.unavailable.load(Ordering::Relaxed),
        0,
        "told to wait"
    );
    assert_eq!(shared.missed.load(Ordering::Relaxed), 0, "not answered");
    assert_eq!(position(&site), left_at, "it is away");

    tracker.set_mood(WELL);
    let back = Instant::now();
    while compare(&site, done).differences().is_some() && back.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(100));
    }
    let check = expect_equal("when it is back", seed, &site, &tracker, done);
    let back_after = back.elapsed();
    tracker.stop();
    expect_equal("when it has stopped", seed, &site, &tracker, done);
    let journal = position(&site) - left_at;
    for (name, seen) in [
        ("well", &well),
        ("away", &away),
        ("killed while away", &again),
    ] {
        println!(
            "away: {name}: {} announces answered, {} µs a round; {} KiB on the disk at most, \
             {} to {} KiB in memory",
            seen.announces,
            seen.round_micros,
            seen.bytes >> 10,
            seen.resident_kib[0],
            seen.resident_kib[1],
        );
    }
    println!(
        "away: {} KiB of journal while it was away; {} values equal {:.1} s after it was back",
        journal >> 10,
        check.compared.values,
        back_after.as_secs_f32(),
    );
    for seen in [&away, &again] {
        // Since the last checkpoint, as much as is configured or twice its size, the rest of a
        // segment before, and what comes while the next one is made, on a disk that may be slow;
        // the checkpoint itself, and the next one beside it; the directory.
        let most = 8 * JOURNAL_MAX + 5 * seen.checkpoint;
        let bytes = seen.bytes;
        assert!(bytes < most, "{bytes} bytes on the disk, {most} at most");
        assert!(journal > most, "{journal} bytes of journal show nothing");
        let [before, after] = seen.resident_kib;
        assert!(
            after < before + MOST_KIB,
            "{before} KiB in memory, then {after}"
        );
    }
}
