//! What a test of real clients needs before it can begin.

use super::files::create_folder;
use super::namespace::{Fallible, Namespace};
use super::programs::missing_programs;
use super::transport::{IPV4, IPV6};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, io, process, thread};

const POLL_EVERY: Duration = Duration::from_millis(250);

/// Whether everything is there that the tests need; says so if it is not.
pub fn can_run() -> bool {
    let missing = missing();
    if missing.is_empty() {
        return true;
    }
    let required = env::var("CHIHAYA_REQUIRE_CLIENTS").is_ok_and(|value| value == "1");
    assert!(
        !required,
        "CHIHAYA_REQUIRE_CLIENTS=1, but missing: {missing}"
    );
    // Past the harness, which keeps what a passing test prints to itself.
    let _ = writeln!(io::stderr(), "SKIPPED real clients: missing {missing}");
    false
}

/// What the test cannot do without; empty when everything is there.
fn missing() -> String {
    let mut missing = missing_programs();
    if !fs::metadata("/proc/self").is_ok_and(|myself| myself.uid() == 0) {
        missing.push("root".into());
    } else if let Err(err) = Namespace::new(&format!("try-{:?}", thread::current().id())) {
        missing.push(format!("network namespaces ({err})"));
    }
    missing.join(", ")
}

/// A folder of its own for a test.
pub fn new_folder(name: &str) -> Fallible<PathBuf> {
    let path =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("clients-{name}-{}", process::id()));
    create_folder(&path)?;
    Ok(path)
}

/// The configuration, with more sections if there is more to say.
pub fn config_text(port: u16, sections: &str) -> String {
    let ports = format!(r#"["{}", "{}"]"#, IPV4.socket(port), IPV6.socket(port));
    format!(
        r#"{{"network": {{"udp": {ports}, "http": {ports}}},
            "announce": {{"interval": "15s", "min_interval": "10s", "jitter": 0}}{sections}}}"#
    )
}

/// Whether the condition came true before the deadline.
pub fn wait_until(deadline: Instant, condition: impl Fn() -> bool) -> bool {
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(POLL_EVERY);
    }
    true
}
