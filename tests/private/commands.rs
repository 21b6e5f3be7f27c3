//! A site that is kept by the command line, beside the running tracker.

use crate::common::program::{CHIHAYA, Running};
use crate::common::{eventually, http};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const TORRENT: &[u8] = b"d4:infod6:lengthi5e4:name5:hello12:piece lengthi16384e\
    6:pieces20:AAAAAAAAAAAAAAAAAAAA7:privatei1eee";
const INFO_HASH: &str = "2aec76c9db65e8e5f63a7a2334dd5152cbdfce38";

fn run(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(CHIHAYA);
    let output = command
        .args(["--config", "config.json"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn announce(passkey: &str, more: &str) -> String {
    let hash: Vec<_> = (0..20).map(|at| &INFO_HASH[2 * at..][..2]).collect();
    format!(
        "/{passkey}/announce?info_hash=%{}&peer_id=-XX0000-abcdefghijkl&port=7{more}",
        hash.join("%")
    )
}

#[test]
fn who_is_added_while_it_runs_is_served_within_seconds() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("private-commands");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("removed");
    }
    std::fs::create_dir_all(&folder).expect("made");
    let path = |name: &str| folder.join(name);
    // With the intervals that come by default.
    let settings = format!(
        r#"{{"tracker": "private", "network": {{"http": ["127.0.0.1:0"], "udp": []}},
            "storage": {{"path": {:?}}}, "journal": {{"path": {:?}}}}}"#,
        path("chihaya.db"),
        path("journal")
    );
    std::fs::write(path("config.json"), settings).expect("written");
    std::fs::write(path("hello.torrent"), TORRENT).expect("written");
    let mut running = Running::start(path("config.json").to_str().expect("UTF-8"));
    let (_, to) = running.listening(1)[0].clone();
    let refused = http::get(to, &announce("alice", "&left=5"));
    assert_eq!(refused.failure(), "unknown passkey");

    let out = run(&folder, &["user", "add", "alice"]);
    let mut lines = out.lines();
    let passkey = lines.find_map(|line| line.strip_prefix("passkey "));
    let passkey = passkey.expect("a passkey").to_owned();
    let told = |target: &str| {
        std::thread::sleep(Duration::from_millis(50));
        http::get(to, target)
    };
    let target = announce(&passkey, "&left=5");
    eventually("the user is known", || {
        told(&target).failure() == "torrent not registered"
    });
    run(&folder, &["torrent", "add", "hello.torrent"]);
    eventually("the torrent is known", || {
        !told(&target).body.windows(7).any(|part| part == b"failure")
    });
    let target = announce(&passkey, "&left=0&event=completed&uploaded=3&downloaded=5");
    assert_eq!(http::get(to, &target).announced().complete, 1);
    eventually("the list of torrents shows it", || {
        let list = run(&folder, &["torrent", "list"]);
        let line = list
            .lines()
            .find(|line| line.contains(INFO_HASH))
            .expect("a line");
        let numbers: Vec<_> = line
            .split_whitespace()
            .filter(|word| *word == "1")
            .collect();
        // Its number, a seeder, a snatch.
        numbers.len() == 3
    });
    let (status, lines) = running.end_by("-TERM");
    assert!(status.success(), "{lines:?}");
    assert!(
        !lines.iter().any(|line| line.contains(&passkey)),
        "{lines:?}"
    );
}
