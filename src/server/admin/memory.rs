//! The file in which UNIT3D's groups are remembered, so that a restart forgets none.
//!
//! A line of JSON for each thing that was said, the last of which counts; written anew when most of
//! it is no longer true.

use crate::server::files;
use crate::tracker::api::dialects::{Fact, Groups};
use log::warn;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The file, in the folder of the journal.
const FILE: &str = "groups.jsonl";
/// Lines that are no longer true in a file that is written anew.
const STALE_LEAST: usize = 4096;
/// Bytes of a line at most, whatever the file holds.
const LINE_BYTES_MOST: u64 = 1024;
/// How often what was appended is synced: what a power cut takes at most.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct Memory {
    path: PathBuf,
    groups: Groups,
    /// Open for appending; `None`: the next line is written with all others.
    file: Option<File>,
    /// Lines in the file.
    lines: usize,
    /// Something is not in the file, because it could not be written.
    is_behind: bool,
    /// When something was appended that may not last yet.
    unsynced: Option<Instant>,
}

impl Memory {
    /// Reads the file, if there is one.
    pub(super) fn open(folder: &Path) -> io::Result<Memory> {
        let path = folder.join(FILE);
        let mut memory = Memory {
            groups: Groups::default(),
            file: None,
            lines: 0,
            is_behind: false,
            unsynced: None,
            path,
        };
        match File::open(&memory.path) {
            Ok(file) => memory.read(BufReader::new(file))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(memory)
    }

    fn read(&mut self, mut file: BufReader<File>) -> io::Result<()> {
        let mut line = Vec::new();
        let mut damaged = 0;
        loop {
            line.clear();
            let mut limited = io::Read::take(&mut file, LINE_BYTES_MOST);
            if limited.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            self.lines += 1;
            match serde_json::from_slice::<Fact>(&line) {
                Ok(fact) => drop(self.groups.take(fact)),
                Err(_) => damaged += 1,
            }
        }
        if damaged > 0 {
            let path = self.path.display();
            warn!("admin: {path}: {damaged} lines are damaged, and passed over");
        }
        Ok(())
    }

    pub(super) fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Remembers something, here and in the file.
    pub(super) fn note(&mut self, fact: Fact) -> io::Result<()> {
        if self.groups.is_full() && matches!(fact, Fact::Member(..) | Fact::Group(..)) {
            return Err(io::Error::other("too many users and groups"));
        }
        if !self.groups.take(fact) && !self.is_behind {
            return Ok(());
        }
        let written = self.write(fact);
        self.is_behind = written.is_err();
        if self.is_behind {
            // Half a line may be there: all is written anew before another follows it.
            self.file = None;
        }
        written
    }

    fn write(&mut self, fact: Fact) -> io::Result<()> {
        let is_stale = self.lines > 2 * self.groups.len() + STALE_LEAST;
        let Some(file) = self.file.as_mut().filter(|_| !is_stale) else {
            return self.write_all();
        };
        let mut line = serde_json::to_vec(&fact).map_err(io::Error::other)?;
        line.push(b'\n');
        file.write_all(&line)?;
        self.lines += 1;
        self.unsynced.get_or_insert_with(Instant::now);
        Ok(())
    }

    fn write_all(&mut self) -> io::Result<()> {
        let groups = &self.groups;
        files::replace::<io::Error>(&self.path, &mut |to| {
            groups.facts().try_for_each(|fact| {
                serde_json::to_writer(&mut *to, &fact)?;
                to.write_all(b"\n")
            })
        })?;
        self.lines = groups.len();
        self.unsynced = None;
        let mut options = OpenOptions::new();
        self.file = Some(options.append(true).mode(files::MODE).open(&self.path)?);
        Ok(())
    }

    /// Sees to it that what was appended lasts through a power cut, before long.
    pub(super) fn sync(&mut self, now: Instant) {
        let is_due = |since: &Instant| now.saturating_duration_since(*since) >= SYNC_INTERVAL;
        if self.unsynced.filter(is_due).is_none() {
            return;
        }
        self.unsynced = None;
        if let Some(file) = &self.file
            && let Err(error) = file.sync_data()
        {
            warn!("admin: {}: cannot be synced: {error}", self.path.display());
        }
    }

    /// Whether anything was appended that may not last yet.
    pub(super) fn is_unsynced(&self) -> bool {
        self.unsynced.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UserId;
    use crate::tracker::api::dialects::{Group, Member};

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("chihaya-memory-{name}-{}", std::process::id()));
        // Of an earlier run, perhaps.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("made");
        folder
    }

    const GROUP: Group = Group {
        slots: Some(2),
        freeleech: true,
        double_upload: false,
        barred: false,
    };

    fn member(id: u64, group: i64) -> Fact {
        let member = Member {
            group,
            donor: false,
            lifetime: true,
        };
        Fact::Member(UserId(id), member)
    }

    fn known(memory: &Memory) -> Vec<String> {
        let facts = memory.groups().facts();
        let mut facts: Vec<String> = facts.map(|fact| format!("{fact:?}")).collect();
        facts.sort();
        facts
    }

    #[test]
    fn what_is_noted_is_there_after_a_restart() {
        let folder = folder("restart");
        let mut memory = Memory::open(&folder).expect("opens");
        let facts = [
            Fact::Group(3, GROUP),
            member(7, 3),
            member(8, 3),
            member(7, 4),
            Fact::Group(4, GROUP),
            Fact::GroupGone(4),
            Fact::MemberGone(UserId(8)),
        ];
        for fact in facts {
            memory.note(fact).expect("noted");
            let again = Memory::open(&folder).expect("opens again");
            assert_eq!(known(&again), known(&memory));
        }
        assert_eq!(memory.groups().len(), 2);
        assert_eq!(memory.groups().members_of(4), [UserId(7)]);
        std::fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn a_torn_line_hurts_no_other() {
        let folder = folder("torn");
        let mut memory = Memory::open(&folder).expect("opens");
        memory.note(member(7, 3)).expect("noted");
        memory.note(member(8, 3)).expect("noted");
        let path = folder.join(FILE);
        let mut bytes = std::fs::read(&path).expect("read");
        bytes.truncate(bytes.len() - 5);
        std::fs::write(&path, &bytes).expect("written");
        let mut memory = Memory::open(&folder).expect("opens");
        assert_eq!(memory.groups().members_of(3), [UserId(7)]);
        memory.note(member(9, 3)).expect("noted");
        let again = Memory::open(&folder).expect("opens");
        assert_eq!(known(&again), known(&memory));
        assert_eq!(again.groups().len(), 2);
        std::fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn what_is_no_longer_true_goes() {
        let folder = folder("stale");
        let mut memory = Memory::open(&folder).expect("opens");
        for turn in 0..3 * STALE_LEAST as u64 {
            memory.note(member(1, turn as i64)).expect("noted");
        }
        assert!(memory.lines < 2 * STALE_LEAST, "{} lines", memory.lines);
        let again = Memory::open(&folder).expect("opens");
        assert_eq!(known(&again), known(&memory));
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
