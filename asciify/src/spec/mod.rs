//! What a caller may ask for: the options, and the one canonical form of a set of them.

pub(crate) mod alpha;
pub(crate) mod bands;
pub(crate) mod options;
pub(crate) mod symbols;
pub(crate) mod values;

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::RangeInclusive;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use alpha::Alpha;
use bands::{Bands, Stretch};
use options::OPTIONS;
use symbols::Symbols;
use values::{Background, ColorOn, Dither, Fit, Match, Palette, Tone};

use crate::glyphs::mask::CELL_SAMPLES;

/// The most columns or rows of a grid.
const MAX_CELLS: u32 = 1000;
/// The last frame of the longest animation.
const MAX_FRAME: u32 = 999_999;
/// Columns where no size is given.
const DEFAULT_WIDTH: u32 = 80;
/// Numbers with decimals are kept in thousandths, so that specs can be compared and hashed.
pub(crate) const ONE: i32 = 1000;
pub(crate) const CELL_DEFAULT: i32 = ONE / 2;
const CELL_MIN: i32 = ONE / 10;
const CELL_MAX: i32 = ONE * 10;

/// What to draw. It can only hold values that [`OPTIONS`] accept.
///
/// Two specs are equal when they mean the same; then they [`Display`](fmt::Display) alike:
///
/// ```
/// let spec: asciify::Spec = "invert=true&fit=contain&width=040".parse()?;
/// assert_eq!(spec.to_string(), "width=40&invert=true");
/// # Ok::<(), asciify::SpecError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Spec {
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    pub(crate) fit: Fit,
    pub(crate) cell: i32,
    pub(crate) invert: bool,
    pub(crate) matching: Match,
    pub(crate) tone: Tone,
    pub(crate) background: Background,
    pub(crate) alpha: Alpha,
    pub(crate) symbols: Symbols,
    pub(crate) color: Palette,
    pub(crate) color_on: ColorOn,
    pub(crate) dither: Dither,
    pub(crate) levels: Levels,
    pub(crate) frame: u32,
    pub(crate) bands: Bands,
    pub(crate) stretch: Stretch,
}

/// Adjustments of tone, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Levels {
    pub(crate) brightness: i32,
    pub(crate) contrast: i32,
    pub(crate) gamma: i32,
    pub(crate) sharpen: i32,
}

impl Default for Levels {
    fn default() -> Self {
        Self { brightness: 0, contrast: ONE, gamma: ONE, sharpen: 0 }
    }
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
            dither: Dither::default(),
            levels: Levels::default(),
            frame: 0,
            bands: Bands::default(),
            stretch: Stretch::default(),
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
            "width" => self.width = Some(whole(value, 1..=MAX_CELLS)?),
            "height" => self.height = Some(whole(value, 1..=MAX_CELLS)?),
            "fit" => self.fit = Fit::named(value)?,
            "cell" => self.cell = thousandths(value, CELL_MIN..=CELL_MAX)?,
            "invert" => {
                self.invert = match value {
                    "true" => true,
                    "false" => false,
                    _ => return None,
                }
            }
            "match" => self.matching = Match::named(value)?,
            "tone" => self.tone = Tone::named(value)?,
            "background" => self.background = Background::named(value)?,
            "alpha" => self.alpha = value.parse().ok()?,
            "symbols" => self.symbols = value.parse().ok()?,
            "color" => self.color = Palette::named(value)?,
            "color_on" => self.color_on = ColorOn::named(value)?,
            "dither" => self.dither = Dither::named(value)?,
            "brightness" => self.levels.brightness = thousandths(value, -ONE..=ONE)?,
            "contrast" => self.levels.contrast = thousandths(value, 0..=10 * ONE)?,
            "gamma" => self.levels.gamma = thousandths(value, ONE / 10..=10 * ONE)?,
            "sharpen" => self.levels.sharpen = thousandths(value, 0..=10 * ONE)?,
            "frame" => self.frame = whole(value, 0..=MAX_FRAME)?,
            "bands" => self.bands = value.parse().ok()?,
            "stretch" => self.stretch = value.parse().ok()?,
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
        self.cell.unsigned_abs()
    }

    /// Whether the negative is drawn.
    pub fn invert(&self) -> bool {
        self.invert
    }

    /// Whether bright parts take the ink, or dark ones.
    pub(crate) fn bright_is_foreground(&self) -> bool {
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

    /// How a ramp shows tones that it lacks; nothing else needs it.
    pub fn dither(&self) -> Dither {
        if self.matching() == Match::Ramp { self.dither } else { Dither::None }
    }

    /// Index of the frame or page that is drawn.
    pub fn frame(&self) -> u32 {
        self.frame
    }

    /// The bands that are shown.
    pub fn bands(&self) -> Bands {
        self.bands
    }

    /// Which values are black and white.
    pub fn stretch(&self) -> Stretch {
        self.stretch
    }

    /// What is added to lightness, -1 to 1.
    pub(crate) fn brightness(&self) -> f64 {
        f64::from(self.levels.brightness) / f64::from(ONE)
    }

    /// How far lightness is spread around its middle.
    pub(crate) fn contrast(&self) -> f64 {
        f64::from(self.levels.contrast) / f64::from(ONE)
    }

    /// Lightness is raised to one part of this.
    pub(crate) fn gamma(&self) -> f64 {
        f64::from(self.levels.gamma) / f64::from(ONE)
    }

    /// By how many times what stands out from its surroundings does so more.
    pub(crate) fn sharpen(&self) -> f32 {
        self.levels.sharpen as f32 / ONE as f32
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
        let across = u128::from(width_px.max(1)) * ONE as u128;
        let down = u128::from(height_px.max(1)) * u128::from(self.cell_thousandths());
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
        u64::from(columns) * u64::from(rows) * (CELL_SAMPLES * buffers * size_of::<u32>()) as u64
    }

    /// Everything that the options mean, whichever way it was said.
    fn meaning(&self) -> impl Eq + Hash + '_ {
        let size = (self.width(), self.height(), self.fit(), self.cell);
        let look = (self.invert, self.matching(), self.tone, self.background, self.alpha);
        let colours = (self.color, self.color_on());
        let selection = (self.frame, self.bands, self.stretch);
        (size, look, &self.symbols, colours, self.dither(), self.levels, selection)
    }
}

/// `length × part / whole`, to the nearest, halves up; at most `u32::MAX`.
fn scaled(length: u32, part: u128, whole: u128) -> u32 {
    let twice = 2 * u128::from(length) * part + whole;
    u32::try_from(twice / (2 * whole)).unwrap_or(u32::MAX)
}

fn whole(value: &str, range: RangeInclusive<u32>) -> Option<u32> {
    let plain = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|number| plain && range.contains(number))
}

fn thousandths(value: &str, range: RangeInclusive<i32>) -> Option<i32> {
    let (sign, size) = value.strip_prefix('-').map_or((1, value), |size| (-1, size));
    let (whole, decimals) = size.split_once('.').unwrap_or((size, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(decimals) || decimals.len() > 3 {
        return None;
    }
    let part: i32 = format!("{decimals:0<3}").parse().ok()?;
    let number = sign * whole.parse::<i32>().ok()?.checked_mul(ONE)?.checked_add(part)?;
    range.contains(&number).then_some(number)
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
        number(f, "cell", self.cell, CELL_DEFAULT)?;
        unless_default(f, "invert", self.invert)?;
        if !matches!(self.symbols, Symbols::Ramp(_)) {
            unless_default(f, "match", self.matching)?;
        }
        unless_default(f, "tone", self.tone)?;
        unless_default(f, "background", self.background)?;
        unless_default(f, "alpha", self.alpha)?;
        unless_default(f, "symbols", self.symbols.clone())?;
        unless_default(f, "color", self.color)?;
        unless_default(f, "color_on", self.color_on())?;
        unless_default(f, "dither", self.dither())?;
        let (levels, default) = (self.levels, Levels::default());
        number(f, "brightness", levels.brightness, default.brightness)?;
        number(f, "contrast", levels.contrast, default.contrast)?;
        number(f, "gamma", levels.gamma, default.gamma)?;
        number(f, "sharpen", levels.sharpen, default.sharpen)?;
        unless_default(f, "frame", self.frame)?;
        unless_default(f, "bands", self.bands)?;
        unless_default(f, "stretch", self.stretch)
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

/// A number in thousandths, with as few decimals as say it.
fn number(f: &mut fmt::Formatter<'_>, name: &str, value: i32, default: i32) -> fmt::Result {
    if value == default {
        Ok(())
    } else {
        write!(f, "&{name}={}", f64::from(value) / f64::from(ONE))
    }
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
}

fn option_names() -> String {
    OPTIONS.iter().map(|option| option.name).collect::<Vec<_>>().join(", ")
}
