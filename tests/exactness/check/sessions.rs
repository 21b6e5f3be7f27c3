//! Sessions as they stand, and what happened to them.

use super::{Check, Pairs, moments};
use crate::client::Client;
use crate::site::{AtAddress, Credit, Peer, Site, Told};
use std::collections::BTreeMap;
use std::net::IpAddr;

impl Check {
    pub(super) fn sessions(&mut self, site: &Site, told: &Told, pairs: &Pairs<'_>) {
        let all = || pairs.values().flatten();
        self.compared.sessions = all().count() as u64;
        if let Some(peers) = &told.peers {
            self.same("sessions", peers.len(), all().count());
            all().for_each(|client| self.session(peers, client));
        }
        if let Some(events) = &told.events {
            for client in all() {
                let credit = site.credit(client.user, client.torrent);
                self.events(events, client, credit);
            }
        }
        if let Some(addresses) = &told.addresses {
            self.same("pairs at addresses", addresses.len(), pairs.len());
            for (pair, clients) in pairs {
                self.at_addresses(addresses, *pair, clients);
            }
        }
    }

    fn session(&mut self, peers: &BTreeMap<[u8; 20], Peer>, client: &Client) {
        let name = name(client);
        let Some(peer) = peers.get(&client.peer_id()) else {
            self.differs(format!("{name}: not there"));
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
        self.all_same(format!("{name}: {of}"), peer.state, known);
        let announces = [client.answered, client.sent];
        self.within(format!("{name}: announces"), peer.announces, announces);
        if let Some(told) = peer.announces {
            let [least, most] = announces;
            for (sum, number) in self.compared.announces.iter_mut().zip([least, told, most]) {
                *sum += number;
            }
        }
        if let (Some(began), Some(last)) = (client.began, client.last) {
            self.when(format!("{name}: started"), peer.started, began);
            self.when(format!("{name}: last"), peer.last, last);
        }
        self.same(format!("{name}: agent"), &*peer.agent, client.agent());
        // Elsewhere it came from somewhere else.
        if !client.moved {
            let from = client.from.contains(&Some(peer.ip));
            self.same(format!("{name}: came from {}", peer.ip), from, true);
        }
    }

    fn events(
        &mut self,
        events: &BTreeMap<(String, [u8; 20]), u64>,
        client: &Client,
        credit: Credit,
    ) {
        let sum = |kind: &str| {
            let sum = events.get(&(kind.to_owned(), client.peer_id()));
            sum.copied().unwrap_or(0)
        };
        let name = name(client);
        self.same(
            format!("{name}: completed"),
            sum("completed"),
            client.completed.is_some().into(),
        );
        let by_token = if credit.token { client.raw[1] } else { 0 };
        self.same(format!("{name}: token used"), sum("token_used"), by_token);
    }

    /// Of a user with a torrent all that come from an address stand in one row, as the last of them
    /// said.
    fn at_addresses(
        &mut self,
        addresses: &BTreeMap<(u64, u64), Vec<AtAddress>>,
        pair: (u64, u64),
        clients: &[&Client],
    ) {
        let name = format!("user {} with torrent {}", pair.0, pair.1);
        let Some(rows) = addresses.get(&pair) else {
            self.differs(format!("{name}: at no address"));
            return;
        };
        for row in rows {
            let at = |client: &&&Client| {
                let mut from = client.from.iter().flatten();
                let is_there = from.any(|ip| as_it_is_kept(*ip) == row.ip);
                is_there && u64::from(client.port()) == row.port
            };
            let client = clients.iter().find(at);
            self.same(
                format!("{name}: somebody at {}", row.ip),
                client.is_some(),
                true,
            );
        }
        let [client] = clients else { return };
        let last = rows.iter().map(|row| row.last).max().unwrap_or(0);
        // It may have come from two addresses in one second.
        let mut as_known = rows.iter().filter(|row| row.last == last);
        let is_told = as_known.any(|row| row.totals == client.counted());
        self.same(format!("{name}: totals at {last}"), is_told, true);
        if let (Some(began), Some(window)) = (client.began, client.last) {
            let first = rows.iter().map(|row| row.started).min();
            self.when(format!("{name}: started"), first, began);
            self.within(format!("{name}: last"), last, moments(window));
        }
    }
}

/// Kuroneko has room for addresses of IPv4.
fn as_it_is_kept(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(_) => IpAddr::from([0; 4]),
    }
}

fn name(client: &Client) -> String {
    format!("session {} ({:?})", client.number, client.way)
}
