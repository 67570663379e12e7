//! The options that say what to draw, and their canonical form.

pub(crate) mod alpha;
pub(crate) mod bands;
pub(crate) mod color_map;
mod error;
pub(crate) mod expression;
pub(crate) mod nodata;
pub(crate) mod options;
mod readings;
pub(crate) mod region;
mod size;
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
use color_map::ColorMap;
use expression::Expression;
use nodata::Nodata;
use options::{DEFAULT_WIDTH, ONE, OPTIONS, OptionDoc};
use region::Region;
use symbols::Symbols;
use values::{Algorithm, Background, ColorOn, Dither, Fit, Match, Palette, Tone};

pub use error::SpecError;

use crate::error::Error;

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
    /// `None` where bands are shown.
    expression: Option<Expression>,
    color_map: ColorMap,
    algorithm: Algorithm,
    relief: Relief,
}

/// Where the light of a hillshade comes from, in degrees, and the factor on elevations; all in
/// thousandths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Relief {
    azimuth: i32,
    altitude: i32,
    exaggeration: i32,
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
        expression: None,
        color_map: ColorMap::default(),
        algorithm: Algorithm::default(),
        relief: Relief::default(),
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
    /// [`SpecError::UnknownOption`], [`SpecError::BadValue`] and [`SpecError::BadExpression`]; the
    /// spec is then unchanged.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SpecError> {
        let option = OptionDoc::named(name).ok_or_else(|| SpecError::unknown(name))?;
        if option.name == "expression" && value != option.default {
            self.expression = Some(value.parse()?);
            return Ok(());
        }
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
            "expression" => self.expression = None,
            "colormap_name" => self.color_map = value.parse().ok()?,
            "algorithm" => self.algorithm = Algorithm::named(value)?,
            "azimuth" => self.relief.azimuth = option.thousandths(value)?,
            "angle_altitude" => self.relief.altitude = option.thousandths(value)?,
            "z_exaggeration" => self.relief.exaggeration = option.thousandths(value)?,
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
            "bands" => self.bands().to_string(),
            "stretch" => self.stretch.to_string(),
            "region" => self.region.to_string(),
            "nodata" => self.nodata.to_string(),
            "unscale" => self.unscale.to_string(),
            "expression" => self.expression().map_or("none".to_owned(), Expression::to_string),
            "colormap_name" => self.color_map.to_string(),
            "algorithm" => self.algorithm.to_string(),
            "azimuth" | "angle_altitude" | "z_exaggeration"
                if self.algorithm == Algorithm::None =>
            {
                option.default.to_owned()
            }
            "azimuth" => decimal(self.relief.azimuth),
            "angle_altitude" => decimal(self.relief.altitude),
            "z_exaggeration" => decimal(self.relief.exaggeration),
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

    /// The bands to show: `Auto` beside an expression, which names its bands.
    pub fn bands(&self) -> &Bands {
        if self.expression.is_some() { &Bands::Auto } else { &self.bands }
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

    /// What is computed from the values of bands, in place of them.
    pub fn expression(&self) -> Option<&Expression> {
        self.expression.as_ref()
    }

    /// The colours of a single value.
    pub fn color_map(&self) -> ColorMap {
        self.color_map
    }

    /// What is made of a single value before it is drawn.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Where the light of a hillshade comes from: in degrees clockwise from north, and above the
    /// horizon.
    pub(crate) fn light_angles(&self) -> [f64; 2] {
        [self.relief.azimuth, self.relief.altitude].map(|it| f64::from(it) / f64::from(ONE))
    }

    /// The factor on the elevations of a hillshade.
    pub(crate) fn z_exaggeration(&self) -> f64 {
        f64::from(self.relief.exaggeration) / f64::from(ONE)
    }

    /// Whether what is drawn is computed from values, rather than from the file's colours.
    pub(crate) fn uses_values(&self) -> bool {
        self.nodata != Nodata::Auto
            || self.unscale
            || self.expression.is_some()
            || !self.color_map.is_none()
            || self.algorithm != Algorithm::None
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

    /// What the options mean: equal for specs that draw the same.
    fn meaning(&self) -> impl Eq + Hash + '_ {
        let size = (self.width(), self.height(), self.fit(), self.cell);
        let look = (self.invert, self.matching(), self.tone, self.background, self.alpha);
        let colours = (self.color, self.color_on());
        let selection = (self.frame, self.bands(), self.stretch, self.region);
        let relief = (self.algorithm != Algorithm::None).then_some(self.relief);
        let computed = (&self.expression, self.color_map, self.algorithm, relief);
        let values = (self.nodata, self.unscale, computed);
        (size, look, &self.symbols, colours, self.dither(), self.levels, selection, values)
    }
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
