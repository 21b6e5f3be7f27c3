//! A cluster of three masters.

use crate::common::http::{Connection, announce};
use crate::common::{Tracker, V4, eventually};
use crate::server::{Server, free_ports, installed};
use crate::{announce_to, eventually_count, keep_messages, settings};

/// Slots of a cluster.
const SLOTS: u32 = 16384;

pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    pub fn start(name: &str) -> Option<Cluster> {
        if !installed() {
            return None;
        }
        let nodes = (0..3).map(|number| {
            let [port, bus] = free_ports();
            let bus = bus.to_string();
            let arguments = [
                "--save",
                "",
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
            ];
            let more = ["--cluster-node-timeout", "2000"];
            let arguments = [&arguments[..], &more].concat();
            let mut node = Server::prepare(&format!("{name}-{number}"), port, &arguments);
            node.run();
            node.wait();
            (node, bus)
        });
        let nodes: Vec<(Server, String)> = nodes.collect();
        for (number, (node, _)) in nodes.iter().enumerate() {
            let third = |number| SLOTS * number / 3;
            let (from, end) = (third(number as u32), third(number as u32 + 1) - 1);
            node.done(&format!("CLUSTER ADDSLOTSRANGE {from} {end}"));
            node.done(&format!("CLUSTER SET-CONFIG-EPOCH {}", number + 1));
        }
        let (_, rest) = nodes.split_first().expect("three");
        for (node, bus) in rest {
            let meet = format!("CLUSTER MEET 127.0.0.1 {} {bus}", node.port);
            nodes[0].0.done(&meet);
        }
        for (node, _) in &nodes {
            let mut connection = node.connect();
            eventually("the cluster is up", || {
                let info = redis::cmd("CLUSTER").arg("INFO").query(&mut connection);
                let info: String = info.expect("told");
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            });
        }
        let nodes = nodes.into_iter().map(|(node, _)| node).collect();
        Some(Cluster { nodes })
    }

    pub fn slot(&self, key: &str) -> u32 {
        let mut slot = redis::cmd("CLUSTER");
        slot.arg("KEYSLOT").arg(key);
        slot.query(&mut self.nodes[0].connect()).expect("told")
    }

    /// Who has it at first.
    pub fn owner(&self, slot: u32) -> usize {
        (0..3)
            .find(|number| slot < SLOTS * (number + 1) / 3)
            .expect("one") as usize
    }

    pub fn port(&self, node: usize) -> u16 {
        self.nodes[node].port
    }

    fn id(&self, node: usize) -> String {
        let id = redis::cmd("CLUSTER")
            .arg("MYID")
            .query(&mut self.nodes[node].connect());
        id.expect("told")
    }

    /// Keys of the slot are on their way from now on: those that are not there any more are asked
    /// for at the target.
    pub fn begin_move(&self, slot: u32, from: usize, to: usize) {
        let (from_id, to_id) = (self.id(from), self.id(to));
        self.nodes[to].done(&format!("CLUSTER SETSLOT {slot} IMPORTING {from_id}"));
        self.nodes[from].done(&format!("CLUSTER SETSLOT {slot} MIGRATING {to_id}"));
    }

    /// Some key of the slot that is still there.
    #[cfg(feature = "sqlite")]
    pub fn some_key(&self, slot: u32, node: usize) -> Option<String> {
        let mut keys = redis::cmd("CLUSTER");
        keys.arg("GETKEYSINSLOT").arg(slot).arg(1);
        let keys: Vec<String> = keys.query(&mut self.nodes[node].connect()).expect("told");
        keys.into_iter().next()
    }

    pub fn move_key(&self, key: &str, from: usize, to: usize) {
        let port = self.port(to);
        self.nodes[from].done(&format!("MIGRATE 127.0.0.1 {port} {key} 0 5000"));
    }

    /// The slot has arrived.
    pub fn end_move(&self, slot: u32, to: usize) {
        let id = self.id(to);
        // The new owner is the first to know.
        let rest = (0..3).filter(|node| *node != to);
        for node in std::iter::once(to).chain(rest) {
            self.nodes[node].done(&format!("CLUSTER SETSLOT {slot} NODE {id}"));
        }
    }
}

#[test]
fn each_log_is_where_its_slot_is() {
    let Some(cluster) = Cluster::start("slots") else {
        return;
    };
    keep_messages();
    // One of them is enough to find the others.
    let text = settings(
        &[cluster.nodes[1].url()],
        "slots",
        r#", "logs": 6, "copy_interval": 1"#,
    );
    let trackers = [0, 1].map(|_| Tracker::start(&text));
    let [one, two] = &trackers;
    for torrent in 'a'..='z' {
        announce_to(one, torrent, 2001, 5);
        announce_to(two, torrent, 2002, 0);
    }
    for torrent in 'a'..='z' {
        eventually_count(&[one, two], torrent, [1, 1]);
    }
    let owners: std::collections::BTreeSet<usize> = (0..6)
        .map(|log| cluster.owner(cluster.slot(&format!("{{slots:{log}}}:log"))))
        .collect();
    assert!(owners.len() > 1, "the logs are all in one place");
    for log in 0..6 {
        let key = format!("{{slots:{log}}}:log");
        let node = &cluster.nodes[cluster.owner(cluster.slot(&key))];
        let head = format!("GET {{slots:{log}}}:swarms");
        eventually("a copy beside each log", || {
            matches!(node.command(&head), Ok(redis::Value::BulkString(_)))
        });
    }
    let three = Tracker::start(&text);
    for torrent in 'a'..='z' {
        eventually_count(&[&three], torrent, [1, 1]);
    }
}

#[test]
fn a_log_may_move_while_it_is_used() {
    let Some(cluster) = Cluster::start("moves") else {
        return;
    };
    keep_messages();
    let text = settings(&[cluster.nodes[0].url()], "moves", "");
    let trackers = [0, 1].map(|_| Tracker::start(&text));
    let [one, two] = &trackers;
    announce_to(one, 'a', 2001, 5);
    eventually_count(&[two], 'a', [0, 1]);
    let key = "{moves:0}:log";
    let slot = cluster.slot(key);
    let from = cluster.owner(slot);
    let to = (from + 1) % 3;
    let mut port = 2001;
    let mut clients = trackers
        .each_ref()
        .map(|tracker| Connection::open(tracker.http[V4]));
    let mut more = |count: u16| {
        for _ in 0..count {
            for client in &mut clients {
                port += 1;
                client.get(&announce('a', port, 5)).announced();
            }
        }
        i64::from(port - 2000)
    };
    cluster.begin_move(slot, from, to);
    let count = more(20);
    eventually_count(&[one, two], 'a', [0, count]);
    for name in ["log", "saver", "swarms"] {
        cluster.move_key(&format!("{{moves:0}}:{name}"), from, to);
    }
    let count = more(20);
    eventually_count(&[one, two], 'a', [0, count]);
    cluster.end_move(slot, to);
    let count = more(20);
    eventually_count(&[one, two], 'a', [0, count]);
    let length: u64 = redis::cmd("XLEN")
        .arg(key)
        .query(&mut cluster.nodes[to].connect())
        .expect("told");
    assert!(length > 0);
    let refused = cluster.nodes[from]
        .command(&format!("XLEN {key}"))
        .expect_err("moved");
    assert!(refused.to_string().contains("Moved") || refused.redirect_node().is_some());
}
