use super::*;
use crate::model::{InfoHash, Multipliers, Passkey, PeerId, UserId};
use crate::storage::{Change, Client, Token, Torrent, TorrentStatus, User};
use std::io::ErrorKind;

fn passkey(number: u64) -> Passkey {
    Passkey::new(format!("{number:032}").as_bytes()).expect("a passkey")
}

fn registry(entries: u64) -> Registry {
    let mut registry = Registry::new([9; 16]);
    let multipliers = Multipliers {
        up_percent: 200,
        down_percent: 50,
    };
    for number in 0..entries {
        registry.apply(Change::User(User {
            id: UserId(number),
            passkey: passkey(number),
            enabled: true,
            can_leech: number % 2 == 0,
            hide_ip: false,
            slots: (number % 3 == 0).then_some(5),
            multipliers,
        }));
        let mut info_hash = InfoHash([1; 20]);
        info_hash.0[..8].copy_from_slice(&number.to_le_bytes());
        registry.apply(Change::Torrent(Torrent {
            id: TorrentId(number),
            info_hash,
            status: match number % 3 {
                0 => TorrentStatus::Deleted(format!("because of {number}").into()),
                1 => TorrentStatus::Unapproved,
                _ => TorrentStatus::Registered,
            },
            multipliers,
            snatches: number as u32,
        }));
        registry.apply(Change::Token(Token {
            user: Some(UserId(number)),
            torrent: None,
            multipliers,
            until: Some(UnixTime(5)),
        }));
    }
    let prefix = b"-qB"[..].into();
    registry.apply(Change::Client(Client {
        prefix,
        allow: true,
    }));
    registry.apply(Change::Global(Global {
        multipliers,
        until: Some(UnixTime(7)),
        interval_secs: Some(900),
        min_interval_secs: Some(0),
        jitter_secs: Some(30),
    }));
    registry
}

fn saved(registry: &Registry) -> Vec<u8> {
    let mut file = Vec::new();
    registry.save(&mut file).expect("written");
    file
}

#[test]
fn comes_back_as_it_was() {
    for entries in [0, 1, 20_000] {
        let mut before = registry(entries);
        if entries > 0 {
            before.set_loaded();
        }
        let file = saved(&before);
        let after = Registry::restore(&mut &*file).expect("read");
        assert_eq!(after.totals(), before.totals());
        assert_eq!(after.is_loaded(), entries > 0);
        assert!(
            after.secret == before.secret,
            "passkeys are found as before"
        );
        for number in 0..entries {
            assert_eq!(after.user(&passkey(number)), before.user(&passkey(number)));
            let torrent = TorrentId(number);
            assert_eq!(after.torrent_by_id(torrent), before.torrent_by_id(torrent));
            assert_eq!(after.reason(torrent), before.reason(torrent));
        }
        assert_eq!(after.global, before.global);
        assert!(!after.allows_client(&PeerId([0; 20])));
        assert_eq!(saved(&after).len(), file.len());
    }
}

#[test]
fn holds_no_passkey() {
    let file = saved(&registry(5));
    for number in 0..5 {
        let passkey = passkey(number);
        let found = file.windows(32).any(|bytes| bytes == passkey.as_bytes());
        assert!(!found);
    }
}

#[test]
fn every_cut_and_every_flip_is_noticed() {
    let file = saved(&registry(12));
    for length in 0..file.len() {
        let cut = Registry::restore(&mut &file[..length]);
        assert!(matches!(cut, Err(BlockError::Damaged)), "{length} bytes");
    }
    for place in 0..file.len() {
        for flip in [1, 0x80, 0xff] {
            let mut file = file.clone();
            file[place] ^= flip;
            let restored = Registry::restore(&mut &*file);
            assert!(restored.is_err(), "byte {place}, {flip:#x}");
        }
    }
}

/// A file with a head and these blocks, each with a checksum that is right.
fn file_of(write: impl FnOnce(&mut BlockWriter<'_>) -> io::Result<()>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut blocks = BlockWriter::new(&mut file, MAGIC).expect("written");
    let head = Block::Head(Head {
        key: [7; 16],
        loaded: true,
        multipliers: Multipliers::default(),
        until: None,
    });
    blocks.write(&head).expect("written");
    write(&mut blocks).expect("written");
    file
}

/// Blocks are numbered in the order of [`Block`].
const USERS: u8 = 1;
const REASONS: u8 = 3;
const CLIENTS: u8 = 4;
const END: u8 = 6;

#[test]
fn what_makes_no_sense_is_refused_though_its_checksum_is_right() {
    let restored = |kind: u8, bytes: &[u8]| {
        // As many as there are entries, and then they.
        let block: Vec<u8> = bytes.to_vec();
        let file = file_of(|blocks| {
            blocks.write(&(kind, Raw(&block)))?;
            blocks.write(&END)
        });
        Registry::restore(&mut &*file)
    };
    assert_eq!(restored(USERS, &[0]).expect("read").totals().users, 0);
    let client = |length: u8| [&[1, length][..], &[b'a'; 20], &[1]].concat();
    assert!(restored(CLIENTS, &client(20)).is_ok());
    for (name, kind, bytes) in [
        ("an unknown kind", 9, vec![0]),
        ("another head", 0, vec![0; 40]),
        ("a user that is cut", USERS, vec![1; 10]),
        ("a prefix longer than its bytes", CLIENTS, client(21)),
        ("an empty prefix", CLIENTS, client(0)),
        ("a reason of no bytes", REASONS, vec![1, 1, 0]),
        (
            "a reason longer than the block",
            REASONS,
            vec![1, 1, 0xff, 0xf],
        ),
        ("text that is none", REASONS, vec![1, 1, 1, 0xff]),
        (
            "more than there can be",
            USERS,
            vec![0xff, 0xff, 0xff, 0xff, 0xf],
        ),
    ] {
        let restored = restored(kind, &bytes);
        assert!(matches!(restored, Err(BlockError::Damaged)), "{name}");
    }
    let foreign = Registry::restore(&mut &[b'x'; 100][..]);
    assert!(matches!(foreign, Err(BlockError::NotOurs)));
}

/// Bytes as they are.
struct Raw<'b>(&'b [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeTuple;
        let mut bytes = to.serialize_tuple(self.0.len())?;
        self.0
            .iter()
            .try_for_each(|byte| bytes.serialize_element(byte))?;
        bytes.end()
    }
}

#[test]
fn nobody_is_there_twice() {
    let user = |digest: u8, id: u64| ([digest; 16], id, (100u16, 100u16), 0u16, 1u8);
    for (name, second, good) in [
        ("somebody else", user(2, 2), true),
        ("the same passkey", user(1, 2), false),
        ("the same number", user(2, 1), false),
    ] {
        let file = file_of(|blocks| {
            blocks.write(&(USERS, [user(1, 1), second].as_slice()))?;
            blocks.write(&END)
        });
        let restored = Registry::restore(&mut &*file);
        assert_eq!(restored.is_ok(), good, "{name}");
    }
}

/// A disk that is full, or that cannot be read.
struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(ErrorKind::PermissionDenied.into())
    }
}

#[test]
fn the_file_system_has_its_say() {
    let saved = registry(1).save(&mut Broken);
    assert!(matches!(saved, Err(error) if error.kind() == ErrorKind::StorageFull));
    let restored = Registry::restore(&mut Broken);
    assert!(matches!(restored, Err(BlockError::Io(_))));
}
