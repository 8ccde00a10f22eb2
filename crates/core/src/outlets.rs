//! What leaves the program for the places where people look: messages, calendars, metrics.
//!
//! An outlet judges nothing: what needs a person is [`attention`](crate::attention)'s list, and an
//! outlet tells of it. What is sent, and when, is decided here; sending it is the adapters'.
//!
//! A [`message`] becomes a [`letter`] of sentences in [`words`]; [`mail`], [`chat`] and [`board`]
//! bring the letter into the form of their medium. What a [`customer`] reads has its own words.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod alert;
pub mod board;
pub mod calendar;
pub mod chat;
pub mod customer;
pub mod event;
pub mod html;
pub mod letter;
pub mod mail;
pub mod memory;
pub mod message;
pub mod metrics;
pub mod steps;
pub mod ticket;
pub mod words;
