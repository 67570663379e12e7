//! Small files of every format, in all variants that the encoders of the dev-dependencies can write.

use std::fs;
use std::io::Write;
use std::path::Path;

use asciify::formats;
use flate2::{Compression, Crc, write::ZlibEncoder};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use tiff::encoder::colortype::{Gray16, Gray32Float, Gray64, GrayI16, RGB32Float};
use tiff::encoder::{Predictor, TiffEncoder};

use crate::heifs::{coded, tiled, turned};
use crate::instruments::{JPEG_STRIP, RawIfd, SENSOR_DATA, fits, fits_extension, pds3, raw, vicar};
use crate::jp2s::{color_space, jp2, palette, profile};
use crate::pictures::{alpha, apng, app1, encoded, exif, gif, lopsided, named, one_pixel, riff};
use crate::samples::{bytes, foreign, lossy_webps, rare_jpegs};
use crate::tiffs::{SIDES, by_hand, packed, page, tiff, values};

/// All files, with names that describe them.
pub fn files() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for format in formats() {
        for (what, picture) in [("opaque", lopsided()), ("clear", alpha()), ("dot", one_pixel())] {
            files.push((format!("{format} {what}"), encoded(&picture, format)));
        }
    }
    files.extend([("GIF animated".into(), gif()), ("PNG animated".into(), apng())]);
    files.extend(pngs().chain(jpegs()).chain(webps()).chain(tiffs()).chain(plain()));
    files.extend(heifs().chain(jxls()).chain(jp2s()).chain(compressed_tiffs()));
    files.extend(instruments());
    files
}

/// FITS, VICAR, PDS3 and camera raws of every kind.
pub fn instruments() -> Vec<(String, Vec<u8>)> {
    let numbers = |bytes: usize| values(|it| it as u8).repeat(bytes);
    let axes = [SIDES.0, SIDES.1];
    let mut files = Vec::new();
    for (bitpix, bytes) in [(8, 1), (16, 2), (32, 4), (64, 8), (-32, 4), (-64, 8)] {
        let cards = [("BSCALE", "0.5"), ("BZERO", "32768"), ("BLANK", "7")];
        files.push((format!("FITS {bitpix}"), fits(bitpix, &axes, &cards, &numbers(bytes))));
    }
    files.push(("FITS cube".to_owned(), fits(8, &[60, 5, 2, 2], &[], &numbers(1))));
    let image = fits_extension(16, &axes, &[], &numbers(2));
    files.push(("FITS extension".to_owned(), [fits(8, &[], &[], &[]), image].concat()));
    for kind in ["rice", "rice-tiles", "gzip-1", "gzip-2", "dither-1", "dither-2", "lossless"] {
        files.push((format!("FITS {kind}"), foreign(&format!("astropy-{kind}.fits"))));
    }
    for items in [
        "FORMAT='BYTE' ORG='BSQ' NL=10 NS=60 NB=2 NBB=2 NLB=1",
        "FORMAT='HALF' ORG='BIL' NL=10 NS=20 NB=3 INTFMT='HIGH' EOL=1",
        "FORMAT='REAL' ORG='BIP' NL=10 NS=9 NB=3 NBB=1 REALFMT='RIEEE'",
        "FORMAT='DOUB' NL=10 NS=9",
        "FORMAT='COMP' NL=10 NS=9 REALFMT='IEEE'",
    ] {
        files.push((format!("VICAR {items}"), vicar(items, &numbers(2))));
    }
    for statements in [
        "LINES = 20; LINE_SAMPLES = 30; SAMPLE_TYPE = LSB_INTEGER; SAMPLE_BITS = 16; NULL = 16#0505#",
        "LINES = 9; LINE_SAMPLES = 9; SAMPLE_TYPE = PC_REAL; SAMPLE_BITS = 32; SCALING_FACTOR = 2.5",
        "LINES = 9; LINE_SAMPLES = 9; SAMPLE_TYPE = VAX_REAL; SAMPLE_BITS = 32; OFFSET = 1 <K>",
        "LINES = 9; LINE_SAMPLES = 9; SAMPLE_TYPE = UNSIGNED_INTEGER; SAMPLE_BITS = 8; BANDS = 3; \
         BAND_STORAGE_TYPE = LINE_INTERLEAVED; LINE_PREFIX_BYTES = 3; MISSING_CONSTANT = (1, 2)",
    ] {
        files.push((format!("PDS3 {statements}"), pds3(statements, &numbers(1))));
    }
    let (small, large) =
        (jpeg((20, 17), ColorType::Rgb, |_| {}), jpeg(SIDES, ColorType::Luma, |_| {}));
    let plain = |tags, strip| RawIfd { tags, strip, sub_ifds: Vec::new() };
    let main = [&SENSOR_DATA[..], &[(271, 65), (274, 6)]].concat();
    let sub_ifds = vec![plain(&JPEG_STRIP[..], &small[..]), plain(&JPEG_STRIP, &large)];
    let nested = RawIfd { tags: &main, strip: &[3; 128], sub_ifds };
    files.push(("camera raw of SubIFDs".to_owned(), raw(&[nested])));
    let mut rw2 = raw(&[plain(&JPEG_STRIP, &small), plain(&main, &[3; 128])]);
    rw2[2] = 0x55;
    files.push(("camera raw of a chain, RW2".to_owned(), rw2));
    let header = [&b"FUJIFILMCCD-RAW 0201"[..], &[0; 64]].concat();
    let place = [92, small.len() as u32].map(u32::to_be_bytes).concat();
    files.push(("camera raw RAF".to_owned(), [header, place, small].concat()));
    files
}

/// PNGs of every colour type and bit depth, with and without interlace.
fn pngs() -> impl Iterator<Item = (String, Vec<u8>)> {
    let kinds: [(u8, &[u8]); 5] =
        [(0, &[1, 2, 4, 8, 16]), (2, &[8, 16]), (3, &[1, 2, 4, 8]), (4, &[8, 16]), (6, &[8, 16])];
    let each =
        kinds.into_iter().flat_map(|(kind, depths)| depths.iter().map(move |it| (kind, *it)));
    each.flat_map(|(kind, depth)| [false, true].map(|interlaced| (kind, depth, interlaced))).map(
        |(kind, depth, interlaced)| {
            let name = format!("PNG of kind {kind}, {depth} bits, interlaced {interlaced}");
            (name, png_of(kind, depth, interlaced))
        },
    )
}

fn png_of(kind: u8, depth: u8, interlaced: bool) -> Vec<u8> {
    const SIDE: usize = 9;
    const WHOLE: [[usize; 4]; 1] = [[0, 0, 1, 1]];
    // first column and row, and the steps to the next: PNG third edition, 8.1
    const ADAM7: [[usize; 4]; 7] = [
        [0, 0, 8, 8],
        [4, 0, 8, 8],
        [0, 4, 4, 8],
        [2, 0, 4, 4],
        [0, 2, 2, 4],
        [1, 0, 2, 2],
        [0, 1, 1, 2],
    ];
    let values = match kind {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };
    let mut data = Vec::new();
    for [left, top, across, down] in if interlaced { &ADAM7[..] } else { &WHOLE } {
        let columns = (SIDE - left).div_ceil(*across);
        for row in 0..(SIDE - top).div_ceil(*down) {
            data.push((row % 5) as u8);
            let bytes = (columns * values * usize::from(depth)).div_ceil(8);
            data.extend((0..bytes).map(|at| (row * 31 + at * 7) as u8));
        }
    }
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let sides = [0, 0, 0, SIDE as u8, 0, 0, 0, SIDE as u8];
    chunk(&mut file, b"IHDR", &[&sides[..], &[depth, kind, 0, 0, interlaced.into()]].concat());
    chunk(&mut file, b"gAMA", &45_455_u32.to_be_bytes());
    chunk(&mut file, b"eXIf", &exif(6));
    match kind {
        0 => chunk(&mut file, b"tRNS", &[0, 1]),
        2 => chunk(&mut file, b"tRNS", &[0, 1, 0, 2, 0, 3]),
        3 => {
            let colours: Vec<u8> = (0..3 << depth).map(|it| (it * 5) as u8).collect();
            chunk(&mut file, b"PLTE", &colours);
            chunk(&mut file, b"tRNS", &[0, 128]);
        }
        _ => {}
    }
    chunk(&mut file, b"IDAT", &deflated(&data));
    chunk(&mut file, b"IEND", &[]);
    file
}

/// Appends a PNG chunk.
pub(crate) fn chunk(file: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    file.extend(name);
    file.extend(data);
    file.extend(checksum(&[name, data].concat()));
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_be_bytes()
}

/// The same file with correct checksums of PNG chunks, so that a decoder does not stop at them.
pub fn with_checksums(mut file: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while file.starts_with(b"\x89PNG") && at + 12 <= file.len() {
        let length = u32::from_be_bytes(file[at..at + 4].try_into().expect("four bytes"));
        let end = at + 8 + length as usize;
        if end + 4 > file.len() {
            break;
        }
        let sum = checksum(&file[at + 4..end]);
        file[end..end + 4].copy_from_slice(&sum);
        at = end + 4;
    }
    file
}

/// A zlib stream.
pub(crate) fn deflated(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).expect("it is in memory");
    encoder.finish().expect("it is in memory")
}

fn jpeg(sides: (u32, u32), kind: ColorType, set: impl Fn(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let values = match kind {
        ColorType::Luma => 1,
        ColorType::Rgb => 3,
        _ => 4,
    };
    let bytes = (sides.0 * sides.1 * values) as usize;
    let data: Vec<u8> = (0..bytes).map(|at| (at * 7 / 5) as u8).collect();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 60);
    set(&mut encoder);
    encoder.encode(&data, sides.0 as u16, sides.1 as u16, kind).expect("it is small");
    file
}

fn jpegs() -> impl Iterator<Item = (String, Vec<u8>)> {
    use SamplingFactor::{F_1_1, F_1_2, F_2_1, F_2_2, F_4_2};
    let samplings = [F_1_1, F_2_1, F_1_2, F_2_2, F_4_2].into_iter();
    let sampled = samplings.flat_map(|sampling| {
        [(false, 0), (false, 3), (true, 0)].map(|(progressive, restart)| {
            let file = jpeg((50, 34), ColorType::Rgb, |encoder| {
                encoder.set_sampling_factor(sampling);
                encoder.set_progressive(progressive);
                encoder.set_restart_interval(restart);
            });
            (format!("JPEG {sampling:?}, progressive {progressive}, restart {restart}"), file)
        })
    });
    let kinds = [ColorType::Luma, ColorType::Cmyk, ColorType::CmykAsYcck].into_iter();
    let kinds = kinds.map(|kind| (format!("JPEG {kind:?}"), jpeg((20, 17), kind, |_| {})));
    // read at an eighth of its size for a few columns
    let large = jpeg((240, 160), ColorType::Rgb, |_| {});
    let turned = [&large[..2], &app1(6), &large[2..]].concat();
    let others = [("JPEG large".to_owned(), large), ("JPEG turned".to_owned(), turned)];
    let rare = rare_jpegs::ALL.into_iter().enumerate();
    let rare = rare.map(|(nth, hex)| (format!("JPEG rare {nth}"), bytes(hex)));
    sampled.chain(kinds).chain(others).chain(rare)
}

fn webps() -> impl Iterator<Item = (String, Vec<u8>)> {
    let lossy = lossy_webps::ALL.into_iter().enumerate();
    let lossy = lossy.map(|(nth, hex)| (format!("WebP lossy {nth}"), bytes(hex)));
    let header = |flags: u8, width: u8, height: u8| {
        riff(b"VP8X", &[flags, 0, 0, 0, width - 1, 0, 0, height - 1, 0, 0])
    };
    let body = |file: &[u8]| file[12..].to_vec();
    // a byte for the compression method (none), then the alpha of each pixel
    let opacity: Vec<u8> = [0].into_iter().chain((0..40 * 24).map(|it| it as u8)).collect();
    let clear = [header(0x10, 40, 24), riff(b"ALPH", &opacity), body(&bytes(lossy_webps::PLAIN))];
    let turned =
        [header(8, 48, 32), body(&encoded(&lopsided(), named("WebP"))), riff(b"EXIF", &exif(8))];
    let frame = |left: u8| {
        // position halved, sides less one, duration: RFC 9649, 2.7.1.1
        let place = [left, 0, 0, 0, 0, 0, 15, 0, 0, 31, 0, 0, 100, 0, 0, 0];
        riff(b"ANMF", &[&place[..], &body(&encoded(&alpha(), named("WebP")))].concat())
    };
    let animated = [header(0x12, 48, 32), riff(b"ANIM", &[0; 6]), frame(0), frame(8), frame(16)];
    let extended =
        [("clear", clear.concat()), ("turned", turned.concat()), ("animated", animated.concat())];
    let extended = extended.map(|(what, chunks)| {
        (format!("WebP {what}"), riff(b"RIFF", &[b"WEBP", &chunks[..]].concat()))
    });
    lossy.chain(extended)
}

/// HEIF files of every chroma format, depth and structure.
fn heifs() -> impl Iterator<Item = (String, Vec<u8>)> {
    let kinds = ["10-bits", "12-bits", "420", "422", "444", "clear", "grey", "lossless", "tile"];
    let heic = kinds.map(|kind| (format!("HEIC {kind}"), foreign(&format!("libheif-{kind}.heic"))));
    let kinds = kinds.into_iter().chain(["grain", "limited", "premultiplied", "sequence"]);
    let avif = kinds.map(|kind| (format!("AVIF {kind}"), foreign(&format!("libavif-{kind}.avif"))));
    let files = [("HEIC", b"heic", "libheif-tile.heic"), ("AVIF", b"avif", "libavif-tile.avif")];
    let made = files.into_iter().flat_map(|(name, brand, file)| {
        let tile = coded(&foreign(file));
        [
            (format!("{name} grid"), tiled(brand, &tile, 2, 3)),
            (format!("{name} turned"), turned(brand, &tile)),
        ]
    });
    heic.into_iter().chain(avif).chain(made)
}

/// JPEG XL files of every kind of coding and channels.
fn jxls() -> impl Iterator<Item = (String, Vec<u8>)> {
    let kinds = [
        "16-bits",
        "animation",
        "container",
        "float",
        "jpeg",
        "lossless",
        "lossless-clear",
        "lossless-grey",
        "lossy",
        "modular",
        "orientation-6",
        "progressive",
    ];
    let file = |kind: &str| (format!("JPEG XL {kind}"), foreign(&format!("libjxl-{kind}.jxl")));
    kinds.into_iter().map(file)
}

/// JPEG 2000 of every progression, with subsampled, signed and deep samples, in and without boxes.
fn jp2s() -> impl Iterator<Item = (String, Vec<u8>)> {
    let names = [
        "16-bits.j2k",
        "420.j2k",
        "alpha.j2k",
        "bands.j2k",
        "grey.j2k",
        "layers.j2k",
        "lossless.jp2",
        "lossy.jp2",
        "offset.j2k",
        "signed.j2k",
    ];
    let file = |name: &str| foreign(&format!("openjpeg-{name}"));
    let colors: Vec<[u8; 3]> = (0..=255).map(|it| [it, 255 - it, 90]).collect();
    let [palette, mapping] = palette(&colors);
    let boxed = [
        ("palette", jp2(&[color_space(16), palette, mapping], &file("grey.j2k"))),
        ("sYCC", jp2(&[color_space(18)], &file("420.j2k"))),
        ("CMYK", jp2(&[color_space(12)], &file("alpha.j2k"))),
        ("L*a*b*", jp2(&[color_space(14)], &file("layers.j2k"))),
        ("profile", jp2(&[profile(&[b'G'; 128])], &file("grey.j2k"))),
    ];
    let alone = names.into_iter().map(move |name| (name, file(name)));
    alone.chain(boxed).map(|(what, file)| (format!("JPEG 2000 {what}"), file))
}

/// TIFFs in compressions that no dev-dependency can write.
fn compressed_tiffs() -> impl Iterator<Item = (String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../asciify/tests/data/tiff");
    let entries = fs::read_dir(folder).expect("a folder of the repository");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "tif"));
    paths.sort();
    paths.into_iter().map(|path| {
        let name = path.file_stem().and_then(|it| it.to_str()).expect("a name").to_owned();
        (format!("TIFF {name}"), fs::read(path).expect("a file"))
    })
}

fn tiffs() -> impl Iterator<Item = (String, Vec<u8>)> {
    let (plain, rising) = (Predictor::None, values(|it| it as u8 * 4));
    let mut files = vec![
        ("differences", tiff::<Gray16>(&values(|it| it as u16), Predictor::Horizontal, None)),
        ("no data", tiff::<GrayI16>(&values(|it| it as i16), plain, Some("20"))),
        ("floats", tiff::<Gray32Float>(&values(|it| it as f32), plain, None)),
        ("wide", tiff::<Gray64>(&values(|it| it as u64), plain, None)),
        ("float colours", tiff::<RGB32Float>(&values(|it| [it as f32; 3]).concat(), plain, None)),
    ];
    let mut big = std::io::Cursor::new(Vec::new());
    let encoder = TiffEncoder::new_big(&mut big).expect("it is in memory");
    { encoder }
        .write_image::<Gray16>(SIDES.0, SIDES.1, &values(|it| it as u16))
        .expect("it is in memory");
    files.push(("BigTIFF", big.into_inner()));

    let mut one = |what, bits: &[u32], others: &[(u16, &[u32])], data: &[u8]| {
        files.push((what, by_hand(&[(&page(bits, others), data)])));
    };
    for (what, bits) in [("1 bit", 1), ("7 bits", 7), ("12 bits", 12), ("63 bits", 63)] {
        one(what, &[bits], &[], &packed(bits, u64::from));
    }
    one("complex", &[32], &[(339, &[5])], &values(|it| [it as u8; 4]).concat());
    one("inks", &[8; 4], &[(277, &[4]), (262, &[5])], &values(|it| [it as u8; 4]).concat());
    let table: Vec<u32> = (0..768).map(|it| it * 85).collect();
    one("palette", &[8], &[(262, &[3]), (320, &table)], &rising);
    one("runs", &[8], &[(259, &[32_773])], &[&[59][..], &rising[..60]].concat().repeat(20));
    one("deflated", &[8], &[(259, &[8]), (317, &[2])], &deflated(&rising));
    let photo = jpeg(SIDES, ColorType::Rgb, |_| {});
    one("JPEG inside", &[8; 3], &[(277, &[3]), (262, &[6]), (259, &[7])], &photo);
    for (what, kind) in [("fax of group 3", 3), ("fax of group 4", 4)] {
        one(what, &[1], &[(259, &[kind])], &[0b1010_1100; 60]);
    }
    let unit = [10, 20, 30, 40, 128, 100].repeat(30 * 10);
    one("shared chroma", &[8; 3], &[(277, &[3]), (262, &[6]), (530, &[2, 2])], &unit);
    let tiles: [(u16, &[u32]); 4] =
        [(322, &[32]), (323, &[32]), (324, &[8, 1032]), (325, &[1024, 1024])];
    one("tiles", &[8], &tiles, &rising.repeat(2));
    let planes = [(277, &[3][..]), (262, &[2]), (284, &[2]), (278, &[20])];
    let tags = page(&[8; 3], &planes);
    let places = [8, 8 + 1200, 8 + 2400];
    let tiled: [(u16, &[u32]); 4] = [(322, &[60]), (323, &[20]), (324, &places), (325, &[1200; 3])];
    let tags: Vec<(u16, &[u32])> = tags.into_iter().chain(tiled).collect();
    files.push(("planes", by_hand(&[(&tags, &rising.repeat(3))])));
    let (whole, mask) = (page(&[8], &[]), page(&[1], &[(254, &[4]), (262, &[4])]));
    let copy = page(&[8], &[(254, &[1]), (256, &[30]), (257, &[10])]);
    files.push(("masked", by_hand(&[(&whole, &rising), (&mask, &packed(1, u64::from))])));
    let pages: [(&crate::tiffs::Tags<'_>, &[u8]); 3] =
        [(&whole, &rising), (&copy, &rising[..300]), (&whole, &rising)];
    files.push(("pages", by_hand(&pages)));
    files.into_iter().map(|(what, file)| (format!("TIFF {what}"), file))
}

/// Formats with simple containers.
fn plain() -> impl Iterator<Item = (String, Vec<u8>)> {
    let texts = [
        ("PNM P1", &b"P1 # bits\n4 2 1010 0101"[..]),
        ("PNM P2", b"P2 4 1 255  0 80 160 255"),
        ("PNM P3", b"P3 2 1 31  0 8 31  31 8 0"),
        ("PNM P4", b"P4 12 2\n\xaa\xa0\x55\x50"),
        ("PNM P5", b"P5 2 2 65535\n\x00\x00\x40\x00\x80\x00\xff\xff"),
        ("PNM P6", b"P6 2 1 255\n\x00\x80\xff\xff\x80\x00"),
        ("PNM P7", b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n\x00\x80\xff\xff\xff\x80\x00\x10"),
    ];
    let texts = texts.map(|(what, file)| (what.to_owned(), file.to_vec()));
    let runs = [4, 1, 4, 2, 0, 0, 0, 3, 1, 2, 3, 0, 1, 3, 0, 1];
    let bitmaps = [
        ("BMP of 1 bit", bitmap(dib(8, 2, 1, 0, 2, &[0xaa, 0, 0, 0, 0x55, 0, 0, 0]))),
        ("BMP of 4 bits", bitmap(dib(8, 1, 4, 0, 16, &[0x01, 0x23, 0x45, 0x67]))),
        ("BMP of 16 bits", bitmap(dib(2, 1, 16, 0, 0, &[0x12, 0x34, 0x56, 0x78]))),
        ("BMP of runs", bitmap(dib(4, 2, 8, 1, 4, &runs))),
    ];
    let bitmaps = bitmaps.map(|(what, file)| (what.to_owned(), file));
    // the mask doubles the height
    let inside = [dib(4, 8, 32, 0, 0, &[0x80; 64]), vec![0; 16]].concat();
    let mut icon = b"\0\0\x01\0\x01\0\x04\x04\0\0\x01\0\x20\0".to_vec();
    icon.extend((inside.len() as u32).to_le_bytes());
    icon.extend(22_u32.to_le_bytes());
    icon.extend(inside);
    texts.into_iter().chain(bitmaps).chain([("ICO of a bitmap".to_owned(), icon)])
}

/// A bitmap with the header of Windows 3, its palette and its pixels.
fn dib(width: u32, height: u32, bits: u16, kind: u32, colours: u32, data: &[u8]) -> Vec<u8> {
    let mut dib = [40, width, height].map(u32::to_le_bytes).concat();
    dib.extend([1, bits].map(u16::to_le_bytes).concat());
    let rest = [kind, data.len() as u32, 0, 0, colours, 0];
    dib.extend(rest.map(u32::to_le_bytes).concat());
    dib.extend((0..colours).flat_map(|it| (it * 0x0011_1111).to_le_bytes()));
    dib.extend(data);
    dib
}

fn bitmap(dib: Vec<u8>) -> Vec<u8> {
    let colours = u32::from(dib[32]);
    let place = [14 + dib.len() as u32, 0, 54 + 4 * colours];
    [b"BM", &place.map(u32::to_le_bytes).concat()[..], &dib].concat()
}
