//! A fault: a failure of the service, not of the caller.
//!
//! The database, the broker or the store is unavailable or misbehaves. Workers retry after a fault;
//! the API answers 503. The details are logged and not sent to clients.

use std::{error::Error, fmt, io, path::Path};

/// What was being done, and the error.
#[derive(Debug)]
pub struct Fault {
    doing: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl Fault {
    /// `doing` completes the sentence "could not …".
    pub fn new(doing: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Fault { doing, source: source.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}: {}", self.doing, self.source)?;
        let mut cause = self.source.source();
        while let Some(err) = cause {
            write!(f, ": {err}")?;
            cause = err.source();
        }
        Ok(())
    }
}

impl Error for Fault {}

/// Adds the path to an error of the file system.
///
/// # Errors
/// The error of `result`, with the path before it.
pub fn at<T>(path: &Path, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|err| io::Error::new(err.kind(), format!("{}: {err}", path.display())))
}

/// Turns any error into a [`Fault`], with what was being done.
pub trait Doing<T> {
    /// `doing` completes the sentence "could not …".
    ///
    /// # Errors
    /// The error of `self`, as a [`Fault`].
    fn doing(self, doing: &'static str) -> Result<T, Fault>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> Doing<T> for Result<T, E> {
    fn doing(self, doing: &'static str) -> Result<T, Fault> {
        self.map_err(|err| Fault::new(doing, err))
    }
}
