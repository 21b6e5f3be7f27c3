//! Reading torrent files (BEP 3, BEP 52): what a tracker must know to register one.
//!
//! The info-hash is the hash of the `info` dictionary *as it stands in the file*, so nothing is
//! decoded and written again: the reader finds where the dictionary begins and ends. It borrows
//! from the file, allocates nothing, and believes no length before it has seen the bytes. A file is
//! walked through twice, in steps of whole strings; its piece hashes are never looked at.

use crate::model::InfoHash;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Bytes of the largest torrent file that is read: a terabyte in pieces of 1 MiB takes 20 MiB.
pub const MAX_FILE_BYTES: usize = 64 << 20;

/// Bytes of the longest name of a torrent; file systems allow 255.
pub const MAX_NAME_BYTES: usize = 1024;

/// Values that may stand inside each other; a v2 file tree takes one a folder. Reading a value
/// inside another takes a stack frame.
const MAX_DEPTH: usize = 128;

/// Digits of the longest number that is read, with its sign.
const MAX_NUMBER_BYTES: usize = 20;

/// Bytes of a SHA-1 hash in `pieces`.
const PIECE_HASH_BYTES: usize = 20;

/// What a torrent file says of its torrent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metainfo<'b> {
    /// The `info` dictionary, from its `d` to its `e`.
    pub info: &'b [u8],
    /// The name: UTF-8 if the file keeps to BEP 3.
    pub name: &'b [u8],
    /// Which hashes identify it.
    pub version: Version,
    /// Whether clients may take peers from its trackers only (BEP 27).
    pub private: bool,
}

/// Which of the two kinds a torrent is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// Pieces by SHA-1 (BEP 3).
    V1,
    /// A file tree, by SHA-256 (BEP 52).
    V2,
    /// Both in one: two hashes, two swarms (BEP 52).
    Hybrid,
}

/// Why a file is no torrent that can be registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetainfoError {
    /// Longer than [`MAX_FILE_BYTES`].
    TooLarge,
    /// It does not begin like a torrent file at all.
    NotADictionary,
    /// It ends in the middle.
    Truncated,
    /// Something else stands where a part of the bencoding should.
    Malformed {
        /// The byte of the file, from 0.
        at: usize,
        /// What should stand there.
        wanted: &'static str,
    },
    /// More values inside each other than are read.
    TooDeep {
        /// The byte of the file, from 0.
        at: usize,
    },
    /// It goes on after its end.
    TrailingBytes {
        /// The byte of the file, from 0.
        at: usize,
    },
    /// A key that decides is not there.
    Missing(&'static str),
    /// A key that decides is there twice.
    Twice(&'static str),
    /// A key that decides has a value of another kind.
    Wrong {
        /// The key.
        key: &'static str,
        /// What its value should be.
        wanted: &'static str,
    },
    /// A version of the format that is not known.
    UnknownVersion(i64),
}

impl std::fmt::Display for MetainfoError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MetainfoError::TooLarge => {
                write!(f, "larger than {} MiB", MAX_FILE_BYTES >> 20)
            }
            MetainfoError::NotADictionary => f.write_str("not a torrent file"),
            MetainfoError::Truncated => f.write_str("the file is cut short"),
            MetainfoError::Malformed { at, wanted } => {
                write!(f, "not a torrent file: at byte {at} there is not {wanted}")
            }
            MetainfoError::TooDeep { at } => {
                write!(f, "byte {at}: more than {MAX_DEPTH} values in each other")
            }
            MetainfoError::TrailingBytes { at } => {
                write!(f, "the torrent ends at byte {at}, but the file goes on")
            }
            MetainfoError::Missing(key) => write!(f, "not a torrent file: there is no {key}"),
            MetainfoError::Twice(key) => write!(f, "{key} is there twice"),
            MetainfoError::Wrong { key, wanted } => write!(f, "{key} is not {wanted}"),
            MetainfoError::UnknownVersion(version) => {
                write!(f, "version {version} of the format is not known")
            }
        }
    }
}

impl std::error::Error for MetainfoError {}

impl<'b> Metainfo<'b> {
    /// Reads a whole torrent file. Keys in another order than BEP 3 asks for are no fault: the hash
    /// is that of the bytes as they stand.
    pub fn parse(file: &'b [u8]) -> Result<Metainfo<'b>, MetainfoError> {
        if file.len() > MAX_FILE_BYTES {
            return Err(MetainfoError::TooLarge);
        }
        if file.first().is_some_and(|first| *first != b'd') {
            return Err(MetainfoError::NotADictionary);
        }
        let mut reader = Reader { file, at: 0 };
        let mut info = None;
        reader.entries(0, &mut |key, value| match key {
            b"info" => set(&mut info, "info", value),
            _ => Ok(()),
        })?;
        if reader.at < file.len() {
            return Err(MetainfoError::TrailingBytes { at: reader.at });
        }
        match info {
            Some(Value::Dictionary { start, bytes }) => Metainfo::of_info(file, start, bytes),
            Some(_) => Err(MetainfoError::Wrong {
                key: "info",
                wanted: "a dictionary",
            }),
            None => Err(MetainfoError::Missing("info")),
        }
    }

    /// Reads the `info` dictionary that begins there.
    fn of_info(file: &'b [u8], start: usize, info: &'b [u8]) -> Result<Self, MetainfoError> {
        let mut keys = Keys::default();
        Reader { file, at: start }.entries(1, &mut |key, value| keys.take(key, value))?;
        Ok(Metainfo {
            info,
            name: keys.name()?,
            version: keys.version()?,
            private: keys.private == Some(Value::Integer(1)),
        })
    }

    /// What peers announce it by; that of version 1 where there are two.
    pub fn info_hash(&self) -> InfoHash {
        match self.version {
            Version::V1 | Version::Hybrid => InfoHash(Sha1::digest(self.info).into()),
            Version::V2 => self.truncated_sha256(),
        }
    }

    /// The other hash of a hybrid torrent, by which its v2 swarm announces.
    pub fn second_info_hash(&self) -> Option<InfoHash> {
        (self.version == Version::Hybrid).then(|| self.truncated_sha256())
    }

    fn truncated_sha256(&self) -> InfoHash {
        let whole: [u8; 32] = Sha256::digest(self.info).into();
        let mut hash = InfoHash([0; 20]);
        hash.0.copy_from_slice(&whole[..20]);
        hash
    }
}

/// What decides in an `info` dictionary.
#[derive(Default)]
struct Keys<'b> {
    name: Option<Value<'b>>,
    pieces: Option<Value<'b>>,
    meta_version: Option<Value<'b>>,
    file_tree: Option<Value<'b>>,
    private: Option<Value<'b>>,
}

impl<'b> Keys<'b> {
    fn take(&mut self, key: &[u8], value: Value<'b>) -> Result<(), MetainfoError> {
        match key {
            b"name" => set(&mut self.name, "name", value),
            b"pieces" => set(&mut self.pieces, "pieces", value),
            b"meta version" => set(&mut self.meta_version, "meta version", value),
            b"file tree" => set(&mut self.file_tree, "file tree", value),
            b"private" => set(&mut self.private, "private", value),
            _ => Ok(()),
        }
    }

    fn name(&self) -> Result<&'b [u8], MetainfoError> {
        match self.name {
            Some(Value::String(name)) if name.len() <= MAX_NAME_BYTES => Ok(name),
            Some(_) => Err(MetainfoError::Wrong {
                key: "name",
                wanted: "a string of at most 1024 bytes",
            }),
            None => Err(MetainfoError::Missing("name")),
        }
    }

    fn version(&self) -> Result<Version, MetainfoError> {
        match self.meta_version {
            // BEP 52 gives the number 1 to nobody; clients take it for what it says.
            None | Some(Value::Integer(1)) => {
                self.check_pieces()?;
                Ok(Version::V1)
            }
            Some(Value::Integer(2)) => {
                self.check_file_tree()?;
                if self.pieces.is_none() {
                    return Ok(Version::V2);
                }
                self.check_pieces()?;
                Ok(Version::Hybrid)
            }
            Some(Value::Integer(version)) => Err(MetainfoError::UnknownVersion(version)),
            Some(_) => Err(MetainfoError::Wrong {
                key: "meta version",
                wanted: "a number",
            }),
        }
    }

    fn check_pieces(&self) -> Result<(), MetainfoError> {
        match self.pieces {
            Some(Value::String(hashes)) if hashes.len().is_multiple_of(PIECE_HASH_BYTES) => Ok(()),
            Some(_) => Err(MetainfoError::Wrong {
                key: "pieces",
                wanted: "a string of hashes of 20 bytes",
            }),
            None => Err(MetainfoError::Missing("pieces")),
        }
    }

    fn check_file_tree(&self) -> Result<(), MetainfoError> {
        match self.file_tree {
            Some(Value::Dictionary { .. }) => Ok(()),
            Some(_) => Err(MetainfoError::Wrong {
                key: "file tree",
                wanted: "a dictionary",
            }),
            None => Err(MetainfoError::Missing("file tree")),
        }
    }
}

/// Keeps the value of a key that decides. With two of them clients could differ in what they take.
fn set<'b>(
    slot: &mut Option<Value<'b>>,
    key: &'static str,
    value: Value<'b>,
) -> Result<(), MetainfoError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(MetainfoError::Twice(key)),
    }
}

/// A bencoded value (BEP 3); what stands inside another is not kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Value<'b> {
    Integer(i64),
    String(&'b [u8]),
    List,
    Dictionary { start: usize, bytes: &'b [u8] },
}

/// What is done with an entry of a dictionary.
type Show<'s, 'b> = dyn FnMut(&'b [u8], Value<'b>) -> Result<(), MetainfoError> + 's;

/// Walks through a file; it never stands behind its end.
struct Reader<'b> {
    file: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    /// Shows the entries of the dictionary that begins here, and goes behind it. `depth` values
    /// stand around it.
    fn entries(&mut self, depth: usize, show: &mut Show<'_, 'b>) -> Result<(), MetainfoError> {
        self.open(depth)?;
        while !self.close()? {
            let key = self.string("a key or an end")?;
            let value = self.value(depth + 1)?;
            show(key, value)?;
        }
        Ok(())
    }

    /// Reads the value that begins here, and goes behind it.
    fn value(&mut self, depth: usize) -> Result<Value<'b>, MetainfoError> {
        let start = self.at;
        match self.peek()? {
            b'i' => self.integer().map(Value::Integer),
            b'l' => {
                self.open(depth)?;
                while !self.close()? {
                    self.value(depth + 1)?;
                }
                Ok(Value::List)
            }
            b'd' => {
                self.entries(depth, &mut |_, _| Ok(()))?;
                let bytes = &self.file[start..self.at];
                Ok(Value::Dictionary { start, bytes })
            }
            _ => self.string("a value").map(Value::String),
        }
    }

    fn integer(&mut self) -> Result<i64, MetainfoError> {
        let start = self.at;
        self.at += 1;
        let text = self.until(b'e', "a number")?;
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        let number = digits_of(digits).filter(|_| text != b"-0");
        number
            .and_then(|_| std::str::from_utf8(text).ok()?.parse().ok())
            .ok_or(MetainfoError::Malformed {
                at: start,
                wanted: "a number of 64 bits",
            })
    }

    fn string(&mut self, wanted: &'static str) -> Result<&'b [u8], MetainfoError> {
        let malformed = MetainfoError::Malformed {
            at: self.at,
            wanted,
        };
        if !self.peek()?.is_ascii_digit() {
            return Err(malformed);
        }
        let digits = self.until(b':', wanted)?;
        let length = digits_of(digits).ok_or(malformed)?;
        let rest = &self.file[self.at..];
        let Some(string) = usize::try_from(length).ok().and_then(|end| rest.get(..end)) else {
            return Err(MetainfoError::Truncated);
        };
        self.at += string.len();
        Ok(string)
    }

    /// What stands before the next `end`, which must be near; goes behind that.
    fn until(&mut self, end: u8, wanted: &'static str) -> Result<&'b [u8], MetainfoError> {
        let rest = &self.file[self.at..];
        let near = &rest[..rest.len().min(MAX_NUMBER_BYTES + 1)];
        match memchr::memchr(end, near) {
            Some(length) => {
                self.at += length + 1;
                Ok(&near[..length])
            }
            None if rest.len() <= MAX_NUMBER_BYTES && near.iter().all(is_of_number) => {
                Err(MetainfoError::Truncated)
            }
            None => Err(MetainfoError::Malformed {
                at: self.at,
                wanted,
            }),
        }
    }

    /// Goes behind the first byte of a list or dictionary.
    fn open(&mut self, depth: usize) -> Result<(), MetainfoError> {
        self.peek()?;
        if depth >= MAX_DEPTH {
            return Err(MetainfoError::TooDeep { at: self.at });
        }
        self.at += 1;
        Ok(())
    }

    /// Whether a list or dictionary ends here; if so, goes behind that.
    fn close(&mut self) -> Result<bool, MetainfoError> {
        let ends = self.peek()? == b'e';
        self.at += usize::from(ends);
        Ok(ends)
    }

    fn peek(&self) -> Result<u8, MetainfoError> {
        let next = self.file.get(self.at).copied();
        next.ok_or(MetainfoError::Truncated)
    }
}

fn is_of_number(byte: &u8) -> bool {
    byte.is_ascii_digit() || *byte == b'-'
}

/// A number without sign as BEP 3 wants it: some digits, no zero before others.
fn digits_of(digits: &[u8]) -> Option<u64> {
    let plain = digits.iter().all(u8::is_ascii_digit);
    if !plain || (digits.len() > 1 && digits[0] == b'0') {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
#[path = "metainfo_tests.rs"]
mod tests;
