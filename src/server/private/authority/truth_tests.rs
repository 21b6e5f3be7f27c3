//! What is held against a stupid twin: a registry in which everything that was pushed is made, in its
//! order, and nothing else ever happens.

use super::super::held::HOLD_SECS;
use super::*;
use crate::model::{InfoHash, Multipliers, Passkey, TorrentId, UserId};
use crate::storage::{
    Client, OptionsEdit, Token, Torrent, TorrentEdit, TorrentName, TorrentStatus, User, UserEdit,
    UserName,
};
use crate::tracker::registry::{Loading, Unedited};
use proptest::prelude::*;
use std::collections::BTreeMap;

const USERS: u64 = 3;
const KEYS: u8 = 4;
const NOW: Seconds = Seconds(1000);

fn passkey(key: u8) -> Passkey {
    Passkey::new(&[b'a' + key]).expect("a passkey")
}

fn info_hash(key: u8) -> InfoHash {
    InfoHash([key; 20])
}

fn any_user() -> impl Strategy<Value = Edit> {
    let who = prop_oneof![
        (1..=USERS).prop_map(|id| UserName::Id(UserId(id))),
        (0..KEYS).prop_map(|key| UserName::Passkey(passkey(key))),
    ];
    let moved = (
        any::<bool>(),
        prop::option::of(0..KEYS),
        prop::option::of(1..=USERS),
    );
    (
        who,
        moved,
        any::<[Option<bool>; 2]>(),
        prop::option::of(any::<Option<u16>>()),
    )
        .prop_map(|(who, (create, key, id), [enabled, can_leech], slots)| {
            Edit::User(UserEdit {
                create,
                passkey: key.map(passkey),
                id: id
                    .map(UserId)
                    .filter(|_| matches!(who, UserName::Passkey(_))),
                enabled,
                can_leech,
                slots,
                ..UserEdit::of(who)
            })
        })
}

fn any_torrent() -> impl Strategy<Value = Edit> {
    let which = prop_oneof![
        (1..=USERS).prop_map(|id| TorrentName::Id(TorrentId(id))),
        (0..KEYS).prop_map(|key| TorrentName::InfoHash(info_hash(key))),
    ];
    let status = prop_oneof![
        Just(TorrentStatus::Registered),
        Just(TorrentStatus::Unapproved),
        Just(TorrentStatus::Deleted("dupe".into())),
    ];
    let moved = (
        any::<bool>(),
        prop::option::of(0..KEYS),
        prop::option::of(1..=USERS),
    );
    (which, moved, prop::option::of(status), any::<Option<u16>>()).prop_map(
        |(which, (create, key, id), status, up_percent)| {
            Edit::Torrent(TorrentEdit {
                create,
                info_hash: key.map(info_hash),
                id: id
                    .map(TorrentId)
                    .filter(|_| matches!(which, TorrentName::InfoHash(_))),
                status,
                up_percent,
                ..TorrentEdit::of(which)
            })
        },
    )
}

fn any_edit() -> impl Strategy<Value = Edit> {
    let prefix = || prop_oneof![Just(b"-A".to_vec()), Just(b"-AB".to_vec())];
    let scope = || {
        let id = || prop::option::of(1..=2u64);
        (
            id().prop_map(|id| id.map(UserId)),
            id().prop_map(|id| id.map(TorrentId)),
        )
    };
    prop_oneof![
        6 => any_user(),
        2 => (1..=USERS).prop_map(|id| Edit::UserGone(UserName::Id(UserId(id)))),
        1 => (0..KEYS).prop_map(|key| Edit::UserGone(UserName::Passkey(passkey(key)))),
        6 => any_torrent(),
        2 => (1..=USERS).prop_map(|id| Edit::TorrentGone(TorrentName::Id(TorrentId(id)))),
        1 => (prefix(), any::<bool>()).prop_map(|(prefix, allow)| Edit::Client(Client {
            prefix: prefix.into(),
            allow,
        })),
        1 => prefix().prop_map(|prefix| Edit::ClientGone(prefix.into())),
        1 => (scope(), any::<u16>()).prop_map(|((user, torrent), up_percent)| Edit::Token(Token {
            user,
            torrent,
            multipliers: Multipliers { up_percent, down_percent: 1 },
            until: None,
        })),
        1 => scope().prop_map(|(user, torrent)| Edit::TokenGone { user, torrent }),
        1 => (any::<Option<u16>>(), any::<Option<Option<u32>>>()).prop_map(
            |(up_percent, interval_secs)| Edit::Options(OptionsEdit {
                up_percent,
                interval_secs,
                ..OptionsEdit::default()
            })
        ),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Push(Edit),
    /// So many edits are written.
    Write(usize),
    /// A write is lost on its way back: it is made again.
    WriteTwice(usize),
    /// A load of everything begins here and ends so many steps later, unless there is one.
    Load(usize),
    /// So does one that shows some of what is there.
    Changes(usize, u8),
    /// The tracker is restarted.
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any_edit().prop_map(Step::Push),
        2 => (1..4usize).prop_map(Step::Write),
        1 => (1..4usize).prop_map(Step::WriteTwice),
        1 => (0..6usize).prop_map(Step::Load),
        1 => (0..6usize, any::<u8>()).prop_map(|(steps, which)| Step::Changes(steps, which)),
        1 => Just(Step::Restart),
    ]
}

/// All that can be asked of a registry.
fn seen(registry: &Registry) -> Vec<String> {
    let mut seen = Vec::new();
    for id in 1..=USERS {
        seen.push(format!("{:?}", registry.user_by_id(UserId(id))));
        seen.push(format!("{:?}", registry.torrent_by_id(TorrentId(id))));
        seen.push(registry.reason(TorrentId(id)).to_owned());
    }
    for key in 0..KEYS {
        seen.push(format!("{:?}", registry.user(&passkey(key))));
        seen.push(format!("{:?}", registry.torrent(&info_hash(key))));
    }
    let ids = [None, Some(1), Some(2)];
    for (user, torrent) in ids
        .iter()
        .flat_map(|user| ids.map(|torrent| (*user, torrent)))
    {
        let token = registry.token(user.map(UserId), torrent.map(TorrentId));
        seen.push(format!("{token:?}"));
    }
    for prefix in [b"-A".as_slice(), b"-AB"] {
        seen.push(format!("{:?}", registry.client(prefix)));
    }
    seen.push(format!("{:?} {:?}", registry.global(), registry.totals()));
    seen
}

/// How a storage would show what it has: a registry is one that can be asked by name.
fn changes(store: &Registry) -> Vec<Change> {
    let mut changes = Vec::new();
    for id in 1..=USERS {
        let key = (0..KEYS).find(|key| {
            let user = store.user(&passkey(*key));
            user.is_some_and(|user| user.id == UserId(id))
        });
        changes.push(match (store.user_by_id(UserId(id)), key) {
            (Some(user), Some(key)) => Change::User(User {
                id: user.id,
                passkey: passkey(key),
                enabled: user.enabled,
                can_leech: user.can_leech,
                hide_ip: user.hide_ip,
                slots: user.slots,
                multipliers: user.multipliers,
            }),
            _ => Change::UserGone(UserId(id)),
        });
        changes.push(match store.torrent_by_id(TorrentId(id)) {
            Some((info_hash, torrent)) => Change::Torrent(Torrent {
                id: torrent.id,
                info_hash,
                status: match torrent.standing {
                    Standing::Registered => TorrentStatus::Registered,
                    Standing::Unapproved => TorrentStatus::Unapproved,
                    Standing::Deleted => TorrentStatus::Deleted(store.reason(torrent.id).into()),
                },
                multipliers: torrent.multipliers,
                snatches: torrent.snatches,
            }),
            None => Change::TorrentGone(TorrentId(id)),
        });
    }
    changes
}

/// A tracker that pushes, writes and loads, and the twin.
struct World {
    truth: Truth,
    store: Registry,
    twin: Registry,
    /// What the file would hold.
    file: BTreeMap<u64, Edit>,
}

impl World {
    fn push(&mut self, edit: &Edit) {
        let twin = self.twin.edit(edit);
        let resolved = self.truth.registry.by_number(edit.clone());
        let made = self.truth.registry.edit(edit);
        assert_eq!(twin, made, "{edit:?}");
        if let Ok(edited) = made {
            let held = self.truth.held.hold(resolved, edited.moved, NOW);
            let (ticket, _) = held.expect("what is made is named by number");
            let edit = self.truth.held.get(ticket.position).expect("held");
            self.file.insert(ticket.position, edit.clone());
        }
    }

    fn write(&mut self, most: usize, times: usize) {
        let edits = self.truth.held.iter().take(most);
        let edits: Vec<_> = edits.map(|(ticket, edit)| (ticket, edit.clone())).collect();
        for time in 0..times {
            for (_, edit) in &edits {
                let made = self.store.edit(edit);
                let is_so = match made {
                    Ok(_) => true,
                    // It was made before, or what it removes has never been written.
                    Err(Unedited::Refused(EditError::NotFound)) => edit.is_removal() || time > 0,
                    // The second time, what follows has been made already.
                    Err(_) => time > 0,
                };
                assert!(is_so, "{edit:?}: {made:?}");
            }
        }
        for (ticket, edit) in edits {
            let written = self.truth.written(ticket, &edit, &Ok(Placed::default()));
            if written.is_some() {
                self.file.remove(&ticket.position);
            }
        }
    }

    /// Some of what the storage had when a load began, as one that tells changes would show it.
    fn load_some(&mut self, store: &Registry, which: u8) {
        let changes = changes(store).into_iter().enumerate();
        let shown = changes.filter(|(place, _)| which >> (place % 8) & 1 == 1);
        let shown = shown.map(|(_, change)| change).collect();
        self.truth.load(u64::MAX, shown, NOW);
    }

    fn restart(&mut self) {
        let mut held = Held::default();
        for (position, edit) in &self.file {
            held.restore(*position, edit.clone(), NOW);
        }
        self.truth = Truth::new(self.truth.stored().clone(), held);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn nothing_that_is_loaded_undoes_what_was_pushed(
        steps in prop::collection::vec(any_step(), 1..60)
    ) {
        let registry = || Loading::like(&Registry::new([7; 16])).finish();
        let mut world = World {
            truth: Truth::new(registry(), Held::default()),
            store: registry(),
            twin: registry(),
            file: BTreeMap::new(),
        };
        // A load under way: what it has read, what it shows, when it ends.
        let mut load: Option<(Registry, Option<u8>, usize)> = None;
        for (at, step) in steps.iter().enumerate() {
            if let Some((store, which, _)) = load.take_if(|(.., end)| *end <= at) {
                match which {
                    None => drop(world.truth.load_all(u64::MAX, store, NOW)),
                    Some(which) => world.load_some(&store, which),
                }
                prop_assert_eq!(seen(&world.truth.registry), seen(&world.twin), "load, {}", at);
            }
            match step {
                Step::Push(edit) => world.push(edit),
                // The thread that loads is the one that writes.
                Step::Write(most) if load.is_none() => world.write(*most, 1),
                Step::WriteTwice(most) if load.is_none() => world.write(*most, 2),
                Step::Load(steps) if load.is_none() => {
                    load = Some((world.store.clone(), None, at + steps));
                }
                Step::Changes(steps, which) if load.is_none() => {
                    load = Some((world.store.clone(), Some(*which), at + steps));
                }
                Step::Restart => {
                    load = None;
                    world.restart();
                }
                _ => {}
            }
            prop_assert_eq!(seen(&world.truth.registry), seen(&world.twin), "at {}", at);
        }
        world.write(usize::MAX, 1);
        prop_assert_eq!(world.truth.held.len(), 0);
        prop_assert_eq!(seen(&world.store), seen(&world.twin));
        prop_assert_eq!(seen(world.truth.stored()), seen(&world.twin));
    }
}

fn disabled(id: u64) -> Edit {
    Edit::User(UserEdit {
        enabled: Some(false),
        ..UserEdit::of(UserName::Id(UserId(id)))
    })
}

/// A registry in which user 1 is enabled, or not.
fn loaded(enabled: bool) -> Registry {
    let mut loading = Loading::like(&Registry::new([7; 16]));
    loading.take(Change::User(User {
        id: UserId(1),
        passkey: passkey(0),
        enabled,
        can_leech: true,
        hide_ip: false,
        slots: None,
        multipliers: Multipliers::EVEN,
    }));
    loading.finish()
}

/// Loads that a storage which cannot be written answers with: when each began, whether it says that
/// the user is enabled, and when it ends; and then whether the user is, and whether the edit is held.
#[test]
fn loads_confirm_or_say_otherwise() {
    let later = NOW.0 + HOLD_SECS + 1;
    let first = 1;
    for (name, loads, enabled, is_held) in [
        ("none", &[][..], false, true),
        ("one that began before", &[(0, true, NOW.0)], false, true),
        (
            "many that began before",
            &[(0, true, NOW.0); 5],
            false,
            true,
        ),
        ("one that confirms", &[(first, false, NOW.0)], false, false),
        (
            "confirmed before it was asked",
            &[(0, false, NOW.0)],
            false,
            true,
        ),
        ("otherwise", &[(first, true, NOW.0)], false, true),
        ("twice otherwise", &[(first, true, NOW.0); 2], true, false),
        (
            "otherwise, then confirmed",
            &[(first, true, NOW.0), (first, false, NOW.0)],
            false,
            false,
        ),
        ("otherwise after long", &[(first, true, later)], true, false),
        (
            "long ago, but it began before",
            &[(0, true, later)],
            false,
            true,
        ),
    ] {
        for is_whole in [true, false] {
            let mut held = Held::default();
            held.hold(disabled(1), false, NOW);
            let mut truth = Truth::new(loaded(true), held);
            truth.loads_judge = true;
            for (mark, says, now) in loads {
                let (stored, now) = (loaded(*says), Seconds(*now));
                match is_whole {
                    true => drop(truth.load_all(*mark, stored, now)),
                    false => drop(truth.load(*mark, changes(&stored), now)),
                }
            }
            let user = truth.registry.user_by_id(UserId(1)).expect("there");
            assert_eq!(user.enabled, enabled, "{name}");
            let held = truth.held;
            assert_eq!(held.len(), usize::from(is_held), "{name}");
            assert_eq!(held.wants_load(Seconds(later)), is_held, "{name}");
            assert!(!held.wants_load(NOW), "{name}");
        }
    }
}

#[test]
fn what_is_removed_is_confirmed_by_not_being_there() {
    let gone = Edit::UserGone(UserName::Id(UserId(1)));
    let mut held = Held::default();
    held.hold(gone.clone(), true, NOW);
    let nobody = Registry::new([7; 16]);
    assert_eq!(held.judge_all(1, &nobody, NOW), [1]);
    // One that is added again after it was removed is judged as a whole.
    let again = Edit::User(UserEdit {
        create: true,
        passkey: Some(passkey(0)),
        ..UserEdit::of(UserName::Id(UserId(1)))
    });
    held.hold(gone, true, NOW);
    held.hold(again, true, NOW);
    assert_eq!(held.judge_all(3, &loaded(true), NOW), [2, 3]);
    assert_eq!(held.len(), 0);
}

#[test]
fn what_is_merged_meanwhile_is_not_settled() {
    let mut held = Held::default();
    let (first, before) = held.hold(disabled(1), false, NOW).expect("held");
    assert_eq!(before, None);
    let (second, before) = held.hold(disabled(1), false, NOW).expect("held");
    assert_eq!(
        (second.position, before),
        (first.position, Some(first.number))
    );
    assert_eq!(held.settle(first), None);
    assert_eq!(held.settle(second), Some(disabled(1)));
    assert_eq!(held.len(), 0);
    let nameless = Edit::UserGone(UserName::Passkey(passkey(0)));
    assert_eq!(held.hold(nameless, true, NOW), None);
}
