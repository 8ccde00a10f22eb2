//! Keeps the Apple credentials of many Microsoft Intune tenants equal to what a Git repository
//! says.
//!
//! A map of one run of `applecart apply`, and of the modules on its way:
//!
//! 1. [`cli`] parses the command line, reads the environment, and builds the adapters.
//! 2. [`git`] reads the fleet as Git *objects* at a revision; [`fleet`] turns the bytes into a
//!    checked [`fleet::Policy`] and checked [`fleet::Tenant`]s, or into every mistake with its
//!    place.
//! 3. [`intune`] signs in to each tenant and reads the three resources; each answer is present,
//!    absent or unknown ([`model::Reading`]).
//! 4. [`ledger`] reads what was sent and seen before.
//! 5. [`plan`] decides, purely, what to do with every token and why ([`plan::make`]); a
//!    [`plan::CheckedPlan`] is what passed the lint and the safety limits.
//! 6. [`apply`] walks it: opens files late with [`vault`], judges them with [`apple`], announces,
//!    re-reads, sends, reads back, records.
//! 7. [`report`] shows all of it, to people and to scripts ([`schemas`]).
//!
//! [`model`] holds the words that all of them speak. [`simulator`] stands in for Intune, Entra and
//! Apple; only `simulate`, `demo` and tests know it.

pub mod apple;
pub mod apply;
pub mod cli;
pub mod fleet;
pub mod git;
pub mod intune;
pub mod ledger;
pub mod model;
pub mod plan;
pub mod report;
pub mod schemas;
pub mod simulator;
pub mod vault;
