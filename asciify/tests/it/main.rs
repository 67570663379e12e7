//! Tests of the engine through its public API. One binary, so that it links once.

mod animations;
mod bitmaps;
mod cancellation;
#[cfg(feature = "cli")]
mod cli;
mod cog;
mod damage;
mod ends;
mod formats;
mod gifs;
mod golden;
mod heif;
mod hostile;
mod jpegs;
mod layering;
mod orientation;
mod pngs;
mod pnms;
mod ranges;
mod rasters;
mod samples;
mod sizes;
mod specs;
#[cfg(feature = "cli")]
mod terminal;
mod text;
