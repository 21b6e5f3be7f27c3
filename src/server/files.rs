//! Files that are kept over a restart.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What is kept over a restart is for its owner alone.
pub(super) const MODE: u32 = 0o600;
const BUFFER_BYTES: usize = 1 << 16;

/// Writes a file beside another, then puts it in its place, to last through a power cut; returns
/// its length.
pub(super) fn replace<E: From<io::Error>>(
    path: &Path,
    write: &mut dyn FnMut(&mut dyn Write) -> Result<(), E>,
) -> Result<u64, E> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true).mode(MODE);
    let mut file = BufWriter::with_capacity(BUFFER_BYTES, options.open(&new)?);
    write(&mut file)?;
    file.flush()?;
    let file = file.get_ref();
    file.sync_all()?;
    let bytes = file.metadata()?.len();
    std::fs::rename(&new, path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(bytes)
}

/// Appends a line to a file, to last through a power cut.
pub(super) fn append_line(path: &Path, line: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.create(true).append(true).mode(MODE).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_all()
}
