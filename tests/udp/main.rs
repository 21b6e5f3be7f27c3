//! The UDP protocol (BEP 15, 41), seen from a socket.

#[path = "../common/mod.rs"]
mod common;

mod announce;
mod packets;
