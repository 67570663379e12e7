//! Decompression bombs: small files that declare or contain huge images.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};

/// A bomb and its description.
pub(crate) struct Bomb {
    pub what: &'static str,
    pub bytes: Vec<u8>,
}

/// At least one bomb per format.
pub(crate) fn bombs() -> Vec<Bomb> {
    let mut bombs = Vec::new();
    let mut add = |what, bytes| bombs.push(Bomb { what, bytes });
    add("a PNG that claims too many pixels", png(60_000, 60_000, 0, &[]));
    add("a PNG of a hundred million black pixels", black_png());
    add(
        "a PNG that claims to be interlaced",
        png(5_000, 5_000, 1, &chunk(b"tEXt", b"a\0b").repeat(1_000)),
    );
    add("a PNG of many chunks", png(100, 100, 0, &chunk(b"tEXt", b"a\0b").repeat(200_000)));
    add("a PNG of a million frames", png(100, 100, 0, &chunk(b"acTL", &[0, 16, 0, 0, 0, 0, 0, 0])));
    add("a GIF of 100 000 frames", gif(10, 100_000));
    add("a GIF of 9 000 large frames", gif(3_000, 9_000));
    add("a GIF of 14 million pixels", gif(3_800, 1));
    add("a lossless WebP that claims the largest sides", webp(b"VP8L", 16_383));
    add("a lossless WebP of 11 million pixels", webp(b"VP8L", 3_300));
    add("a lossy WebP of 11 million pixels", webp(b"VP8 ", 3_300));
    add("a WebP of 20 000 frames", animated_webp(20_000));
    add("a WebP of 9 000 frames", animated_webp(9_000));
    add("a TIFF of one huge strip", tiff(10_000, &[(278, 10_000)], None));
    add("a TIFF of one huge tile", tiff(9_000, &[(322, 9_008), (323, 9_008)], None));
    add(
        "a TIFF of a tile that is no picture's",
        tiff(100, &[(322, 1 << 30), (323, 1 << 30)], None),
    );
    add("a TIFF of half a million tiles", tiff(11_000, &[(322, 16), (323, 16)], None));
    add("a TIFF whose pages form a circle", tiff(100, &[(278, 100)], Some(8)));
    add("a TIFF of 65 535 samples", tiff(400, &[(277, 65_535), (278, 1)], None));
    add("a JPEG of absurd sampling", jpeg(2_500, 0xc0, 0x44, 1));
    add("a progressive JPEG of many scans", jpeg(2_500, 0xc2, 0x22, 3_000));
    add("a JPEG that claims the largest sides", jpeg(65_500, 0xc0, 0x22, 1));
    add("a BMP that claims to be packed", bmp(5_700));
    add("an ICO of a huge BMP", ico(&bmp(5_000)[14..]));
    add("an ICO of a huge PNG", ico(&black_png()));
    add("a QOI of runs", qoi(5_500));
    add("a PNM of bits", pnm(7_900));
    bombs
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut chunk = (data.len() as u32).to_be_bytes().to_vec();
    chunk.extend(kind);
    chunk.extend(data);
    let crc = !chunk[4..].iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    });
    chunk.extend(crc.to_be_bytes());
    chunk
}

/// The pixels of a small image behind the header of a large one.
fn png(width: u32, height: u32, interlace: u8, extra: &[u8]) -> Vec<u8> {
    let small = encoded(GrayImage::new(100, 100).into(), ImageFormat::Png);
    let sides = [width.to_be_bytes(), height.to_be_bytes()];
    let header = [sides.as_flattened(), &[8, 0, 0, 0, interlace]].concat();
    [&small[..8], &chunk(b"IHDR", &header), extra, &small[33..]].concat()
}

fn black_png() -> Vec<u8> {
    encoded(GrayImage::new(10_000, 10_000).into(), ImageFormat::Png)
}

fn encoded(picture: DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// A complete first frame of this side; the following frames are single pixels.
pub(crate) fn gif(side: u16, frames: u32) -> Vec<u8> {
    let [low, high] = side.to_le_bytes();
    let mut file = b"GIF89a".to_vec();
    file.extend([low, high, low, high, 0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
    for frame in 0..frames {
        let [low, high] = if frame == 0 { [low, high] } else { [1, 0] };
        file.extend([0x2c, 0, 0, 0, 0, low, high, low, high, 0, 2]);
        let pixels = if frame == 0 { usize::from(side).pow(2) } else { 1 };
        for block in black_lzw(pixels).chunks(255) {
            file.push(block.len() as u8);
            file.extend(block);
        }
        file.push(0);
    }
    file.push(0x3b);
    file
}

/// Zeros in LZW: each code of the table stands for one more byte than the one before.
fn black_lzw(mut pixels: usize) -> Vec<u8> {
    const CLEAR: u32 = 4;
    let (mut bytes, mut buffer, mut filled) = (Vec::new(), 0_u64, 0);
    let mut put = |code: u32, width: u32| {
        buffer |= u64::from(code) << filled;
        filled += width;
        while filled >= 8 {
            bytes.push(buffer as u8);
            buffer >>= 8;
            filled -= 8;
        }
    };
    let mut width = 3;
    while pixels > 0 {
        put(CLEAR, width);
        put(0, 3);
        pixels -= 1;
        let (mut next, mut length) = (CLEAR + 2, 2);
        width = 3;
        while pixels > 0 && next < 4_000 {
            put(next, width);
            pixels = pixels.saturating_sub(length);
            (next, length) = (next + 1, length + 1);
            width = u32::BITS - next.leading_zeros();
        }
    }
    put(CLEAR + 1, width);
    put(0, 8);
    bytes
}

fn riff(chunks: &[u8]) -> Vec<u8> {
    let length = (chunks.len() as u32 + 4).to_le_bytes();
    [b"RIFF".as_slice(), &length, b"WEBP", chunks].concat()
}

fn riff_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let padding: &[u8] = if data.len() % 2 == 1 { &[0] } else { &[] };
    [kind.as_slice(), &(data.len() as u32).to_le_bytes(), data, padding].concat()
}

/// A header and zeros, which are valid in both kinds.
fn webp(kind: &[u8; 4], side: u32) -> Vec<u8> {
    let mut data = match kind {
        b"VP8L" => [&[0x2f], ((side - 1) | ((side - 1) << 14)).to_le_bytes().as_slice()].concat(),
        _ => {
            let side = (side as u16).to_le_bytes();
            [&[0x10, 0x80, 0, 0x9d, 0x01, 0x2a], side.as_slice(), &side].concat()
        }
    };
    data.resize(200_000, 0);
    riff(&riff_chunk(kind, &data))
}

fn animated_webp(frames: usize) -> Vec<u8> {
    let canvas = [0x02, 0, 0, 0, 0x3f, 0x0c, 0, 0x3f, 0x0c, 0];
    let mut pixel = vec![0x2f, 0, 0, 0, 0];
    pixel.resize(20, 0);
    let frame = [[0; 16].as_slice(), &riff_chunk(b"VP8L", &pixel)].concat();
    let head = [riff_chunk(b"VP8X", &canvas), riff_chunk(b"ANIM", &[0; 6])].concat();
    riff(&[head, riff_chunk(b"ANMF", &frame).repeat(frames)].concat())
}

/// An 8-bit grayscale page in PackBits; `next` is the offset of the next page.
fn tiff(side: u32, layout: &[(u16, u32)], next: Option<u32>) -> Vec<u8> {
    let piece = layout.iter().filter(|(tag, _)| matches!(tag, 278 | 322 | 323));
    let rows = piece.map(|(_, rows)| *rows).min().unwrap();
    let is_tiled = layout.iter().any(|(tag, _)| *tag == 322);
    let width = if is_tiled { rows } else { side };
    let runs = u64::from(width).div_ceil(128) * u64::from(rows);
    let packed = [0x81, 0].repeat(runs.min(1 << 21) as usize);
    let across = u64::from(side).div_ceil(width.into());
    let count = across * u64::from(side).div_ceil(rows.into());
    let mut tags = vec![(256, side), (257, side), (258, 8), (259, 32_773), (262, 1)];
    tags.extend(layout);
    let start = 8 + 2 + 12 * (tags.len() as u32 + 2) + 4;
    let (offsets, lengths) = if is_tiled { (324, 325) } else { (273, 279) };
    let mut file = b"II\x2a\0\x08\0\0\0".to_vec();
    file.extend((tags.len() as u16 + 2).to_le_bytes());
    let table = 4 * count as u32;
    let (at, length) = match count {
        1 => (start, packed.len() as u32),
        _ => (start, start + table),
    };
    let entries = tags.iter().map(|(tag, value)| (*tag, 1, *value));
    let mut entries: Vec<(u16, u32, u32)> = entries.collect();
    entries.extend([(offsets, count as u32, at), (lengths, count as u32, length)]);
    entries.sort_unstable();
    for (tag, count, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend([4, 0]);
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend(next.unwrap_or(0).to_le_bytes());
    if count > 1 {
        // all strips share the same bytes
        file.extend((start + 2 * table).to_le_bytes().repeat(count as usize));
        file.extend((packed.len() as u32).to_le_bytes().repeat(count as usize));
    }
    file.extend(packed);
    file
}

/// The data of a small image behind another frame header, in `scans` scans, and zeros for the rest.
fn jpeg(side: u16, frame: u8, sampling: u8, scans: usize) -> Vec<u8> {
    let mut file = encoded(RgbImage::new(16, 16).into(), ImageFormat::Jpeg);
    let position = |marker: u8| move |it: &[u8]| it == [0xff, marker];
    let header = file.windows(2).position(position(0xc0)).unwrap();
    file[header + 1] = frame;
    file[header + 5..header + 9].copy_from_slice([side; 2].map(u16::to_be_bytes).as_flattened());
    file[header + 11] = sampling;
    let scan = file.windows(2).position(position(0xda)).unwrap();
    let mut data = file.split_off(scan);
    data.truncate(data.len() - 2);
    if frame == 0xc2 {
        // DC coefficients only
        data[12] = 0;
    }
    data.resize(data.len() + 400_000 / scans, 0);
    file.extend(data.repeat(scans));
    file.extend([0xff, 0xd9]);
    file
}

fn bmp(side: i32) -> Vec<u8> {
    let mut file = b"BM".to_vec();
    file.extend([0, 0, 0, 0, 0, 0, 0, 0, 0x36, 4, 0, 0, 40, 0, 0, 0]);
    file.extend([side.to_le_bytes(), side.to_le_bytes()].as_flattened());
    // 8 bits, run-length encoded
    file.extend([1, 0, 8, 0, 1, 0, 0, 0]);
    file.extend([0; 20]);
    file.extend([0; 1024]);
    file.extend([255, 1].repeat(100_000));
    file.extend([0, 1]);
    file
}

fn ico(picture: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 32, 0];
    file.extend((picture.len() as u32).to_le_bytes());
    file.extend(22_u32.to_le_bytes());
    file.extend(picture);
    file
}

fn qoi(side: u32) -> Vec<u8> {
    let mut file = b"qoif".to_vec();
    file.extend([side.to_be_bytes(), side.to_be_bytes()].as_flattened());
    file.extend([4, 0]);
    file.extend([0xfd].repeat((side as usize).pow(2) / 62 + 1));
    file.extend([0, 0, 0, 0, 0, 0, 0, 1]);
    file
}

fn pnm(side: usize) -> Vec<u8> {
    let head = format!("P4 {side} {side}\n");
    [head.as_bytes(), &vec![0xa5; side.div_ceil(8) * side]].concat()
}
