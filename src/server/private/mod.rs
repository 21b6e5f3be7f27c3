//! What a private tracker has beside workers and timer: a thread that follows the journal and keeps
//! the books, and one that owns the storage. Neither is ever waited for by an announce.

mod exchange;
mod ledger;
mod start;
mod storage;

pub(super) use start::Private;
