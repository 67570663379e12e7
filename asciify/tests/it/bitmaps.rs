//! BMPs and icons of every kind, against PNGs of the same pixels.

use std::io::Cursor;

use asciify::{Error, Grid, Limits, probe};
use image::{DynamicImage, RgbImage, RgbaImage};

use testkit::pictures::{drawn, png};

const SPEC: &str = "width=5&height=2&fit=stretch&symbols=chars:%23&color=full&alpha=dark";

/// The pixels of two rows of five, which all kinds can hold. Rows of five are padded.
const PALETTE: [[u8; 3]; 4] = [[0, 0, 0], [255, 0, 0], [0, 255, 0], [255, 255, 255]];
const INDICES: [[u8; 5]; 2] = [[1, 1, 2, 3, 0], [3, 0, 1, 2, 2]];

fn grid(file: &[u8]) -> Grid {
    drawn(file, SPEC).unwrap_or_else(|err| panic!("{err}: {}", file.escape_ascii()))
}

fn wanted() -> Grid {
    let pixels = INDICES.as_flattened().iter().flat_map(|it| PALETTE[usize::from(*it)]);
    let picture = RgbImage::from_raw(5, 2, pixels.collect()).expect("ten pixels");
    grid(&png(&picture.into()))
}

/// A header of so many bytes, with the fields of BITMAPINFOHEADER. A negative height is from the top.
fn header(size: u32, height: i32, bit_count: u16, compression: u32, masks: &[u32]) -> Vec<u8> {
    let mut header = size.to_le_bytes().to_vec();
    header.extend(5_i32.to_le_bytes());
    header.extend(height.to_le_bytes());
    header.extend(1_u16.to_le_bytes());
    header.extend(bit_count.to_le_bytes());
    header.extend(compression.to_le_bytes());
    header.extend([0; 20]);
    masks.iter().for_each(|mask| header.extend(mask.to_le_bytes()));
    header.resize(header.len().max(size as usize), 0);
    header
}

/// A file of a header with its palette, and pixels.
fn bmp(header: &[u8], pixels: &[u8]) -> Vec<u8> {
    let start = 14 + header.len() as u32;
    let length = start + pixels.len() as u32;
    [b"BM", &length.to_le_bytes()[..], &[0; 4], &start.to_le_bytes(), header, pixels].concat()
}

/// Stored rows, from the bottom, padded to four bytes.
fn rows(row: impl Fn([u8; 5]) -> Vec<u8>) -> Vec<u8> {
    let padded = |indices| {
        let mut row = row(indices);
        row.resize(row.len().next_multiple_of(4), 0);
        row
    };
    [padded(INDICES[1]), padded(INDICES[0])].concat()
}

fn colors(bytes: usize) -> Vec<u8> {
    PALETTE.iter().flat_map(|[r, g, b]| [*b, *g, *r, 0][..bytes].to_vec()).collect()
}

fn bgr(index: u8) -> [u8; 3] {
    let [r, g, b] = PALETTE[usize::from(index)];
    [b, g, r]
}

fn of_24_bits() -> Vec<u8> {
    rows(|row| row.map(bgr).concat())
}

/// Words of pixels by the number of bits of red, green and blue, from the lowest.
fn words(bits: [u32; 3], bytes: usize) -> Vec<u8> {
    rows(|row| {
        let word = |index: u8| {
            let mut shift = 0;
            let fields = bgr(index).into_iter().zip(bits).map(|(level, bits)| {
                let field = (u32::from(level) >> (8 - bits)) << shift;
                shift += bits;
                field
            });
            fields.sum::<u32>().to_le_bytes()[..bytes].to_vec()
        };
        row.map(word).concat()
    })
}

#[test]
fn every_kind_of_bmp_is_drawn() {
    let mut palette = header(40, 2, 8, 0, &[]);
    palette.extend(colors(4));
    palette[32] = 4; // colours used
    let indexed = |bits: u16, compression: u32, height: i32| {
        let mut header = header(40, height, bits, compression, &[]);
        header[32] = 4;
        header.extend(colors(4));
        header
    };
    let core = {
        let mut core = b"\x0c\0\0\0\x05\0\x02\0\x01\0\x04\0".to_vec();
        core.extend(colors(3));
        core.resize(core.len() + 36, 0); // sixteen colours
        core
    };
    let packed = |row: [u8; 5]| vec![row[0] << 4 | row[1], row[2] << 4 | row[3], row[4] << 4];
    let pairs = |row: [u8; 5]| vec![row[0] << 6 | row[1] << 4 | row[2] << 2 | row[3], row[4] << 6];
    let mut no_planes = header(40, 2, 24, 0, &[]);
    no_planes[12..14].fill(0);
    let top_down = [of_24_bits()[16..].to_vec(), of_24_bits()[..16].to_vec()].concat();
    let short_os2 = header(40, 2, 24, 0, &[])[..16].to_vec();
    let short_os2 = [&[16_u8, 0, 0, 0][..], &short_os2[4..]].concat();
    let rle8 = b"\0\x05\x03\0\x01\x02\x02\0\0\0\x02\x01\x01\x02\x01\x03\x01\0\0\x01";
    let rle4 = b"\0\x05\x30\x12\x20\0\0\0\x02\x11\x02\x23\x01\0\0\x01";
    let rle24: Vec<u8> = INDICES
        .iter()
        .rev()
        .flat_map(|row| row.iter().flat_map(|it| [&[1][..], &bgr(*it)].concat()).chain([0, 0]))
        .chain([0, 1])
        .collect();
    let files = [
        ("24 bits", bmp(&header(40, 2, 24, 0, &[]), &of_24_bits())),
        ("planes of 0", bmp(&no_planes, &of_24_bits())),
        ("top-down", bmp(&header(40, -2, 24, 0, &[]), &top_down)),
        ("OS/2 2", bmp(&header(64, 2, 24, 0, &[]), &of_24_bits())),
        ("OS/2 2, short", bmp(&short_os2, &of_24_bits())),
        ("OS/2 1, 4 bits", bmp(&core, &rows(packed))),
        ("2 bits", bmp(&indexed(2, 0, 2), &rows(pairs))),
        ("4 bits", bmp(&indexed(4, 0, 2), &rows(packed))),
        ("8 bits", bmp(&palette, &rows(|row| row.to_vec()))),
        ("8 bits in runs", bmp(&indexed(8, 1, 2), rle8)),
        ("4 bits in runs", bmp(&indexed(4, 2, 2), rle4)),
        ("24 bits in runs", bmp(&header(64, 2, 24, 4, &[]), &rle24)),
        ("555", bmp(&header(40, 2, 16, 0, &[]), &words([5, 5, 5], 2))),
        ("565", bmp(&header(40, 2, 16, 3, &[0xf800, 0x7e0, 0x1f]), &words([5, 6, 5], 2))),
        ("565 in V4", bmp(&header(108, 2, 16, 3, &[0xf800, 0x7e0, 0x1f, 0]), &words([5, 6, 5], 2))),
        ("32 bits", bmp(&header(40, 2, 32, 0, &[]), &words([8, 8, 8], 4))),
        (
            "32 bits of masks",
            bmp(&header(40, 2, 32, 3, &[0xff_0000, 0xff00, 0xff]), &words([8, 8, 8], 4)),
        ),
        ("V5 without alpha", bmp(&header(124, 2, 32, 0, &[]), &words([8, 8, 8], 4))),
        // the alpha of all pixels is 0: such a picture is opaque
        (
            "V4 with empty alpha",
            bmp(&header(108, 2, 32, 0, &[0, 0, 0, 0xff00_0000]), &words([8, 8, 8], 4)),
        ),
    ];
    for (kind, file) in &files {
        assert_eq!(grid(file), wanted(), "{kind}");
    }
    // the padding of the last row may be missing
    let (_, file) = &files[0];
    assert_eq!(grid(&file[..file.len() - 1]), wanted());
    let err = drawn(&file[..file.len() - 2], SPEC).expect_err("a pixel is missing");
    assert!(matches!(err, Error::Malformed(_)), "{err:?}");
    let (_, runs) = &files[9];
    assert!(drawn(&runs[..runs.len() - 8], SPEC).is_err(), "a row is missing");
}

/// The pixels of [`INDICES`], of which those of index 0 are transparent.
fn wanted_clear() -> Grid {
    let pixels = INDICES.as_flattened().iter().flat_map(|it| {
        let [r, g, b] = PALETTE[usize::from(*it)];
        [r, g, b, if *it == 0 { 0 } else { 255 }]
    });
    let picture = RgbaImage::from_raw(5, 2, pixels.collect()).expect("ten pixels");
    drawn(&png(&DynamicImage::from(picture)), "width=5&height=2&fit=stretch&alpha=light&color=full")
        .expect("a PNG")
}

fn words_with_alpha() -> Vec<u8> {
    rows(|row| row.map(|it| [&bgr(it)[..], &[if it == 0 { 0 } else { 255 }]].concat()).concat())
}

#[test]
fn alpha_of_a_bmp_is_obeyed() {
    const LIGHT: &str = "width=5&height=2&fit=stretch&alpha=light&color=full";
    let masks = [0xff_0000, 0xff00, 0xff, 0xff00_0000];
    for (size, compression) in [(108, 0), (108, 3), (124, 3), (56, 3), (40, 6)] {
        let file = bmp(&header(size, 2, 32, compression, &masks), &words_with_alpha());
        assert_eq!(drawn(&file, LIGHT).expect("a BMP"), wanted_clear(), "{size}, {compression}");
        assert_eq!(probe(Cursor::new(&file), &Limits::default()).expect("a header").bands, 4);
    }
    // BITMAPINFOHEADER has no alpha
    let opaque = bmp(&header(40, 2, 32, 0, &[]), &words_with_alpha());
    assert_eq!(grid(&opaque), wanted());
}

/// An icon of one bitmap, whose entry says that it has so many bits.
fn ico(stated_bits: u8, header: &[u8], pixels: &[u8], mask: &[u8]) -> Vec<u8> {
    let image = [header, pixels, mask].concat();
    let mut file = b"\0\0\x01\0\x01\0\x05\x02\0\0\x01\0".to_vec();
    file.extend([stated_bits, 0]);
    file.extend((image.len() as u32).to_le_bytes());
    file.extend(22_u32.to_le_bytes());
    [file, image].concat()
}

#[test]
fn icons_have_alpha_or_a_mask() {
    const LIGHT: &str = "width=5&height=2&fit=stretch&alpha=light&color=full";
    // a bit hides a pixel: those of index 0
    let mask = [0b0100_0000, 0, 0, 0, 0b0000_1000, 0, 0, 0];
    let hides_all = [0xff; 8];
    let of_32 = header(40, 4, 32, 0, &[]);
    let mut of_8 = header(40, 4, 8, 0, &[]);
    of_8[32] = 4;
    of_8.extend(colors(4));
    let files = [
        ("alpha", ico(32, &of_32, &words_with_alpha(), &mask)),
        ("alpha and no mask", ico(32, &of_32, &words_with_alpha(), &[])),
        ("alpha and a mask that hides all", ico(32, &of_32, &words_with_alpha(), &hides_all)),
        ("alpha where the entry says 8 bits", ico(8, &of_32, &words_with_alpha(), &hides_all)),
        ("empty alpha and a mask", ico(32, &of_32, &words([8, 8, 8], 4), &mask)),
        ("24 bits", ico(24, &header(40, 4, 24, 0, &[]), &of_24_bits(), &mask)),
        ("16 bits", ico(16, &header(40, 4, 16, 0, &[]), &words([5, 5, 5], 2), &mask)),
        ("8 bits", ico(8, &of_8, &rows(|row| row.to_vec()), &mask)),
    ];
    for (kind, file) in files {
        assert_eq!(drawn(&file, LIGHT).expect(kind), wanted_clear(), "{kind}");
    }
    let opaque = ico(24, &header(40, 4, 24, 0, &[]), &of_24_bits(), &[]);
    assert_eq!(grid(&opaque), wanted());
}
