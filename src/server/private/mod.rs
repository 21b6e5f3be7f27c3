//! What a private tracker has beside workers and timer: a thread that follows the journal and keeps
//! the books, one that owns the storage, and one that makes what is pushed. None is ever waited for
//! by an announce.

mod authority;
mod exchange;
mod ledger;
mod lookups;
mod progress;
mod role;
mod several;
mod start;
mod storage;

pub use authority::{Answers, Authority, LISTED_MOST, PushError, Pushed, Stored};
#[cfg(feature = "redis")]
pub(super) use exchange::Exchange;
#[cfg(feature = "redis")]
pub(super) use ledger::CHECKPOINT_FILE;
pub(super) use lookups::{Found, LookupError, Lookups};
pub(super) use progress::Progress;
#[cfg(feature = "redis")]
pub(super) use role::{Attended, Role};
pub(super) use several::Gauges;
pub(super) use start::Private;
