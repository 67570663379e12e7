//! How macroblocks are predicted, as the first partition tells it: RFC 6386, 10 and 11.

use super::bits::Bits;
use super::tables::SUB_MODES;

/// How a whole block of luma or chroma is predicted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// All pixels are the mean of those above and to the left.
    Mean,
    Down,
    Right,
    /// What is to the left, changing as what is above does.
    Motion,
}

/// How a subblock of 4 × 4 pixels is predicted: from B_DC_PRED to B_HU_PRED, as the tables have them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum SubMode {
    #[default]
    Mean,
    Motion,
    Down,
    Right,
    LeftDown,
    RightDown,
    RightDownDown,
    LeftDownDown,
    RightRightDown,
    RightUp,
}

/// How the luma of a macroblock is predicted.
pub(super) enum Luma {
    Whole(Mode),
    Parts([[SubMode; 4]; 4]),
}

/// What the first partition tells of a macroblock.
pub(super) struct Macroblock {
    pub(super) segment: usize,
    /// Whether it has no coefficients at all.
    pub(super) is_bare: bool,
    pub(super) luma: Luma,
    pub(super) chroma: Mode,
}

/// What goes before the modes of each macroblock.
pub(super) struct Modes {
    /// Of segments, where the frame maps them.
    pub(super) segments: Option<[u8; 3]>,
    /// That a macroblock has coefficients, where the frame tells.
    pub(super) bare: Option<u8>,
}

impl Modes {
    /// `above` and `left` are the modes of the subblocks there, and become those of this one.
    pub(super) fn read(
        &self,
        bits: &mut Bits<'_>,
        above: &mut [SubMode; 4],
        left: &mut [SubMode; 4],
    ) -> Macroblock {
        let segment = self.segments.map_or(0, |likely| match bits.bit(likely[0]) {
            false => usize::from(bits.bit(likely[1])),
            true => 2 + usize::from(bits.bit(likely[2])),
        });
        let is_bare = self.bare.is_some_and(|likely| bits.bit(likely));
        let luma = if !bits.bit(145) {
            let mut modes = [[SubMode::Mean; 4]; 4];
            for (row, left) in modes.iter_mut().zip(left) {
                for (mode, above) in row.iter_mut().zip(&mut *above) {
                    *mode = sub_mode(bits, &SUB_MODES[*above as usize][*left as usize]);
                    (*above, *left) = (*mode, *mode);
                }
            }
            Luma::Parts(modes)
        } else {
            let (mode, sub_mode) = if !bits.bit(156) {
                match bits.bit(163) {
                    false => (Mode::Mean, SubMode::Mean),
                    true => (Mode::Down, SubMode::Down),
                }
            } else {
                match bits.bit(128) {
                    false => (Mode::Right, SubMode::Right),
                    true => (Mode::Motion, SubMode::Motion),
                }
            };
            (*above, *left) = ([sub_mode; 4], [sub_mode; 4]);
            Luma::Whole(mode)
        };
        let chroma = if !bits.bit(142) {
            Mode::Mean
        } else if !bits.bit(114) {
            Mode::Down
        } else if !bits.bit(183) {
            Mode::Right
        } else {
            Mode::Motion
        };
        Macroblock { segment, is_bare, luma, chroma }
    }
}

fn sub_mode(bits: &mut Bits<'_>, likely: &[u8; 9]) -> SubMode {
    if !bits.bit(likely[0]) {
        SubMode::Mean
    } else if !bits.bit(likely[1]) {
        SubMode::Motion
    } else if !bits.bit(likely[2]) {
        SubMode::Down
    } else if !bits.bit(likely[3]) {
        if !bits.bit(likely[4]) {
            SubMode::Right
        } else if !bits.bit(likely[5]) {
            SubMode::RightDown
        } else {
            SubMode::RightDownDown
        }
    } else if !bits.bit(likely[6]) {
        SubMode::LeftDown
    } else if !bits.bit(likely[7]) {
        SubMode::LeftDownDown
    } else if !bits.bit(likely[8]) {
        SubMode::RightRightDown
    } else {
        SubMode::RightUp
    }
}
