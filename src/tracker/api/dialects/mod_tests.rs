use super::*;
use crate::config::Entrance;
use crate::model::{Passkey, UserId};
use crate::storage::{Change, Torrent};
use crate::tracker::api::{Access, Conversation, Step};

const UPDATE: &str = "update-and-report";
const REPORT: &str = "reports-and-no-more";
const KEY: &str = "key-of-the-site-";

fn access(at: Entrance) -> Access {
    let known = |secrets: &[(&'static str, Scope)]| {
        Some(Known {
            at,
            secrets: Secrets::new([3; 16], secrets.iter().copied()),
        })
    };
    Access::new([1; 16], []).and_in(Dialects {
        ocelot: known(&[(UPDATE, Scope::Write), (REPORT, Scope::Read)]),
        unit3d: known(&[(KEY, Scope::Write)]),
    })
}

/// What follows from the first request, how many of its bytes are used, and whether another may
/// follow.
fn first(door: Door, at: Entrance, request: &str) -> (Step, usize, bool) {
    let (mut conversation, access) = (Conversation::at(door), access(at));
    let (mut used, mut steps) = (0, Vec::new());
    while steps.is_empty() {
        let (taken, step) = conversation.read(&request.as_bytes()[used..], &access);
        used += taken;
        match step {
            Step::Hungry => assert!(taken > 0, "{request}"),
            step => steps.push(step),
        }
    }
    let goes_on = !conversation.is_over();
    (steps.remove(0), used, goes_on)
}

fn request(line: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: t\r\n\r\n")
}

#[test]
fn dialects_are_heard_where_they_are_spoken() {
    let update = request(&format!(
        "GET /{UPDATE}/update?action=remove_whitelist&peer_id=-X"
    ));
    let report = request(&format!("GET /{REPORT}/report?get=stats"));
    let shown = request(&format!("GET /announce/{KEY}/users/7"));
    let order = |request: &str| match request {
        _ if request == update => Order::Update(Some(ocelot::Update::RemoveWhitelist(
            b"-X".as_slice().into(),
        ))),
        _ if request == report => Order::Report(ocelot::Report::Stats),
        _ => Order::Show(unit3d::Shown::User(UserId(7))),
    };
    for request in [&update, &report, &shown] {
        for (door, at, is_heard) in [
            (Door::Admin, Entrance::Admin, true),
            (Door::Admin, Entrance::Both, true),
            (Door::Admin, Entrance::Tracker, false),
            (Door::Tracker, Entrance::Tracker, true),
            (Door::Tracker, Entrance::Both, true),
            (Door::Tracker, Entrance::Admin, false),
        ] {
            let (step, used, goes_on) = first(door, at, request);
            match step {
                Step::Order(_, told) if is_heard => {
                    assert_eq!(told, order(request));
                    assert!(goes_on && used == request.len());
                }
                // None of it is used: it is for somebody else.
                Step::Elsewhere => assert!(!is_heard && door == Door::Tracker && used == 0),
                Step::Stranger(_, answer) => {
                    assert!(!is_heard && door == Door::Admin && answer.status() == 401);
                }
                step => panic!("{door:?} {at:?} {request}: {step:?}"),
            }
        }
    }
}

#[test]
fn wrong_secrets_are_strangers() {
    for line in [
        format!("GET /{REPORT}/update?action=x"),
        format!("GET /{KEY}/update?action=x"),
        format!("GET /{UPDATE}x/report"),
        format!("PUT /announce/{UPDATE}/users"),
        "DELETE /announce/x/groups".to_owned(),
    ] {
        for (door, status) in [(Door::Tracker, 404), (Door::Admin, 401)] {
            let (step, _, goes_on) = first(door, Entrance::Both, &request(&line));
            let Step::Stranger(framing, answer) = step else {
                panic!("{line}: {step:?}");
            };
            assert_eq!(answer.status(), status, "{line}");
            assert!(!framing.keep_alive && !goes_on);
        }
    }
}

fn torrent(id: u64, byte: u8, status: TorrentStatus) -> Change {
    Change::Torrent(Torrent {
        id: TorrentId(id),
        info_hash: InfoHash([byte; 20]),
        status,
        multipliers: Default::default(),
        snatches: 0,
    })
}

/// A torrent that is uploaded again has the info-hash of one that is gone.
#[test]
fn an_info_hash_goes_to_the_torrent_that_is_told_of() {
    let mut registry = Registry::new([5; 16]);
    registry.apply(torrent(1, 1, TorrentStatus::Deleted("old".into())));
    registry.apply(torrent(2, 2, TorrentStatus::Registered));
    let edits = |id: u64, byte: u8, status: TorrentStatus| {
        let edit = TorrentEdit {
            status: Some(status),
            ..TorrentEdit::of(TorrentName::Id(TorrentId(id)))
        };
        let edits = registered(TorrentId(id), InfoHash([byte; 20]), edit, &registry);
        let mut after = registry.clone();
        for edit in &edits {
            after.edit(edit).expect("made");
        }
        let holder = after.torrent(&InfoHash([byte; 20])).expect("there");
        (edits.len(), holder.id.0)
    };
    let deleted = || TorrentStatus::Deleted("".into());
    for (name, id, byte, status, expected) in [
        ("a new one", 3, 3, TorrentStatus::Registered, (1, 3)),
        ("the same", 2, 2, TorrentStatus::Registered, (1, 2)),
        (
            "after the old one was deleted",
            3,
            1,
            TorrentStatus::Registered,
            (2, 3),
        ),
        (
            "though of that nothing was heard",
            3,
            2,
            TorrentStatus::Registered,
            (2, 3),
        ),
        (
            "the old one goes after the new one has come",
            1,
            2,
            deleted(),
            (0, 2),
        ),
        ("one that was never heard of", 4, 1, deleted(), (2, 4)),
    ] {
        assert_eq!(edits(id, byte, status), expected, "{name}");
    }
}

#[test]
fn nothing_secret_is_shown() {
    let shown = format!("{:?}", access(Entrance::Both));
    assert!(
        ![UPDATE, REPORT, KEY]
            .iter()
            .any(|secret| shown.contains(secret)),
        "{shown}"
    );
    let passkey = Passkey::new(b"passkey-of-a-user").expect("a passkey");
    let order = Order::Update(Some(ocelot::Update::RemoveUsers(vec![passkey])));
    assert!(!format!("{order:?}").contains("of-a-user"));
}
