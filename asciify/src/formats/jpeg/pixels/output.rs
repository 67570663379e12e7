//! Rows of pixels of the samples of components: chroma is interpolated as in the library, and converted
//! with its rounding.

use std::ops::ControlFlow;

use multiversion::multiversion;

use super::Samples;
use crate::formats::decoder::TakeRows;
use crate::formats::jpeg::block::BLOCK_SIDE;
use crate::formats::jpeg::segments::FrameHeader;
use crate::light::Row;
use crate::spec::region::PixelRect;

/// Passes rows of pixels to `take`.
pub(in crate::formats::jpeg) struct Output<'a> {
    take: &'a mut dyn TakeRows,
    width: usize,
    /// Rows that are to come.
    rows_left: usize,
    /// How many times luma has more samples across and down than chroma.
    factors: (usize, usize),
    row: Vec<[u8; 3]>,
    /// A line of chroma, interpolated down.
    line: Vec<i16>,
    /// Cb and Cr, interpolated down and across.
    chroma: [Vec<i16>; 2],
}

impl<'a> Output<'a> {
    pub(in crate::formats::jpeg) fn new(frame: &FrameHeader, take: &'a mut dyn TakeRows) -> Self {
        Self {
            take,
            width: frame.width,
            rows_left: frame.height,
            factors: frame.max_sampling(),
            row: Vec::new(),
            line: Vec::new(),
            chroma: [const { Vec::new() }; 2],
        }
    }

    /// The pixels that are needed of further rows.
    pub(in crate::formats::jpeg) fn needed(&self) -> PixelRect {
        self.take.needed()
    }

    /// Passes the rows of pixels that the rows of MCUs up to that of index `row` make. Where chroma is
    /// interpolated down, the last ones wait for the row below.
    pub(in crate::formats::jpeg) fn write(
        &mut self,
        planes: &[Samples],
        row: usize,
        is_last: bool,
    ) -> ControlFlow<()> {
        let end = BLOCK_SIDE as isize;
        if self.factors.1 == 1 {
            return (0..end).try_for_each(|at| self.push(planes, at, at, at));
        }
        let lines = if row == 0 { 0 } else { -1 }..if is_last { end } else { end - 1 };
        for at in lines {
            let above = if row == 0 { (at - 1).max(0) } else { at - 1 };
            let below = if is_last { (at + 1).min(end - 1) } else { at + 1 };
            self.push(planes, 2 * at, at, above)?;
            self.push(planes, 2 * at + 1, at, below)?;
        }
        ControlFlow::Continue(())
    }

    /// Passes the row of pixels of a line of luma, and of the nearest line of chroma and the next one to
    /// it.
    fn push(
        &mut self,
        planes: &[Samples],
        luma: isize,
        nearest: isize,
        next: isize,
    ) -> ControlFlow<()> {
        let Some(rows_left) = self.rows_left.checked_sub(1) else {
            return ControlFlow::Continue(()); // padding
        };
        self.rows_left = rows_left;
        match planes {
            [grey] => {
                let row = grey.line(luma)[..self.width].iter().map(|it| [*it as u8]);
                self.take.push(Row::Grey8(&row.collect::<Vec<_>>()))
            }
            [y, cb, cr] => {
                for (plane, to) in [cb, cr].into_iter().zip(&mut self.chroma) {
                    let line = match nearest == next {
                        true => plane.line(nearest),
                        false => {
                            between(plane.line(nearest), plane.line(next), &mut self.line);
                            &self.line
                        }
                    };
                    match self.factors.0 {
                        1 => line.clone_into(to),
                        _ => widened(line, to),
                    }
                }
                let [cb, cr] = &self.chroma;
                self.row.resize(self.width, [0; 3]);
                to_rgb(y.line(luma), cb, cr, &mut self.row);
                self.take.push(Row::Rgb8(&self.row))
            }
            _ => ControlFlow::Break(()),
        }
    }
}

/// What is a quarter of the way from each sample of a line to that of the next one.
#[multiversion(targets("x86_64+avx2"))]
fn between(nearest: &[i16], next: &[i16], to: &mut Vec<i16>) {
    to.clear();
    to.extend(nearest.iter().zip(next).map(|(a, b)| (3 * a + b + 2) >> 2));
}

/// A line of twice as many samples, each a quarter of the way to the next one.
#[multiversion(targets("x86_64+avx2"))]
fn widened(line: &[i16], to: &mut Vec<i16>) {
    to.resize(2 * line.len(), 0);
    for (to, near) in to[1..].as_chunks_mut::<2>().0.iter_mut().zip(line.windows(2)) {
        *to = [(3 * near[0] + near[1] + 2) >> 2, (3 * near[1] + near[0] + 2) >> 2];
    }
    to[0] = line[0];
    to[2 * line.len() - 1] = line[line.len() - 1];
}

/// RGB of Y, Cb and Cr of a line.
#[multiversion(targets("x86_64+avx2"))]
fn to_rgb(luma: &[i16], cb: &[i16], cr: &[i16], to: &mut [[u8; 3]]) {
    const AT_ONCE: usize = 16;
    let (chunks, rest) = to.as_chunks_mut::<AT_ONCE>();
    let at = chunks.len() * AT_ONCE;
    let [luma_chunks, cb_chunks, cr_chunks] = [luma, cb, cr].map(|it| it.as_chunks::<AT_ONCE>().0);
    let chunks = chunks.iter_mut().zip(luma_chunks).zip(cb_chunks).zip(cr_chunks);
    for (((to, luma), cb), cr) in chunks {
        let mut planes = [[0; AT_ONCE]; 3];
        for at in 0..AT_ONCE {
            let rgb = rgb_of(luma[at], cb[at], cr[at]);
            (planes[0][at], planes[1][at], planes[2][at]) = (rgb[0], rgb[1], rgb[2]);
        }
        for (at, to) in to.iter_mut().enumerate() {
            *to = [planes[0][at], planes[1][at], planes[2][at]];
        }
    }
    let samples = luma[at..].iter().zip(&cb[at..]).zip(&cr[at..]);
    for (to, ((luma, cb), cr)) in rest.iter_mut().zip(samples) {
        *to = rgb_of(*luma, *cb, *cr);
    }
}

/// RGB of a pixel, with factors of 14 bits.
#[inline(always)]
fn rgb_of(luma: i16, cb: i16, cr: i16) -> [u8; 3] {
    let (cb, cr) = (i32::from(cb - 128), i32::from(cr - 128));
    let level = (i32::from(luma) << 14) + (1 << 13) - 1;
    let [r, g, b] = [22_970 * cr, -11_700 * cr - 5_638 * cb, 29_032 * cb];
    [
        ((level + r) >> 14).clamp(0, 255) as u8,
        ((level + g) >> 14).clamp(0, 255) as u8,
        ((level + b) >> 14).clamp(0, 255) as u8,
    ]
}
