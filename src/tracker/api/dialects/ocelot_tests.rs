use super::*;

fn key(letter: char) -> Passkey {
    let text = letter.to_string().repeat(32);
    Passkey::new(text.as_bytes()).expect("a passkey")
}

fn hash(byte: u8) -> InfoHash {
    InfoHash([byte; 20])
}

const NEUTRAL: Multipliers = Multipliers {
    up_percent: 0,
    down_percent: 0,
};
const FREE: Multipliers = Multipliers {
    up_percent: 100,
    down_percent: 0,
};

/// `A` and `B` stand for info-hashes as they are sent, `U` and `V` for passkeys.
fn read(query: &str) -> Option<Update> {
    let query = query
        .replace('A', &"%0A".repeat(20))
        .replace('B', &"b".repeat(20))
        .replace('U', &"u".repeat(32))
        .replace('V', &"v".repeat(32));
    update(query.as_bytes())
}

#[test]
fn every_action_is_read() {
    let (a, b) = (hash(0x0a), hash(b'b'));
    let prefix = |text: &str| text.as_bytes().into();
    for (query, expected) in [
        (
            "action=change_passkey&oldpasskey=U&newpasskey=V",
            Update::ChangePasskey {
                old: key('u'),
                new: key('v'),
            },
        ),
        (
            "action=add_torrent&info_hash=A&id=9&freetorrent=0",
            Update::AddTorrent {
                info_hash: a,
                id: TorrentId(9),
                free: Some(Multipliers::EVEN),
            },
        ),
        (
            "action=add_torrent&info_hash=A&id=9",
            Update::AddTorrent {
                info_hash: a,
                id: TorrentId(9),
                free: None,
            },
        ),
        (
            "action=update_torrent&info_hash=B&freetorrent=1",
            Update::UpdateTorrents {
                info_hashes: vec![b],
                free: FREE,
            },
        ),
        (
            "action=update_torrents&info_hashes=ABA&freetorrent=2",
            Update::UpdateTorrents {
                info_hashes: vec![a, b, a],
                free: NEUTRAL,
            },
        ),
        (
            "action=delete_torrent&id=9&info_hash=A&reason=0",
            Update::DeleteTorrent {
                info_hash: a,
                reason: "Dupe",
            },
        ),
        (
            "action=delete_torrent&info_hash=A",
            Update::DeleteTorrent {
                info_hash: a,
                reason: "",
            },
        ),
        (
            "action=add_user&passkey=U&id=7&visible=0",
            Update::AddUser {
                passkey: key('u'),
                id: UserId(7),
                visible: Some(false),
            },
        ),
        (
            "action=update_user&passkey=U&can_leech=0&visible=1",
            Update::UpdateUser {
                passkey: key('u'),
                can_leech: Some(false),
                visible: Some(true),
            },
        ),
        (
            "action=update_user&passkey=U",
            Update::UpdateUser {
                passkey: key('u'),
                can_leech: None,
                visible: None,
            },
        ),
        (
            "action=remove_user&passkey=U",
            Update::RemoveUsers(vec![key('u')]),
        ),
        (
            "action=remove_users&passkeys=UVU",
            Update::RemoveUsers(vec![key('u'), key('v'), key('u')]),
        ),
        (
            "action=add_token&info_hash=A&userid=7",
            Update::AddToken {
                info_hash: a,
                user: UserId(7),
            },
        ),
        (
            "action=remove_token&info_hash=A&userid=7",
            Update::RemoveToken {
                info_hash: a,
                user: UserId(7),
            },
        ),
        (
            "action=add_whitelist&peer_id=-TR%32+",
            Update::AddWhitelist(prefix("-TR2+")),
        ),
        (
            "action=edit_whitelist&old_peer_id=-TR&new_peer_id=-qb",
            Update::EditWhitelist {
                old: prefix("-TR"),
                new: prefix("-qb"),
            },
        ),
        (
            "action=remove_whitelist&peer_id=-TR",
            Update::RemoveWhitelist(prefix("-TR")),
        ),
        (
            "action=update_announce_interval&new_announce_interval=1800",
            Update::UpdateAnnounceInterval(1800),
        ),
        (
            "action=update_announce_jitter&new_announce_jitter=0",
            Update::UpdateAnnounceJitter(0),
        ),
        ("action=info_torrent&info_hash=A", Update::InfoTorrent(a)),
        // Of what is said twice the last counts.
        (
            "passkey=V&action=dance&action=remove_user&passkey=U",
            Update::RemoveUsers(vec![key('u')]),
        ),
    ] {
        assert_eq!(read(query), Some(expected), "{query}");
    }
}

#[test]
fn what_cannot_be_is_nothing() {
    for query in [
        "",
        "action",
        "action=",
        "action=dance",
        "action=ADD_TORRENT&info_hash=A&id=9",
        "action=change_passkey&oldpasskey=U",
        "action=change_passkey&oldpasskey=U&newpasskey=a%20b",
        "action=add_torrent&info_hash=A",
        "action=add_torrent&info_hash=A&id=-9",
        "action=add_torrent&info_hash=A&id=9223372036854775808",
        "action=add_torrent&info_hash=AB&id=9",
        "action=add_torrent&info_hash=A%2&id=9",
        "action=add_torrent&info_hash=short&id=9",
        "action=update_torrent&info_hash=A",
        "action=update_torrents&info_hashes=Ax&freetorrent=1",
        "action=update_torrents&info_hashes=&freetorrent=1",
        "action=delete_torrent&id=9",
        "action=add_user&passkey=U",
        "action=add_user&id=7",
        "action=remove_users&passkeys=",
        "action=add_token&info_hash=A&userid=0",
        "action=add_whitelist&peer_id=",
        "action=add_whitelist&peer_id=123456789012345678901",
        "action=edit_whitelist&old_peer_id=-TR",
        "action=update_announce_interval&new_announce_interval=0",
        "action=update_announce_interval&new_announce_interval=86401",
        "action=update_announce_jitter&new_announce_jitter=-1",
        "action=info_torrent",
    ] {
        assert_eq!(read(query), None, "{query}");
    }
}

#[test]
fn reports_are_read() {
    for (query, expected) in [
        ("get=stats", Report::Stats),
        ("get=prom_stats", Report::PromStats),
        ("get=user&key=abc", Report::User(Passkey::new(b"abc"))),
        ("get=user", Report::User(None)),
        ("get=user&key=a%00b", Report::User(None)),
        ("get=jemalloc", Report::Unknown),
        ("", Report::Unknown),
    ] {
        assert_eq!(report(query.as_bytes()), expected, "{query}");
    }
}

#[test]
fn reasons_have_numbers() {
    for (code, text) in [
        (Some("0"), "Dupe"),
        (Some("6"), "Discs Missing"),
        (Some("22"), "Audience Recording"),
        (Some("23"), ""),
        (Some("-1"), ""),
        (Some("one"), ""),
        (None, ""),
    ] {
        assert_eq!(reason(code.map(str::as_bytes)), text, "{code:?}");
    }
}
