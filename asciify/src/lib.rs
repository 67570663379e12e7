//! Turns images into text: bytes, pixels, cells, characters.
//!
//! ```text
//! bytes ── probe ──▶ Header                                       no pixel is decoded so far
//!                       │ within the limits
//!                       ▼
//!         decode ──▶ rows of linear light ── sample ──▶ 4 × 8 samples per cell ── draw ──▶ Grid
//!                                                                                           │
//!                                                       text, HTML, SVG or PNG ◀── write ───┘
//! ```
//!
//! `formats` decodes, `sample` averages light over the samples of a grid, and `draw` chooses
//! characters and colours; each of these modules explains its stage.
//!
//! The crate uses no network, clock, threads or settings. AVIF, HEIC, JPEG XL, and large pictures of
//! some other formats are decoded in processes of their own: see [`isolation`]. The same bytes and the same [`Spec`] give
//! the same text on every machine: light is added in integers, and floating-point numbers are only
//! added, multiplied, divided and rooted in a fixed order, which IEEE 754 rounds alike everywhere.
//! Bytes may be hostile: every size that a file claims is checked against [`Limits`] before memory
//! of that size is allocated.
//!
//! ```
//! use std::io::Cursor;
//!
//! let picture = b"P2 4 1 255  0 80 160 255"; // PNM: four grey pixels
//! let spec: asciify::Spec = "width=4&match=ramp".parse()?;
//! let limits = asciify::Limits::default();
//!
//! let header = asciify::probe(Cursor::new(picture), &limits)?;
//! assert_eq!((header.width, header.height), (4, 1));
//!
//! let grids = asciify::render(Cursor::new(picture), &[spec], &limits)?;
//! assert_eq!(asciify::write::txt(&grids[0]), " .=@\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Terms and units
//!
//! | term | meaning |
//! |---|---|
//! | pixel | a pixel of the file. Sizes in pixels have names that end in `_px`, or say so. |
//! | column, row | a column or row of cells of the grid, counted from 0. Rows of pixels and of samples are called so. |
//! | cell | one character of the text. It is `cell` (0.5 by default) times as wide as high. |
//! | sample | one of 4 × 8 equal parts of a cell: `ACROSS` and `DOWN` in `glyphs::mask`. A picture is reduced to its samples before it is drawn. |
//! | row-major | the order of every buffer: rows from the top, each from the left. Buffers of samples are columns × 4 wide and rows × 8 high, those of cells columns × rows. |
//! | light | linear light in fixed point, 0 to `WHITE` = 1 << 24 (`light`), of the primaries of sRGB once a picture is sampled. In `draw`, also 0 to 1 in floating point. |
//! | luminance | light of red, green and blue weighted by ITU-R BT.709. |
//! | channel | red, green or blue, as light. |
//! | opacity | alpha in fixed point, 0 to `WHITE`. Light is premultiplied by it until the picture is flattened. |
//! | coded | a value after a transfer function, 0 to 255, or 0 to 1: that of sRGB, IEC 61966-2-1, unless the picture has a colour profile. |
//! | colour profile | what the coded values of a picture mean: `color_profile`. |
//! | lightness | CIE L*, CIE 15, here 0 to 1 instead of 0 to 100: equal steps look alike. |
//! | glyph | a symbol and its shape. |
//! | mask | the coverage of each sample of a cell by a glyph: `glyphs::mask`. |
//! | coverage | the fraction of a sample or cell that the foreground fills, 0 to 1. |
//! | foreground, background | the colour of a symbol and the colour behind it; of the whole text, what [`Background`] says. |
//! | backdrop | what is behind a transparent picture: [`Alpha`]. |
//! | thousandths | numbers with decimals in a [`Spec`], as integers: 500 is 0.5. |
//! | lattice unit | the unit of length in `sample::area`: pixels and samples both have whole lengths in it. |
//! | band, value | what a file holds for each pixel: [`Bands`], [`Stretch`]. Values have the file's own unit. |

mod analysis;
mod cancellation;
mod color_profile;
#[cfg(feature = "isolation")]
mod decoder_process;
mod draw;
mod error;
mod escape;
mod format;
mod formats;
mod geo;
mod glyphs;
mod grid;
#[cfg(feature = "isolation")]
pub mod isolation;
mod kept;
mod lanes;
mod light;
mod named_enum;
mod playback;
mod probe;
mod render;
mod sample;
mod source;
mod spec;
pub mod write;

pub use analysis::histogram::Histogram;
pub use analysis::{BandLabel, BandStatistics, StatisticsOptions, pixel_values, statistics};
pub use error::{Error, Limits};
pub use escape::{escape_controls, is_display_control};
pub use format::Format;
pub use formats::animation::Timing;
pub use formats::{format_of_media_type, formats};
pub use geo::crs::WGS_84;
pub use geo::{Bbox, Geo, GeoError};
pub use glyphs::symbol_set::SymbolSet;
pub use grid::color::Color;
pub use grid::{Cell, Grid, GridError};
pub use kept::KeptStatistics;
pub use playback::Playback;
pub use probe::Header;
pub use source::ReadSeek;
pub use spec::alpha::{Alpha, AlphaError};
pub use spec::bands::{Band, Bands, BandsError, Stretch, StretchError};
pub use spec::color_map::{ColorMap, ColorMapError, ColorMapName};
pub use spec::expression::{Expression, ExpressionError};
pub use spec::nodata::{Nodata, NodataError};
pub use spec::options::{OPTIONS, OptionDoc, OptionKind};
pub use spec::region::{Region, RegionError};
pub use spec::symbols::{Symbols, SymbolsError};
pub use spec::values::{Algorithm, Background, ColorOn, Dither, Fit, Match, Palette, Tone};
pub use spec::{Spec, SpecError};

use cancellation::Cancellation;
use source::{Checks, Source};

/// The version of the output. It is raised whenever the text of any picture changes, however
/// little.
///
/// Use it in the key of a cache of renders. Golden files check it.
pub const ENGINE_VERSION: u32 = 4;

/// Reads the header of a file and checks it against `limits`.
///
/// The format is identified by content alone. A truncated file is an error if its container shows
/// it (GIF, WebP, BMP, TIFF, binary PNM); a truncated JPEG or PNG can be drawn in part, and
/// [`Header::is_whole`] is false. To tell, the pixels of a JPEG or PNG without its end mark are decoded.
///
/// # Errors
/// All of [`Error`] but [`Error::Missing`] and [`Error::Cancelled`], for the same reasons as
/// [`render()`] before it decodes.
pub fn probe(source: impl ReadSeek, limits: &Limits) -> Result<Header, Error> {
    inspect(source, limits, true)
}

/// As [`probe()`], without decoding: a JPEG or PNG without its end mark does not count as whole.
///
/// # Errors
/// As [`probe()`].
pub fn probe_header(source: impl ReadSeek, limits: &Limits) -> Result<Header, Error> {
    inspect(source, limits, false)
}

fn inspect(mut source: impl ReadSeek, limits: &Limits, checks_data: bool) -> Result<Header, Error> {
    let never = Cancellation::never();
    let mut source = Source::new(&mut source, &never);
    if checks_data && source.checks == Checks::Ends {
        source.checks = Checks::Data;
    }
    let header = probe::inspect(&mut source, limits).map(|probed| Header::from(&probed));
    source.verdict(header)
}

/// Decodes an image once and draws it once per spec, in the order of `specs`.
///
/// The grid of a spec does not depend on the other specs.
///
/// # Errors
/// [`Error::Read`] if the source failed, whatever the decoder reported; otherwise what is wrong
/// with the file, or [`Error::Missing`]. Drawing itself does not fail.
pub fn render(source: impl ReadSeek, specs: &[Spec], limits: &Limits) -> Result<Vec<Grid>, Error> {
    render_unless(source, specs, limits, &|| false)
}

/// As [`render()`], until `is_cancelled` returns true.
///
/// `is_cancelled` is called often: between two calls are at most some milliseconds of work. What
/// libraries decode at one go, as WebPs at full size, takes longer in a program that does not call
/// [`isolation::init`]; otherwise it is done in a process of its own if it is much, and at most some
/// tens of milliseconds if not.
///
/// # Errors
/// As [`render()`], and [`Error::Cancelled`].
pub fn render_unless(
    mut source: impl ReadSeek,
    specs: &[Spec],
    limits: &Limits,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Vec<Grid>, Error> {
    render_keeping(&mut source, specs, limits, &KeptStatistics::default(), is_cancelled)
}

/// As [`render_unless`], of a file that is drawn again and again: `kept` has what the draws before found
/// out about the whole picture, such as percentiles. The result is the same.
///
/// # Errors
/// As [`render_unless`].
pub fn render_keeping(
    mut source: impl ReadSeek,
    specs: &[Spec],
    limits: &Limits,
    kept: &KeptStatistics,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Vec<Grid>, Error> {
    render::render_unless(&mut source, specs, limits, kept, is_cancelled)
}
