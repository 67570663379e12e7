//! Renders a file to grids: probe, sample, draw.

use crate::analysis;
use crate::cancellation::Cancellation;
#[cfg(feature = "isolation")]
use crate::cancellation::Place;
#[cfg(feature = "isolation")]
use crate::decoder_process;
use crate::draw;
use crate::error::{Error, Limits};
use crate::formats::decoder::Input;
#[cfg(feature = "isolation")]
use crate::formats::isolated;
use crate::grid::Grid;
use crate::kept::KeptStatistics;
use crate::probe::{self, Header};
use crate::source::{ReadSeek, Source};
use crate::spec::Spec;

/// As [`render`], until `is_cancelled` returns true, of a reader that may fail.
///
/// # Errors
/// [`Error::Read`] if the reader failed; otherwise as [`render`].
pub(crate) fn render_unless(
    reader: &mut dyn ReadSeek,
    specs: &[Spec],
    limits: &Limits,
    kept: &KeptStatistics,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Vec<Grid>, Error> {
    let cancellation = Cancellation::new(is_cancelled);
    #[cfg(feature = "isolation")]
    let cancellation = {
        let can_isolate = decoder_process::is_program_known();
        cancellation.at(Place::Caller { can_isolate })
    };
    let mut source = Source::new(reader, &cancellation);
    source.kept = Some(kept);
    let grids = render(&mut source, specs, limits);
    source.verdict(grids)
}

/// Decodes the file once and returns a grid for each of `specs`, in their order.
///
/// # Errors
/// What is wrong with the file, [`Error::Missing`] where it does not have what a spec asks for, or
/// [`Error::Cancelled`].
pub(crate) fn render(
    source: &mut Source<'_>,
    specs: &[Spec],
    limits: &Limits,
) -> Result<Vec<Grid>, Error> {
    let probed = probe::inspect(source, limits)?;
    let header = Header::from(&probed);
    for spec in specs {
        header.offers(spec)?;
        if !probed.decoder.has_frames_of_own_sides() {
            spec.check_region((header.width, header.height))?;
        }
    }
    let cancellation = source.cancellation();
    let mut input = Input { source, probed: &probed, limits, values: None };
    let by_reference: Vec<&Spec> = specs.iter().collect();
    let sampled = analysis::sample(&mut input, &by_reference);
    #[cfg(feature = "isolation")]
    let sampled = match cancellation.take_need_of_process() {
        true => isolated::sample(&mut input, &by_reference),
        false => sampled,
    };
    let sampled = sampled?;
    // a cancelled picture has samples that are wrong or missing
    cancellation.check()?;
    let draw = |(spec, sampled)| Ok(draw::draw(spec, sampled, cancellation)?);
    specs.iter().zip(sampled).map(draw).collect()
}
