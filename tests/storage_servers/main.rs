//! The drivers of PostgreSQL and MySQL on real servers, which these tests start and kill.
#![cfg(any(feature = "mysql", feature = "postgres"))]

mod connections;
#[path = "../servers/mod.rs"]
mod servers;
