//! The same where three trackers share their swarms by a Redis server: whoever seeds announces to the
//! first, whoever downloads to one of the others.

use super::namespace::Fallible;
use super::pair::Role;
use super::programs::{CLIENTS, Client, words};
use super::setup::{can_run, config_text, new_folder};
use super::transport::{IPV4, IPV6, PORT, Transport};
use super::{Outcomes, Run};
use std::path::Path;

const TRACKERS: u16 = 3;

/// Names differ from those of the public tracker's, which may be tried at the same time.
static SCENES: [Transport; 3] = [
    Transport {
        name: "http4-shared",
        scheme: "http",
        families: &[&IPV4],
        first_host: 10,
    },
    Transport {
        name: "http6-shared",
        scheme: "http",
        families: &[&IPV6],
        first_host: 20,
    },
    Transport {
        name: "udp4-shared",
        scheme: "udp",
        families: &[&IPV4],
        first_host: 30,
    },
];

#[test]
fn real_clients_of_several_trackers_find_each_other() {
    if !can_run() {
        return;
    }
    let (run, outcomes) = check().unwrap_or_else(|err| panic!("{err}"));
    run.tell(outcomes);
}

fn check() -> Fallible<(Run, Outcomes)> {
    let folder = new_folder("shared")?;
    let redis = folder.join("redis.log");
    let mut run = Run::prepare("shared", folder, "")?;
    let command = words(&["redis-server", "--port", "6379", "--bind", "127.0.0.1"]);
    let without_files = words(&["--save", "", "--appendonly", "no"]);
    let command = [command, without_files].concat();
    let hosts = Path::new("/etc/hosts");
    let _redis = run.namespace.spawn(&command, hosts, &redis)?;
    for port in PORT..PORT + TRACKERS {
        let config = config_text(port, r#", "cache": {"driver": "redis"}"#);
        run.start_tracker(port, &config)?;
    }
    let outcomes = run.check_all(&SCENES, place);
    Ok((run, outcomes))
}

/// Where a client announces.
fn place(role: Role, client: &Client) -> String {
    let number = CLIENTS.iter().position(|other| other.name == client.name);
    let port = match role {
        Role::Seeder => PORT,
        Role::Leecher => PORT + 1 + number.unwrap_or(0) as u16 % (TRACKERS - 1),
    };
    format!(":{port}")
}
