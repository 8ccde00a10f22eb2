//! The real program against real repositories and a real HTTP server.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests build files, repositories and processes, and fail by panicking"
)]

mod a_year;
mod acknowledge;
mod at_apple;
mod audit;
mod base;
mod book;
mod bounds;
#[cfg(target_os = "linux")]
mod chaos;
mod cli;
mod clone;
mod conformance;
mod corpus;
mod crash;
mod day_one;
mod deploy;
mod devices;
mod doctor;
mod examples;
mod faults;
mod foreign_graph;
mod formats;
mod freshness;
mod generated;
mod genesis;
mod history;
mod import;
mod in_force;
mod in_memory;
mod init;
mod interop;
mod journey;
mod keys;
mod kinds;
mod locations;
mod manners;
#[cfg(unix)]
mod matrix;
mod notify;
mod onboard;
mod pasted;
mod pipelines;
mod portable;
mod pull_request;
mod renew;
mod repositories;
mod reseal;
mod reviewed;
mod revoked;
mod sdk;
mod seal;
mod secrets;
#[cfg(all(unix, feature = "controller"))]
mod serve;
mod shared_ledger;
mod sign_in;
#[cfg(unix)]
mod signatures;
#[cfg(unix)]
mod signed_ledger;
mod sinks;
mod sops;
mod story;
mod tenants;
mod tickets;
mod tutorial;
mod two_clones;
mod verify;
mod world;
mod writers;
