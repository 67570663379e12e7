//! The program that is started to decode a file.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The running program on Linux, even if its file was replaced or deleted.
const SELF: &str = "/proc/self/exe";

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Makes the library start the program at `path` instead of the running one. For tests and fuzzers,
/// whose `main` does not call [`init`](crate::isolation::init). The first call counts.
pub fn use_program(path: impl Into<PathBuf>) {
    PROGRAM.get_or_init(|| path.into());
}

/// Makes the library start the running program.
pub(crate) fn use_running_program() {
    match Path::new(SELF).exists() {
        true => use_program(SELF),
        // without a path, files are refused when they are decoded
        false => env::current_exe().into_iter().for_each(use_program),
    }
}

/// Whether there is a program to start.
pub(crate) fn is_program_known() -> bool {
    PROGRAM.get().is_some()
}

/// The program to start.
///
/// # Errors
/// It is not known: `main` has not called [`init`](crate::isolation::init).
pub(super) fn program() -> io::Result<&'static Path> {
    let unknown = "this program cannot decode the format: it does not call isolation::init";
    PROGRAM.get().map(PathBuf::as_path).ok_or_else(|| io::Error::other(unknown))
}
