//! The ledger's branch: read, appended to, shared between clones, and locked.
//!
//! * [`Ledger`]: reads the branch and appends to it. A reading has three answers: an empty view
//!   is *proved* absence, every doubt is a [`LedgerError`]. What cannot be read is never written
//!   over.
//! * [`LedgerWriter`]: one thread that commits for many tenants at once.
//! * [`ApplyLock`]: one apply at a time in a clone, and the proof that a run is dead.
//! * `remote` and `shared`: the same ledger in many clones. The remote is asked, entries are
//!   pushed without ever forcing one, and lost races are run again.
//! * [`SavedEntries`]: the file for entries that could not be pushed.

mod append;
mod branch;
mod clone_id;
mod error;
mod lock;
mod origins;
mod proof;
mod remote;
mod saved;
mod shared;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod tree;
mod turn;
mod verify;
mod writer;

pub use branch::Role;
pub use clone_id::CloneId;
pub use error::{LedgerError, LockError, LockedFor};
pub use lock::{ApplyLock, Holder, TellingLock, replacing};
pub use proof::Proof;
pub use remote::Remote;
pub use saved::{SavedEntries, SavedEntry, SavedError, read_saved, save_unpushed};
pub use shared::{Announced, Begun, Create, Delivered, Joined, Ledger};
pub use verify::{MustBeSigned, verify, verify_signed};
pub use writer::{Closed, LedgerWriter};

/// The most tenants a ledger may have: ten times the design point.
pub const MAX_TENANTS: usize = 100_000;
/// The most bytes all files together may have.
///
/// 10,000 tenants with three tokens each write some 200 MB a year. All of it is held in memory, so
/// a limit has to be there, and this one lasts for decades.
pub(crate) const MAX_TOTAL: u64 = 4 * 1024 * 1024 * 1024;
