//! Decoding in a process of its own: for formats whose decoders may abort, or take memory that no
//! header announces.
//!
//! [`init`] is called first thing in `main`. To decode a file, the library starts the same program
//! again, whose [`init`] then limits its own memory and CPU time, reads the file from standard
//! input, writes rows of pixels to standard output, and exits. Whatever it does, the process that
//! started it only sees that rows are missing, and refuses the file.
//!
//! ```text
//! process ── start: order as arguments ──▶ process of the same program: init
//!    │ ──── standard input: the file ────────▶ limits, probe, decode
//!    │ ◀─── standard output: messages ──────── colour profile, rows, the end or an error
//!    └ kills it when the caller cancels
//! ```

mod limits;
mod message;
mod order;
mod process;
mod program;
mod serve;

pub(crate) use order::Order;
pub(crate) use process::{Decoding, start};
pub use program::use_program;
pub use serve::init;
