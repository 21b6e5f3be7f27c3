//! Real clients share files through the tracker, over HTTP and UDP, over IPv4 and IPv6.
//!
//! Each client runs in a network namespace of its own, on a bridge inside the tracker's namespace,
//! and has an address of the tested family only. Every pair of a seeder and a leecher has a torrent
//! of its own, marked private, so a finished download can only have come from that seeder, and only
//! the tracker can have brought the two together.
//!
//! On a private tracker they have passkeys in their announce URLs, and their users are credited with
//! what they say they have moved. And where several trackers share their swarms, a pair announces to
//! two of them.
//!
//! Without root or one of the programs the test says so and passes; with
//! `CHIHAYA_REQUIRE_CLIENTS=1` it fails instead.
#![cfg_attr(
    not(feature = "sqlite"),
    allow(dead_code, reason = "private trackers use it")
)]

#[path = "clients/files.rs"]
mod files;
#[path = "clients/namespace.rs"]
mod namespace;
#[path = "clients/pair.rs"]
mod pair;
#[cfg(feature = "sqlite")]
#[path = "clients/private.rs"]
mod private;
#[path = "clients/programs.rs"]
mod programs;
#[path = "clients/setup.rs"]
mod setup;
#[cfg(feature = "redis")]
#[path = "clients/shared.rs"]
mod shared;
#[path = "clients/transport.rs"]
mod transport;

use files::{compare, create_folder, tail, text, write};
use namespace::{Fallible, Namespace, Process};
use pair::{Pair, Role, create_pairs};
use programs::{CLIENTS, Client, Task, words};
use setup::{can_run, config_text, new_folder, wait_until};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};
use transport::{Family, IPV4, IPV6, PORT, TRACKER_NAME, TRANSPORTS, Transport};

/// Long enough for a busy machine to start a program that binds four ports.
const TRACKER_BOUND: Duration = Duration::from_secs(20);
/// A seeder checks its files before it announces.
const SEEDER_BOUND: Duration = Duration::from_secs(40);
/// A leecher that cannot read the answer is found when the seeder announces again, 15 s later.
const DOWNLOAD_BOUND: Duration = Duration::from_secs(90);

#[test]
fn real_clients_download_from_each_other() {
    if !can_run() {
        return;
    }
    let folder = new_folder("public").unwrap_or_else(|err| panic!("{err}"));
    let run = Run::start("tracker", folder, &config_text(PORT, ""), "")
        .unwrap_or_else(|err| panic!("cannot start the tracker: {err}"));
    run.tell(run.check_all(&TRANSPORTS, |_, _| format!(":{PORT}")));
}

/// A client at work. Fields are dropped in this order: a process keeps its namespace alive.
struct Running {
    client: &'static Client,
    process: Process,
    namespace: Namespace,
    task: Task,
    log: PathBuf,
}

/// The tracker, or several with what they need, and the folder in which everything is written.
struct Run {
    trackers: Vec<Process>,
    namespace: Namespace,
    folder: PathBuf,
    /// What stands before `/scrape`: a passkey, if the tracker wants one.
    passkey: &'static str,
}

/// One entry a pair, named; or one for a whole transport that did not get that far.
type Outcomes = Vec<(String, Fallible<()>)>;

impl Run {
    /// Starts the tracker in a namespace of this name.
    fn start(
        name: &str,
        folder: PathBuf,
        config_text: &str,
        passkey: &'static str,
    ) -> Fallible<Run> {
        let mut run = Run::prepare(name, folder, passkey)?;
        run.start_tracker(PORT, config_text)?;
        Ok(run)
    }

    /// The namespace, in which nothing runs yet.
    fn prepare(name: &str, folder: PathBuf, passkey: &'static str) -> Fallible<Run> {
        let namespace = Namespace::new(name)?;
        namespace.add_bridge(&[IPV4.host(1), IPV6.host(1)])?;
        Ok(Run {
            trackers: Vec::new(),
            namespace,
            folder,
            passkey,
        })
    }

    /// Starts a tracker on this port; returns when it answers.
    fn start_tracker(&mut self, port: u16, config_text: &str) -> Fallible<()> {
        let config = self.folder.join(format!("config-{port}.json"));
        write(&config, config_text.as_bytes())?;
        let command = words(&[env!("CARGO_BIN_EXE_chihaya"), "--config", &text(&config)]);
        let log = self.folder.join(format!("tracker-{port}.log"));
        let tracker = self
            .namespace
            .spawn(&command, Path::new("/etc/hosts"), &log)?;
        self.trackers.push(tracker);
        let answers = |family| self.scrape(family, port, &"00".repeat(20)).is_ok();
        let deadline = Instant::now() + TRACKER_BOUND;
        if wait_until(deadline, || answers(&IPV4) && answers(&IPV6)) {
            return Ok(());
        }
        let log = tail(&log);
        Err(format!("no answer to a scrape in {TRACKER_BOUND:?}{log}"))
    }

    #[cfg(feature = "sqlite")]
    fn end_trackers(&mut self, bound: Duration) -> Fallible<()> {
        let mut trackers = self.trackers.iter_mut();
        trackers.try_for_each(|tracker| tracker.end(bound))
    }

    /// All transports side by side: most of the time is spent waiting. `place` gives what stands
    /// between the tracker's name and `/announce`.
    fn check_all(
        &self,
        transports: &'static [Transport],
        place: fn(Role, &Client) -> String,
    ) -> Outcomes {
        thread::scope(|scope| {
            let check = |transport| (transport, scope.spawn(move || self.check(transport, place)));
            let checks: Vec<_> = transports.iter().map(check).collect();
            let outcomes = checks.into_iter().flat_map(|(transport, check)| {
                let outcomes = check
                    .join()
                    .unwrap_or_else(|_| Err("the check panicked".into()));
                let everything = format!("every pair over {}", transport.name);
                outcomes.unwrap_or_else(|err| vec![(everything, Err(err))])
            });
            outcomes.collect()
        })
    }

    fn check(
        &self,
        transport: &'static Transport,
        place: fn(Role, &Client) -> String,
    ) -> Fallible<Outcomes> {
        let pairs = create_pairs(&self.folder, transport, |_| true, place)?;
        self.share(&pairs).map(|shared| shared.outcomes)
    }

    /// Lets the clients of the pairs share their files.
    fn share(&self, pairs: &[Pair]) -> Fallible<Shared> {
        let seeders = self.start_clients(pairs, Role::Seeder)?;
        let deadline = Instant::now() + SEEDER_BOUND;
        let known: Vec<Fallible<()>> = pairs
            .iter()
            .map(|pair| self.wait_for_seeder(pair, &seeders, deadline))
            .collect();
        let leechers = self.start_clients(pairs, Role::Leecher)?;
        let deadline = Instant::now() + DOWNLOAD_BOUND;
        let outcomes = pairs.iter().zip(known).map(|(pair, known)| {
            let (seeder, leecher) = (find(&seeders, pair.seeder), find(&leechers, pair.leecher));
            let download = |()| self.wait_for_download(pair, seeder, leecher, deadline);
            (pair.name(), known.and_then(download))
        });
        Ok(Shared {
            outcomes: outcomes.collect(),
            seeders,
            leechers,
        })
    }

    /// Starts every client that has this role in one of the pairs, with all its pairs.
    fn start_clients(&self, pairs: &[Pair], role: Role) -> Fallible<Vec<Running>> {
        let mut running = Vec::new();
        for (number, client) in CLIENTS.iter().enumerate() {
            let own: Vec<&Pair> = pairs
                .iter()
                .filter(|pair| pair.client(role) == client.name)
                .collect();
            if let Some(pair) = own.first() {
                let host = pair.transport.first_host + number + CLIENTS.len() * role as usize;
                running.push(self.start_client(client, role, &own, host)?);
            }
        }
        Ok(running)
    }

    fn start_client(
        &self,
        client: &'static Client,
        role: Role,
        pairs: &[&Pair],
        host: usize,
    ) -> Fallible<Running> {
        let transport = pairs[0].transport;
        let families = transport.families;
        let label = format!("{}-{role:?}-{}", transport.name, client.name);
        let namespace = Namespace::new(&label)?;
        let addresses: Vec<String> = families.iter().map(|family| family.host(host)).collect();
        namespace.join(&self.namespace, &format!("port{host}"), &addresses)?;
        for family in families {
            // It leads nowhere, but Transmission asks it for the address it would send from.
            namespace.add_default_route(family.tracker)?;
        }
        let folder = self.folder.join(label);
        let (files, state) = (folder.join("files"), folder.join("state"));
        create_folder(&files)?;
        create_folder(&state)?;
        if role == Role::Seeder {
            pairs
                .iter()
                .try_for_each(|pair| write(&files.join(&pair.file), &pair.content))?;
        }
        let hosts = folder.join("hosts");
        let lines = families
            .iter()
            .map(|family| format!("{} {TRACKER_NAME}\n", family.tracker));
        write(&hosts, lines.collect::<String>().as_bytes())?;
        let torrents = pairs.iter().map(|pair| pair.torrent(role).clone());
        let torrents = torrents.collect();
        let task = Task {
            torrents,
            files,
            state,
        };
        let log = folder.join("log");
        let process = namespace.spawn(&(client.command)(&task)?, &hosts, &log)?;
        Ok(Running {
            client,
            process,
            namespace,
            task,
            log,
        })
    }

    fn wait_for_seeder(&self, pair: &Pair, seeders: &[Running], deadline: Instant) -> Fallible<()> {
        let one = pair.one_client();
        if wait_until(deadline, || {
            self.swarm(pair)
                .is_ok_and(|swarm| one.contains(&swarm.seeders))
        }) {
            return Ok(());
        }
        let log = tail(&find(seeders, pair.seeder).log);
        Err(format!(
            "the tracker knows no seeder after {SEEDER_BOUND:?}{log}"
        ))
    }

    /// Waits for the very same bytes, and for the tracker to count that once.
    fn wait_for_download(
        &self,
        pair: &Pair,
        seeder: &Running,
        leecher: &Running,
        deadline: Instant,
    ) -> Fallible<()> {
        let file = leecher.task.files.join(&pair.file);
        let logs = || tail(&seeder.log) + &tail(&leecher.log);
        if !wait_until(deadline, || {
            fs::read(&file).is_ok_and(|bytes| bytes == pair.content)
        }) {
            let state = compare(&file, &pair.content);
            return Err(format!("{state} after {DOWNLOAD_BOUND:?}{}", logs()));
        }
        let once = pair.one_client();
        if !wait_until(deadline, || {
            self.swarm(pair)
                .is_ok_and(|swarm| once.contains(&swarm.completions))
        }) {
            return Err(format!(
                "downloaded, but not counted as completed once{}",
                logs()
            ));
        }
        Ok(())
    }

    /// Prints what became of each pair; fails if any of it failed.
    fn tell(&self, outcomes: Outcomes) {
        let mut good = Vec::new();
        let mut failed = Vec::new();
        for (name, outcome) in outcomes {
            match outcome {
                Ok(()) => good.push(name),
                Err(why) => {
                    println!("FAILED {name}: {why}");
                    failed.push(name);
                }
            }
        }
        println!("{} went well:\n  {}", good.len(), good.join("\n  "));
        let folder = self.folder.display();
        assert!(
            failed.is_empty(),
            "failed: {}; the logs are in {folder}",
            failed.join(", ")
        );
    }

    fn swarm(&self, pair: &Pair) -> Fallible<Swarm> {
        self.scrape(pair.transport.families[0], PORT, &pair.info_hash)
    }

    fn scrape(&self, family: &Family, port: u16, info_hash: &str) -> Fallible<Swarm> {
        let hash: String = (0..20)
            .map(|at| format!("%{}", &info_hash[2 * at..][..2]))
            .collect();
        let (socket, passkey) = (family.socket(port), self.passkey);
        let url = format!("http://{socket}{passkey}/scrape?info_hash={hash}");
        let curl = [
            "curl",
            "--silent",
            "--fail",
            "--globoff",
            "--max-time",
            "2",
            &url,
        ];
        let answer = self.namespace.output(&curl)?;
        let number = |key| answer.split_once(key)?.1.split_once('e')?.0.parse().ok();
        let numbers = number("8:completei").zip(number("10:downloadedi"));
        let (seeders, completions) = numbers.ok_or(format!("{url}: answered {answer:?}"))?;
        Ok(Swarm {
            seeders,
            completions,
        })
    }
}

impl Drop for Run {
    /// After a failure the logs are worth keeping.
    fn drop(&mut self) {
        if !thread::panicking()
            && let Err(err) = fs::remove_dir_all(&self.folder)
        {
            eprintln!("{} stays: {err}", self.folder.display());
        }
    }
}

/// What became of the pairs, and the clients, which still run.
struct Shared {
    outcomes: Outcomes,
    seeders: Vec<Running>,
    leechers: Vec<Running>,
}

/// What a scrape tells of one torrent.
struct Swarm {
    seeders: u32,
    completions: u32,
}

fn find<'a>(running: &'a [Running], client: &str) -> &'a Running {
    let found = running.iter().find(|running| running.client.name == client);
    found.expect("every client of a pair is started")
}
