//! Decodes the DC coefficients of a Huffman-coded scan (T.81, F.2.2 and G.1.2.1).

use super::plane::{GREY, Plane};
use crate::cancellation::Cancellation;
use crate::formats::jpeg::block::BLOCK_SIDE;
use crate::formats::jpeg::huffman::{BitReader, HuffmanTable};
use crate::formats::jpeg::restarts::Restarts;
use crate::formats::jpeg::segments::{FrameHeader, ScanComponent, ScanHeader};
use crate::formats::jpeg::tables::Tables;

/// Decodes one scan.
pub(super) struct ScanDecoder<'a> {
    /// MCUs across and down.
    mcus: (usize, usize),
    /// MCUs between two restart markers; 0 where there are none.
    restart_interval: usize,
    /// In the order of the scan.
    components: Vec<ComponentDecoder<'a>>,
}

impl<'a> ScanDecoder<'a> {
    /// `None` where the scan needs a table that is missing or malformed.
    pub(super) fn new(
        scan: &ScanHeader,
        frame: &FrameHeader,
        is_progressive: bool,
        tables: &'a Tables,
    ) -> Option<Self> {
        let mcus = match scan.components.as_slice() {
            [alone] => frame.data_units(alone.component, BLOCK_SIDE),
            _ => frame.mcus(BLOCK_SIDE),
        };
        let component = |it| ComponentDecoder::new(it, scan, frame, is_progressive, mcus.0, tables);
        let components = scan.components.iter().map(component).collect::<Option<_>>()?;
        Some(Self { mcus, restart_interval: tables.restart_interval, components })
    }

    /// Blocks that are damaged, or behind the end of the file, are grey: up to the next restart marker,
    /// if there is one. `None` when the caller has cancelled.
    pub(super) fn decode(
        self,
        bits: &mut BitReader<'_>,
        cancellation: &Cancellation<'_>,
    ) -> Option<DecodedScan> {
        let Self { mcus: (columns, rows), restart_interval, mut components } = self;
        let total = columns * rows;
        let interval = if restart_interval == 0 { total } else { restart_interval };
        let (mut start, mut decoded, mut rows_begun) = (0, 0, 0);
        let mut restarts = Restarts::default();
        while start < total {
            components.iter_mut().for_each(|it| it.predictor = 0);
            let end = total.min(start + interval);
            let mut at = start;
            'interval: while at < end {
                cancellation.check().ok()?;
                let row = at / columns;
                while rows_begun <= row {
                    components.iter_mut().for_each(ComponentDecoder::add_mcu_row);
                    rows_begun += 1;
                }
                for column in at % columns..columns.min(end - row * columns) {
                    let is_decoded =
                        components.iter_mut().all(|it| it.decode(bits, column, row).is_some());
                    if !is_decoded || bits.is_past_end() {
                        components.iter_mut().for_each(|it| it.clear(column, row));
                        break 'interval;
                    }
                    at += 1;
                }
            }
            decoded += at - start;
            let is_exact = at == end && bits.is_at_end();
            if end == total {
                break;
            }
            let Some(marker) = bits.next_interval() else { break };
            start = end + interval * restarts.lost_intervals(marker, is_exact);
        }
        Some(DecodedScan {
            planes: components.into_iter().map(|it| it.finish(rows)).collect(),
            has_blocks: decoded > 0,
            is_complete: decoded == total,
        })
    }
}

/// What was decoded of a scan.
pub(super) struct DecodedScan {
    /// The plane of each component of the scan.
    pub(super) planes: Vec<Plane>,
    /// Whether there is any block.
    pub(super) has_blocks: bool,
    /// Whether there are all blocks.
    pub(super) is_complete: bool,
}

/// Decodes the blocks of one component.
struct ComponentDecoder<'a> {
    dc: HuffmanTable<'a>,
    /// `None` in a progressive scan, which has no AC coefficients besides DC coefficients.
    ac: Option<HuffmanTable<'a>>,
    /// The element of the quantization table for the DC coefficient.
    dc_quantization: i32,
    /// Al: low bits of each coefficient that are left for later scans.
    al: u32,
    /// PRED: the DC coefficient of the component's last block, as it is coded.
    predictor: i32,
    /// Blocks across and down in an MCU of the scan.
    h: usize,
    v: usize,
    plane: Plane,
}

impl<'a> ComponentDecoder<'a> {
    fn new(
        component: &ScanComponent,
        scan: &ScanHeader,
        frame: &FrameHeader,
        is_progressive: bool,
        mcus_per_row: usize,
        tables: &'a Tables,
    ) -> Option<Self> {
        let header = &frame.components[component.component];
        let is_interleaved = scan.components.len() > 1;
        let (h, v) = if is_interleaved { (header.h, header.v) } else { (1, 1) };
        let (max_h, max_v) = frame.max_sampling();
        let ac = |ac: usize| Some(HuffmanTable::new(tables.ac.get(ac)?.as_ref()?)?.with_ac_runs());
        Some(ComponentDecoder {
            dc: HuffmanTable::new(tables.dc.get(component.dc_table)?.as_ref()?)?,
            ac: if is_progressive { None } else { Some(ac(component.ac_table)?) },
            dc_quantization: tables.quantization.get(header.quantization_table)?.as_ref()?[0]
                .into(),
            al: scan.al.into(),
            predictor: 0,
            h,
            v,
            plane: Plane {
                stride: mcus_per_row * h,
                values: Vec::new(),
                h: (header.h, max_h),
                v: (header.v, max_v),
            },
        })
    }

    /// Makes room for the next row of MCUs.
    fn add_mcu_row(&mut self) {
        let Plane { values, stride, .. } = &mut self.plane;
        values.resize(values.len() + *stride * self.v, GREY);
    }

    /// Resets an incomplete MCU to grey.
    fn clear(&mut self, column: usize, row: usize) {
        for y in row * self.v..(row + 1) * self.v {
            let start = y * self.plane.stride + column * self.h;
            self.plane.values[start..start + self.h].fill(GREY);
        }
    }

    /// The plane with all rows; missing ones are grey.
    fn finish(mut self, mcu_rows: usize) -> Plane {
        self.plane.values.resize(mcu_rows * self.v * self.plane.stride, GREY);
        self.plane
    }

    /// Decodes the component's blocks of the MCU at `column` and `row`.
    #[inline(always)]
    fn decode(&mut self, bits: &mut BitReader<'_>, column: usize, row: usize) -> Option<()> {
        for y in row * self.v..(row + 1) * self.v {
            for x in column * self.h..(column + 1) * self.h {
                self.predictor = self.predictor.wrapping_add(bits.dc_difference(&self.dc)?);
                if let Some(ac) = &self.ac {
                    bits.skip_ac_coefficients(ac)?;
                }
                self.plane.values[y * self.plane.stride + x] = self.mean();
            }
        }
        Some(())
    }

    /// The mean of the block: its samples after dequantization, inverse DCT and level shift if all
    /// AC coefficients were 0 (A.3.1, A.3.3, A.3.4).
    fn mean(&self) -> u8 {
        // bits that are left for later scans count as half of their highest value
        let unknown = ((1 << self.al) - 1) * self.dc_quantization / 2;
        let dc = self.predictor.wrapping_shl(self.al).wrapping_mul(self.dc_quantization);
        let level = (dc.wrapping_add(unknown + 4) >> 3).saturating_add(128);
        level.clamp(0, 255) as u8
    }
}
