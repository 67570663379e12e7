//! Tests of the engine through its public API. One binary, so that it links once.

mod animations;
mod bitmaps;
mod camera_raws;
mod cancellation;
#[cfg(feature = "cli")]
mod cli;
mod cog;
mod color_profiles;
mod damage;
mod ends;
mod expressions;
mod fits;
mod formats;
mod geo;
mod gifs;
mod golden;
mod heif;
mod hillshade;
mod hostile;
#[cfg(all(feature = "cli", unix))]
mod interactive;
#[cfg(all(feature = "cli", unix))]
mod interactive_service;
#[cfg(all(feature = "avif", feature = "cli", feature = "jxl"))]
mod isolation;
mod jp2;
mod jpeg_streams;
mod jpegs;
mod jxl;
mod kept_statistics;
mod layering;
mod nodata;
mod orientation;
mod planetary;
mod playback;
mod pngs;
mod pnms;
mod ranges;
mod rasters;
mod regions;
mod resolutions;
mod samples;
mod sizes;
mod specs;
#[cfg(feature = "cli")]
mod terminal;
mod text;
mod tiff_bands;
mod tiff_codecs;
#[cfg(all(feature = "cli", unix))]
mod tmux;
mod values;
