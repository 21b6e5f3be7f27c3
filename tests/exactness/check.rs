//! The database against what the clients know.

use super::client::{Client, Window};
use super::site::{Credit, Site, Told};
use std::collections::BTreeMap;

/// What was compared.
#[derive(Default)]
pub struct Compared {
    pub sums: u64,
    pub bytes: u128,
    /// Pairs of user and torrent whose seconds had to be exact, and all of them.
    pub exact_seconds: u64,
    pub pairs: u64,
    pub sessions: u64,
    pub snatches: u64,
    /// Announces in the database, and what they may be between.
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
    let began = || clients.iter().filter(|client| client.began.is_some());
    let mut pairs = Pairs::new();
    for client in began() {
        pairs
            .entry((client.user, client.torrent))
            .or_default()
            .push(client);
        check.session(&told, client, site.credit(client.user, client.torrent));
    }
    check.same("sessions", told.peers.len(), began().count());
    check.same("pairs", told.history.len(), pairs.len());
    for (key, clients) in &pairs {
        check.pair(site, &told, *key, clients);
    }
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

    fn same<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: impl std::fmt::Display,
        told: T,
        known: T,
    ) {
        self.compared.sums += 1;
        if told != known {
            self.differences
                .push(format!("{what}: {told:?} told, {known:?} known"));
        }
    }

    fn within(&mut self, what: impl std::fmt::Display, told: u64, known: [u64; 2]) {
        self.compared.sums += 1;
        if !(known[0]..=known[1]).contains(&told) {
            let [least, most] = known;
            self.differences
                .push(format!("{what}: {told} told, {least} to {most} known"));
        }
    }

    fn when(&mut self, what: impl std::fmt::Display, told: u64, window: Window) {
        // Its record bears the second in which a worker woke, a moment before it was read; a busy
        // machine may make that moment long.
        self.within(what, told, [window.sent - 5, window.answered]);
    }

    fn session(&mut self, told: &Told, client: &Client, credit: Credit) {
        let name = format!("session {} ({:?})", client.number, client.way);
        let id = client.peer_id();
        self.compared.sessions += 1;
        let Some(peer) = told.peers.get(&id) else {
            self.differences.push(format!("{name}: not there"));
            return;
        };
        let [up, down] = client.counted();
        let known = [
            client.user,
            client.torrent,
            up,
            down,
            client.left(),
            client.is_seeding().into(),
            (client.is_seeding() || client.is_leeching()).into(),
            client.port().into(),
        ];
        let of = "user, torrent, up, down, left, seeder, active, port";
        self.same(format!("{name}: {of}"), peer.state, known);
        self.within(
            format!("{name}: announces"),
            peer.announces,
            [client.answered, client.sent],
        );
        if let (Some(began), Some(last)) = (client.began, client.last) {
            self.when(format!("{name}: started"), peer.started, began);
            self.when(format!("{name}: last"), peer.last, last);
        }
        let completed = told.completed.get(&id).copied().unwrap_or(0);
        self.same(
            format!("{name}: completed"),
            completed,
            client.completed.is_some().into(),
        );
        let token_used = told.token_used.get(&id).copied().unwrap_or(0);
        let by_token = if credit.token { client.raw[1] } else { 0 };
        self.same(format!("{name}: token used"), token_used, by_token);
    }

    fn pair(&mut self, site: &Site, told: &Told, key: (u64, u64), clients: &[&Client]) {
        let credit = site.credit(key.0, key.1);
        let name = format!(
            "user {} with torrent {} ({} sessions)",
            key.0,
            key.1,
            clients.len()
        );
        self.compared.pairs += 1;
        let Some(history) = told.history.get(&key) else {
            self.differences.push(format!("{name}: not there"));
            return;
        };
        let raw = raw(clients);
        let [up, down] = credit.apply(raw);
        let seeds = clients.iter().any(|client| client.is_seeding());
        let leeches = clients.iter().any(|client| client.is_leeching());
        let snatches = snatches(clients);
        let known = [
            raw[0],
            raw[1],
            up,
            down,
            snatches,
            seeds.into(),
            (seeds || leeches).into(),
        ];
        let of = "raw up, raw down, up, down, snatches, seeder, active";
        self.same(format!("{name}: {of}"), history.sums, known);
        self.compared.bytes += known[..4].iter().map(|sum| u128::from(*sum)).sum::<u128>();
        let sum = |of: fn(&Client) -> u64| clients.iter().map(|client| of(client)).sum();
        let announces = [sum(|client| client.answered), sum(|client| client.sent)];
        self.within(format!("{name}: announces"), history.announces, announces);
        for (sum, number) in
            self.compared
                .announces
                .iter_mut()
                .zip([announces[0], history.announces, announces[1]])
        {
            *sum += number;
        }
        match clients {
            [client] => self.seconds_of_one(told, &name, history, client),
            _ => self.seconds_of_several(site, told, &name, history, clients),
        }
        let mut completed = clients.iter().filter_map(|client| client.completed);
        if snatches == 1
            && let Some(completed) = completed.next()
        {
            self.when(format!("{name}: completed"), history.completed, completed);
        }
    }

    /// The time of a session that is the only one of its pair. As long as it neither stopped nor
    /// was told so twice, it is all the time between its first announce and its last.
    fn seconds_of_one(
        &mut self,
        told: &Told,
        name: &str,
        history: &super::site::History,
        client: &Client,
    ) {
        // What comes late is credited no time.
        let seeded = match client.moved {
            true => [0, client.seeded[1]],
            false => client.seeded,
        };
        self.within(
            format!("{name}: seed seconds"),
            history.seed_seconds,
            seeded,
        );
        let Some(peer) = told.peers.get(&client.peer_id()) else {
            return;
        };
        let all = peer.last.saturating_sub(peer.started);
        if client.interrupted || client.moved || !(client.is_seeding() || client.is_leeching()) {
            let seconds = history.seed_seconds + history.leech_seconds;
            self.within(format!("{name}: seconds"), seconds, [0, all]);
            return;
        }
        if let Some(last) = client.last {
            self.when(format!("{name}: last"), history.last, last);
        }
        self.compared.exact_seconds += 1;
        let leeched = match client.completed {
            Some(_) => history.completed.saturating_sub(peer.started),
            None if client.is_leeching() => all,
            None => 0,
        };
        let seconds = [history.seed_seconds, history.leech_seconds];
        self.same(
            format!("{name}: seed, leech seconds"),
            seconds,
            [all.saturating_sub(leeched), leeched],
        );
    }

    /// The time of several sessions counts once.
    fn seconds_of_several(
        &mut self,
        site: &Site,
        told: &Told,
        name: &str,
        history: &super::site::History,
        clients: &[&Client],
    ) {
        let peers = || {
            clients
                .iter()
                .filter_map(|client| told.peers.get(&client.peer_id()))
        };
        let first = peers().map(|peer| peer.started).min().unwrap_or(0);
        let last = peers().map(|peer| peer.last).max().unwrap_or(0);
        // Since the last of them began, there is no second in which none of them seeds.
        let all_seed = clients.iter().all(|client| client.only_seeds());
        let begun = peers().map(|peer| peer.started).max().unwrap_or(0);
        let least = if all_seed && !site.several {
            last.saturating_sub(begun)
        } else {
            0
        };
        let seconds = history.seed_seconds + history.leech_seconds;
        self.within(format!("{name}: seconds"), seconds, [least, u64::MAX]);
        for (what, seconds) in [
            ("seed", history.seed_seconds),
            ("leech", history.leech_seconds),
        ] {
            self.within(
                format!("{name}: {what} seconds"),
                seconds,
                [0, last.saturating_sub(first)],
            );
        }
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
        for (user, known) in known {
            let told = told.users.get(&user).copied().unwrap_or_default();
            self.same(
                format!("user {user}: raw up, raw down, up, down"),
                told,
                known,
            );
            self.compared.bytes += known.iter().map(|sum| u128::from(*sum)).sum::<u128>();
        }
    }

    fn torrents(&mut self, site: &Site, told: &Told, pairs: &Pairs<'_>) {
        let mut known: BTreeMap<u64, [i64; 4]> =
            (1..=site.torrents).map(|id| (id, [0; 4])).collect();
        for ((_, torrent), clients) in pairs {
            let counts = known.entry(*torrent).or_default();
            let [up, down] = raw(clients).map(u64::cast_signed);
            let count =
                |is: fn(&Client) -> bool| clients.iter().filter(|client| is(client)).count();
            counts[0] += count(Client::is_seeding) as i64;
            counts[1] += count(Client::is_leeching) as i64;
            counts[2] += snatches(clients).cast_signed();
            counts[3] += up - down;
            self.compared.snatches += snatches(clients);
        }
        for (torrent, known) in known {
            let told = told.torrents.get(&torrent).copied().unwrap_or_default();
            let of = "seeders, leechers, snatches, balance";
            self.same(format!("torrent {torrent}: {of}"), told, known);
        }
    }
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
