//! Builds JP2 files by hand around codestreams of a foreign encoder, and codestreams that claim much.

use std::collections::HashSet;

use crate::heifs::boxed;

/// A JP2 file of a codestream, with these boxes in its header box.
pub fn jp2(header: &[Vec<u8>], codestream: &[u8]) -> Vec<u8> {
    [
        boxed(b"jP  ", b"\r\n\x87\n"),
        boxed(b"ftyp", b"jp2 \0\0\0\0jp2 "),
        boxed(b"jp2h", &header.concat()),
        boxed(b"jp2c", codestream),
    ]
    .concat()
}

/// A Colour Specification box of an enumerated colour space: 16 is sRGB, 17 grey, 18 sYCC.
pub fn color_space(number: u32) -> Vec<u8> {
    boxed(b"colr", &[&[1, 0, 0], &number.to_be_bytes()[..]].concat())
}

/// A Colour Specification box with an ICC profile.
pub fn profile(data: &[u8]) -> Vec<u8> {
    boxed(b"colr", &[&[2, 0, 0], data].concat())
}

/// A Channel Definition box: the kind of each channel (0 is a colour, 1 opacity, 2 premultiplied
/// opacity), and the number of its colour, from 1.
pub fn channels(definitions: &[(u16, u16)]) -> Vec<u8> {
    let mut content = (definitions.len() as u16).to_be_bytes().to_vec();
    for ((kind, color), channel) in definitions.iter().zip(0_u16..) {
        content.extend([channel, *kind, *color].map(u16::to_be_bytes).as_flattened());
    }
    boxed(b"cdef", &content)
}

/// A Palette box of red, green and blue with its Component Mapping box.
pub fn palette(colors: &[[u8; 3]]) -> [Vec<u8>; 2] {
    let mut content = (colors.len() as u16).to_be_bytes().to_vec();
    content.extend([3, 7, 7, 7]);
    content.extend(colors.as_flattened());
    let mapping: Vec<u8> = (0..3).flat_map(|column| [0, 0, 1, column]).collect();
    [boxed(b"pclr", &content), boxed(b"cmap", &mapping)]
}

/// What the headers of a codestream claim. Its tiles have no data.
#[derive(Clone)]
pub struct Claim {
    /// Width and height in pixels.
    pub sides: (u32, u32),
    /// Width and height of a tile.
    pub tile_sides: (u32, u32),
    /// The number of components.
    pub components: u16,
    /// Decomposition levels.
    pub levels: u8,
    /// Quality layers.
    pub layers: u16,
    /// Exponents of the sides of code-blocks and precincts.
    pub code_block: u8,
    /// The same of precincts.
    pub precinct: u8,
    /// The bytes of each tile.
    pub data: Vec<u8>,
}

impl Default for Claim {
    fn default() -> Self {
        Self {
            sides: (10_000, 10_000),
            tile_sides: (10_000, 10_000),
            components: 1,
            levels: 5,
            layers: 1,
            code_block: 6,
            precinct: 15,
            data: Vec::new(),
        }
    }
}

impl Claim {
    /// The codestream.
    pub fn codestream(&self) -> Vec<u8> {
        let ((width, height), (across, down)) = (self.sides, self.tile_sides);
        let mut size = [38 + 3 * self.components, 0].map(u16::to_be_bytes).as_flattened().to_vec();
        let sides = [width, height, 0, 0, across, down, 0, 0];
        size.extend(sides.map(u32::to_be_bytes).as_flattened());
        size.extend(self.components.to_be_bytes());
        size.extend([7, 1, 1].repeat(self.components.into()));
        let block = self.code_block - 2;
        let [high, low] = self.layers.to_be_bytes();
        let mut coding = vec![1, 0, high, low, 0, self.levels, block, block, 0, 1];
        coding.extend(vec![self.precinct << 4 | self.precinct; usize::from(self.levels) + 1]);
        let quantization = [&[0x40][..], &vec![0x48; 3 * usize::from(self.levels) + 1]].concat();
        let mut file = vec![0xff, 0x4f, 0xff, 0x51];
        file.extend(size);
        for (marker, segment) in [(0x52, coding), (0x5c, quantization)] {
            file.extend([0xff, marker]);
            file.extend((segment.len() as u16 + 2).to_be_bytes());
            file.extend(segment);
        }
        for tile in 0..width.div_ceil(across) * height.div_ceil(down) {
            file.extend([0xff, 0x90, 0, 10]);
            file.extend((tile as u16).to_be_bytes());
            file.extend((self.data.len() as u32 + 14).to_be_bytes());
            file.extend([0, 1, 0xff, 0x93]);
            file.extend(&self.data);
        }
        file.extend([0xff, 0xd9]);
        file
    }
}

/// The packet of a precinct of so many code-blocks, across and down, each with 90 coding passes and no
/// data: the most work for its length (B.10).
pub fn busy_packet(columns: u32, rows: u32) -> Vec<u8> {
    let levels = columns.max(rows).next_power_of_two().ilog2();
    let (mut bits, mut seen) = (Vec::new(), HashSet::new());
    for (x, y) in (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y))) {
        // a bit ends each node of the tag tree that was not read before
        let nodes = (0..=levels).filter(|it| seen.insert((*it, x >> it, y >> it))).count();
        // both tag trees, 90 passes, the same Lblock, no bytes
        bits.extend(vec![1; 2 * nodes]);
        bits.extend([1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 1, 0, 1]);
        bits.extend([0; 10]);
    }
    // the packet is not empty; a byte after 0xFF begins with a bit that is no data
    let mut bits = [1].into_iter().chain(bits).peekable();
    let mut bytes: Vec<u8> = Vec::new();
    while bits.peek().is_some() {
        let room = if bytes.last() == Some(&0xff) { 7 } else { 8 };
        let byte = (0..room).fold(0, |byte, _| byte << 1 | bits.next().unwrap_or(0));
        bytes.push(byte);
    }
    bytes
}
