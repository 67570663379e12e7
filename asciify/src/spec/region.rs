//! The option `region`: the part of a picture that is drawn, as in the IIIF Image API 3.0 (4.1).

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// The part of an upright picture that is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Region {
    /// All of it.
    #[default]
    Full,
    /// The largest square, in the middle.
    Square,
    /// Left, top, width and height in pixels. What lies outside the picture is left out.
    Pixels([u32; 4]),
    /// The same in millionths of a percent of the picture's width and height.
    Percent([u32; 4]),
}

/// A hundred percent, in millionths.
const WHOLE: u32 = 100_000_000;
/// Decimals of a percentage.
const DECIMALS: usize = 6;

/// A rectangle of pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PixelRect {
    pub(crate) x: Range<u32>,
    pub(crate) y: Range<u32>,
}

impl PixelRect {
    /// All of a picture.
    pub(crate) fn whole((width, height): (u32, u32)) -> Self {
        Self { x: 0..width, y: 0..height }
    }

    /// Width and height.
    pub(crate) fn sides(&self) -> (u32, u32) {
        (self.x.end - self.x.start, self.y.end - self.y.start)
    }
}

impl Region {
    /// Whether it is the same part of every picture, whatever its size.
    pub fn is_relative(self) -> bool {
        !matches!(self, Self::Pixels(_))
    }

    /// Left, top, width and height of the part of an upright picture, in pixels. `None` where the region
    /// lies outside.
    pub fn pixels(self, sides: (u32, u32)) -> Option<[u32; 4]> {
        let rect = self.of(sides)?;
        let (width, height) = rect.sides();
        Some([rect.x.start, rect.y.start, width, height])
    }

    /// The pixels of an upright picture. `None` where the region lies outside.
    pub(crate) fn of(self, (width, height): (u32, u32)) -> Option<PixelRect> {
        let (x, y) = match self {
            Self::Full => (0..width, 0..height),
            Self::Square => {
                let side = width.min(height);
                let middle = |length: u32| (length - side) / 2..(length - side) / 2 + side;
                (middle(width), middle(height))
            }
            Self::Pixels([left, top, across, down]) => {
                let within = |start: u32, length: u32, side: u32| {
                    start.min(side)..start.saturating_add(length).min(side)
                };
                (within(left, across, width), within(top, down, height))
            }
            Self::Percent([left, top, across, down]) => {
                (part_of(width, left, across), part_of(height, top, down))
            }
        };
        (x.start < x.end && y.start < y.end).then_some(PixelRect { x, y })
    }
}

/// The pixels of a part of a side, rounded to the nearest; at least one, if it begins on the side.
fn part_of(side: u32, start: u32, length: u32) -> Range<u32> {
    let whole = u64::from(WHOLE);
    let pixels = |part: u64| ((2 * u64::from(side) * part + whole) / (2 * whole)) as u32;
    if start >= WHOLE {
        return side..side;
    }
    let end = (u64::from(start) + u64::from(length)).min(whole);
    let first = pixels(start.into()).min(side.saturating_sub(1));
    first..pixels(end).max(first + 1).min(side)
}

/// `full`, `square`, or four numbers joined by commas, after `pct:` if they are percentages.
impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("full"),
            Self::Square => f.write_str("square"),
            Self::Pixels([x, y, width, height]) => write!(f, "{x},{y},{width},{height}"),
            Self::Percent(parts) => f.write_str(&format!("pct:{}", parts.map(percent).join(","))),
        }
    }
}

/// Millionths of a percent as a decimal number.
fn percent(millionths: u32) -> String {
    let whole = millionths / (WHOLE / 100);
    let decimals = format!("{:06}", millionths % (WHOLE / 100));
    match decimals.trim_end_matches('0') {
        "" => whole.to_string(),
        decimals => format!("{whole}.{decimals}"),
    }
}

/// A text is no value of the option `region`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "neither `full` nor `square`, nor left, top, width and height joined by commas, in pixels or, \
     after `pct:`, in percent; width and height are above 0"
)]
pub struct RegionError;

impl FromStr for Region {
    type Err = RegionError;

    fn from_str(text: &str) -> Result<Self, RegionError> {
        let numbers = |text: &str, number: fn(&str) -> Option<u32>| -> Result<[u32; 4], _> {
            let numbers: Option<Vec<u32>> = text.split(',').map(number).collect();
            let numbers: [u32; 4] = numbers.and_then(|it| it.try_into().ok()).ok_or(RegionError)?;
            let [_, _, width, height] = numbers;
            if width == 0 || height == 0 { Err(RegionError) } else { Ok(numbers) }
        };
        Ok(match text.strip_prefix("pct:") {
            _ if text == "full" => Self::Full,
            _ if text == "square" => Self::Square,
            None => Self::Pixels(numbers(text, whole_number)?),
            Some(text) => match numbers(text, millionths)? {
                [left, top, ..] if left >= WHOLE || top >= WHOLE => return Err(RegionError),
                [0, 0, across, down] if across.min(down) >= WHOLE => Self::Full,
                parts => Self::Percent(parts),
            },
        })
    }
}

fn whole_number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|it| it.is_ascii_digit()))
}

/// A decimal number in millionths. Its further decimals must be 0.
fn millionths(text: &str) -> Option<u32> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let decimals = match decimals.split_at_checked(DECIMALS) {
        Some((decimals, rest)) if rest.bytes().all(|it| it == b'0') => decimals,
        Some(_) => return None,
        None => decimals,
    };
    let part = whole_number(&format!("{decimals:0<DECIMALS$}")).filter(|_| !decimals.is_empty())?;
    whole_number(whole)?.checked_mul(WHOLE / 100)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_meaning_go_both_ways() {
        for text in ["full", "square", "0,0,1,1", "10,20,4000000000,40", "pct:0,12.5,33.333333,1"] {
            assert_eq!(text.parse::<Region>().map(|it| it.to_string()), Ok(text.to_owned()));
        }
        for (text, canonical) in [
            ("pct:0,0,100,100", "full"),
            ("pct:0.0,0,100.000000,2000", "full"),
            ("007,0,1,1", "7,0,1,1"),
            ("pct:5.50,0.000001000,1.0,1", "pct:5.5,0.000001,1,1"),
        ] {
            let region = text.parse::<Region>().map(|it| it.to_string());
            assert_eq!(region, Ok(canonical.to_owned()));
        }
        for wrong in [
            "",
            "Full",
            "1,2,3",
            "1,2,3,4,5",
            "-1,0,1,1",
            "+1,0,1,1",
            "0,0,0,1",
            "0,0,1,0",
            "1.5,0,1,1",
            "0,0,1,4294967296",
            "0, 0,1,1",
            "pct:0,0,0,1",
            "pct:100,0,1,1",
            "pct:0,100,1,1",
            "pct:0,0,1e1,1",
            "pct:0,0,1.0000001,1",
            "pct:.5,0,1,1",
            "pct:5.,0,1,1",
            "pct:1,2,3",
            "pct:",
        ] {
            assert!(wrong.parse::<Region>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn regions_are_cut_at_the_edges() {
        let rect = |text: &str, sides| {
            let region: Region = text.parse().expect("a region");
            region.of(sides).map(|PixelRect { x, y }| (x, y))
        };
        assert_eq!(rect("full", (7, 5)), Some((0..7, 0..5)));
        assert_eq!(rect("square", (7, 4)), Some((1..5, 0..4)));
        assert_eq!(rect("5,1,10,2", (7, 5)), Some((5..7, 1..3)));
        assert_eq!(rect("1,1,4294967295,4294967295", (7, 5)), Some((1..7, 1..5)));
        assert_eq!(rect("7,0,1,1", (7, 5)), None);
        assert_eq!(rect("0,5,1,1", (7, 5)), None);
        assert_eq!(rect("pct:25,50,50,25", (200, 100)), Some((50..150, 50..75)));
        assert_eq!(rect("pct:99.999999,0,0.000001,100", (7, 5)), Some((6..7, 0..5)));
        assert_eq!(rect("pct:50,50,1,1", (1, 1)), Some((0..1, 0..1)));
        assert_eq!(
            rect("pct:0,0,33.333333,100", (u32::MAX, 5)).map(|it| it.0.end),
            Some(1_431_655_751)
        );
    }
}
