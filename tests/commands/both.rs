//! The same commands by the storage alone and over the API: they say the same.

use super::folder::{Folder, INFO_HASH, Ran, TORRENT, sqlite};
use serde_json::{Value, json};

const OTHER_HASH: &str = "4b3f4b60dc31b4ae44d5e3ba1c2bb2ca2b1b66e4";

/// Lines of a sync: an empty one, one that is no JSON, and one that removes what is not there.
const LINES: &str = concat!(
    r#"{"user": {"id": 50, "passkey": "synced", "name": "carol"}}"#,
    "\n\n",
    r#"{"torrent": {"info_hash": "4b3f4b60dc31b4ae44d5e3ba1c2bb2ca2b1b66e4", "id": 60, "name": "late"}}"#,
    "\nnonsense\n",
    r#"{"client_gone": {"prefix": "-ZZ"}}"#,
    "\n",
    r#"{"user": {"id": 51, "passkey": "synced"}}"#,
    "\n",
    r#"{"token": {"user_id": 50, "torrent_id": 60, "down_percent": 0}}"#,
);

/// What is run, the exit code, and what is said, with `KEY` for passkeys.
type Step = (&'static str, i32, &'static str, &'static str);

const STEPS: &[Step] = &[
    (
        "user add alice",
        0,
        "user 1 alice\npasskey KEY\nannounce http://127.0.0.1:PORT/KEY/announce\n",
        "",
    ),
    (
        "user add alice",
        1,
        "",
        "chihaya: there is a user \"alice\" already\n",
    ),
    (
        "user add bob --json",
        0,
        "{\"announce\":[\"http://127.0.0.1:PORT/KEY/announce\"],\"id\":2,\"name\":\"bob\",\
         \"passkey\":\"KEY\",\"stored\":\"written\"}\n",
        "",
    ),
    (
        "user set alice --slots 3 --can-leech no --hide-ip yes --up 200 --name al",
        0,
        "user 1 al\n",
        "",
    ),
    (
        "user show al",
        0,
        "user 1 al\nenabled yes\ncan leech no\nhide ip yes\nslots 3\nup 200 %\ndown 100 %\n\
         uploaded 0B\ndownloaded 0B\n",
        "",
    ),
    (
        "user show alice",
        1,
        "",
        "chihaya: there is no user alice\n",
    ),
    (
        "user set 1 --slots none --disable --json",
        0,
        "{\"id\":1,\"name\":\"al\",\"stored\":\"written\"}\n",
        "",
    ),
    (
        "user show 1 --json",
        0,
        "{\"can_leech\":false,\"down_percent\":100,\"downloaded\":0,\"enabled\":false,\
         \"hide_ip\":true,\"id\":1,\"name\":\"al\",\"slots\":null,\"up_percent\":200,\
         \"uploaded\":0}\n",
        "",
    ),
    (
        "user list",
        0,
        "ID  ENABLED  UPLOADED  DOWNLOADED  NAME\n 1  no             0B          0B  al\n \
         2  yes            0B          0B  bob\n",
        "",
    ),
    (
        "user set 2 --new-passkey",
        0,
        "user 2 bob\npasskey KEY\nannounce http://127.0.0.1:PORT/KEY/announce\n",
        "",
    ),
    (
        "torrent add a.torrent --id 40",
        0,
        "torrent 40 hello\ninfo hash 2aec76c9db65e8e5f63a7a2334dd5152cbdfce38\n\
         announce http://127.0.0.1:PORT/PASSKEY/announce\n",
        "",
    ),
    (
        "torrent add a.torrent",
        1,
        "",
        "chihaya: a.torrent: the torrent is there already\n",
    ),
    (
        "torrent add a.torrent none.torrent --json",
        1,
        "{\"torrents\":[\n],\"failed\":[{\"error\":\"the torrent is there already\",\
         \"file\":\"a.torrent\"},{\"error\":\"No such file or directory (os error 2)\",\
         \"file\":\"none.torrent\"}],\"announce\":[\"http://127.0.0.1:PORT/PASSKEY/announce\"]}\n",
        "chihaya: a.torrent: the torrent is there already\n\
         chihaya: none.torrent: No such file or directory (os error 2)\n\
         chihaya: 2 of 2 torrents not registered\n",
    ),
    (
        "torrent set hello --down 0 --status unapproved --name world",
        0,
        "torrent 40 world\n",
        "",
    ),
    (
        "torrent show 2AEC76C9DB65E8E5F63A7A2334DD5152CBDFCE38",
        0,
        "torrent 40 world\ninfo hash 2aec76c9db65e8e5f63a7a2334dd5152cbdfce38\n\
         status unapproved\nup 100 %\ndown 0 %\nseeders 0\nleechers 0\nsnatches 0\n",
        "",
    ),
    (
        "torrent delete 40 --reason dupe",
        0,
        "torrent 40 world\n",
        "",
    ),
    (
        "torrent list",
        0,
        "ID  INFO HASH                                 SEEDERS  LEECHERS  SNATCHES  STATUS   NAME\n\
         40  2aec76c9db65e8e5f63a7a2334dd5152cbdfce38        0         0         0  deleted  world\n",
        "",
    ),
    ("client allow -qB4", 0, "client -qB4 allowed\n", ""),
    ("client ban -qB41", 0, "client -qB41 banned\n", ""),
    (
        "client list",
        0,
        "PREFIX  STATUS\n-qB4    allowed\n-qB41   banned\n",
        "",
    ),
    ("client remove -qB4", 0, "client -qB4 removed\n", ""),
    (
        "client remove -qB4",
        1,
        "",
        "chihaya: client -qB4: there is no such thing\n",
    ),
    (
        "client list --json",
        0,
        "{\"clients\":[\n{\"allow\":false,\"prefix\":\"-qB41\"}\n]}\n",
        "",
    ),
    (
        "token add bob world --until 2030-01-01",
        0,
        "token 2 40\nup 100 %\ndown 0 %\nuntil 2030-01-01T00:00:00Z\n",
        "",
    ),
    (
        "token add all 40 --up 200 --json",
        0,
        "{\"down_percent\":100,\"stored\":\"written\",\"torrent_id\":40,\"until\":null,\
         \"up_percent\":200,\"user_id\":0}\n",
        "",
    ),
    (
        "token list",
        0,
        "USER  TORRENT   UP  DOWN  UNTIL\n all       40  200   100  none\n   \
         2       40  100     0  2030-01-01T00:00:00Z\n",
        "",
    ),
    ("token remove all 40", 0, "token all 40\n", ""),
    (
        "token remove all 40",
        1,
        "",
        "chihaya: token all 40: there is no such thing\n",
    ),
    (
        "options set --freeleech 2030-01-01 --interval 20m",
        0,
        "up 100 %\ndown 0 %\nuntil 2030-01-01T00:00:00Z\ninterval 1200 s\nmin interval 900 s\n\
         jitter 60 s\n",
        "",
    ),
    (
        "options set --freeleech none --interval none",
        0,
        "up 100 %\ndown 100 %\nuntil none\ninterval 1800 s\nmin interval 900 s\n\
         jitter 60 s\n",
        "",
    ),
    (
        "options set --interval 9h",
        1,
        "",
        "chihaya: options: the interval is not between 1 second and announce.peer_lifetime less \
         the jitter\n",
    ),
    (
        "options show --json",
        0,
        "{\"down_percent\":100,\"interval_secs\":1800,\"jitter_secs\":60,\"min_interval_secs\":900,\
         \"until\":null,\"up_percent\":100}\n",
        "",
    ),
    (
        "sync lines",
        1,
        "lines 7\ndone 4\ncreated 3\nheld 0\nfailed 2\n",
        "chihaya: line 4: expected value at line 1 column 1\n\
         chihaya: line 6: another user has this passkey\n\
         chihaya: 2 of 7 lines could not be done\n",
    ),
    (
        "sync bad --json",
        1,
        "{\"created\":0,\"done\":0,\"failed\":1,\"faults\":[{\"error\":\
         \"expected value at line 1 column 1\",\"line\":1}],\"held\":0,\"lines\":1}\n",
        "chihaya: line 1: expected value at line 1 column 1\n\
         chihaya: 1 of 1 lines could not be done\n",
    ),
    (
        "sync none",
        1,
        "",
        "chihaya: cannot read none: No such file or directory (os error 2)\n",
    ),
    ("user delete passkey:synced", 0, "user 50 carol\n", ""),
    ("user delete 50", 1, "", "chihaya: there is no user 50\n"),
    ("torrent delete late", 0, "torrent 60 late\n", ""),
    (
        "torrent delete 4b3f4b60dc31b4ae44d5e3ba1c2bb2ca2b1b66e4",
        1,
        "",
        "chihaya: there is no torrent 4b3f4b60dc31b4ae44d5e3ba1c2bb2ca2b1b66e4\n",
    ),
];

/// The same with KEY for passkeys, and PORT where the tracker has chosen one.
fn blurred(ran: Ran, keys: &mut Vec<String>) -> Ran {
    let parts = ran.out.split(|letter: char| !letter.is_ascii_hexdigit());
    keys.extend(parts.filter(|part| part.len() == 32).map(str::to_owned));
    let mut out = ran.out.replace("127.0.0.1:0/", "127.0.0.1:PORT/");
    for key in keys {
        out = out.replace(key.as_str(), "KEY");
    }
    Ran { out, ..ran }
}

fn goes_through(folder: &Folder, note: &str) {
    folder.file("a.torrent", TORRENT);
    folder.file("lines", LINES.as_bytes());
    folder.file("bad", b"nothing\n");
    let mut keys = Vec::new();
    for (line, code, out, err) in STEPS {
        let words: Vec<&str> = line.split(' ').collect();
        let ran = blurred(folder.on_site(&words), &mut keys);
        let is_change = !["list", "show"].contains(&words[1]);
        let expected = Ran {
            code: Some(*code),
            out: (*out).to_owned(),
            err: match is_change {
                true => format!("{note}{err}"),
                false => (*err).to_owned(),
            },
        };
        assert_eq!(ran, expected, "{line}");
    }
    assert_eq!(keys.len(), 6, "three of them, in announce URLs, too");
    passkeys_are_secret(folder, &keys);
    assert_ne!(INFO_HASH, OTHER_HASH);
}

/// They are told to those who ask for them, and nobody else.
fn passkeys_are_secret(folder: &Folder, keys: &[String]) {
    let current = &keys[keys.len() - 1];
    for line in [
        "user list",
        "user list --json",
        "user show 2",
        "user show 2 --json",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let out = folder.on_site(&words).good();
        assert!(keys.iter().all(|key| !out.contains(key.as_str())), "{out}");
        let out = folder
            .on_site(&[&words[..], &["--passkeys"]].concat())
            .good();
        assert!(out.contains(current.as_str()), "{line}: {out}");
    }
    let out = folder.on_site(&["user", "list", "--json", "--passkeys"]);
    let json: Value = serde_json::from_str(&out.good()).expect("JSON");
    assert_eq!(json["users"][1]["passkey"], json!(current));
}

#[test]
fn by_the_storage_alone() {
    if !sqlite() {
        return;
    }
    let folder = Folder::new("commands-storage");
    folder.configure("127.0.0.1:0");
    // Without a token the API is off, and nothing is to be said of it.
    let config = std::fs::read_to_string(folder.0.join("site.json")).expect("a file");
    let mut config: Value = serde_json::from_str(&config).expect("JSON");
    config["admin"] = json!({});
    folder.file("site.json", config.to_string().as_bytes());
    goes_through(&folder, "");
    let ran = folder.on_site(&["stats"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("admin.tokens is empty"), "{ran:?}");
}

#[test]
fn where_no_tracker_answers() {
    if !sqlite() {
        return;
    }
    let folder = Folder::new("commands-silent");
    // Nothing listens at a port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    folder.configure(&address);
    let silent = format!("chihaya: no tracker answers at {address}");
    let note = format!("{silent}: changing the storage, for when one runs\n");
    goes_through(&folder, &note);
    let ran = folder.on_site(&["stats"]);
    assert_eq!((ran.code, ran.err), (Some(1), format!("{silent}\n")));
}

#[test]
fn over_the_api() {
    if !sqlite() {
        return;
    }
    let folder = Folder::new("commands-api");
    let (running, _) = folder.start();
    goes_through(&folder, "");
    let (status, lines) = running.end_by("-TERM");
    assert!(status.success(), "{lines:?}");
}
