//! The commands of those who keep a site by hand: by the storage alone, and over the management
//! API of a running tracker.

#[path = "../common/mod.rs"]
mod common;

mod alone;
mod both;
mod folder;
mod running;
#[cfg(feature = "sqlite")]
mod storage;
mod terminal;
