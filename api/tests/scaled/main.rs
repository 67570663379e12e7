//! Fault tests of the distributed service, with real processes and real servers.
//!
//! Every test has a database, a queue and a bucket of its own, injects a fault while the service
//! is busy, and then has [`support::invariants`] check that nothing was lost, duplicated or left
//! behind. `scripts/test` starts PostgreSQL and RabbitMQ; without them only the embedded service
//! is tested, and the other tests report that they are skipped.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

mod bombs;
mod broker;
mod crashes;
mod database;
mod deletion;
mod embedded;
mod events;
mod failpoints;
mod hints;
mod hostile_crowd;
mod links;
mod lost_answers;
mod moving;
mod resumable;
mod rolling;
mod scaled_out;
mod serving;
mod shutdown;
mod sign_in;
mod soak;
mod store;
mod traces;
