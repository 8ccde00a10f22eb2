//! Desired state × live state × ledger → a plan: what to do with every token, and why.
//!
//! [`make()`] is a function of values in memory: no clock, no socket, no file. Each token goes
//! through the decision table in `decide`, first match wins, and a write that would be due but
//! must not happen is a *hold* with typed reasons. A [`CheckedPlan`] is the only thing that
//! `apply` takes; it exists only after an independent lint and the safety limits agreed.
//!
//! What a plan refuses to know: how files are opened, how Graph is called, how a plan is shown.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod after_merge;
mod axes;
mod base;
mod canary;
mod checked;
mod decide;
mod digest;
mod fresh;
mod holds;
mod input;
mod lint;
mod make;
mod planned;
mod safety;
mod settings;
mod tenant;
mod types;
mod unfinished;
mod watch;
#[cfg(any(test, feature = "testing"))]
pub mod world;

pub use crate::fleet::{Selection, SelectionError, SelectionReport, Touched};
pub use crate::rules::subject::{Sent, Stage};
pub use after_merge::{Proposed, foretell};
pub use base::{resealed, withdraws};
pub use canary::{REFUSALS, overtaken, wire};
pub use checked::{CheckedPlan, Refusal};
pub use fresh::{Reviewed, Stale, fresh};
pub use holds::location_fault;
pub use input::{Base, Input, Known};
pub use lint::Fault;
pub use make::make;
pub use planned::{Canary, Closing, Due, DueWrite, Note, Noted, Planned, Verify, clock_told};
pub use safety::{Excess, Limits};
pub use settings::Settings;
pub use tenant::SKEW_LIMIT;
pub use types::{
    Action, AfterMerge, Expiry, FORMAT_VERSION, Health, HealthReason, Observed, OtherwiseThen,
    Outdated, Plan, PlannedTenant, PlannedToken, QuieterThen, Reason, RecipientsChange,
    RecordChange, RemovedTenant, ResealedTenant, SealedToOthers, Source, Summary, Sync, TokenState,
    WaitingFile, Warning, Withdrawal, Withdrawn,
};
pub use unfinished::CANNOT_LAND;
