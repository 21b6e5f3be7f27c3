//! The registry on disk, so that the tracker starts while the storage is away.
//!
//! There are no passkeys in it, but the key under which they are hashed, so that the digests go on
//! being found: the file is for nobody else.

use super::clients::ClientEntry;
use super::indexed::Indexed;
use super::records::{Reason, TorrentEntry, UserEntry};
use super::tokens::TokenEntry;
use super::{Global, Registry};
use crate::account::blocks::{BlockError, BlockReader, BlockWriter};
use crate::model::{Multipliers, TorrentId, UnixTime};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

const MAGIC: &[u8; 16] = b"chihaya users 1\n";
/// Entries of a block: one takes 50 bytes, a reason ten times as many.
const ENTRIES_A_BLOCK: usize = 2048;

#[derive(Serialize, Deserialize)]
enum Block {
    Head(Head),
    Users(Vec<UserEntry>),
    Torrents(Vec<TorrentEntry>),
    Reasons(Vec<(TorrentId, String)>),
    Clients(Vec<ClientEntry>),
    Tokens(Vec<TokenEntry>),
    End,
    /// Seconds between announces at most and at least, where they are not as configured.
    Pace(Option<u32>, Option<u32>, Option<u32>),
}

#[derive(Serialize, Deserialize)]
struct Head {
    key: [u8; 16],
    loaded: bool,
    multipliers: Multipliers,
    until: Option<UnixTime>,
}

/// Gathers entries of one kind into blocks.
struct Entries<'b, 'w, T> {
    blocks: &'b mut BlockWriter<'w>,
    block: fn(Vec<T>) -> Block,
    entries: Vec<T>,
}

impl<'b, 'w, T> Entries<'b, 'w, T> {
    fn new(blocks: &'b mut BlockWriter<'w>, block: fn(Vec<T>) -> Block) -> Entries<'b, 'w, T> {
        Entries {
            blocks,
            block,
            entries: Vec::new(),
        }
    }

    fn push(&mut self, entry: T) -> io::Result<()> {
        self.entries.push(entry);
        if self.entries.len() < ENTRIES_A_BLOCK {
            return Ok(());
        }
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        let entries = std::mem::take(&mut self.entries);
        self.blocks.write(&(self.block)(entries))
    }
}

impl Registry {
    /// Writes all of it, its key included.
    pub fn save(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut blocks = BlockWriter::new(to, MAGIC)?;
        blocks.write(&Block::Head(Head {
            key: self.secret.0,
            loaded: self.loaded,
            multipliers: self.global.multipliers,
            until: self.global.until,
        }))?;
        let Global {
            interval_secs,
            min_interval_secs,
            jitter_secs,
            ..
        } = self.global;
        let pace = [interval_secs, min_interval_secs, jitter_secs];
        if pace.iter().any(Option::is_some) {
            blocks.write(&Block::Pace(interval_secs, min_interval_secs, jitter_secs))?;
        }
        let mut users = Entries::new(&mut blocks, Block::Users);
        self.users.try_each(&mut |user| users.push(*user))?;
        users.end()?;
        let mut torrents = Entries::new(&mut blocks, Block::Torrents);
        self.torrents
            .try_each(&mut |torrent| torrents.push(*torrent))?;
        torrents.end()?;
        let mut reasons = Entries::new(&mut blocks, Block::Reasons);
        let text = |reason: &Reason| (reason.torrent, reason.text.to_string());
        self.reasons
            .try_each(&mut |reason| reasons.push(text(reason)))?;
        reasons.end()?;
        let mut clients = Entries::new(&mut blocks, Block::Clients);
        self.clients
            .iter()
            .try_for_each(|client| clients.push(*client))?;
        clients.end()?;
        let mut tokens = Entries::new(&mut blocks, Block::Tokens);
        self.tokens.try_each(&mut |token| tokens.push(*token))?;
        tokens.end()?;
        blocks.write(&Block::End)
    }

    /// Reads what [`Registry::save`] has written; nothing is restored of one that is damaged. No
    /// more memory is taken than its entries need, whatever it says.
    pub fn restore(from: &mut dyn Read) -> Result<Registry, BlockError> {
        let mut blocks = BlockReader::new(from, MAGIC)?;
        let Block::Head(head) = blocks.read()? else {
            return Err(BlockError::Damaged);
        };
        let mut registry = Registry::new(head.key);
        registry.loaded = head.loaded;
        registry.global = Global {
            multipliers: head.multipliers,
            until: head.until,
            ..Global::default()
        };
        // Users and torrents, of which there are many, become maps at once.
        let (mut users, mut torrents) = (Vec::new(), Vec::new());
        loop {
            match blocks.read()? {
                Block::Users(entries) => users.extend(entries),
                Block::Torrents(entries) => torrents.extend(entries),
                Block::End => break,
                other => registry.restore_few(other).ok_or(BlockError::Damaged)?,
            }
        }
        registry.users = Indexed::of(&users, &registry.secret).ok_or(BlockError::Damaged)?;
        registry.torrents = Indexed::of(&torrents, &registry.secret).ok_or(BlockError::Damaged)?;
        Ok(registry)
    }

    /// Puts back what there are few of; `None` where something cannot be.
    fn restore_few(&mut self, block: Block) -> Option<()> {
        match block {
            Block::Reasons(reasons) => {
                for (torrent, text) in reasons {
                    let reason = Reason::new(torrent, &text)?;
                    self.reasons.insert(reason, &self.secret);
                }
            }
            Block::Clients(clients) => {
                for client in clients {
                    self.clients.insert(client.checked()?);
                }
            }
            Block::Tokens(tokens) => {
                for token in tokens {
                    self.tokens.insert(token, &self.secret);
                }
            }
            Block::Pace(interval_secs, min_interval_secs, jitter_secs) => {
                self.global.interval_secs = interval_secs;
                self.global.min_interval_secs = min_interval_secs;
                self.global.jitter_secs = jitter_secs;
            }
            Block::Head(_) | Block::Users(_) | Block::Torrents(_) | Block::End => return None,
        }
        Some(())
    }
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
