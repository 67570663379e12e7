//! Writes a [`Grid`] in the output formats: plain text, text for a terminal, HTML, SVG and PNG.

mod html;
mod markup;
mod moving;
mod png;
mod svg;
mod text;
mod thumbnail;

pub use moving::{cast_end, cast_frame, cast_header, next_frame};
pub use text::{ansi, ansi_row, txt};
pub use thumbnail::{MAX_THUMBNAIL_PX, thumbnail};

use std::io::{self, Write};

use crate::grid::Grid;
use crate::named_enum::named_enum;
use crate::spec::values::Background;

named_enum! {
    /// An output format. The name is also the usual file name extension.
    Output {
        /// Plain text without colours: [`txt`].
        Txt = "txt",
        /// Text with the control sequences of a terminal: [`ansi`].
        Ansi = "ansi",
        /// A self-contained HTML5 page, of cells twice as high as wide.
        Html = "html",
        /// A stand-alone SVG 1.1 drawing, of cells of 10 × 20 user units.
        Svg = "svg",
        /// A PNG of 8 bits a channel, of cells of 16 × 32 pixels; 8 × 16 in a grid of more than
        /// 20 000 cells. Symbols that the font lacks are drawn as a frame.
        Png = "png",
    }
}

impl Output {
    /// The media type as registered with IANA, without parameters. All but PNG are UTF-8.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Txt | Self::Ansi => "text/plain",
            Self::Html => "text/html",
            Self::Svg => "image/svg+xml",
            Self::Png => "image/png",
        }
    }

    /// Writes a file that shows the grid on `background` to `out`, in small pieces. HTML and SVG
    /// contain `title`, as plain text: the label of the picture for screen readers. The others
    /// ignore it, and text ignores the background.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(
        self,
        grid: &Grid,
        background: Background,
        title: &str,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        match self {
            Self::Txt => text::write(grid, text::txt_row, out),
            Self::Ansi => text::write(grid, text::ansi_row, out),
            Self::Html => html::write(grid, background, title, out),
            Self::Svg => svg::write(grid, background, title, out),
            Self::Png => png::write(grid, background, out),
        }
    }

    /// The bytes that [`write`](Self::write) writes.
    pub fn to_vec(self, grid: &Grid, background: Background, title: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(grid, background, title, &mut bytes).expect("writing to a Vec cannot fail");
        bytes
    }

    /// Memory that [`write`](Self::write) takes at most, beside the grid and what `out` keeps, in
    /// bytes.
    pub fn working_bytes(self, grid: &Grid) -> usize {
        // a row of text, and what formatting takes
        let row = 128 * grid.columns() + 4096;
        row + match self {
            Self::Txt | Self::Ansi | Self::Svg => 0,
            Self::Html => html::working_bytes(grid),
            Self::Png => png::working_bytes(grid),
        }
    }
}
