//! The executable: its arguments, what it says, how it ends.

mod common;

use common::http::{Connection, get, scrape};
use common::program::{Running, chihaya, listening};
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::Output;

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// A configuration file of this test.
fn config_file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
    std::fs::write(&path, text).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn it_tells_of_itself() {
    for argument in ["--version", "-V"] {
        let output = chihaya(&[argument]);
        assert!(output.status.success(), "{argument}");
        let version = format!("chihaya {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(stdout(&output), version, "{argument}");
    }
    for argument in ["--help", "-h"] {
        let output = chihaya(&[argument]);
        assert!(output.status.success(), "{argument}");
        for option in [
            "--config",
            "--check",
            "--print-config",
            "--version",
            "--help",
        ] {
            assert!(stdout(&output).contains(option), "{argument}: {option}");
        }
    }
}

#[test]
fn arguments_it_does_not_know() {
    let cases: [&[&str]; 4] = [&["--conf", "x"], &["file.json"], &["--config"], &["-x"]];
    for arguments in cases {
        let output = chihaya(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            stderr(&output).contains("--help"),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn the_configuration_in_effect() {
    let example = include_str!("../config.example.json");
    let output = chihaya(&["--print-config"]);
    assert!(output.status.success());
    assert_eq!(stdout(&output), example, "defaults");
    // Printed and read again it is the same.
    let file = config_file("printed", r#"{"announce": {"interval": "20m"}}"#);
    for option in ["--config", "-config"] {
        let printed = stdout(&chihaya(&[option, &file, "--print-config"]));
        assert!(
            printed.contains(r#""interval": "20m""#),
            "{option}: {printed}"
        );
        let again = config_file("printed-again", &printed);
        assert_eq!(
            stdout(&chihaya(&[option, &again, "--print-config"])),
            printed,
            "{option}"
        );
    }
}

#[test]
fn a_check_names_every_fault() {
    let good = config_file("good", include_str!("../config.example.json"));
    for arguments in [vec!["--check"], vec!["--check", "--config", &good]] {
        assert!(chihaya(&arguments).status.success(), "{arguments:?}");
    }
    let bad = config_file(
        "bad",
        r#"{"announce": {"interval": "soon", "colour": 1}, "network": {"http": ["here"]},
            "limits": {"torrents": 0}, "extra": true}"#,
    );
    for arguments in [vec!["--check", "--config", &bad], vec!["-config", &bad]] {
        let output = chihaya(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = stderr(&output);
        for fault in [
            "announce.interval",
            "announce.colour",
            "network.http[0]",
            "limits.torrents",
            "extra",
        ] {
            let told = said
                .lines()
                .filter(|line| line.contains(fault) && line.contains(&bad));
            assert_eq!(told.count(), 1, "{arguments:?}: {fault} in {said}");
        }
        assert_eq!(said.lines().count(), 5, "{said}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read() {
    for (name, file) in [
        ("missing", "/nonexistent/chihaya.json".to_owned()),
        ("a folder", env!("CARGO_TARGET_TMPDIR").to_owned()),
        ("not JSON", config_file("not-json", "interval: 5")),
    ] {
        let output = chihaya(&["--config", &file]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(
            stderr(&output).contains(&file),
            "{name}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn what_keeps_it_from_starting_is_named() {
    let tcp = TcpListener::bind("127.0.0.1:0").expect("bound");
    let udp = UdpSocket::bind("[::1]:0").expect("bound");
    let tcp = tcp.local_addr().expect("an address").to_string();
    let udp = udp
        .local_addr()
        .map(|address| (udp, address.to_string()))
        .expect("an address");
    let listen =
        |http: &str, udp: &str| format!(r#"{{"network": {{"http": [{http}], "udp": [{udp}]}}}}"#);
    let quoted = |text: &str| format!("{text:?}");
    for (name, settings, said) in [
        ("http", listen(&quoted(&tcp), ""), [tcp.as_str(), "http"]),
        ("udp", listen("", &quoted(&udp.1)), [udp.1.as_str(), "udp"]),
        (
            "another",
            listen("\"127.0.0.1:0\"", "\"198.51.100.77:1\""),
            ["198.51.100.77:1", "udp"],
        ),
        (
            "driver",
            r#"{"cache": {"driver": "paper"}}"#.to_owned(),
            ["paper", "memory"],
        ),
    ] {
        let file = config_file(&format!("cannot-start-{name}"), &settings);
        let output = chihaya(&["--config", &file]);
        assert_eq!(output.status.code(), Some(2), "{name}: {}", stderr(&output));
        for word in said {
            assert!(
                stderr(&output).contains(word),
                "{name}: {}",
                stderr(&output)
            );
        }
    }
}

#[test]
fn a_second_tracker_does_not_share_the_port() {
    for protocol in ["http", "udp"] {
        let settings = |address: &str| {
            let other = if protocol == "http" { "udp" } else { "http" };
            format!(r#"{{"network": {{"{protocol}": ["{address}"], "{other}": []}}}}"#)
        };
        let file = config_file(&format!("first-{protocol}"), &settings("127.0.0.1:0"));
        let mut first = Running::start(&file);
        let (_, address) = first.listening(1)[0].clone();
        let file = config_file(
            &format!("second-{protocol}"),
            &settings(&address.to_string()),
        );
        let output = chihaya(&["--config", &file]);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{protocol}: {}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains(&address.to_string()),
            "{}",
            stderr(&output)
        );
        assert!(first.end_by("-TERM").0.success());
    }
}

#[test]
fn it_listens_says_so_and_ends_well_when_told() {
    for signal in ["-TERM", "-INT"] {
        let file = config_file(
            &format!("runs{signal}"),
            r#"{"network": {"workers": 4, "http": ["127.0.0.1:0", "[::1]:0"],
                "udp": ["127.0.0.1:0", "[::1]:0"]}}"#,
        );
        let mut running = Running::start(&file);
        let addresses = running.listening(4);
        let mut clients = Vec::new();
        for (protocol, address) in &addresses {
            if protocol == "http" {
                get(*address, &scrape('a')).good();
                // One that stays must not keep it from ending.
                clients.push(Connection::open(*address));
            } else {
                common::udp::Client::new(*address);
            }
        }
        let (status, lines) = running.end_by(signal);
        assert_eq!(status.code(), Some(0), "{signal}: {lines:?}");
        // Once an address, however many workers there are.
        assert_eq!(listening(&lines), addresses, "{signal}: {lines:?}");
        let protocols: Vec<_> = addresses
            .iter()
            .map(|(protocol, _)| protocol.as_str())
            .collect();
        assert_eq!(protocols, ["udp", "udp", "http", "http"]);
    }
}
