//! Conformance tests of catalog, queue and store: each behaviour is written once and runs on every
//! backend. Also a model of the protocol.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[macro_use]
mod support;

mod catalog;
mod instance_lock;
mod layering;
mod model;
mod queue;
mod store;
mod subscriptions;
