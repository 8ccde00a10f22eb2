//! The ledger: the append-only record of what was sent, seen and said, on a Git branch.
//!
//! One file a tenant, `tenants/<tenantId>.jsonl`, one [`Record`](crate::model::Record) a line,
//! each line naming the hash of the line before. An auditor can check all of it with `git`,
//! `sha256sum` and `jq`.
//!
//! * [`line`](Draft) and [`chain`](verify_chain): records as text, and what breaks a chain. Pure.
//! * [`view`](LedgerView) and [`sending`](Sending): the questions planning asks. Pure.
//! * [`Ledger`]: reads the branch and appends to it. A reading has three answers: an empty view
//!   is *proved* absence, every doubt is a [`LedgerError`]. What cannot be read is never written
//!   over.
//! * [`LedgerWriter`]: one thread that commits for many tenants at once.
//! * [`ApplyLock`]: one apply at a time in a clone, and the proof that a run is dead.
//! * `remote` and `shared`: the same ledger in many clones. The remote is asked, entries are
//!   pushed without ever forcing one, and lost races are run again.
//! * [`SavedEntries`]: the file for entries that could not be pushed.
//! * [`show`] and [`verify()`]: the reports of `ledger show` and `ledger verify`.

mod append;
mod audit;
mod chain;
mod clone_id;
mod error;
mod line;
mod lock;
mod merge;
mod message;
mod remote;
mod render;
mod saved;
mod sending;
mod shared;
mod store;
mod tree;
mod turn;
mod verify;
mod view;
mod writer;

#[cfg(test)]
mod testing;

pub use chain::{
    Chain, ChainError, ChainFault, Extension, MAX_FILE, Tail, extend, read_chain, verify_chain,
};
pub use clone_id::CloneId;
pub use error::{LedgerError, LockError};
pub use line::{Author, Draft, LineFault, MAX_LINE, decode, encode};
pub use lock::{ApplyLock, Holder};
pub use render::{
    BrokenTenant, Fault, Filter, ShowEntry, ShowReport, Verdict, VerifyReport, show, show_text,
    verify_text,
};
pub use saved::{SavedEntries, SavedEntry, SavedError, read_saved, save_unpushed};
pub use sending::Sending;
pub use shared::{Announced, Delivered};
pub use store::Ledger;
pub use tree::{MAX_TENANTS, MAX_TOTAL};
pub use verify::{MustBeSigned, verify, verify_signed};
pub use view::{Bindings, LedgerView, TenantLedger};
pub use writer::{Closed, LedgerWriter};
