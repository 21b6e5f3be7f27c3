//! The clients, what they can do, and how each is started with everything off that finds peers
//! without a tracker.

use super::files::{create_folder, text, write};
use super::namespace::{Fallible, output};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

pub struct Client {
    pub name: &'static str,
    /// Transports over which it does not announce.
    mute: &'static [&'static str],
    /// Transports over which it announces, but cannot read the peers in the answer.
    blind: &'static [&'static str],
    pub command: fn(&Task) -> Fallible<Vec<String>>,
    /// What it must be told, in its namespace, to leave the swarms; nothing: that it is to end.
    pub leave: &'static [&'static str],
    /// What it says it has uploaded and downloaded, once it has ended; none: it does not say.
    pub moved: Option<Moved>,
}

/// Reads what was uploaded and downloaded, from the client's folders or its log.
pub type Moved = fn(&Task, &Path) -> Fallible<[u64; 2]>;

pub const CLIENTS: [Client; 3] = [
    // Transmission 3.00 takes the peers of every UDP answer for IPv4 ones, so it must be found.
    Client {
        name: "transmission",
        mute: &[],
        blind: &["udp6"],
        command: transmission,
        // When it ends it tells no tracker that it does.
        leave: &["transmission-remote", "--torrent", "all", "--stop"],
        moved: Some(transmission_moved),
    },
    // aria2 asks UDP trackers over IPv4 only.
    Client {
        name: "aria2",
        mute: &["udp6"],
        blind: &[],
        command: aria2,
        leave: &[],
        moved: None,
    },
    Client {
        name: "libtorrent",
        mute: &[],
        blind: &[],
        command: libtorrent,
        leave: &[],
        moved: Some(libtorrent_moved),
    },
];

/// Programs that must be installed, and the packages that have them.
const PROGRAMS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("curl", "curl"),
    ("transmission-create", "transmission-cli"),
    ("transmission-show", "transmission-cli"),
    ("transmission-remote", "transmission-cli"),
    ("transmission-daemon", "transmission-daemon"),
    ("aria2c", "aria2"),
    #[cfg(feature = "redis")]
    ("redis-server", "redis-server"),
];

impl Client {
    /// Both must be in the swarm, and one of them must see the other there.
    pub fn can_meet(&self, other: &Client, transport: &str) -> bool {
        let announces = |client: &Client| !client.mute.contains(&transport);
        let sees_peers = |client: &Client| !client.blind.contains(&transport);
        announces(self) && announces(other) && (sees_peers(self) || sees_peers(other))
    }
}

/// What a client is started for: the torrents to take part in, and folders of its own.
pub struct Task {
    pub torrents: Vec<PathBuf>,
    pub files: PathBuf,
    pub state: PathBuf,
}

impl Task {
    fn torrent_arguments(&self) -> impl Iterator<Item = String> {
        self.torrents.iter().map(|torrent| text(torrent))
    }
}

fn transmission(task: &Task) -> Fallible<Vec<String>> {
    // uTP is off because a peer that does not speak it is tried over TCP only much later.
    let settings = r#"{"dht-enabled": false, "lpd-enabled": false, "pex-enabled": false,
        "port-forwarding-enabled": false, "utp-enabled": false, "rpc-bind-address": "127.0.0.1"}"#;
    write(&task.state.join("settings.json"), settings.as_bytes())?;
    // The daemon takes up whatever it finds in this folder when it starts.
    let taken_up = task.state.join("torrents");
    create_folder(&taken_up)?;
    for (number, torrent) in task.torrents.iter().enumerate() {
        fs::copy(torrent, taken_up.join(format!("{number}.torrent")))
            .map_err(|err| format!("cannot copy {}: {err}", torrent.display()))?;
    }
    let (state, files) = (text(&task.state), text(&task.files));
    Ok(words(&[
        "transmission-daemon",
        "-f",
        "-g",
        &state,
        "-w",
        &files,
    ]))
}

/// What is in its file of sums.
fn transmission_moved(task: &Task, _log: &Path) -> Fallible<[u64; 2]> {
    let path = task.state.join("stats.json");
    let text = fs::read_to_string(&path).map_err(|err| format!("{}: {err}", path.display()))?;
    let sums: serde_json::Value =
        serde_json::from_str(&text).map_err(|err| format!("{}: {err}", path.display()))?;
    let sum = |key| sums[key].as_u64().ok_or(format!("no {key} in {text}"));
    Ok([sum("uploaded-bytes")?, sum("downloaded-bytes")?])
}

fn aria2(task: &Task) -> Fallible<Vec<String>> {
    let mut command = words(&[
        "aria2c",
        "--no-conf",
        // UDP trackers are asked through the socket of the DHT, which has no entry point here.
        "--enable-dht=true",
        "--enable-dht6=false",
        "--enable-peer-exchange=false",
        "--bt-enable-lpd=false",
        // What is there already is checked, and seeded without end.
        "--check-integrity=true",
        "--seed-ratio=0",
        "--file-allocation=none",
        "--max-concurrent-downloads=9",
        "--console-log-level=notice",
        "--enable-color=false",
        "--show-console-readout=false",
        "--summary-interval=0",
    ]);
    command.push(format!("--dir={}", task.files.display()));
    command.push(format!(
        "--dht-file-path={}",
        task.state.join("dht.dat").display()
    ));
    command.extend(task.torrent_arguments());
    Ok(command)
}

fn libtorrent(task: &Task) -> Fallible<Vec<String>> {
    let python = python().ok_or("no python3 with libtorrent")?;
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/clients/libtorrent_client.py"
    );
    let mut command = words(&[python, script, &text(&task.files)]);
    command.extend(task.torrent_arguments());
    Ok(command)
}

/// What the script says last.
fn libtorrent_moved(_task: &Task, log: &Path) -> Fallible<[u64; 2]> {
    let text = fs::read_to_string(log).map_err(|err| format!("{}: {err}", log.display()))?;
    let last = text.lines().find_map(|line| line.strip_prefix("MOVED "));
    let numbers = last.and_then(|line| line.split_once(' '));
    let numbers = numbers.and_then(|(up, down)| up.parse().ok().zip(down.parse().ok()));
    let (up, down) = numbers.ok_or(format!("{} does not say what was moved", log.display()))?;
    Ok([up, down])
}

/// The interpreter that has libtorrent: another one may hide the distribution's in `PATH`.
fn python() -> Option<&'static str> {
    let imports = |python: &&str| output(&[python, "-c", "import libtorrent"]).is_ok();
    ["python3", "/usr/bin/python3"].into_iter().find(imports)
}

pub fn missing_programs() -> Vec<String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let installed = |program| env::split_paths(&path).any(|folder| folder.join(program).is_file());
    let absent = PROGRAMS.iter().filter(|(program, _)| !installed(program));
    let mut missing: Vec<String> = absent
        .map(|(program, package)| format!("{program} (package {package})"))
        .collect();
    if python().is_none() {
        missing.push("libtorrent for python3 (package python3-libtorrent)".into());
    }
    missing
}

pub fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| word.to_string()).collect()
}
