//! The executable: what it says, and how it ends.

use super::PATIENCE;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

pub const CHIHAYA: &str = env!("CARGO_BIN_EXE_chihaya");

/// Runs it to its end.
pub fn chihaya(arguments: &[&str]) -> Output {
    let mut command = Command::new(CHIHAYA);
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().expect("it starts");
    let id = child.id();
    let (to, output) = channel();
    thread::spawn(move || to.send(child.wait_with_output()));
    let Ok(output) = output.recv_timeout(PATIENCE) else {
        signal("-KILL", id);
        panic!("{arguments:?}: still running");
    };
    output.expect("its output")
}

fn signal(signal: &str, id: u32) {
    let kill = Command::new("kill")
        .args([signal, &id.to_string()])
        .status();
    assert!(kill.expect("kill runs").success());
}

/// It is running, and its log lines come one by one.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    pub fn start(config: &str) -> Running {
        Running::spawn(Command::new(CHIHAYA).args(["--config", config]))
    }

    /// Runs another program of ours, which logs as the executable does.
    pub fn spawn(command: &mut Command) -> Running {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let (to, lines) = channel();
        thread::spawn(move || stderr.lines().try_for_each(|line| to.send(line.ok()?).ok()));
        Running {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// The next log line; `None` when it has ended.
    pub fn line(&mut self) -> Option<&str> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.seen.push(line);
                self.seen.last().map(String::as_str)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("still running after {:?}", self.seen),
        }
    }

    /// Where it listens, once it says so of so many addresses.
    pub fn listening(&mut self, count: usize) -> Vec<(String, SocketAddr)> {
        while listening(&self.seen).len() < count {
            assert!(self.line().is_some(), "ended after {:?}", self.seen);
        }
        listening(&self.seen)
    }

    /// All it has said so far.
    pub fn said(&mut self) -> &[String] {
        self.seen.extend(self.lines.try_iter());
        &self.seen
    }

    /// Sends a signal; it may go on.
    pub fn signal(&self, name: &str) {
        signal(name, self.child.id());
    }

    /// Sends a signal; returns how it ended and all it said.
    pub fn end_by(mut self, name: &str) -> (ExitStatus, Vec<String>) {
        signal(name, self.child.id());
        while self.line().is_some() {}
        (
            self.child.wait().expect("ended"),
            std::mem::take(&mut self.seen),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that fails leaves nothing running; one that does not has seen the end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Protocols and addresses of the lines that tell of them.
pub fn listening(lines: &[String]) -> Vec<(String, SocketAddr)> {
    let of_line = |line: &String| {
        let (_, rest) = line.split_once("listening on ")?;
        let (address, protocol) = rest.split_once(' ')?;
        let protocol = protocol.strip_prefix('(')?.strip_suffix(')')?;
        Some((protocol.to_owned(), address.parse().expect("an address")))
    };
    lines.iter().filter_map(of_line).collect()
}
