//! What leaves the program for the places where people look: messages, calendars, metrics.
//!
//! An outlet judges nothing: what needs a person is [`attention`](crate::attention)'s list, and an
//! outlet tells of it. What is sent, and when, is decided here; sending it is the adapters'.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod message;
