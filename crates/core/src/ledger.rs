//! The ledger: the append-only record of what was uploaded, seen and said, on a Git branch.
//!
//! One file a tenant, `tenants/<tenantId>.jsonl`, one [`Record`](crate::model::Record) a line,
//! each line naming the hash of the line before. An auditor can check all of it with `git`,
//! `sha256sum` and `jq`. The branch itself, its remote and its lock are the adapter's.
//!
//! * [`line`](encode) and [`chain`](read_chain): records as text, and what breaks a chain.
//! * [`view`](LedgerView) and [`sending`](Sending): the questions planning asks.
//! * [`lacking`]: which entries a chain lacks, when two clones wrote at once.
//! * [`show`] and [`verify_text`]: the reports of `ledger show` and `ledger verify`.

mod bounds;
mod canonical;
mod chain;
mod line;
mod merge;
mod notes;
mod origin;
mod render;
mod sending;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod view;

pub use bounds::{LEASE, tells};
pub use chain::{
    Chain, ChainError, ChainFault, Extension, MAX_FILE, Tail, extend, read_chain, read_chain_past,
};
pub use line::{LineFault, MAX_LINE, decode, encode};
pub use merge::{is_about, lacking};
pub use origin::{Line, Lines, Maker, Origin, Provenance};
pub use render::{
    Acceptable, BrokenTenant, FORMAT_VERSION, Fault, Filter, LINE_BROKEN, ShowEntry, ShowReport,
    Verdict, VerifyReport, show, show_text, verify_text,
};
pub use sending::Sending;
pub use view::{Bindings, FirstTopic, LedgerView, Remade, TenantLedger};
