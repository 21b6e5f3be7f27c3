//! Existing web applications, which steer the tracker in dialects of their own: scripted sites send
//! what the real ones send, and clients announce.
#![cfg(feature = "sqlite")]

#[path = "../private/client.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod client;
#[path = "../common/mod.rs"]
mod common;
#[path = "../private/site.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod site;

mod crossing;
mod gazelle;
mod groups;
mod ocelot;
mod reports;
mod secrets;
mod unit3d;
mod unit3d_site;
