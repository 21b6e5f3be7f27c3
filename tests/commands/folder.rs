//! A folder in which commands run.

use crate::common::program::{CHIHAYA, Running};
use chihaya::config::Config;
use chihaya::{Drivers, StartError};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

pub const TORRENT: &[u8] = b"d4:infod6:lengthi5e4:name5:hello12:piece lengthi16384e\
    6:pieces20:AAAAAAAAAAAAAAAAAAAA7:privatei1eee";
pub const INFO_HASH: &str = "2aec76c9db65e8e5f63a7a2334dd5152cbdfce38";

/// A token of the tests.
pub const WRITER: &str = "the-token-of-the-tests";
pub const READER: &str = "the-token-of-readers";

/// A folder of this test, empty at first, in which commands run.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        if path.exists() {
            std::fs::remove_dir_all(&path).expect("removed");
        }
        std::fs::create_dir_all(&path).expect("made");
        Folder(path)
    }

    pub fn file(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.join(name), bytes).expect("written");
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(CHIHAYA);
        command.args(arguments).current_dir(&self.0);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().expect("it runs"))
    }

    /// The same with the configuration of the site.
    pub fn on_site(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["--config", "site.json"], arguments].concat())
    }

    /// Writes the configuration of a private site whose management API is at this address, with a
    /// writer and a reader.
    pub fn configure(&self, admin: &str) {
        let config = format!(
            r#"{{"tracker": "private", "network": {{"http": ["127.0.0.1:0"], "udp": []}},
                "storage": {{"changes_interval": "1h", "flush_interval": "1h"}},
                "admin": {{"listen": ["{admin}"], "tokens": [
                    {{"name": "reader", "scope": "read", "token": "{READER}"}},
                    {{"name": "writer", "scope": "write", "token": "{WRITER}"}}]}}}}"#
        );
        self.file("site.json", config.as_bytes());
    }

    /// Starts a tracker with this configuration, and lets commands know where it is; returns where
    /// it answers HTTP.
    pub fn start(&self) -> (Running, SocketAddr) {
        self.configure("127.0.0.1:0");
        let mut command = Command::new(CHIHAYA);
        command.args(["--config", "site.json"]).current_dir(&self.0);
        let mut running = Running::spawn(&mut command);
        let listening = running.listening(2);
        let of = |wanted: &str| {
            let found = listening.iter().find(|(protocol, _)| protocol == wanted);
            found.expect("it listens").1
        };
        self.configure(&of("admin").to_string());
        (running, of("http"))
    }
}

/// How a command ended, and what it said.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: &Output) -> Ran {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Ran {
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// What it said when all went well.
    pub fn good(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        self.out
    }
}

/// Whether the default storage is part of this build; says so if it is not.
pub fn sqlite() -> bool {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("commands-probe.db");
    let mut config = Config::default();
    config.storage.path = file;
    let unknown = matches!(
        Drivers::builtin().open_storage(&config),
        Err(StartError::UnknownDriver { .. })
    );
    if unknown {
        eprintln!("not tested: this build has no storage driver sqlite");
    }
    !unknown
}
