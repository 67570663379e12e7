//! Intra prediction: pixels from those above and to the left (RFC 6386, section 12).

use super::modes::{IntraMode, LumaMode, MacroblockHeader, SubblockMode};
use super::residual::Residual;

/// Where the macroblock's pixels begin in a row of [`Plane`]; the pixel before is the one to the
/// left.
const START: usize = 4;
/// Pixels in a row of [`Plane`].
const STRIDE: usize = 32;
/// The values of pixels above the frame, and to its left.
const ABOVE: u8 = 127;
const LEFT: u8 = 129;

/// The pixels of a macroblock and those around it that prediction uses.
pub(super) struct MacroblockPixels {
    pub(super) luma: Plane<17>,
    /// U and V.
    pub(super) chroma: [Plane<9>; 2],
}

/// The bottom row of a macroblock.
#[derive(Clone, Default)]
pub(super) struct BottomRow {
    luma: [u8; 16],
    chroma: [[u8; 8]; 2],
}

impl MacroblockPixels {
    pub(super) fn new() -> Self {
        Self { luma: Plane::new(), chroma: [Plane::new(), Plane::new()] }
    }

    /// Begins a row of macroblocks.
    pub(super) fn start_row(&mut self, is_first: bool) {
        self.luma.start_row(is_first);
        self.chroma.iter_mut().for_each(|plane| plane.start_row(is_first));
    }

    /// Moves on to the macroblock to the right.
    pub(super) fn move_right(&mut self) {
        self.luma.move_right();
        self.chroma.iter_mut().for_each(Plane::move_right);
    }

    /// Sets the row above, from the macroblock above and the one to the right of that, if there is
    /// one.
    pub(super) fn set_above(&mut self, above: &BottomRow, next: Option<&BottomRow>) {
        self.luma.set_above(&above.luma);
        for (plane, above) in self.chroma.iter_mut().zip(&above.chroma) {
            plane.set_above(above);
        }
        self.luma.set_above_right(match next {
            Some(BottomRow { luma: [a, b, c, d, ..], .. }) => [*a, *b, *c, *d],
            None => [above.luma[15]; 4],
        });
    }

    pub(super) fn bottom_row(&self) -> BottomRow {
        let mut bottom = BottomRow::default();
        bottom.luma.copy_from_slice(self.luma.bottom_row());
        for (row, plane) in bottom.chroma.iter_mut().zip(&self.chroma) {
            row.copy_from_slice(plane.bottom_row());
        }
        bottom
    }

    /// Predicts the macroblock and adds the residual.
    pub(super) fn reconstruct(
        &mut self,
        header: &MacroblockHeader,
        residual: Option<&Residual>,
        has_above: bool,
        has_left: bool,
    ) {
        let luma = residual.map(|it| &it.luma);
        match &header.luma {
            LumaMode::Whole(mode) => {
                self.luma.predict(*mode, has_above, has_left);
                if let Some(luma) = luma {
                    self.luma.add(luma);
                }
            }
            LumaMode::Subblocks(modes) => {
                for (row, modes) in modes.iter().enumerate() {
                    for (column, mode) in modes.iter().enumerate() {
                        self.luma.reconstruct_subblock(row, column, *mode, luma);
                    }
                }
            }
        }
        for (index, plane) in self.chroma.iter_mut().enumerate() {
            plane.predict(header.chroma, has_above, has_left);
            if let Some(residual) = residual {
                plane.add(&residual.chroma[index]);
            }
        }
    }
}

/// One plane of a macroblock and the pixels around it, row-major with [`STRIDE`] pixels in a row:
/// row 0 is above the macroblock, column `START - 1` to its left. `ROWS` is the macroblock's side
/// and 1. The four luma columns to the right of the macroblock hold pixels of the macroblock above
/// to the right.
pub(super) struct Plane<const ROWS: usize>([[u8; STRIDE]; ROWS]);

impl<const ROWS: usize> Plane<ROWS> {
    const SIDE: usize = ROWS - 1;

    fn new() -> Self {
        Self([[ABOVE; STRIDE]; ROWS])
    }

    /// Begins a row of macroblocks.
    fn start_row(&mut self, is_first: bool) {
        self.0.iter_mut().for_each(|row| row[START - 1] = LEFT);
        if is_first {
            self.0[0] = [ABOVE; STRIDE];
        }
    }

    /// Moves on to the macroblock to the right.
    fn move_right(&mut self) {
        self.0.iter_mut().for_each(|row| row[START - 1] = row[START + Self::SIDE - 1]);
    }

    fn set_above(&mut self, pixels: &[u8]) {
        self.0[0][START..START + Self::SIDE].copy_from_slice(pixels);
    }

    fn bottom_row(&self) -> &[u8] {
        &self.0[ROWS - 1][START..START + Self::SIDE]
    }

    /// The macroblock's pixels, row by row.
    pub(super) fn pixels(&self) -> impl Iterator<Item = &[u8]> {
        self.0[1..].iter().map(|row| &row[START..START + Self::SIDE])
    }

    /// Predicts the macroblock as a whole (sections 12.2 and 12.3). `DC_PRED` uses only neighbours
    /// inside the frame.
    fn predict(&mut self, mode: IntraMode, has_above: bool, has_left: bool) {
        let [above, rows @ ..] = &mut self.0[..] else { return };
        let corner = above[START - 1];
        let above = &above[START..START + Self::SIDE];
        match mode {
            IntraMode::Dc => {
                let above: u32 = above.iter().map(|it| u32::from(*it)).sum();
                let left: u32 = rows.iter().map(|row| u32::from(row[START - 1])).sum();
                let side = Self::SIDE as u32;
                let dc = match (has_above, has_left) {
                    (true, true) => (above + left + side) / (2 * side),
                    (true, false) => (above + side / 2) / side,
                    (false, true) => (left + side / 2) / side,
                    (false, false) => 128,
                };
                for row in rows {
                    row[START..START + Self::SIDE].fill(dc as u8);
                }
            }
            IntraMode::V => {
                for row in rows {
                    row[START..START + Self::SIDE].copy_from_slice(above);
                }
            }
            IntraMode::H => {
                for row in rows {
                    let left = row[START - 1];
                    row[START..START + Self::SIDE].fill(left);
                }
            }
            IntraMode::Tm => {
                for row in rows {
                    let change = i16::from(row[START - 1]) - i16::from(corner);
                    for (pixel, above) in row[START..START + Self::SIDE].iter_mut().zip(above) {
                        *pixel = (i16::from(*above) + change).clamp(0, 255) as u8;
                    }
                }
            }
        }
    }

    /// Adds the residual of a macroblock.
    fn add<const SIDE: usize>(&mut self, rows: &[[i16; SIDE]; SIDE]) {
        for (row, differences) in self.0[1..].iter_mut().zip(rows) {
            add(&mut row[START..START + SIDE], differences);
        }
    }
}

/// Adds the residual of a row of pixels.
fn add(pixels: &mut [u8], differences: &[i16]) {
    for (pixel, difference) in pixels.iter_mut().zip(differences) {
        *pixel = difference.saturating_add((*pixel).into()).clamp(0, 255) as u8;
    }
}

impl Plane<17> {
    /// Sets the four pixels above and to the right of the macroblock. Subblocks at its right edge
    /// use them in every row, since the macroblock to the right is not decoded yet.
    fn set_above_right(&mut self, pixels: [u8; 4]) {
        for row in [0, 4, 8, 12] {
            self.0[row][START + 16..START + 20].copy_from_slice(&pixels);
        }
    }

    /// Predicts a subblock (section 12.3) and adds its residual.
    fn reconstruct_subblock(
        &mut self,
        row: usize,
        column: usize,
        mode: SubblockMode,
        residual: Option<&[[i16; 16]; 16]>,
    ) {
        let (top, left) = (4 * row, START + 4 * column);
        // The array E of section 12.3 in edge[1..14]: left from the bottom, corner, above, above
        // right. Its ends are repeated.
        let mut edge = [0; 16];
        for (at, pixel) in edge[1..5].iter_mut().enumerate() {
            *pixel = self.0[top + 4 - at][left - 1];
        }
        edge[5..14].copy_from_slice(&self.0[top][left - 1..left + 8]);
        (edge[0], edge[14]) = (edge[1], edge[13]);
        let pixels = predict_subblock(mode, &edge);
        for (y, mut pixels) in pixels.into_iter().enumerate() {
            if let Some(residual) = residual {
                add(&mut pixels, &residual[top + y][4 * column..4 * column + 4]);
            }
            self.0[top + 1 + y][left..left + 4].copy_from_slice(&pixels);
        }
    }
}

/// The prediction of a subblock, by row and column. `edge` is that of
/// [`Plane::reconstruct_subblock`].
#[inline(always)]
fn predict_subblock(mode: SubblockMode, edge: &[u8; 16]) -> [[u8; 4]; 4] {
    // avg2[i] is of edge[i..i + 2], avg3[i] of edge[i..i + 3]: most modes only select among them
    let mut avg2 = [0; 16];
    let mut avg3 = [0; 16];
    for at in 0..13 {
        let [a, b, c] = [0, 1, 2].map(|next| u16::from(edge[at + next]));
        avg2[at] = ((a + b + 1) >> 1) as u8;
        avg3[at] = ((a + 2 * b + c + 2) >> 2) as u8;
    }
    let of = |line: &[u8; 16], at: usize| [line[at], line[at + 1], line[at + 2], line[at + 3]];
    match mode {
        SubblockMode::Dc => {
            let sum: u16 = edge[1..5].iter().chain(&edge[6..10]).map(|it| u16::from(*it)).sum();
            [[((sum + 4) >> 3) as u8; 4]; 4]
        }
        SubblockMode::Tm => [4, 3, 2, 1].map(|row| {
            let change = i16::from(edge[row]) - i16::from(edge[5]);
            of(edge, 6).map(|above| (i16::from(above) + change).clamp(0, 255) as u8)
        }),
        SubblockMode::Ve => [of(&avg3, 5); 4],
        SubblockMode::He => [[avg3[3]; 4], [avg3[2]; 4], [avg3[1]; 4], [avg3[0]; 4]],
        SubblockMode::Ld => [6, 7, 8, 9].map(|at| of(&avg3, at)),
        SubblockMode::Rd => [4, 3, 2, 1].map(|at| of(&avg3, at)),
        SubblockMode::Vr => [
            of(&avg2, 5),
            of(&avg3, 4),
            [avg3[3], avg2[5], avg2[6], avg2[7]],
            [avg3[2], avg3[4], avg3[5], avg3[6]],
        ],
        SubblockMode::Vl => [
            of(&avg2, 6),
            of(&avg3, 6),
            [avg2[7], avg2[8], avg2[9], avg3[10]],
            [avg3[7], avg3[8], avg3[9], avg3[11]],
        ],
        SubblockMode::Hd => [
            [avg2[4], avg3[4], avg3[5], avg3[6]],
            [avg2[3], avg3[3], avg2[4], avg3[4]],
            [avg2[2], avg3[2], avg2[3], avg3[3]],
            [avg2[1], avg3[1], avg2[2], avg3[2]],
        ],
        SubblockMode::Hu => [
            [avg2[3], avg3[2], avg2[2], avg3[1]],
            [avg2[2], avg3[1], avg2[1], avg3[0]],
            [avg2[1], avg3[0], avg2[0], avg2[0]],
            [avg2[0]; 4],
        ],
    }
}
