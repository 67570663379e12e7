//! The bands that a view shows: numbers, once the names of a file are known.

use crate::error::Error;
use crate::spec::bands::{Band, Bands};

/// [`Bands`] without names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum BandNumbers {
    #[default]
    Auto,
    /// One band, counted from 1, as grey.
    Grey(u16),
    /// Three bands, counted from 1, as red, green and blue.
    Rgb([u16; 3]),
}

impl BandNumbers {
    /// Indices of the bands for red, green and blue, from 0; `None` for `Auto`.
    pub(crate) fn chosen(self) -> Option<[usize; 3]> {
        let index = |band: u16| usize::from(band).saturating_sub(1);
        match self {
            Self::Auto => None,
            Self::Grey(band) => Some([index(band); 3]),
            Self::Rgb(bands) => Some(bands.map(index)),
        }
    }

    /// Of bands without names; `None` where one has a name.
    pub(crate) fn of(bands: &Bands) -> Option<Self> {
        let number = |band: &Band| match band {
            Band::Number(number) => Some(*number),
            Band::Name(_) => None,
        };
        Some(match bands {
            Bands::Auto => Self::Auto,
            Bands::Grey(band) => Self::Grey(number(band)?),
            Bands::Rgb([red, green, blue]) => {
                Self::Rgb([number(red)?, number(green)?, number(blue)?])
            }
        })
    }
}

/// What a file says about the bands of a frame.
#[derive(Debug, Default)]
pub(crate) struct BandDirectory {
    /// How many there are.
    pub(crate) count: u32,
    /// The name of each band, where it has one.
    pub(crate) names: Vec<Option<String>>,
    /// What each band shows, as "red" or "nir", where the file says so.
    pub(crate) colors: Vec<Option<String>>,
    /// Those that are red, green and blue, counted from 0, where the file says so.
    pub(crate) rgb: Option<[usize; 3]>,
    /// The one that is alpha, counted from 0; where it is not known, the second or the fourth may be.
    pub(crate) alpha: Option<usize>,
    /// The unit of each band, if it holds elevations, in metres; 1 where it is not known.
    pub(crate) units_m: Vec<f64>,
    /// Whether any number of them can be read together.
    pub(crate) has_any_number: bool,
    /// Whether those of a pixel are stored together, so that reading more of them takes no more memory.
    pub(crate) is_interleaved: bool,
}

impl BandDirectory {
    /// The bands without alpha, counted from 0.
    pub(crate) fn data_bands(&self) -> Vec<usize> {
        (0..self.count as usize).filter(|band| Some(*band) != self.alpha).collect()
    }

    /// Those that are shown by default: red, green and blue, the first three, or the first one.
    pub(crate) fn shown_by_default(&self) -> Vec<usize> {
        match (self.rgb, self.data_bands().as_slice()) {
            (Some(rgb), _) => rgb.to_vec(),
            (None, [red, green, blue, ..]) => vec![*red, *green, *blue],
            (None, bands) => bands.iter().take(1).copied().collect(),
        }
    }

    /// The numbers of `bands`.
    ///
    /// # Errors
    /// [`Error::Missing`] for a name that no band has.
    pub(crate) fn numbers(&self, bands: &Bands) -> Result<BandNumbers, Error> {
        let number = |band: &Band| self.number(band);
        Ok(match bands {
            Bands::Auto => BandNumbers::Auto,
            Bands::Grey(band) => BandNumbers::Grey(number(band)?),
            Bands::Rgb([red, green, blue]) => {
                BandNumbers::Rgb([number(red)?, number(green)?, number(blue)?])
            }
        })
    }

    /// The number of a band, counted from 1.
    ///
    /// # Errors
    /// [`Error::Missing`] for a name that no band has.
    fn number(&self, band: &Band) -> Result<u16, Error> {
        match band {
            Band::Number(number) => Ok(*number),
            Band::Name(name) => {
                let index = self.index(name).and_then(|index| u16::try_from(index + 1).ok());
                index.ok_or_else(|| Error::no_band_named(name, self.count, &self.names))
            }
        }
    }

    /// The indices of bands, counted from 0.
    ///
    /// # Errors
    /// [`Error::Missing`] for those that there are not.
    pub(crate) fn indices(&self, bands: &[Band]) -> Result<Vec<usize>, Error> {
        let index = |band: &Band| match usize::from(self.number(band)?) {
            number if number > self.count as usize => Err(Error::no_band(self.count)),
            number => Ok(number.saturating_sub(1)),
        };
        bands.iter().map(index).collect()
    }

    /// The band of that name, counted from 0: the first whose name it is; or red, green or blue, as
    /// they are shown by default; or the only one whose name has it as a word.
    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        let wanted = comparable(name);
        let position = |texts: &[Option<String>]| {
            let is_equal = |text: &dyn Fn(&str) -> bool| {
                texts.iter().position(|it| it.as_deref().is_some_and(text))
            };
            let alike = |it: &str| it.to_lowercase() == name;
            is_equal(&alike).or_else(|| is_equal(&|it| comparable(it) == wanted))
        };
        let by_color = || {
            let color = ["red", "green", "blue"].iter().position(|color| *color == name)?;
            let rgb = self.rgb.or((self.count >= 3).then_some([0, 1, 2]));
            rgb.map(|rgb| rgb[color])
        };
        let by_word = || {
            let has_word = |it: &&Option<String>| {
                let text = it.as_deref().unwrap_or_default();
                text.split(|c: char| !c.is_alphanumeric()).any(|word| comparable(word) == wanted)
            };
            let mut having = self.names.iter().enumerate().filter(|(_, it)| has_word(it));
            having.next().filter(|_| having.next().is_none()).map(|(index, _)| index)
        };
        position(&self.names).or_else(|| position(&self.colors)).or_else(by_color).or_else(by_word)
    }
}

/// A name in lower case, without the zeros that numbers begin with: B04 is B4.
fn comparable(name: &str) -> String {
    let mut comparable = String::new();
    let mut rest = name.chars().flat_map(char::to_lowercase).peekable();
    while let Some(c) = rest.next() {
        let is_inside_number = comparable.ends_with(|last: char| last.is_ascii_digit());
        let is_leading_zero =
            c == '0' && !is_inside_number && rest.peek().is_some_and(char::is_ascii_digit);
        if !is_leading_zero {
            comparable.push(c);
        }
    }
    comparable
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(names: &[&str], rgb: Option<[usize; 3]>) -> BandDirectory {
        let names = names.iter().map(|it| Some((*it).to_owned()).filter(|it| !it.is_empty()));
        let names: Vec<_> = names.collect();
        BandDirectory { count: names.len() as u32, names, rgb, ..BandDirectory::default() }
    }

    #[test]
    fn a_name_is_that_of_a_band_or_of_a_colour_or_a_word_of_one_name() {
        let sentinel = directory(&["B02", "B03", "B04", "B8A", "B10"], Some([2, 1, 0]));
        let index = |name: &str| sentinel.index(name);
        assert_eq!(["b02", "b2", "b8a", "b08a", "b10"].map(index), [0, 0, 3, 3, 4].map(Some));
        assert_eq!(
            ["red", "blue", "nir", "b1", "b"].map(index),
            [Some(2), Some(0), None, None, None]
        );

        let described = directory(
            &["B4, central wavelength 665 nm", "B8, central wavelength 842 nm", "SR_B5", ""],
            None,
        );
        assert_eq!(described.index("b04"), Some(0));
        assert_eq!((described.index("b5"), described.index("842")), (Some(2), Some(1)));
        assert_eq!((described.index("wavelength"), described.index("green")), (None, Some(1)));

        assert_eq!(directory(&["", ""], None).index("red"), None);
        let mut colors = directory(&["", "", "", ""], None);
        colors.colors = vec![None, None, None, Some("NIR".to_owned())];
        assert_eq!(colors.index("nir"), Some(3));
    }
}
