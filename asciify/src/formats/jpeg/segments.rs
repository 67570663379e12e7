//! Frame headers and scan headers (ITU-T T.81, B.2.2 and B.2.3), as [`dc`](super::dc) and
//! [`full`](super::full) read them.

/// Parameters of a frame, from its SOF segment.
pub(super) struct FrameHeader {
    /// P: bits per sample.
    pub(super) precision: u8,
    /// X: samples per line of the component with the most.
    pub(super) width: usize,
    /// Y: lines of the component with the most.
    pub(super) height: usize,
    pub(super) components: Vec<FrameComponent>,
}

/// Parameters of a component of a frame.
#[derive(Clone, Copy)]
pub(super) struct FrameComponent {
    /// C: the identifier that scans refer to.
    pub(super) id: u8,
    /// H: the horizontal sampling factor, 1 to 4.
    pub(super) h: usize,
    /// V: the vertical sampling factor, 1 to 4.
    pub(super) v: usize,
    /// Tq: the index of its quantization table.
    pub(super) quantization_table: usize,
}

impl FrameHeader {
    /// `None` where the segment has another length than it states, or a size or a sampling factor
    /// is out of range.
    pub(super) fn parse(segment: &[u8]) -> Option<Self> {
        let (&[precision, y0, y1, x0, x1, count], rest) = segment.split_first_chunk()?;
        let components: Vec<FrameComponent> = rest
            .as_chunks()
            .0
            .iter()
            .map(|[id, sampling, table]| FrameComponent {
                id: *id,
                h: usize::from(sampling >> 4),
                v: usize::from(sampling & 15),
                quantization_table: usize::from(*table),
            })
            .collect();
        let (width, height) = (u16::from_be_bytes([x0, x1]), u16::from_be_bytes([y0, y1]));
        let is_valid = width > 0
            && height > 0
            && components.len() == usize::from(count)
            && components.iter().all(|it| (1..=4).contains(&it.h) && (1..=4).contains(&it.v));
        is_valid.then(|| Self { precision, width: width.into(), height: height.into(), components })
    }

    /// Whether the components are named R, G and B, as some encoders do in place of a marker that
    /// says so.
    pub(super) fn has_rgb_ids(&self) -> bool {
        self.components.iter().map(|it| it.id).eq(*b"RGB")
    }

    /// The highest horizontal and vertical sampling factor of any component.
    pub(super) fn max_sampling(&self) -> (usize, usize) {
        let max = |factor: fn(&FrameComponent) -> usize| self.components.iter().map(factor).max();
        (max(|it| it.h).unwrap_or(1), max(|it| it.v).unwrap_or(1))
    }

    /// MCUs across and down of a scan that interleaves components (A.2.3). A data unit has
    /// `unit_side` samples across and down.
    pub(super) fn mcus(&self, unit_side: usize) -> (usize, usize) {
        let (max_h, max_v) = self.max_sampling();
        (self.width.div_ceil(unit_side * max_h), self.height.div_ceil(unit_side * max_v))
    }

    /// Data units across and down of a scan of one component (A.2.2): no padding to whole MCUs.
    pub(super) fn data_units(&self, component: usize, unit_side: usize) -> (usize, usize) {
        let FrameComponent { h, v, .. } = self.components[component];
        let (max_h, max_v) = self.max_sampling();
        (
            (self.width * h).div_ceil(max_h).div_ceil(unit_side),
            (self.height * v).div_ceil(max_v).div_ceil(unit_side),
        )
    }
}

/// Parameters of a scan, from its SOS segment.
pub(super) struct ScanHeader {
    pub(super) components: Vec<ScanComponent>,
    /// Ss, the start of spectral selection: the first coefficient of each block that the scan has,
    /// in zigzag order. In a lossless scan, the predictor selection.
    pub(super) ss: u8,
    /// Se, the end of spectral selection: the last coefficient.
    pub(super) se: u8,
    /// Ah, the successive approximation bit position of the preceding scan; 0 for a first scan.
    pub(super) ah: u8,
    /// Al, the successive approximation bit position: how many low bits are left for later scans.
    /// In a lossless scan, the point transform.
    pub(super) al: u8,
}

/// Parameters of a component of a scan.
pub(super) struct ScanComponent {
    /// Its index in the frame.
    pub(super) component: usize,
    /// Td: the index of its table for DC coefficients or lossless samples.
    pub(super) dc_table: usize,
    /// Ta: the index of its table for AC coefficients.
    pub(super) ac_table: usize,
}

impl ScanHeader {
    /// `None` where the segment has another length than it states, or names a component that the
    /// frame does not have.
    pub(super) fn parse(segment: &[u8], frame: &FrameHeader) -> Option<Self> {
        let (count, rest) = segment.split_first()?;
        let (components, rest) = rest.split_at_checked(2 * usize::from(*count))?;
        let &[ss, se, approximation] = rest else { return None };
        let components: Option<Vec<ScanComponent>> = components
            .as_chunks()
            .0
            .iter()
            .map(|[id, tables]| {
                Some(ScanComponent {
                    component: frame.components.iter().position(|it| it.id == *id)?,
                    dc_table: usize::from(tables >> 4),
                    ac_table: usize::from(tables & 15),
                })
            })
            .collect();
        let components = components?;
        Some(Self { components, ss, se, ah: approximation >> 4, al: approximation & 15 })
    }
}
