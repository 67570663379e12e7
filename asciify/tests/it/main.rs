//! Tests of the engine through its public API. One binary, so that it links once.

mod animations;
mod camera_raws;
mod cancellation;
#[cfg(feature = "cli")]
mod cli;
mod cog;
mod color_profiles;
mod damage;
mod fits;
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
mod planetary;
mod rasters;
mod resolutions;
mod samples;
mod sizes;
mod specs;
mod text;
mod tiff_bands;
mod tiff_codecs;
