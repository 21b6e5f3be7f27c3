//! The examples of the README, as a reader would run them.

use crate::call::{Manager, WRITER, hex, managed};
use crate::client::{leech, seed};
use crate::common::V4;
use serde_json::Value;
use std::process::Command;

const PASSKEY: &str = "5f0c";

/// The commands of the section on management.
fn commands() -> Vec<&'static str> {
    let readme = include_str!("../../README.md");
    let (_, section) = readme
        .split_once("## Managing a running tracker")
        .expect("a section");
    let (_, block) = section.split_once("```sh\n").expect("examples");
    let (block, _) = block.split_once("```").expect("their end");
    let lines = block.lines();
    lines.filter(|line| !line.starts_with('#')).collect()
}

/// Method and path of a command.
fn called(command: &str) -> (String, String) {
    let (_, rest) = command.split_once("curl ").expect("a call of curl");
    let (_, path) = rest.split_once("$API").expect("a path");
    let path = path.split(['?', '"', ' ']).next().unwrap_or_default();
    let method = rest.split_once("-X ").map_or("GET", |(_, rest)| {
        rest.split(' ').next().unwrap_or_default()
    });
    (method.to_lowercase(), path.to_owned())
}

/// Whether a path is one of these of the document.
fn is_of(template: &str, path: &str) -> bool {
    let segments = template.split('/').zip(path.split('/'));
    template.split('/').count() == path.split('/').count()
        && segments
            .into_iter()
            .all(|(pattern, segment)| pattern.starts_with('{') || pattern == segment)
}

#[test]
fn every_example_works_and_every_route_has_one() {
    let site = managed("readme");
    let tracker = site.start();
    let mut manager = Manager::of(&tracker);
    let api = format!("http://{}", tracker.admin[V4]);
    let commands = commands();
    for command in &commands {
        let output = Command::new("sh")
            .args(["-c", command])
            .env("API", &api)
            .env("TOKEN", WRITER)
            .env("HASH", hex('a'))
            .env("PASSKEY", PASSKEY)
            .output()
            .expect("a shell");
        let told = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {error} {told}");
        let told: Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!(
            told.get("failed").unwrap_or(&0.into()),
            0,
            "{command}: {told}"
        );
        // Some of what they say shows at once.
        if command.contains(r#""slots": 10"#) {
            leech(PASSKEY, 1).served(&tracker);
        }
        if command.contains(r#""can_leech": false"#) {
            leech("0fb1", 1).refused(&tracker, "downloading is disabled for this account", "60");
            seed(PASSKEY, 1).refused(&tracker, "unknown passkey", "1");
        }
        if command.contains("-X POST") {
            seed("5c0d", 1).served(&tracker);
        }
        if command.contains("reason=dupe") {
            seed("0fb1", 1).refused(&tracker, "torrent deleted: dupe", "never");
        }
    }
    let document = manager.get("/openapi.json").good();
    for (template, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            let shown = commands.iter().map(|command| called(command));
            let mut shown = shown.filter(|(_, path)| is_of(template, path));
            let is_shown = shown.any(|(shown, _)| shown == *method || method == "head");
            assert!(is_shown, "no example of {method} {template}");
        }
    }
}
