//! wip
pub mod cache;
pub mod config;
pub mod model;
pub mod wire;
