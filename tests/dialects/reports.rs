//! What sites are told.

use crate::client::{leech, seed};
use crate::common::{V4, eventually};
use crate::gazelle::{Gazelle, info_hash, passkey, site};
use crate::unit3d_site::{self, Unit3d, hex};
use serde_json::{Value, json};
use std::collections::HashMap;

/// A report as Gazelle reads it: a number and its name on each line, but for two.
fn read(report: &str) -> HashMap<String, String> {
    let lines = report.lines().map(|line| {
        for name in ["Uptime", "version"] {
            if let Some(value) = line.strip_prefix(&format!("{name}: ")) {
                return (name.to_lowercase(), value.to_owned());
            }
        }
        let (value, name) = line.split_once(' ').expect("a number and a name");
        assert!(value.parse::<u64>().is_ok(), "{line}");
        (name.to_owned(), value.to_owned())
    });
    lines.collect()
}

#[test]
fn gazelle_is_told_what_it_asks_for() {
    let site = site("reports", "both", "");
    let tracker = site.start();
    for gazelle in [Gazelle::of(&tracker), Gazelle(tracker.admin[V4])] {
        gazelle.update(
            "add_user",
            &[("passkey", &passkey('u')), ("id", "7"), ("visible", "0")],
        );
        gazelle.update("add_user", &[("passkey", &passkey('v')), ("id", "8")]);
        gazelle.update(
            "add_torrent",
            &[("info_hash", &info_hash('a')), ("id", "9")],
        );
        gazelle.update(
            "add_torrent",
            &[("info_hash", &info_hash('b')), ("id", "10")],
        );
        leech(&passkey('u'), 1).served(&tracker);
        seed(&passkey('u'), 1).on('b').served(&tracker);
        seed(&passkey('v'), 2).served(&tracker);
        let stats = read(&gazelle.report("stats"));
        assert_eq!(stats["leechers tracked"], "1", "{stats:?}");
        assert_eq!(stats["seeders tracked"], "2", "{stats:?}");
        assert_eq!(stats["announce interval"], "1800", "{stats:?}");
        assert!(stats["uptime"].starts_with("0 days, 00:0"), "{stats:?}");
        let prometheus = gazelle.report("prom_stats");
        let has_seeders = prometheus.lines().any(|line| line == "ocelot_seeders 2");
        assert!(has_seeders, "{prometheus}");
        let user = gazelle.report(&format!("user&key={}", passkey('u')));
        let user: Value = serde_json::from_str(&user).expect("JSON");
        let expected = json!({"id": 7, "leeching": 1, "seeding": 1, "deleted": 0, "protected": 1,
            "can_leech": 1});
        assert_eq!(user, expected);
        for nobody in ["user&key=nobody", "user", "jemalloc", ""] {
            let told = gazelle.report(nobody);
            assert!(["", "Invalid action"].contains(&&*told), "{nobody}: {told}");
        }
    }
}

#[test]
fn unit3d_is_told_what_it_asks_for() {
    let site = unit3d_site::site("reports", "both", "");
    let tracker = site.start();
    for unit3d in [Unit3d::of(&tracker), Unit3d(tracker.admin[V4])] {
        unit3d.put("groups", unit3d_site::group(3, "user"));
        let mut user = unit3d_site::user(7, 3, "alice");
        user["is_donor"] = true.into();
        unit3d.put("users", user);
        unit3d.put("torrents", unit3d_site::torrent(9, 'a'));
        leech("alice", 1).served(&tracker);
        seed("alice", 2).served(&tracker);
        let torrent = unit3d.get("torrents/9");
        assert_eq!(torrent["status"], "Approved");
        let told = [
            "id",
            "seeders",
            "leechers",
            "times_completed",
            "download_factor",
        ];
        let told = told.map(|name| torrent[name].as_u64().expect("a number"));
        assert_eq!(told, [9, 1, 1, 0, 100]);
        let peers = torrent["peers"].as_object().expect("peers");
        assert_eq!(peers.len(), 2);
        for (name, peer) in peers {
            let (user, rest) = name.split_once('-').expect("a user");
            assert!(user == "7" && rest.len() == 40, "{name}");
            assert_eq!(peer["ip_address"], "127.0.0.1");
            let port = peer["port"].as_u64();
            assert_eq!(peer["is_seeder"], port == Some(2), "{peer}");
            assert!(peer["updated_at"].is_u64() && peer["is_active"] == true);
        }
        let user = unit3d.get("users/7");
        let told = ["group_id", "num_seeding", "num_leeching"].map(|name| user[name].as_u64());
        assert_eq!(told, [Some(3), Some(1), Some(1)]);
        assert_eq!(
            (&user["is_donor"], &user["can_download"]),
            (&true.into(), &true.into())
        );
        // Nobody is told a passkey; the site wants a text.
        assert_eq!(user["passkey"], "");
        eventually("rates", || {
            let stats = unit3d.get("stats");
            let stats = stats.as_object().expect("an object");
            // PHP tells fractions from whole numbers, and wants the former.
            assert_eq!(stats.len(), 13);
            assert!(stats.values().all(Value::is_f64), "{stats:?}");
            stats["announce_responses_per_7200s"].as_f64() > Some(0.0)
        });
        for nothing in ["torrents/8", "users/8", "torrents/x", "users/0", "groups/3"] {
            assert_eq!(
                unit3d.status("GET", nothing, &Value::Null),
                404,
                "{nothing}"
            );
        }
    }
    assert_eq!(hex('a').len(), 40);
}
