//! Decodes arithmetic-coded blocks (T.81, annex D, F.2.4 and G.1.3): a sequence of binary
//! decisions, each coded with the adaptive probability of its statistics bin.

use super::entropy::{CoefficientRange, EntropyDecoder, refine};
use super::scan::MAX_COMPONENTS;
use crate::formats::jpeg::block::Block;
use crate::formats::jpeg::segments::ScanComponent;
use crate::formats::jpeg::stream::ScanData;
use crate::formats::jpeg::tables::{Conditioning, MAX_TABLES};

/// Bytes that a decoder reads behind the end of complete data, at most: it reads two bytes ahead, and
/// encoders leave out zeros at the end (D.1.8).
const MAX_BYTES_BEHIND: u64 = 8;

/// Bins of the statistics area of a DC table (table F.4) and of an AC table (table F.5).
const DC_BINS: usize = 49;
const AC_BINS: usize = 245;
/// X1 of DC differences: the first bin for magnitudes that does not depend on the context.
const DC_X1: usize = 20;
/// X2 of AC coefficients: the first one up to Kx, and the first one above Kx.
const AC_X2_LOW: usize = 189;
const AC_X2_HIGH: usize = 217;
/// From the bin Xn of a magnitude category to the bin Mn of the magnitude's lower bits.
const X_TO_M: usize = 14;
/// The highest power of two in a magnitude.
const MAX_MAGNITUDE_POWER: i32 = 1 << 14;

/// A statistics bin: the probability estimate of one kind of decision.
#[derive(Clone, Copy, Default)]
struct Bin {
    /// Index into [`STATES`].
    state: u8,
    /// MPS: the more probable symbol.
    mps: bool,
}

/// Decodes binary decisions (D.2). Behind the end of the data there are zeros, which encoders leave
/// out: behind a truncation, the most probable symbols follow.
struct BinaryDecoder<'a, 'f> {
    data: &'a mut ScanData<'f>,
    /// Bytes that were read behind the end of the data.
    bytes_behind: u64,
    /// C: the position of the code in the interval, as 16.16 fixed point.
    code: u32,
    /// A: the size of the interval, 0x8000 to 0x10000 between decisions.
    interval: u32,
    /// CT: bits that can be shifted before the next byte is needed.
    ready: u32,
    /// Remaining steps: see [`budget`](super::entropy::budget).
    budget: &'a mut u64,
}

impl<'a, 'f> BinaryDecoder<'a, 'f> {
    /// INITDEC, D.2.7.
    fn new(data: &'a mut ScanData<'f>, budget: &'a mut u64) -> Self {
        let (code, interval, ready, bytes_behind) = (0, 0x1_0000, 0, 0);
        let mut it = Self { data, bytes_behind, code, interval, ready, budget };
        it.code = it.byte() << 24 | it.byte() << 16;
        it
    }

    fn byte(&mut self) -> u32 {
        let byte = self.data.next();
        self.bytes_behind += u64::from(byte.is_none());
        byte.unwrap_or(0).into()
    }

    /// DECODE, with RENORM_D (D.2.4 to D.2.6). `None` where the budget is spent.
    #[inline]
    fn decode(&mut self, bin: &mut Bin) -> Option<bool> {
        *self.budget = self.budget.checked_sub(1)?;
        let (qe, next_lps, next_mps, switch_mps) = STATES[usize::from(bin.state)];
        let qe = u32::from(qe);
        self.interval -= qe;
        let is_upper = self.code >> 16 >= self.interval;
        if !is_upper && self.interval >= 0x8000 {
            return Some(bin.mps);
        }
        // conditional exchange: the MPS has the larger subinterval, upper or lower
        let is_mps = is_upper == (self.interval < qe);
        if is_upper {
            self.code -= self.interval << 16;
            self.interval = qe;
        }
        let decision = bin.mps == is_mps;
        if is_mps {
            bin.state = next_mps;
        } else {
            bin.state = next_lps;
            bin.mps ^= switch_mps;
        }
        while self.interval < 0x8000 {
            if self.ready == 0 {
                self.code |= self.byte() << 8;
                self.ready = 8;
            }
            self.ready -= 1;
            self.code <<= 1;
            self.interval <<= 1;
        }
        Some(decision)
    }

    /// A decision with a probability of one half that is not adapted.
    fn bit(&mut self) -> Option<bool> {
        self.decode(&mut Bin::default())
    }

    /// A magnitude of at least 1 (figures F.23 and F.24): the category in unary, then the lower
    /// bits. `chain` are the bins of the first three decisions on the category; the next bins
    /// follow the last of these.
    fn magnitude(&mut self, bins: &mut [Bin], chain: [usize; 3]) -> Option<i32> {
        let [first, mut at, mut next] = chain;
        if !self.decode(&mut bins[first])? {
            return Some(1);
        }
        let mut power = 1;
        while self.decode(&mut bins[at])? {
            power <<= 1;
            if power > MAX_MAGNITUDE_POWER {
                return None;
            }
            (at, next) = (next, next + 1);
        }
        let mut magnitude = power;
        while power > 1 {
            power >>= 1;
            if self.decode(&mut bins[at + X_TO_M])? {
                magnitude |= power;
            }
        }
        Some(magnitude + 1)
    }
}

pub(super) struct ArithmeticDecoder<'a, 'f> {
    decoder: BinaryDecoder<'a, 'f>,
    components: &'a [ScanComponent],
    conditioning: &'a Conditioning,
    /// Statistics areas, by table.
    dc: [[Bin; DC_BINS]; MAX_TABLES],
    ac: [[Bin; AC_BINS]; MAX_TABLES],
    /// By component of the scan: S0 of its next difference (F.1.4.4.1.2), which depends on the last
    /// difference.
    dc_contexts: [usize; MAX_COMPONENTS],
}

impl<'a, 'f> ArithmeticDecoder<'a, 'f> {
    pub(super) fn new(
        data: &'a mut ScanData<'f>,
        components: &'a [ScanComponent],
        conditioning: &'a Conditioning,
        budget: &'a mut u64,
    ) -> Self {
        Self {
            decoder: BinaryDecoder::new(data, budget),
            components,
            conditioning,
            dc: [[Bin::default(); DC_BINS]; MAX_TABLES],
            ac: [[Bin::default(); AC_BINS]; MAX_TABLES],
            dc_contexts: [0; MAX_COMPONENTS],
        }
    }

    /// Whether the data ended before what was decoded of it.
    pub(super) fn is_cut_off(&self) -> bool {
        self.decoder.bytes_behind > MAX_BYTES_BEHIND
    }
}

/// SE, S0 and SP/SN/X1 of the AC coefficient with this index in zigzag order (table F.5): whether
/// the block ends before it, whether it is not 0, and the first decision on its magnitude.
fn ac_bins(k: usize) -> [usize; 3] {
    [0, 1, 2].map(|it| 3 * (k - 1) + it)
}

impl EntropyDecoder for ArithmeticDecoder<'_, '_> {
    fn spend(&mut self, steps: u64) -> Option<()> {
        *self.decoder.budget = self.decoder.budget.checked_sub(steps)?;
        Some(())
    }

    fn dc_difference(&mut self, component: usize) -> Option<i32> {
        let table = self.components[component].dc_table;
        let (bins, context) = (&mut self.dc[table], &mut self.dc_contexts[component]);
        let s0 = *context;
        if !self.decoder.decode(&mut bins[s0])? {
            *context = 0;
            return Some(0);
        }
        let is_negative = self.decoder.decode(&mut bins[s0 + 1])?;
        let sign = usize::from(is_negative);
        let magnitude = self.decoder.magnitude(bins, [s0 + 2 + sign, DC_X1, DC_X1 + 1])?;
        let (lower, upper) = self.conditioning.dc[table];
        *context = match magnitude {
            _ if lower > 0 && magnitude <= 1 << (lower - 1) => 0,
            _ if magnitude <= 1 << upper => 4 + 4 * sign,
            _ => 12 + 4 * sign,
        };
        Some(if is_negative { -magnitude } else { magnitude })
    }

    fn bit(&mut self) -> Option<bool> {
        self.decoder.bit()
    }

    fn ac_coefficients(
        &mut self,
        component: usize,
        range: &CoefficientRange,
        block: &mut Block,
    ) -> Option<()> {
        let table = self.components[component].ac_table;
        let (decoder, bins) = (&mut self.decoder, &mut self.ac[table]);
        let mut k = range.ss.max(1);
        while k <= range.se {
            let [end_of_block, _, _] = ac_bins(k);
            if decoder.decode(&mut bins[end_of_block])? {
                break;
            }
            while !decoder.decode(&mut bins[ac_bins(k)[1]])? {
                k += 1;
                if k > range.se {
                    return None;
                }
            }
            let is_negative = decoder.bit()?;
            let [_, _, x1] = ac_bins(k);
            let is_low = k <= self.conditioning.ac[table].into();
            let x2 = if is_low { AC_X2_LOW } else { AC_X2_HIGH };
            let magnitude = decoder.magnitude(bins, [x1, x1, x2])?;
            let value = if is_negative { -magnitude } else { magnitude };
            block[k] = (value << range.al) as i16;
            k += 1;
        }
        Some(())
    }

    fn refine_ac_coefficients(
        &mut self,
        component: usize,
        range: &CoefficientRange,
        block: &mut Block,
    ) -> Option<()> {
        let table = self.components[component].ac_table;
        let (decoder, bins) = (&mut self.decoder, &mut self.ac[table]);
        let last_known = block[..=range.se].iter().rposition(|it| *it != 0).unwrap_or(0);
        let mut k = range.ss.max(1);
        while k <= range.se {
            // the block cannot end before the last coefficient that is known
            if k > last_known && decoder.decode(&mut bins[ac_bins(k)[0]])? {
                break;
            }
            loop {
                let [_, becomes_nonzero, correction] = ac_bins(k);
                if block[k] != 0 {
                    if decoder.decode(&mut bins[correction])? {
                        refine(&mut block[k], range.al);
                    }
                    break;
                }
                if decoder.decode(&mut bins[becomes_nonzero])? {
                    block[k] = (if decoder.bit()? { -1 } else { 1 }) << range.al;
                    break;
                }
                k += 1;
                if k > range.se {
                    return None;
                }
            }
            k += 1;
        }
        Some(())
    }
}

/// Table D.3: Qe, the next state after the less probable symbol, the next state after the more
/// probable one, and whether the two are switched after the former.
#[rustfmt::skip]
const STATES: [(u16, u8, u8, bool); 113] = [
    (0x5a1d, 1, 1, true), (0x2586, 14, 2, false), (0x1114, 16, 3, false), (0x080b, 18, 4, false),
    (0x03d8, 20, 5, false), (0x01da, 23, 6, false), (0x00e5, 25, 7, false), (0x006f, 28, 8, false),
    (0x0036, 30, 9, false), (0x001a, 33, 10, false), (0x000d, 35, 11, false),
    (0x0006, 9, 12, false), (0x0003, 10, 13, false), (0x0001, 12, 13, false),
    (0x5a7f, 15, 15, true), (0x3f25, 36, 16, false), (0x2cf2, 38, 17, false),
    (0x207c, 39, 18, false), (0x17b9, 40, 19, false), (0x1182, 42, 20, false),
    (0x0cef, 43, 21, false), (0x09a1, 45, 22, false), (0x072f, 46, 23, false),
    (0x055c, 48, 24, false), (0x0406, 49, 25, false), (0x0303, 51, 26, false),
    (0x0240, 52, 27, false), (0x01b1, 54, 28, false), (0x0144, 56, 29, false),
    (0x00f5, 57, 30, false), (0x00b7, 59, 31, false), (0x008a, 60, 32, false),
    (0x0068, 62, 33, false), (0x004e, 63, 34, false), (0x003b, 32, 35, false),
    (0x002c, 33, 9, false), (0x5ae1, 37, 37, true), (0x484c, 64, 38, false),
    (0x3a0d, 65, 39, false), (0x2ef1, 67, 40, false), (0x261f, 68, 41, false),
    (0x1f33, 69, 42, false), (0x19a8, 70, 43, false), (0x1518, 72, 44, false),
    (0x1177, 73, 45, false), (0x0e74, 74, 46, false), (0x0bfb, 75, 47, false),
    (0x09f8, 77, 48, false), (0x0861, 78, 49, false), (0x0706, 79, 50, false),
    (0x05cd, 48, 51, false), (0x04de, 50, 52, false), (0x040f, 50, 53, false),
    (0x0363, 51, 54, false), (0x02d4, 52, 55, false), (0x025c, 53, 56, false),
    (0x01f8, 54, 57, false), (0x01a4, 55, 58, false), (0x0160, 56, 59, false),
    (0x0125, 57, 60, false), (0x00f6, 58, 61, false), (0x00cb, 59, 62, false),
    (0x00ab, 61, 63, false), (0x008f, 61, 32, false), (0x5b12, 65, 65, true),
    (0x4d04, 80, 66, false), (0x412c, 81, 67, false), (0x37d8, 82, 68, false),
    (0x2fe8, 83, 69, false), (0x293c, 84, 70, false), (0x2379, 86, 71, false),
    (0x1edf, 87, 72, false), (0x1aa9, 87, 73, false), (0x174e, 72, 74, false),
    (0x1424, 72, 75, false), (0x119c, 74, 76, false), (0x0f6b, 74, 77, false),
    (0x0d51, 75, 78, false), (0x0bb6, 77, 79, false), (0x0a40, 77, 48, false),
    (0x5832, 80, 81, true), (0x4d1c, 88, 82, false), (0x438e, 89, 83, false),
    (0x3bdd, 90, 84, false), (0x34ee, 91, 85, false), (0x2eae, 92, 86, false),
    (0x299a, 93, 87, false), (0x2516, 86, 71, false), (0x5570, 88, 89, true),
    (0x4ca9, 95, 90, false), (0x44d9, 96, 91, false), (0x3e22, 97, 92, false),
    (0x3824, 99, 93, false), (0x32b4, 99, 94, false), (0x2e17, 93, 86, false),
    (0x56a8, 95, 96, true), (0x4f46, 101, 97, false), (0x47e5, 102, 98, false),
    (0x41cf, 103, 99, false), (0x3c3d, 104, 100, false), (0x375e, 99, 93, false),
    (0x5231, 105, 102, false), (0x4c0f, 106, 103, false), (0x4639, 107, 104, false),
    (0x415e, 103, 99, false), (0x5627, 105, 106, true), (0x50e7, 108, 107, false),
    (0x4b85, 109, 103, false), (0x5597, 110, 109, false), (0x504f, 111, 107, false),
    (0x5a10, 110, 111, true), (0x5522, 112, 109, false), (0x59eb, 112, 111, true),
];
