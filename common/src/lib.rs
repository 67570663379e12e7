//! The house of Planet Image API: everything but its doors.
//!
//! ```text
//! submit ──▶ store (original) ──▶ catalog (image + job, one commit) ──▶ queue (hint)
//!                                                                         │
//! serve ◀── catalog (which version) ◀── catalog (renders) ◀── store ◀── render ◀── worker
//! ```
//!
//! What holds at all times:
//! - An upload is answered once its original is in the store and its image and job are committed.
//! - The job's row is the truth; hints may be lost, late or repeated.
//! - A blob has one writer, is never overwritten, and is either referred to by a row or listed as
//!   loose.
//! - Renders are facts: their rows never change, and readers take the newest version.
//! - A failure of the house never counts against an image.
//!
//! Rooms: [`store`] keeps blobs, [`catalog`] keeps rows, [`queue`] rings; [`pipeline`] is the verbs
//! over them. [`program`], [`mod@env`] and [`telemetry`] are what every program starts with;
//! [`crash`] is where tests end them. The nouns that all share are [`image`], [`job`], [`render`] and [`preset`].

pub mod catalog;
pub mod crash;
pub mod env;
pub mod fault;
pub mod image;
pub mod job;
pub mod pipeline;
pub mod preset;
pub mod program;
pub mod queue;
pub mod render;
pub mod store;
pub mod telemetry;
