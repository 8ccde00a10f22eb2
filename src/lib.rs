//! Keeps the Apple credentials of many Microsoft Intune tenants equal to what a Git repository
//! says.
//!
//! A map of one run of `applecart apply`, and of the rooms on its way:
//!
//! 1. [`cli`] parses the command line and hands the environment and the clock to a use case in
//!    [`app`].
//! 2. [`git`](applecart_io::git) reads the fleet as Git *objects* at a revision;
//!    [`fleet`](applecart_core::fleet) turns the bytes into a checked policy and checked tenants, or
//!    into every mistake with its place.
//! 3. [`intune`](applecart_io::intune) signs in to each tenant and reads the three resources; each
//!    answer is present, absent or unknown ([`Reading`](applecart_core::model::Reading)).
//! 4. [`store`](applecart_io::store) reads the [`ledger`](applecart_core::ledger): what was
//!    uploaded and seen before.
//! 5. [`plan`](applecart_core::plan) decides, purely, what to do with every token and why; a
//!    [`CheckedPlan`](applecart_core::plan::CheckedPlan) is what passed the lint and the safety
//!    limits.
//! 6. [`apply`](applecart_io::apply) walks it: opens files late with
//!    [`vault`](applecart_io::vault), judges them with [`apple`](applecart_core::apple), announces,
//!    re-reads, uploads, reads back, records.
//! 7. [`report`](applecart_core::report) shows all of it, to people and to scripts ([`schemas`]).
//!
//! `applecart_simulator` stands in for Intune, Entra and Apple; only `simulate`, `demo` and tests
//! know it.

pub mod app;
pub mod cli;
pub mod schemas;
