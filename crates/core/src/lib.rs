//! What Applecart decides, and on what grounds, without a socket, a clock, a file or a process.
//!
//! * [`model`]: the words that all rooms speak, as types.
//! * [`fleet`]: bytes of a fleet repository, checked, or every mistake with its place.
//! * [`apple`]: Apple's token files, their facts and findings.
//! * [`sealed`]: what a sealed file shows without a key.
//! * [`ledger`]: the record of what was uploaded and seen, as text and as questions.
//! * [`rules`]: each rule once, and what every code means.
//! * [`import`]: what Intune has, as tenant files.
//! * [`renewal`]: a download from Apple, its token, and the tenant file that names it.
//! * [`audit`]: what an audit concludes of ledger, policy and sealed files.
//! * [`plan`]: what to do with every token, and why.
//! * [`attention`]: what needs a person, most urgent first.
//! * [`report`]: all of it, for people and for scripts.
//! * [`outlets`]: what is told of it, where and when.
//!
//! That this crate is pure is a fact of its `Cargo.toml`, which names neither Git, HTTP, a runtime,
//! age nor a source of randomness, and of the lints below.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod apple;
pub mod attention;
pub mod audit;
pub mod fleet;
pub mod import;
pub mod ledger;
pub mod model;
pub mod onboard;
pub mod outlets;
pub mod plan;
pub mod renewal;
pub mod report;
pub mod rules;
pub mod sealed;
mod words;
