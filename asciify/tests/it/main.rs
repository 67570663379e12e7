//! Tests of the engine through its public API. One binary, so that it links once.

mod animations;
mod cancellation;
#[cfg(feature = "cli")]
mod cli;
mod cog;
mod color_profiles;
mod damage;
mod formats;
mod golden;
mod heif;
mod hostile;
#[cfg(all(feature = "avif", feature = "cli", feature = "jxl"))]
mod isolation;
mod jp2;
mod jxl;
mod layering;
mod orientation;
mod rasters;
mod samples;
mod sizes;
mod specs;
mod text;
