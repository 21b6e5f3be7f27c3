//! The management API, seen from its sockets.
#![cfg(feature = "sqlite")]

#[path = "../private/client.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod client;
#[path = "../common/mod.rs"]
mod common;
#[path = "../private/site.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod site;

mod access;
mod bounds;
mod call;
mod crowds;
mod directory;
mod lists;
mod public;
mod readme;
mod requests;
mod stats;
mod sync;
