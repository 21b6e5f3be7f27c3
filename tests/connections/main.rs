//! HTTP connections: how requests arrive, how long they may take, how many there may be.

#[path = "../common/mod.rs"]
mod common;

mod bounds;
mod pieces;
mod pipelines;
mod stop;
