//! The table of options: names, accepted values, ranges, defaults and help.

use crate::glyphs::symbol_set::SymbolSet;
use crate::spec::color_map::ColorMapName;
use crate::spec::values::{Algorithm, Background, ColorOn, Dither, Fit, Match, Palette, Tone};

/// 1 in thousandths. Numbers with decimals are kept in thousandths, so that they can be compared
/// and hashed.
pub(crate) const ONE: i32 = 1000;

/// The most columns or rows of a grid.
pub(crate) const MAX_CELLS: u32 = 1000;

/// One option: everything that parsing, messages, flags and forms need to know of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptionDoc {
    /// The name of the query parameter and of the flag.
    pub name: &'static str,
    /// Which values it takes.
    pub kind: OptionKind,
    /// The value that applies if the option is not given, as text; empty if that depends on other
    /// options.
    pub default: &'static str,
    /// What it does, in one or two sentences.
    pub help: &'static str,
}

/// Which values an option takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum OptionKind {
    /// A whole number in decimal digits, without a sign.
    Whole {
        /// The least value.
        min: u32,
        /// The greatest value.
        max: u32,
    },
    /// A number with at most three decimals.
    Decimal {
        /// The least value.
        min: f64,
        /// The greatest value.
        max: f64,
    },
    /// One of these words.
    Words(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A text: one of some words, or something else.
    Text {
        /// The words.
        words: &'static [&'static str],
        /// The other values, as they follow the list of words in a sentence.
        others: &'static str,
    },
}

impl OptionDoc {
    /// The option of that name; `None` if there is none.
    pub fn named(name: &str) -> Option<&'static Self> {
        OPTIONS.iter().find(|option| option.name == name)
    }

    /// The accepted values, as a message says them: "a whole number from 1 to 1000".
    pub fn accepts(&self) -> String {
        match self.kind {
            OptionKind::Whole { min, max } => format!("a whole number from {min} to {max}"),
            OptionKind::Decimal { min, max } => {
                format!("a number from {min} to {max} with at most three decimals")
            }
            OptionKind::Words(_) | OptionKind::Flag => match self.words() {
                [words @ .., last] if !words.is_empty() => {
                    format!("{} or {last}", words.join(", "))
                }
                words => words.concat(),
            },
            OptionKind::Text { words, others } => format!("{}{others}", words.join(", ")),
        }
    }

    /// Those of the accepted values that are words, for completion.
    pub fn words(&self) -> &'static [&'static str] {
        match self.kind {
            OptionKind::Whole { .. } | OptionKind::Decimal { .. } => &[],
            OptionKind::Words(words) | OptionKind::Text { words, .. } => words,
            OptionKind::Flag => &["true", "false"],
        }
    }

    /// A value of a [`Whole`](OptionKind::Whole) option; `None` if it does not accept `value`.
    pub(crate) fn whole(&self, value: &str) -> Option<u32> {
        let OptionKind::Whole { min, max } = self.kind else { return None };
        let number = value.parse().ok().filter(|_| is_digits(value));
        number.filter(|number| (min..=max).contains(number))
    }

    /// A value of a [`Decimal`](OptionKind::Decimal) option, in thousandths; `None` if it does not
    /// accept `value`.
    pub(crate) fn thousandths(&self, value: &str) -> Option<i32> {
        let OptionKind::Decimal { min, max } = self.kind else { return None };
        let (sign, size) = value.strip_prefix('-').map_or((1, value), |size| (-1, size));
        let (whole, decimals) = size.split_once('.').unwrap_or((size, "0"));
        if !is_digits(whole) || !is_digits(decimals) || decimals.len() > 3 {
            return None;
        }
        let part: i32 = format!("{decimals:0<3}").parse().ok()?;
        let number = sign * whole.parse::<i32>().ok()?.checked_mul(ONE)?.checked_add(part)?;
        (min..=max).contains(&(f64::from(number) / f64::from(ONE))).then_some(number)
    }

    /// A value of a [`Flag`](OptionKind::Flag); `None` if it does not accept `value`.
    pub(crate) fn flag(&self, value: &str) -> Option<bool> {
        value.parse().ok().filter(|_| self.kind == OptionKind::Flag)
    }
}

/// Whether a text is one or more decimal digits.
fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Every option, in the order of the canonical form. New ones go to the end.
pub const OPTIONS: &[OptionDoc] = &[
    WIDTH,
    OptionDoc {
        name: "height",
        kind: OptionKind::Whole { min: 1, max: MAX_CELLS },
        default: "",
        help: "Rows. If it is not given, it follows from the width and the picture's proportions.",
    },
    words(
        "fit",
        Fit::NAMES,
        "How the picture fits if width and height are given: contain draws all of it as large as fits, cover fills the grid and crops, stretch fills it and distorts.",
    ),
    decimal(
        "cell",
        (0.1, 10.0),
        "0.5",
        "Width of a character cell divided by its height, as in your font.",
    ),
    OptionDoc {
        name: "invert",
        kind: OptionKind::Flag,
        default: "false",
        help: "Draws the negative.",
    },
    words(
        "match",
        Match::NAMES,
        "How characters are selected: shape lets them follow the picture's edges, ramp uses brightness alone.",
    ),
    words(
        "tone",
        Tone::NAMES,
        "How the picture's brightness is mapped: auto stretches it to the whole range, natural keeps pictures comparable, linear is proportional to light instead of lightness.",
    ),
    words(
        "background",
        Background::NAMES,
        "The background that the text will be shown on: dark, for light text, or light, for dark text.",
    ),
    text(
        "alpha",
        (&["auto", "dark", "light"], " or a colour such as ff8000"),
        "What is behind a transparent picture: auto selects black or white so that the picture stays visible.",
    ),
    text(
        "symbols",
        (
            SymbolSet::NAMES,
            ", ramp: and 2 to 256 characters of one column from the barest to the densest, or chars: and 1 to 256 characters of these sets",
        ),
        "The characters to draw with. Sextants and octants need a font that has them.",
    ),
    words("color", Palette::NAMES, "Colours: none, the terminal's 16, xterm's 256, or all."),
    words(
        "color_on",
        ColorOn::NAMES,
        "What has colours: the characters, or the characters and their background.",
    ),
    words(
        "dither",
        Dither::NAMES,
        "How a ramp shows tones between two of its characters: not at all, by error diffusion (Floyd-Steinberg), or by a pattern (Bayer, blue noise).",
    ),
    decimal("brightness", (-1.0, 1.0), "0", "Added to the picture's lightness."),
    decimal("contrast", (0.0, 10.0), "1", "Factor on the distance of lightness from its middle."),
    decimal("gamma", (0.1, 10.0), "1", "Above 1 makes dark parts lighter, below 1 darker."),
    decimal("sharpen", (0.0, 10.0), "0", "Strength of sharpening by unsharp masking."),
    OptionDoc {
        name: "frame",
        kind: OptionKind::Whole { min: 0, max: 999_999 },
        default: "0",
        help: "The frame of an animation, the page of a TIFF or the plane of a FITS cube to draw, counted from 0. If the still image of an APNG is not part of its animation, it is frame 0, and the animation begins with frame 1.",
    },
    text(
        "bands",
        (
            &["auto"],
            ", one band, or three joined by commas, by number or name, such as 4,3,2 or B8A",
        ),
        "The bands to show, by their numbers, counted from 1, or by their names in the file: one as grey, three as red, green and blue. auto selects those that a TIFF calls red, green and blue, otherwise the first three, or the only one.",
    ),
    text(
        "stretch",
        (
            &["auto", "none"],
            ", two numbers such as 0:3000, or three such pairs, joined by commas; percentages such as 2%:98% are percentiles of each band",
        ),
        "The values to show as black and white, of all bands or of red, green and blue: auto selects the 2nd and the 98th percentile of a TIFF, JPEG 2000, FITS, VICAR or PDS3 with more than 8 bits per value (of each band if their values differ much), of very dark pictures, and of those with more than 8 bits per value that use an eighth of the range or less, and otherwise acts as none; none selects the least and the greatest value that the format can hold.",
    ),
    text(
        "region",
        (
            &["full", "square"],
            ", left, top, width and height joined by commas, in pixels, or the same in percent after pct:, such as pct:25,25,50,50",
        ),
        "The part of the picture to draw, after it is turned upright: square is the largest square in the middle. What lies outside the picture is left out. Percentiles of stretch are those of the whole picture.",
    ),
    text(
        "nodata",
        (&["auto"], ", a number, or nan"),
        "The value of pixels without data, which are transparent and count in no percentile: auto is the one that the file states. NaN is always without data.",
    ),
    OptionDoc {
        name: "unscale",
        kind: OptionKind::Flag,
        default: "false",
        help: "Applies the scales and offsets that a GeoTIFF states for its bands; stretch is then in these units.",
    },
    text(
        "expression",
        (
            &["none"],
            ", arithmetic on bands such as (b8-b4)/(b8+b4), or three expressions joined by semicolons, which are red, green and blue",
        ),
        "A value that is computed from bands and shown in place of them. b8 is the eighth band; other names, also B08, are looked up in the file. Has + - * / **, comparisons, & and |, parentheses, and sqrt, abs, log, log10, exp, sin, cos, tan, arctan, min, max and where(condition, then, else). stretch is in its units. Pixels without a finite value are transparent.",
    ),
    text(
        "colormap_name",
        (ColorMapName::NAMES, ", or such a name with _r after it, which reverses the colours"),
        "The colours of a picture of one band or one expression, from the lowest value of stretch to its highest. They are seen with the option color.",
    ),
    words(
        "algorithm",
        Algorithm::NAMES,
        "What is made of a picture of one band or one expression: hillshade shows the light on its elevations, which are in metres unless a GeoTIFF states feet, with the size of pixels that a GeoTIFF states, or else of 1.",
    ),
    decimal(
        "azimuth",
        (0.0, 360.0),
        "45",
        "Where the light of algorithm=hillshade comes from, in degrees clockwise from north.",
    ),
    decimal(
        "angle_altitude",
        (-90.0, 90.0),
        "45",
        "How high the light of algorithm=hillshade is above the horizon, in degrees.",
    ),
    decimal(
        "z_exaggeration",
        (0.001, 1000.0),
        "1",
        "Factor on the elevations of algorithm=hillshade: above 1 makes flat land visible.",
    ),
];

const WIDTH: OptionDoc = OptionDoc {
    name: "width",
    kind: OptionKind::Whole { min: 1, max: MAX_CELLS },
    default: "80",
    help: "Columns. If only the height is given, the width follows from it and the picture's proportions.",
};

/// Columns if neither width nor height is given.
pub(crate) const DEFAULT_WIDTH: u32 = match u32::from_str_radix(WIDTH.default, 10) {
    Ok(columns) => columns,
    Err(_) => panic!("the default width is a whole number"),
};

/// An option that takes a word, the first of `words` by default.
const fn words(
    name: &'static str,
    words: &'static [&'static str],
    help: &'static str,
) -> OptionDoc {
    OptionDoc { name, kind: OptionKind::Words(words), default: words[0], help }
}

/// An option that takes a number from `min` to `max`.
const fn decimal(
    name: &'static str,
    (min, max): (f64, f64),
    default: &'static str,
    help: &'static str,
) -> OptionDoc {
    OptionDoc { name, kind: OptionKind::Decimal { min, max }, default, help }
}

/// An option that takes a text, the first of `words` by default.
const fn text(
    name: &'static str,
    (words, others): (&'static [&'static str], &'static str),
    help: &'static str,
) -> OptionDoc {
    OptionDoc { name, kind: OptionKind::Text { words, others }, default: words[0], help }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Spec;
    use crate::spec::symbols::MAX_SYMBOLS;

    #[test]
    fn every_kind_says_what_it_accepts() {
        let accepts = |name| OptionDoc::named(name).map(OptionDoc::accepts).unwrap_or_default();
        assert_eq!(accepts("width"), "a whole number from 1 to 1000");
        assert_eq!(accepts("cell"), "a number from 0.1 to 10 with at most three decimals");
        assert_eq!(accepts("tone"), "auto, natural or linear");
        assert_eq!(accepts("background"), "dark or light");
        assert_eq!(accepts("invert"), "true or false");
        assert_eq!(accepts("alpha"), "auto, dark, light or a colour such as ff8000");
        assert!(accepts("symbols").contains(&format!("2 to {MAX_SYMBOLS} ")));
        assert!(accepts("symbols").contains(&format!("1 to {MAX_SYMBOLS} ")));
    }

    #[test]
    fn every_default_and_bound_is_accepted_and_nothing_beyond() {
        for option in OPTIONS {
            let is_accepted = |value: &str| Spec::default().set(option.name, value).is_ok();
            assert!(is_accepted(option.default) || option.name == "height", "{}", option.name);
            assert!(option.words().iter().all(|word| is_accepted(word)), "{}", option.name);
            let (inside, outside) = match option.kind {
                OptionKind::Whole { min, max } => {
                    ([min, max].map(|it| it.to_string()), (i64::from(min) - 1, i64::from(max) + 1))
                }
                OptionKind::Decimal { min, max } => {
                    ([min, max].map(|it| it.to_string()), (min as i64 - 1, max as i64 + 1))
                }
                _ => continue,
            };
            assert!(inside.iter().all(|value| is_accepted(value)), "{}", option.name);
            assert!(!is_accepted(&outside.0.to_string()), "{}", option.name);
            assert!(!is_accepted(&outside.1.to_string()), "{}", option.name);
        }
    }

    #[test]
    fn an_option_at_its_default_is_not_in_the_canonical_form() {
        for option in OPTIONS.iter().filter(|option| !option.default.is_empty()) {
            let spec: Spec = format!("{}={}", option.name, option.default).parse().expect("valid");
            assert_eq!((spec.to_string(), spec), ("width=80".to_owned(), Spec::default()));
        }
    }
}
