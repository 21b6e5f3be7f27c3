//! The tracker's process, as the test sees it: started, killed, told to stop.

use super::site::Site;
use super::tracker::{CONFIG_FILE, MOOD_FILE, WELL};
use fastrand::Rng;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Names the folder to the process that is to be a tracker.
pub const FOLDER_VARIABLE: &str = "CHIHAYA_EXACTNESS_TRACKER";
/// The test that such a process runs.
const ENTRY: &str = "the_tracker";
/// How long a start or an orderly end may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Addresses it listens on.
const LISTENERS: usize = 4;

/// Where the tracker is, and whether it is there; shared with the clients.
pub struct Address {
    port: u16,
    /// Odd while it serves; another number for each process.
    life: AtomicU64,
    /// It is about to be killed or stopped.
    ends: AtomicBool,
}

impl Address {
    /// The address of a family.
    pub fn of(&self, family: usize) -> SocketAddr {
        let ip: IpAddr = match family {
            0 => Ipv4Addr::LOCALHOST.into(),
            _ => Ipv6Addr::LOCALHOST.into(),
        };
        SocketAddr::new(ip, self.port)
    }

    /// Whether a process serves, and is to go on.
    pub fn is_safe(&self, life: u64) -> bool {
        !self.ends.load(Ordering::Acquire) && self.life() == Some(life)
    }

    /// The number of the process that serves now.
    pub fn life(&self) -> Option<u64> {
        let life = self.life.load(Ordering::Acquire);
        (life % 2 == 1).then_some(life)
    }
}

/// What its log has told.
#[derive(Default)]
struct Told {
    listening: AtomicUsize,
    /// The last one stopped with rows that the storage had not taken.
    rows_wait: AtomicBool,
    faults: Mutex<Vec<String>>,
}

pub struct Tracker {
    pub folder: PathBuf,
    pub address: Arc<Address>,
    child: Option<Child>,
    reader: Option<JoinHandle<()>>,
    told: Arc<Told>,
    pub kills: u64,
    pub stops: u64,
}

impl Tracker {
    /// A tracker of a site, not started yet. Bytes after which a segment of the journal is full.
    pub fn new(site: &Site, journal_max: u64) -> Tracker {
        Tracker::with(site, site.folder.clone(), journal_max, json!({}))
    }

    /// One that has a folder of its own, and more sections of settings.
    pub fn with(site: &Site, folder: PathBuf, journal_max: u64, more: Value) -> Tracker {
        let address = Arc::new(Address {
            port: free_port(),
            life: AtomicU64::new(0),
            ends: AtomicBool::new(false),
        });
        std::fs::create_dir_all(&folder).expect("a folder");
        let listen = [address.of(0), address.of(1)];
        let mut storage = site.settings();
        storage["flush_interval"] = 1.into();
        storage["changes_interval"] = 1.into();
        let mut settings = json!({
            "tracker": "private",
            "network": {"udp": listen, "http": listen, "workers": 2},
            "journal": {"path": folder.join("journal"), "max": journal_max},
            "storage": storage,
        });
        for (section, of) in more.as_object().expect("sections") {
            settings[section] = of.clone();
        }
        std::fs::write(folder.join(CONFIG_FILE), settings.to_string()).expect("written");
        let tracker = Tracker {
            folder,
            address,
            child: None,
            reader: None,
            told: Arc::default(),
            kills: 0,
            stops: 0,
        };
        tracker.set_mood(WELL);
        tracker
    }

    /// Says how the storage behaves from now on.
    pub fn set_mood(&self, mood: &str) {
        let new = self.folder.join("mood.new");
        std::fs::write(&new, mood).expect("written");
        std::fs::rename(new, self.folder.join(MOOD_FILE)).expect("renamed");
    }

    /// The folder of its journal.
    pub fn journal(&self) -> PathBuf {
        self.folder.join("journal")
    }

    /// Whether it can start while the storage is away.
    pub fn knows_its_directory(&self) -> bool {
        self.journal().join("directory").exists()
    }

    /// The memory it takes, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let id = self.child.as_ref().expect("it runs").id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    /// Starts the process; it does not serve yet.
    pub fn spawn(&mut self) {
        let itself = std::env::current_exe().expect("this program");
        let mut child = Command::new(itself)
            .args([ENTRY, "--exact", "--nocapture"])
            .env(FOLDER_VARIABLE, &self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        self.told.listening.store(0, Ordering::Release);
        self.told.rows_wait.store(false, Ordering::Release);
        let stderr = child.stderr.take().expect("piped");
        let (told, folder) = (Arc::clone(&self.told), self.folder.clone());
        self.reader = Some(std::thread::spawn(move || read_log(&told, stderr, &folder)));
        self.child = Some(child);
    }

    /// Waits until it serves, and lets the clients know.
    pub fn serve(&mut self) {
        let end = Instant::now() + PATIENCE;
        while self.told.listening.load(Ordering::Acquire) < LISTENERS {
            let child = self.child.as_mut().expect("it runs");
            let ended = child.try_wait().expect("its state");
            assert!(ended.is_none(), "{ended:?}: {}", self.log());
            assert!(Instant::now() < end, "it does not serve: {}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
        self.address.ends.store(false, Ordering::Release);
        self.address.life.fetch_add(1, Ordering::AcqRel);
    }

    pub fn start(&mut self) {
        self.spawn();
        self.serve();
    }

    /// Kills it, whatever it does at this moment.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        self.address.ends.store(true, Ordering::Release);
        child.kill().expect("killed");
        self.clients_know();
        child.wait().expect("gone");
        self.kills += 1;
        self.end_of_log();
    }

    /// Tells it to stop, and waits until it has; returns whether the storage has taken everything.
    pub fn stop(&mut self) -> bool {
        let mut child = self.child.take().expect("it runs");
        self.address.ends.store(true, Ordering::Release);
        let id = child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status();
        assert!(told.expect("kill runs").success());
        let end = Instant::now() + PATIENCE;
        let status = loop {
            match child.try_wait().expect("its state") {
                Some(status) => break status,
                None if Instant::now() < end => std::thread::sleep(Duration::from_millis(5)),
                None => {
                    let _ = child.kill();
                    panic!("it does not stop: {}", self.log());
                }
            }
        };
        self.clients_know();
        assert!(status.success(), "{status}: {}", self.log());
        self.stops += 1;
        self.end_of_log();
        !self.told.rows_wait.load(Ordering::Acquire)
    }

    fn clients_know(&self) {
        let life = &self.address.life;
        life.store(
            life.load(Ordering::Acquire).next_multiple_of(2),
            Ordering::Release,
        );
    }

    fn end_of_log(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("its log");
        }
    }

    /// What it has told that should never happen.
    pub fn faults(&self) -> Vec<String> {
        self.told.faults.lock().expect("whole").clone()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Commits the rest: starts it with a storage that is well, and stops it.
    pub fn settle(&mut self) {
        self.set_mood(WELL);
        for _ in 0..5 {
            self.start();
            if self.stop() {
                return;
            }
        }
        panic!("the storage is well, and rows still wait: {}", self.log());
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn read_log(told: &Told, stderr: ChildStderr, folder: &Path) {
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("log"));
    let mut log: File = log.expect("a log");
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let _ = writeln!(log, "{line}");
        if line.contains("listening on ") {
            told.listening.fetch_add(1, Ordering::AcqRel);
        }
        if line.contains("rows wait in the checkpoint") {
            told.rows_wait.store(true, Ordering::Release);
        }
        let of_journal = line.contains(" journal: ");
        let is_bad = line.contains("ERROR") || line.contains("WARN");
        let said = [
            "panicked",
            "is refused",
            "was put back",
            "is beyond",
            "is skipped",
        ];
        if of_journal && is_bad || said.iter().any(|said| line.contains(said)) {
            told.faults.lock().expect("whole").push(line);
        }
    }
}

/// A port that is free for both protocols and families, below those that the system gives to
/// clients: while the tracker is down, none of them may get it.
fn free_port() -> u16 {
    let listens = |ip: IpAddr, port| {
        TcpListener::bind((ip, port)).is_ok() && UdpSocket::bind((ip, port)).is_ok()
    };
    let mut dice = Rng::with_seed(getrandom::u64().expect("random bytes"));
    let mut ports = std::iter::repeat_with(|| dice.u16(10_000..30_000)).take(1000);
    let free = ports.find(|port| {
        listens(Ipv4Addr::LOCALHOST.into(), *port) && listens(Ipv6Addr::LOCALHOST.into(), *port)
    });
    free.expect("a free port")
}
