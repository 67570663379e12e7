//! The promises of the rooms, kept by all of their backends: each behaviour is written once, and run
//! on each of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[macro_use]
mod support;

mod catalog;
mod model;
mod queue;
mod store;
