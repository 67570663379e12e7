//! What the decoder of a codec provides: pictures of one item, which may be tiles of a grid.

use super::color::Coding;
use crate::cancellation::{Cancellation, Cancelled};
use crate::error::Error;
use crate::format::Format;

/// Decodes the pictures that one configuration describes.
pub(super) trait TileDecoder {
    /// The format of a file whose pictures are so coded.
    fn format(&self) -> Format;

    /// Bits of a sample.
    fn bits(&self) -> u32;

    /// Whether pictures have no chroma.
    fn is_monochrome(&self) -> bool;

    /// Bytes of memory per pixel that a decoded picture takes.
    fn bytes_per_px(&self) -> u64;

    /// Bytes of working memory per pixel of a tile while it is decoded.
    fn working_bytes_per_px(&self) -> u64;

    /// Pixels that a byte may code, beyond the first millions.
    fn max_pixels_per_byte(&self) -> u64;

    /// Begins to decode a picture of that width and height.
    ///
    /// # Errors
    /// The caller has cancelled, or it is decoded in a process of its own.
    fn begin(&self, sides: (u32, u32), cancellation: &Cancellation<'_>) -> Result<(), Cancelled>;

    /// Decodes the picture in an item's data.
    ///
    /// # Errors
    /// The data are damaged, or use what the decoder does not support.
    fn decode(&self, data: Vec<u8>) -> Result<Box<dyn Tile>, Error>;
}

/// A decoded picture.
pub(super) trait Tile {
    /// Width and height in pixels.
    fn sides(&self) -> (u32, u32);

    /// How many bits each coordinate of a pixel is shifted right to get that of its chroma sample.
    /// `None` if there is no chroma.
    fn chroma_shift(&self) -> Option<(u32, u32)>;

    /// Bits of a sample.
    fn bits(&self) -> u32;

    /// The coding of colours that the coded picture itself states.
    fn coding(&self) -> Coding;

    /// Replaces `samples` by row `y` of plane 0, 1 or 2, which may end with padding.
    fn read_row(&self, plane: usize, y: u32, samples: &mut Vec<u16>);
}
