//! Turns the components of a frame into rows of pixels: inverse DCT, level shift, upsampling and
//! colour conversion.

use std::ops::ControlFlow;

use super::frame::{Component, Frame, Process};
use super::idct;
use crate::cancellation::Cancellation;
use crate::color_profile::Lut;
use crate::formats::jpeg::block::{BLOCK_LEN, BLOCK_SIDE};
use crate::light::Row;

/// What the components mean.
#[derive(Clone, Copy, Default)]
pub(super) struct ColorTransform {
    /// Whether the first three are Y, Cb and Cr.
    is_ycbcr: bool,
}

impl ColorTransform {
    /// JPEG files do not state it: the rules are libjpeg's, which other decoders follow.
    pub(super) fn of(frame: &Frame, has_jfif: bool, adobe_transform: Option<u8>) -> Self {
        let is_ycbcr = match (frame.components.len(), adobe_transform) {
            (3, _) if has_jfif => true,
            (3, None) => frame.process != Process::Lossless && !frame.header.has_rgb_ids(),
            (3 | 4, Some(transform)) => transform != 0,
            _ => false,
        };
        Self { is_ycbcr }
    }
}

/// Passes the rows of a frame to `take`, from the top: grey or RGB, of 8 bits where samples have at
/// most 8, else of 16. CMYK becomes RGB of 16 bits by the table `cmyk`, if there is one.
pub(super) struct Output<'a, T> {
    cmyk: Option<&'a Lut>,
    take: T,
    /// Whether `take` has ended it.
    is_done: bool,
    /// The index of the next row of MCUs.
    mcu_row: usize,
    /// By component: the samples of a row of MCUs, row-major, and the index of the current line.
    mcu_rows: Vec<Vec<u16>>,
    lines: Vec<usize>,
    /// The samples of a row of pixels.
    samples: Vec<[u16; 4]>,
    row: Vec<[u16; 3]>,
}

impl<'a, T: FnMut(Row<'_>) -> ControlFlow<()>> Output<'a, T> {
    pub(super) fn new(cmyk: Option<&'a Lut>, take: T) -> Self {
        Self {
            cmyk,
            take,
            is_done: false,
            mcu_row: 0,
            mcu_rows: Vec::new(),
            lines: Vec::new(),
            samples: Vec::new(),
            row: Vec::new(),
        }
    }

    /// Passes the rows of MCUs up to that of index `end`. `None` when the caller has cancelled, and where
    /// `take` breaks or did so before.
    pub(super) fn write(
        &mut self,
        frame: &Frame,
        transform: ColorTransform,
        end: usize,
        cancellation: &Cancellation<'_>,
    ) -> Option<()> {
        self.mcu_rows.resize(frame.components.len(), Vec::new());
        self.lines.resize(frame.components.len(), 0);
        self.samples.resize(frame.header.width, [0; 4]);
        self.row.resize(frame.header.width, [0; 3]);
        while self.mcu_row < end {
            if self.is_done {
                return None;
            }
            cancellation.check().ok()?;
            for (component, samples) in frame.components.iter().zip(&mut self.mcu_rows) {
                component.reconstruct(frame, self.mcu_row, samples);
            }
            self.lines.fill(usize::MAX);
            let lines_per_mcu = frame.unit_side() * frame.max_v;
            let top = self.mcu_row * lines_per_mcu;
            for y in top..frame.header.height.min(top + lines_per_mcu) {
                if self.write_row(frame, transform, y - top).is_break() {
                    self.is_done = true;
                    return None;
                }
            }
            self.mcu_row += 1;
        }
        Some(())
    }

    /// Passes a row of pixels, of that index in the row of MCUs.
    fn write_row(&mut self, frame: &Frame, transform: ColorTransform, y: usize) -> ControlFlow<()> {
        let Self { mcu_row, mcu_rows, lines, samples, row, .. } = self;
        let cmyk = self.cmyk.filter(|_| frame.components.len() == 4);
        let is_deep = frame.precision() > 8 || cmyk.is_some();
        let mut is_repeated = true;
        for (index, (component, mcu_row_samples)) in
            frame.components.iter().zip(mcu_rows).enumerate()
        {
            let line = y * component.header.v / frame.max_v;
            // the lines of flat blocks are equal
            let line = match component.is_flat(*mcu_row * component.header.v + line / BLOCK_SIDE) {
                true => line / BLOCK_SIDE * BLOCK_SIDE,
                false => line,
            };
            if lines[index] == line {
                continue;
            }
            (lines[index], is_repeated) = (line, false);
            let line = &mcu_row_samples[line * component.stride * frame.unit_side()..];
            for (x, samples) in samples.iter_mut().enumerate() {
                samples[index] = line[x * component.header.h / frame.max_h];
            }
        }
        if !is_repeated {
            let pixels = row.iter_mut().zip(&*samples);
            match (frame.components.len(), transform.is_ycbcr, cmyk) {
                (_, _, Some(cmyk)) => {
                    let full = f64::from(frame.white());
                    pixels.for_each(|(pixel, samples)| {
                        let ink = inks_of(frame, transform, *samples);
                        *pixel = cmyk.srgb(&ink.map(|ink| f64::from(ink) / full));
                    });
                }
                (3, true, None) => pixels.for_each(|(pixel, [luma, cb, cr, _])| {
                    *pixel = from_ycbcr([*luma, *cb, *cr], frame.precision());
                }),
                _ => {
                    pixels.for_each(|(pixel, samples)| *pixel = rgb_of(frame, transform, *samples))
                }
            }
            let white = u32::from(if cmyk.is_some() { u16::MAX } else { frame.white() });
            let full_scale = u32::from(if is_deep { u16::MAX } else { u8::MAX.into() });
            if white != full_scale {
                row.as_flattened_mut().iter_mut().for_each(|value| {
                    *value = ((u32::from(*value) * full_scale + white / 2) / white) as u16;
                });
            }
        }
        push(row, frame.components.len() == 1, is_deep, &mut self.take)
    }
}

/// The RGB of a pixel, in the frame's precision.
fn rgb_of(frame: &Frame, transform: ColorTransform, samples: [u16; 4]) -> [u16; 3] {
    let white = frame.white();
    let [a, b, c, _] = samples;
    match frame.components.len() {
        1 => [a; 3],
        4 => {
            let [cyan, magenta, yellow, black] = inks_of(frame, transform, samples);
            let light = |ink: u16| u32::from(white - ink);
            [cyan, magenta, yellow].map(|ink| (light(ink) * light(black) / u32::from(white)) as u16)
        }
        _ if transform.is_ycbcr => from_ycbcr([a, b, c], frame.precision()),
        _ => [a, b, c],
    }
}

/// Cyan, magenta, yellow and black of a pixel of four components, in the frame's precision; 0 is no
/// ink. CMYK is stored inverted, as Adobe's programs do, also where their marker is missing: so other
/// decoders read it. YCCK transforms inverted CMY.
fn inks_of(frame: &Frame, transform: ColorTransform, [a, b, c, black]: [u16; 4]) -> [u16; 4] {
    let white = frame.white();
    let [cyan, magenta, yellow] = match transform.is_ycbcr {
        true => from_ycbcr([a, b, c], frame.precision()),
        false => [a, b, c].map(|light| white - light),
    };
    [cyan, magenta, yellow, white - black]
}

/// RGB of Y, Cb and Cr of any precision (JFIF 1.02). Factors are in 1/65536.
#[inline(always)]
fn from_ycbcr(samples: [u16; 3], precision: u32) -> [u16; 3] {
    let [luma, cb, cr] = samples.map(i64::from);
    let (white, middle) = ((1 << precision) - 1, 1 << (precision - 1));
    let (cb, cr) = (cb - middle, cr - middle);
    [91_881 * cr, -22_554 * cb - 46_802 * cr, 116_130 * cb]
        .map(|chroma| (luma + ((chroma + 32_768) >> 16)).clamp(0, white) as u16)
}

fn push(
    row: &[[u16; 3]],
    is_grey: bool,
    is_deep: bool,
    take: &mut impl FnMut(Row<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
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
    /// Whether a row of data units is one of blocks without AC coefficients.
    fn is_flat(&self, row: usize) -> bool {
        row < self.blocks.rows() && self.blocks.is_flat(row)
    }

    /// Puts the samples of a row of MCUs into `samples`: row-major, `stride` data units wide. Of flat
    /// blocks, only the first lines are valid.
    fn reconstruct(&self, frame: &Frame, mcu_row: usize, samples: &mut Vec<u16>) {
        let (white, side) = (frame.white(), frame.unit_side());
        let middle = 1 << (frame.precision() - 1);
        let line_len = self.stride * side;
        let rows = mcu_row * self.header.v..(mcu_row + 1) * self.header.v;
        samples.resize(rows.len() * line_len * side, 0);
        for (row, samples) in rows.zip(samples.chunks_exact_mut(line_len * side)) {
            if frame.process == Process::Lossless {
                let values = &self.values[row * self.stride..(row + 1) * self.stride];
                for (sample, value) in samples.iter_mut().zip(values) {
                    let value = (i32::from(*value) << self.point_transform) + middle;
                    *sample = value.clamp(0, white.into()) as u16;
                }
                continue;
            }
            // a component without scans is grey
            let quantization = self.quantization.as_ref().unwrap_or(&[0; BLOCK_LEN]);
            let sample_of = |value: f32| ((value + middle as f32 + 0.5) as u16).min(white);
            if self.is_flat(row) {
                for (samples, dc) in
                    samples.chunks_exact_mut(BLOCK_SIDE).zip(self.blocks.row_of_dcs(row))
                {
                    samples.fill(sample_of(idct::flat_sample(*dc, quantization[0])));
                }
                continue;
            }
            for (index, block) in self.blocks.unpacked(row).enumerate() {
                let columns = index * BLOCK_SIDE..(index + 1) * BLOCK_SIDE;
                let lines = samples.chunks_exact_mut(line_len).map(|it| &mut it[columns.clone()]);
                if block[1..] == [0; BLOCK_LEN - 1] {
                    let sample = sample_of(idct::flat_sample(block[0], quantization[0]));
                    lines.for_each(|line| line.fill(sample));
                    continue;
                }
                for (line, values) in lines.zip(idct::samples(&block, quantization)) {
                    for (sample, value) in line.iter_mut().zip(values) {
                        *sample = sample_of(value);
                    }
                }
            }
        }
    }
}
