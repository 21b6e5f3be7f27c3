//! The files of a journal: each is named after the position at which it begins.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

const SUFFIX: &str = ".journal";
/// Digits of the largest position.
const DIGITS: usize = 20;

/// A file of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The position of its first byte.
    pub start: u64,
    /// The file.
    pub path: PathBuf,
}

impl Segment {
    pub(super) fn at(folder: &Path, start: u64) -> Segment {
        Segment {
            start,
            path: folder.join(format!("{start:0DIGITS$}{SUFFIX}")),
        }
    }
}

/// The segments of a folder, in order.
pub fn list(folder: &Path) -> io::Result<Vec<Segment>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
        if let Some(digits) = digits
            && digits.len() == DIGITS
            && let Ok(start) = digits.parse()
        {
            found.push(Segment::at(folder, start));
        }
    }
    found.sort_unstable_by_key(|segment| segment.start);
    Ok(found)
}

/// Makes names in a folder last through a power cut.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
