//! Who may know whom: `crate::` paths point down, and what belongs to the server stays there.

use std::path::{Path, PathBuf};

/// Modules by floor; one folder, or one line, is one module.
const FLOORS: &[&[&str]] = &[
    &["model", "config", "sys"],
    &["wire"],
    &["cache", "storage"],
    &["account"],
    &["tracker"],
    &["server", "drivers"],
    &["main", "cli"],
];
/// Modules that know each other though they stand on one floor: the server opens drivers by name,
/// whose opening can fail as its start can.
const NEIGHBOURS: &[(&str, &str)] = &[("server", "drivers"), ("drivers", "server")];
/// Sockets, threads and clocks, which only the server has.
const SERVER_ONLY: &[&str] = &[
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "UnixListener",
    "mio",
    "thread",
    "Instant",
    "SystemTime",
];
const SERVER_FLOOR: usize = 5;
/// The one file with unsafe code.
const UNSAFE_FILE: &str = "sys";

fn floor(module: &str) -> usize {
    let floor = FLOORS.iter().position(|modules| modules.contains(&module));
    floor.unwrap_or_else(|| panic!("module {module} stands on no floor"))
}

/// What a file of this module does that it may not.
fn violations(module: &str, text: &str) -> Vec<String> {
    let code = code_of(text);
    let own = floor(module);
    let mut found = Vec::new();
    for other in crate_paths(&code) {
        let neighbours = NEIGHBOURS.contains(&(module, other.as_str()));
        if other != module && !neighbours && floor(&other) >= own {
            found.push(format!("crate::{other} is not below {module}"));
        }
    }
    let words: Vec<&str> = code
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .collect();
    if own < SERVER_FLOOR {
        let names = SERVER_ONLY.iter().filter(|name| words.contains(name));
        found.extend(names.map(|name| format!("{name} belongs to the server")));
    }
    if words.contains(&"unsafe") && module != UNSAFE_FILE {
        found.push("unsafe belongs to sys".to_owned());
    }
    found
}

/// The code without comments and without the tests at its end.
fn code_of(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    let code: Vec<&str> = lines.collect();
    let code = code.join("\n");
    let end = code.find("#[cfg(test)]\nmod tests {").unwrap_or(code.len());
    code[..end].to_owned()
}

/// The modules named by `crate::module` and `crate::{one, other::…}`.
fn crate_paths(code: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for (place, start) in code.match_indices("crate::") {
        let rest = &code[place + start.len()..];
        match rest.strip_prefix('{') {
            Some(group) => modules.extend(group_heads(group)),
            None => modules.push(head(rest)),
        }
    }
    modules
}

/// The first name of each path in a group, up to its closing brace.
fn group_heads(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (place, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                heads.push(head(&group[start..place]));
                start = place + 1;
                if letter == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    heads.retain(|head| !head.is_empty());
    heads
}

fn head(path: &str) -> String {
    let path = path.trim_start();
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
    path[..end.unwrap_or(path.len())].to_owned()
}

/// Every file of `src`, with its module: the folder, or the name of a file that stands in none.
fn sources() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(&root).expect("inside").with_extension("");
                let module = inside.iter().next().expect("a name");
                found.push((module.to_str().expect("UTF-8").to_owned(), path));
            }
        }
    }
    found
}

#[test]
fn every_file_keeps_to_its_floor() {
    let mut found = Vec::new();
    let sources = sources();
    for (module, path) in &sources {
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("a name");
        // The tour shows all floors; tests may use what they like.
        if module == "lib" || name.ends_with("_tests") || name == "tests" {
            continue;
        }
        let text = std::fs::read_to_string(path).expect("text");
        let violations = violations(module, &text).into_iter();
        found.extend(violations.map(|violation| format!("{}: {violation}", path.display())));
    }
    assert!(
        sources.len() > 20,
        "{} files: not all were found",
        sources.len()
    );
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn what_is_found() {
    for (name, module, text, found) in [
        ("down", "tracker", "use crate::wire::http;", 0),
        ("inside its folder", "cache", "use crate::cache::Batch;", 0),
        ("up", "cache", "use crate::tracker::Tracker;", 1),
        (
            "up, in a group",
            "wire",
            "use crate::{model, cache::{Batch, memory}};",
            1,
        ),
        (
            "up, in a group over lines",
            "wire",
            "use crate::{\n    server,\n    cache,\n};",
            2,
        ),
        (
            "up, in a path",
            "model",
            "fn f() -> crate::config::Config {}",
            1,
        ),
        ("sideways", "cache", "use crate::storage::Change;", 1),
        (
            "drivers",
            "drivers",
            "use crate::{server::StartError, cache};",
            0,
        ),
        ("restricted to the crate", "wire", "pub(crate) fn f() {}", 0),
        (
            "in a comment",
            "wire",
            "// crate::server\n/// unsafe, Instant",
            0,
        ),
        (
            "in tests",
            "wire",
            "#[cfg(test)]\nmod tests {\n    use crate::server::x;\n}",
            0,
        ),
        ("a socket", "cache", "use std::net::UdpSocket;", 1),
        (
            "a clock",
            "tracker",
            "let now = std::time::Instant::now();",
            1,
        ),
        ("a thread", "wire", "std::thread::spawn(f);", 1),
        ("a poll", "sys", "use mio::Poll;", 1),
        (
            "all of them",
            "server",
            "use std::{thread, net::UdpSocket, time::Instant};",
            0,
        ),
        (
            "no name of its own",
            "cache",
            "let instants = threads + mio_like;",
            0,
        ),
        ("unsafe", "server", "unsafe { f() }", 1),
        ("unsafe where it belongs", "sys", "unsafe { f() }", 0),
    ] {
        let violations = violations(module, text);
        assert_eq!(violations.len(), found, "{name}: {violations:?}");
    }
}
