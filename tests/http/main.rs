//! The HTTP protocol, seen from a socket.

#[path = "../common/mod.rs"]
mod common;

mod addresses;
mod announce;
mod clients;
mod events;
mod requests;
mod scrape;
