//! Files, with errors that name them.

use super::namespace::Fallible;
use std::fs;
use std::path::Path;

const LOG_TAIL_LINES: usize = 12;

/// Says how far a download is from what it should be.
pub fn compare(file: &Path, content: &[u8]) -> String {
    let Ok(bytes) = fs::read(file) else {
        return format!("{} is not there", file.display());
    };
    let same = bytes
        .iter()
        .zip(content)
        .take_while(|(is, should)| is == should)
        .count();
    format!(
        "{} of {} bytes, the first {same} of them right,",
        bytes.len(),
        content.len()
    )
}

/// The end of a log, to be put behind an error.
pub fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let shown = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = shown.lines().collect();
    let last = lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n    ");
    format!("\n  {} ends:\n    {last}", log.display())
}

pub fn create_folder(folder: &Path) -> Fallible<()> {
    fs::create_dir_all(folder).map_err(|err| format!("cannot create {}: {err}", folder.display()))
}

pub fn write(path: &Path, bytes: &[u8]) -> Fallible<()> {
    fs::write(path, bytes).map_err(|err| format!("cannot write {}: {err}", path.display()))
}

pub fn text(path: &Path) -> String {
    path.display().to_string()
}
