//! The time that is credited.

use super::Check;
use crate::client::Client;
use crate::site::{History, Site, Told};

/// When a session was first heard of, and last.
type Life = [u64; 2];

impl Check {
    /// The time of a session that is the only one of its pair. As long as it neither stopped nor
    /// was told so twice, it is all the time between its first announce and its last.
    pub(super) fn seconds_of_one(
        &mut self,
        told: &Told,
        name: &str,
        history: &History,
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
        let Some([started, last]) = life(told, history, client) else {
            return;
        };
        let all = last.saturating_sub(started);
        if client.interrupted || client.moved || !(client.is_seeding() || client.is_leeching()) {
            let seconds = history.seed_seconds + history.leech_seconds.unwrap_or(0);
            self.within(format!("{name}: seconds"), seconds, [0, all]);
            return;
        }
        self.compared.exact_seconds += 1;
        let leeched = match client.completed {
            Some(_) => history.completed.saturating_sub(started),
            None if client.is_leeching() => all,
            None => 0,
        };
        self.all_same(
            format!("{name}: seed, leech seconds"),
            [Some(history.seed_seconds), history.leech_seconds],
            [all.saturating_sub(leeched), leeched],
        );
    }

    /// The time of several sessions counts once.
    pub(super) fn seconds_of_several(
        &mut self,
        site: &Site,
        told: &Told,
        name: &str,
        history: &History,
        clients: &[&Client],
    ) {
        let lives = clients.iter().map(|client| life_of(told, client));
        let lives: Vec<Life> = lives.flatten().collect();
        let begun = lives.iter().map(|life| life[0]).max();
        let first = lives.iter().map(|life| life[0]).min();
        let last = lives.iter().map(|life| life[1]).max();
        let [first, last] = [first.or(history.started), last.or(history.last)]
            .map(|moment| moment.expect("a site keeps the one or the other"));
        // Since the last of them began, there is no second in which none of them seeds.
        let all_seed = clients.iter().all(|client| client.only_seeds());
        let least = match begun {
            Some(begun) if all_seed && !site.several => last.saturating_sub(begun),
            _ => 0,
        };
        let seconds = history.seed_seconds + history.leech_seconds.unwrap_or(0);
        self.within(format!("{name}: seconds"), seconds, [least, u64::MAX]);
        for (what, seconds) in [
            ("seed", Some(history.seed_seconds)),
            ("leech", history.leech_seconds),
        ] {
            self.within(
                format!("{name}: {what} seconds"),
                seconds,
                [0, last.saturating_sub(first)],
            );
        }
    }
}

/// That of the only session of a pair: its own, or else that of the pair.
fn life(told: &Told, history: &History, client: &Client) -> Option<Life> {
    life_of(told, client).or_else(|| Some([history.started?, history.last?]))
}

fn life_of(told: &Told, client: &Client) -> Option<Life> {
    let peer = told.peers.as_ref()?.get(&client.peer_id())?;
    Some([peer.started, peer.last])
}
