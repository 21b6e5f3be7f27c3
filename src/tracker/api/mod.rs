//! The management API: requests of those who steer the tracker become edits of its directory, or
//! questions about it.
//!
//! No sockets here, as everywhere below the server: a [`Conversation`] is shown what a connection
//! has brought and says what follows. One table of routes decides what is served, what
//! `Allow` says, and what the OpenAPI [`document`] holds, so that they cannot differ.

mod access;
mod answer;
mod bodies;
mod conversation;
pub mod dialects;
mod document;
mod lines;
mod listed;
mod names;
mod routes;
mod schemas;
mod show;
mod strikes;
mod values;

pub use access::{Access, Secrets};
pub use answer::{Answer, CONTINUE, Framing};
pub use bodies::Status;
pub use conversation::{Conversation, Step};
pub use document::document;
pub use lines::{Batch, Faults, LINE_BYTES_MOST, Lines, Source, Tally};
pub use listed::{LISTED_MOST, Listed, ListedTorrent, ListedUser, list, list_name};
pub use names::{decode, encode};
pub use routes::{Question, Request};
pub use show::{
    Shown, ShownClient, ShownOptions, ShownPeer, ShownPushed, ShownStored, ShownToken, peers,
    pushed, user,
};
pub use strikes::Strikes;

/// Bytes of a body at most, unless it is a sync: all that can be said of one thing takes a few
/// hundred.
pub const BODY_BYTES_MOST: usize = 64 * 1024;
