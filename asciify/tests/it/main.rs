//! What the engine promises, as stories. One binary, so that it links once.

mod animations;
#[cfg(feature = "cli")]
mod cli;
mod cog;
mod damage;
mod formats;
mod golden;
mod orientation;
mod pictures;
mod rasters;
mod sizes;
mod specs;
mod text;
