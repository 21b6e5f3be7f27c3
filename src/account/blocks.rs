//! Files of checked blocks: what is kept over a restart is read back whole, or not at all.
//!
//! ```text
//! magic   16 bytes, with the version of the format
//! blocks  length u32, check u32, that many bytes (postcard)
//! ```
//!
//! Each check is the CRC-32 of length and bytes, begun with the check of the block before: no bit
//! can flip, and no block can be missing, double or in another place, without it being seen. That
//! the last one is there is for the user of the blocks to know.

use crc32fast::Hasher;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Read, Write};

/// Bytes of a magic.
pub const MAGIC_BYTES: usize = 16;
/// Bytes of a block at most, whatever a file promises.
const MAX_BLOCK_BYTES: usize = 4 << 20;

/// Why a file of blocks cannot be read.
#[derive(Debug)]
pub enum BlockError {
    /// The system says so.
    Io(io::Error),
    /// It is not what it should be, or not of this version.
    NotOurs,
    /// It ends too early, or bytes have changed.
    Damaged,
}

impl From<io::Error> for BlockError {
    fn from(error: io::Error) -> BlockError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => BlockError::Damaged,
            _ => BlockError::Io(error),
        }
    }
}

impl std::fmt::Display for BlockError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BlockError::Io(error) => error.fmt(f),
            BlockError::NotOurs => f.write_str("not a file of this kind and version"),
            BlockError::Damaged => f.write_str("damaged"),
        }
    }
}

impl std::error::Error for BlockError {}

/// Writes blocks.
pub struct BlockWriter<'w> {
    to: &'w mut dyn Write,
    check: u32,
    bytes: Vec<u8>,
}

impl<'w> BlockWriter<'w> {
    /// Begins a file.
    pub fn new(to: &'w mut dyn Write, magic: &[u8; MAGIC_BYTES]) -> io::Result<BlockWriter<'w>> {
        to.write_all(magic)?;
        Ok(BlockWriter {
            to,
            check: crc32fast::hash(magic),
            bytes: Vec::new(),
        })
    }

    /// Writes a block; its user keeps it well under a megabyte.
    pub fn write(&mut self, block: &impl Serialize) -> io::Result<()> {
        self.bytes.clear();
        let bytes = std::mem::take(&mut self.bytes);
        self.bytes = postcard::to_extend(block, bytes).map_err(io::Error::other)?;
        if self.bytes.len() > MAX_BLOCK_BYTES {
            return Err(io::Error::other("a block is too long"));
        }
        let length = (self.bytes.len() as u32).to_le_bytes();
        self.check = check(self.check, length, &self.bytes);
        self.to.write_all(&length)?;
        self.to.write_all(&self.check.to_le_bytes())?;
        self.to.write_all(&self.bytes)
    }
}

/// Reads blocks.
pub struct BlockReader<'r> {
    from: &'r mut dyn Read,
    check: u32,
    bytes: Vec<u8>,
}

impl<'r> BlockReader<'r> {
    /// Begins with a file.
    pub fn new(
        from: &'r mut dyn Read,
        magic: &[u8; MAGIC_BYTES],
    ) -> Result<BlockReader<'r>, BlockError> {
        let mut found = [0; MAGIC_BYTES];
        from.read_exact(&mut found)?;
        if found != *magic {
            return Err(BlockError::NotOurs);
        }
        Ok(BlockReader {
            from,
            check: crc32fast::hash(magic),
            bytes: Vec::new(),
        })
    }

    /// Reads the next block.
    pub fn read<T: DeserializeOwned>(&mut self) -> Result<T, BlockError> {
        let [mut length, mut found] = [[0; 4]; 2];
        self.from.read_exact(&mut length)?;
        self.from.read_exact(&mut found)?;
        let bytes = u32::from_le_bytes(length) as usize;
        if bytes > MAX_BLOCK_BYTES {
            return Err(BlockError::Damaged);
        }
        self.bytes.resize(bytes, 0);
        self.from.read_exact(&mut self.bytes)?;
        self.check = check(self.check, length, &self.bytes);
        if self.check != u32::from_le_bytes(found) {
            return Err(BlockError::Damaged);
        }
        postcard::from_bytes(&self.bytes).map_err(|_| BlockError::Damaged)
    }
}

fn check(before: u32, length: [u8; 4], bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(before);
    hasher.update(&length);
    hasher.update(bytes);
    hasher.finalize()
}
