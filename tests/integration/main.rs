//! The real program against real repositories and a real HTTP server.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests build files, repositories and processes, and fail by panicking"
)]

mod cli;
mod corpus;
mod crash;
mod examples;
mod foreign_graph;
mod generated;
mod interop;
mod journey;
mod kinds;
mod secrets;
mod sign_in;
mod world;
mod writers;
