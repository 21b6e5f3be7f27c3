//! A Redis server of a test's own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to do what it is asked.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether there is one to be started. Where tests are required to have it, they fail without.
pub fn installed() -> bool {
    let found = Command::new("redis-server").arg("--version").output();
    let required = std::env::var_os("CHIHAYA_REQUIRE_SERVERS").is_some();
    assert!(
        found.is_ok() || !required,
        "redis-server is not installed, and CHIHAYA_REQUIRE_SERVERS is set"
    );
    if found.is_err() {
        eprintln!("left out: redis-server is not installed");
    }
    found.is_ok()
}

/// Ports nobody listens on now.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("bound"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}

pub struct Server {
    child: Option<Child>,
    pub port: u16,
    folder: PathBuf,
    arguments: Vec<String>,
    scheme: &'static str,
    /// User and password, as they stand in a URL.
    credentials: String,
}

impl Server {
    /// One that keeps nothing on disk, if it is installed.
    pub fn start(name: &str) -> Option<Server> {
        Server::start_with(name, &["--save", "", "--appendonly", "no"])
    }

    pub fn start_with(name: &str, arguments: &[&str]) -> Option<Server> {
        if !installed() {
            return None;
        }
        let [port] = free_ports();
        let mut server = Server::prepare(name, port, arguments);
        server.run();
        server.wait();
        Some(server)
    }

    /// One that does not run yet.
    pub fn prepare(name: &str, port: u16, arguments: &[&str]) -> Server {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = root.join(format!("redis-{name}-{port}"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        Server {
            child: None,
            port,
            folder,
            arguments: arguments
                .iter()
                .map(|argument| argument.to_string())
                .collect(),
            scheme: "redis",
            credentials: String::new(),
        }
    }

    /// The folder it keeps its files in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its files as they are now, while nothing is written.
    pub fn copy_of_files(&self) -> PathBuf {
        let copy = self.folder.with_extension("copy");
        let _ = std::fs::remove_dir_all(&copy);
        copy_folder(&self.folder, &copy);
        copy
    }

    /// Puts files back that were copied; it must not run.
    pub fn put_back(&self, copy: &Path) {
        std::fs::remove_dir_all(&self.folder).expect("removed");
        copy_folder(copy, &self.folder);
        std::fs::remove_dir_all(copy).expect("removed");
    }

    /// From now on it is reached like this.
    pub fn reached_by(&mut self, scheme: &'static str, credentials: &str) {
        self.scheme = scheme;
        self.credentials = credentials.to_owned();
    }

    pub fn run(&mut self) {
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--daemonize", "no"])
            .args(["--enable-debug-command", "yes"])
            .arg("--dir")
            .arg(&self.folder)
            .args(["--logfile", "log"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if !self.arguments.iter().any(|argument| argument == "--port") {
            command.args(["--port", &port]);
        }
        let child = command.args(&self.arguments).spawn();
        self.child = Some(child.expect("redis-server starts"));
    }

    /// Writes its file as it is now, with something more to load.
    pub fn make_loading_slow(&self) {
        self.done("CONFIG SET rdbcompression no");
        for number in 0..12 {
            self.done(&format!("SET k{number} {}", "v".repeat(2000)));
        }
        self.done("SAVE");
    }

    /// Starts it again; each key takes it a tenth of a second.
    pub fn start_again_slowly(&mut self) {
        let slow = [
            "--key-load-delay",
            "500000",
            "--loading-process-events-interval-bytes",
            "1024",
        ];
        self.arguments.extend(slow.map(str::to_owned));
        self.run();
    }

    /// Waits until it accepts connections.
    pub fn wait(&self) {
        let end = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < end, "redis-server does not listen");
            std::thread::yield_now();
        }
    }

    /// Waits until it has loaded what it keeps, too.
    pub fn wait_until_loaded(&self) {
        self.wait();
        let end = Instant::now() + PATIENCE;
        while self.command("PING").is_err() {
            assert!(Instant::now() < end, "redis-server does not answer");
            std::thread::yield_now();
        }
    }

    pub fn url(&self) -> String {
        let Server {
            scheme,
            credentials,
            port,
            ..
        } = self;
        format!("{scheme}://{credentials}127.0.0.1:{port}")
    }

    pub fn connect(&self) -> redis::Connection {
        let client = redis::Client::open(self.url()).expect("a good URL");
        let connection = client.get_connection_with_timeout(PATIENCE);
        connection.expect("connected")
    }

    /// Runs a command, its words separated by spaces.
    pub fn command(&self, text: &str) -> redis::RedisResult<redis::Value> {
        let mut words = text.split(' ');
        let mut command = redis::cmd(words.next().expect("a command"));
        words.for_each(|word| {
            command.arg(if word == "''" { "" } else { word });
        });
        command.query(&mut self.connect())
    }

    pub fn done(&self, text: &str) {
        let result = self.command(text);
        assert!(result.is_ok(), "{text}: {result:?}");
    }

    fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("it runs").id();
        let kill = Command::new("kill").args([name, &id.to_string()]).status();
        assert!(kill.expect("kill runs").success());
    }

    /// It stands still.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("killed");
        child.wait().expect("ended");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read(self.folder.join("log")).unwrap_or_default();
            eprintln!(
                "redis-server on {}: {}",
                self.port,
                String::from_utf8_lossy(&log)
            );
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        match entry.file_type().expect("its type").is_dir() {
            true => copy_folder(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).expect("copied")),
        }
    }
}

/// Longer than the driver takes between two attempts.
pub const A_WHILE: Duration = Duration::from_secs(1);
