//! How components are coded (ISO/IEC 15444-1, A.6.1 and A.6.2), and how many code-blocks and
//! precincts follow from it (annex B): the decoder makes them all before it decodes any.

use super::grid::Rect;
use crate::error::Error;

/// The decoder's bytes of memory per code-block and per sub-band's precinct, with the spare room of
/// growing vectors.
const CODE_BLOCK_BYTES: u64 = 420;
const PRECINCT_BYTES: u64 = 420;
/// Per layer of a code-block, and per segment of coding passes.
const LAYER_BYTES: u64 = 72;
const SEGMENT_BYTES: u64 = 72;
/// Per packet, where the progression order changes.
const PACKET_BYTES: u64 = 64;
/// The most coding passes of a code-block: three for each of 32 bit-planes, less two.
const MAX_PASSES: u64 = 94;

/// Code-block styles (table A.19).
const STYLE_BYPASS: u8 = 1;
const STYLE_TERMINATE: u8 = 4;
const STYLE_HIGH_THROUGHPUT: u8 = 0x40;

/// How a component of a tile is coded.
#[derive(Clone)]
pub(super) struct Coding {
    pub(super) layers: u64,
    /// Decomposition levels.
    pub(super) levels: u32,
    /// Whether it has a wavelet or a transformation of components of part 2.
    pub(super) is_extended: bool,
    /// Exponents of the sides of code-blocks.
    code_block: (u32, u32),
    style: u8,
    /// Exponents of the sides of precincts, by resolution level.
    precincts: Vec<(u32, u32)>,
}

impl Coding {
    /// The content of COD. `None` if it is damaged.
    pub(super) fn of_cod(segment: &[u8]) -> Option<Self> {
        let ([style, _order, high, low, components], rest) = segment.split_first_chunk()?;
        let coding = Self::read(*style, u16::from_be_bytes([*high, *low]).into(), rest)?;
        let is_extended = coding.is_extended || *components > 1;
        (coding.layers > 0).then_some(Self { is_extended, ..coding })
    }

    /// The content of COC behind the index of its component. `None` if it is damaged.
    pub(super) fn of_coc(segment: &[u8], default: &Self) -> Option<Self> {
        let (style, rest) = segment.split_first()?;
        let coding = Self::read(*style, default.layers, rest)?;
        Some(Self { is_extended: coding.is_extended || default.is_extended, ..coding })
    }

    /// SPcod or SPcoc (table A.20).
    fn read(style: u8, layers: u64, parameters: &[u8]) -> Option<Self> {
        let ([levels, width, height, block_style, wavelet], precincts) =
            parameters.split_first_chunk()?;
        let levels = u32::from(*levels);
        let code_block = (u32::from(*width) + 2, u32::from(*height) + 2);
        let is_valid = levels <= 32
            && code_block.0.max(code_block.1) <= 10
            && code_block.0 + code_block.1 <= 12;
        if !is_valid {
            return None;
        }
        let resolutions = levels as usize + 1;
        let precincts: Vec<(u32, u32)> = match style & 1 {
            0 => vec![(15, 15); resolutions],
            _ => {
                let sides = precincts.get(..resolutions)?.iter();
                sides.map(|it| (u32::from(it & 15), u32::from(it >> 4))).collect()
            }
        };
        // only the lowest resolution may have precincts of one sample
        if precincts.iter().skip(1).any(|(across, down)| *across == 0 || *down == 0) {
            return None;
        }
        let is_extended = *wavelet > 1;
        Some(Self { layers, levels, is_extended, code_block, style: *block_style, precincts })
    }

    /// Whether code-blocks are coded as part 15 says.
    pub(super) fn is_high_throughput(&self) -> bool {
        self.style & STYLE_HIGH_THROUGHPUT != 0
    }

    /// The most segments of coding passes of a code-block.
    fn max_segments(&self) -> u64 {
        match self.style & (STYLE_BYPASS | STYLE_TERMINATE) {
            0 => self.layers,
            _ => MAX_PASSES,
        }
    }
}

/// What the decoder makes of a tile before it decodes samples.
#[derive(Default)]
pub(super) struct Structures {
    sub_bands: u64,
    /// Precincts of sub-bands.
    precincts: u64,
    code_blocks: u64,
    /// Layers of code-blocks.
    layers: u64,
    /// Packets: layers of precincts.
    packets: u64,
    /// The most segments of coding passes.
    segments: u64,
    /// Progression orders that the tile has.
    pub(super) progressions: u64,
    /// Bytes of the tile.
    pub(super) data_bytes: u64,
}

impl Structures {
    /// Counts those of a component, whose samples of the tile have this area.
    pub(super) fn count(&mut self, area: Rect, coding: &Coding) {
        let mut code_blocks = 0_u64;
        for (resolution, (across, down)) in (0_u32..).zip(&coding.precincts) {
            let rect = area.reduced(coding.levels - resolution);
            // equation B-16
            let count = |start: u32, end: u32, exponent: u32| {
                let side = 1_u64 << exponent;
                match start < end {
                    true => u64::from(end).div_ceil(side) - u64::from(start) / side,
                    false => 0,
                }
            };
            let precincts =
                count(rect.x0, rect.x1, *across).saturating_mul(count(rect.y0, rect.y1, *down));
            let (bands, halving) = if resolution == 0 { (1, 0) } else { (3, 1) };
            self.sub_bands += bands;
            self.precincts = self.precincts.saturating_add(precincts.saturating_mul(bands));
            self.packets = self.packets.saturating_add(precincts.saturating_mul(coding.layers));
            // equations B-17 and B-18; a sub-band's edges may be one sample off
            let block = |size: u32, precinct: u32| size.min(precinct - halving);
            let (width, height) =
                (block(coding.code_block.0, *across), block(coding.code_block.1, *down));
            let blocks = |start: u32, end: u32, exponent: u32| {
                let (start, end) = (start >> halving, end.div_ceil(1 << halving));
                count(start, end, exponent)
            };
            // a code-block ends where its precinct does
            let most = blocks(rect.x0, rect.x1, width)
                .saturating_mul(blocks(rect.y0, rect.y1, height))
                .saturating_mul(bands);
            code_blocks = code_blocks.saturating_add(most);
        }
        self.code_blocks = self.code_blocks.saturating_add(code_blocks);
        self.layers = self.layers.saturating_add(code_blocks.saturating_mul(coding.layers));
        let segments = code_blocks.saturating_mul(coding.max_segments());
        self.segments = self.segments.saturating_add(segments);
    }

    /// Adds those of another tile.
    pub(super) fn add(&mut self, other: &Self) {
        self.sub_bands += other.sub_bands;
        self.precincts = self.precincts.saturating_add(other.precincts);
        self.code_blocks = self.code_blocks.saturating_add(other.code_blocks);
    }

    /// Checks that there are at most `max`.
    ///
    /// # Errors
    /// [`Error::OverLimit`].
    pub(super) fn check(&self, max: u64) -> Result<(), Error> {
        let all = self.sub_bands.saturating_add(self.precincts).saturating_add(self.code_blocks);
        Error::over("code-blocks, precincts and sub-bands", all, max)
    }

    /// An upper estimate of the memory that they take, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        // a segment takes three bits of a packet header at least
        let segments = self.segments.min(self.data_bytes.saturating_mul(8) / 3);
        let changes = self.progressions.saturating_sub(1);
        let of_changes = match changes {
            0 => 0,
            // each has a list of the precincts, and all share the packets that were read
            _ => changes.saturating_mul(self.precincts).saturating_add(self.packets),
        };
        [
            (self.code_blocks, CODE_BLOCK_BYTES),
            (self.precincts, PRECINCT_BYTES),
            (self.layers, LAYER_BYTES),
            (segments, SEGMENT_BYTES),
            (of_changes, PACKET_BYTES),
        ]
        .into_iter()
        .fold(0_u64, |sum, (count, bytes)| sum.saturating_add(count.saturating_mul(bytes)))
    }
}
