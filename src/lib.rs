//! Chihaya, a BitTorrent tracker: one small executable, HTTP and UDP, IPv4 and IPv6.
//!
//! # Floors
//!
//! ```text
//!  6  main  cli      arguments, configuration file, logging, exit code; users and torrents by hand
//!  5  server/        threads, the mio loop, sockets, connections, timers; drivers by name
//!  4  tracker/       requests become queries, answers become replies; who may; connection ids
//!  3  account/       records of announces, journal, ledger, batches for the storage
//!  2  cache/         swarms          storage/   drivers of the web application's data store
//!  1  wire/          bytes to borrowed views, replies to bytes
//!  0  model  config  sys
//! ```
//!
//! `use crate::` points down, or sideways inside one folder. Nothing below [`server`] opens a
//! socket, spawns a thread or reads a clock: time and randomness are arguments. `sys` holds the
//! only `unsafe`.
//!
//! # Threads
//!
//! *Workers*, one a core, each with a poll, a UDP socket and a TCP listener per address; the kernel
//! spreads the load over them (`SO_REUSEPORT`). They share the swarms, which are sharded, a mutex a
//! shard. The *timer* sweeps expired peers in slices and writes the snapshot. The *main* thread
//! waits for a signal.
//!
//! A private tracker has three more. The *ledger* follows the journal to which the workers append,
//! syncs it, and keeps the books. The *storage* thread owns the web application's data store: it
//! commits batches, loads the directory, writes what is pushed into it, and looks up what is unknown.
//! It may block, and nobody waits for it. The *authority* makes what is pushed: it publishes the
//! directory that the workers go by, and knows when all of them do.
//!
//! The *admin* thread serves the management API, where a token is configured, from a poll of its own:
//! what it is told goes to [`server::Authority`], and what it is asked is answered from snapshots and
//! counters ([`tracker::api`]).
//!
//! # One announce, from packet to packet
//!
//! A tick of a worker (`server/worker.rs`) takes what every ready socket holds, and ends with all
//! of it answered:
//!
//! 1. **Receive and collect.** `recvmmsg` fills the slots of a port ([`server`], `sys`).
//!    [`wire::udp`] reads a packet in place; its connection id is checked
//!    ([`tracker::connection_id`]); [`wire::AnnounceRequest`] borrows the slot and lives for one
//!    loop body. An HTTP request takes the same road after [`wire::http::parse`] and
//!    [`wire::query::announce`].
//! 2. [`tracker::Tracker`] makes a fixed-size [`cache::Announce`] of it, pushes that into the
//!    [`cache::Batch`] of the tick, and a pending reply remembers its place.
//!    A private tracker gathers announces first; users, torrents and sessions are then looked up
//!    for all of them together (`tracker/private.rs`).
//! 3. **Run.** [`cache::Cache::run`] answers the whole batch: each shard is locked once, the swarm
//!    changes, and the peers are copied out in the bytes in which they are sent.
//! 4. **Record.** What a private tracker has accepted is appended to the [`account::journal`], in
//!    one write.
//! 5. **Answer and send.** The head of a UDP reply is written into the room before its peers, and
//!    one `sendmmsg` takes them all. HTTP answers of a connection go out in one write.
//!
//! Once warm, no request allocates.
//!
//! # Several processes, one swarm
//!
//! The cache driver `redis` (a feature; `server/redis`) lets the shards of the memory cache keep what
//! they accept. A *writer* thread appends it to a stream, a *reader* thread follows what other
//! processes append, and a *saver* writes copies for those that start: [`cache::replication`].
//! Where they are one private tracker, a *forwarder* puts what stands in the journal into another
//! log, a *keeper* copies that log beside the journal, for the ledger to follow, and sees to who
//! commits: [`account::shared`].
//!
//! # What an announce means
//!
//! [`account::Books`] follow the journal; the [`account::ledger`] turns records into sums and states.
//! Every few seconds what is gathered becomes a [`storage::Commit`], which
//! [`storage::Storage::commit`] writes in one transaction with the position it reaches.
//!
//! # As a library
//!
//! [`run`] is all that `main` does. [`Server`] is for programs that do more, [`Drivers::with_cache`]
//! and [`Drivers::with_storage`] for those that bring a cache or a data store of their own:
//!
//! ```no_run
//! use chihaya::{Drivers, config::Config};
//!
//! let config = Config::from_json(r#"{"network": {"udp": []}}"#).expect("a good configuration");
//! chihaya::run(&config, &Drivers::builtin()).expect("the addresses are free");
//! ```
//!
//! A program that runs a private tracker pushes to its directory by way of [`Server::authority`]:
//!
//! ```no_run
//! use chihaya::model::Passkey;
//! use chihaya::storage::{Edit, UserEdit, UserName};
//! use chihaya::{Drivers, Server, config::Config};
//!
//! let config = Config::from_json(r#"{"tracker": "private"}"#).expect("a good configuration");
//! let server = Server::start(&config, &Drivers::builtin()).expect("it starts");
//! let authority = server.authority().expect("a private tracker");
//! let passkey = Passkey::new(b"0123456789abcdef0123456789abcdef").expect("not too long");
//! let ban = UserEdit {
//!     enabled: Some(false),
//!     ..UserEdit::of(UserName::Passkey(passkey))
//! };
//! authority.push(vec![Edit::User(ban)], |answers| {
//!     // No worker serves the user any more, and the peers have left the swarms.
//!     println!("{answers:?}");
//! });
//! ```

#![warn(missing_docs)]

pub mod account;
pub mod cache;
pub mod config;
pub mod drivers;
pub mod model;
pub mod server;
pub mod storage;
mod sys;
pub mod tracker;
pub mod wire;

pub use drivers::Drivers;
pub use server::{Server, StartError, run};
