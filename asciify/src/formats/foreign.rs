//! Calls decoders that are not ours.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::Error;
use crate::format::Format;

/// The result of `decode`. A panic in it counts as damage of the file, which is what leads to one.
///
/// # Errors
/// Those of `decode`; [`Error::Malformed`] for a panic.
pub(super) fn guarded<T>(
    format: Format,
    decode: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    // what `decode` borrows is not used again after an error
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(Error::malformed(format, "its picture cannot be decoded")))
}
