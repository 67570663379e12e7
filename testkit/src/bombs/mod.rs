//! Small files that claim large pictures, of every format: what decodes to most pixels for its bytes,
//! and what leaves parts out or repeats them.

mod tiffs;

use std::io::Write;

use asciify::Spec;
use flate2::{Compress, Compression, FlushCompress};

use crate::heifs::{coded, tiled};
use crate::instruments::{fits, hdu};
use crate::jp2s::{Claim, busy_packet};
use crate::pictures::riff;
use crate::samples::foreign;
use crate::seeds::chunk;

/// A file, and the frame that takes long.
pub struct Bomb {
    /// What it is.
    pub name: String,
    /// The file.
    pub file: Vec<u8>,
    /// The index of the frame.
    pub frame: u32,
    /// Whether it must be drawn, since honest files are like it.
    pub is_honest: bool,
    /// Whether it takes long at full size only.
    needs_full_size: bool,
}

/// Width and height of most of them, in pixels: as many as are allowed by default.
const SIDES: (u32, u32) = (16_000, REPEATED_ROWS * REPEATS);
/// Rows that are repeated, and how many times.
const REPEATED_ROWS: u32 = 32;
const REPEATS: u32 = 248;

impl Bomb {
    fn new(name: &str, file: Vec<u8>) -> Self {
        Self { name: name.into(), file, frame: 0, is_honest: false, needs_full_size: false }
    }

    fn honest(name: &str, file: Vec<u8>) -> Self {
        Self { is_honest: true, ..Self::new(name, file) }
    }

    /// A spec that takes long: of 80 columns, or of so many that pixels are not left out.
    pub fn spec(&self) -> Spec {
        let size = match self.needs_full_size {
            true => "width=1000&height=10&fit=stretch&match=ramp",
            false => "width=80",
        };
        format!("{size}&frame={}", self.frame).parse().expect("a spec")
    }
}

/// All of them, where TIFFs, which take long to convert without the optimisation of a release, have
/// so many times fewer pixels than are allowed.
pub fn all(tiff_reduction: u32) -> Vec<Bomb> {
    let (bomb, honest) = (Bomb::new, Bomb::honest);
    let later = |name: &str, frame, file| Bomb { frame, ..bomb(name, file) };
    let full = |name: &str, file| Bomb { needs_full_size: true, ..bomb(name, file) };
    let mut all = vec![
        honest("PNG of one colour", png(8, 0, false, |_| vec![0x55; 16_000])),
        honest("PNG of one colour, 16 bits and alpha", png(16, 6, false, |_| vec![0x55; 128_000])),
        bomb(
            "PNG of two rows, palette with alpha",
            png(1, 3, false, |y| vec![0x55 << (y % 2); 2_000]),
        ),
        bomb("PNG of two rows, RGBA", png(8, 6, false, |y| vec![0x55 << (y % 2); 64_000])),
        bomb("PNG, interlaced", png(1, 0, true, |_| vec![0; 2_000])),
        bomb("HEIC, one tile many times", {
            tiled(b"heic", &coded(&foreign("libheif-tile.heic")), 50, 50)
        }),
        honest("JPEG 2000, blank", Claim { data: vec![0; 16], ..Claim::default() }.codestream()),
        bomb("JPEG 2000, every coding pass", busy_jp2()),
        bomb("JPEG 2000 of empty tiles", {
            Claim { tile_sides: (40, 40), data: vec![0; 8], ..Claim::default() }.codestream()
        }),
        bomb("FITS, one tile many times", tiled_fits(2_000, (8_000, 4_000))),
        bomb("ICO of a PNG", ico(&png(1, 0, false, |_| vec![0x55; 2_000]))),
        later("APNG", 15, apng(16)),
        later("APNG of frames of a pixel", 2_999, apng_of_pixels(3_000)),
        honest("GIF of one colour", gif((8_000, 8_000), &[0])),
        later("GIF, transparent frames", 5, gif((8_000, 8_000), &[1; 6])),
        honest("WebP of one colour, lossless", webp_file(&vp8l((8_000, 8_000), &[]))),
        bomb("WebP, lossless, larger", webp_file(&vp8l((9_400, 9_400), &[]))),
        bomb("WebP, lossless, predicted", webp_file(&vp8l((8_000, 8_000), &[11]))),
        bomb("animated WebP", animated_webp((9_400, 9_400), 11, true)),
        later("animated WebP, blended", 3, animated_webp((4_000, 4_000), 4, true)),
        later("animated WebP, not blended", 3, animated_webp((4_000, 4_000), 4, false)),
        bomb("BMP, run-length coded, empty", bmp(b"\0\x01")),
        honest("BMP, run-length coded, of one colour", {
            bmp(&[
                [&b"\xff\x01".repeat(63)[..], b"\0\0"].concat().repeat(SIDES.1 as usize),
                b"\0\x01".to_vec(),
            ]
            .concat())
        }),
        honest("QOI of one colour", qoi()),
        honest("arithmetic JPEG, blank", jpeg(0xc9, 3, &scan(&[1, 2, 3], 0, 63, 0, b""))),
        bomb("arithmetic JPEG, a hundred scans", {
            jpeg(0xca, 3, &scan(&[1, 2, 3], 0, 0, 0, b"").repeat(100))
        }),
        honest("JPEG, blank", jpeg(0xc0, 1, &scan(&[1], 0, 63, 0, &vec![0; BLOCKS / 4 + 1]))),
        bomb("JPEG that ends early", jpeg(0xc0, 3, &scan(&[1, 2, 3], 0, 63, 0, &[0; 300_000]))),
        bomb("progressive JPEG, a hundred scans", {
            let first = scan(&[1], 0, 0, 0, &vec![0; BLOCKS / 8 + 1]);
            let run = scan(&[1], 1, 63, 0x10, &vec![0; BLOCKS / 8_192 * 2]);
            jpeg(0xc2, 1, &[first, run.repeat(99)].concat())
        }),
        bomb("lossless JPEG that ends early", jpeg(0xc3, 1, &scan(&[1], 1, 0, 0, &[0; 250_000]))),
        full("JPEG of 17 million pixels, baseline", noisy_jpeg(false)),
        full("JPEG of 17 million pixels, progressive", noisy_jpeg(true)),
        full(
            "lossy WebP",
            riff(b"RIFF", &[b"WEBP", &riff(b"VP8 ", &vp8((4_000, 4_000)))[..]].concat()),
        ),
        bomb("AVIF of one colour", foreign("libavif-flat.avif")),
        bomb("JPEG XL of one colour", foreign("libjxl-flat.jxl")),
    ];
    all.extend(tiffs::all(tiff_reduction));
    all
}

/// Noise, which takes the most time for a pixel.
fn noisy_jpeg(is_progressive: bool) -> Vec<u8> {
    let (width, height) = (4_096, 4_096);
    let mut state = 1_u32;
    let samples: Vec<u8> = (0..u32::from(width) * u32::from(height))
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 60);
    encoder.set_progressive(is_progressive);
    encoder.encode(&samples, width, height, jpeg_encoder::ColorType::Luma).expect("in memory");
    file
}

/// A key frame of VP8 (RFC 6386, section 9.1) whose data are zeros.
fn vp8((width, height): (u16, u16)) -> Vec<u8> {
    let macroblocks = u32::from(width.div_ceil(16)) * u32::from(height.div_ceil(16));
    // what modes take, and in the second partition 25 blocks without coefficients
    let (bytes, others) = (macroblocks / 2 + 64, 8 * macroblocks);
    let tag = (bytes << 5 | 1 << 4).to_le_bytes();
    let sides = [width, height].map(u16::to_le_bytes).concat();
    [&tag[..3], &[0x9d, 1, 0x2a], &sides, &vec![0; (bytes + others) as usize]].concat()
}

/// One resolution, so that all of it is decoded.
fn busy_jp2() -> Vec<u8> {
    let sides = (2_112, 2_112);
    let data = busy_packet(sides.0 / 64, sides.1 / 64);
    let claim = Claim { sides, tile_sides: sides, levels: 0, data, ..Claim::default() };
    let mut file = claim.codestream();
    // the most bit-planes: exponent 26, seven guard bits
    let quantization = file.windows(2).position(|it| it == [0xff, 0x5c]).expect("QCD");
    (file[quantization + 4], file[quantization + 5]) = (0xe0, 26 << 3);
    file
}

/// Data, so many times, as a zlib stream (RFC 1950). It is compressed twice; then the compressed data
/// is repeated, which refers to the same data before it.
fn deflated(data: &[u8], repeats: u32) -> Vec<u8> {
    const MODULUS: u64 = 65_521;
    let mut compress = Compress::new(Compression::best(), false);
    let mut compressed = || {
        let mut bytes = Vec::with_capacity(data.len() + 1024);
        compress.compress_vec(data, &mut bytes, FlushCompress::Sync).expect("there is room");
        bytes
    };
    let (first, next) = (compressed(), compressed());
    // Adler-32 of the data, and of its repetition
    let (mut a, mut b) = (1, 0);
    for bytes in data.chunks(4096) {
        for byte in bytes {
            a += u64::from(*byte);
            b += a;
        }
        (a, b) = (a % MODULUS, b % MODULUS);
    }
    let (mut sum_a, mut sum_b) = (1, 0);
    for _ in 0..repeats {
        sum_b = (sum_b + b + data.len() as u64 % MODULUS * (sum_a + MODULUS - 1)) % MODULUS;
        sum_a = (sum_a + a + MODULUS - 1) % MODULUS;
    }
    let checksum = (sum_b as u32) << 16 | sum_a as u32;
    let next = next.repeat(repeats as usize - 1);
    // an empty last block
    [&[0x78, 0xda], &first[..], &next, &[3, 0], &checksum.to_be_bytes()].concat()
}

/// A PNG of those rows without their filter types.
fn png(depth: u8, kind: u8, is_interlaced: bool, row: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let channels = if kind == 6 { 4 } else { 1 };
    let width = row(0).len() as u32 * 8 / (u32::from(depth) * channels);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let sides = [width, SIDES.1].map(u32::to_be_bytes).concat();
    chunk(&mut file, b"IHDR", &[&sides[..], &[depth, kind, 0, 0, is_interlaced.into()]].concat());
    if kind == 3 {
        chunk(&mut file, b"PLTE", &[10, 20, 30, 200, 100, 50]);
        chunk(&mut file, b"tRNS", &[100, 200]);
    }
    // passes of an interlaced image have about as many bytes as rows, and 15 eighths as many rows
    let count = if is_interlaced { 2 } else { 1 };
    let rows = (0..REPEATED_ROWS).map(|y| [&[0], &row(y)[..]].concat().repeat(count));
    let repeated: Vec<Vec<u8>> = rows.collect();
    chunk(&mut file, b"IDAT", &deflated(&repeated.concat(), REPEATS));
    chunk(&mut file, b"IEND", &[]);
    file
}

/// Frames of one bit per pixel, each over the last one.
fn apng(frames: u32) -> Vec<u8> {
    let width = 8_000_u32;
    let still = png(1, 0, false, |_| vec![0x55; width as usize / 8]);
    let idat = still.windows(4).position(|it| it == b"IDAT").expect("a chunk") - 4;
    let length = still[idat..idat + 4].try_into().map(u32::from_be_bytes).expect("a length");
    let data = &still[idat + 8..][..length as usize];
    let mut file = still[..idat].to_vec();
    chunk(&mut file, b"acTL", &[frames, 0].map(u32::to_be_bytes).concat());
    let mut sequence = 0_u32;
    for frame in 0..frames {
        let control = [sequence, width, SIDES.1, 0, 0].map(u32::to_be_bytes).concat();
        chunk(&mut file, b"fcTL", &[&control[..], &[0, 1, 0, 1, 0, 1]].concat());
        sequence += 1;
        match frame {
            0 => chunk(&mut file, b"IDAT", data),
            _ => {
                chunk(&mut file, b"fdAT", &[&sequence.to_be_bytes()[..], data].concat());
                sequence += 1;
            }
        }
    }
    chunk(&mut file, b"IEND", &[]);
    file
}

/// A large frame, and frames of a pixel over it.
fn apng_of_pixels(frames: u32) -> Vec<u8> {
    let mut file = apng(1);
    let controls = file.windows(4).position(|it| it == b"acTL").expect("a chunk") - 4;
    let mut count = Vec::new();
    chunk(&mut count, b"acTL", &[frames, 0].map(u32::to_be_bytes).concat());
    file.splice(controls..controls + count.len(), count);
    // without IEND
    file.truncate(file.len() - 12);
    for frame in 1..frames {
        let sequence = 2 * frame - 1;
        let control = [sequence, 1, 1, 5, 5].map(u32::to_be_bytes).concat();
        chunk(&mut file, b"fcTL", &[&control[..], &[0, 1, 0, 1, 0, 1]].concat());
        let pixel = deflated(&[0, 0x80], 1);
        chunk(&mut file, b"fdAT", &[&(sequence + 1).to_be_bytes()[..], &pixel].concat());
    }
    chunk(&mut file, b"IEND", &[]);
    file
}

fn ico(png: &[u8]) -> Vec<u8> {
    let header = [0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 32, 0];
    [&header[..], &(png.len() as u32).to_le_bytes(), &[22, 0, 0, 0], png].concat()
}

/// Frames of one colour, each with its disposal method; all have a transparent colour but the first.
fn gif((width, height): (u16, u16), disposals: &[u8]) -> Vec<u8> {
    let mut file = b"GIF89a".to_vec();
    file.extend([width, height].map(u16::to_le_bytes).concat());
    file.extend([0x81, 0, 0, 200, 100, 50, 1, 2, 3, 50, 60, 70, 9, 9, 9]);
    let data = lzw_of_one_colour(u32::from(width) * u32::from(height));
    for disposal in disposals {
        file.extend([0x21, 0xf9, 4, disposal << 2 | u8::from(*disposal > 0), 0, 0, 3, 0]);
        file.extend([0x2c, 0, 0, 0, 0]);
        file.extend([width, height].map(u16::to_le_bytes).concat());
        file.extend([0, 2]);
        for block in data.chunks(255) {
            file.push(block.len() as u8);
            file.extend(block);
        }
        file.push(0);
    }
    file.push(0x3b);
    file
}

/// LZW codes of index 0, of two bits: each code is one index longer than the last one.
fn lzw_of_one_colour(pixels: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(4, 3); // clear
    bits.put(0, 3);
    let (mut left, mut code, mut width, mut length) = (pixels.saturating_sub(1), 6_u32, 3, 2);
    while left > 0 {
        bits.put(code.min(4095), width);
        left = left.saturating_sub(length);
        if code < 4095 {
            length += 1;
        }
        code = (code + 1).min(4096);
        if code == 1 << width && width < 12 {
            width += 1;
        }
    }
    bits.put(5, width); // end
    bits.finish()
}

/// Bits from the lowest of each byte.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    window: u64,
    ready: u32,
}

impl Bits {
    fn put(&mut self, value: u32, bits: u32) {
        self.window |= u64::from(value) << self.ready;
        self.ready += bits;
        while self.ready >= 8 {
            self.bytes.push(self.window as u8);
            self.window >>= 8;
            self.ready -= 8;
        }
    }

    /// The bytes, padded.
    fn finish(mut self) -> Vec<u8> {
        self.put(0, 40);
        self.bytes
    }
}

/// VP8L data of one colour, with a predictor transform of each of those modes (RFC 9649, section 3).
fn vp8l((width, height): (u32, u32), predictors: &[u32]) -> Vec<u8> {
    let mut bits = Bits::default();
    // a prefix code of one symbol, which takes no bits
    let symbol = |bits: &mut Bits, value: u32| {
        bits.put(0b101, 3);
        bits.put(value, 8);
    };
    bits.put(0x2f, 8);
    bits.put(width - 1, 14);
    bits.put(height - 1, 14);
    bits.put(1, 4); // alpha, version
    for mode in predictors {
        bits.put(0b001, 3);
        bits.put(7, 3); // blocks of 512 × 512 pixels
        bits.put(0, 1); // no colour cache
        [*mode, 1, 1, 255, 0].into_iter().for_each(|value| symbol(&mut bits, value));
    }
    bits.put(0, 3); // no more transforms, no colour cache, no meta prefix codes
    [5, 9, 7, 1, 0].into_iter().for_each(|value| symbol(&mut bits, value));
    bits.finish()
}

fn webp_file(vp8l: &[u8]) -> Vec<u8> {
    riff(b"RIFF", &[b"WEBP", &riff(b"VP8L", vp8l)[..]].concat())
}

fn animated_webp(sides: (u32, u32), frames: usize, is_blended: bool) -> Vec<u8> {
    let u24 = |value: u32| value.to_le_bytes()[..3].to_vec();
    let canvas = [u24(sides.0 - 1), u24(sides.1 - 1)].concat();
    let header = riff(b"VP8X", &[&[0x12, 0, 0, 0], &canvas[..]].concat());
    let method = if is_blended { 0 } else { 2 };
    let place = [&[0; 6], &canvas[..], &[10, 0, 0, method]].concat();
    let frame = riff(b"ANMF", &[place, riff(b"VP8L", &vp8l(sides, &[11]))].concat());
    let chunks = [header, riff(b"ANIM", &[0; 6]), frame.repeat(frames)].concat();
    riff(b"RIFF", &[b"WEBP", &chunks[..]].concat())
}

/// 8 bits per pixel, BI_RLE8.
fn bmp(data: &[u8]) -> Vec<u8> {
    let offset = 14 + 40 + 1024;
    let mut file = b"BM".to_vec();
    file.extend(
        [offset + data.len() as u32, 0, offset, 40, SIDES.0, SIDES.1]
            .map(u32::to_le_bytes)
            .concat(),
    );
    file.extend([1, 0, 8, 0, 1, 0, 0, 0]);
    file.extend([data.len() as u32, 0, 0, 256, 0].map(u32::to_le_bytes).concat());
    file.resize(offset as usize, 0x30);
    file.extend(data);
    file
}

fn qoi() -> Vec<u8> {
    let mut file = b"qoif".to_vec();
    file.extend([SIDES.0, SIDES.1].map(u32::to_be_bytes).concat());
    file.extend(b"\x04\0\xfe\x10\x20\x30");
    // runs of 62 pixels, and of what is left
    let left = SIDES.0 * SIDES.1 - 1;
    file.resize(file.len() + (left / 62) as usize, 0xfd);
    file.push(0xbf + (left % 62) as u8);
    file.extend([0, 0, 0, 0, 0, 0, 0, 1]);
    file
}

/// Width and height of the JPEGs in pixels, and their blocks per component.
const JPEG_SIDE: u16 = 10_800;
const BLOCKS: usize = (JPEG_SIDE as usize / 8).pow(2);

/// A JPEG with one Huffman code for each class: a zero bit, for no difference, or for EOB; in
/// progressive mode, for EOB runs of 16384 blocks or more.
fn jpeg(sof: u8, components: u8, scans: &[u8]) -> Vec<u8> {
    let segment = |marker: u8, data: &[u8]| {
        [&[0xff, marker], &(data.len() as u16 + 2).to_be_bytes()[..], data].concat()
    };
    let side = JPEG_SIDE.to_be_bytes();
    let frame = [&[8], &side[..], &side, &[components]].concat();
    let each = (1..=components).flat_map(|id| [id, 0x11, 0]);
    let frame: Vec<u8> = frame.into_iter().chain(each).collect();
    let codes = |class: u8, symbol: u8| [&[class, 1], &[0; 15][..], &[symbol]].concat();
    [
        b"\xff\xd8".to_vec(),
        segment(0xdb, &[&[0], &[1; 64][..]].concat()),
        segment(sof, &frame),
        segment(0xc4, &codes(0, 0)),
        segment(0xc4, &codes(0x10, if sof == 0xc2 { 0xe0 } else { 0 })),
        scans.to_vec(),
        b"\xff\xd9".to_vec(),
    ]
    .concat()
}

fn scan(components: &[u8], ss: u8, se: u8, approximation: u8, data: &[u8]) -> Vec<u8> {
    let mut scan = vec![0xff, 0xda, 0, 6 + 2 * components.len() as u8, components.len() as u8];
    components.iter().for_each(|id| scan.extend([*id, 0]));
    scan.extend([ss, se, approximation]);
    scan.extend(data);
    scan
}

/// A FITS of tiles of `tile_width` floating-point numbers, quantized and dithered, which all share
/// the same bytes.
fn tiled_fits(tile_width: usize, (width, height): (usize, usize)) -> Vec<u8> {
    let mut tile = flate2::write::GzEncoder::new(Vec::new(), Compression::best());
    tile.write_all(&vec![0; 4 * tile_width]).expect("it is in memory");
    let tile = tile.finish().expect("it is in memory");
    let tiles = width / tile_width * height;
    let rows = [tile.len() as u32, 0].map(u32::to_be_bytes).concat().repeat(tiles);
    let text = |number: usize| number.to_string();
    let (heap, tiles, tile_width) = (text(tile.len()), text(tiles), text(tile_width));
    let (width, height) = (text(width), text(height));
    let table = [
        ("XTENSION", "'BINTABLE'"),
        ("BITPIX", "8"),
        ("NAXIS", "2"),
        ("NAXIS1", "8"),
        ("NAXIS2", tiles.as_str()),
        ("PCOUNT", heap.as_str()),
        ("TFIELDS", "1"),
        ("TTYPE1", "'COMPRESSED_DATA'"),
        ("TFORM1", "'1PB'"),
        ("ZIMAGE", "T"),
        ("ZBITPIX", "-64"),
        ("ZNAXIS", "2"),
        ("ZNAXIS1", width.as_str()),
        ("ZNAXIS2", height.as_str()),
        ("ZTILE1", tile_width.as_str()),
        ("ZCMPTYPE", "'GZIP_1'"),
        ("ZQUANTIZ", "'SUBTRACTIVE_DITHER_1'"),
        ("ZSCALE", "0.25"),
        ("ZZERO", "1.5"),
    ];
    [fits(8, &[], &[], &[]), hdu(&table, &[rows, tile].concat())].concat()
}
