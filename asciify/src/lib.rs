//! Turns images into text: bytes, pixels, cells, characters.
//!
//! ```text
//! bytes ── sniff ──▶ Format ── container ──▶ Structure ── probe ──▶ Header      nothing decoded so far
//!                                                           │ limits kept
//!                                                           ▼
//!        decode ──▶ rows of linear light ── sample ──▶ 4 × 8 samples a cell ── flatten ──▶ no transparency
//!                                                                                             │ tone
//!        text ◀── write ── Grid ◀── shape: all cells together, or ramp: each alone ◀────── ink per sample
//!                            ▲ paint: colours for the symbols
//!                            └───── duo: each cell's symbol with its two colours ◀── red, green and blue light
//! ```
//!
//! The crate is pure: no network, no clock, no threads, no settings. The same bytes and the same
//! [`Spec`] give the same text on every machine: light is added up in integers, and floating point
//! is only ever added, multiplied, divided and rooted in one order, which IEEE 754 rounds alike
//! everywhere. Bytes may be hostile: every size that a file claims is held against [`Limits`] before
//! anything of that size is allocated.
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

mod draw;
mod error;
mod format;
mod formats;
mod glyphs;
mod grid;
mod light;
mod named_enum;
mod probe;
mod render;
mod sample;
mod source;
mod spec;
pub mod write;

use std::io::{BufRead, Seek};

pub use error::{Error, Limits};
pub use format::Format;
pub use formats::formats;
pub use glyphs::symbol_set::SymbolSet;
pub use grid::color::Color;
pub use grid::{Cell, Grid, GridError};
pub use probe::Header;
pub use spec::alpha::{Alpha, AlphaError};
pub use spec::bands::{Bands, BandsError, Stretch, StretchError};
pub use spec::options::{OPTIONS, OptionDoc};
pub use spec::symbols::{Symbols, SymbolsError};
pub use spec::values::{Background, ColorOn, Dither, Fit, Match, Palette, Tone};
pub use spec::{Spec, SpecError};

use source::Source;

/// Names the look of the output: raised whenever any picture's text changes, however little.
///
/// Whoever caches renders puts it into the key. Golden files hold us to it.
pub const ENGINE_VERSION: u32 = 2;

/// Reads what a file says about itself, without decoding any pixel, and holds it against `limits`.
///
/// The format is recognised by content alone. A file that was cut off is found here where its
/// container tells (GIF, WebP, BMP, TIFF, binary PNM), or noted in [`Header::is_whole`] where what is
/// there can be drawn (JPEG, PNG).
///
/// # Errors
/// All of [`Error`]: the same ones, for the same reasons, that [`render`] would give before it
/// decodes.
pub fn probe(mut source: impl BufRead + Seek, limits: &Limits) -> Result<Header, Error> {
    let mut source = Source::new(&mut source);
    let header = probe::inspect(&mut source, limits).map(|probed| Header::from(&probed));
    source.verdict(header)
}

/// Decodes an image once and draws it once per spec, in the order of `specs`.
///
/// The grid for one spec does not depend on which others were asked along.
///
/// # Errors
/// [`Error::Read`] where the source itself failed, whatever the decoder made of that; else what
/// is wrong with the file. Nothing can fail once the pixels are there.
pub fn render(
    mut source: impl BufRead + Seek,
    specs: &[Spec],
    limits: &Limits,
) -> Result<Vec<Grid>, Error> {
    let mut source = Source::new(&mut source);
    let grids = render::render(&mut source, specs, limits);
    source.verdict(grids)
}
