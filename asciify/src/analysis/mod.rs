//! What is computed from the values of a file instead of from its colours: drawings of values and
//! of expressions, the values of a pixel, and statistics.

mod bands;
mod color_map;
mod computation;
mod drawing;
mod file;
mod hillshade;
pub(crate) mod histogram;
mod pixel;
mod ranges;
pub(crate) mod statistics;

use crate::error::Error;
use crate::formats::decoder::{self, Input};
use crate::sample::Sampled;
use crate::spec::Spec;

pub use bands::BandLabel;
pub use pixel::pixel_values;
pub use statistics::{BandStatistics, StatisticsOptions, statistics};

/// Decodes a file and returns samples for each of `specs`, in their order.
///
/// # Errors
/// What is wrong with the file, or [`Error::Missing`].
pub(crate) fn sample(input: &mut Input<'_, '_>, specs: &[&Spec]) -> Result<Vec<Sampled>, Error> {
    let plain: Vec<&Spec> = specs.iter().copied().filter(|spec| !spec.uses_values()).collect();
    let sampled = if plain.is_empty() { Vec::new() } else { decoder::sample(input, &plain)? };
    let mut sampled = sampled.into_iter();
    let each = specs.iter().map(|spec| match spec.uses_values() {
        true => drawing::sample(input, spec),
        // a cancelled decoder may return fewer
        false => Ok(sampled.next().unwrap_or_default()),
    });
    each.collect()
}
