//! What a caller may ask for: the options, and the one canonical form of a set of them.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::glyphs::PARTS;
use crate::keywords::{Alpha, Background, ColorOn, Fit, Match, Palette, Tone};
use crate::symbols::Symbols;

/// The most columns or rows of a grid.
const MAX_CELLS: u32 = 1000;
/// Columns where no size is given.
const DEFAULT_WIDTH: u32 = 80;
/// Cell aspects are kept in thousandths, so that specs can be compared and hashed.
const CELL_ONE: u32 = 1000;
const CELL_DEFAULT: u32 = CELL_ONE / 2;
const CELL_MIN: u32 = CELL_ONE / 10;
const CELL_MAX: u32 = CELL_ONE * 10;

/// How one option is named, what it accepts, and what it does, in words for its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionDoc {
    /// The query parameter's and the flag's name.
    pub name: &'static str,
    /// The values, as a message says them: "a whole number from 1 to 1000".
    pub accepts: &'static str,
    /// What it does; one sentence.
    pub help: &'static str,
}

/// Every option, in the order of the canonical form. New ones go to the end.
pub const OPTIONS: &[OptionDoc] = &[
    OptionDoc {
        name: "width",
        accepts: "a whole number from 1 to 1000",
        help: "Columns. 80 if neither width nor height is given; otherwise a missing one follows from the picture's shape.",
    },
    OptionDoc {
        name: "height",
        accepts: "a whole number from 1 to 1000",
        help: "Rows. With both sizes given, fit says what they mean.",
    },
    OptionDoc {
        name: "fit",
        accepts: "contain, cover or stretch",
        help: "With both sizes given: contain draws the whole picture as large as fits (default), cover fills the grid and crops, stretch fills it and distorts.",
    },
    OptionDoc {
        name: "cell",
        accepts: "a number from 0.1 to 10 with at most three decimals",
        help: "Width of a character cell divided by its height, as your font has it; 0.5 by default.",
    },
    OptionDoc {
        name: "invert",
        accepts: "true or false",
        help: "Draws the negative; false by default.",
    },
    OptionDoc {
        name: "match",
        accepts: "shape or ramp",
        help: "How characters are chosen: shape lets them follow the picture's edges (default), ramp goes by brightness alone.",
    },
    OptionDoc {
        name: "tone",
        accepts: "auto, natural or linear",
        help: "How brightness becomes ink: auto uses the whole range for this picture (default), natural keeps pictures comparable, linear goes by light instead of by lightness.",
    },
    OptionDoc {
        name: "background",
        accepts: "dark or light",
        help: "The ground that the text will stand on: light ink on dark (default), or dark ink on light.",
    },
    OptionDoc {
        name: "alpha",
        accepts: "auto, dark or light",
        help: "What shows through where the picture is transparent: auto takes the ground on which it stays visible (default).",
    },
    OptionDoc {
        name: "symbols",
        accepts: "ascii, blocks, half, quad, sextant, octant, braille, ramp: and 2 to 256 characters from the barest to the densest, or chars: and 1 to 256 characters of these sets",
        help: "What is drawn with: ascii by default; sextants and octants need a font that has them.",
    },
    OptionDoc {
        name: "color",
        accepts: "none, 16, 256 or full",
        help: "Colours: none (default), the terminal's 16, xterm's 256, or all.",
    },
    OptionDoc {
        name: "color_on",
        accepts: "foreground or both",
        help: "What has colours: the symbols (default), or both them and the ground behind them.",
    },
];

/// What to draw. It can only hold values that [`OPTIONS`] accept.
///
/// Two specs are equal when they mean the same; then they [`Display`](fmt::Display) alike:
///
/// ```
/// let spec: asciify::Spec = "invert=true&fit=contain&width=040".parse()?;
/// assert_eq!(spec.to_string(), "width=40&invert=true");
/// # Ok::<(), asciify::SpecError>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct Spec {
    width: Option<u32>,
    height: Option<u32>,
    fit: Fit,
    cell: u32,
    invert: bool,
    matching: Match,
    tone: Tone,
    background: Background,
    alpha: Alpha,
    symbols: Symbols,
    color: Palette,
    color_on: ColorOn,
}

impl Default for Spec {
    /// 80 columns, everything else as [`OPTIONS`] say.
    fn default() -> Self {
        Self {
            width: None,
            height: None,
            fit: Fit::default(),
            cell: CELL_DEFAULT,
            invert: false,
            matching: Match::default(),
            tone: Tone::default(),
            background: Background::default(),
            alpha: Alpha::default(),
            symbols: Symbols::default(),
            color: Palette::default(),
            color_on: ColorOn::default(),
        }
    }
}

impl Spec {
    /// The same look, with width and height as if they had never been given.
    #[must_use]
    pub fn without_size(mut self) -> Self {
        (self.width, self.height) = (None, None);
        self
    }

    /// Sets one option from text.
    ///
    /// # Errors
    /// [`SpecError::UnknownOption`] and [`SpecError::BadValue`]; the spec is then as before.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SpecError> {
        let option = OPTIONS
            .iter()
            .find(|option| option.name == name)
            .ok_or_else(|| SpecError::unknown(name))?;
        self.assign(option.name, value)
            .ok_or(SpecError::BadValue { name: option.name, accepts: option.accepts })
    }

    /// `None` when the value is not one of those accepted.
    fn assign(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "width" => self.width = Some(cells(value)?),
            "height" => self.height = Some(cells(value)?),
            "fit" => self.fit = Fit::of(value)?,
            "cell" => self.cell = thousandths(value)?,
            "invert" => {
                self.invert = match value {
                    "true" => true,
                    "false" => false,
                    _ => return None,
                }
            }
            "match" => self.matching = Match::of(value)?,
            "tone" => self.tone = Tone::of(value)?,
            "background" => self.background = Background::of(value)?,
            "alpha" => self.alpha = Alpha::of(value)?,
            "symbols" => self.symbols = value.parse().ok()?,
            "color" => self.color = Palette::of(value)?,
            "color_on" => self.color_on = ColorOn::of(value)?,
            _ => return None,
        }
        Some(())
    }

    /// Columns asked for: `None` when they follow from the height.
    pub fn width(&self) -> Option<u32> {
        match (self.width, self.height) {
            (None, None) => Some(DEFAULT_WIDTH),
            (width, _) => width,
        }
    }

    /// Rows asked for: `None` when they follow from the width.
    pub fn height(&self) -> Option<u32> {
        self.height
    }

    /// Contain unless both sizes are asked for: with one there is nothing to fill.
    pub fn fit(&self) -> Fit {
        if self.width.is_some() && self.height.is_some() { self.fit } else { Fit::Contain }
    }

    /// Width of a cell divided by its height, in thousandths: 500 is the usual 1:2.
    pub fn cell_thousandths(&self) -> u32 {
        self.cell
    }

    /// Whether the negative is drawn.
    pub fn invert(&self) -> bool {
        self.invert
    }

    /// Whether bright parts take the ink, or dark ones.
    pub(crate) fn inks_bright(&self) -> bool {
        (self.background == Background::Dark) != self.invert
    }

    /// How characters are chosen: those of a ramp have no shape to go by.
    pub fn matching(&self) -> Match {
        if let Symbols::Ramp(_) = self.symbols { Match::Ramp } else { self.matching }
    }

    /// What is drawn with.
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// How brightness becomes ink.
    pub fn tone(&self) -> Tone {
        self.tone
    }

    /// The ground that the text will stand on.
    pub fn background(&self) -> Background {
        self.background
    }

    /// What shows through where the picture is transparent.
    pub fn alpha(&self) -> Alpha {
        self.alpha
    }

    /// How many colours there are.
    pub fn color(&self) -> Palette {
        self.color
    }

    /// What has colours, where there are any. A ramp's symbols have no shape that two could fill.
    pub fn color_on(&self) -> ColorOn {
        match (self.color, self.matching()) {
            (Palette::None, _) | (_, Match::Ramp) => ColorOn::Foreground,
            _ => self.color_on,
        }
    }

    /// Columns and rows of the grid for a picture of so many pixels, each from 1 to 1000.
    ///
    /// A size that follows from the other is rounded to the nearest, halves up. Where it would
    /// exceed 1000, both shrink.
    pub fn size(&self, width_px: u32, height_px: u32) -> (u32, u32) {
        let (columns, rows) = (self.width().unwrap_or(MAX_CELLS), self.height.unwrap_or(MAX_CELLS));
        if self.fit() != Fit::Contain {
            return (columns, rows);
        }
        // A cell of the picture's shape: `across` cells wide for every `down` cells high.
        let across = u128::from(width_px.max(1)) * u128::from(CELL_ONE);
        let down = u128::from(height_px.max(1)) * u128::from(self.cell);
        let following_rows = scaled(columns, down, across);
        if following_rows <= rows {
            (columns, following_rows.max(1))
        } else {
            (scaled(rows, across, down).clamp(1, columns), rows)
        }
    }

    /// The most memory that drawing takes beside the decoded picture, in bytes.
    pub fn working_bytes(&self, width_px: u32, height_px: u32) -> u64 {
        let (columns, rows) = self.size(width_px, height_px);
        // light, opacity, and one of them once more while it is turned upright; ink takes light's
        // place; with colours three channels more, and the ink of each
        let buffers = if self.color == Palette::None { 3 } else { 9 };
        u64::from(columns) * u64::from(rows) * (PARTS * buffers * size_of::<u32>()) as u64
    }

    /// Everything that the options mean, whichever way it was said.
    fn meaning(&self) -> impl Eq + Hash + '_ {
        let size = (self.width(), self.height(), self.fit(), self.cell);
        let look = (self.invert, self.matching(), self.tone, self.background, self.alpha);
        (size, look, &self.symbols, self.color, self.color_on())
    }
}

/// `length × part / whole`, to the nearest, halves up; at most `u32::MAX`.
fn scaled(length: u32, part: u128, whole: u128) -> u32 {
    let twice = 2 * u128::from(length) * part + whole;
    u32::try_from(twice / (2 * whole)).unwrap_or(u32::MAX)
}

fn cells(value: &str) -> Option<u32> {
    let plain = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|count| plain && (1..=MAX_CELLS).contains(count))
}

fn thousandths(value: &str) -> Option<u32> {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(decimals) || decimals.len() > 3 {
        return None;
    }
    let part: u32 = format!("{decimals:0<3}").parse().ok()?;
    let cell = whole.parse::<u32>().ok()?.checked_mul(CELL_ONE)?.checked_add(part)?;
    (CELL_MIN..=CELL_MAX).contains(&cell).then_some(cell)
}

impl PartialEq for Spec {
    fn eq(&self, other: &Self) -> bool {
        self.meaning() == other.meaning()
    }
}

impl Eq for Spec {}

impl Hash for Spec {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.meaning().hash(state);
    }
}

/// The canonical form: the order of [`OPTIONS`], defaults left out, a size always there.
///
/// An option that is added later is left out of it where it is not used, so that no form that was
/// ever written changes.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.width(), self.height()) {
            (Some(width), Some(height)) => write!(f, "width={width}&height={height}")?,
            (Some(width), None) => write!(f, "width={width}")?,
            (None, Some(height)) => write!(f, "height={height}")?,
            // There is a width where there is no height.
            (None, None) => {}
        }
        unless_default(f, "fit", self.fit())?;
        if self.cell != CELL_DEFAULT {
            let decimals = format!("{:03}", self.cell % CELL_ONE);
            match decimals.trim_end_matches('0') {
                "" => write!(f, "&cell={}", self.cell / CELL_ONE)?,
                decimals => write!(f, "&cell={}.{decimals}", self.cell / CELL_ONE)?,
            }
        }
        unless_default(f, "invert", self.invert)?;
        if !matches!(self.symbols, Symbols::Ramp(_)) {
            unless_default(f, "match", self.matching)?;
        }
        unless_default(f, "tone", self.tone)?;
        unless_default(f, "background", self.background)?;
        unless_default(f, "alpha", self.alpha)?;
        unless_default(f, "symbols", self.symbols.clone())?;
        unless_default(f, "color", self.color)?;
        unless_default(f, "color_on", self.color_on())
    }
}

/// What stands as it is in a query, whoever reads it.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b':').remove(b'_');

fn unless_default<T: Default + PartialEq + fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    value: T,
) -> fmt::Result {
    if value == T::default() {
        return Ok(());
    }
    let value = value.to_string();
    write!(f, "&{name}={}", utf8_percent_encode(&value, PLAIN))
}

/// Reads `name=value` pairs joined by `&`, in any order, values percent-encoded where they have
/// to be; nothing at all is the default.
impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut spec = Self::default();
        let mut seen = Vec::new();
        for pair in text.split('&').filter(|_| !text.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8();
            spec.set(name, &value.unwrap_or(Cow::Borrowed("\u{fffd}")))?;
            let option = OPTIONS.iter().map(|option| option.name).find(|known| *known == name);
            if let Some(name) = option {
                if seen.contains(&name) {
                    return Err(SpecError::Repeated { name });
                }
                seen.push(name);
            }
        }
        Ok(spec)
    }
}

/// Why options make no [`Spec`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// There is no option of that name.
    #[error("there is no option {name:?}; the options are {}", option_names())]
    UnknownOption {
        /// What was asked for; cut short where it is long.
        name: String,
    },
    /// The option does not take that value.
    #[error("{name} must be {accepts}")]
    BadValue {
        /// Which option.
        name: &'static str,
        /// What it accepts instead.
        accepts: &'static str,
    },
    /// The option was given twice.
    #[error("{name} is given more than once")]
    Repeated {
        /// Which option.
        name: &'static str,
    },
}

impl SpecError {
    fn unknown(name: &str) -> Self {
        const ECHOED: usize = 40;
        Self::UnknownOption { name: name.chars().take(ECHOED).collect() }
    }

    fn bad_value(name: &str) -> Self {
        match OPTIONS.iter().find(|option| option.name == name) {
            Some(option) => Self::BadValue { name: option.name, accepts: option.accepts },
            None => Self::unknown(name),
        }
    }
}

fn option_names() -> String {
    OPTIONS.iter().map(|option| option.name).collect::<Vec<_>>().join(", ")
}

/// A spec as JSON and the like write it, not checked yet.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    fit: Fit,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cell: Option<f64>,
    #[serde(default, skip_serializing_if = "is_default")]
    invert: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    r#match: Match,
    #[serde(default, skip_serializing_if = "is_default")]
    tone: Tone,
    #[serde(default, skip_serializing_if = "is_default")]
    background: Background,
    #[serde(default, skip_serializing_if = "is_default")]
    alpha: Alpha,
    #[serde(default, skip_serializing_if = "is_default")]
    symbols: Symbols,
    #[serde(default, skip_serializing_if = "is_default")]
    color: Palette,
    #[serde(default, skip_serializing_if = "is_default")]
    color_on: ColorOn,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl TryFrom<Fields> for Spec {
    type Error = SpecError;

    fn try_from(fields: Fields) -> Result<Self, SpecError> {
        let allowed = |name, size: Option<u32>| match size {
            Some(size) if !(1..=MAX_CELLS).contains(&size) => Err(SpecError::bad_value(name)),
            size => Ok(size),
        };
        Ok(Self {
            width: allowed("width", fields.width)?,
            height: allowed("height", fields.height)?,
            fit: fields.fit,
            // The shortest decimal form of a number is what its writer wrote.
            cell: match fields.cell {
                Some(cell) => {
                    thousandths(&cell.to_string()).ok_or_else(|| SpecError::bad_value("cell"))?
                }
                None => CELL_DEFAULT,
            },
            invert: fields.invert,
            matching: fields.r#match,
            tone: fields.tone,
            background: fields.background,
            alpha: fields.alpha,
            symbols: fields.symbols,
            color: fields.color,
            color_on: fields.color_on,
        })
    }
}

impl From<Spec> for Fields {
    fn from(spec: Spec) -> Self {
        let cell = spec.cell;
        Self {
            width: spec.width(),
            height: spec.height(),
            fit: spec.fit(),
            cell: (cell != CELL_DEFAULT).then(|| f64::from(cell) / f64::from(CELL_ONE)),
            invert: spec.invert,
            r#match: spec.matching,
            tone: spec.tone,
            background: spec.background,
            alpha: spec.alpha,
            symbols: spec.symbols,
            color: spec.color,
            color_on: spec.color_on,
        }
    }
}
