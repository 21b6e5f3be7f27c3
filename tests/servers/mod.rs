//! Database servers for tests: PostgreSQL and MariaDB as they are installed, each with a folder of
//! its own under the system's temporary one, on a free port of the loopback and a socket. They go
//! with the test program, however that ends.
//!
//! Where one is not installed, tests say so and pass; with `CHIHAYA_REQUIRE_SERVERS=1` they fail
//! instead.
#![allow(dead_code, reason = "every test program uses a part of it")]

mod certificates;
mod mariadb;
mod postgres;
mod process;
mod shell;

pub use shell::Shell;

use process::{Account, Process};
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Who the tests are to the servers, and their password, which has all that an address would have
/// to encode.
pub const USER: &str = "tracker";
pub const PASSWORD: &str = "p@ss/w:rd ?#%'\"\\é";

/// How long a server may take to start; only a test that fails waits as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Postgres,
    Mariadb,
}

/// How a server is to be.
#[derive(Clone, Copy)]
pub struct Options {
    /// Whether it waits for the disk: what is committed survives a power cut. Tests that kill its
    /// process alone need not wait.
    pub durable: bool,
    /// Whether it can encrypt.
    pub tls: bool,
    /// Whether it keeps a log of changes, as those do that others follow; MariaDB alone.
    pub binlog: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            durable: false,
            tls: true,
            binlog: false,
        }
    }
}

pub struct Server {
    kind: Kind,
    folder: PathBuf,
    port: u16,
    account: Account,
    options: Options,
    programs: PathBuf,
    process: Option<Process>,
}

impl Server {
    /// Starts a new one; `None`, and said so, where it is not installed.
    pub fn start(kind: Kind) -> Option<Server> {
        Server::start_with(kind, Options::default())
    }

    pub fn start_with(kind: Kind, options: Options) -> Option<Server> {
        let Some(programs) = kind.programs() else {
            skip(kind.package());
            return None;
        };
        let account = Account::of(kind.account());
        let mut server = Server {
            kind,
            folder: folder(kind, &account),
            port: free_port(),
            account,
            options,
            programs,
            process: None,
        };
        if options.tls {
            certificates::make(&server.folder, &server.account);
        }
        match kind {
            Kind::Postgres => postgres::install(&server),
            Kind::Mariadb => mariadb::install(&server),
        }
        server.restart();
        let mut admin = server.admin();
        match kind {
            Kind::Postgres => postgres::prepare(&mut admin),
            Kind::Mariadb => mariadb::prepare(&mut admin),
        }
        Some(server)
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Starts it again after [`Server::kill`]; returns when it answers.
    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let command = match self.kind {
            Kind::Postgres => postgres::command(self),
            Kind::Mariadb => mariadb::command(self),
        };
        let mut process = Process::start(command, &self.folder, &self.account);
        let end = Instant::now() + PATIENCE;
        // Each question takes its time by itself.
        while !self.answers() {
            let log = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(process.is_there(), "{:?} has ended: {}", self.kind, log());
            assert!(
                Instant::now() < end,
                "{:?}: no answer: {}",
                self.kind,
                log()
            );
        }
        self.process = Some(process);
    }

    /// Kills all its processes at once, whatever they do.
    pub fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// Stops its processes where they are: it accepts connections, and is silent.
    pub fn freeze(&self) {
        self.process.as_ref().expect("it runs").stop_all();
    }

    pub fn thaw(&self) {
        self.process.as_ref().expect("it runs").signal("-CONT");
    }

    /// Makes a new database, empty, which belongs to [`USER`].
    pub fn create(&self, database: &str) {
        let mut admin = self.admin();
        match self.kind {
            Kind::Postgres => postgres::create(&mut admin, database),
            Kind::Mariadb => mariadb::create(&mut admin, database),
        }
    }

    /// Where a database is, over TCP; without the password.
    pub fn url(&self, database: &str) -> String {
        let scheme = self.kind.scheme();
        format!("{scheme}://{USER}@localhost:{}/{database}", self.port)
    }

    /// Where a database is, by the socket.
    pub fn socket_url(&self, database: &str) -> String {
        match self.kind {
            Kind::Postgres => {
                format!(
                    "host={} port={} user={USER} dbname={database}",
                    self.folder.display(),
                    self.port
                )
            }
            Kind::Mariadb => {
                let socket = mariadb::socket(self)
                    .display()
                    .to_string()
                    .replace('/', "%2F");
                format!("mysql://{USER}@localhost/{database}?socket={socket}")
            }
        }
    }

    /// Who vouches for its certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder.join(certificates::CA)
    }

    /// An operator at a command line, who may do anything.
    pub fn shell(&self, database: &str) -> Shell {
        match self.kind {
            Kind::Postgres => postgres::shell(self, database),
            Kind::Mariadb => mariadb::shell(self, database),
        }
    }

    /// The command-line client by itself, which ends with an error at the first statement that is
    /// refused.
    pub fn client(&self, database: &str) -> Command {
        match self.kind {
            Kind::Postgres => postgres::psql(self, database),
            Kind::Mariadb => mariadb::mariadb(self, database),
        }
    }

    fn admin(&self) -> Shell {
        self.shell(match self.kind {
            Kind::Postgres => "postgres",
            Kind::Mariadb => "mysql",
        })
    }

    fn answers(&self) -> bool {
        match self.kind {
            Kind::Postgres => postgres::answers(self),
            Kind::Mariadb => mariadb::answers(self),
        }
    }

    fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }
}

impl Kind {
    /// The account that its package makes: it does not run as root.
    fn account(self) -> &'static str {
        match self {
            Kind::Postgres => "postgres",
            Kind::Mariadb => "mysql",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Kind::Postgres => "postgresql",
            Kind::Mariadb => "mariadb-server",
        }
    }

    fn scheme(self) -> &'static str {
        match self {
            Kind::Postgres => "postgres",
            Kind::Mariadb => "mysql",
        }
    }

    /// The folder of its programs.
    fn programs(self) -> Option<PathBuf> {
        let (wanted, versions) = match self {
            Kind::Postgres => ("initdb", "/usr/lib/postgresql"),
            Kind::Mariadb => ("mariadbd", "/nowhere"),
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let versions = std::fs::read_dir(versions).into_iter().flatten().flatten();
        let mut versions: Vec<_> = versions.map(|entry| entry.path().join("bin")).collect();
        versions.sort();
        let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
        let mut folders = std::env::split_paths(&path)
            .chain(versions.into_iter().rev())
            .chain(system);
        // Where it is but a link, the others are where that leads.
        let program = folders.find_map(|folder| folder.join(wanted).canonicalize().ok())?;
        program.parent().map(Path::to_owned)
    }
}

fn skip(missing: &str) {
    let required = std::env::var("CHIHAYA_REQUIRE_SERVERS").is_ok_and(|value| value == "1");
    assert!(
        !required,
        "CHIHAYA_REQUIRE_SERVERS=1, but missing: {missing}"
    );
    // Past the harness, which keeps what a passing test prints to itself.
    let _ = writeln!(io::stderr(), "SKIPPED a database server: missing {missing}");
}

/// A new folder that belongs to the server. Its name is short: sockets have no room for long ones.
fn folder(kind: Kind, account: &Account) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("chihaya-{}-{}-{count}", kind.scheme(), std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).expect("a folder");
    account.owns(&folder);
    folder
}

/// A free port below those that the system gives to clients: while the server is down, none of
/// them may get it.
fn free_port() -> u16 {
    let mut dice = fastrand::Rng::with_seed(getrandom::u64().expect("random bytes"));
    let mut ports = std::iter::repeat_with(|| dice.u16(10_000..30_000)).take(1000);
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.find(free).expect("a free port")
}

/// Whether a program ends well; says what it wrote where not.
fn succeeds(command: &mut std::process::Command) {
    let output = command
        .output()
        .unwrap_or_else(|err| panic!("{command:?}: {err}"));
    let wrote = [output.stdout, output.stderr].concat();
    let wrote = String::from_utf8_lossy(&wrote);
    assert!(output.status.success(), "{command:?}: {wrote}");
}

fn display(path: &Path) -> String {
    path.display().to_string()
}
