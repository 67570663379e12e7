//! Planet Image API without its HTTP API and its workers.
//!
//! ```text
//! submit ──▶ store (original) ──▶ catalog (image + job, one commit) ──▶ queue (hint)
//!                                                                         │
//! serve ◀── catalog (which version) ◀── catalog (renders) ◀── store ◀── render ◀── worker
//! ```
//!
//! Invariants:
//! - An upload is answered once its original is in the store and its image and job are committed.
//! - The job's row is the source of truth; hints may be lost, late or repeated.
//! - A blob has one writer and is never overwritten. Either a row refers to it, or the garbage
//!   collection lists it.
//! - The row of a render never changes; readers get the newest version.
//! - A failure of the service never counts against an image.
//!
//! [`store`] keeps blobs, [`catalog`] keeps rows, [`queue`] sends notifications, and [`pipeline`]
//! has the operations over them. Every program starts with [`program`], [`mod@env`] and
//! [`telemetry`]; [`trace`] follows work across processes; tests end programs at a [`failpoint`].
//! The shared types are in [`image`], [`account`], [`job`], [`render`], [`preset`], [`periods`],
//! [`user_id`], [`visibility`] and [`fault`]; [`mod@jitter`] randomizes intervals.

pub mod account;
pub mod catalog;
pub mod env;
pub mod failpoint;
pub mod fault;
pub mod file_name;
pub mod image;
pub mod jitter;
pub mod job;
pub mod periods;
pub mod pipeline;
pub mod preset;
pub mod process_metrics;
pub mod program;
pub mod queue;
mod regular_file;
pub mod render;
pub mod resumable;
pub mod store;
pub mod telemetry;
pub mod trace;
pub mod user_id;
pub mod visibility;
