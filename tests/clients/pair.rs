//! What a seeder and a leecher share: a file, its torrent and its name.

use super::files::{text, write};
use super::namespace::{Fallible, output};
use super::transport::{TRACKER_NAME, Transport};
use std::path::{Path, PathBuf};
use std::process;

/// Several pieces of several blocks, and no multiple of either.
const FILE_BYTES: usize = 1_234_567;
const PIECE_KIB: &str = "64";

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    Seeder,
    Leecher,
}

/// A file that one client seeds and one other downloads.
pub struct Pair {
    pub transport: &'static Transport,
    pub seeder: &'static str,
    pub leecher: &'static str,
    pub file: String,
    pub content: Vec<u8>,
    pub torrent: PathBuf,
    pub info_hash: String,
}

impl Pair {
    pub fn create(
        folder: &Path,
        transport: &'static Transport,
        seeder: &'static str,
        leecher: &'static str,
    ) -> Fallible<Pair> {
        let file = format!("{}-{seeder}-{leecher}", transport.name);
        let content = noise(&file);
        let source = folder.join(&file);
        let torrent = folder.join(format!("{file}.torrent"));
        write(&source, &content)?;
        let url = format!("{}://{TRACKER_NAME}:6969/announce", transport.scheme);
        let (to, from) = (text(&torrent), text(&source));
        output(&[
            "transmission-create",
            "-p",
            "-s",
            PIECE_KIB,
            "-t",
            &url,
            "-o",
            &to,
            &from,
        ])?;
        let shown = output(&["transmission-show", &to])?;
        let hash = shown
            .lines()
            .find_map(|line| line.trim().strip_prefix("Hash: "));
        let info_hash = hash
            .ok_or(format!("transmission-show has no hash of {to}"))?
            .to_string();
        Ok(Pair {
            transport,
            seeder,
            leecher,
            file,
            content,
            torrent,
            info_hash,
        })
    }

    pub fn name(&self) -> String {
        format!(
            "{} -> {} over {}",
            self.seeder, self.leecher, self.transport.name
        )
    }

    pub fn client(&self, role: Role) -> &'static str {
        match role {
            Role::Seeder => self.seeder,
            Role::Leecher => self.leecher,
        }
    }
}

/// Bytes that do not repeat, others for each name and run (xorshift, started from an FNV hash).
fn noise(name: &str) -> Vec<u8> {
    let hash = |state: u64, byte| (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    let mut state = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325 ^ u64::from(process::id()), hash)
        | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..FILE_BYTES).map(|_| next()).collect()
}
