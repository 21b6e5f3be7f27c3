//! Any bytes as what comes in on a connection on which dialects are spoken, at either door: however
//! they are cut, the same follows from them, little of them is kept, and what is asked for can be
//! done, and done again without changing more. And any change that a site can say: it is read as it
//! was meant.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use chihaya::config::{Entrance, Scope};
use chihaya::model::{InfoHash, Multipliers, Passkey, TorrentId, UserId};
use chihaya::storage::{Edit, UserEdit, UserName};
use chihaya::tracker::api::dialects::{
    Dialects, Door, Groups, Known, Member, Order, ocelot::Update, unit3d::Push,
};
use chihaya::tracker::api::{Access, BODY_BYTES_MOST, Conversation, Secrets, Step};
use chihaya::tracker::registry::Registry;
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use std::sync::LazyLock;

static ACCESS: LazyLock<Access> = LazyLock::new(|| {
    let known = |secrets: &[(&'static str, Scope)]| {
        Some(Known {
            at: Entrance::Both,
            secrets: Secrets::new([0; 16], secrets.iter().copied()),
        })
    };
    Access::new([0; 16], [("t", Scope::Write)]).and_in(Dialects {
        ocelot: known(&[("w", Scope::Write), ("r", Scope::Read)]),
        unit3d: known(&[("k", Scope::Write)]),
    })
});

fuzz_target!(|bytes: &[u8]| {
    for door in [Door::Admin, Door::Tracker] {
        let (whole, used) = steps(door, bytes, usize::MAX);
        // Heads are read anew with each byte: long inputs come in larger pieces.
        let at_once = 1 + bytes.len() / 256;
        let (pieces, _) = steps(door, bytes, at_once);
        assert_eq!(pieces, whole, "{at_once} at once");
        if let Some(Step::Elsewhere) = whole.last() {
            assert!(door == Door::Tracker && used < bytes.len());
        }
        do_all(&whole);
    }
    if let Ok(said) = Said::arbitrary(&mut Unstructured::new(bytes)) {
        said.check();
    }
});

/// What follows from bytes that come so many at a time, up to where the connection goes elsewhere;
/// and how many are used.
fn steps(door: Door, bytes: &[u8], at_once: usize) -> (Vec<Step>, usize) {
    let mut conversation = Conversation::at(door);
    let (mut steps, mut used, mut come) = (Vec::new(), 0, 0);
    loop {
        let (taken, step) = conversation.read(&bytes[used..come], &ACCESS);
        used += taken;
        assert!(used <= come && conversation.kept() <= BODY_BYTES_MOST);
        match step {
            Step::Hungry if taken > 0 => {}
            Step::Hungry if come < bytes.len() => {
                come = bytes.len().min(come.saturating_add(at_once));
            }
            Step::Hungry => return (steps, used),
            Step::Elsewhere => {
                assert_eq!(taken, 0);
                steps.push(Step::Elsewhere);
                return (steps, used);
            }
            // How much of a sync comes at once depends on how it is cut.
            Step::Lines(_) => {}
            step => {
                let is_native = matches!(step, Step::Request(..) | Step::Sync(..));
                assert!(!is_native || door == Door::Admin);
                steps.push(step);
            }
        }
        if conversation.is_over() {
            return (steps, used);
        }
    }
}

/// Does what is asked for, twice: the second time nothing changes.
fn do_all(steps: &[Step]) {
    let (mut registry, mut groups) = (Registry::new([0; 16]), Groups::default());
    for step in steps {
        if let Step::Order(_, order) = step {
            make(order, &mut registry, &mut groups);
            let changed = make(order, &mut registry, &mut groups);
            // One that takes a prefix's place gives it back for a moment.
            let is_swap = matches!(order, Order::Update(Some(Update::EditWhitelist { .. })));
            assert!(!changed || is_swap, "{order:?}");
        }
    }
}

/// Makes the edits of an order; returns whether anything has changed.
fn make(order: &Order, registry: &mut Registry, groups: &mut Groups) -> bool {
    let edits: Vec<Edit> = match order {
        Order::Update(Some(update)) => update.edits(registry),
        Order::Push(push) => {
            push.fact().map(|fact| groups.take(fact));
            let told = push.told(groups);
            let told = told.into_iter().filter_map(|user| groups.edit(user));
            push.edits(registry, groups)
                .into_iter()
                .chain(told)
                .collect()
        }
        Order::Update(None) | Order::Report(_) | Order::Show(_) => Vec::new(),
    };
    let mut changed = false;
    for edit in &edits {
        assert_eq!(edit.check(), Ok(()), "{edit:?}");
        changed |= registry.edit(edit).is_ok_and(|edited| edited.changed);
    }
    changed
}

/// Something that a site can say.
#[derive(Arbitrary, Debug)]
enum Said {
    AddTorrent {
        info_hash: [u8; 20],
        id: u64,
        free: u8,
    },
    UpdateTorrents {
        info_hashes: Vec<[u8; 20]>,
        free: u8,
    },
    RemoveUsers {
        passkeys: Vec<u128>,
    },
    AddWhitelist {
        prefix: Vec<u8>,
    },
    User {
        id: u64,
        group: i64,
        passkey: u64,
        new: Option<u64>,
        flags: [bool; 3],
    },
}

fn encoded(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

fn multipliers(free: u8) -> Multipliers {
    let (up_percent, down_percent) = match free {
        0 => (100, 100),
        1 => (100, 0),
        _ => (0, 0),
    };
    Multipliers {
        up_percent,
        down_percent,
    }
}

fn key(text: &str) -> Passkey {
    Passkey::new(text.as_bytes()).expect("a passkey")
}

impl Said {
    fn check(&self) {
        let (request, expected) = self.request();
        if request.len() > 8000 {
            return;
        }
        let (steps, used) = steps(Door::Tracker, request.as_bytes(), usize::MAX);
        assert_eq!(used, request.len());
        match (&steps[..], expected) {
            ([Step::Order(_, order)], Some(expected)) => assert_eq!(*order, expected, "{request}"),
            ([Step::Order(_, Order::Update(None)) | Step::Refused(..)], None) => {}
            (steps, _) => panic!("{request}: {steps:?}"),
        }
    }

    /// The request as a site sends it, and what it means, if anything.
    fn request(&self) -> (String, Option<Order>) {
        let update = |parameters: &str| {
            format!("GET /w/update?{parameters} HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n")
        };
        let is_number = |number: u64| (1..=i64::MAX as u64).contains(&number);
        let order = |update: Update| Some(Order::Update(Some(update)));
        match self {
            Said::AddTorrent {
                info_hash,
                id,
                free,
            } => {
                let hash = encoded(info_hash);
                let request = update(&format!(
                    "action=add_torrent&info_hash={hash}&id={id}&freetorrent={free}"
                ));
                let meant = Update::AddTorrent {
                    info_hash: InfoHash(*info_hash),
                    id: TorrentId(*id),
                    free: Some(multipliers(*free)),
                };
                (request, is_number(*id).then_some(()).and(order(meant)))
            }
            Said::UpdateTorrents { info_hashes, free } => {
                let all: String = info_hashes.iter().map(|hash| encoded(hash)).collect();
                let request = update(&format!(
                    "action=update_torrents&info_hashes={all}&freetorrent={free}"
                ));
                let meant = Update::UpdateTorrents {
                    info_hashes: info_hashes.iter().copied().map(InfoHash).collect(),
                    free: multipliers(*free),
                };
                (
                    request,
                    (!info_hashes.is_empty()).then_some(()).and(order(meant)),
                )
            }
            Said::RemoveUsers { passkeys } => {
                let passkeys: Vec<String> = passkeys
                    .iter()
                    .map(|passkey| format!("{passkey:032x}"))
                    .collect();
                let all = passkeys.concat();
                let meant = Update::RemoveUsers(passkeys.iter().map(|it| key(it)).collect());
                let request = update(&format!("action=remove_users&passkeys={all}"));
                (request, (!all.is_empty()).then_some(()).and(order(meant)))
            }
            Said::AddWhitelist { prefix } => {
                let request = update(&format!("action=add_whitelist&peer_id={}", encoded(prefix)));
                let is_good = (1..=20).contains(&prefix.len());
                let meant = Update::AddWhitelist(prefix.as_slice().into());
                (request, is_good.then_some(()).and(order(meant)))
            }
            Said::User {
                id,
                group,
                passkey,
                new,
                flags: [can_download, donor, lifetime],
            } => {
                let name = |number: &u64| format!("key-{number:x}");
                let (old, new) = (name(passkey), new.as_ref().map(name));
                let body = json!({
                    "id": id, "group_id": group, "passkey": old, "new_passkey": new,
                    "can_download": can_download, "is_donor": donor, "is_lifetime": lifetime,
                    "num_seeding": 0, "num_leeching": 0,
                })
                .to_string();
                let request = format!(
                    "PUT /announce/k/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
                     Content-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                let edit = UserEdit {
                    create: true,
                    passkey: Some(key(&new.unwrap_or(old))),
                    can_leech: Some(*can_download),
                    ..UserEdit::of(UserName::Id(UserId(*id)))
                };
                let member = Member {
                    group: *group,
                    donor: *donor,
                    lifetime: *lifetime,
                };
                let meant = Order::Push(Push::User(edit, UserId(*id), member));
                (request, is_number(*id).then_some(meant))
            }
        }
    }
}
