//! Network namespaces and the processes in them, both gone when dropped.

use std::fs::File;
use std::path::Path;
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Variables that would send curl and the clients to a proxy out of the namespace's reach.
const PROXIES: [&str; 4] = ["http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"];

pub type Fallible<T> = Result<T, String>;

pub struct Namespace {
    name: String,
}

impl Namespace {
    /// A namespace with nothing but a loopback; `label` must be unique within the process.
    pub fn new(label: &str) -> Fallible<Namespace> {
        let name = format!("chihaya-{}-{label}", process::id());
        ip(&["netns", "add", &name])?;
        let namespace = Namespace { name };
        namespace.ip(&["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Adds a bridge that has these addresses.
    pub fn add_bridge(&self, addresses: &[String]) -> Fallible<()> {
        // Without a fixed one its MAC address changes with the ports, and neighbours lose it.
        let mac = "02:00:00:00:00:01";
        self.ip(&["link", "add", "bridge", "address", mac, "type", "bridge"])?;
        self.set_up("bridge", addresses)
    }

    /// Ties this namespace to the bridge of another; `port` must be unique there.
    pub fn join(&self, other: &Namespace, port: &str, addresses: &[String]) -> Fallible<()> {
        let peer = ["peer", "name", "eth0", "netns", &self.name];
        other.ip(&[&["link", "add", port, "type", "veth"], &peer[..]].concat())?;
        other.ip(&["link", "set", port, "master", "bridge", "up"])?;
        self.set_up("eth0", addresses)
    }

    pub fn add_default_route(&self, gateway: &str) -> Fallible<()> {
        self.ip(&["route", "add", "default", "via", gateway, "dev", "eth0"])
    }

    /// Gives the link its addresses, IPv6 ones without duplicate detection, and no others: the
    /// kernel's own link-local address becomes usable after a second or two, and libtorrent drops
    /// the announces under way when it sees that.
    fn set_up(&self, link: &str, addresses: &[String]) -> Fallible<()> {
        self.ip(&["link", "set", link, "addrgenmode", "none"])?;
        for address in addresses {
            let flags: &[&str] = if address.contains(':') {
                &["nodad"]
            } else {
                &[]
            };
            self.ip(&[&["address", "add", address, "dev", link], flags].concat())?;
        }
        self.ip(&["link", "set", link, "up"])
    }

    fn ip(&self, arguments: &[&str]) -> Fallible<()> {
        ip(&[&["-n", &self.name], arguments].concat())
    }

    /// What the command prints when run in this namespace.
    pub fn output(&self, command: &[&str]) -> Fallible<String> {
        output(&[&["ip", "netns", "exec", &self.name], command].concat())
    }

    /// Starts the command in this namespace, with `hosts` in the place of `/etc/hosts`.
    pub fn spawn(&self, command: &[String], hosts: &Path, log: &Path) -> Fallible<Process> {
        let failed = |err| format!("cannot start {}: {err}", command.join(" "));
        let stdout = File::create(log).map_err(failed)?;
        let stderr = stdout.try_clone().map_err(failed)?;
        // `ip netns exec` has a mount namespace of its own. It and the shell make way for the
        // command, so the child is the command itself.
        let child = program("ip")
            .args(["netns", "exec", &self.name])
            .args(["sh", "-c", r#"mount --bind "$0" /etc/hosts && exec "$@""#])
            .arg(hosts)
            .args(command)
            .stdout(stdout)
            .stderr(stderr)
            .spawn();
        child.map(Process).map_err(failed)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(err) = ip(&["netns", "delete", &self.name]) {
            eprintln!("namespace {} stays: {err}", self.name);
        }
    }
}

pub struct Process(Child);

impl Process {
    /// Tells it to end, and waits until it has.
    pub fn end(&mut self, bound: Duration) -> Fallible<()> {
        let id = self.0.id();
        output(&["kill", "-TERM", &id.to_string()])?;
        let deadline = Instant::now() + bound;
        while Instant::now() < deadline {
            match self.0.try_wait() {
                Ok(None) => thread::sleep(Duration::from_millis(50)),
                Ok(Some(_)) => return Ok(()),
                Err(err) => return Err(format!("process {id}: {err}")),
            }
        }
        Err(format!("process {id} still runs after {bound:?}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended is left alone.
        if let Err(err) = self.0.kill().and_then(|()| self.0.wait()) {
            eprintln!("process {} stays: {err}", self.0.id());
        }
    }
}

fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.stdin(Stdio::null());
    for variable in PROXIES {
        command.env_remove(variable);
    }
    command
}

fn ip(arguments: &[&str]) -> Fallible<()> {
    output(&[&["ip"], arguments].concat()).map(drop)
}

/// What the command prints; a failure when it cannot run or says that it failed.
pub fn output(command: &[&str]) -> Fallible<String> {
    let shown = command.join(" ");
    let out = program(command[0])
        .args(&command[1..])
        .output()
        .map_err(|err| format!("{shown}: {err}"))?;
    if !out.status.success() {
        let complaint = String::from_utf8_lossy(&out.stderr);
        return Err(format!("{shown}: {}: {}", out.status, complaint.trim()));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}
