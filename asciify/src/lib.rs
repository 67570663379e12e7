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

mod alpha;
mod carry;
mod color;
mod container;
mod decode;
mod dither;
mod duo;
mod eighth;
mod error;
mod flatten;
mod glyphs;
mod grid;
mod huffman;
mod json;
mod keywords;
mod library;
mod light;
mod options;
mod paint;
mod picture;
mod probe;
mod ramp;
mod rare_jpeg;
mod sample;
mod scanlines;
mod selection;
mod shape;
mod sharpen;
mod sniff;
mod source;
mod spec;
mod symbols;
mod tiff;
mod tone;
mod view;
mod vp8;
mod walk;
pub mod write;

use std::io::{BufRead, Seek};
use std::iter;

pub use alpha::{Alpha, AlphaError};
pub use color::Color;
pub use error::{Error, Limits};
pub use grid::{Cell, Grid, GridError};
pub use keywords::{Background, ColorOn, Dither, Fit, Match, Palette, Shapes, Tone};
pub use options::{OPTIONS, OptionDoc};
pub use probe::Header;
pub use selection::{Bands, BandsError, Stretch, StretchError};
pub use sniff::Format;
pub use spec::{Spec, SpecError};
pub use symbols::{Symbols, SymbolsError};

use paint::Inks;
use picture::Sampled;
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
pub fn probe<R: BufRead + Seek>(source: R, limits: &Limits) -> Result<Header, Error> {
    let mut source = Source::new(source);
    let header = probe::inspect(&mut source, limits).map(|found| found.header);
    source.verdict(header)
}

/// Decodes an image once and draws it once per spec, in the order of `specs`.
///
/// The grid for one spec does not depend on which others were asked along.
///
/// # Errors
/// [`Error::Read`] where the source itself failed, whatever the decoder made of that; else what
/// is wrong with the file. Nothing can fail once the pixels are there.
pub fn render<R: BufRead + Seek>(
    source: R,
    specs: &[Spec],
    limits: &Limits,
) -> Result<Vec<Grid>, Error> {
    let mut source = Source::new(source);
    let grids = draw(&mut source, specs, limits);
    source.verdict(grids)
}

fn draw<R: BufRead + Seek>(
    source: &mut Source<R>,
    specs: &[Spec],
    limits: &Limits,
) -> Result<Vec<Grid>, Error> {
    let found = probe::inspect(source, limits)?;
    specs.iter().try_for_each(|spec| found.header.offers(spec))?;
    let sampled = decode::sample(source, &found, specs, limits)?;
    Ok(specs.iter().zip(sampled).map(|(spec, sampled)| draw_one(spec, sampled)).collect())
}

fn draw_one(spec: &Spec, sampled: Sampled) -> Grid {
    let Sampled { columns, mut luminance, opacity, mut channels } = sampled;
    if let Some(opacity) = opacity {
        let ground = flatten::ground(&luminance, &opacity, spec);
        flatten::flatten(&mut luminance, &opacity, ground.luminance);
        for (channel, ground) in channels.iter_mut().flatten().zip(ground.channels) {
            flatten::flatten(channel, &opacity, ground);
        }
    }
    for light in iter::once(&mut luminance).chain(channels.iter_mut().flatten()) {
        sharpen::sharpen(light, columns * glyphs::ACROSS, spec.sharpen());
    }
    let glyphs = glyphs::of(spec.symbols());
    let choose = |ink: Vec<f32>| match spec.matching() {
        Match::Shape => shape::draw(ink, columns, glyphs.clone()),
        Match::Ramp => ramp::draw(&ink, columns, spec, &glyphs),
    };
    let cells = match channels {
        Some(mut channels) if spec.color_on() == ColorOn::Both => {
            tone::adjust(&luminance, &mut channels, spec);
            paint::both(&channels, columns, spec, &glyphs)
        }
        Some(channels) => {
            let ink = tone::ink(&luminance, spec, glyphs.most_ink);
            let mut inks = Inks::new(ink, &luminance, &channels, spec, glyphs.most_ink);
            let drawn = choose(std::mem::take(&mut inks.cover));
            inks.paint(drawn, columns, spec)
        }
        None => {
            let ink = tone::ink(&luminance, spec, glyphs.most_ink);
            drop(luminance);
            choose(ink).into_iter().map(|drawn| drawn.symbol.into()).collect()
        }
    };
    Grid::new(columns, cells)
}
