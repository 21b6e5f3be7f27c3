//! What a private tracker has beside workers and timer: a thread that follows the journal and keeps
//! the books, one that owns the storage, and one that makes what is pushed. None is ever waited for
//! by an announce.

mod authority;
mod exchange;
mod ledger;
mod lookups;
mod progress;
mod start;
mod storage;

pub use authority::{Answers, Authority, LISTED_MOST, PushError, Pushed, Stored};
pub(super) use lookups::{Found, LookupError, Lookups};
pub(super) use progress::Progress;
pub(super) use start::Private;
