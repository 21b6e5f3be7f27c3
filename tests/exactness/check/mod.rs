//! The database against what the clients know. What a kind of site has no room for is not compared.

mod pairs;
mod seconds;
mod sessions;

use super::client::{Client, Window};
use super::site::{Kept, Site, Told};
use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

/// What was compared.
#[derive(Default)]
pub struct Compared {
    pub values: u64,
    pub bytes: u128,
    /// Pairs of user and torrent whose seconds had to be exact, and all of them.
    pub exact_seconds: u64,
    pub pairs: u64,
    pub sessions: u64,
    pub snatches: u64,
    /// Announces in the database, and what they may be between; zeros where it does not count them.
    pub announces: [u64; 3],
}

/// Differences, and what was compared.
pub struct Check {
    differences: Vec<String>,
    pub compared: Compared,
}

/// Clients of one user with one torrent.
type Pairs<'c> = BTreeMap<(u64, u64), Vec<&'c Client>>;

/// Compares all that the database tells with what the clients know.
pub fn compare(site: &Site, clients: &[Client]) -> Check {
    let told = site.told();
    let mut check = Check {
        differences: Vec::new(),
        compared: Compared::default(),
    };
    let mut pairs = Pairs::new();
    for client in clients.iter().filter(|client| client.began.is_some()) {
        let pair = (client.user, client.torrent);
        pairs.entry(pair).or_default().push(client);
    }
    check.sessions(site, &told, &pairs);
    check.pairs(site, &told, &pairs);
    check.users(site, &told, &pairs);
    check.torrents(site, &told, &pairs);
    check
}

impl Check {
    /// The first of the differences.
    pub fn differences(&self) -> Option<String> {
        let count = self.differences.len();
        (count > 0).then(|| {
            let first: Vec<_> = self.differences.iter().take(40).cloned().collect();
            format!(
                "{count} differences, the first of them:\n{}",
                first.join("\n")
            )
        })
    }

    fn differs(&mut self, difference: String) {
        self.differences.push(difference);
    }

    fn same<T: PartialEq + Debug>(&mut self, what: impl Display, told: T, known: T) {
        self.compared.values += 1;
        if told != known {
            self.differs(format!("{what}: {told:?} told, {known:?} known"));
        }
    }

    /// Of several values those that are kept.
    fn all_same<T: PartialEq + Debug, const N: usize>(
        &mut self,
        what: impl Display,
        told: [Kept<T>; N],
        known: [T; N],
    ) {
        let kept = || told.iter().zip(&known).filter(|(told, _)| told.is_some());
        self.compared.values += kept().count() as u64;
        if kept().any(|(told, known)| told.as_ref() != Some(known)) {
            self.differs(format!("{what}: {told:?} told, {known:?} known"));
        }
    }

    fn within(&mut self, what: impl Display, told: impl Into<Kept<u64>>, known: [u64; 2]) {
        let Some(told) = told.into() else { return };
        self.compared.values += 1;
        let [least, most] = known;
        if !(least..=most).contains(&told) {
            self.differs(format!("{what}: {told} told, {least} to {most} known"));
        }
    }

    fn when(&mut self, what: impl Display, told: impl Into<Kept<u64>>, window: Window) {
        self.within(what, told, moments(window));
    }

    fn users(&mut self, site: &Site, told: &Told, pairs: &Pairs<'_>) {
        let mut known: BTreeMap<u64, [u64; 4]> = (1..=site.users).map(|id| (id, [0; 4])).collect();
        for ((user, torrent), clients) in pairs {
            let raw = raw(clients);
            let credited = site.credit(*user, *torrent).apply(raw);
            let sums = known.entry(*user).or_default();
            for (sum, more) in sums.iter_mut().zip(raw.into_iter().chain(credited)) {
                *sum += more;
            }
        }
        let strangers = told.users.keys().filter(|user| !known.contains_key(*user));
        self.same("users that nobody is", strangers.count(), 0);
        for (user, known) in known {
            // Beside an application, who has not moved anything has no row.
            let told = told.users.get(&user).copied().unwrap_or([Some(0); 4]);
            self.all_same(
                format!("user {user}: raw up, raw down, up, down"),
                told,
                known,
            );
            self.count_bytes(&told, &known);
        }
    }

    /// The bytes of sums that are kept.
    fn count_bytes(&mut self, told: &[Kept<u64>], known: &[u64]) {
        let kept = told.iter().zip(known).filter(|(told, _)| told.is_some());
        self.compared.bytes += kept.map(|(_, known)| u128::from(*known)).sum::<u128>();
    }

    fn torrents(&mut self, site: &Site, told: &Told, pairs: &Pairs<'_>) {
        let mut known: BTreeMap<u64, Vec<&Client>> =
            (1..=site.torrents).map(|id| (id, Vec::new())).collect();
        for ((_, torrent), clients) in pairs {
            known.entry(*torrent).or_default().extend(clients);
        }
        self.same("torrents", told.torrents.len(), known.len());
        for (torrent, clients) in known {
            let Some(told) = told.torrents.get(&torrent) else {
                self.differs(format!("torrent {torrent}: not there"));
                continue;
            };
            let [up, down] = raw(&clients).map(u64::cast_signed);
            let count =
                |is: fn(&Client) -> bool| clients.iter().filter(|client| is(client)).count() as i64;
            let counts = [
                count(Client::is_seeding),
                count(Client::is_leeching),
                snatches(&clients).cast_signed(),
                up - down,
            ];
            self.compared.snatches += snatches(&clients);
            let of = "seeders, leechers, snatches, balance";
            self.all_same(format!("torrent {torrent}: {of}"), told.counts, counts);
            self.last_seeded(format!("torrent {torrent}"), told.last_seeded, &clients);
        }
    }

    /// Who has everything seeds to the last, even with the word that it stops.
    fn last_seeded(&mut self, name: String, told: Kept<u64>, clients: &[&Client]) {
        let seeders = clients.iter().filter(|client| client.left() == 0);
        let last = latest(seeders.filter_map(|client| client.last));
        let known = last.map_or([0; 2], moments);
        self.within(format!("{name}: last seeded"), told, known);
    }
}

/// The Unix seconds that may stand for it. Its record bears the second in which a worker woke, a
/// moment before it was read; a busy machine may make that moment long.
fn moments(window: Window) -> [u64; 2] {
    [window.sent - 5, window.answered]
}

/// The window of what happened first.
fn earliest(windows: impl Iterator<Item = Window>) -> Option<Window> {
    windows.reduce(|one, other| Window {
        sent: one.sent.min(other.sent),
        answered: one.answered.min(other.answered),
    })
}

/// The window of what happened last.
fn latest(windows: impl Iterator<Item = Window>) -> Option<Window> {
    windows.reduce(|one, other| Window {
        sent: one.sent.max(other.sent),
        answered: one.answered.max(other.answered),
    })
}

fn raw(clients: &[&Client]) -> [u64; 2] {
    clients.iter().fold([0; 2], |[up, down], client| {
        [up + client.raw[0], down + client.raw[1]]
    })
}

fn snatches(clients: &[&Client]) -> u64 {
    clients
        .iter()
        .filter(|client| client.completed.is_some())
        .count() as u64
}
