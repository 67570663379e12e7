//! Tests of the engine through its public API. One binary, so that it links once.

mod animations;
mod cancellation;
#[cfg(feature = "cli")]
mod cli;
mod cog;
mod damage;
mod formats;
mod golden;
mod heif;
mod hostile;
mod layering;
mod orientation;
mod rasters;
mod resolutions;
mod samples;
mod sizes;
mod specs;
mod text;
mod tiff_bands;
mod tiff_codecs;
