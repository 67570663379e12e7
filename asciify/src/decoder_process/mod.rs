//! Processes that decode files: how they are started, limited, and what is said between them and the
//! process that started them. See [`isolation`](crate::isolation).

mod limits;
mod message;
mod order;
mod process;
mod program;

pub(crate) use limits::limit_this_process;
pub(crate) use message::{write_error, write_samples, write_values};
pub(crate) use order::{Order, PANICKED};
pub(crate) use process::{sample, values};
pub use program::use_program;
pub(crate) use program::{is_program_known, use_running_program};
