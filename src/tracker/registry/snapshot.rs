//! The registry on disk, so that the tracker starts while the storage is away.
//!
//! ```text
//! "chihaya registry"  version u8  key [16]  loaded u8  crc32 u32
//! block*              length u32  crc32 u32  kind u8  entries in postcard
//! end                 length 0  crc32 u32
//! ```
//!
//! Numbers are little-endian. A block's checksum covers the checksum before it, too, and its
//! length: none can be missing, moved, or taken for the end. There are no passkeys in it, but the key under
//! which they are hashed, so that the digests go on being found: the file is for nobody else.

use super::clients::ClientEntry;
use super::indexed::Indexed;
use super::records::{Reason, TorrentEntry, UserEntry};
use super::tokens::TokenEntry;
use super::{Global, Registry};
use crate::model::{TorrentId, UnixTime};
use serde::{Deserialize, Serialize};
use std::io::{ErrorKind, Read, Write};

const MAGIC: &[u8; 16] = b"chihaya registry";
const VERSION: u8 = 1;
/// Bytes of the head before its checksum.
const HEAD_BYTES: usize = 16 + 1 + 16 + 1;
/// A block of so many bytes takes no more entries: some thousands of users.
const ENOUGH_BYTES: usize = 128 << 10;
/// Bytes of a block at most: an entry is far smaller than the difference.
const MAX_BLOCK_BYTES: u32 = 2 * ENOUGH_BYTES as u32;

/// Why a snapshot could not be written or read. Nothing is restored of one that is damaged.
#[derive(Debug)]
pub enum SnapshotError {
    /// The file system says so.
    Io(std::io::Error),
    /// Not a snapshot, or not of this version.
    Foreign,
    /// Cut short or changed.
    Damaged,
}

impl std::fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SnapshotError::Io(err) => err.fmt(f),
            SnapshotError::Foreign => f.write_str("no registry of this version"),
            SnapshotError::Damaged => f.write_str("damaged: nothing of it is restored"),
        }
    }
}

impl std::error::Error for SnapshotError {}

impl From<std::io::Error> for SnapshotError {
    fn from(err: std::io::Error) -> SnapshotError {
        match err.kind() {
            ErrorKind::UnexpectedEof => SnapshotError::Damaged,
            _ => SnapshotError::Io(err),
        }
    }
}

/// What the entries of a block are.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Global = 1,
    User = 2,
    Torrent = 3,
    Reason = 4,
    Client = 5,
    Token = 6,
}

#[derive(Serialize, Deserialize)]
struct GlobalEntry {
    multipliers: crate::model::Multipliers,
    until: Option<UnixTime>,
}

/// Writes blocks of entries; a block begins with its kind.
struct Blocks<'w> {
    to: &'w mut dyn Write,
    block: Vec<u8>,
    crc: u32,
}

impl Blocks<'_> {
    fn push(&mut self, kind: Kind, entry: &impl Serialize) -> Result<(), SnapshotError> {
        if self.block.first() != Some(&(kind as u8)) {
            self.flush()?;
            self.block.push(kind as u8);
        }
        let block = std::mem::take(&mut self.block);
        self.block = postcard::to_extend(entry, block)
            .map_err(|err| SnapshotError::Io(std::io::Error::other(err)))?;
        if self.block.len() >= ENOUGH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SnapshotError> {
        if !self.block.is_empty() {
            self.write()?;
        }
        Ok(())
    }

    /// Writes what there is; nothing is the end.
    fn write(&mut self) -> Result<(), SnapshotError> {
        let length = self.block.len() as u32;
        self.crc = block_crc(self.crc, length, &self.block);
        self.to.write_all(&length.to_le_bytes())?;
        self.to.write_all(&self.crc.to_le_bytes())?;
        self.to.write_all(&self.block)?;
        self.block.clear();
        Ok(())
    }
}

fn block_crc(before: u32, length: u32, block: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&before.to_le_bytes());
    crc.update(&length.to_le_bytes());
    crc.update(block);
    crc.finalize()
}

impl Registry {
    /// Writes all of it, its key included.
    pub fn save(&self, to: &mut dyn Write) -> Result<(), SnapshotError> {
        let mut head = MAGIC.to_vec();
        head.push(VERSION);
        head.extend_from_slice(&self.secret.0);
        head.push(self.loaded.into());
        let crc = crc32fast::hash(&head);
        to.write_all(&head)?;
        to.write_all(&crc.to_le_bytes())?;
        let block = Vec::with_capacity(MAX_BLOCK_BYTES as usize);
        let mut blocks = Blocks { to, block, crc };
        let global = GlobalEntry {
            multipliers: self.global.multipliers,
            until: self.global.until,
        };
        blocks.push(Kind::Global, &global)?;
        self.users
            .try_each(&mut |user| blocks.push(Kind::User, user))?;
        self.torrents
            .try_each(&mut |torrent| blocks.push(Kind::Torrent, torrent))?;
        self.reasons
            .try_each(&mut |reason| blocks.push(Kind::Reason, &(reason.torrent, &*reason.text)))?;
        for client in self.clients.iter() {
            blocks.push(Kind::Client, client)?;
        }
        self.tokens
            .try_each(&mut |token| blocks.push(Kind::Token, token))?;
        blocks.flush()?;
        blocks.write()
    }

    /// Reads what [`Registry::save`] has written. No more memory is taken than its entries need,
    /// whatever it says.
    pub fn restore(from: &mut dyn Read) -> Result<Registry, SnapshotError> {
        let (registry, mut before) = restore_head(from)?;
        let mut reading = Reading::new(registry);
        let mut block = Vec::new();
        loop {
            let (length, crc) = (read_u32(from)?, read_u32(from)?);
            if length > MAX_BLOCK_BYTES {
                return Err(SnapshotError::Damaged);
            }
            block.clear();
            from.take(length.into()).read_to_end(&mut block)?;
            if block.len() != length as usize || block_crc(before, length, &block) != crc {
                return Err(SnapshotError::Damaged);
            }
            before = crc;
            match block.split_first() {
                None => return reading.end().ok_or(SnapshotError::Damaged),
                Some((kind, entries)) => reading
                    .block(*kind, entries)
                    .ok_or(SnapshotError::Damaged)?,
            }
        }
    }
}

/// What has been read so far. Users and torrents, of which there are many, become maps at once.
struct Reading {
    registry: Registry,
    users: Vec<UserEntry>,
    torrents: Vec<TorrentEntry>,
}

impl Reading {
    fn new(registry: Registry) -> Reading {
        Reading {
            registry,
            users: Vec::new(),
            torrents: Vec::new(),
        }
    }

    fn end(self) -> Option<Registry> {
        let mut registry = self.registry;
        registry.users = Indexed::of(self.users, &registry.secret)?;
        registry.torrents = Indexed::of(self.torrents, &registry.secret)?;
        Some(registry)
    }

    fn block(&mut self, kind: u8, entries: &[u8]) -> Option<()> {
        const GLOBAL: u8 = Kind::Global as u8;
        const USER: u8 = Kind::User as u8;
        const TORRENT: u8 = Kind::Torrent as u8;
        const REASON: u8 = Kind::Reason as u8;
        const CLIENT: u8 = Kind::Client as u8;
        const TOKEN: u8 = Kind::Token as u8;
        let registry = &mut self.registry;
        match kind {
            GLOBAL => each(entries, |entry: GlobalEntry| {
                registry.global = Global {
                    multipliers: entry.multipliers,
                    until: entry.until,
                };
                Some(())
            }),
            USER => each(entries, |user: UserEntry| {
                self.users.push(user);
                Some(())
            }),
            TORRENT => each(entries, |torrent: TorrentEntry| {
                self.torrents.push(torrent);
                Some(())
            }),
            REASON => each(entries, |(torrent, text): (TorrentId, &str)| {
                let reason = Reason::new(torrent, text)?;
                registry.reasons.insert(reason, &registry.secret);
                Some(())
            }),
            CLIENT => each(entries, |client: ClientEntry| {
                registry.clients.insert(client.checked()?);
                Some(())
            }),
            TOKEN => each(entries, |token: TokenEntry| {
                registry.tokens.insert(token, &registry.secret);
                Some(())
            }),
            _ => None,
        }
    }
}

/// Shows the entries of a block; `None` where one is no entry.
fn each<'b, T: Deserialize<'b>>(
    mut entries: &'b [u8],
    mut show: impl FnMut(T) -> Option<()>,
) -> Option<()> {
    while !entries.is_empty() {
        let (entry, rest) = postcard::take_from_bytes(entries).ok()?;
        show(entry)?;
        entries = rest;
    }
    Some(())
}

/// An empty registry under the key of the head, and the checksum of the latter.
fn restore_head(from: &mut dyn Read) -> Result<(Registry, u32), SnapshotError> {
    let mut head = [0; HEAD_BYTES];
    from.read_exact(&mut head)?;
    let crc = read_u32(from)?;
    let (magic, rest) = head.split_at(MAGIC.len());
    let (version, rest) = rest.split_at(1);
    if magic != MAGIC || version != [VERSION] {
        return Err(SnapshotError::Foreign);
    }
    if crc32fast::hash(&head) != crc {
        return Err(SnapshotError::Damaged);
    }
    let Some((key, loaded)) = rest.split_first_chunk::<16>() else {
        return Err(SnapshotError::Damaged);
    };
    let mut registry = Registry::new(*key);
    registry.loaded = loaded == [1];
    Ok((registry, crc))
}

fn read_u32(from: &mut dyn Read) -> Result<u32, SnapshotError> {
    let mut number = [0; 4];
    from.read_exact(&mut number)?;
    Ok(u32::from_le_bytes(number))
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
