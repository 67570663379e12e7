//! What Huffman coding and arithmetic coding have in common: decoding a block of coefficients, as a
//! whole or by successive approximation.

use crate::formats::jpeg::block::Block;

/// How many steps decoding a file of so many bytes may take: binary decisions of arithmetic coding,
/// which can take almost no bits, and [`BLOCK_STEPS`] for each block of each scan. With the work for
/// the pixels of a block, a step takes 20 to 40 nanoseconds.
///
/// Real files stay below it: each coefficient takes a bit for its sign, and blank pictures of 128
/// million pixels take 36 million.
pub(super) fn budget(bytes: u64) -> u64 {
    bytes.saturating_mul(32).saturating_add(40_000_000)
}

/// A budget for a thousand blocks at most.
pub(super) const FEW_BLOCKS: u64 = 1000 * BLOCK_STEPS;

/// The steps that a block takes besides its decisions, in each scan that has it.
pub(super) const BLOCK_STEPS: u64 = 4;

/// The part of each block that a scan has, by spectral selection and successive approximation
/// (T.81, G.1.1.1). Indices are in zigzag order.
pub(super) struct CoefficientRange {
    /// Ss: the first coefficient.
    pub(super) ss: usize,
    /// Se: the last coefficient.
    pub(super) se: usize,
    /// Ah > 0: the scan adds one bit to the coefficients of earlier scans.
    pub(super) is_refinement: bool,
    /// Al: how many low bits are left for later scans.
    pub(super) al: u32,
}

/// Decodes the blocks of one entropy-coded segment. `component` is the index of a component in the
/// scan. The result is `None` where the data is damaged.
pub(super) trait EntropyDecoder {
    /// Takes so many steps of the budget. `None` where it is spent.
    fn spend(&mut self, steps: u64) -> Option<()>;

    /// DIFF: the DC coefficient of a block less that of the component's last block.
    fn dc_difference(&mut self, component: usize) -> Option<i32>;

    /// A bit that is coded without a model.
    fn bit(&mut self) -> Option<bool>;

    /// The first scan of the AC coefficients in the range.
    fn ac_coefficients(
        &mut self,
        component: usize,
        range: &CoefficientRange,
        block: &mut Block,
    ) -> Option<()>;

    /// A later scan of the AC coefficients in the range: one more bit of each.
    fn refine_ac_coefficients(
        &mut self,
        component: usize,
        range: &CoefficientRange,
        block: &mut Block,
    ) -> Option<()>;

    /// All coefficients of the range. `predictor` is the DC coefficient of the component's last
    /// block, as it is coded.
    fn block(
        &mut self,
        component: usize,
        range: &CoefficientRange,
        predictor: &mut i32,
        block: &mut Block,
    ) -> Option<()> {
        self.spend(BLOCK_STEPS)?;
        if range.ss == 0 {
            if !range.is_refinement {
                *predictor = predictor.wrapping_add(self.dc_difference(component)?);
                block[0] = (*predictor << range.al) as i16;
            } else if self.bit()? {
                block[0] |= 1 << range.al;
            }
        }
        match (range.se, range.is_refinement) {
            (0, _) => Some(()),
            (_, false) => self.ac_coefficients(component, range, block),
            (_, true) => self.refine_ac_coefficients(component, range, block),
        }
    }
}

/// Adds a bit to the magnitude of a coefficient that is not 0.
pub(super) fn refine(coefficient: &mut i16, al: u32) {
    *coefficient = coefficient.wrapping_add(coefficient.signum() << al);
}
