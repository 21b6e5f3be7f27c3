//! A private tracker, seen from its sockets and from its database.
#![cfg(feature = "sqlite")]

#[path = "../common/mod.rs"]
mod common;

mod accounting;
mod changes;
mod client;
mod commands;
mod credit;
mod events;
mod gate;
mod held;
mod leaving;
mod limits;
mod prefixes;
mod pushes;
mod refusals;
mod restart;
mod scrape;
mod secrecy;
mod site;
mod start;
mod swarm;
