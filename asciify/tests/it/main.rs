//! Tests of the engine through its public API. One binary, so that it links once.

mod animations;
mod chance;
#[cfg(feature = "cli")]
mod cli;
mod cog;
mod damage;
mod formats;
mod golden;
mod hostile;
mod orientation;
mod pictures;
mod rasters;
mod seeds;
mod sizes;
mod specs;
mod text;
mod tiffs;
