//! Which bands a spec means, and what they are called.

use crate::error::Error;
use crate::formats::decoder::Input;
use crate::sample::band_numbers::{BandDirectory, BandNumbers};
use crate::spec::Spec;
use crate::spec::bands::{Band, Bands};

/// What a value is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BandLabel {
    /// `b1` for the first band.
    pub name: String,
    /// The name of the band in the file; `b1` where it has none.
    pub description: String,
}

impl BandLabel {
    /// Of an expression.
    pub(super) fn of_text(text: &str) -> Self {
        Self { name: text.to_owned(), description: text.to_owned() }
    }
}

/// What the file says about the bands of the spec's frame.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn directory(input: &mut Input<'_, '_>, spec: &Spec) -> Result<BandDirectory, Error> {
    let probed = input.probed;
    probed.decoder.bands(input, spec.frame())
}

/// The bands that the option names, counted from 0: one, or three; `None` for `auto`.
///
/// # Errors
/// [`Error::Missing`] where the file does not have them.
pub(super) fn chosen(
    directory: &BandDirectory,
    bands: &Bands,
) -> Result<Option<Vec<usize>>, Error> {
    let numbers = match BandNumbers::of(bands) {
        Some(numbers) => numbers,
        None => directory.numbers(bands)?,
    };
    let Some([red, green, blue]) = numbers.chosen() else { return Ok(None) };
    let chosen = if (red, green) == (green, blue) { vec![red] } else { vec![red, green, blue] };
    match chosen.iter().all(|band| *band < directory.count as usize) {
        true => Ok(Some(chosen)),
        false => Err(Error::no_band(directory.count)),
    }
}

/// The indices of `bands`; without any, of all but alpha.
///
/// # Errors
/// [`Error::Missing`] where the file does not have them.
pub(super) fn wanted(directory: &BandDirectory, bands: &[Band]) -> Result<Vec<usize>, Error> {
    match bands {
        [] => Ok(directory.data_bands()),
        bands => directory.indices(bands),
    }
}

/// The index of a band that an expression names, counted from 0.
///
/// # Errors
/// [`Error::Missing`] where the file does not have it.
pub(super) fn index(directory: &BandDirectory, band: &Band) -> Result<usize, Error> {
    let index = match band {
        Band::Number(number) => usize::from(*number).checked_sub(1),
        Band::Name(name) => directory.index(name),
    };
    let index = index.filter(|index| *index < directory.count as usize);
    index.ok_or_else(|| Error::no_band_of_expression(band, directory.count, &directory.names))
}

/// The label of a band, counted from 0.
pub(super) fn label(directory: &BandDirectory, band: usize) -> BandLabel {
    let name = format!("b{}", band + 1);
    let description = directory.names.get(band).cloned().flatten();
    BandLabel { description: description.unwrap_or_else(|| name.clone()), name }
}
