//! What a web application has been told.

use super::Reads;
use crate::database::Session;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// What stands for a value that a kind of site has no room for.
const NOT_KEPT: &str = "-";

/// A value, where the site has room for it.
pub type Kept<T> = Option<T>;

/// A user and a torrent.
type Pair = (u64, u64);

/// All of it; no table where the site has none.
pub struct Told {
    /// Raw up and down, credited up and down.
    pub users: BTreeMap<u64, [Kept<u64>; 4]>,
    pub torrents: BTreeMap<u64, Torrent>,
    pub history: Option<BTreeMap<Pair, History>>,
    pub peers: Option<BTreeMap<[u8; 20], Peer>>,
    /// By address instead.
    pub addresses: Option<BTreeMap<Pair, Vec<AtAddress>>>,
    /// Amounts of the events of a session, by kind.
    pub events: Option<BTreeMap<(String, [u8; 20]), u64>>,
    /// When downloads were finished, and where.
    pub snatches: Option<BTreeMap<Pair, Vec<(u64, IpAddr)>>>,
    /// Bytes downloaded with a token, and whether it is gone.
    pub tokens: Option<BTreeMap<Pair, [u64; 2]>>,
}

pub struct Torrent {
    /// Seeders, leechers, snatches, balance.
    pub counts: [Kept<i64>; 4],
    pub last_seeded: Kept<u64>,
}

pub struct History {
    /// Raw up and down, credited up and down, snatches, seeder, active.
    pub sums: [Kept<u64>; 7],
    pub announces: Kept<u64>,
    pub seed_seconds: u64,
    pub leech_seconds: Kept<u64>,
    pub started: Kept<u64>,
    pub last: Kept<u64>,
    pub completed: u64,
    pub left: Kept<u64>,
    /// What the client said last, up and down.
    pub client: [Kept<u64>; 2],
    /// First and last time it was seen that it seeds.
    pub seen_seeding: [Kept<u64>; 2],
    pub agent: Kept<String>,
}

pub struct Peer {
    /// User, torrent, totals up and down, left, seeder, active, port.
    pub state: [Kept<u64>; 8],
    pub started: u64,
    pub last: u64,
    pub announces: Kept<u64>,
    pub ip: IpAddr,
    pub agent: String,
}

/// What was last heard from an address; of all of IPv6, where there is no room for those.
pub struct AtAddress {
    pub ip: IpAddr,
    pub totals: [u64; 2],
    pub port: u64,
    pub started: u64,
    pub last: u64,
}

impl Told {
    pub fn read(db: &mut dyn Session, reads: &Reads) -> Told {
        Told {
            users: all(db, reads.users, |row| (row.number(), row.kept_all())),
            torrents: all(db, reads.torrents, |row| {
                let id = row.number();
                let torrent = Torrent {
                    counts: row.kept_all(),
                    last_seeded: row.kept(),
                };
                (id, torrent)
            }),
            history: reads
                .history
                .map(|sql| all(db, sql, |row| (row.pair(), row.history()))),
            peers: reads
                .peers
                .map(|sql| all(db, sql, |row| (row.peer_id(), row.peer()))),
            addresses: reads
                .addresses
                .map(|sql| lists(db, sql, |row| (row.pair(), row.at_address()))),
            events: reads.events.map(|sql| {
                all(db, sql, |row| {
                    ((row.text().to_owned(), row.peer_id()), row.number())
                })
            }),
            snatches: reads
                .snatches
                .map(|sql| lists(db, sql, |row| (row.pair(), (row.number(), row.ip())))),
            tokens: reads
                .tokens
                .map(|sql| all(db, sql, |row| (row.pair(), [row.number(), row.number()]))),
        }
    }
}

/// The rows of a query, one for each key.
fn all<K: Ord, V>(
    db: &mut dyn Session,
    sql: &str,
    read: impl Fn(&mut Row) -> (K, V),
) -> BTreeMap<K, V> {
    let mut all = BTreeMap::new();
    for values in rows(db, sql) {
        let (key, value) = read(&mut Row::new(&values));
        assert!(all.insert(key, value).is_none(), "{sql}: twice: {values:?}");
    }
    all
}

/// The rows of a query, with as many for a key as there are.
fn lists<K: Ord, V>(
    db: &mut dyn Session,
    sql: &str,
    read: impl Fn(&mut Row) -> (K, V),
) -> BTreeMap<K, Vec<V>> {
    let mut lists: BTreeMap<K, Vec<V>> = BTreeMap::new();
    for values in rows(db, sql) {
        let (key, value) = read(&mut Row::new(&values));
        lists.entry(key).or_default().push(value);
    }
    lists
}

fn rows(db: &mut dyn Session, sql: &str) -> Vec<Vec<String>> {
    let bytes = ["peer_id", "ip"].map(|column| (column, db.shown(column)));
    let sql = super::fill(sql, &bytes);
    db.rows(&sql)
}

/// A row, one value after the other.
struct Row<'r> {
    values: std::slice::Iter<'r, String>,
}

impl Row<'_> {
    fn new(values: &[String]) -> Row<'_> {
        Row {
            values: values.iter(),
        }
    }

    fn text(&mut self) -> &str {
        self.values.next().expect("one more value")
    }

    fn kept<T: FromStr>(&mut self) -> Kept<T> {
        match self.text() {
            NOT_KEPT => None,
            text => Some(parsed(text)),
        }
    }

    fn kept_all<T: FromStr, const N: usize>(&mut self) -> [Kept<T>; N] {
        std::array::from_fn(|_| self.kept())
    }

    fn number(&mut self) -> u64 {
        parsed(self.text())
    }

    fn pair(&mut self) -> Pair {
        (self.number(), self.number())
    }

    /// Bytes that are shown in hexadecimal.
    fn peer_id(&mut self) -> [u8; 20] {
        bytes(self.text())
    }

    /// An address as a text, or its bytes in hexadecimal.
    fn ip(&mut self) -> IpAddr {
        let text = self.text();
        text.parse()
            .unwrap_or_else(|_| Ipv6Addr::from(bytes(text)).to_canonical())
    }

    fn history(&mut self) -> History {
        History {
            sums: self.kept_all(),
            announces: self.kept(),
            seed_seconds: self.number(),
            leech_seconds: self.kept(),
            started: self.kept(),
            last: self.kept(),
            completed: self.number(),
            left: self.kept(),
            client: self.kept_all(),
            seen_seeding: self.kept_all(),
            agent: self.kept(),
        }
    }

    fn peer(&mut self) -> Peer {
        Peer {
            state: self.kept_all(),
            started: self.number(),
            last: self.number(),
            announces: self.kept(),
            ip: self.ip(),
            agent: self.text().to_owned(),
        }
    }

    fn at_address(&mut self) -> AtAddress {
        AtAddress {
            ip: self.ip(),
            totals: [self.number(), self.number()],
            port: self.number(),
            started: self.number(),
            last: self.number(),
        }
    }
}

fn parsed<T: FromStr>(text: &str) -> T {
    text.parse()
        .unwrap_or_else(|_| panic!("{text:?} is no such value"))
}

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    assert_eq!(text.len(), 2 * N, "{text:?}");
    let byte = |place| u8::from_str_radix(&text[2 * place..2 * place + 2], 16);
    std::array::from_fn(|place| byte(place).expect("hexadecimal"))
}
