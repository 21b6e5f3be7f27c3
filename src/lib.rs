//! Chihaya, a BitTorrent tracker.
pub mod cache;
pub mod config;
pub mod drivers;
pub mod model;
pub mod server;
mod sys;
pub mod tracker;
pub mod wire;

pub use drivers::Drivers;
pub use server::{Server, StartError, run};
