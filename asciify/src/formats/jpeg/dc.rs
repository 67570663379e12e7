//! JPEG at an eighth of its size: the mean of each block of 8 × 8 pixels is its first coefficient,
//! and nothing else is decoded. A progressive file is done after the first scans, which hold it.
//!
//! Of a file that ends too early, what is there is read, and the rest is grey. Whatever is rare or damaged
//! otherwise is left to a decoder of whole pictures: the answer is `None` then.

use crate::formats::jpeg::huffman::{Bits, Codes, Table};
use crate::light::from_ycbcr;

/// Pixels of the picture, across and down, under each one of what is read.
pub(crate) const SCALE: u32 = 8;

const SOI: [u8; 2] = [0xff, 0xd8];
const SOS: u8 = 0xda;
const DQT: u8 = 0xdb;
const DHT: u8 = 0xc4;
const DRI: u8 = 0xdd;
const ADOBE: u8 = 0xee;
const MOST_COMPONENTS: usize = 3;
const MOST_TABLES: usize = 4;
/// What stands for blocks that are missing, as in libjpeg: no light is more probable than another.
const GREY: u8 = 128;

/// The mean colour of each block.
pub(crate) struct Eighth {
    /// Blocks across and down.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Grey, or Y, Cb and Cr.
    planes: Vec<Plane>,
}

/// Reads a whole file. It is the caller's to know that its sides keep the limits: memory is taken for
/// each block of the picture.
pub(crate) fn read(mut file: Vec<u8>) -> Option<Eighth> {
    let mut reader = Reader::default();
    let mut at = file.starts_with(&SOI).then_some(2)?;
    while !reader.is_done() {
        let Some((marker, segment)) = segment(&file, &mut at) else {
            // colours of the first scans may be missing
            return if reader.has_begun() { reader.picture() } else { None };
        };
        match marker {
            0xc0..=0xc2 => reader.frame = Some(Frame::read(segment, marker, reader.frame)?),
            DQT => reader.quantize(segment)?,
            DHT => reader.codes(segment)?,
            DRI => reader.restart = u16::from_be_bytes(*segment.first_chunk()?).into(),
            // The transform that Adobe's programs note: 1 is YCbCr.
            ADOBE if segment.starts_with(b"Adobe") && segment.get(11) != Some(&1) => return None,
            SOS => {
                let scan = reader.scan_header(segment)?;
                at = reader.scan(&scan, &mut file, at)?;
            }
            0xe0..=0xef | 0xfe => {}
            _ => return None,
        }
    }
    reader.picture()
}

/// The next marker, and where the segment stands that follows it.
fn segment<'a>(file: &'a [u8], at: &mut usize) -> Option<(u8, &'a [u8])> {
    while *file.get(*at + 1)? == 0xff {
        *at += 1;
    }
    let [0xff, marker] = *file.get(*at..)?.first_chunk()? else { return None };
    let length = usize::from(u16::from_be_bytes(*file.get(*at + 2..)?.first_chunk()?));
    let segment = file.get(*at + 4..*at + 2 + length)?;
    *at += 2 + length;
    Some((marker, segment))
}

#[derive(Default)]
struct Reader {
    frame: Option<Frame>,
    /// The step of the first coefficient, by table.
    steps: [Option<i32>; MOST_TABLES],
    /// Codes of first coefficients, and of the others.
    first: [Option<Codes>; MOST_TABLES],
    others: [Option<Codes>; MOST_TABLES],
    /// Units between two restarts; 0 where there are none.
    restart: usize,
}

struct Frame {
    width: usize,
    height: usize,
    is_progressive: bool,
    components: Vec<Component>,
}

struct Component {
    id: u8,
    /// Blocks across and down in a unit of all components.
    across: usize,
    down: usize,
    steps: usize,
    /// Where it has been read.
    plane: Option<Plane>,
}

/// A value a block of one component.
struct Plane {
    stride: usize,
    values: Vec<u8>,
    /// Its sampling factor across, and the largest of any component (A.1.1).
    across: (usize, usize),
    /// The same down.
    down: (usize, usize),
}

/// One component of a scan: its place in the frame, and its tables.
struct Part {
    component: usize,
    first: usize,
    others: usize,
}

struct Scan {
    parts: Vec<Part>,
    /// How many of the lowest bits of each first coefficient are left for later scans.
    shift: u32,
    /// Whether it holds first coefficients at all.
    counts: bool,
}

impl Frame {
    fn read(segment: &[u8], marker: u8, earlier: Option<Self>) -> Option<Self> {
        let (&[8, h0, h1, w0, w1, count], rest) = segment.split_first_chunk()? else { return None };
        let components: Vec<Component> = rest
            .as_chunks()
            .0
            .iter()
            .map(|[id, sampling, steps]| Component {
                id: *id,
                across: usize::from(sampling >> 4),
                down: usize::from(sampling & 15),
                steps: usize::from(*steps),
                plane: None,
            })
            .collect();
        let (width, height) = (u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1]));
        let ids = components.iter().map(|it| it.id);
        let is_plain = earlier.is_none()
            && width > 0
            && height > 0
            && components.len() == usize::from(count)
            && matches!(components.len(), 1 | MOST_COMPONENTS)
            && !ids.eq(*b"RGB")
            && components
                .iter()
                .all(|it| (1..=4).contains(&it.across) && (1..=4).contains(&it.down));
        is_plain.then(|| Self {
            width: width.into(),
            height: height.into(),
            is_progressive: marker == 0xc2,
            components,
        })
    }

    /// The most blocks of any component in a unit.
    fn most(&self) -> (usize, usize) {
        let most = |side: fn(&Component) -> usize| self.components.iter().map(side).max();
        (most(|it| it.across).unwrap_or(1), most(|it| it.down).unwrap_or(1))
    }
}

impl Reader {
    fn is_done(&self) -> bool {
        let done = |frame: &Frame| frame.components.iter().all(|it| it.plane.is_some());
        self.frame.as_ref().is_some_and(done)
    }

    fn has_begun(&self) -> bool {
        let begun = |frame: &Frame| frame.components.iter().any(|it| it.plane.is_some());
        self.frame.as_ref().is_some_and(begun)
    }

    fn quantize(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [kind, rest @ ..] = segment {
            let (step, size) = match kind >> 4 {
                0 => (i32::from(*rest.first()?), 64),
                1 => (u16::from_be_bytes(*rest.first_chunk()?).into(), 128),
                _ => return None,
            };
            *self.steps.get_mut(usize::from(kind & 15))? = Some(step);
            segment = rest.get(size..)?;
        }
        Some(())
    }

    fn codes(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [kind, rest @ ..] = segment {
            let (codes, rest) = Codes::read(rest)?;
            let place = usize::from(kind & 15);
            match kind >> 4 {
                0 => *self.first.get_mut(place)? = Some(codes),
                1 => *self.others.get_mut(place)? = Some(codes),
                _ => return None,
            }
            segment = rest;
        }
        Some(())
    }

    fn scan_header(&self, segment: &[u8]) -> Option<Scan> {
        let frame = self.frame.as_ref()?;
        let (count, rest) = segment.split_first()?;
        let (parts, rest) = rest.split_at_checked(2 * usize::from(*count))?;
        let &[from, to, bits] = rest else { return None };
        let parts: Option<Vec<Part>> = parts
            .as_chunks()
            .0
            .iter()
            .map(|[id, tables]| {
                let component = frame.components.iter().position(|it| it.id == *id)?;
                Some(Part {
                    component,
                    first: usize::from(tables >> 4),
                    others: usize::from(tables & 15),
                })
            })
            .collect();
        let parts = parts.filter(|it| (1..=frame.components.len()).contains(&it.len()))?;
        let counts = from == 0 && bits >> 4 == 0;
        let is_plain = if frame.is_progressive { !counts || to == 0 } else { counts && to == 63 };
        is_plain.then_some(Scan { parts, shift: (bits & 15).into(), counts })
    }

    /// Reads a scan, or passes over one that holds nothing for us; where the next marker is.
    fn scan(&mut self, scan: &Scan, file: &mut [u8], at: usize) -> Option<usize> {
        let mut data = Intervals { file, at };
        if scan.counts {
            let planes = self.planes(scan, &mut data)?;
            let components = &mut self.frame.as_mut()?.components;
            for (part, plane) in scan.parts.iter().zip(planes) {
                // once only (B.2.3), or time would not be bounded by the file's length
                if components[part.component].plane.replace(plane).is_some() {
                    return None;
                }
            }
        }
        data.pass_restarts()
    }

    fn planes(&self, scan: &Scan, data: &mut Intervals<'_>) -> Option<Vec<Plane>> {
        let frame = self.frame.as_ref()?;
        let (most_across, most_down) = frame.most();
        let alone = scan.parts.len() == 1;
        let mut columns = frame.width.div_ceil(SCALE as usize * most_across);
        let mut rows = frame.height.div_ceil(SCALE as usize * most_down);
        let mut readers = Vec::with_capacity(scan.parts.len());
        for part in &scan.parts {
            let component = &frame.components[part.component];
            let (across, down) = (component.across, component.down);
            if alone {
                // its blocks come row by row, without those that only fill up units: A.2.2
                columns = (frame.width * across).div_ceil(most_across).div_ceil(SCALE as usize);
                rows = (frame.height * down).div_ceil(most_down).div_ceil(SCALE as usize);
            }
            readers.push(BlockReader {
                first: Table::new(self.first.get(part.first)?.as_ref()?)?,
                others: match frame.is_progressive {
                    true => None,
                    false => Some(Table::new(self.others.get(part.others)?.as_ref()?)?.with_runs()),
                },
                step: (*self.steps.get(component.steps)?)?,
                shift: scan.shift,
                last: 0,
                across: if alone { 1 } else { across },
                down: if alone { 1 } else { down },
                plane: Plane {
                    stride: if alone { columns } else { columns * across },
                    values: Vec::new(),
                    across: (across, most_across),
                    down: (down, most_down),
                },
            });
        }
        let mut left = if self.restart == 0 { usize::MAX } else { self.restart };
        let (bytes, mut is_last) = data.next()?;
        let mut bits = Bits::new(bytes);
        'rows: for row in 0..rows {
            readers.iter_mut().for_each(BlockReader::add_rows);
            for column in 0..columns {
                if left == 0 {
                    if is_last {
                        break 'rows;
                    }
                    if bits.is_beyond_the_end() {
                        return None;
                    }
                    let bytes;
                    (bytes, is_last) = data.next_after_restart()?;
                    bits = Bits::new(bytes);
                    readers.iter_mut().for_each(|it| it.last = 0);
                    left = self.restart;
                }
                left -= 1;
                let is_read =
                    readers.iter_mut().all(|it| it.read(&mut bits, column, row).is_some());
                if is_last && bits.is_beyond_the_end() {
                    readers.iter_mut().for_each(|it| it.clear(column, row));
                    break 'rows;
                }
                if !is_read {
                    return None;
                }
            }
            if bits.is_beyond_the_end() {
                return None;
            }
        }
        Some(readers.into_iter().map(|it| it.finish(rows)).collect())
    }

    fn picture(self) -> Option<Eighth> {
        let frame = self.frame?;
        Some(Eighth {
            width: frame.width.div_ceil(SCALE as usize),
            height: frame.height.div_ceil(SCALE as usize),
            planes: frame
                .components
                .into_iter()
                .map(|it| it.plane.unwrap_or(Plane::GREY))
                .collect(),
        })
    }
}

/// Reads the blocks of a component.
struct BlockReader<'a> {
    first: Table<'a>,
    /// `None` where the scan holds first coefficients only.
    others: Option<Table<'a>>,
    step: i32,
    shift: u32,
    /// The last first coefficient, before it is scaled.
    last: i32,
    /// Blocks across and down in a unit of the scan.
    across: usize,
    down: usize,
    plane: Plane,
}

impl BlockReader<'_> {
    /// Makes room for the next row of units.
    fn add_rows(&mut self) {
        let Plane { values, stride, .. } = &mut self.plane;
        values.resize(values.len() + *stride * self.down, GREY);
    }

    /// Makes a unit grey again, which was not there as a whole.
    fn clear(&mut self, column: usize, row: usize) {
        for y in row * self.down..(row + 1) * self.down {
            let start = y * self.plane.stride + column * self.across;
            self.plane.values[start..start + self.across].fill(GREY);
        }
    }

    /// All rows; those that never came are grey.
    fn finish(mut self, rows: usize) -> Plane {
        self.plane.values.resize(rows * self.down * self.plane.stride, GREY);
        self.plane
    }

    #[inline(always)]
    fn read(&mut self, bits: &mut Bits<'_>, column: usize, row: usize) -> Option<()> {
        for y in row * self.down..(row + 1) * self.down {
            for x in column * self.across..(column + 1) * self.across {
                self.last = self.last.wrapping_add(bits.difference(&self.first)?);
                if let Some(others) = &self.others {
                    bits.skip_coefficients(others)?;
                }
                self.plane.values[y * self.plane.stride + x] = self.value();
            }
        }
        Some(())
    }

    /// The mean of the block: what a whole decoder makes of the first coefficient (A.3.3, A.3.4).
    fn value(&self) -> u8 {
        // bits that are left for later scans count as half of what they may add
        let unknown = ((1 << self.shift) - 1) * self.step / 2;
        let scaled = self.last.wrapping_shl(self.shift).wrapping_mul(self.step);
        let level = (scaled.wrapping_add(unknown + 4) >> 3).saturating_add(128);
        level.clamp(0, 255) as u8
    }
}

/// Entropy-coded data of a scan between restarts. Stuffed bytes are taken out in place.
struct Intervals<'a> {
    file: &'a mut [u8],
    /// Where the next interval starts; after it was read, the marker behind it.
    at: usize,
}

impl Intervals<'_> {
    /// The next interval, and whether it is the last one: no restart follows.
    fn next(&mut self) -> Option<(&[u8], bool)> {
        let start = self.at;
        let (mut from, mut to) = (start, start);
        loop {
            let found = memchr::memchr(0xff, self.file.get(from..)?).map(|found| from + found);
            let Some(end) = found.filter(|end| end + 1 < self.file.len()) else {
                let end = found.unwrap_or(self.file.len());
                self.file.copy_within(from..end, to);
                self.at = self.file.len();
                return Some((&self.file[start..to + end - from], true));
            };
            let stuffed = self.file[end + 1] == 0;
            let end = end + usize::from(stuffed);
            self.file.copy_within(from..end, to);
            to += end - from;
            from = end + usize::from(stuffed);
            if !stuffed {
                self.at = end;
                let restarts = matches!(self.file[end + 1], 0xd0..=0xd7 | 0xff);
                return Some((&self.file[start..to], !restarts));
            }
        }
    }

    fn next_after_restart(&mut self) -> Option<(&[u8], bool)> {
        while *self.file.get(self.at + 1)? == 0xff {
            self.at += 1;
        }
        if !(0xd0..=0xd7).contains(&self.file[self.at + 1]) {
            return None;
        }
        self.at += 2;
        self.next()
    }

    /// Where the next marker is that is no restart.
    fn pass_restarts(self) -> Option<usize> {
        let mut at = self.at;
        loop {
            match memchr::memchr(0xff, self.file.get(at..)?).map(|found| at + found) {
                Some(found) if found + 1 < self.file.len() => at = found,
                _ => return Some(self.file.len()),
            }
            if !matches!(self.file[at + 1], 0 | 0xd0..=0xd7) {
                return Some(at);
            }
            at += 2;
        }
    }
}

impl Eighth {
    /// Calls `take` with the colours of each row, from the top.
    pub(crate) fn rows(&self, mut take: impl FnMut(&[[u8; 3]])) {
        let mut row = vec![[0; 3]; self.width];
        for y in 0..self.height {
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel = match self.planes.as_slice() {
                    [grey] => [grey.at(x, y); 3],
                    [luma, blue, red] => from_ycbcr(luma.at(x, y), blue.at(x, y), red.at(x, y)),
                    _ => [0; 3],
                };
            }
            take(&row);
        }
    }
}

impl Plane {
    /// Of a component that never came.
    const GREY: Self = Self { stride: 0, values: Vec::new(), across: (1, 1), down: (1, 1) };

    fn at(&self, x: usize, y: usize) -> u8 {
        let x = x * self.across.0 / self.across.1;
        let y = y * self.down.0 / self.down.1;
        self.values.get(y * self.stride + x).copied().unwrap_or(GREY)
    }
}

#[cfg(test)]
mod tests;
