//! The rules, each once, for every command that follows them.
//!
//! * [`codes`]: every hold, finding, problem and warning: what it means, why it matters, what to
//!   do next, and what releases it.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod codes;
