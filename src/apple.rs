//! Apple's files: bytes → facts and findings.
//!
//! A parser here takes any bytes at all and ends in facts or in findings that say what the file
//! is instead. It never panics, never keeps the input, and quotes none of it: a finding names
//! what is wrong and what to do, so that a file with a secret in it can be complained about in
//! public. Judging a file against live Intune and against Git is [`push::judge`].
//!
//! Facts about the formats: Apple's own documents and two dissected certificates; see the
//! comments at each check.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod finding;
mod pem;
pub mod push;

pub use finding::{Finding, FindingCode, Severity};

/// The largest token file that is looked at. Apple's files have a few kilobytes; a megabyte
/// leaves room for chains and text around them and bounds what a hostile file can cost.
pub const MAX_FILE: usize = 1024 * 1024;
