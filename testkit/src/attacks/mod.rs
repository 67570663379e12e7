//! Attacks on everything that parses untrusted input, one module per kind of input.
//!
//! Each module has `seeds`, inputs with their names, and `attack`, which handles one input and
//! panics if a property does not hold. The tests mutate the seeds at random; in the fuzz targets, a
//! fuzzer does.

pub mod bomb;
pub mod draw;
#[cfg(feature = "service")]
pub mod form;
#[cfg(feature = "service")]
pub mod query;
#[cfg(feature = "service")]
pub(crate) mod request;
pub mod spec;
pub mod write;
