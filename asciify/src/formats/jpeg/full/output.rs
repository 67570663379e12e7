//! From components to rows of pixels.

use super::frame::{Component, Frame, Kind};
use super::transform::samples;
use crate::light::Row;

/// What the components stand for.
#[derive(Clone, Copy)]
pub(super) struct Colours {
    /// Whether the first three are Y, Cb and Cr.
    are_ycbcr: bool,
    /// Whether inks are stored as the paper that they leave free: so do Adobe's programs.
    are_inverted: bool,
}

impl Colours {
    /// As libjpeg guesses, and with it everybody.
    pub(super) fn of(frame: &Frame, has_jfif: bool, adobe: Option<u8>) -> Self {
        let is_rgb = || frame.components.iter().map(|it| it.id).eq(*b"RGB");
        let are_ycbcr = match (frame.components.len(), adobe) {
            (3, _) if has_jfif => true,
            (3, None) => frame.kind != Kind::Lossless && !is_rgb(),
            (3 | 4, Some(transform)) => transform != 0,
            _ => false,
        };
        Self { are_ycbcr, are_inverted: adobe.is_some() }
    }
}

/// Calls `take` with each row.
pub(super) fn rows(frame: &Frame, colours: Colours, mut take: impl FnMut(Row<'_>)) {
    let lines = frame.side() * frame.most.1;
    let white = frame.white();
    let full: u32 = if frame.bits > 8 { u16::MAX.into() } else { u8::MAX.into() };
    let scaled =
        |value: u16| ((u32::from(value) * full + u32::from(white / 2)) / u32::from(white)) as u16;
    let mut strips = vec![Vec::new(); frame.components.len()];
    let mut values = vec![[0; 4]; frame.width];
    let mut row = vec![[0; 3]; frame.width];
    for y in 0..frame.height {
        if y % lines == 0 {
            for (component, strip) in frame.components.iter().zip(&mut strips) {
                component.lines(frame, y / lines, strip);
            }
        }
        for (place, (component, strip)) in frame.components.iter().zip(&strips).enumerate() {
            let line = y % lines * component.down / frame.most.1;
            let line = &strip[line * component.stride * frame.side()..];
            for (x, values) in values.iter_mut().enumerate() {
                values[place] = line[x * component.across / frame.most.0];
            }
        }
        for (pixel, values) in row.iter_mut().zip(&values) {
            *pixel = pixel_of(frame, colours, *values).map(scaled);
        }
        give(&row, frame.components.len() == 1, frame.bits > 8, &mut take);
    }
}

fn pixel_of(frame: &Frame, colours: Colours, [a, b, c, black]: [u16; 4]) -> [u16; 3] {
    let white = frame.white();
    let rgb = if colours.are_ycbcr { from_ycbcr([a, b, c], frame.bits) } else { [a, b, c] };
    match frame.components.len() {
        1 => [a; 3],
        4 => {
            // the transform is one of paper, where inks are meant
            let flip = |value: u16, is_ink: bool| if is_ink { white - value } else { value };
            let black = flip(black, !colours.are_inverted);
            rgb.map(|it| flip(it, colours.are_ycbcr == colours.are_inverted))
                .map(|it| (u32::from(it) * u32::from(black) / u32::from(white)) as u16)
        }
        _ => rgb,
    }
}

/// RGB of Y, Cb and Cr (JFIF 1.02) of any depth, reckoned in 65536ths.
fn from_ycbcr(values: [u16; 3], bits: u32) -> [u16; 3] {
    let [luma, blue, red] = values.map(i64::from);
    let (white, middle) = ((1 << bits) - 1, 1 << (bits - 1));
    let (blue, red) = (blue - middle, red - middle);
    [91_881 * red, -22_554 * blue - 46_802 * red, 116_130 * blue]
        .map(|chroma| (luma + ((chroma + 32_768) >> 16)).clamp(0, white) as u16)
}

fn give(row: &[[u16; 3]], is_grey: bool, is_deep: bool, take: &mut impl FnMut(Row<'_>)) {
    fn each<T>(row: &[[u16; 3]], of: impl Fn([u16; 3]) -> T) -> Vec<T> {
        row.iter().copied().map(of).collect()
    }
    match (is_grey, is_deep) {
        (true, false) => take(Row::Grey8(&each(row, |[grey, ..]| [grey as u8]))),
        (true, true) => take(Row::Grey16(&each(row, |[grey, ..]| [grey]))),
        (false, false) => take(Row::Rgb8(&each(row, |rgb| rgb.map(|it| it as u8)))),
        (false, true) => take(Row::Rgb16(row)),
    }
}

impl Component {
    /// Puts the samples of a row of units into `strip`, line by line.
    fn lines(&self, frame: &Frame, row: usize, strip: &mut Vec<u16>) {
        let (side, white) = (frame.side(), frame.white());
        let middle = 1 << (frame.bits - 1);
        let values = self.stride * self.down * side * side;
        let values = &self.values[row * values..(row + 1) * values];
        strip.resize(values.len(), 0);
        let Some(steps) = &self.steps else {
            for (sample, value) in strip.iter_mut().zip(values) {
                let value = (i32::from(*value) << self.shift) + middle;
                *sample = value.clamp(0, white.into()) as u16;
            }
            return;
        };
        for (place, block) in values.as_chunks().0.iter().enumerate() {
            let (x, y) = (place % self.stride * side, place / self.stride * side);
            for (line, samples) in (y..).zip(samples(block, steps)) {
                let start = line * self.stride * side + x;
                for (sample, value) in strip[start..start + side].iter_mut().zip(samples) {
                    *sample = ((value + middle as f32 + 0.5) as u16).min(white);
                }
            }
        }
    }
}
