//! The options that say what to draw, and their canonical form.

pub(crate) mod alpha;
pub(crate) mod bands;
pub(crate) mod nodata;
pub(crate) mod options;
mod readings;
pub(crate) mod region;
pub(crate) mod symbols;
pub(crate) mod values;

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::LazyLock;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use alpha::Alpha;
use bands::{Bands, Stretch};
use nodata::Nodata;
use options::{DEFAULT_WIDTH, MAX_CELLS, ONE, OPTIONS, OptionDoc};
use region::Region;
use symbols::Symbols;
use values::{Background, ColorOn, Dither, Fit, Match, Palette, Tone};

use crate::error::Error;
use crate::glyphs::mask::CELL_SAMPLES;

/// What to draw: a value for each of [`OPTIONS`].
///
/// Two specs are equal if they mean the same; then their texts are equal, too:
///
/// ```
/// let spec: asciify::Spec = "invert=true&fit=contain&width=040".parse()?;
/// assert_eq!(spec.to_string(), "width=40&invert=true");
/// # Ok::<(), asciify::SpecError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Spec {
    width: Option<u32>,
    height: Option<u32>,
    fit: Fit,
    /// In thousandths.
    cell: i32,
    invert: bool,
    matching: Match,
    tone: Tone,
    background: Background,
    alpha: Alpha,
    symbols: Symbols,
    color: Palette,
    color_on: ColorOn,
    dither: Dither,
    levels: Levels,
    frame: u32,
    bands: Bands,
    stretch: Stretch,
    region: Region,
    nodata: Nodata,
    unscale: bool,
}

/// Adjustments of lightness, in thousandths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Levels {
    brightness: i32,
    contrast: i32,
    gamma: i32,
    sharpen: i32,
}

impl Default for Spec {
    /// 80 columns, everything else as the defaults of [`OPTIONS`].
    fn default() -> Self {
        DEFAULT.clone()
    }
}

static DEFAULT: LazyLock<Spec> = LazyLock::new(|| {
    let mut spec = Spec {
        width: None,
        height: None,
        fit: Fit::default(),
        cell: 0,
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
        region: Region::default(),
        nodata: Nodata::default(),
        unscale: false,
    };
    // the sizes stay open: the default of each depends on the other
    for option in OPTIONS.iter().filter(|option| !matches!(option.name, "width" | "height")) {
        spec.assign(option, option.default).expect("the table accepts its own defaults");
    }
    spec
});

impl Spec {
    /// The same spec without width and height.
    #[must_use]
    pub fn without_size(mut self) -> Self {
        (self.width, self.height) = (None, None);
        self
    }

    /// Sets one option from text.
    ///
    /// # Errors
    /// [`SpecError::UnknownOption`] and [`SpecError::BadValue`]; the spec is then unchanged.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SpecError> {
        let option = OptionDoc::named(name).ok_or_else(|| SpecError::unknown(name))?;
        self.assign(option, value)
            .ok_or_else(|| SpecError::BadValue { name: option.name, accepts: option.accepts() })
    }

    /// `None` if the option does not accept the value.
    fn assign(&mut self, option: &OptionDoc, value: &str) -> Option<()> {
        match option.name {
            "width" => self.width = Some(option.whole(value)?),
            "height" => self.height = Some(option.whole(value)?),
            "fit" => self.fit = Fit::named(value)?,
            "cell" => self.cell = option.thousandths(value)?,
            "invert" => self.invert = option.flag(value)?,
            "match" => self.matching = Match::named(value)?,
            "tone" => self.tone = Tone::named(value)?,
            "background" => self.background = Background::named(value)?,
            "alpha" => self.alpha = value.parse().ok()?,
            "symbols" => self.symbols = value.parse().ok()?,
            "color" => self.color = Palette::named(value)?,
            "color_on" => self.color_on = ColorOn::named(value)?,
            "dither" => self.dither = Dither::named(value)?,
            "brightness" => self.levels.brightness = option.thousandths(value)?,
            "contrast" => self.levels.contrast = option.thousandths(value)?,
            "gamma" => self.levels.gamma = option.thousandths(value)?,
            "sharpen" => self.levels.sharpen = option.thousandths(value)?,
            "frame" => self.frame = option.whole(value)?,
            "bands" => self.bands = value.parse().ok()?,
            "stretch" => self.stretch = value.parse().ok()?,
            "region" => self.region = value.parse().ok()?,
            "nodata" => self.nodata = value.parse().ok()?,
            "unscale" => self.unscale = option.flag(value)?,
            _ => return None,
        }
        Some(())
    }

    /// The value of an option as canonical text. Values that have no effect beside the others count
    /// as not given; a size that follows from the other is empty.
    fn text(&self, option: &OptionDoc) -> String {
        let size = |size: Option<u32>| size.map_or_else(String::new, |size| size.to_string());
        let decimal = |thousandths: i32| (f64::from(thousandths) / f64::from(ONE)).to_string();
        match option.name {
            "width" => size(self.width()),
            "height" => size(self.height()),
            "fit" => self.fit().to_string(),
            "cell" => decimal(self.cell),
            "invert" => self.invert.to_string(),
            "match" if matches!(self.symbols, Symbols::Ramp(_)) => option.default.to_owned(),
            "match" => self.matching.to_string(),
            "tone" => self.tone.to_string(),
            "background" => self.background.to_string(),
            "alpha" => self.alpha.to_string(),
            "symbols" => self.symbols.to_string(),
            "color" => self.color.to_string(),
            "color_on" => self.color_on().to_string(),
            "dither" => self.dither().to_string(),
            "brightness" => decimal(self.levels.brightness),
            "contrast" => decimal(self.levels.contrast),
            "gamma" => decimal(self.levels.gamma),
            "sharpen" => decimal(self.levels.sharpen),
            "frame" => self.frame.to_string(),
            "bands" => self.bands.to_string(),
            "stretch" => self.stretch.to_string(),
            "region" => self.region.to_string(),
            "nodata" => self.nodata.to_string(),
            "unscale" => self.unscale.to_string(),
            _ => String::new(),
        }
    }

    /// Columns; `None` if they follow from the height.
    pub fn width(&self) -> Option<u32> {
        match (self.width, self.height) {
            (None, None) => Some(DEFAULT_WIDTH),
            (width, _) => width,
        }
    }

    /// Rows; `None` if they follow from the width.
    pub fn height(&self) -> Option<u32> {
        self.height
    }

    /// How the picture fits the grid: `Contain` unless both sizes are given.
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

    /// Whether the foreground draws bright parts of the picture, or dark ones.
    pub(crate) fn bright_is_foreground(&self) -> bool {
        (self.background == Background::Dark) != self.invert
    }

    /// How characters are selected: always `Ramp` for the symbols of a ramp, whose shapes are
    /// unknown.
    pub fn matching(&self) -> Match {
        if let Symbols::Ramp(_) = self.symbols { Match::Ramp } else { self.matching }
    }

    /// The symbols to draw with.
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// How the picture's brightness is mapped to coverage.
    pub fn tone(&self) -> Tone {
        self.tone
    }

    /// The background that the text will be shown on.
    pub fn background(&self) -> Background {
        self.background
    }

    /// The backdrop of a transparent picture.
    pub fn alpha(&self) -> Alpha {
        self.alpha
    }

    /// How many colours there are.
    pub fn color(&self) -> Palette {
        self.color
    }

    /// What has colours. Always `Foreground` without colours, and where shapes are not matched: two
    /// colours need a shape.
    pub fn color_on(&self) -> ColorOn {
        match (self.color, self.matching()) {
            (Palette::None, _) | (_, Match::Ramp) => ColorOn::Foreground,
            _ => self.color_on,
        }
    }

    /// How a ramp shows tones between two of its symbols. `None` where shapes are matched.
    pub fn dither(&self) -> Dither {
        if self.matching() == Match::Ramp { self.dither } else { Dither::None }
    }

    /// Index of the frame or page to draw, from 0.
    pub fn frame(&self) -> u32 {
        self.frame
    }

    /// The bands to show.
    pub fn bands(&self) -> &Bands {
        &self.bands
    }

    /// The values to show as black and white.
    pub fn stretch(&self) -> Stretch {
        self.stretch
    }

    /// The part of the picture to draw.
    pub fn region(&self) -> Region {
        self.region
    }

    /// The value of pixels without data.
    pub fn nodata(&self) -> Nodata {
        self.nodata
    }

    /// Whether the scales and offsets that a file states are applied to its values.
    pub fn unscale(&self) -> bool {
        self.unscale
    }

    /// Whether what is drawn is computed from values, rather than from the file's colours.
    pub(crate) fn uses_values(&self) -> bool {
        self.nodata != Nodata::Auto || self.unscale
    }

    /// Checks that the region lies in an upright picture of those sides in pixels.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub(crate) fn check_region(&self, sides: (u32, u32)) -> Result<(), Error> {
        self.region.of(sides).map(drop).ok_or_else(|| Error::no_region(sides))
    }

    /// What is added to lightness, from -1 to 1.
    pub(crate) fn brightness(&self) -> f64 {
        f64::from(self.levels.brightness) / f64::from(ONE)
    }

    /// Factor on the distance of lightness from its middle, from 0 to 10.
    pub(crate) fn contrast(&self) -> f64 {
        f64::from(self.levels.contrast) / f64::from(ONE)
    }

    /// Lightness is raised to the power of 1 / gamma; from 0.1 to 10.
    pub(crate) fn gamma(&self) -> f64 {
        f64::from(self.levels.gamma) / f64::from(ONE)
    }

    /// The multiple of the difference from the surroundings that is added; from 0 to 10.
    pub(crate) fn sharpen(&self) -> f32 {
        self.levels.sharpen as f32 / ONE as f32
    }

    /// Columns and rows of the grid for an upright picture of so many pixels, each from 1 to 1000.
    /// The grid has the proportions of the region; of the picture, if the region lies outside.
    ///
    /// A size that follows from the other is rounded to the nearest integer, halves up. If it would
    /// exceed 1000, both sizes shrink.
    pub fn size(&self, width_px: u32, height_px: u32) -> (u32, u32) {
        let (columns, rows) = (self.width().unwrap_or(MAX_CELLS), self.height.unwrap_or(MAX_CELLS));
        if self.fit() != Fit::Contain {
            return (columns, rows);
        }
        let shown = self.region.of((width_px, height_px));
        let (width_px, height_px) = shown.map_or((width_px, height_px), |shown| shown.sides());
        // The picture is `across` columns wide for every `down` rows.
        let across = u128::from(width_px.max(1)) * ONE as u128;
        let down = u128::from(height_px.max(1)) * u128::from(self.cell_thousandths());
        let following_rows = scaled(columns, down, across);
        if following_rows <= rows {
            (columns, following_rows.max(1))
        } else {
            (scaled(rows, across, down).clamp(1, columns), rows)
        }
    }

    /// An upper estimate of the memory that drawing takes beside the decoded picture, in bytes.
    pub fn working_bytes(&self, width_px: u32, height_px: u32) -> u64 {
        let (columns, rows) = self.size(width_px, height_px);
        // Without colours: light, opacity, and one of them once more while it is turned upright;
        // coverage replaces light. With colours: the light and the coverage of three channels more.
        let buffers = if self.color == Palette::None { 3 } else { 9 };
        u64::from(columns) * u64::from(rows) * (CELL_SAMPLES * buffers * size_of::<u32>()) as u64
    }

    /// What the options mean: equal for specs that draw the same.
    fn meaning(&self) -> impl Eq + Hash + '_ {
        let size = (self.width(), self.height(), self.fit(), self.cell);
        let look = (self.invert, self.matching(), self.tone, self.background, self.alpha);
        let colours = (self.color, self.color_on());
        let selection = (self.frame, &self.bands, self.stretch, self.region);
        let values = (self.nodata, self.unscale);
        (size, look, &self.symbols, colours, self.dither(), self.levels, selection, values)
    }
}

/// `length × part / whole`, rounded to the nearest integer, halves up; at most `u32::MAX`.
fn scaled(length: u32, part: u128, whole: u128) -> u32 {
    let twice = 2 * u128::from(length) * part + whole;
    u32::try_from(twice / (2 * whole)).unwrap_or(u32::MAX)
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

/// The canonical form, as a query: in the order of [`OPTIONS`], without values that are the
/// default, but always with a size.
///
/// Thus an option that is added later changes no text that was ever written.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for option in OPTIONS {
            let value = self.text(option);
            let is_written = match option.name {
                "width" => !value.is_empty(),
                _ => value != option.default,
            };
            if is_written {
                let value = utf8_percent_encode(&value, UNRESERVED);
                write!(f, "{separator}{}={value}", option.name)?;
                separator = "&";
            }
        }
        Ok(())
    }
}

/// What is not percent-encoded: no character that has a meaning in a query (RFC 3986, 3.4).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b':').remove(b'_');

/// Reads `name=value` pairs joined by `&`, in any order, with values percent-encoded where
/// necessary. The empty text is the default.
///
/// # Errors
/// All of [`SpecError`].
impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut spec = Self::default();
        let mut seen = Vec::new();
        for pair in text.split('&').filter(|_| !text.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8();
            spec.set(name, &value.unwrap_or(Cow::Borrowed("\u{fffd}")))?;
            if let Some(option) = OptionDoc::named(name) {
                if seen.contains(&option.name) {
                    return Err(SpecError::Repeated { name: option.name });
                }
                seen.push(option.name);
            }
        }
        Ok(spec)
    }
}

/// Why a text cannot be read as a [`Spec`], or an option cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// There is no option of that name.
    #[error("there is no option {name:?}; the options are {}", option_names())]
    UnknownOption {
        /// The name that was given, shortened to 40 characters.
        name: String,
    },
    /// The option does not accept the value.
    #[error("{name} must be {accepts}")]
    BadValue {
        /// Which option.
        name: &'static str,
        /// The values that it accepts: see [`OptionDoc::accepts`].
        accepts: String,
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
