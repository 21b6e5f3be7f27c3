//! The registry against a stupid twin: lists that are searched from end to end.

use super::*;
use crate::storage::{Client, Token};
use proptest::prelude::*;

/// Numbers, passkeys and info-hashes: enough for leaves to split.
const MANY: u64 = 300;
/// Of the kinds of which a few will do.
const FEW: u64 = 4;

#[derive(Clone, Default)]
struct Twin {
    users: Vec<User>,
    torrents: Vec<Torrent>,
    clients: Vec<Client>,
    tokens: Vec<Token>,
    global: Global,
}

impl Twin {
    fn apply(&mut self, change: Change) {
        match change {
            Change::User(user) => {
                self.users
                    .retain(|other| other.id != user.id && other.passkey != user.passkey);
                self.users.push(user);
            }
            Change::UserGone(id) => self.users.retain(|user| user.id != id),
            Change::Torrent(torrent) => {
                self.torrents
                    .retain(|other| other.id != torrent.id && other.info_hash != torrent.info_hash);
                self.torrents.push(torrent);
            }
            Change::TorrentGone(id) => self.torrents.retain(|torrent| torrent.id != id),
            Change::Client(client) => {
                self.clients.retain(|other| other.prefix != client.prefix);
                if (1..=20).contains(&client.prefix.len()) {
                    self.clients.push(client);
                }
            }
            Change::ClientGone(prefix) => self.clients.retain(|client| client.prefix != prefix),
            Change::Token(token) => {
                self.tokens
                    .retain(|other| (other.user, other.torrent) != (token.user, token.torrent));
                self.tokens.push(token);
            }
            Change::TokenGone { user, torrent } => self
                .tokens
                .retain(|token| (token.user, token.torrent) != (user, torrent)),
            Change::Global(global) => self.global = global,
        }
    }

    fn allows(&self, peer_id: &PeerId) -> bool {
        let matching = self
            .clients
            .iter()
            .filter(|client| peer_id.0.starts_with(&client.prefix));
        match matching.max_by_key(|client| client.prefix.len()) {
            Some(client) => client.allow,
            None => !self.clients.iter().any(|client| client.allow),
        }
    }

    fn multipliers(
        &self,
        combination: Combination,
        user: &User,
        torrent: &Torrent,
        now: UnixTime,
    ) -> (Multipliers, bool) {
        let valid = |until: Option<UnixTime>| until.is_none_or(|until| until >= now);
        let mut all = vec![Multipliers::default()];
        if valid(self.global.until) {
            all = vec![self.global.multipliers];
        }
        all.extend([user.multipliers, torrent.multipliers]);
        let mut tokens: Vec<&Token> = self
            .tokens
            .iter()
            .filter(|token| token.user.is_none_or(|id| id == user.id))
            .filter(|token| token.torrent.is_none_or(|id| id == torrent.id))
            .filter(|token| valid(token.until))
            .collect();
        tokens.sort_by_key(|token| (token.user.is_some(), token.torrent.is_some()));
        all.extend(tokens.iter().map(|token| token.multipliers));
        let ups = all.iter().map(|these| these.up_percent);
        let downs = all.iter().map(|these| these.down_percent);
        let product = |percents: &mut dyn Iterator<Item = u16>| {
            let first = u32::from(percents.next().expect("one at least"));
            let most = u32::from(u16::MAX);
            let all = percents.fold(first, |all, percent| {
                (all * u32::from(percent) / 100).min(most)
            });
            all as u16
        };
        let credited = match combination {
            Combination::Product => Multipliers {
                up_percent: product(&mut ups.into_iter()),
                down_percent: product(&mut downs.into_iter()),
            },
            Combination::Best => Multipliers {
                up_percent: ups.max().expect("one at least"),
                down_percent: downs.min().expect("one at least"),
            },
        };
        (credited, !tokens.is_empty())
    }

    fn agree(&self, registry: &Registry) {
        let totals = Totals {
            users: self.users.len(),
            torrents: self.torrents.len(),
            clients: self.clients.len(),
            tokens: self.tokens.len(),
        };
        assert_eq!(registry.totals(), totals);
        for number in 0..MANY {
            let user = self.users.iter().find(|user| user.id.0 == number);
            let found = registry.user_by_id(UserId(number));
            assert_eq!(found, user.map(record_of), "user {number}");
            let user = self
                .users
                .iter()
                .find(|user| user.passkey == passkey(number));
            let found = registry.user(&passkey(number));
            assert_eq!(found, user.map(record_of), "passkey {number}");
            self.torrent_agrees(registry, number);
        }
        for text in ["-aabb-", "-aa", "-bb", "xxx", "-a\0"] {
            let mut peer_id = PeerId([0; 20]);
            peer_id.0[..text.len()].copy_from_slice(text.as_bytes());
            assert_eq!(
                registry.allows_client(&peer_id),
                self.allows(&peer_id),
                "{text}"
            );
        }
        for user in self.users.iter().filter(|user| user.id.0 < FEW) {
            for torrent in self.torrents.iter().filter(|torrent| torrent.id.0 < FEW) {
                for now in (0..6).map(UnixTime) {
                    let (_, torrent_record) = registry.torrent_by_id(torrent.id).expect("there");
                    for how in [Combination::Product, Combination::Best] {
                        assert_eq!(
                            registry.multipliers(how, &record_of(user), &torrent_record, now),
                            self.multipliers(how, user, torrent, now)
                        );
                    }
                }
            }
        }
    }

    fn torrent_agrees(&self, registry: &Registry, number: u64) {
        let torrent = self.torrents.iter().find(|torrent| torrent.id.0 == number);
        let found = registry.torrent_by_id(TorrentId(number));
        let expected = torrent.map(|torrent| (torrent.info_hash, standing_of(torrent)));
        assert_eq!(found, expected, "torrent {number}");
        let reason = match torrent.map(|torrent| &torrent.status) {
            Some(TorrentStatus::Deleted(reason)) => reason,
            _ => "",
        };
        assert_eq!(registry.reason(TorrentId(number)), reason);
        let hash = info_hash(number);
        let torrent = self
            .torrents
            .iter()
            .find(|torrent| torrent.info_hash == hash);
        assert_eq!(
            registry.torrent(&hash),
            torrent.map(standing_of),
            "{hash:?}"
        );
    }
}

fn record_of(user: &User) -> UserRecord {
    UserRecord {
        id: user.id,
        enabled: user.enabled,
        can_leech: user.can_leech,
        hide_ip: user.hide_ip,
        slots: user.slots,
        multipliers: user.multipliers,
    }
}

fn standing_of(torrent: &Torrent) -> TorrentRecord {
    TorrentRecord {
        id: torrent.id,
        standing: match torrent.status {
            TorrentStatus::Registered => Standing::Registered,
            TorrentStatus::Unapproved => Standing::Unapproved,
            TorrentStatus::Deleted(_) => Standing::Deleted,
        },
        multipliers: torrent.multipliers,
        snatches: torrent.snatches,
    }
}

fn passkey(number: u64) -> Passkey {
    Passkey::new(format!("passkey {number}").as_bytes()).expect("a passkey")
}

fn info_hash(number: u64) -> InfoHash {
    let mut info_hash = InfoHash([0; 20]);
    info_hash.0[..8].copy_from_slice(&number.to_le_bytes());
    info_hash
}

fn any_multipliers() -> impl Strategy<Value = Multipliers> {
    (0..300u16, 0..300u16).prop_map(|(up_percent, down_percent)| Multipliers {
        up_percent,
        down_percent,
    })
}

fn any_number() -> impl Strategy<Value = u64> {
    prop_oneof![0..FEW, 0..MANY]
}

fn any_until() -> impl Strategy<Value = Option<UnixTime>> {
    prop::option::of((0..6u32).prop_map(UnixTime))
}

fn any_user() -> impl Strategy<Value = User> {
    let flags = any::<[bool; 3]>();
    let slots = prop::option::of(any::<u16>());
    (any_number(), any_number(), flags, slots, any_multipliers()).prop_map(
        |(id, key, [enabled, can_leech, hide_ip], slots, multipliers)| User {
            id: UserId(id),
            passkey: passkey(key),
            enabled,
            can_leech,
            hide_ip,
            slots,
            multipliers,
        },
    )
}

fn any_torrent() -> impl Strategy<Value = Torrent> {
    let status = prop_oneof![
        Just(TorrentStatus::Registered),
        Just(TorrentStatus::Unapproved),
        "[a-c]{0,2}".prop_map(|reason| TorrentStatus::Deleted(reason.into())),
    ];
    (
        any_number(),
        any_number(),
        status,
        any_multipliers(),
        any::<u32>(),
    )
        .prop_map(|(id, hash, status, multipliers, snatches)| Torrent {
            id: TorrentId(id),
            info_hash: info_hash(hash),
            status,
            multipliers,
            snatches,
        })
}

fn any_prefix() -> impl Strategy<Value = Box<[u8]>> {
    prop_oneof![
        20 => "-?[ab]{0,4}".prop_map(|text| text.into_bytes().into()),
        1 => Just(Box::from([b'a'; 21])),
        1 => Just(Box::from(*b"-a\0")),
    ]
}

fn any_scope() -> impl Strategy<Value = (Option<UserId>, Option<TorrentId>)> {
    let user = prop::option::of((0..FEW).prop_map(UserId));
    (user, prop::option::of((0..FEW).prop_map(TorrentId)))
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => any_user().prop_map(Change::User),
        2 => any_number().prop_map(|id| Change::UserGone(UserId(id))),
        4 => any_torrent().prop_map(Change::Torrent),
        2 => any_number().prop_map(|id| Change::TorrentGone(TorrentId(id))),
        2 => (any_prefix(), any::<bool>())
            .prop_map(|(prefix, allow)| Change::Client(Client { prefix, allow })),
        1 => any_prefix().prop_map(Change::ClientGone),
        3 => (any_scope(), any_multipliers(), any_until()).prop_map(
            |((user, torrent), multipliers, until)| {
                Change::Token(Token { user, torrent, multipliers, until })
            },
        ),
        1 => any_scope().prop_map(|(user, torrent)| Change::TokenGone { user, torrent }),
        1 => (any_multipliers(), any_until())
            .prop_map(|(multipliers, until)| {
                Change::Global(Global {
                    multipliers,
                    until,
                    ..Global::default()
                })
            }),
    ]
}

/// One change, or a user and a torrent of each number, each with the key of another.
fn any_step() -> impl Strategy<Value = Vec<Change>> {
    let crowd = (any_user(), any_torrent(), 0..MANY).prop_map(|(user, torrent, shift)| {
        let change = |number: u64| {
            let (id, key) = (number, (number + shift) % MANY);
            let user = User {
                id: UserId(id),
                passkey: passkey(key),
                ..user.clone()
            };
            let torrent = Torrent {
                id: TorrentId(id),
                info_hash: info_hash(key),
                ..torrent.clone()
            };
            [Change::User(user), Change::Torrent(torrent)]
        };
        (0..MANY).flat_map(change).collect()
    });
    let purge = (0..MANY).prop_map(|from| {
        let change = |id| {
            [
                Change::UserGone(UserId(id)),
                Change::TorrentGone(TorrentId(id)),
            ]
        };
        (from..MANY).flat_map(change).collect()
    });
    prop_oneof![
        20 => any_change().prop_map(|change| vec![change]),
        1 => crowd,
        1 => purge,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_its_twin(steps in prop::collection::vec(any_step(), 1..60)) {
        let mut registry = Registry::new([3; 16]);
        let mut twin = Twin::default();
        let mut older = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            if number % 16 == 0 {
                older.push((registry.clone(), twin.clone()));
            }
            for change in step {
                registry.apply(change.clone());
                prop_assert!(!registry.apply(change.clone()), "the same again is no change");
                twin.apply(change);
            }
        }
        twin.agree(&registry);
        for (registry, twin) in older {
            twin.agree(&registry);
        }
        let mut file = Vec::new();
        registry.save(&mut file).expect("written");
        twin.agree(&Registry::restore(&mut &*file).expect("read"));
    }
}

#[test]
fn passkeys_can_be_swapped_and_are_shown_nowhere() {
    let mut registry = Registry::new([0; 16]);
    let user = |id, key| {
        Change::User(User {
            id: UserId(id),
            passkey: passkey(key),
            enabled: true,
            can_leech: true,
            hide_ip: false,
            slots: None,
            multipliers: Multipliers::default(),
        })
    };
    for (id, key) in [(1, 10), (2, 20), (1, 20), (2, 10)] {
        assert!(registry.apply(user(id, key)));
    }
    let id_of = |key| registry.user(&passkey(key)).map(|user| user.id.0);
    assert_eq!([id_of(10), id_of(20)], [Some(2), Some(1)]);
    let shown = format!("{registry:?}");
    assert!(shown.len() < 100 && !shown.contains("passkey"), "{shown}");
}

#[test]
fn long_reasons_are_cut_where_a_letter_ends() {
    let mut registry = Registry::new([0; 16]);
    registry.apply(Change::Torrent(Torrent {
        id: TorrentId(1),
        info_hash: info_hash(1),
        status: TorrentStatus::Deleted("x€".repeat(1000).into()),
        multipliers: Multipliers::default(),
        snatches: 0,
    }));
    assert_eq!(registry.reason(TorrentId(1)), "x€".repeat(128));
}
