//! Writes a [`Grid`] in the output formats: plain text, text for a terminal, HTML, SVG and PNG.

mod html;
mod markup;
mod png;
mod svg;
mod text;

pub use html::html;
pub use png::png;
pub use svg::svg;
pub use text::{ansi, ansi_row, txt};

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
        /// A page: [`html()`].
        Html = "html",
        /// A drawing: [`svg()`].
        Svg = "svg",
        /// A picture: [`png()`].
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

    /// The bytes of a file that shows the grid on `background`. HTML and SVG contain `title`, as
    /// plain text; the others ignore it, and text ignores the background.
    pub fn write(self, grid: &Grid, background: Background, title: &str) -> Vec<u8> {
        match self {
            Self::Txt => txt(grid).into_bytes(),
            Self::Ansi => ansi(grid).into_bytes(),
            Self::Html => html(grid, background, title).into_bytes(),
            Self::Svg => svg(grid, background, title).into_bytes(),
            Self::Png => png(grid, background),
        }
    }
}
