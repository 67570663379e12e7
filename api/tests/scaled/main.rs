//! The service as it runs, with real processes, real servers and the faults that befall them.
//!
//! Every test has a database, a queue and a bucket of its own, breaks something while the service
//! is busy, and then has [`support::invariants`] look for anything that was lost, doubled or left
//! behind. PostgreSQL and RabbitMQ are those of `scripts/test`; without them only the embedded
//! service is tested, and the rest says that it is left out.

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
mod links;
mod lost_answers;
mod scaled_out;
mod shutdown;
mod soak;
mod store;
