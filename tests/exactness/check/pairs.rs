//! Users with torrents.

use super::{Check, Pairs, earliest, latest, moments, raw, snatches};
use crate::client::{Client, Window};
use crate::site::{History, Site, Told};
use std::collections::BTreeMap;
use std::net::IpAddr;

impl Check {
    pub(super) fn pairs(&mut self, site: &Site, told: &Told, pairs: &Pairs<'_>) {
        self.compared.pairs = pairs.len() as u64;
        if let Some(history) = &told.history {
            self.same("pairs", history.len(), pairs.len());
        }
        if let Some(told) = &told.snatches {
            self.snatched(told, pairs);
        }
        if let Some(told) = &told.tokens {
            self.tokens(site, told, pairs);
        }
        for ((user, torrent), clients) in pairs {
            let count = clients.len();
            let name = format!("user {user} with torrent {torrent} ({count} sessions)");
            let Some(history) = &told.history else {
                continue;
            };
            match history.get(&(*user, *torrent)) {
                Some(history) => self.history(site, told, &name, history, clients),
                None => self.differs(format!("{name}: not there")),
            }
        }
    }

    fn history(
        &mut self,
        site: &Site,
        told: &Told,
        name: &str,
        history: &History,
        clients: &[&Client],
    ) {
        self.sums(site, name, history, clients);
        self.times(site, name, history, clients);
        match clients {
            [client] => {
                self.seconds_of_one(told, name, history, client);
                self.said_last(name, history, client);
            }
            _ => self.seconds_of_several(site, told, name, history, clients),
        }
    }

    fn sums(&mut self, site: &Site, name: &str, history: &History, clients: &[&Client]) {
        let [first, ..] = clients else { return };
        let raw = raw(clients);
        let [up, down] = site.credit(first.user, first.torrent).apply(raw);
        let seeds = clients.iter().any(|client| client.is_seeding());
        let leeches = clients.iter().any(|client| client.is_leeching());
        let known = [
            raw[0],
            raw[1],
            up,
            down,
            snatches(clients),
            seeds.into(),
            (seeds || leeches).into(),
        ];
        let of = "raw up, raw down, up, down, snatches, seeder, active";
        self.all_same(format!("{name}: {of}"), history.sums, known);
        self.count_bytes(&history.sums[..4], &known[..4]);
        let sum = |of: fn(&Client) -> u64| clients.iter().map(|client| of(client)).sum();
        let announces = [sum(|client| client.answered), sum(|client| client.sent)];
        self.within(format!("{name}: announces"), history.announces, announces);
    }

    fn times(&mut self, site: &Site, name: &str, history: &History, clients: &[&Client]) {
        let of = |window: fn(&Client) -> Option<Window>| {
            clients.iter().filter_map(move |client| window(client))
        };
        // What is told by several processes counts from what is heard first, which may be later.
        let is_by_one = |client: &&Client| !site.several || clients.len() == 1 && !client.moved;
        if clients.iter().all(is_by_one) {
            let began = earliest(of(|client| client.began)).map_or([0; 2], moments);
            self.within(format!("{name}: started"), history.started, began);
        }
        if !site.several || snatches(clients) < 2 {
            let completed = earliest(of(|client| client.completed)).map_or([0; 2], moments);
            self.within(format!("{name}: completed"), history.completed, completed);
        }
        let last = latest(of(|client| client.last)).map_or([0; 2], moments);
        self.within(format!("{name}: last"), history.last, last);
        self.seen_seeding(name, history, clients, last);
    }

    /// It is seen when rows are written: not before it is so, and not at all where it stops soon.
    fn seen_seeding(&mut self, name: &str, history: &History, clients: &[&Client], last: [u64; 2]) {
        let begins = earliest(clients.iter().filter_map(|client| client.first_seeded()));
        let seeds = clients.iter().any(|client| client.is_seeding());
        let [first_seen, last_seen] = history.seen_seeding;
        let known = match begins.map(moments) {
            None => [[0; 2]; 2],
            Some([begins, _]) if seeds => [[begins, last[1]], last],
            Some(_) => [[0, last[1]]; 2],
        };
        self.within(format!("{name}: first seen seeding"), first_seen, known[0]);
        self.within(format!("{name}: last seen seeding"), last_seen, known[1]);
    }

    /// What the only client of a pair has said last. Over two families it said two things at once,
    /// and it is the larger of both.
    fn said_last(&mut self, name: &str, history: &History, client: &Client) {
        let agent = [client.agent().to_owned()];
        self.all_same(format!("{name}: agent"), [history.agent.clone()], agent);
        if client.moved {
            return;
        }
        self.all_same(format!("{name}: left"), [history.left], [client.left()]);
        let name = format!("{name}: what the client says");
        self.all_same(name, history.client, client.counted());
    }

    /// Each finished download once, at its time.
    fn snatched(&mut self, told: &BTreeMap<(u64, u64), Vec<(u64, IpAddr)>>, pairs: &Pairs<'_>) {
        let count = pairs.values().map(|clients| snatches(clients)).sum::<u64>();
        let rows = told.values().map(Vec::len).sum::<usize>();
        self.same("finished downloads", rows as u64, count);
        for (pair, clients) in pairs {
            let name = format!("user {} with torrent {}: finished", pair.0, pair.1);
            let mut rows = told.get(pair).cloned().unwrap_or_default();
            rows.sort_unstable();
            let finished = || clients.iter().filter(|client| client.completed.is_some());
            let known: Vec<_> = finished().filter_map(|client| client.completed).collect();
            self.same(format!("{name}, times"), rows.len(), known.len());
            // Whichever of them was first, one was.
            let (mut least, mut most): (Vec<_>, Vec<_>) = known
                .into_iter()
                .map(|window| <(u64, u64)>::from(moments(window)))
                .unzip();
            least.sort_unstable();
            most.sort_unstable();
            for ((at, ip), known) in rows.iter().zip(least.into_iter().zip(most)) {
                self.within(format!("{name} at"), *at, known.into());
                let from = finished().any(|client| client.from.contains(&Some(*ip)));
                self.same(format!("{name} from {ip}"), from, true);
            }
        }
    }

    /// What was downloaded with a token, and whether it is gone.
    fn tokens(&mut self, site: &Site, told: &BTreeMap<(u64, u64), [u64; 2]>, pairs: &Pairs<'_>) {
        self.same("tokens", told.len(), site.tokens().count());
        for pair in site.tokens() {
            let clients = pairs.get(&pair).map(Vec::as_slice).unwrap_or_default();
            let known = [raw(clients)[1], snatches(clients).min(1)];
            let told = told.get(&pair).copied();
            let of = "downloaded, gone";
            let name = format!("token of user {} for torrent {}: {of}", pair.0, pair.1);
            self.same(name, told, Some(known));
            self.compared.bytes += u128::from(known[0]);
        }
    }
}
