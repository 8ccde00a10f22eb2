//! The real program against real repositories and a real HTTP server.

mod cli;
mod crash;
mod examples;
mod foreign_graph;
mod generated;
mod interop;
mod journey;
mod secrets;
mod world;
