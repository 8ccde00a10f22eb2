//! The real program against real repositories and a real HTTP server.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests build files, repositories and processes, and fail by panicking"
)]

mod base;
mod cli;
mod corpus;
mod crash;
mod doctor;
mod examples;
mod foreign_graph;
mod generated;
mod interop;
mod journey;
mod kinds;
mod manners;
mod reviewed;
mod secrets;
mod shared_ledger;
mod two_clones;
mod world;
mod writers;
