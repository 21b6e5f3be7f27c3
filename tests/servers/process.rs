//! The processes of a server, and who ends them.

use super::succeeds;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Starts the server and waits: for a word, to see it end; for the end of all words, when this
/// program is gone, to end it and remove what it leaves.
const KEEPER: &str = r#"
folder=$1
shift
"$@" </dev/null >>"$folder/log" 2>&1 &
id=$!
echo "$id"
if read -r _; then
    wait "$id"
else
    kill -QUIT "$id"
    kill -CONT "$id"
    wait "$id"
    cd /
    rm -rf "$folder"
fi
"#;

/// Whom a server runs as.
pub struct Account(Option<(u32, u32)>);

impl Account {
    /// The one of that name, where we may become it; nobody, where there is none such.
    pub fn of(name: &str) -> Account {
        let root = fs::metadata("/proc/self").is_ok_and(|myself| myself.uid() == 0);
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let numbers = |name: &str| {
            let mut lines = accounts.lines().map(|line| line.split(':'));
            let mut fields = lines
                .find(|fields| fields.clone().next() == Some(name))?
                .skip(2);
            let mut number = || fields.next()?.parse().ok();
            Some((number()?, number()?))
        };
        Account(root.then(|| {
            numbers(name)
                .or_else(|| numbers("nobody"))
                .expect("an account")
        }))
    }

    pub fn owns(&self, path: &Path) {
        if let Account(Some((user, group))) = self {
            chown(path, Some(*user), Some(*group)).expect("given away");
        }
    }

    /// A program that runs as this one.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Account(Some((user, group))) = self {
            command.uid(*user).gid(*group);
        }
        command
    }
}

pub struct Process {
    keeper: Child,
    id: u32,
}

impl Process {
    /// Starts a command.
    pub fn start(command: Vec<String>, folder: &Path, account: &Account) -> Process {
        let mut keeper = account
            .command(Path::new("/bin/sh"))
            .args(["-c", KEEPER, "keeper"])
            .arg(folder)
            .args(command)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let mut line = String::new();
        let mut told = BufReader::new(keeper.stdout.take().expect("piped"));
        told.read_line(&mut line).expect("a line");
        let id = line.trim().parse().expect("a number");
        Process { keeper, id }
    }

    pub fn is_there(&mut self) -> bool {
        is_running(self.id)
    }

    /// Signals it and all its children.
    pub fn signal(&self, signal: &str) {
        let mut kill = Command::new("kill");
        kill.arg(signal).arg(self.id.to_string());
        kill.args(children(self.id).iter().map(u32::to_string));
        // A child may have ended meanwhile.
        let _ = kill.stderr(Stdio::null()).status().expect("kill runs");
    }

    /// Stops it and all its children; returns when no thread of theirs does anything.
    pub fn stop_all(&self) {
        self.signal("-STOP");
        let deadline = Instant::now() + Duration::from_secs(10);
        let all = || children(self.id).into_iter().chain([self.id]);
        while !all().all(is_stopped) {
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::yield_now();
        }
    }

    /// Kills it and all its children; returns when all are gone: what they share must be free when
    /// it is started again.
    pub fn kill(mut self) {
        // While it is stopped, no new ones come.
        succeeds(Command::new("kill").args(["-STOP", &self.id.to_string()]));
        let deadline = Instant::now() + Duration::from_secs(10);
        let wait = |is_so: &dyn Fn() -> bool| {
            while !is_so() {
                assert!(Instant::now() < deadline, "it does not end");
                std::thread::yield_now();
            }
        };
        wait(&|| is_stopped(self.id));
        let children = children(self.id);
        self.signal("-KILL");
        wait(&|| children.iter().all(|child| !is_running(*child)));
        let mut words = self.keeper.stdin.take().expect("piped");
        words.write_all(b"\n").expect("a word");
        self.keeper.wait().expect("gone");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Whether a process is there and has not ended.
fn is_running(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| &rest[..1]);
    state.is_some_and(|state| !["Z", "X"].contains(&state))
}

/// Whether all threads of a process are stopped, or gone.
fn is_stopped(id: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{id}/task"))
        .into_iter()
        .flatten();
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        let state = stat.rsplit_once(") ").map(|(_, rest)| &rest[..1]);
        state.is_none_or(|state| ["T", "Z", "X"].contains(&state))
    })
}

fn children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("processes").flatten();
    let id = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let is_child = |id: &u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        rest.split(' ').nth(1) == Some(&parent.to_string())
    };
    entries.filter_map(id).filter(is_child).collect()
}
