use super::*;
use crate::model::{InfoHash, Multipliers, Passkey, PeerId, UserId};
use crate::storage::{Change, Client, Token, Torrent, TorrentStatus, User};

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
        assert!(matches!(cut, Err(SnapshotError::Damaged)), "{length} bytes");
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

/// A file with these blocks, each with a checksum that is right.
fn file_of(blocks: &[&[u8]]) -> Vec<u8> {
    let mut file = saved(&registry(0))[..HEAD_BYTES + 4].to_vec();
    let crc = crc32fast::hash(&file[..HEAD_BYTES]);
    let mut blocks_to = Blocks {
        to: &mut file,
        block: Vec::new(),
        crc,
    };
    for block in blocks {
        blocks_to.block = block.to_vec();
        blocks_to.write().expect("written");
    }
    file
}

#[test]
fn blocks_stay_in_their_order() {
    let restored = Registry::restore(&mut &*file_of(&[&[]]));
    assert_eq!(restored.expect("read").totals().users, 0);
    let whole = saved(&registry(3));
    let start = HEAD_BYTES + 4;
    let end = |from: usize| {
        let length = u32::from_le_bytes(whole[from..from + 4].try_into().expect("four"));
        from + 8 + length as usize
    };
    let (first, second) = (end(start), end(end(start)));
    let without_second = [&whole[..first], &whole[second..]].concat();
    let swapped = [
        &whole[..start],
        &whole[first..second],
        &whole[start..first],
        &whole[second..],
    ];
    for file in [without_second, swapped.concat()] {
        let restored = Registry::restore(&mut &*file);
        assert!(matches!(restored, Err(SnapshotError::Damaged)));
    }
}

#[test]
fn what_makes_no_sense_is_refused_though_its_checksum_is_right() {
    let user = postcard::to_allocvec(&([0u8; 16], 1u64, (100u16, 100u16), 0u16)).expect("bytes");
    let client = postcard::to_allocvec(&(21u8, [b'a'; 20], true)).expect("bytes");
    let none = postcard::to_allocvec(&(0u8, [b'a'; 20], true)).expect("bytes");
    for (name, kind, entries) in [
        ("an unknown kind", 9, vec![1]),
        ("a user without flags", Kind::User as u8, user),
        ("a prefix longer than its bytes", Kind::Client as u8, client),
        ("an empty prefix", Kind::Client as u8, none),
        ("a reason of no bytes", Kind::Reason as u8, vec![1, 0]),
        (
            "a reason longer than the block",
            Kind::Reason as u8,
            vec![1, 0xff, 0xff, 0xff, 0xff, 0xf],
        ),
        ("text that is none", Kind::Reason as u8, vec![1, 1, 0xff]),
    ] {
        let block = [&[kind][..], &entries].concat();
        let restored = Registry::restore(&mut &*file_of(&[&block, &[]]));
        assert!(matches!(restored, Err(SnapshotError::Damaged)), "{name}");
    }
    let mut long = file_of(&[]);
    long.extend_from_slice(&(MAX_BLOCK_BYTES + 1).to_le_bytes());
    long.extend_from_slice(&[0; 64]);
    let restored = Registry::restore(&mut &*long);
    assert!(matches!(restored, Err(SnapshotError::Damaged)));
    let foreign = Registry::restore(&mut &[b'x'; 100][..]);
    assert!(matches!(foreign, Err(SnapshotError::Foreign)));
}

#[test]
fn nobody_is_there_twice() {
    let user = |digest: u8, id: u64| {
        let entry = ([digest; 16], id, (100u16, 100u16), 0u16, 1u8);
        postcard::to_allocvec(&entry).expect("bytes")
    };
    for (name, second, good) in [
        ("somebody else", user(2, 2), true),
        ("the same passkey", user(1, 2), false),
        ("the same number", user(2, 1), false),
    ] {
        let block = [&[Kind::User as u8][..], &user(1, 1), &second].concat();
        let restored = Registry::restore(&mut &*file_of(&[&block, &[]]));
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
    assert!(matches!(saved, Err(SnapshotError::Io(_))));
    let restored = Registry::restore(&mut Broken);
    assert!(matches!(restored, Err(SnapshotError::Io(_))));
}
