//! What HTML and SVG share: escaped text and colours.

use std::io::{self, Write};

use crate::grid::color::Color;

/// A colour in CSS and SVG: `#rrggbb`, sRGB.
pub(super) fn hex(color: Color) -> String {
    let [r, g, b] = color.rgb();
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Writes text as the content of an element or attribute of HTML or XML. Characters that these
/// forbid become U+FFFD.
pub(super) fn write_escaped(
    text: impl IntoIterator<Item = char>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut buffer = [0; 4];
    for c in text {
        let safe = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\'' => "&#39;",
            // XML 1.0, 2.2, forbids these two, and HTML control characters, even as references.
            '\u{fffe}' | '\u{ffff}' => "\u{fffd}",
            c if c.is_control() && c != '\n' => "\u{fffd}",
            c => c.encode_utf8(&mut buffer),
        };
        out.write_all(safe.as_bytes())?;
    }
    Ok(())
}
