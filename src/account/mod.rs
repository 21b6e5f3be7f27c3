//! Accounts: records of announces, the journal they are kept in, and the ledger that makes of them
//! what the storage is to know.
//!
//! What has been answered counts, exactly once. A worker appends the records of a tick to the
//! [`journal`] before its replies leave. [`Books`] follow the journal: the [`ledger`] turns records
//! into sums and states, which are gathered until a batch of them is committed together with the
//! position up to which it reaches. A [`checkpoint`] holds all of that, so that older parts of the
//! journal can go. Where several processes are one tracker, [`shared`] puts what they have accepted
//! into one order, and each keeps the books of all.

pub mod blocks;
pub mod books;
pub mod checkpoint;
pub mod committer;
pub mod gathered;
pub mod journal;
pub mod ledger;
pub mod note;
pub mod record;
pub mod sessions;
pub mod shared;
mod suspicion;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod twin;

pub use books::Books;
pub use note::{Note, Pace};
pub use record::Record;
