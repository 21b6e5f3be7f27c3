//! Commands beside a running tracker.

use super::folder::{Folder, INFO_HASH, READER, TORRENT, WRITER, sqlite};
use crate::common::http;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

fn announce(passkey: &str, more: &str) -> String {
    let hash: Vec<_> = (0..20).map(|at| &INFO_HASH[2 * at..][..2]).collect();
    let hash = hash.join("%");
    format!("/{passkey}/announce?info_hash=%{hash}&peer_id=-XX0000-abcdefghijkl&port=7{more}")
}

fn new_passkey(out: &str) -> String {
    let mut lines = out.lines();
    let passkey = lines.find_map(|line| line.strip_prefix("passkey "));
    passkey.expect("a passkey").to_owned()
}

#[test]
fn the_next_announce_sees_it() {
    if !sqlite() {
        return;
    }
    let folder = Folder::new("commands-announce");
    folder.file("a.torrent", TORRENT);
    let (running, to) = folder.start();
    let run = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        folder.on_site(&words).good()
    };
    let out = run("user add alice");
    let passkey = new_passkey(&out);
    let leech = |passkey: &str| http::get(to, &announce(passkey, "&left=5"));
    assert_eq!(leech(&passkey).failure(), "torrent not registered");
    run("torrent add a.torrent");
    assert_eq!(leech(&passkey).announced().incomplete, 1);
    for (command, refusal) in [
        ("user set alice --disable", "account disabled"),
        ("user set alice --enable", ""),
        (
            "user set alice --can-leech no",
            "downloading is disabled for this account",
        ),
        ("user set alice --can-leech yes", ""),
        (
            "torrent set hello --status unapproved",
            "torrent not approved yet",
        ),
        ("torrent set hello --status registered", ""),
        (
            "torrent delete hello --reason dupe",
            "torrent deleted: dupe",
        ),
        ("torrent set hello --status registered", ""),
        ("client ban -XX", "client not approved"),
        ("client allow -XX", ""),
        ("client remove -XX", ""),
    ] {
        run(command);
        match refusal {
            "" => drop(leech(&passkey).announced()),
            refusal => assert_eq!(leech(&passkey).failure(), refusal, "{command}"),
        }
    }
    run("options set --interval 40m --min-interval 0s");
    let interval = leech(&passkey).announced().interval;
    assert!((2400..2500).contains(&interval), "{interval}");
    let new = new_passkey(&run("user set alice --new-passkey"));
    assert_eq!(leech(&passkey).failure(), "unknown passkey");
    leech(&new).announced();
    run("user delete alice");
    assert_eq!(leech(&new).failure(), "unknown passkey");
    let stats: Value = serde_json::from_str(&run("stats --json")).expect("JSON");
    assert_eq!(stats["private"]["torrents"], 1);
    let text = run("stats");
    for line in ["tracker private\n", "private.torrents 1\n", "workers.0."] {
        assert!(text.contains(line), "{text}");
    }
    let (status, lines) = running.end_by("-TERM");
    assert!(status.success(), "{lines:?}");
    let secrets = [&passkey, &new, WRITER, READER];
    let told = lines.join("\n");
    assert!(
        secrets.iter().all(|secret| !told.contains(*secret)),
        "{told}"
    );
}

/// The configuration of the site, changed.
fn change_config(folder: &Folder, change: impl FnOnce(&mut Value)) {
    let text = std::fs::read_to_string(folder.0.join("site.json")).expect("a file");
    let mut config = serde_json::from_str(&text).expect("JSON");
    change(&mut config);
    folder.file("site.json", config.to_string().as_bytes());
}

#[test]
fn tokens_that_are_none() {
    if !sqlite() {
        return;
    }
    let folder = Folder::new("commands-tokens");
    let (_running, _) = folder.start();
    let token = |token: Value| {
        change_config(&folder, |config| {
            config["admin"]["tokens"] = json!([token]);
        });
    };
    token(json!({ "name": "ours", "scope": "write", "token": "another-token-than-it-knows" }));
    for command in [
        ["user", "add", "alice"].as_slice(),
        &["user", "list"],
        &["stats"],
    ] {
        let ran = folder.on_site(command);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let said = "refused the token \"ours\"";
        assert!(
            ran.err.contains("the tracker at 127.0.0.1:") && ran.err.contains(said),
            "{ran:?}"
        );
        assert!(
            ran.out.is_empty() && !ran.err.contains("another-token"),
            "{ran:?}"
        );
    }
    // One that the tracker takes for reading only.
    token(json!({ "name": "ours", "scope": "write", "token": READER }));
    let ran = folder.on_site(&["user", "add", "alice"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.err
            .contains("does not let the token \"ours\" make changes"),
        "{ran:?}"
    );
    // Who cannot have a token goes to the storage, and is told when that is seen.
    token(json!({ "name": "ours", "scope": "read", "token": READER }));
    folder.on_site(&["user", "list"]).good();
    folder.on_site(&["stats"]).good();
    let ran = folder.on_site(&["user", "add", "alice"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("none has the scope \"write\""), "{ran:?}");
    assert!(ran.err.contains("sees it within seconds"), "{ran:?}");
    token(json!({ "name": "ours", "scope": "write", "token_env": "CHIHAYA_NO_SUCH_TOKEN" }));
    let ran = folder.on_site(&["user", "add", "bob"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("CHIHAYA_NO_SUCH_TOKEN"), "{ran:?}");
    // From a file, or from the environment.
    folder.file("token", format!("{WRITER}\n").as_bytes());
    token(json!({ "name": "ours", "scope": "write", "token_file": "token" }));
    folder.on_site(&["user", "add", "carol"]).good();
    token(json!({ "name": "ours", "scope": "write", "token_env": "CHIHAYA_TEST_TOKEN" }));
    let mut command = folder.command(&["--config", "site.json", "user", "add", "dave"]);
    let output = command.env("CHIHAYA_TEST_TOKEN", WRITER).output();
    assert!(output.expect("it runs").stderr.is_empty());
}

#[test]
fn what_answers_is_no_tracker() {
    let folder = Folder::new("commands-stranger");
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("an address");
    folder.configure(&address.to_string());
    for (says, said) in [
        ("SSH-2.0-OpenSSH\r\n", "is no tracker's management API"),
        ("", "has closed the connection"),
        (
            "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno",
            "answers with status 500",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            "is no tracker's management API",
        ),
        (
            "HTTP/1.1 503 No\r\nContent-Length: 19\r\n\r\n{\"error\":\"not now\"}\n",
            "answers: not now",
        ),
    ] {
        let listener = listener.try_clone().expect("the same");
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("accepted");
            let mut head = [0; 4096];
            let length = stream.read(&mut head).expect("a request");
            assert!(head[..length].ends_with(b"\r\n\r\n"));
            stream.write_all(says.as_bytes()).expect("said");
        });
        let ran = folder.on_site(&["options", "show"]);
        server.join().expect("no panic");
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains(said), "{said}: {ran:?}");
        assert!(!ran.err.contains(READER), "{ran:?}");
    }
}

#[test]
fn many_torrents_and_lines_go_over_the_api() {
    if !sqlite() {
        return;
    }
    const COUNT: usize = 300;
    let folder = Folder::new("commands-many");
    let (_running, _) = folder.start();
    let names: Vec<String> = (0..COUNT).map(|at| format!("{at:04}.torrent")).collect();
    for name in &names {
        let text = String::from_utf8(TORRENT.to_vec()).expect("ASCII");
        let text = text.replace("5:hello", &format!("{}:{name}", name.len()));
        folder.file(name, text.as_bytes());
    }
    let mut words = vec!["torrent", "add", "--json"];
    words.extend(names.iter().map(String::as_str));
    let json: Value = serde_json::from_str(&folder.on_site(&words).good()).expect("JSON");
    let added = json["torrents"].as_array().expect("a list");
    assert_eq!(added.len(), COUNT);
    for (torrent, name) in added.iter().zip(&names) {
        assert_eq!(
            (&torrent["name"], &torrent["stored"]),
            (&json!(name), &json!("written"))
        );
    }
    // More than one part of a list, and more than one piece of a body; from the standard input.
    let lines: String = (0..2500)
        .map(|at| {
            format!(
                "{{\"user\": {{\"passkey\": \"key{at}\", \"id\": {}}}}}\n",
                at + 1000
            )
        })
        .collect();
    let mut command = folder.command(&["--config", "site.json", "sync", "-", "--json"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(lines.as_bytes()).expect("taken");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let expected = json!({
        "lines": 2500, "done": 2500, "created": 2500, "held": 0, "failed": 0, "faults": [],
    });
    let number = |name: &str| told[name].as_u64().unwrap_or_default();
    // A busy machine may keep the storage waiting: then lines are held until it is done.
    assert!(number("held") <= number("done"), "{told}");
    for name in ["lines", "done", "created", "failed", "faults"] {
        assert_eq!(told[name], expected[name], "{told}");
    }
    let listed = || {
        let out = folder.on_site(&["user", "list", "--json"]).good();
        let json: Value = serde_json::from_str(&out).expect("JSON");
        let users = json["users"].as_array().expect("a list").clone();
        users
            .iter()
            .filter_map(|user| user["id"].as_u64())
            .collect::<Vec<u64>>()
    };
    let expected: Vec<u64> = (1000..3500).collect();
    crate::common::eventually("all are in the storage", || listed() == expected);
    let text = folder.on_site(&["user", "list"]).good();
    assert_eq!(
        text.lines().filter(|line| line.contains("ENABLED")).count(),
        1
    );
    assert_eq!(text.lines().count(), 2501);
}
