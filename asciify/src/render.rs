//! Renders a file to grids: probe, sample, draw.

use crate::draw;
use crate::error::{Error, Limits};
use crate::formats::decoder::{Input, in_groups_of};
use crate::grid::Grid;
use crate::probe::{self, Header};
use crate::sample::band_numbers::BandNumbers;
use crate::sample::view::View;
use crate::source::Source;
use crate::spec::Spec;

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
    specs.iter().try_for_each(|spec| header.offers(spec))?;
    let cancellation = source.cancellation();
    let mut input = Input { source, probed: &probed, limits };
    let by_reference: Vec<&Spec> = specs.iter().collect();
    let views: Vec<View> =
        specs.iter().map(|spec| view(spec, &mut input)).collect::<Result<_, _>>()?;
    let sampled = in_groups_of(&views, &by_reference, |view, specs| {
        probed.decoder.sample(&mut input, view, specs)
    })?;
    // a cancelled picture has samples that are wrong or missing
    cancellation.check()?;
    let draw = |(spec, sampled)| Ok(draw::draw(spec, sampled, cancellation)?);
    specs.iter().zip(sampled).map(draw).collect()
}

/// The view of a spec. The names of its bands are looked up in the file.
///
/// # Errors
/// [`Error::Missing`] where no band has such a name.
fn view(spec: &Spec, input: &mut Input<'_, '_>) -> Result<View, Error> {
    let (frame, decoder) = (spec.frame(), &input.probed.decoder);
    let bands = match BandNumbers::of(spec.bands()) {
        Some(numbers) => numbers,
        None => decoder.bands(input, frame)?.numbers(spec.bands())?,
    };
    Ok(View { frame, bands, stretch: spec.stretch() })
}
