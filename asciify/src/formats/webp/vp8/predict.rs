//! Predicts pixels from those above and to the left: RFC 6386, 12.

use super::modes::{Luma, Macroblock, Mode, SubMode};
use super::residue::Residue;

/// Where the pixels of a row begin, behind the one to their left; what is before it is room only.
const START: usize = 4;
const STRIDE: usize = 32;
/// What is above the frame, and to its left.
const ABOVE: u8 = 127;
const LEFT: u8 = 129;

/// The pixels of a macroblock.
pub(super) struct Pixels {
    pub(super) luma: Area<17>,
    pub(super) chroma: [Area<9>; 2],
}

/// The lowest row of a macroblock.
#[derive(Clone, Default)]
pub(super) struct Lowest {
    luma: [u8; 16],
    chroma: [[u8; 8]; 2],
}

impl Pixels {
    pub(super) fn new() -> Self {
        Self { luma: Area::new(), chroma: [Area::new(), Area::new()] }
    }

    /// Goes to the left of the frame.
    pub(super) fn start_row(&mut self, is_first: bool) {
        self.luma.start_row(is_first);
        self.chroma.iter_mut().for_each(|area| area.start_row(is_first));
    }

    /// Goes on to the next macroblock.
    pub(super) fn go_right(&mut self) {
        self.luma.go_right();
        self.chroma.iter_mut().for_each(Area::go_right);
    }

    /// Sets what is above, and above the next macroblock, if there is one.
    pub(super) fn set_above(&mut self, above: &Lowest, next: Option<&Lowest>) {
        self.luma.set_above(&above.luma);
        for (area, above) in self.chroma.iter_mut().zip(&above.chroma) {
            area.set_above(above);
        }
        self.luma.set_above_right(match next {
            Some(Lowest { luma: [a, b, c, d, ..], .. }) => [*a, *b, *c, *d],
            None => [above.luma[15]; 4],
        });
    }

    pub(super) fn lowest(&self) -> Lowest {
        let mut lowest = Lowest::default();
        lowest.luma.copy_from_slice(self.luma.lowest());
        for (lowest, area) in lowest.chroma.iter_mut().zip(&self.chroma) {
            lowest.copy_from_slice(area.lowest());
        }
        lowest
    }

    pub(super) fn draw(
        &mut self,
        told: &Macroblock,
        residue: Option<&Residue>,
        has_above: bool,
        has_left: bool,
    ) {
        let luma = residue.map(|it| &it.luma);
        match &told.luma {
            Luma::Whole(mode) => {
                self.luma.predict(*mode, has_above, has_left);
                if let Some(luma) = luma {
                    self.luma.add(luma);
                }
            }
            Luma::Parts(modes) => {
                for (row, modes) in modes.iter().enumerate() {
                    for (column, mode) in modes.iter().enumerate() {
                        self.luma.draw_part(row, column, *mode, luma);
                    }
                }
            }
        }
        for (plane, area) in self.chroma.iter_mut().enumerate() {
            area.predict(told.chroma, has_above, has_left);
            if let Some(residue) = residue {
                area.add(&residue.chroma[plane]);
            }
        }
    }
}

/// Pixels of a macroblock, below a row of those above it and right of a column of those to its
/// left. Right of them are, for luma, four of those above the next macroblock.
pub(super) struct Area<const ROWS: usize>([[u8; STRIDE]; ROWS]);

impl<const ROWS: usize> Area<ROWS> {
    const SIDE: usize = ROWS - 1;

    fn new() -> Self {
        Self([[ABOVE; STRIDE]; ROWS])
    }

    /// Goes to the left of the frame.
    fn start_row(&mut self, is_first: bool) {
        self.0.iter_mut().for_each(|row| row[START - 1] = LEFT);
        if is_first {
            self.0[0] = [ABOVE; STRIDE];
        }
    }

    /// Goes on to the next macroblock.
    fn go_right(&mut self) {
        self.0.iter_mut().for_each(|row| row[START - 1] = row[START + Self::SIDE - 1]);
    }

    fn set_above(&mut self, pixels: &[u8]) {
        self.0[0][START..START + Self::SIDE].copy_from_slice(pixels);
    }

    /// The row that the next macroblock below goes on from.
    fn lowest(&self) -> &[u8] {
        &self.0[ROWS - 1][START..START + Self::SIDE]
    }

    pub(super) fn pixels(&self) -> impl Iterator<Item = &[u8]> {
        self.0[1..].iter().map(|row| &row[START..START + Self::SIDE])
    }

    /// Fills it as a whole. The mean is taken of what there is inside the frame.
    fn predict(&mut self, mode: Mode, has_above: bool, has_left: bool) {
        let [above, rows @ ..] = &mut self.0[..] else { return };
        let corner = above[START - 1];
        let above = &above[START..START + Self::SIDE];
        match mode {
            Mode::Mean => {
                let above: u32 = above.iter().map(|it| u32::from(*it)).sum();
                let left: u32 = rows.iter().map(|row| u32::from(row[START - 1])).sum();
                let side = Self::SIDE as u32;
                let mean = match (has_above, has_left) {
                    (true, true) => (above + left + side) / (2 * side),
                    (true, false) => (above + side / 2) / side,
                    (false, true) => (left + side / 2) / side,
                    (false, false) => 128,
                };
                for row in rows {
                    row[START..START + Self::SIDE].fill(mean as u8);
                }
            }
            Mode::Down => {
                for row in rows {
                    row[START..START + Self::SIDE].copy_from_slice(above);
                }
            }
            Mode::Right => {
                for row in rows {
                    let left = row[START - 1];
                    row[START..START + Self::SIDE].fill(left);
                }
            }
            Mode::Motion => {
                for row in rows {
                    let change = i16::from(row[START - 1]) - i16::from(corner);
                    for (pixel, above) in row[START..START + Self::SIDE].iter_mut().zip(above) {
                        *pixel = (i16::from(*above) + change).clamp(0, 255) as u8;
                    }
                }
            }
        }
    }

    /// Adds `rows` of differences.
    fn add<const SIDE: usize>(&mut self, rows: &[[i16; SIDE]; SIDE]) {
        for (row, differences) in self.0[1..].iter_mut().zip(rows) {
            add(&mut row[START..START + SIDE], differences);
        }
    }
}

fn add(pixels: &mut [u8], differences: &[i16]) {
    for (pixel, difference) in pixels.iter_mut().zip(differences) {
        *pixel = difference.saturating_add((*pixel).into()).clamp(0, 255) as u8;
    }
}

impl Area<17> {
    /// Sets the four pixels above the next macroblock. They stand as well for what is to the right,
    /// which is not yet known.
    fn set_above_right(&mut self, pixels: [u8; 4]) {
        for row in [0, 4, 8, 12] {
            self.0[row][START + 16..START + 20].copy_from_slice(&pixels);
        }
    }

    /// Predicts a subblock, and adds what differs.
    fn draw_part(
        &mut self,
        row: usize,
        column: usize,
        mode: SubMode,
        residue: Option<&[[i16; 16]; 16]>,
    ) {
        let (top, left) = (4 * row, START + 4 * column);
        // around the subblock, from its lower left to what is right above it; the ends count twice
        let mut edge = [0; 16];
        for (at, pixel) in edge[1..5].iter_mut().enumerate() {
            *pixel = self.0[top + 4 - at][left - 1];
        }
        edge[5..14].copy_from_slice(&self.0[top][left - 1..left + 8]);
        (edge[0], edge[14]) = (edge[1], edge[13]);
        // at each place the mean of two and of three: most modes only choose among them
        let mut two = [0; 16];
        let mut three = [0; 16];
        for at in 0..13 {
            let [a, b, c] = [0, 1, 2].map(|next| u16::from(edge[at + next]));
            two[at] = ((a + b + 1) >> 1) as u8;
            three[at] = ((a + 2 * b + c + 2) >> 2) as u8;
        }
        let of = |line: &[u8; 16], at: usize| [line[at], line[at + 1], line[at + 2], line[at + 3]];
        let pixels: [[u8; 4]; 4] = match mode {
            SubMode::Mean => {
                let sum: u16 = edge[1..5].iter().chain(&edge[6..10]).map(|it| u16::from(*it)).sum();
                [[((sum + 4) >> 3) as u8; 4]; 4]
            }
            SubMode::Motion => [4, 3, 2, 1].map(|row| {
                let change = i16::from(edge[row]) - i16::from(edge[5]);
                of(&edge, 6).map(|above| (i16::from(above) + change).clamp(0, 255) as u8)
            }),
            SubMode::Down => [of(&three, 5); 4],
            SubMode::Right => [[three[3]; 4], [three[2]; 4], [three[1]; 4], [three[0]; 4]],
            SubMode::LeftDown => [6, 7, 8, 9].map(|at| of(&three, at)),
            SubMode::RightDown => [4, 3, 2, 1].map(|at| of(&three, at)),
            SubMode::RightDownDown => [
                of(&two, 5),
                of(&three, 4),
                [three[3], two[5], two[6], two[7]],
                [three[2], three[4], three[5], three[6]],
            ],
            SubMode::LeftDownDown => [
                of(&two, 6),
                of(&three, 6),
                [two[7], two[8], two[9], three[10]],
                [three[7], three[8], three[9], three[11]],
            ],
            SubMode::RightRightDown => [
                [two[4], three[4], three[5], three[6]],
                [two[3], three[3], two[4], three[4]],
                [two[2], three[2], two[3], three[3]],
                [two[1], three[1], two[2], three[2]],
            ],
            SubMode::RightUp => [
                [two[3], three[2], two[2], three[1]],
                [two[2], three[1], two[1], three[0]],
                [two[1], three[0], two[0], two[0]],
                [two[0]; 4],
            ],
        };
        for (y, mut pixels) in pixels.into_iter().enumerate() {
            if let Some(residue) = residue {
                add(&mut pixels, &residue[top + y][4 * column..4 * column + 4]);
            }
            self.0[top + 1 + y][left..left + 4].copy_from_slice(&pixels);
        }
    }
}
