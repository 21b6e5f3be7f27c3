//! Processes and Redis are killed and come back under load: no announce fails, and in the end all
//! list the same peers. `CHIHAYA_RESTART_SECS` says for how long; `tests/redis.sh` does it for ten
//! minutes.

use crate::common::http::{Connection, announce};
use crate::common::program::Running;
use crate::common::{PATIENCE, eventually};
use crate::server::{Server, free_ports};
use crate::{scraped, settings};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const PROCESSES: usize = 3;
/// Between two kills: longer than it takes to come back.
const TURN: Duration = Duration::from_millis(1500);

/// One of the processes, as its clients know it.
struct Process {
    address: SocketAddr,
    config: PathBuf,
    running: Mutex<Option<Running>>,
    /// Clients leave it alone while it is down, as they would with another announce URL.
    up: AtomicBool,
}

impl Process {
    fn new(number: usize, server: &Server) -> Process {
        let [port] = free_ports();
        let network =
            format!(r#"{{"network": {{"udp": [], "http": ["127.0.0.1:{port}"], "workers": 1}}, "#);
        let text = settings(&[server.url()], "restarts", r#", "copy_interval": 1"#);
        let config =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("restarts-{number}.json"));
        std::fs::write(&config, text.replacen('{', &network, 1)).expect("written");
        let process = Process {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            config,
            running: Mutex::new(None),
            up: AtomicBool::new(false),
        };
        process.start();
        process
    }

    fn start(&self) {
        let mut running = Running::start(self.config.to_str().expect("UTF-8"));
        running.listening(1);
        *self.running.lock().expect("whole") = Some(running);
        self.up.store(true, Ordering::Release);
    }

    /// Ends it, at once or in order, and starts it again.
    fn restart(&self, signal: &str) {
        self.up.store(false, Ordering::Release);
        let running = self.running.lock().expect("whole").take().expect("it runs");
        running.end_by(signal);
        self.start();
    }

    /// Announces; false where the process went down meanwhile, and whoever announced goes on
    /// elsewhere.
    fn announce(&self, target: &str) -> bool {
        if !self.up.load(Ordering::Acquire) {
            return false;
        }
        let answer = self.ask(target).unwrap_or_default();
        if answer.is_empty() {
            assert!(
                !self.up.load(Ordering::Acquire),
                "a running process hung up"
            );
            return false;
        }
        let text = String::from_utf8_lossy(&answer);
        assert!(
            text.contains("8:intervali") && !text.contains("failure"),
            "{text}"
        );
        true
    }

    fn ask(&self, target: &str) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

fn secs() -> u64 {
    let secs = std::env::var("CHIHAYA_RESTART_SECS").ok();
    secs.and_then(|secs| secs.parse().ok()).unwrap_or(10)
}

#[test]
fn nothing_fails_and_all_agree_afterwards() {
    let Some(mut server) = Server::start("restarts") else {
        return;
    };
    let processes: Vec<Process> = (0..PROCESSES)
        .map(|number| Process::new(number, &server))
        .collect();
    let (stop, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for client in 0..PROCESSES {
            let (processes, stop, answered) = (&processes, &stop, &answered);
            scope.spawn(move || load(client, processes, stop, answered));
        }
        let end = Instant::now() + Duration::from_secs(secs());
        let mut turn = 0;
        while Instant::now() < end {
            thread::park_timeout(TURN);
            match turn % (PROCESSES + 1) {
                PROCESSES => {
                    server.kill();
                    thread::park_timeout(TURN);
                    server.run();
                }
                number => processes[number].restart(if turn % 2 == 0 { "-KILL" } else { "-TERM" }),
            }
            turn += 1;
        }
        stop.store(true, Ordering::Release);
    });
    assert!(
        answered.load(Ordering::Relaxed) > 1000,
        "{answered:?} answers"
    );
    // Once more by everybody, as clients do; then all agree.
    for port in 2000..2200 {
        let process = &processes[usize::from(port) % PROCESSES];
        assert!(process.announce(&announce('a', port, 5)));
    }
    for process in &processes {
        let mut client = Connection::open(process.address);
        eventually("all peers are known to each", || {
            let [_, _, leechers, _] = scraped(&mut client, 'a');
            leechers == 200
        });
    }
}

/// A client's announces, of peers that come and go, at whichever process is up.
fn load(client: usize, processes: &[Process], stop: &AtomicBool, answered: &AtomicU64) {
    let mut turn = client;
    while !stop.load(Ordering::Acquire) {
        turn += 1;
        let target = announce('a', 2000 + (turn % 200) as u16, 5);
        if processes[turn % processes.len()].announce(&target) {
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}
