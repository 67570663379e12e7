//! Decodes Huffman-coded blocks (T.81, F.2.2 and G.1.2). Each symbol is RRRRSSSS: a run of zeros
//! and the size of the coefficient behind it in bits.

use super::entropy::{CoefficientRange, EntropyDecoder, refine};
use crate::formats::jpeg::block::Block;
use crate::formats::jpeg::huffman::{BitReader, HuffmanTable};
use crate::formats::jpeg::segments::ScanComponent;
use crate::formats::jpeg::tables::Tables;

/// The Huffman tables of one component. `None` where the scan needs none, or the file has none that
/// is valid.
pub(super) struct ScanTables<'a> {
    dc: Option<HuffmanTable<'a>>,
    ac: Option<HuffmanTable<'a>>,
}

impl<'a> ScanTables<'a> {
    pub(super) fn of(
        component: &ScanComponent,
        range: &CoefficientRange,
        tables: &'a Tables,
    ) -> Self {
        let dc = tables.dc[component.dc_table].as_ref().filter(|_| !range.is_refinement);
        let ac = tables.ac[component.ac_table].as_ref().filter(|_| range.se > 0);
        Self { dc: dc.and_then(HuffmanTable::new), ac: ac.and_then(HuffmanTable::new) }
    }

    /// A lossless sample less its prediction, modulo 65536 (H.1.2.2).
    pub(super) fn sample_difference(&self, bits: &mut BitReader<'_>) -> Option<i32> {
        match bits.decode(self.dc.as_ref()?)? {
            0 => Some(0),
            size @ 1..=15 => Some(bits.receive_extend(size.into())),
            16 => Some(1 << 15),
            _ => None,
        }
    }
}

pub(super) struct HuffmanDecoder<'a, 'f> {
    bits: &'a mut BitReader<'f>,
    /// By component of the scan.
    tables: &'a [ScanTables<'a>],
    /// EOBRUN: blocks to come, the current one included, without new coefficients (G.1.2.2).
    eob_run: u32,
    budget: &'a mut u64,
}

impl<'a, 'f> HuffmanDecoder<'a, 'f> {
    pub(super) fn new(
        bits: &'a mut BitReader<'f>,
        tables: &'a [ScanTables<'a>],
        budget: &'a mut u64,
    ) -> Self {
        Self { bits, tables, eob_run: 0, budget }
    }

    /// The next symbol: RRRR and SSSS.
    fn ac_symbol(&mut self, component: usize) -> Option<(usize, u32)> {
        let symbol = self.bits.decode(self.tables[component].ac.as_ref()?)?;
        (!self.bits.is_past_end()).then_some((usize::from(symbol >> 4), (symbol & 15).into()))
    }

    /// Starts an EOB run with this block; its length has `size` additional bits.
    fn start_eob_run(&mut self, size: usize) {
        self.eob_run = (1 << size) + self.bits.receive(size as u32);
    }
}

impl EntropyDecoder for HuffmanDecoder<'_, '_> {
    fn spend(&mut self, steps: u64) -> Option<()> {
        *self.budget = self.budget.checked_sub(steps)?;
        Some(())
    }

    fn dc_difference(&mut self, component: usize) -> Option<i32> {
        let difference = self.bits.dc_difference(self.tables[component].dc.as_ref()?)?;
        (!self.bits.is_past_end()).then_some(difference)
    }

    fn bit(&mut self) -> Option<bool> {
        let bit = self.bits.receive(1) != 0;
        (!self.bits.is_past_end()).then_some(bit)
    }

    fn ac_coefficients(
        &mut self,
        component: usize,
        range: &CoefficientRange,
        block: &mut Block,
    ) -> Option<()> {
        let mut k = range.ss.max(1);
        if self.eob_run == 0 {
            while k <= range.se {
                match self.ac_symbol(component)? {
                    (15, 0) => k += 16,
                    (size, 0) => {
                        self.start_eob_run(size);
                        break;
                    }
                    (zeros, size) => {
                        k += zeros;
                        *block.get_mut(k)? = (self.bits.receive_extend(size) << range.al) as i16;
                        k += 1;
                    }
                }
            }
        }
        self.eob_run = self.eob_run.saturating_sub(1);
        Some(())
    }

    /// G.1.2.3. A run of zeros counts only coefficients that are still 0; those that are not, get a
    /// bit each as they are passed.
    fn refine_ac_coefficients(
        &mut self,
        component: usize,
        range: &CoefficientRange,
        block: &mut Block,
    ) -> Option<()> {
        let mut k = range.ss.max(1);
        if self.eob_run == 0 {
            while k <= range.se {
                let (mut zeros, size) = self.ac_symbol(component)?;
                let new = match (zeros, size) {
                    (15, 0) => 0,
                    (_, 0) => {
                        self.start_eob_run(zeros);
                        break;
                    }
                    _ => (if self.bit()? { 1 } else { -1 }) << range.al,
                };
                while k <= range.se {
                    let coefficient = &mut block[k];
                    k += 1;
                    if *coefficient == 0 {
                        if zeros == 0 {
                            *coefficient = new;
                            break;
                        }
                        zeros -= 1;
                    } else if self.bit()? {
                        refine(coefficient, range.al);
                    }
                }
            }
        }
        if self.eob_run > 0 {
            self.eob_run -= 1;
            for coefficient in block[k..=range.se].iter_mut().filter(|it| **it != 0) {
                if self.bit()? {
                    refine(coefficient, range.al);
                }
            }
        }
        Some(())
    }
}
