//! Commands where no tracker runs.

use super::folder::{Folder, INFO_HASH, Ran, TORRENT, sqlite};
use std::io::{BufRead, BufReader, Read};

const OPEN_TORRENT: &[u8] = b"d4:infod6:lengthi5e4:name9:\x1b[2Jhello6:pieces0:ee";

#[test]
fn arguments_that_are_none() {
    let folder = Folder::new("directory-arguments");
    let cases: [&[&str]; 7] = [
        &["user"],
        &["user", "add"],
        &["user", "add", "a\nb"],
        &["user", "list", "alice"],
        &["torrent", "add"],
        &["torrent", "list", "--passkeys"],
        &["user", "list", "--check"],
    ];
    for arguments in cases {
        let ran = folder.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains("--help"), "{arguments:?}: {ran:?}");
        assert!(ran.out.is_empty(), "{arguments:?}: {ran:?}");
    }
    let left = std::fs::read_dir(&folder.0).expect("a folder").count();
    assert_eq!(left, 0, "files were made");
}

#[test]
fn storages_that_cannot_be_written() {
    let folder = Folder::new("directory-storages");
    folder.file("none.json", br#"{"storage": {"driver": "none"}}"#);
    folder.file("paper.json", br#"{"storage": {"driver": "paper"}}"#);
    folder.file("a.torrent", TORRENT);
    let commands: [&[&str]; 4] = [
        &["user", "add", "alice"],
        &["user", "list"],
        &["torrent", "add", "a.torrent"],
        &["torrent", "list"],
    ];
    for (config, said) in [
        ("none.json", "\"none\" keeps no directory"),
        ("paper.json", "no driver \"paper\""),
        ("absent.json", "absent.json"),
    ] {
        for command in commands {
            for arguments in [
                [&["--config", config], command].concat(),
                [command, &["--config", config]].concat(),
            ] {
                let ran = folder.run(&arguments);
                assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
                assert!(ran.err.contains(said), "{arguments:?}: {ran:?}");
                assert!(ran.out.is_empty(), "{arguments:?}: {ran:?}");
            }
        }
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let folder = Folder::new("directory-pipe");
    for argument in ["--help", "--print-config"] {
        let mut child = folder.command(&[argument]).spawn().expect("it starts");
        drop(child.stdout.take());
        let ran = Ran::of(&child.wait_with_output().expect("it ends"));
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{argument}");
    }
}

#[test]
fn users_and_torrents_of_a_new_site() {
    if !sqlite() {
        return;
    }
    let folder = Folder::new("directory-new-site");
    folder.file("a.torrent", TORRENT);
    folder.file("open.torrent", OPEN_TORRENT);

    let out = folder.run(&["user", "add", "alice"]).good();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "user 1 alice");
    let passkey = lines[1].strip_prefix("passkey ").expect("a passkey");
    assert_eq!(passkey.len(), 32);
    assert_eq!(
        lines[2],
        format!("announce http://HOST:6969/{passkey}/announce")
    );
    assert_eq!(
        lines[3],
        format!("announce udp://HOST:6969/{passkey}/announce")
    );

    let users = folder.run(&["user", "list"]).good();
    assert_eq!(users.lines().count(), 2, "{users}");
    assert!(
        users.contains("alice") && !users.contains(passkey),
        "{users}"
    );
    let users = folder.run(&["user", "list", "--passkeys"]).good();
    assert!(users.contains(passkey), "{users}");

    let out = folder.run(&["torrent", "add", "a.torrent"]).good();
    assert!(
        out.starts_with(&format!(
            "torrent 1 hello\ninfo hash {INFO_HASH}\nannounce http://"
        )),
        "{out}"
    );
    assert!(out.contains("udp://HOST:6969/PASSKEY/announce"), "{out}");
    // Once more, with one that is not there yet: that one is registered.
    let ran = folder.run(&["torrent", "add", "a.torrent", "open.torrent"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("a.torrent"), "{ran:?}");
    assert!(ran.err.contains("not marked private"), "{ran:?}");
    let torrents = folder.run(&["torrent", "list"]).good();
    assert_eq!(torrents.lines().count(), 3, "{torrents}");
    assert!(torrents.contains(INFO_HASH), "{torrents}");
    for text in [&ran.out, &torrents] {
        assert!(text.contains("\u{fffd}[2Jhello"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}

#[test]
fn a_configuration_that_is_public_is_told() {
    if !sqlite() {
        return;
    }
    let folder = Folder::new("directory-public");
    folder.file(
        "public.json",
        br#"{"network": {"udp": [], "http": ["[::1]:80"]}}"#,
    );
    folder.file("private.json", br#"{"tracker": "private"}"#);
    let ran = folder.run(&["--config", "public.json", "user", "add", "alice"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("announce http://[::1]:80/"), "{ran:?}");
    assert!(
        ran.err.contains("public.json") && ran.err.contains("private"),
        "{ran:?}"
    );
    folder
        .run(&["--config", "private.json", "user", "add", "bob"])
        .good();
    folder
        .run(&["--config", "public.json", "user", "list"])
        .good();
}

#[test]
fn the_first_line_of_a_long_list() {
    if !sqlite() {
        return;
    }
    let folder = Folder::new("directory-long");
    for number in 0..3 {
        folder
            .run(&["user", "add", &format!("user{number}")])
            .good();
    }
    let mut child = folder
        .command(&["user", "list"])
        .spawn()
        .expect("it starts");
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    let mut first = String::new();
    out.read_line(&mut first).expect("a line");
    drop(out);
    assert!(first.starts_with("ID "), "{first}");
    let mut err = String::new();
    let mut stderr = child.stderr.take().expect("piped");
    stderr.read_to_string(&mut err).expect("text");
    assert_eq!(
        (child.wait().expect("it ends").code(), err.as_str()),
        (Some(0), "")
    );
}
