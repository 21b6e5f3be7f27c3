//! What a seeder and a leecher share: a file, its torrent and its name.

use super::files::{text, write};
use super::namespace::{Fallible, output};
use super::programs::{CLIENTS, Client};
use super::transport::{TRACKER_NAME, Transport};
use std::ops::RangeInclusive;
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
    /// By role: announce URLs differ, the rest does not.
    torrents: [PathBuf; 2],
    pub info_hash: String,
}

impl Pair {
    /// A pair of clients, given by role, as is what stands before `/announce` in their URLs.
    pub fn create(
        folder: &Path,
        transport: &'static Transport,
        [seeder, leecher]: [&'static str; 2],
        [for_seeder, for_leecher]: &[String; 2],
    ) -> Fallible<Pair> {
        let file = format!("{}-{seeder}-{leecher}", transport.name);
        let content = noise(&file);
        let source = folder.join(&file);
        write(&source, &content)?;
        let create = |role: Role, place: &str| -> Fallible<(PathBuf, String)> {
            let torrent = folder.join(format!("{file}.{role:?}.torrent"));
            let url = format!("{}://{TRACKER_NAME}{place}/announce", transport.scheme);
            let hash = create_torrent(&source, &torrent, &url)?;
            Ok((torrent, hash))
        };
        let (first, info_hash) = create(Role::Seeder, for_seeder)?;
        let (second, same) = create(Role::Leecher, for_leecher)?;
        if info_hash != same {
            return Err(format!("{file}: the info-hash depends on the URL"));
        }
        Ok(Pair {
            transport,
            seeder,
            leecher,
            file,
            content,
            torrents: [first, second],
            info_hash,
        })
    }

    pub fn torrent(&self, role: Role) -> &PathBuf {
        &self.torrents[role as usize]
    }

    /// What a swarm may count for one client: its addresses, of which it may use one or all.
    pub fn one_client(&self) -> RangeInclusive<u32> {
        1..=self.transport.families.len() as u32
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

/// Every pair of these clients that can meet over a transport, each with a torrent of its own.
/// `place` gives what stands between the tracker's name and `/announce` for a role and a client.
pub fn create_pairs(
    folder: &Path,
    transport: &'static Transport,
    takes_part: impl Fn(&Client) -> bool,
    place: impl Fn(Role, &Client) -> String,
) -> Fallible<Vec<Pair>> {
    let mut pairs = Vec::new();
    for seeder in CLIENTS.iter().filter(|client| takes_part(client)) {
        let others = CLIENTS.iter().filter(|client| takes_part(client));
        for leecher in others.filter(|other| seeder.can_meet(other, transport.name)) {
            let names = [seeder.name, leecher.name];
            let places = [place(Role::Seeder, seeder), place(Role::Leecher, leecher)];
            pairs.push(Pair::create(folder, transport, names, &places)?);
        }
    }
    Ok(pairs)
}

/// Makes a torrent of a file; returns its info-hash.
fn create_torrent(source: &Path, torrent: &Path, url: &str) -> Fallible<String> {
    let (to, from) = (text(torrent), text(source));
    output(&[
        "transmission-create",
        "-p",
        "-s",
        PIECE_KIB,
        "-t",
        url,
        "-o",
        &to,
        &from,
    ])?;
    let shown = output(&["transmission-show", &to])?;
    let hash = shown
        .lines()
        .find_map(|line| line.trim().strip_prefix("Hash: "));
    let hash = hash.ok_or(format!("transmission-show has no hash of {to}"))?;
    Ok(hash.to_string())
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
