//! Opens a file to read values.

use crate::cancellation::Cancellation;
use crate::error::{Error, Limits};
use crate::formats::decoder::Input;
use crate::probe::{self, Header};
use crate::source::{ReadSeek, Source};
use crate::spec::Spec;

/// Opens a file for `work`, until `is_cancelled` returns true.
///
/// # Errors
/// What is wrong with the file, what `work` returns, or [`Error::Cancelled`].
pub(super) fn with_input<T>(
    mut source: impl ReadSeek,
    spec: &Spec,
    limits: &Limits,
    is_cancelled: &dyn Fn() -> bool,
    work: impl FnOnce(&mut Input<'_, '_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let cancellation = Cancellation::new(is_cancelled);
    let mut source = Source::new(&mut source, &cancellation);
    let run = || {
        let probed = probe::inspect(&mut source, limits)?;
        Header::from(&probed).offers(spec)?;
        let source = &mut source;
        let done = work(&mut Input { source, probed: &probed, limits, values: None });
        cancellation.check()?;
        done
    };
    let done = run();
    source.verdict(done)
}
