//! A failover that nobody makes by hand: a sentinel watches, and a replica becomes the master.

use crate::common::{Tracker, eventually};
use crate::server::{Server, free_ports};
use crate::{announce_to, eventually_count, keep_messages, settings};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A sentinel that decides alone.
struct Sentinel {
    child: Child,
    folder: PathBuf,
}

impl Sentinel {
    fn start(master: &Server) -> Sentinel {
        let [port] = free_ports();
        let folder = master.folder().with_extension("sentinel");
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {folder:?}\nlogfile log\n\
             sentinel monitor swarms 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds swarms 300\n\
             sentinel failover-timeout swarms 2000\n",
            master.port
        );
        std::fs::write(&file, text).expect("written");
        let mut command = Command::new("redis-server");
        command.arg(&file).arg("--sentinel");
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Sentinel {
            child: child.expect("redis-server starts"),
            folder,
        }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn eventually_says(&self, text: &str) {
        eventually(&format!("the sentinel says {text}"), || {
            std::thread::yield_now();
            self.said().contains(text)
        });
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("sentinel: {}", self.said());
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn the_replica_that_a_sentinel_chose_carries_the_log_on() {
    let (Some(master), Some(replica)) = (Server::start("watched"), Server::start("heir")) else {
        return;
    };
    keep_messages();
    replica.done(&format!("REPLICAOF 127.0.0.1 {}", master.port));
    eventually("the replica follows", || {
        let info = format!("{:?}", replica.command("INFO replication"));
        std::thread::yield_now();
        info.contains("master_link_status:up")
    });
    let sentinel = Sentinel::start(&master);
    sentinel.eventually_says("+slave slave");
    let text = settings(&[master.url(), replica.url()], "watched", "");
    let trackers = [0, 1].map(|_| Tracker::start(&text));
    let [one, two] = &trackers;
    announce_to(one, 'a', 2001, 5);
    eventually_count(&[one, two], 'a', [0, 1]);
    drop(master);
    // Meanwhile everybody is served.
    announce_to(one, 'a', 2002, 5);
    sentinel.eventually_says("+switch-master swarms");
    announce_to(two, 'a', 2003, 0);
    eventually_count(&[one, two], 'a', [1, 2]);
}
