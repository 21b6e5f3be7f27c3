//! How far a long command has come is shown on a terminal, and nowhere else.

use super::folder::{Folder, TORRENT, sqlite};
use crate::common::program::CHIHAYA;
use std::process::{Command, Stdio};

/// The beginning of a bar.
const BAR: &str = "\r\u{1b}[K[";

#[test]
fn a_bar_is_drawn_on_a_terminal() {
    if !sqlite() {
        return;
    }
    let folder = Folder::new("commands-terminal");
    let names: Vec<String> = (0..3).map(|at| format!("{at}.torrent")).collect();
    for name in &names {
        let text = String::from_utf8(TORRENT.to_vec()).expect("ASCII");
        folder.file(
            name,
            text.replace("hello", &format!("hell{}", &name[..1]))
                .as_bytes(),
        );
    }
    let files = names.join(" ");
    let line = format!("'{CHIHAYA}' torrent add {files} && '{CHIHAYA}' user list");
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &line, "/dev/null"]);
    script.current_dir(&folder.0).stdin(Stdio::null());
    let Ok(output) = script.output() else {
        eprintln!("not tested: there is no program \"script\" to make a terminal");
        return;
    };
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains(BAR) && text.contains("of 3 torrents"),
        "{text}"
    );
    // It is gone before anything else is said.
    assert!(text.contains("\r\u{1b}[Kannounce http"), "{text:?}");
    let ran = folder.run(&["torrent", "add", "0.torrent", "1.torrent"]);
    assert!(
        !ran.err.contains('\r') && !ran.out.contains('\r'),
        "{ran:?}"
    );
}
