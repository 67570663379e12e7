//! A fault: the house's own failure, never the caller's.
//!
//! The database, the broker or the store is away or misbehaves. A fault is retried by workers and
//! answered with 503 by the API; its inside is logged and shown to nobody.

use std::{error::Error, fmt, io, path::Path};

/// What we were doing, and what went wrong.
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

/// Names the file or folder that an error of the file system is about, since it does not by itself.
///
/// # Errors
/// The error of `result`, with the path before it.
pub fn at<T>(path: &Path, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|err| io::Error::new(err.kind(), format!("{}: {err}", path.display())))
}

/// Turns any error into a [`Fault`], with a word on what was being done.
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
