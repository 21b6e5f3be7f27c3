//! The tracker's own process, and the storage that it is given: a real one that fails in all the
//! ways a data store can fail.

use chihaya::config::Config;
use chihaya::storage::{Change, Commit, Cursor, Storage, StorageError, Wanted};
use chihaya::{Drivers, StartError, run};
use fastrand::Rng;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the storage behaves: a file that the test writes, and the storage reads at each call.
pub const MOOD_FILE: &str = "mood";
/// What the storage did, a line a call.
pub const DEEDS_FILE: &str = "deeds";
/// The settings of the tracker.
pub const CONFIG_FILE: &str = "config.json";

/// It does what it is asked.
pub const WELL: &str = "well";
/// It fails, loses answers, hangs.
pub const MOODY: &str = "moody";
/// It does nothing, and does not open.
pub const AWAY: &str = "away";

/// Milliseconds for which a moody storage hangs: longer than a flush interval, and than most lives
/// of a tracker in this test.
const HANG_MS: std::ops::Range<u64> = 100..2500;

/// Some mood.
pub fn any_mood(dice: &mut Rng) -> &'static str {
    match dice.u8(..10) {
        0..3 => WELL,
        3 => AWAY,
        _ => MOODY,
    }
}

/// Runs the tracker of a folder until it is told to stop.
pub fn serve(folder: &Path) {
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Info)
        .format_target(false)
        .init();
    // It must not outlive a test that is gone.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(1);
    });
    let text = std::fs::read_to_string(folder.join(CONFIG_FILE)).expect("the settings");
    let config = Config::from_json(&text).expect("good settings");
    let folder = folder.to_owned();
    let driver = config.storage.driver.clone();
    let drivers = Drivers::builtin().with_storage(&driver, move |config| {
        Ok(Box::new(Unreliable::open(config, &folder)?))
    });
    run(&config, &drivers).expect("the tracker runs");
}

/// A call of a storage.
#[derive(Clone, Copy, PartialEq)]
enum Call {
    Load,
    Find,
    Position,
    Commit,
}

/// What becomes of a call.
enum Fate {
    Done,
    NotDone,
    DoneAndAnswerLost,
    DoneLate(Duration),
    AnsweredLate(Duration),
    DoneAndAnswerLostLate(Duration),
}

struct Unreliable {
    inner: Box<dyn Storage>,
    folder: PathBuf,
    dice: Rng,
}

impl Unreliable {
    fn open(config: &Config, folder: &Path) -> Result<Unreliable, StorageError> {
        let mut dice = Rng::with_seed(getrandom::u64().expect("random bytes"));
        let refuses = match mood(folder).as_str() {
            AWAY => true,
            MOODY => dice.u8(..8) == 0,
            _ => false,
        };
        if refuses {
            note(folder, "open refused");
            return Err(StorageError::Retry("it does not open".to_owned()));
        }
        note(folder, "opened");
        Ok(Unreliable {
            inner: match Drivers::builtin().open_storage(config) {
                Ok(inner) => inner,
                Err(StartError::Storage(error)) => return Err(error),
                Err(error) => return Err(StorageError::Fatal(error.to_string())),
            },
            folder: folder.to_owned(),
            dice,
        })
    }

    fn fate(&mut self, call: Call) -> Fate {
        let mood = mood(&self.folder);
        if mood == AWAY {
            return Fate::NotDone;
        }
        if mood == WELL {
            return Fate::Done;
        }
        let late = Duration::from_millis(self.dice.u64(HANG_MS));
        match (self.dice.u8(..100), call) {
            (..5, _) | (5..15, Call::Commit) => Fate::NotDone,
            (15..35, Call::Commit) => Fate::DoneAndAnswerLost,
            (35..50, Call::Commit) => Fate::AnsweredLate(late),
            (50..60, Call::Commit) => Fate::DoneAndAnswerLostLate(late),
            (60..70, Call::Commit) | (60..65, Call::Position) => Fate::DoneLate(late),
            (70..75, Call::Load) => Fate::DoneLate(late),
            _ => Fate::Done,
        }
    }

    /// Asks the real storage, and lets happen what is to happen.
    fn ask<T>(
        &mut self,
        call: Call,
        ask: impl FnOnce(&mut dyn Storage) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let fate = self.fate(call);
        let lost = |what: &str| Err(StorageError::Retry(what.to_owned()));
        let (deed, late, loses) = match fate {
            Fate::NotDone => {
                note(&self.folder, &format!("{} failed", call.name()));
                return lost("it fails");
            }
            Fate::Done => ("done", None, false),
            Fate::DoneAndAnswerLost => ("done, answer lost", None, true),
            Fate::AnsweredLate(late) => ("done, answer late", Some(late), false),
            Fate::DoneAndAnswerLostLate(late) => ("done, answer lost late", Some(late), true),
            Fate::DoneLate(late) => {
                note(&self.folder, &format!("{} hangs first", call.name()));
                std::thread::sleep(late);
                ("done", None, false)
            }
        };
        let result = ask(&mut *self.inner);
        match &result {
            Ok(_) => note(&self.folder, &format!("{} {deed}", call.name())),
            Err(error) => note(&self.folder, &format!("{} refused: {error}", call.name())),
        }
        late.into_iter().for_each(std::thread::sleep);
        if loses && result.is_ok() {
            return lost("its answer is lost");
        }
        result
    }
}

impl Call {
    fn name(self) -> &'static str {
        match self {
            Call::Load => "load",
            Call::Find => "find",
            Call::Position => "position",
            Call::Commit => "commit",
        }
    }
}

impl Storage for Unreliable {
    fn load(
        &mut self,
        since: Option<Cursor>,
        to: &mut dyn FnMut(Change),
    ) -> Result<Cursor, StorageError> {
        self.ask(Call::Load, |inner| inner.load(since, to))
    }

    fn find(&mut self, wanted: &Wanted, to: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        self.ask(Call::Find, |inner| inner.find(wanted, to))
    }

    fn position(&mut self, writer: &str) -> Result<u64, StorageError> {
        self.ask(Call::Position, |inner| inner.position(writer))
    }

    fn commit(&mut self, writer: &str, batch: &Commit) -> Result<(), StorageError> {
        self.ask(Call::Commit, |inner| inner.commit(writer, batch))
    }
}

fn mood(folder: &Path) -> String {
    std::fs::read_to_string(folder.join(MOOD_FILE)).expect("a mood")
}

/// Whoever is killed in the middle of it must leave a whole line: one write.
fn note(folder: &Path, deed: &str) {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join(DEEDS_FILE));
    let written = file.and_then(|mut file| file.write_all(format!("{deed}\n").as_bytes()));
    written.expect("noted");
}
