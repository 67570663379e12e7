//! The status line, and the help.

use asciify::{Geo, escape_controls};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::interactive::picture::Values;
use crate::interactive::state::State;

/// What the help says.
pub(crate) const HELP: &[&str] = &[
    "arrows, h j k l    move           page up, page down",
    "+ -                zoom           the wheel zooms about the pointer",
    "drag               move           0 all, 1 a pixel is a sample",
    "b B                next bands, previous bands",
    "e                  an expression, such as (b4-b3)/(b4+b3), in place of bands",
    "s S                next stretch, previous stretch",
    "q                  quits and prints the command that shows the same",
    "",
    "The status line has the pixel, its coordinates and its values:",
    "under the pointer after it moved, otherwise in the middle.",
];

/// What the status line says besides what is in view.
#[derive(Debug, Default)]
pub(crate) struct Status {
    /// The name of the file or the address.
    pub(crate) name: String,
    /// The values of a pixel, or why there are none.
    pub(crate) values: Option<((u32, u32), Result<Values, String>)>,
    /// Whether the file ends before its picture is complete.
    pub(crate) is_cut_off: bool,
    /// Why there is no picture.
    pub(crate) error: Option<String>,
    /// Whether something has been drawn for a noticeable time.
    pub(crate) is_drawing: bool,
}

impl Status {
    /// The line, exactly as wide as the screen.
    pub(crate) fn line(&self, state: &State, geo: Option<&Geo>, columns: usize) -> String {
        if let Some(prompt) = state.prompt() {
            let error =
                prompt.error.as_ref().map_or_else(String::new, |error| format!("  {error}"));
            let line = format!("expression: {}▏{error}", prompt.text);
            return fitted(&escape_controls(&line), " Enter, Esc", columns);
        }
        let (x, y) = state.pixel();
        let mut parts = vec![format!("{x},{y}")];
        parts.extend(geo.map(|geo| coordinates(geo, (x, y))));
        match &self.values {
            Some((pixel, Ok(values))) if *pixel == (x, y) => {
                parts.extend(values.iter().map(|(label, value)| {
                    let value = value.map_or_else(|| "no data".to_owned(), number);
                    format!("{} {value}", label.description)
                }));
            }
            _ => {}
        }
        let mut end = vec![scale(state.view().scale())];
        match state.expression() {
            Some(expression) => end.push(expression),
            None if state.bands().has_several() => {
                end.push(format!("bands {}", state.bands().value()));
            }
            None => {}
        }
        end.push(format!("stretch {}", state.stretches().value()));
        end.push(self.name.clone());
        parts.push(end.join(" "));
        let first = match (&self.error, self.is_drawing) {
            (_, true) => Some("drawing…".to_owned()),
            (Some(error), false) => Some(format!("error: {error}")),
            (None, false) => self.is_cut_off.then(|| "cut off".to_owned()),
        };
        let line = first.into_iter().chain(parts).collect::<Vec<_>>().join("  ");
        fitted(&escape_controls(&line), " ? help", columns)
    }
}

/// `line`, shortened if it must be, and `end`, in exactly so many columns. On a narrow
/// screen, there is no end.
pub(crate) fn fitted(line: &str, end: &str, columns: usize) -> String {
    let end = if columns < 2 * end.width() { "" } else { end };
    let room = columns - end.width();
    if line.width() <= room {
        return format!("{line}{}{end}", " ".repeat(room - line.width()));
    }
    let mut fitted = String::new();
    // the last column is for the ellipsis
    let mut left = room.saturating_sub(1);
    for c in line.chars() {
        match c.width().unwrap_or(0) {
            width if width > left => break,
            width => left -= width,
        }
        fitted.push(c);
    }
    if room > 0 {
        fitted.push('…');
    }
    fitted + &" ".repeat(left) + end
}

/// How many pixels a sample of a cell stands for, or by how much a pixel is enlarged.
fn scale(pixels_in_column: f64) -> String {
    // four samples are across a cell
    let pixels = pixels_in_column / 4.0;
    match pixels {
        1.0.. => format!("1:{}", rounded(pixels)),
        _ => format!("{}:1", rounded(1.0 / pixels)),
    }
}

/// With three digits.
fn rounded(number: f64) -> String {
    let decimals = if number >= 100.0 {
        0
    } else if number >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{number:.decimals$}");
    let text = if decimals > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.to_owned()
}

/// The coordinates of the middle of a pixel, with the decimals in which pixels differ.
fn coordinates(geo: &Geo, (x, y): (u32, u32)) -> String {
    const MOST_DECIMALS: f64 = 9.0;
    let [a, b, c, d, e, f] = geo.transform;
    let (x, y) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
    let (across, down) = (a * x + b * y + c, d * x + e * y + f);
    let size = (a.abs() + b.abs()).min(d.abs() + e.abs());
    let decimals = (1.0 - size.log10().floor()).clamp(0.0, MOST_DECIMALS) as usize;
    let crs = geo.crs.map_or_else(String::new, |code| format!("EPSG:{code} "));
    format!("{crs}{across:.decimals$},{down:.decimals$}")
}

/// A value, as short as its precision allows.
fn number(value: f64) -> String {
    const MOST_DIGITS: usize = 10;
    // most are of 32 bits, and would have many more digits
    let single = value as f32;
    let text = if f64::from(single) == value { single.to_string() } else { value.to_string() };
    if text.len() <= MOST_DIGITS { text } else { format!("{value:.6e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_width_of_the_screen() {
        assert_eq!(fitted("ab", " ? help", 15), "ab       ? help");
        assert_eq!(fitted("abcdefgh", " ? help", 15), "abcdefgh ? help");
        assert_eq!(fitted("abcdefgh", " ? help", 13), "abcdefgh     ");
        assert_eq!(fitted("abcdefghijk", " ? help", 15), "abcdefg… ? help");
        assert_eq!(fitted("abcdefgh", "", 4), "abc…");
        assert_eq!(fitted("木星木星", "", 6), "木星… ");
        assert_eq!(fitted("ab", "", 0), "");
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (-3.5, "-3.5"),
            (65_535.0, "65535"),
            (f64::from(0.1_f32), "0.1"),
            (0.1, "0.1"),
            (1.0 / 3.0, "3.333333e-1"),
            (-1.5e30, "-1.500000e30"),
        ] {
            assert_eq!(number(value), text);
        }
        for (pixels, text) in [(4.0, "1:1"), (548.0, "1:137"), (50.0, "1:12.5"), (0.125, "32:1")] {
            assert_eq!(scale(pixels), text);
        }
    }

    #[test]
    fn coordinates_differ_between_neighbours() {
        let geo = |size: f64| Geo {
            crs: Some(32_633),
            transform: [size, 0.0, 300_000.0, 0.0, -size, 5_000_000.0],
            dtype: "uint16".to_owned(),
            nodata: None,
            scales: Vec::new(),
            offsets: Vec::new(),
            overviews: Vec::new(),
        };
        assert_eq!(coordinates(&geo(10.0), (3, 4)), "EPSG:32633 300035,4999955");
        assert_eq!(coordinates(&geo(0.3), (0, 0)), "EPSG:32633 300000.15,4999999.85");
    }
}
