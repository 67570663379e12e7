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
mod jp2;
mod layering;
mod orientation;
mod rasters;
mod samples;
mod sizes;
mod specs;
mod text;
