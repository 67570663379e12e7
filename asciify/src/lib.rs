//! Turns images into text: bytes, pixels, cells, characters.
//!
//! ```text
//! bytes ── sniff ──▶ Format ── container ──▶ Structure ── probe ──▶ Header      nothing decoded so far
//!                                                           │ limits kept
//!                                                           ▼
//!        decode ──▶ rows of linear light ── sample ──▶ 4 × 8 samples a cell ── flatten ──▶ no transparency
//!                                                                                             │ tone
//!        text ◀── write ── Grid ◀── shape: all cells together, or ramp: each alone ◀────── ink per sample
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
//! assert_eq!(asciify::write::txt(&grids[0]), " .+@\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod container;
mod decode;
mod error;
mod flatten;
mod glyphs;
mod grid;
mod keywords;
mod light;
mod probe;
mod ramp;
mod sample;
mod shape;
mod sniff;
mod source;
mod spec;
mod symbols;
mod tone;
pub mod write;

use std::io::{BufRead, Seek};

pub use error::{Error, Limits};
pub use grid::{Grid, GridError};
pub use keywords::{Alpha, Background, Fit, Match, Shapes, Tone};
pub use probe::Header;
pub use sniff::Format;
pub use spec::{OPTIONS, OptionDoc, Spec, SpecError};
pub use symbols::{Symbols, SymbolsError};

use sample::Sampler;
use source::Source;

/// Names the look of the output: raised whenever any picture's text changes, however little.
///
/// Whoever caches renders puts it into the key. Golden files hold us to it.
pub const ENGINE_VERSION: u32 = 1;

/// Reads what a file says about itself, without decoding any pixel, and holds it against `limits`.
///
/// The format is recognised by content alone. A file that was cut off is found here where its
/// container tells (PNG, JPEG, GIF, WebP, BMP, TIFF, binary PNM).
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
/// Of an animation or a file of several pages, the first picture is drawn. The grid for one spec
/// does not depend on which others were asked along.
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
    let picture = decode::decode(source, &found, limits)?;
    let samplers = || -> Vec<Sampler> {
        let sampler = |spec| Sampler::new(spec, &picture, found.orientation);
        specs.iter().map(sampler).collect()
    };
    let mut light = samplers();
    light::rows(&picture, |row| light.iter_mut().for_each(|sampler| sampler.push(row)));
    let mut opacity = if light::is_transparent(&picture) { samplers() } else { Vec::new() };
    light::opacity(&picture, |row| opacity.iter_mut().for_each(|sampler| sampler.push(row)));

    let mut opacity = opacity.into_iter();
    let draw = |(spec, light): (&Spec, Sampler)| {
        let mut samples = light.finish();
        if let Some(opacity) = opacity.next() {
            flatten::flatten(&mut samples.light, &opacity.finish().light, spec);
        }
        let glyphs = glyphs::of(spec.symbols());
        let ink = tone::ink(samples.light, spec, glyphs.most_ink);
        match spec.matching() {
            Match::Shape => shape::draw(ink, samples.columns, glyphs),
            Match::Ramp => {
                ramp::draw(&ink, samples.columns, spec.background(), spec.symbols(), &glyphs)
            }
        }
    };
    Ok(specs.iter().zip(light).map(draw).collect())
}
