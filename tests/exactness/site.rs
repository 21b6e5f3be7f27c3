//! The web application: who may announce what, and how it is credited; in the end, what it is told.

use super::database::{Database, Session};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Up and down, in percent.
type Percents = [u64; 2];

// Products of these are whole percents in whatever order they are taken, and all transfer is in
// whole ten thousands: nothing is ever rounded, whichever announces are accounted together.
const EVERYBODY: Percents = [150, 100];
const OF_USERS: [Percents; 4] = [[100, 100], [200, 100], [100, 0], [300, 100]];
const OF_TORRENTS: [Percents; 6] = [
    [100, 100],
    [100, 0],
    [0, 0],
    [200, 100],
    [100, 50],
    [50, 150],
];
const OF_BOTH: [Percents; 3] = [[100, 0], [200, 50], [0, 100]];
const ONE_TOKEN: Percents = [200, 0];

/// How the transfer of a user with a torrent is credited.
#[derive(Clone, Copy, Debug)]
pub struct Credit {
    /// Of 100 to the number of factors.
    up: u128,
    down: u128,
    whole: u128,
    /// Whether a token has a part in it.
    pub token: bool,
}

impl Credit {
    fn of(factors: &[Percents], token: bool) -> Credit {
        let product = |of: usize| {
            factors
                .iter()
                .map(|factor| u128::from(factor[of]))
                .product()
        };
        let (up, down): (u128, u128) = (product(0), product(1));
        let whole = 100u128.pow(factors.len() as u32);
        assert!(
            up * 100 % whole == 0 && down * 100 % whole == 0,
            "{factors:?}"
        );
        Credit {
            up,
            down,
            whole,
            token,
        }
    }

    pub fn apply(&self, raw: [u64; 2]) -> [u64; 2] {
        let part = |raw: u64, of: u128| {
            let product = u128::from(raw) * of;
            assert_eq!(product % self.whole, 0, "{raw} is not exact");
            u64::try_from(product / self.whole).expect("a sum")
        };
        [part(raw[0], self.up), part(raw[1], self.down)]
    }
}

pub struct Site {
    pub folder: PathBuf,
    pub database: Box<dyn Database>,
    pub users: u64,
    pub torrents: u64,
    /// Its tracker is several processes: what one of them hears late is credited no time.
    pub several: bool,
    of_users: Vec<Percents>,
    of_torrents: Vec<Percents>,
    tokens: BTreeMap<(u64, u64), Percents>,
}

impl Site {
    /// A new site with so many users and torrents; numbers begin with 1.
    pub fn new(
        name: &str,
        database: impl FnOnce(&Path) -> Box<dyn Database>,
        users: u64,
        torrents: u64,
        dice: &mut Rng,
    ) -> Site {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut any = |of: &[Percents], count: u64| -> Vec<Percents> {
            (0..count).map(|_| of[dice.usize(..of.len())]).collect()
        };
        let mut site = Site {
            database: database(&folder),
            folder,
            users,
            torrents,
            several: false,
            of_users: any(&OF_USERS, users),
            of_torrents: any(&OF_TORRENTS, torrents),
            tokens: BTreeMap::new(),
        };
        for _ in 0..users {
            let key = (dice.u64(1..=users), dice.u64(1..=torrents));
            site.tokens
                .insert(key, OF_BOTH[dice.usize(..OF_BOTH.len())]);
        }
        site.tokens.insert((1, 0), ONE_TOKEN);
        site.tokens.insert((0, 1), ONE_TOKEN);
        site.write();
        site
    }

    pub fn connect(&self) -> Box<dyn Session> {
        self.database.connect()
    }

    fn write(&self) {
        self.database.prepare();
        let mut db = self.connect();
        let mut write = |into: &str, rows: Vec<String>| {
            db.run(&format!("INSERT INTO {into} VALUES {}", rows.join(", ")));
        };
        let users = (1u64..).zip(&self.of_users);
        let user =
            |(id, [up, down]): (u64, &Percents)| format!("({id}, '{}', {up}, {down})", passkey(id));
        write(
            "tracker_users (id, passkey, up_percent, down_percent)",
            users.map(user).collect(),
        );
        let token = |((user, torrent), [up, down]): (&(u64, u64), &Percents)| {
            format!("({user}, {torrent}, {up}, {down})")
        };
        write(
            "tracker_tokens (user_id, torrent_id, up_percent, down_percent)",
            self.tokens.iter().map(token).collect(),
        );
        let [up, down] = EVERYBODY;
        let options = vec![format!("('up_percent', {up}), ('down_percent', {down})")];
        write("tracker_options (name, value)", options);
        let torrents = (1u64..).zip(&self.of_torrents);
        let torrent = |(id, [up, down]): (u64, &Percents)| {
            let hash = db.bytes(&hex(&info_hash(id)));
            format!("({id}, {hash}, {up}, {down})")
        };
        let torrents: Vec<_> = torrents.map(torrent).collect();
        db.run(&format!(
            "INSERT INTO tracker_torrents (id, info_hash, up_percent, down_percent) VALUES {}",
            torrents.join(", ")
        ));
    }

    pub fn credit(&self, user: u64, torrent: u64) -> Credit {
        let tokens = [(user, torrent), (user, 0), (0, torrent)];
        let tokens = tokens.iter().filter_map(|key| self.tokens.get(key));
        let tokens: Vec<Percents> = tokens.copied().collect();
        let mut factors = vec![
            EVERYBODY,
            self.of_users[user as usize - 1],
            self.of_torrents[torrent as usize - 1],
        ];
        factors.extend(&tokens);
        Credit::of(&factors, !tokens.is_empty())
    }

    /// What the database holds now.
    pub fn told(&self) -> Told {
        let mut db = self.connect();
        db.freeze();
        let peer_id = db.shown("peer_id");
        let mut sums = |kind| {
            let sql = format!(
                "SELECT {peer_id}, sum(amount) FROM tracker_events WHERE kind = '{kind}' \
                 GROUP BY peer_id"
            );
            rows(&mut *db, &sql, |row| (bytes(&row[0]), number(&row[1])))
        };
        let (completed, token_used) = (sums("completed"), sums("token_used"));
        Told {
            users: rows(
                &mut *db,
                "SELECT id, raw_uploaded, raw_downloaded, uploaded, downloaded FROM tracker_users",
                |row| (number(&row[0]), numbers(&row[1..])),
            ),
            history: rows(
                &mut *db,
                "SELECT user_id, torrent_id, raw_uploaded, raw_downloaded, uploaded, downloaded, \
                 snatches, seeder, active, announces, seed_seconds, leech_seconds, started_at, \
                 last_at, completed_at FROM tracker_history",
                |row| {
                    let history = History {
                        sums: numbers(&row[2..9]),
                        announces: number(&row[9]),
                        seed_seconds: number(&row[10]),
                        leech_seconds: number(&row[11]),
                        started: number(&row[12]),
                        last: number(&row[13]),
                        completed: number(&row[14]),
                    };
                    ((number(&row[0]), number(&row[1])), history)
                },
            ),
            torrents: rows(
                &mut *db,
                "SELECT id, seeders, leechers, snatches, balance FROM tracker_torrents",
                |row| (number(&row[0]), numbers(&row[1..])),
            ),
            peers: rows(
                &mut *db,
                &format!(
                    "SELECT {peer_id}, user_id, torrent_id, uploaded, downloaded, remaining, \
                     seeder, active, port, started_at, last_at, announces FROM tracker_peers"
                ),
                |row| {
                    let peer = Peer {
                        state: numbers(&row[1..9]),
                        started: number(&row[9]),
                        last: number(&row[10]),
                        announces: number(&row[11]),
                    };
                    (bytes(&row[0]), peer)
                },
            ),
            completed,
            token_used,
        }
    }
}

/// What the web application has been told.
#[derive(PartialEq, Debug)]
pub struct Told {
    /// Raw up and down, credited up and down.
    pub users: BTreeMap<u64, [u64; 4]>,
    pub history: BTreeMap<(u64, u64), History>,
    /// Seeders, leechers, snatches, balance.
    pub torrents: BTreeMap<u64, [i64; 4]>,
    pub peers: BTreeMap<[u8; 20], Peer>,
    /// Amounts of the events of a session.
    pub completed: BTreeMap<[u8; 20], u64>,
    pub token_used: BTreeMap<[u8; 20], u64>,
}

#[derive(PartialEq, Debug)]
pub struct History {
    /// Raw up and down, credited up and down, snatches, seeder, active.
    pub sums: [u64; 7],
    pub announces: u64,
    pub seed_seconds: u64,
    pub leech_seconds: u64,
    pub started: u64,
    pub last: u64,
    pub completed: u64,
}

#[derive(PartialEq, Debug)]
pub struct Peer {
    /// User, torrent, totals up and down, left, seeder, active, port.
    pub state: [u64; 8],
    pub started: u64,
    pub last: u64,
    pub announces: u64,
}

fn rows<K: Ord, V>(
    db: &mut dyn Session,
    sql: &str,
    read: impl Fn(&[String]) -> (K, V),
) -> BTreeMap<K, V> {
    db.rows(sql).iter().map(|row| read(row)).collect()
}

fn number<T: FromStr>(text: &str) -> T {
    text.parse()
        .unwrap_or_else(|_| panic!("{text:?} is no such number"))
}

fn numbers<T: FromStr, const N: usize>(texts: &[String]) -> [T; N] {
    std::array::from_fn(|place| number(&texts[place]))
}

/// A peer id that is shown in hexadecimal.
fn bytes(text: &str) -> [u8; 20] {
    let byte = |place| u8::from_str_radix(&text[2 * place..2 * place + 2], 16);
    std::array::from_fn(|place| byte(place).expect("hexadecimal"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn passkey(user: u64) -> String {
    format!("{user:032}")
}

pub fn info_hash(torrent: u64) -> [u8; 20] {
    let text = format!("torrent-{torrent:012}");
    text.as_bytes().try_into().expect("20 bytes")
}
